//! Clients for one exchange, or one connection, at a time.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::wire::{Response, Wire, WireError};

/// How long one exchange may take.
pub const LIMIT: Duration = Duration::from_secs(10);
/// The most that a raw exchange reads.
const MOST: usize = 64 * 1024 * 1024;

/// A stream in both directions, plain or TLS.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Where to connect, and how.
#[derive(Clone, Debug)]
pub struct Target {
    /// The address.
    pub addr: SocketAddr,
    /// The name for SNI, with the configuration to use; `None` for plain text.
    pub tls: Option<(String, Arc<rustls::ClientConfig>)>,
}

impl Target {
    /// A plain-text target.
    pub fn plain(addr: SocketAddr) -> Self {
        Self { addr, tls: None }
    }

    /// A TLS target.
    pub fn tls(addr: SocketAddr, name: &str, config: Arc<rustls::ClientConfig>) -> Self {
        Self { addr, tls: Some((name.to_owned(), config)) }
    }

    /// Connects, with the TLS handshake where there is one.
    ///
    /// # Errors
    /// When there is no connection or the handshake fails.
    pub async fn connect(&self) -> io::Result<Box<dyn Duplex>> {
        let tcp = TcpStream::connect(self.addr).await?;
        tcp.set_nodelay(true)?;
        let Some((name, config)) = &self.tls else { return Ok(Box::new(tcp)) };
        let name = ServerName::try_from(name.clone()).map_err(io::Error::other)?;
        Ok(Box::new(TlsConnector::from(Arc::clone(config)).connect(name, tcp).await?))
    }
}

/// Sends bytes and returns the bytes of the first whole response, as they came.
///
/// What the proxy sends right behind the response, in the same packet, is returned as well.
/// A connection that is closed or reset without a response gives no bytes.
///
/// # Errors
/// When there is no connection, or neither a whole response nor a close within ten seconds.
pub async fn raw(addr: SocketAddr, bytes: impl AsRef<[u8]>) -> anyhow::Result<Vec<u8>> {
    exchange(addr, bytes.as_ref(), true).await
}

/// Sends bytes and returns everything until the connection is closed.
///
/// # Errors
/// When there is no connection, or it isn't closed within ten seconds.
pub async fn raw_until_close(addr: SocketAddr, bytes: impl AsRef<[u8]>) -> anyhow::Result<Vec<u8>> {
    exchange(addr, bytes.as_ref(), false).await
}

async fn exchange(addr: SocketAddr, bytes: &[u8], one: bool) -> anyhow::Result<Vec<u8>> {
    let mut tcp = timeout(LIMIT, TcpStream::connect(addr)).await.context("connecting")??;
    let mut all = Vec::new();
    let talk = async {
        // A proxy may answer and close before it has read everything: that's its answer, not a failure.
        let _early_close = tcp.write_all(bytes).await;
        let to_head = bytes.starts_with(b"HEAD ");
        while all.len() < MOST && matches!(tcp.read_buf(&mut all).await, Ok(1..)) {
            if one && is_whole(&all, to_head).await {
                break;
            }
        }
    };
    let ended = timeout(LIMIT, talk).await;
    ensure!(ended.is_ok(), "still open after {LIMIT:?} with {:?}", String::from_utf8_lossy(&all));
    Ok(all)
}

/// Whether the bytes begin with a whole final response that doesn't need a close to end.
async fn is_whole(bytes: &[u8], to_head: bool) -> bool {
    let mut wire = Wire::new(bytes);
    let Ok(response) = wire.response(to_head).await else { return false };
    let framed = response.headers.get("content-length").is_some()
        || response.headers.has_token("transfer-encoding", "chunked");
    framed || to_head || matches!(response.status, 101 | 204 | 304)
}

/// One HTTP/1.1 connection.
pub struct Connection {
    wire: Wire<Box<dyn Duplex>>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("buffered", &self.wire.buffered().len()).finish_non_exhaustive()
    }
}

impl Connection {
    /// Connects in plain text.
    ///
    /// # Errors
    /// When there is no connection within ten seconds.
    pub async fn open(addr: SocketAddr) -> anyhow::Result<Self> {
        Self::open_to(&Target::plain(addr)).await
    }

    /// Connects to a target.
    ///
    /// # Errors
    /// When there is no connection within ten seconds.
    pub async fn open_to(target: &Target) -> anyhow::Result<Self> {
        let io = timeout(LIMIT, target.connect()).await.context("connecting")??;
        Ok(Self { wire: Wire::new(io) })
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the proxy has closed.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> anyhow::Result<()> {
        Ok(timeout(LIMIT, self.wire.send(bytes.as_ref())).await.context("sending")??)
    }

    /// The next response, with its interim heads, body and trailers.
    ///
    /// # Errors
    /// When none comes within ten seconds.
    pub async fn response(&mut self) -> anyhow::Result<Response> {
        Ok(timeout(LIMIT, self.wire.response(false)).await.context("no response")??)
    }

    /// The next response to a HEAD.
    ///
    /// # Errors
    /// When none comes within ten seconds.
    pub async fn response_to_head(&mut self) -> anyhow::Result<Response> {
        Ok(timeout(LIMIT, self.wire.response(true)).await.context("no response")??)
    }

    /// Sends bytes and returns the next response.
    ///
    /// # Errors
    /// When none comes within ten seconds.
    pub async fn exchange(&mut self, bytes: impl AsRef<[u8]>) -> anyhow::Result<Response> {
        self.send(bytes).await?;
        self.response().await
    }

    /// Sends `GET path` for a host and returns the response.
    ///
    /// # Errors
    /// When none comes within ten seconds.
    pub async fn get(&mut self, host: &str, path: &str) -> anyhow::Result<Response> {
        self.exchange(format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n")).await
    }

    /// Waits until the proxy closes, and returns what it still sent. A reset counts as a close.
    ///
    /// # Errors
    /// When it's still open after `limit`.
    pub async fn closed(&mut self, limit: Duration) -> anyhow::Result<Bytes> {
        match timeout(limit, self.wire.rest(MOST)).await.context("still open")? {
            Ok(bytes) => Ok(bytes),
            Err(WireError::Io(_)) => Ok(Bytes::new()),
            Err(other) => Err(other.into()),
        }
    }

    /// Ends the sending side.
    ///
    /// # Errors
    /// When the proxy has closed.
    pub async fn finish(&mut self) -> anyhow::Result<()> {
        Ok(self.wire.finish().await?)
    }

    /// The wire, for reading heads and bodies piece by piece.
    pub fn wire(&mut self) -> &mut Wire<Box<dyn Duplex>> {
        &mut self.wire
    }
}

/// `GET path` for a host with more fields, on a connection of its own.
///
/// # Errors
/// When no response comes within ten seconds.
pub async fn get(
    addr: SocketAddr,
    host: &str,
    path: &str,
    fields: &[(&str, &str)],
) -> anyhow::Result<Response> {
    let fields = crate::wire::field_lines(fields);
    let mut connection = Connection::open(addr).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n{fields}connection: close\r\n\r\n");
    connection.exchange(request).await
}
