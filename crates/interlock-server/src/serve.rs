//! Listening.

use std::net::SocketAddr;
use std::time::Duration;

use thiserror::Error;
use tokio::net::TcpListener;

use crate::{App, router};

/// How long a stopping server waits for requests that are underway; one that never finishes must
/// not keep it from stopping.
const GRACE: Duration = Duration::from_secs(5);

/// Why the server could not listen.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The address cannot be used.
    #[error("cannot listen on {address}: {source}; is another server running there?")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The address is reachable from outside, and there is no TLS.
    #[error("{0} is not a loopback address: put a TLS proxy before it and give `--insecure`")]
    NotLoopback(SocketAddr),
    /// Serving failed.
    #[error("serving failed: {0}")]
    Serve(std::io::Error),
}

/// Serves until `stop` is done and what is underway is answered, or has had five seconds for it.
/// `ready` is told the address once the port is open.
///
/// # Errors
/// When the address cannot be used.
pub async fn serve(
    app: App,
    address: SocketAddr,
    insecure: bool,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    if !address.ip().is_loopback() && !insecure {
        return Err(ServeError::NotLoopback(address));
    }
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| ServeError::Listen { address, source })?;
    let local = listener.local_addr().map_err(ServeError::Serve)?;
    ready(local);
    let (stopping, stopped) = tokio::sync::oneshot::channel();
    let served = axum::serve(listener, router(app)).with_graceful_shutdown(async move {
        stop.await;
        // Nobody listens when serving has failed.
        let _ = stopping.send(());
    });
    let out_of_patience = async {
        if stopped.await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        result = served => result.map_err(ServeError::Serve),
        () = out_of_patience => {
            tracing::warn!("some requests did not finish in time and were cut off");
            Ok(())
        }
    }
}
