//! One connection: HTTP/1 with a time limit on everything that the other side does.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use axum::response::IntoResponse;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep};

use crate::error::ApiError;
use crate::limits::Limits;

/// Where a request came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

/// Serves a connection until it ends, or until `stopping` and what is underway is answered.
pub(crate) async fn serve<T>(
    io: T,
    address: IpAddr,
    router: Router,
    limits: &Limits,
    mut stopping: watch::Receiver<bool>,
) where
    T: AsyncRead + AsyncWrite + Send + Unpin,
{
    let turn = Arc::new(Turn::default());
    let guarded = Guarded::new(io, Arc::clone(&turn), limits);
    let service = Serving {
        router: TowerToHyperService::new(router),
        turn,
        address,
        body_timeout: limits.body_timeout,
    };
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        // From one request to the head of the next; `Guarded` is stricter once a head has begun.
        .header_read_timeout(limits.idle_timeout)
        .max_headers(limits.headers_max)
        .max_header_size(limits.head_bytes_max)
        .max_buf_size(limits.head_bytes_max.max(64 * 1024))
        .half_close(true)
        .serve_connection(TokioIo::new(guarded), service);
    let mut connection = std::pin::pin!(connection);
    let stop = async {
        // When the other half is gone, the server is going too.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    };
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stop => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        // The other side broke a rule or went away; that is its own affair.
        tracing::debug!(%address, %error, "a connection ended early");
    }
}

/// Whose turn it is on a connection.
#[derive(Debug, Default)]
struct Turn {
    /// Requests whose head was read.
    heads: AtomicU64,
    /// A request is being served.
    serving: AtomicBool,
    /// Its body did not come in time.
    body_late: AtomicBool,
}

/// Ends the turn of a request whatever becomes of it.
struct Serves(Arc<Turn>);

impl Drop for Serves {
    fn drop(&mut self) {
        self.0.serving.store(false, Ordering::Release);
    }
}

/// A timer that exists only once somebody had to wait.
#[derive(Debug, Default)]
struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    fn poll(&mut self, cx: &mut Context<'_>, due: Instant) -> Poll<()> {
        let sleep = self
            .0
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        if sleep.deadline() != due {
            sleep.as_mut().reset(due);
        }
        sleep.as_mut().poll(cx)
    }
}

/// A stream whose other side must get on with the head of a request, and take its answers.
#[derive(Debug)]
struct Guarded<T> {
    io: T,
    turn: Arc<Turn>,
    head_timeout: Duration,
    write_timeout: Duration,
    /// The head that is being read, by the number of those before it, and when it is due.
    head: (u64, Instant),
    /// When the other side must have taken something.
    write_due: Option<Instant>,
    read_alarm: Alarm,
    write_alarm: Alarm,
}

impl<T> Guarded<T> {
    fn new(io: T, turn: Arc<Turn>, limits: &Limits) -> Self {
        Self {
            io,
            turn,
            head_timeout: limits.head_timeout,
            write_timeout: limits.write_timeout,
            head: (0, Instant::now() + limits.head_timeout),
            write_due: None,
            read_alarm: Alarm::default(),
            write_alarm: Alarm::default(),
        }
    }

    /// What a write came to: a time limit holds for as long as nothing is taken.
    fn written<R>(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if result.is_ready() {
            self.write_due = None;
            return result;
        }
        let due = *self
            .write_due
            .get_or_insert_with(|| Instant::now() + self.write_timeout);
        ready!(self.write_alarm.poll(cx, due));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Guarded<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let result = Pin::new(&mut this.io).poll_read(cx, buf);
        if this.turn.serving.load(Ordering::Acquire) {
            // A body has its own time limit.
            return result;
        }
        let heads = this.turn.heads.load(Ordering::Acquire);
        if result.is_ready() {
            if buf.filled().len() > before && this.head.0 != heads {
                this.head = (heads, Instant::now() + this.head_timeout);
            }
            return result;
        }
        if this.head.0 == heads {
            ready!(this.read_alarm.poll(cx, this.head.1));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Guarded<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_write(cx, bytes);
        this.written(cx, result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_write_vectored(cx, parts);
        this.written(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_flush(cx);
        this.written(cx, result)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_shutdown(cx);
        this.written(cx, result)
    }
}

/// A body that must be there in time.
#[derive(Debug)]
struct Timed {
    body: Incoming,
    turn: Arc<Turn>,
    timeout: Duration,
    due: Option<Instant>,
    alarm: Alarm,
}

/// A body was not there in time.
#[derive(Debug, thiserror::Error)]
#[error("the body was not there in time")]
struct BodyLate;

impl HttpBody for Timed {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|f| f.map_err(Into::into)));
        }
        let due = *this
            .due
            .get_or_insert_with(|| Instant::now() + this.timeout);
        ready!(this.alarm.poll(cx, due));
        this.turn.body_late.store(true, Ordering::Release);
        Poll::Ready(Some(Err(BodyLate.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The router as hyper calls it.
struct Serving {
    router: TowerToHyperService<Router>,
    turn: Arc<Turn>,
    address: IpAddr,
    body_timeout: Duration,
}

impl Service<Request<Incoming>> for Serving {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let turn = Arc::clone(&self.turn);
        turn.serving.store(true, Ordering::Release);
        turn.heads.fetch_add(1, Ordering::AcqRel);
        let serves = Serves(Arc::clone(&turn));
        let mut request = request.map(|body| {
            Body::new(Timed {
                body,
                turn: Arc::clone(&turn),
                timeout: self.body_timeout,
                due: None,
                alarm: Alarm::default(),
            })
        });
        request.extensions_mut().insert(ClientAddress(self.address));
        let answer = self.router.call(request);
        Box::pin(async move {
            let _serves = serves;
            let response = answer.await?;
            if turn.body_late.load(Ordering::Acquire) {
                let mut late = ApiError::new(
                    StatusCode::REQUEST_TIMEOUT,
                    "body.timeout",
                    "the body of the request was not there in time",
                )
                .into_response();
                late.headers_mut()
                    .insert(header::CONNECTION, HeaderValue::from_static("close"));
                return Ok(late);
            }
            Ok(response)
        })
    }
}
