//! gRPC clients: one call for as long as it lasts, a message and its echo each turn.

use std::{future::Future, net::SocketAddr, pin::Pin};

use anyhow::{Context as _, ensure};
use bytes::{Bytes, BytesMut};
use h2::{RecvStream, SendStream, client};
use http::{HeaderMap, Request, StatusCode, header};
use tokio::{net::TcpStream, task::JoinHandle};

use super::{
    Flow,
    client::{Outcome, Talk},
};

/// What a server says whose calls should go elsewhere (the gRPC status code UNAVAILABLE).
const UNAVAILABLE: &str = "14";
/// A message as gRPC frames it: not compressed, four bytes.
const MESSAGE: &[u8] = b"\0\0\0\0\x04echo";

pub(super) struct Stream {
    addr: SocketAddr,
    uri: String,
    open: Option<Call>,
    version: Box<str>,
}

/// A call under way, on a connection of its own.
struct Call {
    send: SendStream<Bytes>,
    receive: RecvStream,
    connection: JoinHandle<()>,
}

// === impl Stream ===

impl Stream {
    /// The backend echoes every call of gRPC; the route for it is the test's business.
    pub(super) fn new(addr: SocketAddr, flow: &Flow) -> Self {
        let uri = format!("http://{}/echo.Echo/Both", flow.host);
        Self { addr, uri, open: None, version: Box::default() }
    }

    async fn echo(&mut self) -> anyhow::Result<Outcome> {
        let mut call = match self.open.take() {
            Some(call) => call,
            None => self.call().await?,
        };
        let sent = call.send.send_data(Bytes::from_static(MESSAGE), false);
        // An end that was on its way is read even if nothing can be sent any more.
        match call.answer().await? {
            None => self.open = Some(call),
            Some(trailers) => {
                let status = trailers.get("grpc-status").and_then(|status| status.to_str().ok());
                ensure!(status == Some(UNAVAILABLE), "ended with {trailers:?} (sent: {sent:?})");
                return Ok(Outcome::Polite);
            }
        }
        Ok(Outcome::Good(self.version.clone()))
    }

    async fn call(&mut self) -> anyhow::Result<Call> {
        let tcp = TcpStream::connect(self.addr).await?;
        tcp.set_nodelay(true)?;
        let (sender, connection) = client::handshake(tcp).await?;
        let connection = tokio::spawn(async { drop(connection.await) });
        let request = Request::post(&self.uri)
            .header(header::CONTENT_TYPE, "application/grpc")
            .header(header::TE, "trailers")
            .body(())?;
        let (response, send) = sender.ready().await?.send_request(request, false)?;
        let response = response.await.context("calling")?;
        ensure!(response.status() == StatusCode::OK, "calling: {}", response.status());
        let version = response.headers().get("x-version").and_then(|value| value.to_str().ok());
        self.version = version.with_context(|| format!("calling: {:?}", response.headers()))?.into();
        Ok(Call { send, receive: response.into_body(), connection })
    }
}

impl Talk for Stream {
    fn turn(&mut self) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>> {
        Box::pin(async { self.echo().await.unwrap_or_else(|error| Outcome::Failed(format!("{error:#}"))) })
    }
}

// === impl Call ===

impl Call {
    /// Reads one echo; trailers say that the call has ended instead.
    async fn answer(&mut self) -> anyhow::Result<Option<HeaderMap>> {
        let mut message = BytesMut::new();
        while message.len() < MESSAGE.len() {
            let Some(data) = self.receive.data().await else {
                ensure!(message.is_empty(), "the end inside a message");
                let trailers = self.receive.trailers().await?;
                return Ok(Some(trailers.context("the end without a status")?));
            };
            let data = data.context("instead of an echo")?;
            self.receive.flow_control().release_capacity(data.len())?;
            message.extend_from_slice(&data);
        }
        ensure!(&*message == MESSAGE, "{message:?} instead of an echo");
        Ok(None)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.connection.abort();
    }
}
