//! Changes of a JSON value as RFC 6902 writes them: `add`, `remove`, `replace` and `test`.
//!
//! `move` and `copy` are left out: what a person changes is said by value, so that it can be read.
//! Paths are JSON pointers (RFC 6901).

use thiserror::Error;

use super::value::{JsonError, Object, Value};

/// Operations of one patch.
pub const OPERATIONS_MAX: usize = 256;
/// Bytes of one path.
pub const PATH_BYTES_MAX: usize = 4_096;

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Sets a member, or inserts before an element; `-` is the end of an array.
    Add(String, Value),
    /// Takes a member or an element away.
    Remove(String),
    /// Replaces what is there.
    Replace(String, Value),
    /// Holds when what is there is this.
    Test(String, Value),
}

/// Operations, applied in order, all or none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Patch(Vec<Operation>);

/// Why a patch cannot be read or applied.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatchError {
    /// It is not a list of operations.
    #[error("a patch is a list of objects with `op`, `path` and `value`")]
    Form,
    /// There are too many operations.
    #[error("a patch has at most {OPERATIONS_MAX} operations")]
    Operations,
    /// An operation is none of the four.
    #[error("`op` must be `add`, `remove`, `replace` or `test`")]
    Op,
    /// A path is no JSON pointer, or too long.
    #[error("`{0}` is not a JSON pointer of at most {PATH_BYTES_MAX} bytes")]
    Path(String),
    /// There is nothing at the path.
    #[error("there is nothing at `{0}`")]
    Missing(String),
    /// What is there is something else.
    #[error("what stands at `{0}` is not what the patch expects")]
    Test(String),
    /// What comes of it is beyond the limits of an action.
    #[error("the changed value is not allowed: {0}")]
    Value(JsonError),
}

impl Patch {
    /// The operations.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.0
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// When it is not one of at most [`OPERATIONS_MAX`] known operations.
    pub fn from_value(value: &Value) -> Result<Self, PatchError> {
        let items = value.as_array().ok_or(PatchError::Form)?;
        if items.len() > OPERATIONS_MAX {
            return Err(PatchError::Operations);
        }
        let mut all = Vec::with_capacity(items.len());
        for item in items {
            let text = |name: &str| item.get(name).and_then(Value::as_str);
            let (Some(op), Some(path)) = (text("op"), text("path")) else {
                return Err(PatchError::Form);
            };
            if path.len() > PATH_BYTES_MAX || !(path.is_empty() || path.starts_with('/')) {
                return Err(PatchError::Path(path.chars().take(64).collect()));
            }
            let value = || item.get("value").cloned().ok_or(PatchError::Form);
            let path = path.to_owned();
            all.push(match op {
                "add" => Operation::Add(path, value()?),
                "remove" => Operation::Remove(path),
                "replace" => Operation::Replace(path, value()?),
                "test" => Operation::Test(path, value()?),
                _ => return Err(PatchError::Op),
            });
        }
        Ok(Self(all))
    }

    /// The JSON form.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let one = |operation: &Operation| {
            let (op, path, value) = match operation {
                Operation::Add(path, value) => ("add", path, Some(value)),
                Operation::Remove(path) => ("remove", path, None),
                Operation::Replace(path, value) => ("replace", path, Some(value)),
                Operation::Test(path, value) => ("test", path, Some(value)),
            };
            let mut object = Object::new();
            object.insert("op", Value::from(op));
            object.insert("path", Value::from(path.as_str()));
            if let Some(value) = value {
                object.insert("value", value.clone());
            }
            Value::Object(object)
        };
        Value::Array(self.0.iter().map(one).collect())
    }

    /// `value` after all operations.
    ///
    /// # Errors
    /// When one does not apply, or what comes of it is beyond the limits of an action.
    pub fn apply(&self, value: &Value) -> Result<Value, PatchError> {
        let mut out = value.clone();
        for operation in &self.0 {
            apply(&mut out, operation)?;
        }
        // Depth, keys and sizes are those of any value.
        Value::parse(out.to_json().as_bytes()).map_err(PatchError::Value)
    }

    /// What makes `after` of `before`; the replacement of the whole where that is shorter than
    /// [`OPERATIONS_MAX`] operations.
    #[must_use]
    pub fn between(before: &Value, after: &Value) -> Self {
        let mut all = Vec::new();
        compare(before, after, &mut String::new(), &mut all);
        if all.len() > OPERATIONS_MAX {
            all = vec![Operation::Replace(String::new(), after.clone())];
        }
        Self(all)
    }
}

fn unescape(token: &str) -> Option<String> {
    let mut out = String::with_capacity(token.len());
    let mut chars = token.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '~' => match chars.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            },
            other => other,
        });
    }
    Some(out)
}

fn push_token(path: &mut String, token: &str) {
    path.push('/');
    for c in token.chars() {
        match c {
            '~' => path.push_str("~0"),
            '/' => path.push_str("~1"),
            other => path.push(other),
        }
    }
}

