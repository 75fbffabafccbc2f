//! What a shell command does.

use super::{FactInput, fact_group};

fact_group! {
    /// What a shell command does.
    ShellFacts {
        /// The action carries a shell command.
        present: bool,
        /// The text parsed; when it did not, the dangerous values hold.
        parsed: bool,
        /// Programs run, by base name, wrappers (`sudo`, `env`, `xargs`, `sh -c`) looked through.
        commands: Vec<String>,
        /// Files read.
        reads: Vec<String>,
        /// Files written or created.
        writes: Vec<String>,
        /// Files or trees deleted.
        deletes: Vec<String>,
        /// Hosts reached.
        hosts: Vec<String>,
        /// A tree is deleted (`rm -r`, `find -delete`).
        recursive_delete: bool,
        /// Rights are raised (`sudo`, `su`, `doas`, setuid).
        elevated: bool,
        /// The network is used.
        network: bool,
        /// Data is sent outside (`curl -d @file`, `scp`, `nc`).
        sends: bool,
        /// Text is run as code (`sh -c`, `eval`, `curl | sh`, `python -c`).
        code: bool,
        /// Fetched text is run as code (`curl … | sh`).
        fetched_code: bool,
        /// How many pipes there are.
        pipes: i64,
        /// A substitution or variable hides what runs.
        dynamic: bool,
        /// A disk, a mount or the system's state is destroyed or changed (`mkfs`, `dd of=/dev/…`, `shutdown`, fork bomb).
        destructive: bool,
        /// Permissions or owners change (`chmod`, `chown`, `setfacl`, `usermod`).
        rights: bool,
    }
}

impl ShellFacts {
    /// Computes the group.
    #[must_use]
    pub fn compute(_input: FactInput<'_>) -> Self {
        Self::default()
    }
}
