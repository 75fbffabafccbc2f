//! Facts on text cases: true positives, benign look-alikes and known misses, each in its file.

use interlock_core::facts::path::normalise;
use interlock_core::facts::url::Url;
use interlock_core::facts::{FactId, FactInput, FactRef, Facts};
use interlock_core::model::{Action, Principal, Value};
use interlock_core::program::Classification;

/// Wednesday, 2026-11-18, 03:00 UTC.
const NOW: i64 = 1_794_970_800_000_000_000;

fn facts_of(action: &Action) -> Facts {
    Facts::compute(FactInput {
        action,
        principal: &Principal::local(),
        classes: &Classification::default(),
        now: NOW,
    })
}

fn cases(text: &'static str) -> Vec<Vec<&'static str>> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split(" |").map(str::trim).collect())
        .collect()
}

fn action(action_type: &str, key: &str, value: Value) -> Action {
    let mut arguments = interlock_core::model::Object::new();
    arguments.insert(key, value);
    let mut object = interlock_core::model::Object::new();
    object.insert("agent_id", Value::from("a"));
    object.insert("action_type", Value::from(action_type));
    object.insert("arguments", Value::Object(arguments));
    Action::from_value(Value::Object(object)).unwrap()
}

fn flags(all: &[(bool, &str)]) -> String {
    let set: Vec<&str> = all.iter().filter(|(on, _)| *on).map(|(_, n)| *n).collect();
    set.join(" ")
}

fn check(what: &str, failures: &mut Vec<String>, got: String, want: &str) {
    if got != want {
        failures.push(format!("{what}\n   got  {got}\n   want {want}"));
    }
}

fn finish(failures: &[String], count: usize, at_least: usize) {
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(count >= at_least, "only {count} cases were read");
}

#[test]
fn paths() {
    let cases = cases(include_str!("cases/facts/paths.txt"));
    let mut failures = Vec::new();
    for case in &cases {
        let [given, name, want] = case.as_slice() else {
            panic!("{case:?}");
        };
        let given = if given.starts_with('"') {
            Value::parse(given.as_bytes()).unwrap()
        } else {
            Value::from(*given)
        };
        let text = given.as_str().unwrap().to_owned();
        let facts = facts_of(&action("file_read", "file", given)).path;
        let got = flags(&[
            (facts.absolute, "absolute"),
            (facts.hidden, "hidden"),
            (facts.secret, "secret"),
            (facts.system, "system"),
            (facts.traversal, "traversal"),
            (!facts.parsed, "unparsed"),
            (facts.wildcard, "wildcard"),
        ]);
        assert!(facts.present, "{text}");
        check(
            &text,
            &mut failures,
            format!("{} | {got}", facts.name),
            &format!("{name} | {want}"),
        );
        assert_eq!(normalise(&text).name, facts.name);
    }
    finish(&failures, cases.len(), 25);
}

#[test]
fn urls() {
    let cases = cases(include_str!("cases/facts/urls.txt"));
    let mut failures = Vec::new();
    for case in &cases {
        let [given, name, domain, want] = case.as_slice() else {
            panic!("{case:?}");
        };
        let facts = facts_of(&action("network_request", "url", Value::from(*given)));
        let url = &facts.url;
        let got = flags(&[
            (url.address, "address"),
            (url.credentials, "credentials"),
            (url.external, "external"),
            (url.internal, "internal"),
            (url.metadata_service, "metadata"),
            (!url.parsed, "unparsed"),
        ]);
        assert!(url.present, "{given}");
        let or_dash = |text: &str| {
            if text.is_empty() {
                "-".to_owned()
            } else {
                text.to_owned()
            }
        };
        check(
            given,
            &mut failures,
            format!(
                "{} | {} | {got}",
                or_dash(&facts.resource.name),
                or_dash(&url.domain)
            ),
            &format!("{name} | {domain} | {want}"),
        );
        assert_eq!(Url::parse(given).is_some(), url.parsed, "{given}");
    }
    finish(&failures, cases.len(), 25);
}

#[test]
fn money() {
    let cases = cases(include_str!("cases/facts/money.txt"));
    let mut failures = Vec::new();
    for case in &cases {
        let [given, nano, currency, sign] = case.as_slice() else {
            panic!("{case:?}");
        };
        let value = Value::parse(given.as_bytes()).unwrap();
        let facts = facts_of(&action("payment", "amount", value)).money;
        let got = if !facts.present {
            "absent |  | ".to_owned()
        } else if !facts.parsed {
            assert_eq!((facts.amount, facts.amount_nano), (i64::MAX, i64::MAX));
            "- |  | ".to_owned()
        } else {
            let sign = if facts.negative { "-" } else { "+" };
            format!("{} | {} | {sign}", facts.amount_nano, facts.currency)
        };
        check(
            given,
            &mut failures,
            got,
            &format!("{nano} | {currency} | {sign}"),
        );
    }
    finish(&failures, cases.len(), 20);
}

