//! From a filter to the text that everybody would write for it.

use std::fmt;

use crate::pattern::Pattern;
use crate::{Filter, Term, Test};

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, term) in self.terms.iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            write!(f, "{term}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.not {
            f.write_str("-")?;
        }
        let list = |items: Vec<String>| items.join(",");
        match &self.test {
            Test::Text(field, patterns) => {
                let values = list(patterns.iter().map(|p| value(p, false)).collect());
                write!(f, "{}:{values}", field.name)
            }
            Test::Name(field, names) => write!(f, "{}:{}", field.name, names.join(",")),
            Test::Number(field, compare, numbers) => {
                let values = list(numbers.iter().map(ToString::to_string).collect());
                write!(f, "{}:{}{values}", field.name, compare.sign())
            }
            Test::Since(moment) => write!(f, "since:{}", moment.text()),
            Test::Until(moment) => write!(f, "until:{}", moment.text()),
            Test::Free(pattern) => f.write_str(&value(pattern, true)),
        }
    }
}

/// A pattern as it must be written: in quotes where it would be read as something else.
fn value(pattern: &Pattern, free: bool) -> String {
    let text = pattern.parts().join("*");
    let whole = pattern.parts().len() == 1;
    let plain = |c: char| !matches!(c, ' ' | '\t' | '\n' | '\r' | '"' | ',' | '*' | '\\');
    let first = |c: char| !matches!(c, '-' | '<' | '>');
    let named = free && text.contains(':');
    if !whole || (text.chars().all(plain) && text.starts_with(first) && !named) {
        return text;
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
