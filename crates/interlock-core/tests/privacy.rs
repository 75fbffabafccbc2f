//! Personal data and secrets: each kind's valid, mistyped and look-alike values, and what holds of any
//! text.
//!
//! A case is one line of `tests/cases/personal-data.md`: `- kind: found | found // not found | not found`.

use std::collections::BTreeSet;
use std::time::Duration;

use interlock_core::privacy::{
    KINDS, Key, Strategy, find, kind, mask_text, mask_value, replace_text, replace_value,
};
use proptest::prelude::{any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::strategy::Strategy as _;

const ALARM: u8 = 50;

/// The processor time of this thread: what it waits for others does not count.
fn spent() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("not negative")
}

fn sure_of(name: &str, text: &str) -> u8 {
    let own = find(text).into_iter().filter(|m| m.kind.name == name);
    own.map(|m| m.confidence).max().unwrap_or(0)
}

#[test]
fn each_kinds_cases() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/personal-data.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut wrong = Vec::new();
    let mut covered = BTreeSet::new();
    for line in text.lines().filter_map(|l| l.strip_prefix("- ")) {
        let (name, rest) = line.split_once(": ").expect("a case names its kind");
        assert!(kind(name).is_some(), "no kind `{name}`");
        let (good, bad) = rest.split_once(" // ").expect("found and not found");
        // `{}` stands for nothing: no scanner takes this file for a leak.
        let cases = |list: &str| -> Vec<String> {
            list.split(" | ")
                .map(|t| t.trim().replace("{}", ""))
                .collect()
        };
        for text in cases(good) {
            if sure_of(name, &text) < ALARM {
                let found: Vec<_> = find(&text)
                    .iter()
                    .map(|m| (m.kind.name, m.confidence))
                    .collect();
                wrong.push(format!("{name} is not found in `{text}`: {found:?}"));
            }
        }
        for text in cases(bad) {
            if sure_of(name, &text) >= ALARM {
                wrong.push(format!("{name} is found in `{text}`"));
            }
        }
        covered.insert(name.to_owned());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let checked = KINDS.iter().filter(|k| k.checked());
    let missing: Vec<_> = checked
        .filter(|k| !covered.contains(k.name))
        .map(|k| k.name)
        .collect();
    assert!(
        missing.is_empty(),
        "kinds with a check and no case: {missing:?}"
    );
}

#[test]
fn kinds_are_enough_and_documented() {
    assert!(KINDS.len() >= 100);
    for kind in KINDS {
        assert!(kind.source.starts_with("http"), "{}", kind.name);
        assert!(kind.code.code.starts_with("pii."), "{}", kind.name);
        assert!(!kind.code.summary.ends_with('.'), "{}", kind.name);
    }
}

/// The form of a value: where its marks stand, and digits where there are no letters.
fn shape(value: &str) -> String {
    let letters = value.chars().any(char::is_alphabetic);
    value
        .chars()
        .map(|c| match c {
            '0'..='9' if !letters => '9',
            c if c.is_alphanumeric() => 'x',
            other => other,
        })
        .collect()
}

/// Kinds whose values have no fixed length: another name, an address of the documentation's ranges.
const WITHOUT_FORM: [&str; 2] = ["ip_address", "person_name"];

