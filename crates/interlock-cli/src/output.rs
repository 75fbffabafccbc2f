//! Printing: text for people, JSON for programs.

use serde_json::{Value, json};

/// What a shell shows for a command that was ended by a closed pipe.
const EXIT_NOBODY_READS: i32 = 141;

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
    pub(crate) fn print(self, value: &Value, text: impl FnOnce() -> String) {
        use std::io::Write as _;
        let text = if self.json { value.to_string() } else { text() };
        let mut stdout = std::io::stdout().lock();
        let written = writeln!(stdout, "{}", text.trim_end_matches('\n'));
        if written.and_then(|()| stdout.flush()).is_err() {
            // Nobody reads any more, as after `| head`; a command that follows something would
            // otherwise go on for ever.
            std::process::exit(EXIT_NOBODY_READS);
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
