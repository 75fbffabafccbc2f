//! Python objects as the values of an action, and back.
//!
//! Numbers keep every digit. What JSON does not have is asked of `interlock._plain.plain`, which
//! knows paths, times, enumerations, dataclasses and models; what it does not know is refused,
//! because a decision on something else than what the tool gets would be worth nothing.

use interlock_core::model::limits::{JSON_DEPTH_MAX, JSON_KEYS_MAX, JSON_VALUES_MAX};
use interlock_core::model::{Object, Value};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::error::invalid;

/// Reads `object` as a value.
pub(crate) fn from_python(field: &str, object: &Bound<'_, PyAny>) -> PyResult<Value> {
    let mut reader = Reader { field, values: 0 };
    reader.value(object, 0)
}

/// Reads `object`, which must be a mapping, as an object.
pub(crate) fn object_from_python(field: &str, object: &Bound<'_, PyAny>) -> PyResult<Object> {
    match from_python(field, object)? {
        Value::Object(object) => Ok(object),
        Value::Null => Ok(Object::new()),
        other => Err(invalid(
            object.py(),
            format!("`{field}` must be a mapping, not a {}", other.type_name()),
            "action.field-type",
        )),
    }
}

struct Reader<'a> {
    field: &'a str,
    values: usize,
}

impl Reader<'_> {
    fn value(&mut self, object: &Bound<'_, PyAny>, depth: usize) -> PyResult<Value> {
        self.values += 1;
        if self.values > JSON_VALUES_MAX {
            return Err(self.refuse(
                object,
                &format!("has more than {JSON_VALUES_MAX} values"),
                "json.limit",
            ));
        }
        if depth > JSON_DEPTH_MAX {
            return Err(self.refuse(
                object,
                &format!("is nested deeper than {JSON_DEPTH_MAX}, or contains itself"),
                "json.limit",
            ));
        }
        if let Ok(text) = object.cast_exact::<PyString>() {
            return self.text(text).map(Value::String);
        }
        if object.is_none() {
            return Ok(Value::Null);
        }
        if let Ok(flag) = object.cast_exact::<PyBool>() {
            return Ok(Value::Bool(flag.is_true()));
        }
        if object.cast_exact::<PyInt>().is_ok() {
            return match object.extract::<i64>() {
                Ok(number) => Ok(Value::from(number)),
                Err(_) => self.number(object, &object.str()?.to_string()),
            };
        }
        if let Ok(number) = object.cast_exact::<PyFloat>() {
            if !number.value().is_finite() {
                return Err(self.refuse(
                    object,
                    "holds a number that is not finite",
                    "json.number",
                ));
            }
            return self.number(object, &object.repr()?.to_string());
        }
        if let Ok(map) = object.cast::<PyDict>() {
            return self.map(map, depth);
        }
        if let Ok(list) = object.cast::<PyList>() {
            let items = list.iter().map(|item| self.value(&item, depth + 1));
            return items.collect::<PyResult<Vec<_>>>().map(Value::Array);
        }
        if let Ok(tuple) = object.cast::<PyTuple>() {
            let items = tuple.iter().map(|item| self.value(&item, depth + 1));
            return items.collect::<PyResult<Vec<_>>>().map(Value::Array);
        }
        let plain = plain(object.py())?.bind(object.py()).call1((object,))?;
        self.value(&plain, depth + 1)
    }

    fn map(&mut self, map: &Bound<'_, PyDict>, depth: usize) -> PyResult<Value> {
        if map.len() > JSON_KEYS_MAX {
            return Err(self.refuse(
                map.as_any(),
                &format!(
                    "has an object of {} keys, the limit is {JSON_KEYS_MAX}",
                    map.len()
                ),
                "json.limit",
            ));
        }
        let mut object = Object::new();
        for (key, value) in map.iter() {
            let name = match key.cast::<PyString>() {
                Ok(text) => self.text(text)?,
                // As `json.dumps` names them.
                Err(_) if key.is_instance_of::<PyInt>() && !key.is_instance_of::<PyBool>() => {
                    key.str()?.to_string()
                }
                Err(_) => {
                    return Err(self.refuse(&key, "has a key that is no string", "json.key"));
                }
            };
            if object.get(&name).is_some() {
                return Err(self.refuse(
                    &key,
                    &format!("has the key `{name}` twice"),
                    "json.duplicate-key",
                ));
            }
            object.insert(name, self.value(&value, depth + 1)?);
        }
        Ok(Value::Object(object))
    }

    fn text(&self, text: &Bound<'_, PyString>) -> PyResult<String> {
        match text.to_str() {
            Ok(text) => Ok(text.to_owned()),
            // A lone surrogate, such as in a file name that is not UTF-8.
            Err(_) => Err(self.refuse(
                text.as_any(),
                "holds a string that is not valid Unicode",
                "json.unicode",
            )),
        }
    }

    fn number(&self, object: &Bound<'_, PyAny>, lexeme: &str) -> PyResult<Value> {
        Value::parse(lexeme.as_bytes())
            .map_err(|e| self.refuse(object, &format!("holds a number: {e}"), e.kind.code()))
    }

    fn refuse(&self, object: &Bound<'_, PyAny>, what: &str, code: &str) -> PyErr {
        invalid(object.py(), format!("`{}` {what}", self.field), code)
    }
}

fn plain(py: Python<'_>) -> PyResult<&Py<PyAny>> {
    static PLAIN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    PLAIN.get_or_try_init(py, || {
        Ok(py.import("interlock._plain")?.getattr("plain")?.unbind())
    })
}

/// A value as Python sees JSON.
pub(crate) fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(flag) => PyBool::new(py, *flag).to_owned().into_any(),
        Value::Number(number) => match number.as_i64() {
            Some(number) => number.into_pyobject(py)?.into_any(),
            None => {
                let lexeme = number.lexeme();
                let whole = !lexeme.contains(['.', 'e', 'E']);
                let class = if whole { "int" } else { "float" };
                py.import("builtins")?.getattr(class)?.call1((lexeme,))?
            }
        },
        Value::String(text) => PyString::new(py, text).into_any(),
        Value::Array(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(to_python(py, item)?)?;
            }
            list.into_any()
        }
        Value::Object(object) => {
            let map = PyDict::new(py);
            for (key, value) in object.iter() {
                map.set_item(key, to_python(py, value)?)?;
            }
            map.into_any()
        }
    })
}
