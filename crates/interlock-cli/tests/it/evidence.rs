//! `interlock evidence` and `interlock report` on a directory that no server holds.

use std::fs;

use crate::audit::recorded;
use crate::command::run;

#[test]
fn evidence_is_taken_verified_and_what_was_altered_is_named() {
    let (directory, vkey) = recorded();
    let path = directory.path();
    let ran = run(&["evidence", "export", "--data", "data", "--json"], path);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let said = ran.json();
    assert_eq!(said["written"], "evidence-default-begin-now.zip");
    assert_eq!(said["vkey"], vkey.as_str());
    let file = path.join("evidence-default-begin-now.zip");
    assert_eq!(said["bytes"], fs::metadata(&file).unwrap().len());
    assert!(!path.join("evidence-default-begin-now.zip.part").exists());

    let verify = |args: &[&str]| {
        let mut all = vec![
            "evidence",
            "verify",
            "evidence-default-begin-now.zip",
            "--vkey",
        ];
        all.extend(args);
        run(&all, path)
    };
    let ran = verify(&[&vkey]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let entries = said["entries"].as_u64().unwrap();
    assert!(
        ran.stdout
            .starts_with(&format!("ok entries={entries} size={entries} root=")),
        "{}",
        ran.stdout
    );
    // Another key.
    let ran = verify(&["PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"]);
    assert_eq!(
        (ran.code, ran.stdout.trim()),
        (4, "signature file=keys/keys.json")
    );
    // That it was taken is on record; the next one has that entry too.
    let ran = run(
        &[
            "evidence", "export", "--data", "data", "-o", "next.zip", "--json",
        ],
        path,
    );
    assert!(
        ran.json()["entries"].as_u64().unwrap() > entries,
        "{}",
        ran.stdout
    );

    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&file, &bytes).unwrap();
    let ran = verify(&[&vkey]);
    assert!(matches!(ran.code, 1 | 4), "{}", ran.stdout);
    assert!(ran.stdout.contains("file="), "{}", ran.stdout);
}

#[test]
fn what_is_asked_wrongly_is_named() {
    let (directory, vkey) = recorded();
    let path = directory.path();
    for (args, said) in [
        (
            vec![
                "evidence",
                "export",
                "--data",
                "data",
                "--from",
                "yesterday",
            ],
            "`from` must be a day",
        ),
        (
            vec![
                "evidence",
                "export",
                "--data",
                "data",
                "--from",
                "2026-02-01",
                "--to",
                "2026-01-01",
            ],
            "`to` must be after `from`",
        ),
        (
            vec!["evidence", "export", "--data", "data", "--run", "nobody"],
            "no such entry",
        ),
        (
            vec!["evidence", "export", "--data", "nowhere"],
            "not a data directory",
        ),
        (
            vec!["evidence", "verify", "nowhere.zip", "--vkey", &vkey],
            "is not there",
        ),
        (
            vec!["report", "soc2", "--data", "data", "--to", "1999-01-01"],
            "no such entry",
        ),
    ] {
        let ran = run(&args, path);
        assert_eq!(ran.code, 1, "{args:?}");
        assert!(ran.stderr.contains(said), "{args:?}: {}", ran.stderr);
    }
    // Nothing half is left behind.
    let left = fs::read_dir(path).unwrap().map(|e| e.unwrap().file_name());
    assert!(
        left.into_iter()
            .all(|name| !name.to_string_lossy().contains("evidence"))
    );
}

#[test]
fn reports_say_what_is_not_evidenced() {
    let (directory, _) = recorded();
    let path = directory.path();
    for framework in ["eu-ai-act", "soc2", "hipaa", "pci-dss", "gdpr"] {
        let ran = run(&["report", framework, "--data", "data"], path);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(ran.stdout.starts_with("<!doctype html>"), "{}", ran.stdout);
        assert!(ran.stdout.contains("Not evidenced by this log"));
    }
    let ran = run(&["report", "soc2", "--data", "data", "--json"], path);
    let report = ran.json();
    assert!(
        report["controls"][0]["evidenced"][0]["count"]
            .as_u64()
            .unwrap()
            >= 20
    );
    assert!(!report["proofs"].as_object().unwrap().is_empty());
    let ran = run(
        &[
            "report", "gdpr", "--data", "data", "--format", "csv", "-o", "gdpr.csv",
        ],
        path,
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        fs::read_to_string(path.join("gdpr.csv"))
            .unwrap()
            .starts_with("\"control\",\"title\"")
    );
}
