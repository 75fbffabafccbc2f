//! Work on a thread of the pool, so that the event loop goes on.

use napi::bindgen_prelude::AsyncTask;
use napi::{Env, Error, Result, Task};

/// What runs on a thread of the pool must not unwind into it.
pub(crate) fn caught(work: impl FnOnce() -> Result<String>) -> Result<String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Error::from_reason("the engine panicked")))
}

/// Work that answers a JSON text.
pub struct TextTask(Option<Box<dyn FnOnce() -> Result<String> + Send>>);

impl std::fmt::Debug for TextTask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextTask").finish_non_exhaustive()
    }
}

impl Task for TextTask {
    type Output = String;
    type JsValue = String;

    fn compute(&mut self) -> Result<String> {
        let work = self.0.take();
        work.map_or_else(
            || Err(Error::from_reason("the work was done before")),
            caught,
        )
    }

    fn resolve(&mut self, _: Env, output: String) -> Result<String> {
        Ok(output)
    }
}

/// A promise of what `work` answers.
pub(crate) fn off_loop(
    work: impl FnOnce() -> Result<String> + Send + 'static,
) -> AsyncTask<TextTask> {
    AsyncTask::new(TextTask(Some(Box::new(work))))
}
