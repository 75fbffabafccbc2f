//! Bodies of requests that configure: what is not known is refused by name, so that a misspelt
//! limit is not taken for no limit.

use std::fmt;
use std::marker::PhantomData;

use axum::body::Bytes;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Error, Value};

use crate::error::{ApiError, ApiResult};

/// Reads a body; the error names the field to blame.
pub(crate) fn json<T: DeserializeOwned>(body: &Bytes) -> ApiResult<T> {
    let Pairs(pairs) = serde_json::from_slice(body).map_err(|e| {
        let code = if std::str::from_utf8(body).is_err() {
            "json.not-utf8"
        } else if e.is_data() {
            "body.invalid"
        } else {
            "json.syntax"
        };
        ApiError::field("body", code, format!("the body is not as documented: {e}"))
    })?;
    let mut names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if let Some([twice, _]) = names.array_windows().find(|[a, b]| a == b) {
        return Err(ApiError::field(
            &shown(twice),
            "json.duplicate-key",
            format!("`{}` stands twice in the body", shown(twice)),
        ));
    }
    let mut current = None;
    let mut unknown = None;
    let result = T::deserialize(Fields {
        pairs,
        current: &mut current,
        unknown: &mut unknown,
    });
    if let Some(unknown) = unknown {
        return Err(unknown);
    }
    result.map_err(|e| {
        let missing = e.to_string();
        match (current, missing.strip_prefix("missing field `")) {
            (None, Some(rest)) => {
                let name = rest.split('`').next().unwrap_or_default();
                ApiError::field(name, "field.missing", format!("`{name}` is missing"))
            }
            (Some(name), _) => ApiError::field(
                &name,
                "body.invalid",
                format!("`{name}` is not as documented: {e}"),
            ),
            (None, None) => ApiError::field(
                "body",
                "body.invalid",
                format!("the body is not as documented: {e}"),
            ),
        }
    })
}

/// A name as an error shows it: it is the caller's, and may be anything.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

fn unknown_field(name: &str, known: &[&str]) -> ApiError {
    let near = interlock_policy::nearest(name, known.iter().copied());
    let help = near.map_or_else(
        || {
            let known: Vec<String> = known.iter().map(|k| format!("`{k}`")).collect();
            format!("known are {}", known.join(", "))
        },
        |near| format!("did you mean `{near}`?"),
    );
    let name = shown(name);
    ApiError::field(
        &name,
        "field.unknown",
        format!("there is no field `{name}`; {help}"),
    )
}

/// An object with its fields in order, also those that stand twice.
struct Pairs(Vec<(String, Value)>);

impl<'de> serde::Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;
        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(PairsVisitor)
    }
}

/// Hands the fields to a struct, and remembers which one is being read.
struct Fields<'a> {
    pairs: Vec<(String, Value)>,
    current: &'a mut Option<String>,
    unknown: &'a mut Option<ApiError>,
}

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(Access {
            pairs: self.pairs.into_iter(),
            value: None,
            current: self.current,
            lifetime: PhantomData,
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if let Some((name, _)) = self
            .pairs
            .iter()
            .find(|(n, _)| !fields.contains(&n.as_str()))
        {
            *self.unknown = Some(unknown_field(name, fields));
            return Err(Error::custom("unknown field"));
        }
        self.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct Access<'a, 'de> {
    pairs: std::vec::IntoIter<(String, Value)>,
    value: Option<Value>,
    current: &'a mut Option<String>,
    lifetime: PhantomData<&'de ()>,
}

impl<'de> MapAccess<'de> for Access<'_, 'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        *self.current = None;
        let Some((name, value)) = self.pairs.next() else {
            return Ok(None);
        };
        self.value = Some(value);
        let key = seed.deserialize(StrDeserializer::<Error>::new(&name))?;
        *self.current = Some(name);
        Ok(Some(key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let value = self
            .value
            .take()
            .ok_or_else(|| Error::custom("a value without a name"))?;
        seed.deserialize(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Limit {
        name: String,
        max_risk_score: Option<f64>,
        resources: Option<Vec<String>>,
    }

    #[test]
    fn the_field_to_blame_is_named() {
        // Body, then code, field, and a part of the message.
        let cases = "
            {\"name\":\"a\"}                                  | ok                 |                 |
            {\"name\":\"a\",\"resources\":[\"x\"]}            | ok                 |                 |
            {\"name\":\"a\",\"max_risk_scor\":0.5}            | field.unknown      | max_risk_scor   | did you mean `max_risk_score`?
            {\"name\":\"a\",\"zzzzzzzz\":1}                   | field.unknown      | zzzzzzzz        | known are `name`, `max_risk_score`, `resources`
            {\"Name\":\"a\"}                                  | field.unknown      | Name            | did you mean `name`?
            {\"max_risk_score\":0.5}                          | field.missing      | name            | `name` is missing
            {}                                                | field.missing      | name            | missing
            {\"name\":7}                                      | body.invalid       | name            | expected a string
            {\"name\":\"a\",\"max_risk_score\":\"high\"}      | body.invalid       | max_risk_score  | expected f64
            {\"name\":\"a\",\"resources\":[1]}                | body.invalid       | resources       | expected a string
            {\"name\":\"a\",\"resources\":{\"name\":1}}       | body.invalid       | resources       | expected a sequence
            {\"name\":\"a\",\"name\":\"b\"}                   | json.duplicate-key | name            | stands twice
            {\"name\":\"a\",\"\\u006eame\":\"b\"}             | json.duplicate-key | name            | stands twice
            []                                                | body.invalid       | body            | expected an object
            null                                              | body.invalid       | body            | expected an object
            {\"name\":                                        | json.syntax        | body            | EOF
            {\"name\":NaN}                                    | json.syntax        | body            | expected value
            {\"name\":\"a\"} {}                               | json.syntax        | body            | trailing
        ";
        for line in cases.lines().filter(|l| l.contains('|')) {
            let parts: Vec<&str> = line.split('|').map(str::trim).collect();
            let [body, code, field, message] = parts[..] else {
                panic!("{line}");
            };
            match json::<Limit>(&Bytes::copy_from_slice(body.as_bytes())) {
                Ok(_) => assert_eq!(code, "ok", "{line}"),
                Err(e) => {
                    assert_eq!(
                        (e.code, e.field.as_deref()),
                        (code, Some(field)),
                        "{line}: {}",
                        e.message
                    );
                    assert!(e.message.contains(message), "{line}: {}", e.message);
                }
            }
        }
        let deep = format!("{{\"name\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(
            json::<Limit>(&Bytes::from(deep)).unwrap_err().code,
            "json.syntax"
        );
        let bytes = Bytes::from_static(b"{\"name\":\"\xff\"}");
        assert_eq!(json::<Limit>(&bytes).unwrap_err().code, "json.not-utf8");
    }
}
