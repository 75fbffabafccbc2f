//! The size of a value.

use crate::model::Value;

/// Bytes of a value as compact JSON, escapes not counted; 0 for `null`.
#[must_use]
pub(super) fn bytes(value: &Value) -> i64 {
    if value.is_null() {
        return 0;
    }
    i64::try_from(size(value)).unwrap_or(i64::MAX)
}

// The depth is that of the parsed document, which has a limit.
fn size(value: &Value) -> usize {
    match value {
        Value::Null => 4,
        Value::Bool(b) => 5 - usize::from(*b),
        Value::Number(n) => n.lexeme().len(),
        Value::String(s) => s.len() + 2,
        Value::Array(items) => {
            2 + items.iter().map(|i| size(i) + 1).sum::<usize>() - commas(items.len())
        }
        Value::Object(object) => {
            2 + object
                .iter()
                .map(|(key, item)| key.len() + 4 + size(item))
                .sum::<usize>()
                - commas(object.len())
        }
    }
}

/// Every item was counted with a comma; the last one has none.
fn commas(items: usize) -> usize {
    usize::from(items > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_length_of_compact_json() {
        for json in [
            "[]",
            "{}",
            "[1,2.50,true,false,null]",
            r#"{"a":{"b":["x","yz"]},"c":-1}"#,
        ] {
            let value = Value::parse(json.as_bytes()).unwrap();
            assert_eq!(bytes(&value), i64::try_from(json.len()).unwrap());
        }
        assert_eq!(bytes(&Value::Null), 0);
    }
}
