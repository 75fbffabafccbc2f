//! Undo for what agents do: before an effect happens, how things are is written down; a rollback
//! puts them back, newest first.
//!
//! ```
//! use interlock_effects::{About, FileOp, Limits, NoExecutor, Rollback, Undo};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let dir = tempfile::tempdir()?;
//! let file = dir.path().join("report.txt");
//! std::fs::write(&file, "before")?;
//!
//! let undo = Undo::open(&dir.path().join("undo"), Limits::default(), true)?;
//! let step = undo.begin(&About { agent: "bot".into(), ..About::default() })?;
//! undo.before(step, FileOp::Write(&file))?;
//! std::fs::write(&file, "after")?;
//! undo.seal(step)?;
//!
//! let report = undo.rollback(&Rollback::last(1), &mut NoExecutor)?;
//! assert_eq!(report.undone.len(), 1);
//! assert_eq!(std::fs::read_to_string(&file)?, "before");
//! # Ok(())
//! # }
//! ```
//!
//! A *step* is what a person would call one action; it has one or more *effects*. The journal is
//! written ahead of each effect, and before it the pre-image: a hard link where the effect takes a
//! name away, a copy where it writes in place. [`Undo::plan`] tells before anything happens whether an
//! operation could be undone. A rollback checks a whole step before it touches anything of it, and
//! notes its progress, so that one that is cut off is completed by the next.

mod error;
mod files;
mod journal;
mod limits;
mod record;
mod rollback;
mod shadow;
mod steps;
mod undo;

pub use error::{EffectError, Irreversible, Refusal};
pub use files::FileOp;
pub use limits::Limits;
pub use record::{About, Declared};
pub use rollback::{Executor, NoExecutor, Report, Rollback, Stopped};
pub use shadow::{
    Changed, Conflict, Entry, Refused, Shadow, ShadowChange, ShadowError, ShadowLimits, Shown,
    Times,
};
pub use steps::StepInfo;
pub use undo::{Settled, Undo};
