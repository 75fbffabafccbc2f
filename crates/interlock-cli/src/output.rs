//! Printing: text for people, JSON for programs.

use serde_json::{Value, json};

/// How a command prints.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub(crate) json: bool,
}

impl Output {
    /// Text, or JSON.
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints a result: `value` as JSON, or what `text` writes.
    #[expect(clippy::print_stdout, reason = "this is where a command prints")]
    pub(crate) fn print(self, value: &Value, text: impl FnOnce() -> String) {
        if self.json {
            println!("{value}");
        } else {
            let text = text();
            println!("{}", text.trim_end_matches('\n'));
        }
    }

    /// Prints an error with its causes.
    #[expect(clippy::print_stderr, reason = "this is where a command prints")]
    pub(crate) fn error(self, error: &anyhow::Error) {
        if self.json {
            eprintln!("{}", json!({ "error": format!("{error:#}") }));
        } else {
            eprintln!("error: {error:#}");
        }
    }

    /// Prints a line of progress, for people only.
    #[expect(clippy::print_stderr, reason = "this is where a command prints")]
    pub(crate) fn note(self, text: &str) {
        if !self.json {
            eprintln!("{text}");
        }
    }
}