#[test]
fn actions() {
    let cases = cases(include_str!("cases/facts/actions.txt"));
    let mut failures = Vec::new();
    for case in &cases {
        let [json, wanted] = case.as_slice() else {
            panic!("{case:?}");
        };
        let json = json.replacen('{', r#"{"agent_id":"a","#, 1);
        let action = Action::from_json(json.as_bytes()).unwrap();
        let facts = facts_of(&action);
        for want in wanted.split(' ') {
            let (name, want) = want.split_once('=').unwrap();
            let (group, name) = name.rsplit_once('.').unwrap_or(("", name));
            let id = FactId::find(group, name).unwrap_or_else(|| panic!("no fact `{name}`"));
            let got = match facts.get(id).unwrap() {
                FactRef::Bool(b) => b.to_string(),
                FactRef::Long(n) => n.to_string(),
                FactRef::String(s) => s.to_owned(),
                FactRef::Strings(set) => {
                    assert!(set.is_sorted(), "{json}: `{name}` is not sorted");
                    set.join(",")
                }
            };
            check(&format!("{json} {group}.{name}"), &mut failures, got, want);
        }
    }
    finish(&failures, cases.len(), 40);
}

#[test]
fn clock() {
    let facts = facts_of(&action("file_read", "file", Value::from("/a")));
    assert_eq!((facts.action.hour, facts.action.weekday), (3, 3));
    for now in [i64::MIN, -1, 0, i64::MAX] {
        let action = action("file_read", "file", Value::from("/a"));
        let facts = Facts::compute(FactInput {
            action: &action,
            principal: &Principal::local(),
            classes: &Classification::default(),
            now,
        });
        assert!((0..24).contains(&facts.action.hour));
        assert!((1..=7).contains(&facts.action.weekday));
    }
}

#[test]
fn too_many_places_are_dangerous() {
    let list = |item: fn(usize) -> String| {
        Value::Array((0..200).map(|i| Value::String(item(i))).collect())
    };
    let paths = facts_of(&action("file_read", "files", list(|i| format!("/srv/{i}"))));
    assert!(!paths.path.parsed && paths.path.secret && paths.action.unparsed);
    let urls = facts_of(&action(
        "network_request",
        "urls",
        list(|i| format!("http://h{i}.test/")),
    ));
    assert!(!urls.url.parsed && urls.url.metadata_service);
}

/// Fed by hand: what the shell command of the same meaning touches meets the same name.
#[test]
fn shell_files_meet_the_same_names() {
    use interlock_core::facts::{path::PathFacts, resource::ResourceFacts, shell::ShellFacts};
    let action = action(
        "code_execution",
        "command",
        Value::from("cat /srv/app/.env"),
    );
    let principal = Principal::local();
    let classes = Classification::default();
    let input = FactInput {
        action: &action,
        principal: &principal,
        classes: &classes,
        now: NOW,
    };
    let shell = ShellFacts {
        present: true,
        parsed: true,
        commands: vec!["cat".to_owned()],
        reads: vec!["/srv/app/./.env".to_owned()],
        ..ShellFacts::default()
    };
    let mut facts = Facts {
        path: PathFacts::compute(input, &shell),
        shell,
        ..Facts::default()
    };
    facts.resource = ResourceFacts::compute(input, &facts);
    assert_eq!(facts.resource.name, "/srv/app/.env");
    assert_eq!(facts.resource.tier, "critical");
    assert!(facts.path.secret);
    let action = interlock_core::facts::action::ActionFacts::compute(input, &facts);
    assert!(action.read && action.executes && !action.side_effect);
}

/// Fed by hand: SQL names its tables below the resource.
#[test]
fn tables_have_one_name() {
    use interlock_core::facts::{data::DataFacts, resource::ResourceFacts, sql::SqlFacts};
    let check = |resource: &str, table: &str, name: &str| {
        let mut action = Action::new("a", interlock_core::model::ActionType::DatabaseWrite);
        action.resource = resource.to_owned();
        let principal = Principal::local();
        let classes = Classification::default();
        let input = FactInput {
            action: &action,
            principal: &principal,
            classes: &classes,
            now: NOW,
        };
        let mut facts = Facts {
            sql: SqlFacts {
                present: true,
                parsed: true,
                tables: vec![table.to_owned()],
                tables_written: vec![table.to_owned()],
                writes: true,
                row_estimate: 1,
                limit: -1,
                ..SqlFacts::default()
            },
            ..Facts::default()
        };
        facts.resource = ResourceFacts::compute(input, &facts);
        assert_eq!(facts.resource.name, name, "{resource} {table}");
        assert!(facts.resource.names.iter().any(|n| n == table));
        facts.data = DataFacts::compute(input, &facts);
        assert_eq!(facts.data.records, 1);
        assert!(facts.data.pii);
    };
    check(
        "postgres://prod/customers",
        "customers",
        "postgres://prod/customers",
    );
    check(
        "postgres://prod/customers",
        "public.customers",
        "postgres://prod/customers",
    );
    check(
        "postgres://prod/app",
        "customers",
        "postgres://prod/app/customers",
    );
    check("", "customers", "customers");
    check("crm", "customers", "crm/customers");
}
