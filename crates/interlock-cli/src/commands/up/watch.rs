//! Watches the files that `interlock up --policy` names, and puts what is written there in force.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use interlock_runtime::{DEFAULT_TENANT, Runtime};

use crate::output::Output;

/// How often the files are looked at. What has changed is read at the next look at which it rests,
/// so that half of a file that is being written is not put in force.
const EVERY: Duration = Duration::from_millis(500);
/// Directories below a bundle's that are looked at, as deep as they are read.
const DEPTH_MAX: usize = 8;
/// Entries that are looked at.
const ENTRIES_MAX: usize = 10_000;

/// What tells a changed file from the one before.
pub(super) type Marks = Vec<(PathBuf, Option<(u64, u64, i64, i64, i64, i64)>)>;

/// A thread that watches policies.
#[derive(Debug)]
pub(super) struct Watch {
    tell: Sender<Message>,
    thread: JoinHandle<()>,
}

/// What the thread is told.
#[derive(Debug, Clone, Copy)]
enum Message {
    Reload,
    Stop,
}

/// Makes the thread read the policies now.
#[derive(Debug, Clone)]
pub(super) struct Reload(Sender<Message>);

impl Reload {
    pub(super) fn now(&self) {
        // When the thread is gone, the server is stopping.
        let _ = self.0.send(Message::Reload);
    }
}

impl Watch {
    /// Watches what `names` names, files and directories; built-in bundles do not change.
    /// `applied` is how they were when they were read.
    pub(super) fn start(
        runtime: Runtime,
        names: Vec<String>,
        applied: Marks,
        out: Output,
    ) -> std::io::Result<Self> {
        let (tell, told) = channel();
        let thread = std::thread::Builder::new()
            .name("policy-watch".to_owned())
            .spawn(move || run(&runtime, &names, out, applied, &told))?;
        Ok(Self { tell, thread })
    }

    pub(super) fn reload(&self) -> Reload {
        Reload(self.tell.clone())
    }

    /// Ends the thread, and waits until a reload that is underway is done.
    pub(super) fn stop(self) {
        let _ = self.tell.send(Message::Stop);
        // A thread that panicked has said why.
        let _ = self.thread.join();
    }
}

fn run(
    runtime: &Runtime,
    names: &[String],
    out: Output,
    mut applied: Marks,
    told: &Receiver<Message>,
) {
    let mut moving: Option<Marks> = None;
    loop {
        let asked = match told.recv_timeout(EVERY) {
            Ok(Message::Reload) => true,
            Err(RecvTimeoutError::Timeout) => false,
            Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
        };
        let now = marks(names);
        if asked || (now != applied && moving.as_ref() == Some(&now)) {
            moving = None;
            apply(runtime, names, out);
            applied = now;
        } else {
            moving = (now != applied).then_some(now);
        }
    }
}

/// Puts the policies in force, or says once what is wrong with them.
fn apply(runtime: &Runtime, names: &[String], out: Output) {
    let before = runtime.bundle(DEFAULT_TENANT).map(|b| b.number);
    let problem = match super::policies(names) {
        Ok(sources) => runtime
            .reload_base(sources, &[DEFAULT_TENANT.to_owned()])
            .err()
            .map(|e| e.to_string()),
        Err(error) => {
            let problem = format!("{error:#}");
            runtime.policy_problem(&problem);
            Some(problem)
        }
    };
    let in_force = runtime.bundle(DEFAULT_TENANT);
    let number = in_force.as_ref().map_or(0, |b| b.number);
    match problem {
        Some(problem) => {
            tracing::error!(
                number,
                "the policies were changed and cannot be put in force; the last good ones stay"
            );
            out.error(&anyhow::anyhow!(
                "the policies were changed and cannot be put in force; bundle {number} stays in force\n{problem}"
            ));
        }
        None if before != Some(number) => out.note(&format!(
            "bundle {number} is in force: {} rules",
            in_force.map_or(0, |b| b.compiled.program.rules().len())
        )),
        None => {}
    }
}

/// The state of every file that the policies could be read from.
pub(super) fn marks(names: &[String]) -> Marks {
    let mut marks = Vec::new();
    for name in names {
        if interlock_policy::built_in(name).is_none() {
            mark(Path::new(name), 0, &mut marks);
        }
    }
    marks
}

fn mark(path: &Path, depth: usize, marks: &mut Marks) {
    if marks.len() >= ENTRIES_MAX {
        return;
    }
    // Through links: what a link leads to may change as well.
    let state = fs::metadata(path).ok();
    marks.push((
        path.to_owned(),
        state.as_ref().map(|m| {
            (
                m.ino(),
                m.len(),
                m.mtime(),
                m.mtime_nsec(),
                m.ctime(),
                m.ctime_nsec(),
            )
        }),
    ));
    let enter = depth == 0 || !path.is_symlink();
    if !state.is_some_and(|m| m.is_dir()) || !enter || depth > DEPTH_MAX {
        return;
    }
    let Ok(entries) = fs::read_dir(path) else {
        return;
    };
    let mut below: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    below.sort();
    for path in below {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("");
        let policy = [".yaml", ".yml", ".cedar"]
            .iter()
            .any(|ending| name.ends_with(ending));
        if !name.starts_with('.') && (policy || path.is_dir()) {
            mark(&path, depth + 1, marks);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_watched() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let write = |name: &str, text: &str| fs::write(root.join(name), text).unwrap();
        fs::create_dir(root.join("team")).unwrap();
        write("a.yaml", "one");
        write("team/b.cedar", "two");
        let names = [root.display().to_string(), "strict".to_owned()];
        let mut last = marks(&names);
        assert_eq!(last, marks(&names));
        let mut changed = |what: &str, expected: bool| {
            let now = marks(&names);
            assert_eq!(now != last, expected, "{what}");
            last = now;
        };
        write("a.yaml", "one and more");
        changed("another length", true);
        write("team/c.yml", "three");
        changed("a new file below", true);
        fs::rename(root.join("team/c.yml"), root.join("team/d.yml")).unwrap();
        changed("another name", true);
        write("aside", "x");
        fs::rename(root.join("aside"), root.join("a.yaml")).unwrap();
        changed("another file under the same name", true);
        fs::remove_dir_all(root.join("team")).unwrap();
        changed("a directory gone", true);
        changed("nothing", false);
        fs::remove_dir_all(root).unwrap();
        changed("everything gone", true);
    }
}
