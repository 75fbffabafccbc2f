//! What commands share that look for something: the filter, its pages, and what is shown of them.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use interlock_filter::{Resource, parse};
use serde_json::Value;

use super::approvals::visible;
use crate::client::{Client, Page};

/// Rows of one request.
const PAGE_ROWS: usize = 500;

/// What to look for.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct FilterArgs {
    /// What to look for: `agent:billing* decision:block risk:>70 "free text"`.
    ///
    /// One that begins with a minus comes after `--`.
    #[arg(value_name = "FILTER")]
    filter: Vec<String>,
    /// Not before: `24h`, `30m`, `7d` back from now, or a time.
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Before: `24h`, `30m`, `7d` back from now, or a time.
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// How many to show at most.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
}

impl FilterArgs {
    /// The filter as one text, which was found to be one; else what is wrong, with a caret.
    pub(crate) fn text(&self, resource: &Resource) -> Result<String> {
        let mut text = self.filter.join(" ");
        for (name, when) in [("since", &self.since), ("until", &self.until)] {
            if let Some(when) = when {
                let _ = write!(text, " {name}:{when}");
            }
        }
        let text = text.trim().to_owned();
        if let Err(error) = parse(&text, resource) {
            bail!("this is no filter:\n{}", error.pointed(&text));
        }
        Ok(text)
    }

    pub(crate) const fn limit(&self) -> usize {
        self.limit as usize
    }
}

/// A text as a part of an address.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Gathers rows page by page, until there are so many or the list is at its end. `path` is the
/// list's address with its parameters; `cursor` the name of the parameter that goes on.
pub(crate) fn gather(
    client: &Client,
    path: &str,
    cursor: &str,
    limit: usize,
    page_rows: usize,
    mut progress: impl FnMut(&str, usize),
) -> Result<Vec<Value>> {
    let mut rows = Vec::new();
    let mut from = String::new();
    loop {
        let wanted = (limit - rows.len()).min(page_rows);
        let sign = if path.contains('?') { '&' } else { '?' };
        let Page {
            body,
            next,
            searched_to,
            behind,
        } = client.page(&format!("{path}{sign}limit={wanted}{from}"))?;
        if let Some(entries) = behind.filter(|_| rows.is_empty() && from.is_empty()) {
            eprintln!(
                "The server is adding {entries} recorded entries to its lists since it was started: the newest may be missing."
            );
        }
        if let Value::Array(more) = body {
            rows.extend(more);
        }
        let Some(next) = next.filter(|_| rows.len() < limit) else {
            return Ok(rows);
        };
        if let Some(to) = &searched_to {
            progress(to, rows.len());
        }
        from = format!("&{cursor}={}", encoded(&next));
    }
}

/// As [`gather`], with the rows of a page that suit most lists.
pub(crate) fn gather_all(
    client: &Client,
    path: &str,
    limit: usize,
    progress: impl FnMut(&str, usize),
) -> Result<Vec<Value>> {
    gather(client, path, "before", limit, PAGE_ROWS, progress)
}

/// A text that an agent wrote, on one line and cut where it is long.
pub(crate) fn shown(value: &Value, chars: usize) -> String {
    let text = visible(value.as_str().unwrap_or_default()).replace('\n', "\\n");
    if text.chars().count() <= chars {
        return text;
    }
    text.chars().take(chars).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use interlock_filter::ACTIONS;

    fn args(filter: &[&str], since: Option<&str>) -> FilterArgs {
        FilterArgs {
            filter: filter.iter().map(|&word| word.to_owned()).collect(),
            since: since.map(str::to_owned),
            until: None,
            limit: 1,
        }
    }

    #[test]
    fn what_is_wrong_has_a_caret() {
        let right = args(&["agent:x", "risk:>7"], Some("24h"));
        assert_eq!(right.text(&ACTIONS).unwrap(), "agent:x risk:>7 since:24h");
        let wrong = args(&["agent:x", "riks:>7"], None);
        assert_eq!(
            wrong.text(&ACTIONS).unwrap_err().to_string(),
            "this is no filter:\nagent:x riks:>7\n        ^ actions have no field `riks`; did you mean `risk`?"
        );
    }

    #[test]
    fn hidden_characters_are_spelt_out() {
        let text = shown(&Value::from("a\u{202e}b\nc\u{1b}[31m"), 60);
        assert!(!text.contains(['\u{202e}', '\n', '\u{1b}']), "{text}");
        assert_eq!(shown(&Value::from("abcdef"), 3), "abc…");
    }
}
