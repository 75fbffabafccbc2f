//! Questions to a server, on threads of their own: it may take its time, and the pool of Node.js, four
//! threads for the files, names and signatures of the whole program, must not wait for it.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;

use napi::bindgen_prelude::Object;
use napi::{Env, JsDeferred, Result};
use napi_derive::napi;

use crate::engine::{Engine, Report, approval, outcome};
use crate::error::unavailable;
use crate::task::caught;
use crate::terms::{Terms, check};

/// Questions under way at once; further ones wait.
const THREADS_MAX: usize = 16;
/// Questions that wait.
const WAITING_MAX: usize = 10_000;

type Job = Box<dyn FnOnce() + Send>;
type Settle = Box<dyn FnOnce(Env) -> Result<String> + Send>;

struct Askers {
    jobs: Sender<Job>,
    taken: Mutex<Receiver<Job>>,
    count: Mutex<Count>,
}

#[derive(Default)]
struct Count {
    threads: usize,
    /// Jobs that are taken or wait to be.
    jobs: usize,
}

static ASKERS: LazyLock<Askers> = LazyLock::new(|| {
    let (jobs, taken) = channel();
    Askers {
        jobs,
        taken: Mutex::new(taken),
        count: Mutex::default(),
    }
});

impl Askers {
    fn count(&self) -> std::sync::MutexGuard<'_, Count> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a thread do `job`, if one can.
    fn begin(&'static self, job: Job) -> std::result::Result<(), &'static str> {
        let mut count = self.count();
        if count.jobs >= WAITING_MAX {
            return Err("too many questions wait for the server");
        }
        if count.jobs >= count.threads && count.threads < THREADS_MAX {
            let spawned = thread::Builder::new()
                .name("interlock-asks".to_owned())
                .spawn(|| self.work());
            match spawned {
                Ok(_) => count.threads += 1,
                Err(_) if count.threads > 0 => {}
                Err(_) => return Err("there is no thread to ask the server"),
            }
        }
        count.jobs += 1;
        self.jobs
            .send(job)
            .map_err(|_| "there is no thread to ask the server")
    }

    fn work(&self) {
        loop {
            let job = {
                let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
                taken.recv()
            };
            let Ok(job) = job else { return };
            job();
            self.count().jobs -= 1;
        }
    }
}

/// A promise of what `work` answers on one of the threads.
fn asked(env: &Env, work: impl FnOnce() -> Result<String> + Send + 'static) -> Result<Object<'_>> {
    let (deferred, promise): (JsDeferred<String, Settle>, _) = env.create_deferred()?;
    let refused = deferred.clone();
    let job = move || match caught(work) {
        Ok(text) => deferred.resolve(Box::new(move |_| Ok(text))),
        Err(error) => deferred.reject(error),
    };
    if let Err(why) = ASKERS.begin(Box::new(job)) {
        refused.reject(unavailable(why));
    }
    Ok(promise)
}

#[napi]
impl Engine {
    /// As `check` or `checkUnder`, where a server may have to decide.
    ///
    /// # Errors
    /// When there can be no promise.
    #[napi]
    pub fn ask_check<'env>(
        &self,
        env: &'env Env,
        action: String,
        terms: Terms,
    ) -> Result<Object<'env>> {
        let decider = self.decider.clone();
        asked(env, move || check(&decider, &action, &terms))
    }

    /// As `outcome`, where it may be a server's.
    ///
    /// # Errors
    /// When there can be no promise.
    #[napi]
    pub fn ask_outcome<'env>(&self, env: &'env Env, report: Report) -> Result<Object<'env>> {
        let decider = self.decider.clone();
        asked(env, move || outcome(&decider, &report))
    }

    /// As `approval`, where it is a server's.
    ///
    /// # Errors
    /// When there can be no promise.
    #[napi]
    pub fn ask_approval<'env>(&self, env: &'env Env, id: String) -> Result<Object<'env>> {
        let decider = self.decider.clone();
        asked(env, move || approval(&decider, &id, 0))
    }
}
