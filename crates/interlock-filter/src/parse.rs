//! From a text to a filter.

use crate::error::FilterError;
use crate::fields::{Field, Kind, Resource};
use crate::number::Number;
use crate::pattern::Pattern;
use crate::time::Moment;
use crate::{Compare, Filter, Term, Test};

/// Characters of a filter.
pub const TEXT_CHARS_MAX: usize = 1_000;
/// Terms of a filter.
pub const TERMS_MAX: usize = 32;
/// Values of one term.
pub const VALUES_MAX: usize = 32;

type Result<T> = std::result::Result<T, FilterError>;

/// Parses the filter of a list.
///
/// # Errors
/// The first place where the text is no filter: what is found there and what is allowed.
pub fn parse(text: &str, resource: &Resource) -> Result<Filter> {
    let chars: Vec<char> = text.chars().take(TEXT_CHARS_MAX + 1).collect();
    let mut reader = Reader {
        chars: &chars,
        at: 0,
    };
    if chars.len() > TEXT_CHARS_MAX {
        return reader.fail(
            TEXT_CHARS_MAX,
            format!("the filter has more than {TEXT_CHARS_MAX} characters"),
        );
    }
    let mut filter = Filter::default();
    loop {
        while reader.peek().is_some_and(is_space) {
            reader.at += 1;
        }
        if reader.peek().is_none() {
            return Ok(filter);
        }
        if filter.terms.len() == TERMS_MAX {
            return reader.fail(reader.at, format!("there are more than {TERMS_MAX} terms"));
        }
        filter.terms.push(reader.term(resource)?);
    }
}

/// Only these: what counts as a space must not depend on the language that parses.
const fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

struct Reader<'a> {
    chars: &'a [char],
    at: usize,
}

