//! An HTTP/2 client: prior knowledge over plain text, or ALPN over TLS.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpStream, task::JoinHandle, time::timeout};
use tokio_rustls::TlsConnector;

use crate::client::Target;

/// How long a handshake or an exchange may take.
const LIMIT: Duration = Duration::from_secs(10);

/// A whole response.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The trailers, where there are some.
    pub trailers: Option<HeaderMap>,
}

/// One HTTP/2 connection. Clones of it send on the same connection.
#[derive(Clone, Debug)]
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
}

impl Client {
    /// Connects; over TLS the server has to choose `h2`.
    ///
    /// # Errors
    /// When there is no HTTP/2 connection within ten seconds.
    pub async fn connect(target: &Target) -> anyhow::Result<(Self, JoinHandle<hyper::Result<()>>)> {
        timeout(LIMIT, Self::handshake(target)).await.context("no HTTP/2 connection")?
    }

    async fn handshake(target: &Target) -> anyhow::Result<(Self, JoinHandle<hyper::Result<()>>)> {
        let tcp = TcpStream::connect(target.addr).await?;
        tcp.set_nodelay(true)?;
        let Some((name, config)) = &target.tls else {
            let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(tcp)).await?;
            return Ok((Self { sender }, tokio::spawn(connection)));
        };
        let name = rustls::pki_types::ServerName::try_from(name.clone())?;
        let tls = TlsConnector::from(config.clone()).connect(name, tcp).await?;
        let alpn = tls.get_ref().1.alpn_protocol();
        ensure!(alpn == Some(b"h2"), "the server chose {alpn:?}");
        let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(tls)).await?;
        Ok((Self { sender }, tokio::spawn(connection)))
    }

    /// Sends a request, whose URI holds scheme and authority, and reads the whole response.
    ///
    /// # Errors
    /// When the stream fails or takes more than ten seconds.
    pub async fn send(&mut self, request: Request<Bytes>) -> anyhow::Result<Response> {
        timeout(LIMIT, self.exchange(request)).await.context("no response")?
    }

    async fn exchange(&mut self, request: Request<Bytes>) -> anyhow::Result<Response> {
        self.sender.ready().await?;
        let response = self.sender.send_request(request.map(Full::new)).await?;
        let (parts, body) = response.into_parts();
        let collected = body.collect().await?;
        let trailers = collected.trailers().cloned();
        Ok(Response { status: parts.status, headers: parts.headers, body: collected.to_bytes(), trailers })
    }

    /// `GET uri`, such as `http://a.test/path`.
    ///
    /// # Errors
    /// As for [`Client::send`].
    pub async fn get(&mut self, uri: &str) -> anyhow::Result<Response> {
        self.send(Request::get(uri).body(Bytes::new())?).await
    }
}
