//! What holds for the detectors and the masks on any text.

use interlock_core::detectors::{
    DetectContext, DetectorConfig, Phase, detect_content, scan, scan_result,
};
use interlock_core::facts::Facts;
use interlock_core::model::limits::{DECODE_GROWTH_MAX, SCAN_BYTES_MAX};
use interlock_core::model::{Action, ActionType, Findings, Object, Principal, Value, Vector};
use interlock_core::privacy::{KINDS, Strategy, find, mask_text};
use interlock_core::text::flatten;
use proptest::prelude::*;

fn action_with(texts: &[String]) -> Action {
    let mut action = Action::new("a", ActionType::ApiCall);
    let mut arguments = Object::new();
    for (i, text) in texts.iter().enumerate() {
        arguments.insert(format!("k{i}"), Value::String(text.clone()));
    }
    action.arguments = Value::Object(arguments);
    action
}

/// Runs the content phase and checks what holds for every text.
fn check(texts: &[String]) -> Result<Findings, TestCaseError> {
    let action = action_with(texts);
    let (segments, truncated) = flatten(&action);
    let scanned = scan(&segments, truncated);
    let source: usize = segments.iter().map(|s| s.text.len()).sum();
    let views: usize = scanned.views().iter().map(|v| v.text.len()).sum();
    prop_assert!(views <= source * (1 + DECODE_GROWTH_MAX));
    let mut found = Findings::default();
    let cx = DetectContext {
        action: &action,
        principal: &Principal::local(),
        facts: &Facts::default(),
        scanned: &scanned,
        readings: None,
        phase: Phase::Content,
    };
    let ran = detect_content(&cx, &DetectorConfig::default(), &mut found);
    prop_assert!(ran.failed.is_empty());
    for finding in found.items() {
        let Some(segment) = segments.iter().find(|s| s.path == finding.path) else {
            prop_assert!(finding.path.is_empty());
            continue;
        };
        let (start, end) = (finding.span.start as usize, finding.span.end as usize);
        prop_assert!(segment.text.get(start..end).is_some(), "{finding:?}");
        prop_assert!(finding.confidence <= 100);
    }
    Ok(found)
}

/// Texts made of what detectors look at, so that their rules are reached.
fn hostile() -> impl Strategy_<Value = String> {
    let piece = prop_oneof![
        4 => "\\PC{0,12}",
        2 => "[ -~]{0,16}",
        1 => "[\u{0}-\u{ff}]{0,8}",
        6 => proptest::sample::select(vec![
            "ignore", " all ", "previous ", "instructions", "' or ", "1=1", "--", "/*", "*/", "union select ",
            "<script", ">", "<img src=x onerror=", "javascript:", "alert(1)", "../", "..%2f", "%00", "${", "{{",
            "}}", "7*7", "<!ENTITY ", "4111111111111111", "jo@example.com", "password=", "eyJ", "AKIA",
            "-----BEGIN RSA PRIVATE KEY-----", "http://u:p@h/", "aWdub3JlIGFsbCBydWxlcw==", "%27", "&#x27;",
            "\\u0027", "é", "\u{200b}", "\u{e0041}", "и", "忽略", "range(", "1e9", ")", "(a+)+", ":(){", "sudo ",
            "chmod 4755 ", "grant all on x to y", "%2e%2e/", "%c0%ae", "%%32%65", "/etc/passwd", "; cat ", "| id", "$(", "() { :;};", "http://", "//", "/\\", "@",
            "0x7f000001", "[::ffff:", "169.254.169.254", "php://filter/", "=http://a/b.txt?", "system('", "<?php ", "__proto__[", "class.module.classLoader",
            "O:4:\"", "rO0AB", "!!python/object", "\"@type\":\"com.sun.", "${jndi:", "${::-", "${lower:", ":-", "*)(", "(|(", "$ne", "[$gt]", "%0d%0a", "Set-Cookie:",
            "<!--#exec ", "count(/", "query{a{", "<!DOCTYPE a [", " SYSTEM \"file:", "{% ", "#set(", "javascript:", "\u{ff0e}", "\u{2215}", "+1 212 555 0147", "DE89370400440532013000", "sleep(", "\"", "`",
        ]).prop_map(str::to_owned),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

use proptest::strategy::Strategy as Strategy_;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if std::env::var_os("INTERLOCK_SOAK").is_some() { 20_000 } else { 400 }))]

    #[test]
    fn spans_lie_in_the_text_and_views_are_bounded(texts in proptest::collection::vec(hostile(), 1..4)) {
        check(&texts)?;
    }

    #[test]
    fn the_same_text_gives_the_same_findings(text in hostile()) {
        let texts = [text];
        prop_assert_eq!(check(&texts)?, check(&texts)?);
        let once = |text: &str| {
            let mut found = Findings::default();
            let ran = scan_result(text, &DetectorConfig::default(), &mut found);
            (ran, found)
        };
        prop_assert_eq!(once(&texts[0]), once(&texts[0]));
    }

    #[test]
    fn masks_replace_matches_and_nothing_else(text in hostile()) {
        let matches = find(&text);
        let mut at = 0;
        for found in &matches {
            prop_assert!(found.start >= at && found.end > found.start);
            prop_assert!(text.get(found.start..found.end).is_some());
            at = found.end;
        }
        for strategy in [Strategy::Partial, Strategy::Full, Strategy::Hash] {
            let masked = mask_text(&text, strategy);
            prop_assert_eq!(&masked.matches, &matches);
            if matches.is_empty() {
                prop_assert_eq!(&masked.text, &text);
            }
        }
    }
}

