//! An enforcement point and a server that is somewhere else.
//!
//! [`Remote`] asks the server about everything. [`Connected`] decides in this process, by the
//! server's signed bundle and for as long as a [lease](interlock_policy::Lease) holds, and sends its
//! record there; what one process cannot know (whether a person agrees, what others have used up of
//! a limit or a budget) it asks the server.
//!
//! **Invariant:** what is in doubt is asked again under the same idempotency key, or ends in an
//! error, which denies. **Invariant:** a server is believed by its key alone: by the one that was
//! given, or by the one that was first met. **Invariant:** an action that runs because no server
//! answered is on record first, and is told to the server.

mod address;
mod answer;
mod api;
mod connected;
mod connection;
mod decider;
mod error;
mod held;
mod http;
mod own;
mod queue;
mod reachable;
mod refused;
mod rollback;
mod spool;
mod unavailable;

pub use address::ServerAddress;
pub use connected::{Connected, ConnectedOptions, Standing};
pub use connection::ConnectionOptions;
pub use decider::{Decider, ServerOptions};
pub use error::ServerError;
pub use reachable::{Remote, RemoteOptions};
pub use unavailable::{OnUnavailable, Otherwise};

pub(crate) use connection::Connection;
pub(crate) use held::Held;