/// The position that a token names in an array of `len` elements: no sign, no leading zero.
fn position(token: &str, len: usize) -> Option<usize> {
    let plain = token.bytes().all(|b| b.is_ascii_digit())
        && (token == "0" || !token.starts_with('0'))
        && token.len() <= 9;
    let at: usize = if plain {
        token.parse().ok()?
    } else {
        return None;
    };
    (at < len).then_some(at)
}

fn child<'a>(value: &'a mut Value, token: &str) -> Option<&'a mut Value> {
    match value {
        Value::Object(object) => object
            .iter_mut()
            .find(|(key, _)| *key == token)
            .map(|(_, value)| value),
        Value::Array(items) => {
            let at = position(token, items.len())?;
            items.get_mut(at)
        }
        _ => None,
    }
}

fn tokens(path: &str) -> Result<Vec<String>, PatchError> {
    path.split('/')
        .skip(1)
        .map(|token| unescape(token).ok_or_else(|| PatchError::Path(path.to_owned())))
        .collect()
}

fn apply(root: &mut Value, operation: &Operation) -> Result<(), PatchError> {
    let (Operation::Add(path, _)
    | Operation::Remove(path)
    | Operation::Replace(path, _)
    | Operation::Test(path, _)) = operation;
    let missing = || PatchError::Missing(path.clone());
    let mut tokens = tokens(path)?;
    let Some(last) = tokens.pop() else {
        return match operation {
            Operation::Add(_, value) | Operation::Replace(_, value) => {
                *root = value.clone();
                Ok(())
            }
            Operation::Test(_, value) if root == value => Ok(()),
            Operation::Test(..) => Err(PatchError::Test(path.clone())),
            Operation::Remove(_) => {
                *root = Value::Null;
                Ok(())
            }
        };
    };
    let mut parent = root;
    for token in &tokens {
        parent = child(parent, token).ok_or_else(missing)?;
    }
    match operation {
        Operation::Add(_, value) => match parent {
            Value::Object(object) => object.insert(last, value.clone()),
            Value::Array(items) if last == "-" => items.push(value.clone()),
            Value::Array(items) => {
                let at = position(&last, items.len().saturating_add(1)).ok_or_else(missing)?;
                items.insert(at, value.clone());
            }
            _ => return Err(missing()),
        },
        Operation::Remove(_) => match parent {
            Value::Object(object) => {
                object.remove(&last).ok_or_else(missing)?;
            }
            Value::Array(items) => {
                let at = position(&last, items.len()).ok_or_else(missing)?;
                items.remove(at);
            }
            _ => return Err(missing()),
        },
        Operation::Replace(_, value) => {
            *child(parent, &last).ok_or_else(missing)? = value.clone();
        }
        Operation::Test(_, value) => {
            if child(parent, &last).ok_or_else(missing)? != value {
                return Err(PatchError::Test(path.clone()));
            }
        }
    }
    Ok(())
}

