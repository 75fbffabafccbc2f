//! Help, completions, and what a wrong command line says.

use std::path::Path;

use crate::command::run;

const COMMANDS: &[&str] = &[
    "",
    "up",
    "check",
    "explain",
    "policy",
    "policy check",
    "policy test",
    "policy explain",
    "policy replay",
    "policy fmt",
    "policy publish",
    "policy history",
    "policy revert",
    "audit",
    "audit verify",
    "audit prove",
    "audit export",
    "audit show",
    "audit erase",
    "audit tail",
    "keys",
    "keys create",
    "keys list",
    "keys rotate",
    "keys revoke",
    "users",
    "users add",
    "users list",
    "users change",
    "users disable",
    "users enable",
    "users reset-mfa",
    "actions",
    "actions search",
    "runs",
    "runs list",
    "runs show",
    "runs diff",
    "agents",
    "agents pause",
    "agents resume",
    "agents rollback",
    "tools",
    "tools stop",
    "tools start",
    "tools list",
    "budgets",
    "budgets list",
    "budgets set",
    "budgets remove",
    "alerts",
    "alerts list",
    "alerts show",
    "alerts ack",
    "alerts resolve",
    "alerts reopen",
    "alerts assign",
    "alerts comment",
    "alerts mute",
    "alerts unmute",
    "alerts mutes",
    "alerts responses",
    "alerts rules",
    "approvals",
    "approvals list",
    "approvals approve",
    "approvals deny",
    "approvals show",
    "approvals watch",
    "approvals edit",
    "approvals cancel",
    "approvals resolve",
    "approvals sessions",
    "approvals revoke",
    "export",
    "demo",
    "doctor",
    "completions",
];

fn help(command: &str) -> String {
    let mut args: Vec<&str> = command.split_whitespace().collect();
    args.push("--help");
    let ran = run(&args, Path::new("."));
    assert_eq!(ran.code, 0, "{command}\n{}", ran.stderr);
    ran.stdout
}

#[test]
fn the_first_page() {
    insta::assert_snapshot!(help(""));
}

#[test]
fn the_pages_of_policy_and_audit() {
    for command in ["policy check", "policy replay", "audit verify"] {
        insta::assert_snapshot!(command.replace(' ', "-"), help(command));
    }
}

#[test]
fn every_command_has_help_and_leaf_commands_an_example() {
    for command in COMMANDS {
        let text = help(command);
        let leaf = !text.contains("\nCommands:\n");
        let shares = [
            "agents ",
            "keys ",
            "approvals ",
            "users ",
            "tools ",
            "budgets ",
            "alerts ",
            "actions ",
            "runs ",
        ]
        .iter()
        .any(|p| command.starts_with(p));
        assert!(
            !leaf || shares || text.contains("interlock "),
            "{command}\n{text}"
        );
        assert!(
            !leaf || shares || text.contains("Example"),
            "{command}\n{text}"
        );
    }
}

#[test]
fn every_command_takes_json() {
    for command in COMMANDS {
        assert!(help(command).contains("--json"), "{command}");
    }
}

#[test]
fn completions_know_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let ran = run(&["completions", shell], Path::new("."));
        assert_eq!(ran.code, 0);
        for word in COMMANDS.iter().flat_map(|c| c.split_whitespace()) {
            assert!(ran.stdout.contains(word), "{shell} lacks {word}");
        }
    }
}

#[test]
fn a_wrong_command_line_exits_with_2() {
    for args in [
        &["nonsense"][..],
        &["policy"],
        &["audit", "prove"],
        &["audit", "erase"],
        &["audit", "erase", "--user", "u", "--agent", "a"],
        &["keys", "create", "--role", "king"],
        &["keys", "create", "--role", "agent", "--key", "x"],
        &["policy", "replay", "default"],
    ] {
        let ran = run(args, Path::new("."));
        assert_eq!(ran.code, 2, "{args:?}\n{}", ran.stderr);
        let said = ran.stderr.contains("error:") || ran.stderr.contains("Usage:");
        assert!(said, "{args:?}\n{}", ran.stderr);
    }
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let ran = run(
        &["keys", "list", "--server", &address, "--key", "x"],
        Path::new("."),
    );
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr
            .contains(&format!("cannot reach the server at {address}")),
        "{}",
        ran.stderr
    );
    let ran = run(&["keys", "list"], Path::new("."));
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("no API key"), "{}", ran.stderr);
}

#[test]
fn a_reader_that_leaves_is_no_crash() {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_interlock"))
        .args(["policy", "test", "--built-in"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(141));
    assert!(
        ended.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
}
