//! Content beside the journal: never an entry that commits to nothing, whatever fails.

use crate::support::{body, options, verdict};
use interlock_store::journal::fault::{FaultVfs, Survival};
use interlock_store::journal::{Durability, Journal, JournalError, JournalOptions, Kind, Position};
use interlock_store::vault::{
    Content, Deferred, RecordId, Subject, Vault, VaultError, VaultOptions, commitment_text,
};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::channel;

fn open(disk: &FaultVfs, durability: Durability) -> Result<(Journal, Vault), JournalError> {
    let options = JournalOptions {
        durability,
        ..options()
    };
    let (journal, _) = Journal::open_with(Arc::new(disk.clone()), options)?;
    let options = VaultOptions {
        file_bytes: 4_096,
        ..VaultOptions::default()
    };
    let vault = Vault::open_with(Arc::new(disk.clone()), options)
        .map_err(|e| JournalError::Content(e.to_string().into()))?;
    journal.attach(vault.clone());
    Ok((journal, vault))
}

fn content(n: u64) -> Deferred {
    Deferred {
        bytes: 300,
        make: Box::new(move || Content {
            subject: Subject::User {
                tenant: "acme".into(),
                id: format!("user-{}", n % 5),
            },
            keep: !n.is_multiple_of(7),
            fields: vec![
                ("arguments", format!("{{\"n\":{n}}}")),
                ("result", "r".repeat((n * 53 % 300) as usize)),
            ],
        }),
    }
}