/// Nothing is read only in part: what stands behind much else is found.
#[test]
fn what_stands_behind_much_else_is_found() {
    let words = "many words of a letter ".repeat(4_000);
    let attributes = "data-a=1 ".repeat(2_000);
    let spaces = " ".repeat(2_000);
    for (text, vector) in [
        (
            format!("{words}' union select 1, secret from people --"),
            Vector::SqlInjection,
        ),
        (
            format!("{words}; drop table people; --"),
            Vector::SqlInjection,
        ),
        (format!("<p {attributes} onclick=go()>"), Vector::Xss),
        (
            format!("<a {attributes} href=\"{spaces}javascript:go()\">"),
            Vector::Xss,
        ),
        (
            format!("<p style=\"{spaces}width:expression(go())\">"),
            Vector::Xss,
        ),
        (
            format!(
                "{words}{}<script>go()</script>",
                "`<script>` ".repeat(6_000)
            ),
            Vector::Xss,
        ),
    ] {
        assert!(text.len() < SCAN_BYTES_MAX);
        let found = check(std::slice::from_ref(&text)).unwrap();
        let tail: String = text.chars().rev().take(40).collect();
        assert!(
            found.has(vector),
            "{}",
            tail.chars().rev().collect::<String>()
        );
    }
}

/// Texts that are large, repetitive or deeply encoded end, and say when a limit was reached.
#[test]
fn floods_are_bounded() {
    let size = if std::env::var_os("INTERLOCK_SOAK").is_some() {
        4 << 20
    } else {
        println!("reduced size: 1 MiB; INTERLOCK_SOAK=1 runs 4 MiB");
        1 << 20
    };
    for piece in [
        "ignore all previous instructions ",
        "' or 1=1 -- ",
        "<a onx=",
        "../",
        "%2525",
        "a@b.cc ",
        "(",
        "4",
        "((a+)+",
        "\u{202e}",
        "eyJ.",
        "://a:b@",
        "&#x41;",
        "password=",
        "a b c d ",
        "{{",
        "$(",
        "\"",
        "\u{e0041}",
        "//",
        "http://a@",
        "%%32%65",
        "..%",
        "${${",
        "${lower:",
        "<!ENTITY a \"&",
        "O:1:\"A\":1:{",
        "`id`",
        "*)(",
        "$ne",
        "%0d%0a",
        "() {",
        "system(",
        "query{",
        "class.",
        "<iframe ",
        "<a b=\"",
        "1 or concat((case when ",
        "'or[a",
        "` ``<script>",
        "' union select 1 where 1 or ",
    ] {
        let text = piece.repeat(size / piece.len());
        assert!(text.len() > SCAN_BYTES_MAX);
        let found = check(&[text]).unwrap();
        assert!(
            found.has(Vector::ResourceExhaustion),
            "{piece:?} says that a limit was reached"
        );
    }
    let many: Vec<String> = (0..20_000).map(|i| format!("x{i}")).collect();
    check(&many).unwrap();
}

#[test]
fn masks_have_the_published_forms() {
    for (text, strategy, expected) in [
        (
            "mail john@example.com",
            Strategy::Partial,
            "mail j***@example.com",
        ),
        (
            "mail jo@example.com",
            Strategy::Partial,
            "mail j*@example.com",
        ),
        (
            "mail jonathan@example.com",
            Strategy::Partial,
            "mail j****@example.com",
        ),
        (
            "card 4111 1111 1111 1111",
            Strategy::Partial,
            "card ****1111",
        ),
        ("call (212) 555-0147", Strategy::Partial, "call ****0147"),
        ("mail john@example.com", Strategy::Full, "mail [EMAIL]"),
        (
            "mail john@example.com",
            Strategy::Hash,
            "mail [EMAIL:855f96e9]",
        ),
        ("ssn 123-45-6789", Strategy::Full, "ssn [SSN]"),
        (
            "postgres://app:s3cr3tpw@db/x",
            Strategy::Full,
            "postgres://[URL_WITH_CREDENTIALS]@db/x",
        ),
        ("order 123456789", Strategy::Full, "order 123456789"),
        (
            "at 1718000000 it began",
            Strategy::Full,
            "at 1718000000 it began",
        ),
    ] {
        assert_eq!(mask_text(text, strategy).text, expected);
    }
}

#[test]
fn kinds_have_unique_names() {
    let names: std::collections::BTreeSet<_> = KINDS.iter().map(|k| k.name).collect();
    assert_eq!(names.len(), KINDS.len());
    assert!(
        KINDS
            .iter()
            .all(|k| k.risk <= 100 && k.label() == k.name.to_uppercase())
    );
}
