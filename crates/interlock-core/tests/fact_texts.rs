//! Where an action carries SQL and shell text.

use interlock_core::facts::FactInput;
use interlock_core::facts::shell::ShellFacts;
use interlock_core::facts::sql::SqlFacts;
use interlock_core::model::{Action, Principal, UnixNanos};
use interlock_core::program::Classification;

/// What is found in an action: SQL kinds and tables, shell commands; `-` where a group is absent and
/// `?` where it does not parse.
fn found(json: &str) -> String {
    let action = Action::from_json(json.as_bytes()).unwrap();
    let input = FactInput {
        action: &action,
        principal: &Principal::local(),
        classes: &Classification::default(),
        now: UnixNanos::default(),
    };
    let sql = SqlFacts::compute(input);
    let shell = ShellFacts::compute(input);
    let one = |present, parsed, text: String| match (present, parsed) {
        (false, _) => "-".to_owned(),
        (true, false) => "?".to_owned(),
        (true, true) => text,
    };
    format!(
        "{} / {}",
        one(
            sql.present,
            sql.parsed,
            format!("{} {}", sql.kinds.join(","), sql.tables.join(","))
        ),
        one(shell.present, shell.parsed, shell.commands.join(","))
    )
}

fn check(json: &str, wanted: &str) {
    let json = json.replacen('{', "{\"agent_id\":\"a\",", 1);
    assert_eq!(found(&json), wanted, "{json}");
}

#[test]
fn sql_is_found_where_it_may_stand() {
    for (json, wanted) in [
        // By action type: the usual argument names, then the payload, then the resource.
        (
            r#"{"action_type":"database_write","arguments":{"sql":"DELETE FROM t"}}"#,
            "delete t / -",
        ),
        (
            r#"{"action_type":"database_query","arguments":{"query":"select 1 from t"}}"#,
            "select t / -",
        ),
        (
            r#"{"action_type":"database_query","payload":{"statement":"select 1 from t"}}"#,
            "select t / -",
        ),
        (
            r#"{"action_type":"database_query","arguments":{"text":"select 1 from t"}}"#,
            "select t / -",
        ),
        (
            r#"{"action_type":"database_query","payload":"select 1 from t"}"#,
            "select t / -",
        ),
        (
            r#"{"action_type":"database_write","resource":"DROP TABLE t"}"#,
            "drop t / -",
        ),
        (
            r#"{"action_type":"database_query","arguments":{"params":{"sql":"select 1 from t"}}}"#,
            "select t / -",
        ),
        // A command to a database is SQL, not shell.
        (
            r#"{"action_type":"database_write","arguments":{"command":"DELETE FROM t"}}"#,
            "delete t / -",
        ),
        // By tool name and by argument name.
        (
            r#"{"action_type":"custom_x","tool":"mcp.postgres","arguments":{"q":"select 1 from t"}}"#,
            "select t / -",
        ),
        (
            r#"{"action_type":"api_call","arguments":{"sql":"DELETE FROM t"}}"#,
            "delete t / -",
        ),
        (
            r#"{"action_type":"api_call","arguments":{"query":" /* x */ DROP TABLE t"}}"#,
            "drop t / -",
        ),
        // Several texts are joined.
        (
            r#"{"action_type":"database_write","arguments":{"statements":["select 1 from a","delete from b"]}}"#,
            "delete,select a,b / -",
        ),
        (
            r#"{"action_type":"database_write","arguments":{"sql":"select 1 from a"},"payload":{"sql":"delete from b"}}"#,
            "delete,select a,b / -",
        ),
        // What a database is given and does not parse is not let off.
        (
            r#"{"action_type":"database_query","arguments":{"query":"who are our customers"}}"#,
            "? / -",
        ),
        (
            r#"{"action_type":"api_call","arguments":{"sql":"'"}}"#,
            "? / -",
        ),
        // Not SQL.
        (
            r#"{"action_type":"database_query","arguments":{"query":"{\"find\": \"customers\"}"}}"#,
            "- / -",
        ),
        (
            r#"{"action_type":"database_query","arguments":{"table":"customers"}}"#,
            "- / -",
        ),
        (
            r#"{"action_type":"database_query","resource":"postgres://prod/customers"}"#,
            "- / -",
        ),
        (
            r#"{"action_type":"api_call","arguments":{"query":"flights to Delhi"}}"#,
            "- / -",
        ),
        (
            r#"{"action_type":"api_call","arguments":{"query":"select the best hotel in town"}}"#,
            "- / -",
        ),
        (
            r#"{"action_type":"api_call","arguments":{"query":"update my address"}}"#,
            "- / -",
        ),
        (
            r#"{"action_type":"message_send","arguments":{"body":"DROP TABLE t"}}"#,
            "- / -",
        ),
    ] {
        check(json, wanted);
    }
}