/// As deep as the reader of values allows.
fn compare(before: &Value, after: &Value, path: &mut String, out: &mut Vec<Operation>) {
    if before == after || out.len() > OPERATIONS_MAX {
        return;
    }
    let here = path.len();
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, _) in old.iter().filter(|(key, _)| new.get(key).is_none()) {
                push_token(path, key);
                out.push(Operation::Remove(path.clone()));
                path.truncate(here);
            }
            for (key, value) in new.iter() {
                push_token(path, key);
                match old.get(key) {
                    Some(was) => compare(was, value, path, out),
                    None => out.push(Operation::Add(path.clone(), value.clone())),
                }
                path.truncate(here);
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            for (at, (was, value)) in old.iter().zip(new).enumerate() {
                push_token(path, &at.to_string());
                compare(was, value, path, out);
                path.truncate(here);
            }
            for at in (new.len()..old.len()).rev() {
                push_token(path, &at.to_string());
                out.push(Operation::Remove(path.clone()));
                path.truncate(here);
            }
            for value in new.iter().skip(old.len()) {
                out.push(Operation::Add(format!("{path}/-"), value.clone()));
            }
        }
        _ => out.push(Operation::Replace(path.clone(), after.clone())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(json: &str) -> Value {
        Value::parse(json.as_bytes()).unwrap()
    }

    /// Value, patch, result or a part of the refusal.
    #[test]
    fn cases() {
        let cases = r#"
            {"a":1} | [] | {"a":1}
            {"a":1} | [{"op":"replace","path":"/a","value":2}] | {"a":2}
            {"a":1} | [{"op":"add","path":"/b","value":[1]}] | {"a":1,"b":[1]}
            {"a":1} | [{"op":"add","path":"/a","value":3}] | {"a":3}
            {"a":1} | [{"op":"remove","path":"/a"}] | {}
            {"a":[1,2]} | [{"op":"add","path":"/a/1","value":9}] | {"a":[1,9,2]}
            {"a":[1,2]} | [{"op":"add","path":"/a/2","value":9}] | {"a":[1,2,9]}
            {"a":[1,2]} | [{"op":"add","path":"/a/-","value":9}] | {"a":[1,2,9]}
            {"a":[1,2]} | [{"op":"remove","path":"/a/0"}] | {"a":[2]}
            {"a/b":1,"m~n":2} | [{"op":"replace","path":"/a~1b","value":3},{"op":"remove","path":"/m~0n"}] | {"a/b":3}
            {"a":1} | [{"op":"replace","path":"","value":{"z":0}}] | {"z":0}
            {"a":1} | [{"op":"test","path":"/a","value":1},{"op":"remove","path":"/a"}] | {}
            {"":1} | [{"op":"replace","path":"/","value":2}] | {"":2}
            {"a":1} | [{"op":"test","path":"/a","value":2},{"op":"remove","path":"/a"}] | ! not what the patch expects
            {"a":1} | [{"op":"test","path":"/a","value":1.0}] | ! not what the patch expects
            {"a":1} | [{"op":"remove","path":"/b"}] | ! nothing at `/b`
            {"a":1} | [{"op":"replace","path":"/b","value":1}] | ! nothing at `/b`
            {"a":1} | [{"op":"add","path":"/b/c","value":1}] | ! nothing at `/b/c`
            {"a":[1]} | [{"op":"remove","path":"/a/01"}] | ! nothing at
            {"a":[1]} | [{"op":"remove","path":"/a/-"}] | ! nothing at
            {"a":[1]} | [{"op":"add","path":"/a/3","value":1}] | ! nothing at
            {"a":1} | [{"op":"add","path":"/a/b","value":1}] | ! nothing at
            {"a":1} | [{"op":"remove","path":"a"}] | ! JSON pointer
            {"a":1} | [{"op":"remove","path":"/~2"}] | ! JSON pointer
            {"a":1} | [{"op":"move","path":"/a","from":"/b"}] | ! `op` must be
            {"a":1} | [{"op":"add","path":"/a"}] | ! a patch is a list
            {"a":1} | {"op":"remove"} | ! a patch is a list
        "#;
        let mut ran = 0;
        for line in cases.lines().filter(|l| l.contains(" | ")) {
            let parts: Vec<&str> = line.split(" | ").map(str::trim).collect();
            let [before, patch, want] = parts[..] else {
                panic!("{line}");
            };
            let got = Patch::from_value(&value(patch)).and_then(|p| p.apply(&value(before)));
            match (got, want.strip_prefix("! ")) {
                (Ok(got), None) => assert_eq!(got.to_json(), want, "{line}"),
                (Err(error), Some(part)) => assert!(error.to_string().contains(part), "{error}"),
                (got, _) => panic!("{line}: {got:?}"),
            }
            ran += 1;
        }
        assert_eq!(ran, 27);
    }

    #[test]
    fn limits() {
        let many: Vec<String> = (0..=OPERATIONS_MAX)
            .map(|_| r#"{"op":"remove","path":"/a"}"#.to_owned())
            .collect();
        let many = value(&format!("[{}]", many.join(",")));
        assert_eq!(Patch::from_value(&many), Err(PatchError::Operations));
        let deep = format!("{}1{}", "[".repeat(60), "]".repeat(60));
        let path = "/0".repeat(59);
        let patch = value(&format!(
            r#"[{{"op":"add","path":"{path}/-","value":{deep}}}]"#
        ));
        let refused = Patch::from_value(&patch).unwrap().apply(&value(&deep));
        assert!(matches!(refused, Err(PatchError::Value(_))), "{refused:?}");
        // More changes than a patch has room for become one.
        let array = |n: usize| value(&format!("[{}]", vec![n.to_string(); 1_000].join(",")));
        let patch = Patch::between(&array(1), &array(2));
        assert_eq!(patch.operations().len(), 1);
        assert_eq!(patch.apply(&array(1)).unwrap(), array(2));
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i32>().prop_map(|n| Value::Number(i64::from(n).into())),
            "[a~/ü\"-]{0,3}".prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::vec(("[ab~/-]{0,2}", inner), 0..4)
                    .prop_map(|all| Value::Object(all.into_iter().collect())),
            ]
        })
    }

    fn same(a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::Object(a), Value::Object(b)) => {
                a.len() == b.len()
                    && a.iter()
                        .all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
            }
            (Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
            }
            _ => a == b,
        }
    }

    proptest! {
        #[test]
        fn what_lies_between_two_values_makes_one_of_the_other(
            before in any_value(), after in any_value(),
        ) {
            let patch = Patch::between(&before, &after);
            let made = patch.apply(&before).unwrap();
            prop_assert!(same(&made, &after), "{patch:?}");
            let read = Patch::from_value(&value(&patch.to_value().to_json())).unwrap();
            prop_assert_eq!(read, patch);
        }
    }
}
