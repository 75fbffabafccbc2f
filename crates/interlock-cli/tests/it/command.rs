//! Runs the binary and shows everything that came of it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The standard output as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("{e}\n{}\n{}", self.stdout, self.stderr))
    }

    /// Code, output and errors as one text, with `replace` applied.
    pub(crate) fn shown(&self, replace: &[(&str, &str)]) -> String {
        let mut text = format!("exit {}\n", self.code);
        for (name, part) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !part.is_empty() {
                let _ = write!(text, "--- {name}\n{part}");
            }
        }
        for (from, to) in replace {
            text = text.replace(from, to);
        }
        // Trailing blanks do not survive in a snapshot that editors touch.
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        lines.join("\n")
    }
}

pub(crate) fn command(args: &[&str], directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_interlock"));
    command.args(args).current_dir(directory);
    // Nothing of the caller's own set-up may show.
    for name in [
        "INTERLOCK_URL",
        "INTERLOCK_API_KEY",
        "INTERLOCK_DATA",
        "INTERLOCK_LISTEN",
        "INTERLOCK_POLICY",
        "INTERLOCK_ADMIN_KEY",
        "INTERLOCK_LOG",
    ] {
        command.env_remove(name);
    }
    command.env("COLUMNS", "100").env("NO_COLOR", "1");
    command
}

/// Runs `interlock` with `args` in `directory`.
pub(crate) fn run(args: &[&str], directory: &Path) -> Ran {
    Ran::of(
        command(args, directory)
            .stdin(Stdio::null())
            .output()
            .unwrap(),
    )
}

/// As [`run`], with something on the standard input.
pub(crate) fn run_with(args: &[&str], directory: &Path, stdin: &str) -> Ran {
    let mut child = command(args, directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that fails early does not read it.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    Ran::of(child.wait_with_output().unwrap())
}

/// A process of the binary that is stopped when the test ends.
#[derive(Debug)]
pub(crate) struct Running(std::process::Child);

impl Running {
    /// Starts `interlock` with `args` and an admin key.
    pub(crate) fn start(args: &[&str], directory: &Path, key: &str) -> Self {
        let child = command(args, directory)
            .env("INTERLOCK_ADMIN_KEY", key)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Asks it to stop, and waits.
    pub(crate) fn stop(mut self) {
        let id = self.0.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
