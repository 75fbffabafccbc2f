//! YAML as JSON, with the line of each value: for documents beside policies, such as what undoes a
//! request, or the description of a service.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Reports, SourceText};
use crate::document::{Kind, Node, parse};

/// A document, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Yaml {
    /// Its value as JSON. Keys that are numbers are texts there, as `200:` is.
    pub json: String,
    /// The line, from 1, of each value by its JSON Pointer (RFC 6901): where its key stands, if it has
    /// one.
    pub lines: BTreeMap<String, u32>,
}

/// Reads a YAML document of at most [`FILE_BYTES_MAX`](crate::FILE_BYTES_MAX) bytes; `name` is what
/// messages call it. With `lines` its values can be found again, which a large one does not need.
///
/// # Errors
/// Where it is no YAML, too large, nested too deeply, or has a key twice.
pub fn read_yaml(name: &str, text: &str, lines: bool) -> Result<Yaml, Box<Diagnostic>> {
    let source = SourceText::new(name, text);
    let mut reports = Reports::new(&source);
    let Some(node) = parse(&mut reports) else {
        let first = reports.found.into_iter().next();
        return Err(Box::new(first.unwrap_or_else(|| Diagnostic {
            severity: crate::Severity::Error,
            code: "policy.syntax",
            message: "not valid YAML".to_owned(),
            help: None,
            file: name.to_owned(),
            line: 0,
            column: 0,
            width: 1,
            excerpt: String::new(),
        })));
    };
    let mut found = BTreeMap::new();
    if lines {
        place(
            &source,
            &node,
            node.span.start,
            &mut String::new(),
            &mut found,
        );
    }
    Ok(Yaml {
        json: node.to_value().to_json(),
        lines: found,
    })
}

fn place(
    source: &SourceText<'_>,
    node: &Node,
    at: usize,
    pointer: &mut String,
    found: &mut BTreeMap<String, u32>,
) {
    found.insert(pointer.clone(), source.line_number(at));
    let length = pointer.len();
    match &node.kind {
        Kind::List(items) => {
            for (index, item) in items.iter().enumerate() {
                pointer.push('/');
                pointer.push_str(&index.to_string());
                place(source, item, item.span.start, pointer, found);
                pointer.truncate(length);
            }
        }
        Kind::Map(entries) => {
            for entry in entries {
                pointer.push('/');
                pointer.push_str(&entry.key.replace('~', "~0").replace('/', "~1"));
                place(source, &entry.value, entry.key_span.start, pointer, found);
                pointer.truncate(length);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_lines() {
        let text = "a:\n  - x: 1\n    y/z: [true, null]\n  - 'two'\n200: {b: 1.50}\n";
        let read = read_yaml("t.yaml", text, true).unwrap();
        assert_eq!(
            read.json,
            r#"{"a":[{"x":1,"y/z":[true,null]},"two"],"200":{"b":1.50}}"#
        );
        let shown: Vec<String> = read.lines.iter().map(|(p, l)| format!("{p}={l}")).collect();
        assert_eq!(
            shown.join(" "),
            "=1 /200=5 /200/b=5 /a=1 /a/0=2 /a/0/x=2 /a/0/y~1z=3 /a/0/y~1z/0=3 /a/0/y~1z/1=3 /a/1=4"
        );
        assert!(read_yaml("t.yaml", text, false).unwrap().lines.is_empty());
    }

    #[test]
    fn what_is_no_yaml_has_a_line() {
        for (text, line) in [("a: [1, 2\nb: 3\n", 2), ("a: 1\n\na: 2\n", 3)] {
            let wrong = read_yaml("t.yaml", text, true).unwrap_err();
            assert_eq!(
                (wrong.file.as_str(), wrong.line),
                ("t.yaml", line),
                "{wrong}"
            );
        }
        let deep = format!("{}1{}", "[".repeat(500), "]".repeat(500));
        assert!(read_yaml("t.yaml", &deep, true).is_err());
    }
}
