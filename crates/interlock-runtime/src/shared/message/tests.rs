//! The codec is total: any bytes end in a message or an error, and a message has one form.

use proptest::prelude::*;

use super::*;
use crate::shared::wire::{Names, Wire, decode, encode};

/// Whether the bytes are a message of either side.
fn is_message(bytes: &[u8]) -> bool {
    fn one<T: Wire>(bytes: &[u8], names: &Names) -> bool {
        decode::<T>(bytes, names).is_ok_and(|message| {
            assert_eq!(encode(&message), bytes, "a message has one form");
            true
        })
    }
    let names = Names::default();
    [
        one::<Hello>,
        one::<Welcome>,
        one::<Request>,
        one::<Response>,
    ]
    .iter()
    .fold(false, |found, one| one(bytes, &names) | found)
}

fn cases() -> ProptestConfig {
    let soak = std::env::var_os("INTERLOCK_SOAK").is_some();
    ProptestConfig::with_cases(if soak { 200_000 } else { 2_000 })
}

fn check_request(tenant: &str) -> Request {
    Request::Check(Box::new(CheckRequest {
        principal: Principal {
            tenant: tenant.into(),
            ..Principal::local()
        },
        options: CheckOptions::default(),
        action: "{}".to_owned(),
    }))
}

fn approval(reason: &str) -> Response {
    use interlock_core::approval::{Approval, Request as Asked};
    use interlock_core::model::ActionDigest;
    let request = Asked::new(ActionDigest([7; 32]), 1, 1_000);
    Response::Approval(Box::new(ApprovalRow {
        asked: interlock_store::ApprovalRequest {
            id: "id".to_owned(),
            request: request.clone(),
            agent_id: "a".to_owned(),
            session_id: String::new(),
            run_id: String::new(),
            step: Some(3),
            action_type: "payment".to_owned(),
            resource: "r".to_owned(),
            tool: String::new(),
            group: "finance".to_owned(),
            risk: 70,
            reason: reason.to_owned(),
            detail: "{}".to_owned(),
        },
        approval: Approval::open(request, 0).unwrap(),
    }))
}

#[test]
fn what_says_more_than_is_there_is_refused_at_once() {
    // A list of four thousand million limits, in a message of few bytes.
    let mut message = encode(&Response::Policy(None));
    message[0] = 0;
    message.extend_from_slice(&[0xff; 40]);
    assert!(!is_message(&message));
    assert!(!is_message(b""));
    let mut longer = encode(&check_request("t"));
    longer.push(0);
    assert!(!is_message(&longer), "bytes are left over");
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn any_bytes_are_a_message_or_not(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = is_message(&bytes);
    }

    #[test]
    fn a_damaged_message_is_read_to_its_end(
        at in any::<prop::sample::Index>(),
        with in any::<u8>(),
        cut in any::<prop::sample::Index>(),
        text in "\\PC{0,8}",
        asked in any::<bool>(),
    ) {
        let mut message = if asked {
            encode(&check_request(&text))
        } else {
            encode(&approval(&text))
        };
        prop_assert!(is_message(&message));
        let mut short = message.clone();
        short.truncate(cut.index(message.len()));
        // Both are tagged as what is much longer than a greeting.
        prop_assert!(!is_message(&short) || short.len() <= 6);
        let at = at.index(message.len());
        message[at] = with;
        let _ = is_message(&message);
    }
}