/// Every kind of the registry can be masked in part, masked whole, hashed, and replaced by a value in
/// the same form.
#[test]
fn each_kind_has_masks_a_hash_and_a_replacement() {
    let key = Key::new([7; 32]);
    let mut wrong = Vec::new();
    for kind in KINDS {
        let all = find(kind.example);
        let Some(own) = all.iter().find(|m| m.kind.name == kind.name) else {
            wrong.push(format!("{} is not found in its example", kind.name));
            continue;
        };
        let value = &kind.example[own.start..own.end];
        for strategy in [Strategy::Partial, Strategy::Full, Strategy::Hash] {
            let mask = mask_value(kind, value, strategy);
            if mask.is_empty() || mask.contains(value) {
                wrong.push(format!("{}: {strategy:?} leaves `{mask}`", kind.name));
            }
        }
        let hash = mask_value(kind, value, Strategy::Hash);
        let digits = hash
            .rsplit_once(':')
            .map_or("", |(_, d)| d.trim_end_matches(']'));
        let other = mask_value(kind, &format!("{value}0"), Strategy::Hash);
        if digits.len() != 8 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) || hash == other {
            wrong.push(format!("{}: the hash is `{hash}`", kind.name));
        }
        let made = replace_value(kind, value, &key, 0);
        let again = replace_value(kind, value, &key, 0);
        if made == value || made != again || made.starts_with('[') {
            wrong.push(format!("{}: the replacement is `{made}`", kind.name));
        }
        if shape(&made) != shape(value) && !WITHOUT_FORM.contains(&kind.name) {
            wrong.push(format!(
                "{}: `{made}` has not the form of `{value}`",
                kind.name
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every look at a text is linear: a megabyte of what each scanner looks for takes seconds at the most,
/// where a square would take hours.
#[test]
fn time_is_bounded_by_the_length() {
    let size = if std::env::var_os("INTERLOCK_SOAK").is_some() {
        4 << 20
    } else {
        println!("reduced size: 512 KiB; INTERLOCK_SOAK=1 runs 4 MiB");
        1 << 19
    };
    for piece in [
        "4",
        "4 ",
        "41 ",
        "4111 1111 1111 1111 ",
        "1.",
        "1-",
        "(1) ",
        "@",
        "a@",
        "a@b.",
        "a.b.c",
        "a@b.cc ",
        "://",
        "://a:b@",
        "eyJ",
        "eyJ.",
        "aB3",
        "aB3-",
        "a1/",
        "=",
        "token=",
        "token=a1B2c3D4e5F6g7H8i9 ",
        "password",
        "password=",
        "-----BEGIN ",
        "curl -u ",
        "curl -u a:",
        "born 1",
        "dob ",
        "icd-10 ",
        "00:",
        "00:1B:44:",
        "GB82",
        "AB123456C",
        "Q~",
        "ghp_",
        "0x",
        "name is Ann ",
        "12 Main Street ",
        "12 ",
        "é1",
        "身份证1",
        "bc1q",
        "1A",
        "\u{a0}1",
        "+",
        "(+",
        "1 - ",
    ] {
        let text = piece.repeat(size / piece.len());
        let start = spent();
        let _ = find(&text);
        let spent = spent() - start;
        let most = if size > 1 << 20 { 40 } else { 5 };
        assert!(
            spent.as_secs() < most,
            "{piece:?} takes {spent:?} at {size} bytes"
        );
    }
}

proptest! {
    #[test]
    fn spans_are_ordered_and_at_boundaries(text in text()) {
        let mut last = 0;
        for found in find(&text) {
            prop_assert!(found.start >= last && found.end > found.start);
            prop_assert!(text.get(found.start..found.end).is_some(), "{}", found.kind.name);
            last = found.end;
        }
    }

    /// What stands around a value moves its span and changes nothing in it.
    #[test]
    fn spans_are_exact(before in "[é中😀 ]{0,6}", after in "[é中😀 ]{0,6}") {
        for (name, value) in [
            ("credit_card", "4111 1111 1111 1111"), ("email", "jo.doe@example.com"), ("bank_account", "DE89370400440532013000"),
            ("phone", "+44 20 7946 0958"), ("phone", "(212) 555-0147"), ("it_codice_fiscale", "RSSMRA85T10A562S"),
            ("crypto_wallet", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"), ("hk_id", "A123456(3)"), ("uk_nino", "AB 12 34 56 C"),
        ] {
            let text = format!("{before} {value} {after}");
            let start = before.len() + 1;
            let all = find(&text);
            let found = all.iter().find(|m| m.kind.name == name);
            prop_assert_eq!(found.map(|m| (m.start, m.end)), Some((start, start + value.len())), "{} {}", name, text);
        }
    }

    /// Nothing that was found survives a mask or a replacement in its place.
    #[test]
    fn masked_and_replaced_texts_keep_nothing(text in text(), seed in any::<[u8; 32]>()) {
        let replaced = replace_text(&text, &Key::new(seed));
        prop_assert_eq!(&replaced, &replace_text(&text, &Key::new(seed)));
        for (masked, keeps) in [(mask_text(&text, Strategy::Full), false), (replaced, false), (mask_text(&text, Strategy::Partial), true)] {
            let mut rest = masked.text.as_str();
            let mut at = 0;
            for found in &masked.matches {
                let between = &text[at..found.start];
                let place = rest.find(between);
                prop_assert!(place.is_some());
                rest = &rest[place.unwrap_or(0) + between.len()..];
                let value = &text[found.start..found.end];
                prop_assert!(!rest.starts_with(value) || keeps && value.len() < 6, "{} stays: {}", found.kind.name, masked.text);
                at = found.end;
            }
        }
    }
}

/// Texts made of what the scanners look for.
fn text() -> impl proptest::strategy::Strategy<Value = String> {
    let piece = prop_oneof![
        3 => "\\PC{0,8}",
        2 => "[0-9 .()+-]{0,18}",
        2 => "[A-Z0-9]{4,18}",
        8 => proptest::sample::select(KINDS.iter().map(|k| k.example).collect::<Vec<_>>()).prop_map(str::to_owned),
        2 => proptest::sample::select(vec![" ", ", ", "\n", "\"", ": ", "=", "é", "中", "\u{200b}", "token: ", "password: ", "name: Ann Lee "])
            .prop_map(str::to_owned),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|p| p.concat())
}
