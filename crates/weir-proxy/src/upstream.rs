//! Connections to endpoints, and the idle ones that a thread keeps.

pub(crate) mod http2;

use std::{
    cell::RefCell,
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    backend::Open,
    buffer::Slot,
    timer::Timer,
    wire::{Wire, WireError},
};

/// How long an idle connection may be used again: below the 5 s after which Node.js and Go close theirs.
const IDLE: Duration = Duration::from_secs(4);
/// Before the end of a time that the backend itself has announced.
const MARGIN: Duration = Duration::from_secs(1);
/// Idle connections to one endpoint that a thread keeps.
const MAX_IDLE: usize = 256;

/// A socket to an endpoint.
#[derive(Debug)]
pub(crate) enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection to an endpoint.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) wire: Wire<Socket>,
    pub(crate) slot: Slot,
    /// Whether it has served a request before.
    pub(crate) reused: bool,
    idle_until: Instant,
    _open: Open,
}

/// Idle connections, the most recently used first.
#[derive(Debug, Default)]
pub(crate) struct IdlePool {
    connections: RefCell<Vec<Connection>>,
}

/// What connecting needs to know.
#[derive(Clone, Debug)]
pub(crate) enum Security {
    Plain,
    Tls(Arc<rustls::ClientConfig>, ServerName<'static>),
}

// === impl Connection ===

/// Connects, and finishes the TLS handshake where there is one.
pub(crate) async fn connect(
    address: SocketAddr,
    security: &Security,
    timer: &Timer,
    limit: Duration,
    now: Instant,
    open: Open,
) -> Result<Connection, WireError> {
    let socket = timer.limited(limit, dial(address, security)).await??;
    let (wire, idle_until) = (Wire::new(socket), now + IDLE);
    Ok(Connection { wire, slot: Slot::Empty, reused: false, idle_until, _open: open })
}

async fn dial(address: SocketAddr, security: &Security) -> io::Result<Socket> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    match security {
        Security::Plain => Ok(Socket::Plain(stream)),
        Security::Tls(config, name) => {
            let connector = TlsConnector::from(Arc::clone(config));
            Ok(Socket::Tls(Box::new(connector.connect(name.clone(), stream).await?)))
        }
    }
}

impl Connection {
    /// Notes how long the connection may stay idle from now on.
    fn rest(&mut self, announced: Option<u32>, now: Instant) {
        let announced = announced.map(|seconds| Duration::from_secs(seconds.into()).saturating_sub(MARGIN));
        self.idle_until = now + announced.unwrap_or(IDLE);
        self.reused = true;
    }

    /// Whether the endpoint has neither closed it nor sent anything unasked. Asks the readiness that the
    /// runtime already knows; costs no system call while nothing has happened.
    fn is_quiet(&self) -> bool {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        self.slot.unread().is_empty() && self.wire.poll_readable(&mut cx).is_pending()
    }
}

// === impl IdlePool ===

impl IdlePool {
    /// A connection that can be used again.
    pub(crate) fn take(&self, now: Instant) -> Option<Connection> {
        let mut connections = self.connections.borrow_mut();
        while let Some(connection) = connections.pop() {
            if connection.idle_until > now && connection.is_quiet() {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection whose last exchange ended cleanly.
    pub(crate) fn put(&self, mut connection: Connection, announced: Option<u32>, now: Instant) {
        let mut connections = self.connections.borrow_mut();
        if connections.len() < MAX_IDLE && connection.slot.unread().is_empty() {
            connection.rest(announced, now);
            connections.push(connection);
        }
    }

    /// Closes what has been idle for too long.
    pub(crate) fn sweep(&self, now: Instant) {
        self.connections
            .borrow_mut()
            .retain(|connection| connection.idle_until > now && connection.is_quiet());
    }

    pub(crate) fn clear(&self) {
        self.connections.borrow_mut().clear();
    }
}

// === impl Socket ===

impl Wire<Socket> {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.with(|socket| match socket {
            Socket::Plain(stream) => stream.poll_read_ready(cx).map(drop),
            Socket::Tls(stream) => stream.get_ref().0.poll_read_ready(cx).map(drop),
        })
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
