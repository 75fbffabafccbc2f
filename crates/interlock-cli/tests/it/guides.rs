//! What the guides tell people to type works, as it stands there but for the days, ids and keys.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::{KEY, Server};

/// The commands of a guide, block by block.
fn blocks(guide: &'static str) -> Vec<&'static str> {
    let after = guide.split("```sh\n").skip(1);
    after.filter_map(|rest| rest.split("```").next()).collect()
}

/// Runs commands as a shell does, and gives what they print.
fn sh(server: &Server, commands: &str, replace: &[(&str, &str)]) -> String {
    let mut commands = commands.to_owned();
    for (from, to) in replace {
        assert!(commands.contains(from), "`{from}` is not in {commands}");
        commands = commands.replace(from, to);
    }
    let binaries = Path::new(env!("CARGO_BIN_EXE_interlock")).parent().unwrap();
    let path = env::var("PATH").unwrap();
    let ran = Command::new("sh")
        .args(["-euc", &commands])
        .current_dir(server.path())
        .env("PATH", format!("{}:{path}", binaries.display()))
        .env("INTERLOCK_URL", &server.url)
        .env("INTERLOCK_API_KEY", KEY)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (said, errors) = (
        String::from_utf8(ran.stdout).unwrap(),
        String::from_utf8(ran.stderr).unwrap(),
    );
    assert!(ran.status.success(), "{commands}\n{said}{errors}");
    said
}

fn get(server: &Server, path: &str) -> Option<Value> {
    let answer = reqwest::blocking::Client::new()
        .get(format!("{}{path}", server.url))
        .header("x-api-key", KEY)
        .send()
        .unwrap();
    answer.status().is_success().then(|| answer.json().unwrap())
}

/// A server with some actions, and the id of the last of them, which is listed.
fn acted() -> (Server, String) {
    let server = Server::start();
    let mut id = String::new();
    for n in 0..5 {
        let done = server.check(&json!({
            "agent_id": "reader", "action_type": "file_read", "tool": "read_file",
            "resource": format!("/srv/docs/{n}.md"), "run_id": "nightly-42",
        }));
        id = done["id"].as_str().unwrap().to_owned();
    }
    let until = Instant::now() + Duration::from_secs(20);
    while get(&server, &format!("/api/actions/{id}")).is_none() {
        assert!(Instant::now() < until, "{id} is not listed");
        std::thread::sleep(Duration::from_millis(20));
    }
    (server, id)
}

#[test]
fn the_guide_to_evidence() {
    let blocks = blocks(include_str!("../../../../docs/guides/evidence.md"));
    let [export, verify, report] = blocks[..] else {
        panic!("{blocks:?}")
    };
    let (server, _) = acted();
    let file = |name: &str| server.path().join(name);
    let october = [("2026-10-01", "2020-01-01"), ("2026-11-01", "2100-01-01")];
    let kept = get(&server, "/api/audit/checkpoint").unwrap();
    let text = |name: &str| kept[name].as_str().unwrap().to_owned();
    std::fs::write(file("october.checkpoint"), text("checkpoint")).unwrap();
    std::fs::write(file("interlock.vkey"), text("vkey")).unwrap();
    sh(&server, export, &october);
    let written = "evidence-default-2020-01-01-2100-01-01.zip";
    std::fs::rename(file(written), file("evidence.zip")).unwrap();
    std::fs::copy(
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../verifiers/verify.py"),
        file("verify.py"),
    )
    .unwrap();
    let said = sh(
        &server,
        verify,
        &[("interlock.local/…+0a1b2c3d+AQ…", &text("vkey"))],
    );
    let verdicts: Vec<&str> = said.lines().filter(|l| l.contains("root=")).collect();
    assert_eq!(verdicts.len(), 2, "{said}");
    assert_eq!(verdicts[0], verdicts[1]);
    assert!(verdicts[0].starts_with("ok entries="), "{said}");
    let said = sh(&server, report, &october);
    assert!(said.contains("CC6.1"), "{said}");
    let html = std::fs::read_to_string(file("art-12.html")).unwrap();
    assert!(html.contains("Art. 12(1)"));
}

#[test]
fn the_guide_to_what_if() {
    let blocks = blocks(include_str!("../../../../docs/guides/what-if.md"));
    let [draft, offline, from_action] = blocks[..] else {
        panic!("{blocks:?}")
    };
    let (mut server, id) = acted();
    let file = |server: &Server, name: &str| server.path().join(name);
    let team = "interlock: 1\nname: team\ndefault: allow\nrules:\n  - id: reads-wait\n    match: { action: [file_read] }\n    effect: require_approval\n    approvers: { group: team, quorum: 1 }\n";
    std::fs::create_dir(file(&server, "policies")).unwrap();
    for name in ["team.yaml", "policies/team.yaml"] {
        std::fs::write(file(&server, name), team).unwrap();
    }
    let said = sh(&server, draft, &[]);
    assert!(
        said.contains("reads-wait") && said.contains("5 stricter"),
        "{said}"
    );
    let (stopped, exported) = offline.split_once('\n').unwrap();
    let said = sh(&server, exported, &[]);
    assert!(said.contains("5 actions:"), "{said}");
    let said = sh(
        &server,
        from_action,
        &[("0199f0c2-5a7e-7c10-9f21-3f1b0c6a9d11", &id)],
    );
    assert!(said.contains("stricter"), "{said}");
    let waits = server.check(&json!({
        "agent_id": "reader", "action_type": "file_read", "tool": "read_file",
        "resource": "/srv/docs/4.md", "run_id": "nightly-42",
    }));
    assert_eq!(waits["effect"], "require_approval", "the rule is published");
    server.running.take().unwrap().stop();
    let said = sh(&server, stopped, &[("interlock-data", "data")]);
    assert!(said.contains("reads-wait"), "{said}");
}