/// A value: where it begins, its text, and what stands between its `*`; no `*` counts in quotes.
struct Value {
    at: usize,
    text: String,
    parts: Vec<String>,
    quoted: bool,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        self.at += usize::from(found);
        found
    }

    fn fail<T>(&self, at: usize, message: impl Into<String>) -> Result<T> {
        Err(FilterError {
            column: at + 1,
            message: message.into(),
        })
    }

    fn term(&mut self, resource: &Resource) -> Result<Term> {
        let begin = self.at;
        let not = self.eat('-');
        if not && self.peek().is_none_or(is_space) {
            return self.fail(begin, "`-` stands before nothing; it turns a term around");
        }
        let test = match self.field_name() {
            Some(name) => self.field(resource, &name)?,
            None => Test::Free(Pattern::new(self.value(false)?.parts)),
        };
        if self.peek().is_some_and(|c| !is_space(c)) {
            return self.fail(self.at, "a space is missing between two terms");
        }
        Ok(Term {
            not,
            test,
            column: begin + 1,
        })
    }

    /// `name` of `name:`, if that is what comes next; nothing is read otherwise.
    fn field_name(&self) -> Option<String> {
        let rest = self.chars.get(self.at..)?;
        let end = rest
            .iter()
            .position(|c| !(c.is_ascii_lowercase() || *c == '_'))?;
        (end > 0 && rest.get(end) == Some(&':')).then(|| rest.iter().take(end).collect())
    }

    fn field(&mut self, resource: &Resource, name: &str) -> Result<Test> {
        let Some(field) = resource.field(name) else {
            let meant = resource.nearest(name).map_or_else(
                || "quotes make it a text to look for".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("{} have no field `{name}`; {meant}", resource.name);
            return self.fail(self.at, message);
        };
        self.at += name.chars().count() + 1;
        let sign_at = self.at;
        let compare = self.compare();
        if compare.is_some() && field.kind != Kind::Number {
            return self.fail(sign_at, "only numbers are compared with `<` and `>`");
        }
        let values = self.values(field)?;
        if let (Some(_), Some(second)) = (compare, values.get(1)) {
            return self.fail(second.at, "only one number can be compared with");
        }
        self.test(field, compare.unwrap_or(Compare::Equal), &values)
    }

    fn compare(&mut self) -> Option<Compare> {
        if self.eat('>') {
            Some(if self.eat('=') {
                Compare::AtLeast
            } else {
                Compare::Greater
            })
        } else if self.eat('<') {
            Some(if self.eat('=') {
                Compare::AtMost
            } else {
                Compare::Less
            })
        } else {
            None
        }
    }

    fn values(&mut self, field: &Field) -> Result<Vec<Value>> {
        let mut values = Vec::new();
        loop {
            if values.len() == VALUES_MAX {
                return self.fail(self.at, format!("there are more than {VALUES_MAX} values"));
            }
            if self.peek().is_none_or(|c| is_space(c) || c == ',') {
                return self.fail(self.at, format!("`{}:` has no value here", field.name));
            }
            values.push(self.value(true)?);
            if !self.eat(',') {
                return Ok(values);
            }
        }
    }

    /// One value, of a list in which commas separate or not.
    fn value(&mut self, in_list: bool) -> Result<Value> {
        let at = self.at;
        if self.peek() == Some('"') {
            return self.quoted();
        }
        let mut parts = vec![String::new()];
        let mut text = String::new();
        while let Some(c) = self.peek() {
            if is_space(c) || (in_list && c == ',') {
                break;
            }
            if c == '"' {
                return self.fail(
                    self.at,
                    "a quote stands within a word; it must be around all of it",
                );
            }
            text.push(c);
            if c == '*' {
                parts.push(String::new());
            } else if let Some(part) = parts.last_mut() {
                part.push(c);
            }
            self.at += 1;
        }
        Ok(Value {
            at,
            text,
            parts,
            quoted: false,
        })
    }

    fn quoted(&mut self) -> Result<Value> {
        let at = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.peek() {
                None => return self.fail(at, "the quote is not closed"),
                Some('"') => break,
                Some('\\') => {
                    self.at += 1;
                    match self.peek() {
                        Some(c @ ('"' | '\\')) => text.push(c),
                        _ => {
                            return self.fail(
                                self.at - 1,
                                "in quotes, `\\` stands only before `\"` and `\\`",
                            );
                        }
                    }
                }
                Some(c) => text.push(c),
            }
            self.at += 1;
        }
        self.at += 1;
        if text.is_empty() {
            return self.fail(at, "there is nothing in the quotes");
        }
        Ok(Value {
            at,
            parts: vec![text.clone()],
            text,
            quoted: true,
        })
    }

    fn test(&self, field: &'static Field, compare: Compare, values: &[Value]) -> Result<Test> {
        match field.kind {
            Kind::Text => {
                let patterns = values.iter().map(|v| Pattern::new(v.parts.clone()));
                Ok(Test::Text(field, patterns.collect()))
            }
            Kind::Names(names) => {
                let mut known = Vec::new();
                for value in values {
                    let Some(name) = names.iter().find(|name| **name == value.text) else {
                        let allowed = names.join("`, `");
                        let message = format!("`{}` is none of `{allowed}`", shown(&value.text));
                        return self.fail(value.at, message);
                    };
                    known.push(*name);
                }
                Ok(Test::Name(field, known))
            }
            Kind::Number => {
                let mut numbers = Vec::new();
                for value in values {
                    let number = Number::parse(&value.text).filter(|_| !value.quoted);
                    let Some(number) = number else {
                        let message = format!("`{}` is no number", shown(&value.text));
                        return self.fail(value.at, message);
                    };
                    numbers.push(number);
                }
                Ok(Test::Number(field, compare, numbers))
            }
            Kind::Time => {
                if let Some(second) = values.get(1) {
                    return self.fail(second.at, format!("`{}:` takes one time", field.name));
                }
                let value = values.first();
                let moment = value.and_then(|value| Moment::parse(&value.text));
                let (Some(moment), Some(_)) = (moment, value) else {
                    let (at, text) = value.map_or((self.at, ""), |v| (v.at, v.text.as_str()));
                    let message = format!(
                        "`{}` is neither a span such as `24h` nor a time such as `2026-11-21T12:00Z`",
                        shown(text)
                    );
                    return self.fail(at, message);
                };
                Ok(if field.name == "since" {
                    Test::Since(moment)
                } else {
                    Test::Until(moment)
                })
            }
        }
    }
}

/// The beginning of what was found, for a message.
fn shown(text: &str) -> String {
    const CHARS_MAX: usize = 40;
    let mut short: String = text.chars().take(CHARS_MAX).collect();
    if text.chars().nth(CHARS_MAX).is_some() {
        short.push('…');
    }
    short
}
