//! `interlock doctor`

use std::fs;
use std::net::TcpListener;

use crate::command::run;

fn free() -> String {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string()
}

fn status(value: &serde_json::Value, name: &str) -> String {
    let checks = value["checks"].as_array().unwrap();
    let check = checks.iter().find(|c| c["name"] == name).unwrap();
    check["status"].as_str().unwrap().to_owned()
}

#[test]
fn a_machine_with_nothing_on_it() {
    let directory = tempfile::tempdir().unwrap();
    let ran = run(&["doctor", "--listen", &free(), "--json"], directory.path());
    let value = ran.json();
    for name in ["data", "clock", "lock", "port", "journal", "policy"] {
        assert_eq!(status(&value, name), "ok", "{name}\n{value}");
    }
    // Nothing is left behind.
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn what_is_wrong_is_named_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    fs::write(directory.path().join("data"), "a file").unwrap();
    fs::create_dir_all(directory.path().join("broken/log/journal")).unwrap();
    fs::write(
        directory.path().join("bad.yaml"),
        "interlock: 1\ndefalt: allow\n",
    )
    .unwrap();
    let args = [
        "doctor", "--data", "data", "--listen", &address, "--policy", "bad.yaml",
    ];
    let ran = run(&args, directory.path());
    assert_eq!(ran.code, 1);
    for line in ["fail  data", "fail  port", "fail  policy"] {
        assert!(ran.stdout.contains(line), "{line}\n{}", ran.stdout);
    }
    let ran = run(
        &["doctor", "--data", "broken", "--listen", &free(), "--json"],
        directory.path(),
    );
    assert_eq!(ran.code, 1);
    assert_eq!(status(&ran.json(), "journal"), "fail");
    for check in ran.json()["checks"].as_array().unwrap() {
        assert_eq!(check["status"] == "ok", check["todo"].is_null(), "{check}");
    }
}
