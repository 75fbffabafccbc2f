//! The cases that the console runs too, and what holds for every text.

use interlock_filter::{ACTIONS, FilterError, Number, RESOURCES, Record, Resource, parse};
use proptest::prelude::*;
use serde_json::Value;

fn cases() -> Value {
    serde_json::from_str(include_str!("cases.json")).unwrap()
}

fn resource(name: &Value) -> &'static Resource {
    RESOURCES.into_iter().find(|r| r.name == name).unwrap()
}

fn list<'a>(cases: &'a Value, key: &str) -> &'a [Value] {
    cases[key].as_array().unwrap()
}

#[test]
fn accepted() {
    for case in list(&cases(), "accepted") {
        let (text, canonical) = (case[1].as_str().unwrap(), case[2].as_str().unwrap());
        let filter = parse(text, resource(&case[0])).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(filter.to_string(), canonical, "{text}");
        assert_eq!(parse(canonical, resource(&case[0])), Ok(filter), "{text}");
    }
}

#[test]
fn refused() {
    let cases = cases();
    for case in list(&cases, "refused") {
        let text = case[1].as_str().unwrap();
        let expected = FilterError {
            column: usize::try_from(case[2].as_u64().unwrap()).unwrap(),
            message: case[3].as_str().unwrap().to_owned(),
        };
        assert_eq!(parse(text, resource(&case[0])), Err(expected), "{text}");
    }
    for (text, column) in [
        ("a ".repeat(33), 65),
        ("é".repeat(1_001), 1_001),
        (format!("risk:{}", "1,".repeat(33)), 70),
    ] {
        assert_eq!(parse(&text, &ACTIONS).unwrap_err().column, column);
    }
    assert!(parse(&"a ".repeat(32), &ACTIONS).is_ok());
    assert!(parse(&"é".repeat(1_000), &ACTIONS).is_ok());
}

/// The item of the cases.
struct Item(Value);

impl Record for Item {
    fn texts(&self, field: &str, see: &mut dyn FnMut(&str)) {
        for text in self.0[field].as_array().into_iter().flatten() {
            see(text.as_str().unwrap());
        }
    }

    fn number(&self, field: &str) -> Option<Number> {
        let number = self.0[field].as_f64()?;
        #[expect(clippy::cast_possible_truncation, reason = "the cases have few digits")]
        let nano = (number * 1e9).round() as i64;
        Some(Number(nano))
    }

    fn name(&self, field: &str, name: &str) -> bool {
        match &self.0[field] {
            Value::Array(names) => names.iter().any(|n| n == name),
            other => other == name,
        }
    }

    fn at(&self) -> i64 {
        instant(&self.0["at"])
    }
}

/// A time of the cases, read by the parser that is tested elsewhere.
fn instant(time: &Value) -> i64 {
    let filter = parse(&format!("since:{}", time.as_str().unwrap()), &ACTIONS).unwrap();
    match &filter.terms[0].test {
        interlock_filter::Test::Since(moment) => moment.nanos(0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn matches() {
    let cases = cases();
    let (item, now) = (Item(cases["item"].clone()), instant(&cases["now"]));
    for case in list(&cases, "matches") {
        let text = case[0].as_str().unwrap();
        let filter = parse(text, &ACTIONS).unwrap();
        let expected = case[1].as_bool().unwrap();
        assert_eq!(filter.matches(&item, &ACTIONS, now), expected, "{text}");
    }
}

/// Texts that look like filters, so that most of the grammar is reached.
fn texts() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("agent:".to_owned()),
        Just("risk:".to_owned()),
        Just("decision:".to_owned()),
        Just("since:".to_owned()),
        Just("block".to_owned()),
        Just("24h".to_owned()),
        Just("\\\"".to_owned()),
        "[-<>=:,*\" \\\\]{1,2}",
        "[a-zA-Z0-9.]{1,4}",
        "\\PC{1,2}",
    ];
    proptest::collection::vec(word, 0..12).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn the_canonical_text_means_the_same(text in texts()) {
        for resource in RESOURCES {
            match parse(&text, resource) {
                Ok(filter) => {
                    let canonical = filter.to_string();
                    let again = parse(&canonical, resource);
                    prop_assert_eq!(again.as_ref(), Ok(&filter), "{}", canonical);
                    prop_assert_eq!(again.unwrap().to_string(), canonical);
                }
                Err(error) => {
                    prop_assert!(error.column >= 1 && error.column <= text.chars().count() + 1);
                    prop_assert!(!error.message.is_empty());
                }
            }
        }
    }
}

/// The fields as the console reads them.
fn fields() -> String {
    let mut out = serde_json::Map::new();
    for resource in RESOURCES {
        let fields: Vec<Value> = resource
            .fields
            .iter()
            .map(|field| {
                let mut one = serde_json::json!({
                    "name": field.name, "kind": field.kind.name(), "about": field.about,
                });
                if let interlock_filter::Kind::Names(names) = field.kind {
                    one["names"] = serde_json::json!(names);
                }
                one
            })
            .collect();
        out.insert(
            resource.name.to_owned(),
            serde_json::json!({ "fields": fields, "free": resource.free }),
        );
    }
    format!("{}\n", serde_json::to_string_pretty(&out).unwrap())
}

/// `INTERLOCK_GENERATE=1` writes the file anew.
#[test]
fn the_console_knows_the_same_fields() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../console/src/filter/fields.json"
    );
    if std::env::var_os("INTERLOCK_GENERATE").is_some() {
        std::fs::write(path, fields()).unwrap();
    }
    // As values: in which order members are written depends on what else is built.
    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let kept = std::fs::read_to_string(path).unwrap();
    assert!(
        read(&kept) == read(&fields()),
        "console/src/filter/fields.json is not what fields.rs says: run this test with INTERLOCK_GENERATE=1"
    );
}
