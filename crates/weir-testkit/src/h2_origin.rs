//! An origin that speaks only HTTP/2, in the manner of gRPC servers: with prior knowledge, or over TLS.
//!
//! ```text
//! /echo    sends the body back as it arrives, then trailers    /error   a status without a body
//! /hold    begins a response that never ends                   /reset   resets the stream
//! /grpc/N  a message of gRPC, then N as its status             /stream  a message, then no end
//! ```
//! Every other path answers 200 with the origin's name. Every answer carries `x-version: NAME`.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Empty, Full, combinators::UnsyncBoxBody};
use hyper::{
    body::{Body, Frame, Incoming},
    server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

/// A body of any kind.
pub(crate) type BoxBody = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// A running origin. Dropping it closes its connections.
#[derive(Debug)]
pub struct H2Origin {
    addr: SocketAddr,
    seen: Arc<Seen>,
    tasks: JoinSet<()>,
}

/// What has arrived.
#[derive(Debug)]
struct Seen {
    name: String,
    requests: Mutex<Vec<http::request::Parts>>,
    connections: watch::Sender<u64>,
    /// Responses on `/hold` that the client no longer waits for.
    abandoned: watch::Sender<u64>,
}

/// A body that never ends.
struct Held {
    seen: Arc<Seen>,
    /// What it begins with.
    first: Option<Bytes>,
}

/// A message of gRPC: not compressed, five bytes.
const MESSAGE: &[u8] = b"\0\0\0\0\x05hello";

// === impl H2Origin ===

impl H2Origin {
    /// Starts on a free loopback port; with `tls`, ALPN has to settle on `h2`.
    ///
    /// # Errors
    /// When loopback has no free port.
    pub async fn start(name: &str, tls: Option<Arc<rustls::ServerConfig>>) -> io::Result<Self> {
        Self::start_at(name, SocketAddr::from(([127, 0, 0, 1], 0)), tls).await
    }

    /// Starts at an address. A port that a previous origin just left can be taken again.
    ///
    /// # Errors
    /// When the address is in use.
    pub async fn start_at(
        name: &str,
        addr: SocketAddr,
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let seen = Arc::new(Seen {
            name: name.to_owned(),
            requests: Mutex::default(),
            connections: watch::Sender::new(0),
            abandoned: watch::Sender::new(0),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, tls.map(TlsAcceptor::from), Arc::clone(&seen)));
        Ok(Self { addr, seen, tasks })
    }

    /// Closes every connection.
    pub async fn kill(mut self) {
        self.tasks.shutdown().await;
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The heads of the requests so far, in order of arrival.
    pub fn requests(&self) -> Vec<http::request::Parts> {
        self.seen.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> u64 {
        *self.seen.connections.borrow()
    }

    /// Waits until a response on `/hold` is given up.
    ///
    /// # Panics
    /// When the origin has ended.
    pub async fn abandoned(&self) {
        let mut abandoned = self.seen.abandoned.subscribe();
        abandoned.wait_for(|count| *count > 0).await.expect("the origin runs");
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, seen: Arc<Seen>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        seen.connections.send_modify(|count| *count += 1);
        connections.spawn(handshake(stream, tls.clone(), Arc::clone(&seen)));
    }
}

async fn handshake(stream: TcpStream, tls: Option<TlsAcceptor>, seen: Arc<Seen>) {
    let _nodelay = stream.set_nodelay(true);
    match tls {
        None => serve(stream, seen).await,
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream, seen).await;
            }
        }
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, seen: Arc<Seen>) {
    let service = service_fn(move |request| {
        let seen = Arc::clone(&seen);
        async move { answer(request, &seen) }
    });
    // How a connection ends is the client's business.
    let _ended =
        http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

/// An error makes hyper reset the stream.
fn answer(request: Request<Incoming>, seen: &Arc<Seen>) -> Result<Response<BoxBody>, io::Error> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    seen.requests.lock().unwrap_or_else(PoisonError::into_inner).push(parts);
    let response = Response::builder().header("x-version", &seen.name);
    let empty = || boxed(Empty::new());
    let response = match &*path {
        "/echo" => response.body(echo(body)),
        "/error" => response.header("grpc-status", "5").body(empty()),
        "/hold" => response.body(boxed(Held { seen: Arc::clone(seen), first: None })),
        "/stream" => {
            let first = Some(Bytes::from_static(MESSAGE));
            let held = Held { seen: Arc::clone(seen), first };
            response.header("content-type", "application/grpc+proto").body(boxed(held))
        }
        "/reset" => return Err(io::ErrorKind::ConnectionReset.into()),
        other => match other.strip_prefix("/grpc/") {
            Some(code) => response.header("content-type", "application/grpc").body(call(code)),
            None => response.body(boxed(Full::from(seen.name.clone()))),
        },
    };
    response.map_err(io::Error::other)
}

/// One message, and a status.
fn call(code: &str) -> BoxBody {
    let status = HeaderValue::from_str(code).unwrap_or(HeaderValue::from_static("2"));
    let trailers = HeaderMap::from_iter([(http::HeaderName::from_static("grpc-status"), status)]);
    let message = Full::from(Bytes::from_static(MESSAGE));
    boxed(message.with_trailers(async move { Some(Ok(trailers)) }))
}

/// The body as it arrives, with a trailer of the origin's own.
pub(crate) fn echo(body: Incoming) -> BoxBody {
    let trailers =
        HeaderMap::from_iter([(http::HeaderName::from_static("grpc-status"), HeaderValue::from(0))]);
    boxed(body.with_trailers(async move { Some(Ok(trailers)) }))
}

pub(crate) fn boxed<B>(body: B) -> BoxBody
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    body.map_err(Into::into).boxed_unsync()
}

impl Body for Held {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let first = self.first.take();
        first.map_or(Poll::Pending, |first| Poll::Ready(Some(Ok(Frame::data(first)))))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.seen.abandoned.send_modify(|count| *count += 1);
    }
}
