//! WebSockets, both ends.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, ensure};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        Message, client::IntoClientRequest as _, handshake::client::Response, handshake::derive_accept_key,
        protocol::Role,
    },
};

use crate::wire::{RequestHead, Wire, WireError};

/// How long a handshake or an echo may take.
const LIMIT: Duration = Duration::from_secs(10);

/// A client's end.
#[derive(Debug)]
pub struct WebSocket {
    /// The stream, for tests that send what [`WebSocket::echo`] doesn't.
    pub stream: WebSocketStream<TcpStream>,
    /// The answer to the handshake.
    pub response: Response,
}

impl WebSocket {
    /// Opens a WebSocket through the proxy at `addr`.
    ///
    /// # Errors
    /// When there is no connection, or the answer is not a 101 within ten seconds.
    pub async fn connect(addr: SocketAddr, host: &str, path: &str) -> anyhow::Result<Self> {
        Self::connect_with(addr, host, path, &[]).await
    }

    /// As [`WebSocket::connect`], with more fields in the request.
    ///
    /// # Errors
    /// As for [`WebSocket::connect`].
    pub async fn connect_with(
        addr: SocketAddr,
        host: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let mut request = format!("ws://{host}{path}").into_client_request()?;
        for (name, value) in fields {
            request.headers_mut().insert(http::HeaderName::try_from(*name)?, value.parse()?);
        }
        let tcp = timeout(LIMIT, TcpStream::connect(addr)).await.context("connecting")??;
        let (stream, response) = timeout(LIMIT, client_async(request, tcp)).await.context("handshake")??;
        Ok(Self { stream, response })
    }

    /// Sends a text and returns what comes back.
    ///
    /// # Errors
    /// When no text comes back within ten seconds.
    pub async fn echo(&mut self, text: &str) -> anyhow::Result<String> {
        self.stream.send(Message::text(text)).await?;
        let message = timeout(LIMIT, self.stream.next()).await.context("no echo")?;
        let message = message.context("closed instead of an echo")??;
        ensure!(message.is_text(), "{message:?} instead of an echo");
        Ok(message.into_text()?.as_str().to_owned())
    }

    /// Waits for the close frame and returns its code, if it has one.
    ///
    /// # Errors
    /// When the stream fails or `limit` passes first.
    pub async fn closed(&mut self, limit: Duration) -> anyhow::Result<Option<u16>> {
        let waiting = async {
            while let Some(message) = self.stream.next().await {
                if let Message::Close(frame) = message? {
                    return Ok(frame.map(|frame| frame.code.into()));
                }
            }
            Ok(None)
        };
        timeout(limit, waiting).await.context("not closed in time")?
    }

    /// Says goodbye and waits until the stream has ended.
    ///
    /// # Errors
    /// When the stream fails or ten seconds pass first.
    pub async fn close(mut self) -> anyhow::Result<()> {
        self.stream.close(None).await?;
        self.closed(LIMIT).await.map(drop)
    }
}

// === the origin's end ===

/// Answers the handshake and sends every message back until the client closes.
pub(crate) async fn serve_echo<S: AsyncRead + AsyncWrite + Unpin>(
    mut wire: Wire<S>,
    head: &RequestHead,
    version: &str,
) -> Result<(), WireError> {
    let Some(key) = head.headers.get("sec-websocket-key") else {
        return wire.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
    };
    let accept = derive_accept_key(key.as_bytes());
    let fields = "connection: Upgrade\r\nupgrade: websocket\r\n";
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nx-version: {version}\r\n{fields}sec-websocket-accept: {accept}\r\n\r\n"
    );
    wire.send(answer.as_bytes()).await?;
    let (io, rest) = wire.into_parts();
    let mut stream = WebSocketStream::from_partially_read(io, rest.to_vec(), Role::Server, None).await;
    while let Some(Ok(message)) = stream.next().await {
        if (message.is_text() || message.is_binary()) && stream.send(message).await.is_err() {
            break;
        }
    }
    Ok(())
}