#[test]
fn shell_is_found_where_it_may_stand() {
    for (json, wanted) in [
        (
            r#"{"action_type":"code_execution","arguments":{"command":"ls | wc -l"}}"#,
            "- / ls,wc",
        ),
        (
            r#"{"action_type":"process_spawn","arguments":{"cmd":"ls"}}"#,
            "- / ls",
        ),
        (
            r#"{"action_type":"process_spawn","arguments":{"argv":["rm","a;b"]}}"#,
            "- / rm",
        ),
        (
            r#"{"action_type":"process_spawn","arguments":{"command":["sh","-c","cat x; rm y"]}}"#,
            "- / cat,rm,sh",
        ),
        (
            r#"{"action_type":"process_spawn","arguments":{"command":"sh","args":["-c","rm y"]}}"#,
            "- / rm,sh",
        ),
        (
            r#"{"action_type":"process_spawn","arguments":["rm","x"]}"#,
            "- / rm",
        ),
        (
            r#"{"action_type":"custom_x","tool":"Bash","arguments":{"command":"rm x"}}"#,
            "- / rm",
        ),
        (
            r#"{"action_type":"custom_x","tool":"terminal","arguments":{"script":"rm x"}}"#,
            "- / rm",
        ),
        (
            r#"{"action_type":"api_call","arguments":{"command":"sudo rm -rf /x"}}"#,
            "- / rm",
        ),
        (
            r#"{"action_type":"code_execution","resource":"rm -rf /x"}"#,
            "- / rm",
        ),
        (
            r#"{"action_type":"code_execution","payload":{"command":"rm x"}}"#,
            "- / rm",
        ),
        (
            r#"{"action_type":"code_execution","arguments":{"language":"bash","code":"rm x"}}"#,
            "- / rm",
        ),
        (
            r#"{"action_type":"process_spawn","arguments":{"commands":["cd /x","rm y"]}}"#,
            "- / cd,rm",
        ),
        (
            r#"{"action_type":"code_execution","arguments":{"command":"echo 'open"}}"#,
            "- / ?",
        ),
        // Not shell.
        (
            r#"{"action_type":"code_execution","arguments":{"language":"python","code":"print('x')"}}"#,
            "- / -",
        ),
        (
            r#"{"action_type":"code_execution","arguments":{"code":"print('x')"}}"#,
            "- / -",
        ),
        (
            r#"{"action_type":"api_call","arguments":{"command":["start","engine"]}}"#,
            "- / -",
        ),
        (
            r#"{"action_type":"api_call","arguments":{"command":"remind 'em later"}}"#,
            "- / -",
        ),
        (
            r#"{"action_type":"file_read","resource":"/etc/passwd"}"#,
            "- / -",
        ),
    ] {
        check(json, wanted);
    }
}

#[test]
fn observed_rows_win() {
    let json = r#"{"agent_id":"a","action_type":"database_write","arguments":{"sql":"DELETE FROM t"},"observed":{"rows":12}}"#;
    let action = Action::from_json(json.as_bytes()).unwrap();
    let facts = SqlFacts::compute(FactInput {
        action: &action,
        principal: &Principal::local(),
        classes: &Classification::default(),
        now: UnixNanos::default(),
    });
    assert_eq!(facts.row_estimate, 12);
    assert!(facts.unbounded);
}
