//! A disk that fills up or fails below a running server: each decision that cannot be recorded is
//! refused with a code, and each that was answered is in the record.

use std::sync::Arc;

use interlock_core::model::Role;
use interlock_runtime::{DEFAULT_TENANT, Options, Runtime};
use interlock_server::{App, AppOptions};
use interlock_store::journal::fault::{FaultVfs, Survival};
use interlock_store::journal::{Journal, JournalOptions};
use interlock_store::keys::{Binding, KeyRing};
use interlock_store::{KeyStore as _, MemoryStore};

use crate::client::{Answer, Serving, send};

fn journal(disk: &FaultVfs) -> Journal {
    let options = JournalOptions {
        segment_bytes: 64 * 1024,
        reserve_bytes: 80 * 1024,
        ..JournalOptions::default()
    };
    Journal::open_with(Arc::new(disk.clone()), options)
        .expect("the record opens")
        .0
}

/// Serves on this disk while `during` runs.
fn served(disk: &FaultVfs, during: impl FnOnce(&dyn Fn(&str, &str, &str) -> Answer)) {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Arc::new(MemoryStore::new());
    let keyring = KeyRing::open(&dir.path().join("pepper")).expect("a ring");
    let binding = Binding {
        tenant: DEFAULT_TENANT.to_owned(),
        agent_id: None,
        environment: None,
        role: Role::Admin,
        label: String::new(),
        user_id: None,
    };
    let runtime = Runtime::assemble(journal(disk), store.clone(), Options::on(dir.path()))
        .expect("a runtime");
    let (key, record, hash) = keyring.mint(binding, runtime.now(), None).expect("a key");
    store.insert_key(&record, &hash).expect("kept");
    let app = App::new(AppOptions {
        runtime: runtime.clone(),
        keyring,
    });
    let mut serving = Serving::start(app);
    let address = serving.address;
    during(&|method, path, body| {
        let headers = [("x-api-key", key.expose())];
        send(address, method, path, &headers, body.as_bytes()).expect("an answer")
    });
    serving.stop();
    runtime.close();
}

fn action(n: usize) -> String {
    format!(r#"{{"agent_id":"bot","action_type":"file_read","resource":"/srv/app/{n}.txt"}}"#)
}

/// Checks until one is refused, and looks at how; the decisions that were answered.
fn until_refused(call: &dyn Fn(&str, &str, &str) -> Answer, says: &str) -> Vec<String> {
    let mut answered = Vec::new();
    for n in 0..2_000 {
        let answer = call("POST", "/api/check", &action(n));
        if answer.status == 200 {
            answered.push(answer.field("id"));
            continue;
        }
        assert_eq!(answer.status, 503, "{}", answer.text);
        assert_eq!(answer.field("code"), "audit-unavailable");
        let message = answer.field("message");
        assert!(message.contains(says), "{message}");
        assert!(message.contains("so the action is denied"), "{message}");
        assert!(answer.head.contains("retry-after: "), "{}", answer.head);
        return answered;
    }
    panic!("2,000 checks, and none was refused");
}

/// Each of them is in the record as the next server reads it.
fn recorded(disk: &FaultVfs, answered: &[String]) {
    served(disk, |call| {
        let lines = call("GET", "/api/audit/export?from=0&limit=1000", "").text;
        for id in answered {
            assert!(lines.contains(id), "{id} is lost");
        }
        let answer = call("POST", "/api/check", &action(3_000));
        assert_eq!(answer.status, 200, "{}", answer.text);
    });
}

#[test]
fn a_full_disk_is_a_503_and_a_restart_with_room_goes_on() {
    let disk = FaultVfs::new();
    let mut answered = Vec::new();
    served(&disk, |call| {
        assert_eq!(call("POST", "/api/check", &action(0)).status, 200);
        disk.set_quota(Some(disk.used_bytes() + 1_000));
        answered = until_refused(call, "no space is left for the journal");
        // Every further one too, for as long as the server runs; what is there can be read.
        assert_eq!(call("POST", "/api/check", &action(1)).status, 503);
        assert_eq!(call("GET", "/api/audit/entries?limit=5", "").status, 200);
    });
    assert!(answered.len() > 5, "{}", answered.len());
    disk.set_quota(None);
    recorded(&disk, &answered);
}

#[test]
fn a_failed_sync_is_a_503_and_nothing_answered_is_lost() {
    for nth in [1, 2, 5] {
        let disk = FaultVfs::new();
        let mut answered = Vec::new();
        served(&disk, |call| {
            assert_eq!(call("POST", "/api/check", &action(0)).status, 200);
            disk.fail_sync(nth);
            answered = until_refused(call, "journal stopped after a write error");
            // The disk says that all is well again; it lost data before it said so.
            assert_eq!(call("POST", "/api/check", &action(1)).status, 503);
            assert_eq!(call("GET", "/readyz", "").status, 503);
            assert_eq!(call("GET", "/healthz", "").status, 200);
        });
        recorded(&disk.after_crash(Survival::Nothing), &answered);
    }
}
