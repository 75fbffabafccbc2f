//! Picks members of a record's body, so that the fold parses a third of it.

/// The object that has only the members of `body` that are `wanted`, as its text; `None` when the
/// body is not an object in the form that records have: one that was written whole, without spaces
/// outside its strings.
///
/// What is picked is parsed as strictly as ever; what is not is looked at no further than to find
/// its end.
pub(crate) fn pick(body: &[u8], wanted: &[&str]) -> Option<Vec<u8>> {
    let mut rest = body.strip_prefix(b"{")?;
    let mut picked = Vec::with_capacity(1_024);
    picked.push(b'{');
    while rest.first() == Some(&b'"') {
        let key = string_bytes(rest)?;
        let name = rest.get(1..key - 1)?;
        let value_at = key + 1;
        if rest.get(key) != Some(&b':') {
            return None;
        }
        let end = value_at + value_bytes(rest.get(value_at..)?)?;
        if wanted.iter().any(|w| w.as_bytes() == name) {
            if picked.len() > 1 {
                picked.push(b',');
            }
            picked.extend_from_slice(rest.get(..end)?);
        }
        match rest.get(end)? {
            b',' => rest = rest.get(end + 1..)?,
            b'}' if rest.len() == end + 1 => {
                picked.push(b'}');
                return Some(picked);
            }
            _ => return None,
        }
    }
    None
}

/// The length of the string that `text` begins with, its quotes included.
fn string_bytes(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        let found = text
            .get(at..)?
            .iter()
            .position(|b| matches!(b, b'"' | b'\\'))?;
        at += found;
        if text.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// The length of the value that `text` begins with.
fn value_bytes(text: &[u8]) -> Option<usize> {
    match text.first()? {
        b'"' => string_bytes(text),
        b'{' | b'[' => {
            let mut depth = 0usize;
            let mut at = 0;
            loop {
                match text.get(at)? {
                    b'"' => {
                        at += string_bytes(text.get(at..)?)?;
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => {
                        depth = depth.checked_sub(1)?;
                        if depth == 0 {
                            return Some(at + 1);
                        }
                    }
                    _ => {}
                }
                at += 1;
            }
        }
        _ => text.iter().position(|b| matches!(b, b',' | b'}' | b']')),
    }
}

#[cfg(test)]
mod tests {
    use interlock_core::model::Value;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn members() {
        let check = |body: &str, want: Option<&str>| {
            let got = pick(body.as_bytes(), &["a", "b"]);
            let got = got.map(|g| String::from_utf8(g).expect("text"));
            assert_eq!(got.as_deref(), want, "{body}");
        };
        check(r#"{"a":1,"x":2,"b":"}"}"#, Some(r#"{"a":1,"b":"}"}"#));
        check(
            r#"{"x":{"a":[1,{"b":"]\"}"}]},"b":[{"a":null}],"y":"\\"}"#,
            Some(r#"{"b":[{"a":null}]}"#),
        );
        check(r#"{"x":"a\\\"","a":true}"#, Some(r#"{"a":true}"#));
        check(r#"{"x":1}"#, Some("{}"));
        for broken in [
            "",
            "{}",
            "[1]",
            r#"{"a":1"#,
            r#"{"a":1}x"#,
            r#"{"a" :1}"#,
            r#"{"a":"x}"#,
            r#"{"a":[1}"#,
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
        ] {
            let got = pick(broken.as_bytes(), &["a", "b"]);
            let parsed = got.and_then(|g| Value::parse(&g).ok());
            assert_eq!(parsed, None, "{broken}");
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            "[\\PC\"\\\\{}\\[\\],:]{0,8}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
                proptest::collection::hash_map("[a-d\"\\\\]{0,2}", inner, 0..5)
                    .prop_map(|m| serde_json::Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_picked_is_what_a_parser_finds(value in json()) {
            let text = value.to_string();
            let picked = pick(text.as_bytes(), &["a", "b"]);
            match value.as_object() {
                Some(object) if !object.is_empty() => {
                    let picked: serde_json::Value =
                        serde_json::from_slice(&picked.expect("an object")).expect("json");
                    for name in ["a", "b", "c"] {
                        let want = object.get(name).filter(|_| name != "c");
                        prop_assert_eq!(picked.get(name), want);
                    }
                }
                _ => prop_assert_eq!(picked, None),
            }
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = pick(&bytes, &["a"]);
            let mut body = b"{\"a\":".to_vec();
            body.extend_from_slice(&bytes);
            let _ = pick(&body, &["a"]);
        }
    }
}
