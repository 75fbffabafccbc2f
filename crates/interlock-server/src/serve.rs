//! Listening.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::{App, connection, router};

/// How long a stopping server waits for requests that are underway; one that never finishes must
/// not keep it from stopping.
const GRACE: Duration = Duration::from_secs(5);
/// Refused connections that are told so at once; more are closed without a word.
const REFUSALS_MAX: usize = 128;
/// How long a refused connection may take to be told.
const REFUSAL: Duration = Duration::from_secs(1);
/// The pause after the system could not accept a connection, such as for want of descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// What a connection beyond the limit is told.
const REFUSED: &str = "HTTP/1.1 503 Service Unavailable\r\n\
    content-type: application/json\r\ncontent-length: 88\r\nretry-after: 1\r\nconnection: close\r\n\r\n\
    {\"code\":\"overloaded\",\"message\":\"the server has as many connections open as it may have\"}";

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
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let refusals = Arc::new(Semaphore::new(REFUSALS_MAX));
    let admission = Arc::clone(app.admission());
    let router = router(app);
    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            () = stop.as_mut() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    accept_failed(&error).await;
                    continue;
                }
            },
        };
        let Some(slot) = admission.connect(peer.ip()) else {
            if let Ok(permit) = Arc::clone(&refusals).try_acquire_owned() {
                connections.spawn(async move {
                    refuse(stream).await;
                    drop(permit);
                });
            }
            continue;
        };
        // Answers are small and somebody waits for each. A socket that is gone is found out below.
        let _ = stream.set_nodelay(true);
        let (router, stopped) = (router.clone(), stopped.clone());
        let admission = Arc::clone(&admission);
        connections.spawn(async move {
            connection::serve(stream, peer.ip(), router, &admission.limits, stopped).await;
            drop(slot);
        });
    }
    drop(listener);
    // Without connections nobody listens.
    let _ = stopping.send(true);
    let done = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, done).await.is_err() {
        tracing::warn!("some requests did not finish in time and were cut off");
        connections.shutdown().await;
    }
    Ok(())
}

/// Some errors are of one connection; of the others, the listener recovers when there is room.
async fn accept_failed(error: &std::io::Error) {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    ) {
        return;
    }
    tracing::error!(%error, "cannot accept connections; look at the limit of open files");
    tokio::time::sleep(ACCEPT_AGAIN).await;
}

/// Tells a client that there is no room. What it sent is read, as closing a socket with unread
/// bytes would take the answer back.
async fn refuse(mut stream: TcpStream) {
    let told = async {
        stream.write_all(REFUSED.as_bytes()).await?;
        stream.shutdown().await?;
        let mut rest = [0; 1024];
        let mut left = 64;
        while left > 0 && stream.read(&mut rest).await? > 0 {
            left -= 1;
        }
        std::io::Result::Ok(())
    };
    // Who does not want to be told is not.
    let _ = tokio::time::timeout(REFUSAL, told).await;
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_refusal_is_a_whole_answer() {
        let (head, body) = super::REFUSED.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("content-length: {}\r\n", body.len())),
            "{}",
            body.len()
        );
        let value: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(value["code"], "overloaded");
    }
}