/// Every entry that commits to content finds it, or finds it erased; answers how many did.
fn held(journal: &Journal, vault: &Vault, what: &str) -> (usize, usize) {
    let (mut found, mut erased) = (0, 0);
    journal
        .for_each(Position::default(), &mut |_, entry| {
            if entry.kind != Kind::Decision {
                return ControlFlow::Continue(());
            }
            let text = String::from_utf8(entry.body.clone()).unwrap();
            let body: serde_json::Value = serde_json::from_str(&text).unwrap();
            let content = &body["content"];
            let id: RecordId = content["record"].as_str().unwrap().parse().unwrap();
            let n = body["n"].as_u64().unwrap();
            match vault.get(id) {
                Ok(record) => {
                    found += 1;
                    let made = (super::content::content(n).make)();
                    assert_eq!(record.fields.is_empty(), !made.keep, "{what}");
                    for (name, text) in &made.fields {
                        assert_eq!(
                            content["fields"][name],
                            commitment_text(&record.commit(name, text.as_bytes())),
                            "{what}: {n}"
                        );
                    }
                }
                Err(VaultError::Erased) => erased += 1,
                Err(error) => panic!("{what}: entry {n} commits to nothing: {error}"),
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    (found, erased)
}

fn workload(disk: &FaultVfs, acknowledged: &mut usize) -> Result<(), JournalError> {
    for round in 0..2 {
        let (journal, _vault) = open(disk, Durability::Strict)?;
        let (send, receive) = channel();
        for n in 0..12 {
            let n = round * 12 + n;
            if n % 4 != 0 {
                // Several in one batch.
                let send = send.clone();
                journal.append_content_with(
                    "acme",
                    Kind::Decision,
                    body(Kind::Decision, n),
                    Some(content(n)),
                    move |result| drop(send.send(result)),
                )?;
                continue;
            }
            journal.append_content(
                "acme",
                Kind::Decision,
                body(Kind::Decision, n),
                Some(content(n)),
            )?;
            *acknowledged += 1;
        }
        drop(send);
        for result in receive {
            result?;
            *acknowledged += 1;
        }
        journal.close()?;
    }
    Ok(())
}

#[test]
fn no_crash_leaves_an_entry_that_commits_to_nothing() {
    let whole = FaultVfs::new();
    let mut all = 0;
    workload(&whole, &mut all).unwrap();
    let (journal, vault) = open(&whole, Durability::Strict).unwrap();
    assert_eq!(held(&journal, &vault, "whole"), (24, 0));
    journal.close().unwrap();
    for crash_at in 1..=whole.operations() {
        let disk = FaultVfs::new();
        disk.crash_at(crash_at);
        let mut acknowledged = 0;
        let _ = workload(&disk, &mut acknowledged);
        for survival in [
            Survival::Nothing,
            Survival::Everything,
            Survival::Part(crash_at),
            Survival::Part(crash_at + 1_000_000),
        ] {
            let what = format!("crash at {crash_at}, {survival:?}");
            let disk = disk.after_crash(survival);
            let (journal, vault) =
                open(&disk, Durability::Strict).unwrap_or_else(|e| panic!("{what}: {e}"));
            let (found, _) = held(&journal, &vault, &what);
            assert!(found >= acknowledged, "{what}: {found} of {acknowledged}");
            // Orphans do not stand in the way.
            journal
                .append_content(
                    "acme",
                    Kind::Decision,
                    body(Kind::Decision, 99),
                    Some(content(99)),
                )
                .unwrap();
            assert_eq!(held(&journal, &vault, &what).0, found + 1);
        }
    }
}

#[test]
fn a_vault_that_cannot_write_costs_its_entries_and_no_others() {
    for durability in [Durability::Strict, Durability::Async] {
        let disk = FaultVfs::new();
        let (journal, vault) = open(&disk, durability).unwrap();
        let append = |n| {
            journal.append_content(
                "acme",
                Kind::Decision,
                body(Kind::Decision, n),
                Some(content(n)),
            )
        };
        append(1).unwrap();
        disk.set_quota(Some(disk.used_bytes() + 50));
        assert!(matches!(append(2), Err(JournalError::Content(_))));
        // The journal's segment has its space already.
        journal
            .append("acme", Kind::Kill, body(Kind::Kill, 3))
            .unwrap();
        disk.set_quota(None);
        append(4).unwrap();
        assert_eq!(held(&journal, &vault, "after a full disk"), (2, 0));
        let vkey = journal.vkey();
        journal.close().unwrap();
        assert_eq!(verdict(&disk, &vkey, &[]).verdict.code(), 0);
    }
}

#[test]
fn a_failed_sync_of_the_vault_is_never_tried_again() {
    let disk = FaultVfs::new();
    let (journal, vault) = open(&disk, Durability::Strict).unwrap();
    let append = |n| {
        journal.append_content(
            "acme",
            Kind::Decision,
            body(Kind::Decision, n),
            Some(content(n)),
        )
    };
    append(1).unwrap();
    append(6).unwrap();
    // The key of user 1 is there: the next sync is that of the records.
    disk.fail_sync(1);
    assert!(matches!(append(11), Err(JournalError::Content(_))));
    for n in 12..15 {
        assert!(matches!(append(n), Err(JournalError::Content(_))));
    }
    journal
        .append("acme", Kind::Kill, body(Kind::Kill, 3))
        .unwrap();
    assert_eq!(held(&journal, &vault, "before"), (2, 0));
    drop((journal, vault));
    let (journal, vault) = open(&disk, Durability::Strict).unwrap();
    assert_eq!(held(&journal, &vault, "after"), (2, 0));
    drop(journal);
}

#[test]
fn what_commits_to_content_is_refused_without_a_vault() {
    let disk = FaultVfs::new();
    let journal = crate::support::open(&disk);
    let refused = journal.append_content(
        "acme",
        Kind::Decision,
        body(Kind::Decision, 1),
        Some(content(1)),
    );
    assert!(matches!(refused, Err(JournalError::Body(_))));
    let panics = Deferred {
        bytes: 0,
        make: Box::new(|| panic!("a bug in what makes content")),
    };
    let (journal_2, _vault) = open(&FaultVfs::new(), Durability::Strict).unwrap();
    let refused = journal_2.append_content(
        "acme",
        Kind::Decision,
        body(Kind::Decision, 1),
        Some(panics),
    );
    assert!(matches!(refused, Err(JournalError::Body(_))));
    journal_2
        .append("acme", Kind::Kill, body(Kind::Kill, 3))
        .unwrap();
}

#[test]
fn erasing_leaves_the_proofs() {
    let disk = FaultVfs::new();
    let (journal, vault) = open(&disk, Durability::Strict).unwrap();
    for n in 0..20 {
        let content = (n % 2 == 0).then(|| content(n));
        let kind = if content.is_some() {
            Kind::Decision
        } else {
            Kind::Outcome
        };
        journal
            .append_content("acme", kind, body(kind, n), content)
            .unwrap();
    }
    let erased = vault
        .erase(
            &Subject::User {
                tenant: "acme".into(),
                id: "user-2".to_owned(),
            },
            "officer",
            "",
        )
        .unwrap()
        .expect("content");
    assert_eq!(erased.records, 2, "of 2, 7, 12 and 17 the even ones");
    journal
        .append("acme", Kind::Erasure, body(Kind::Erasure, 0))
        .unwrap();
    vault.erasure_recorded().unwrap();
    assert_eq!(held(&journal, &vault, "erased"), (8, 2));
    let vkey = journal.vkey();
    journal.close().unwrap();
    let verdict = verdict(&disk, &vkey, &[]).verdict;
    assert_eq!(verdict.code(), 5, "{verdict}");
}
