//! WebSocket clients.

use std::{future::Future, net::SocketAddr, pin::Pin};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::tungstenite::Message;
use weir_testkit::websocket::WebSocket;

use super::{
    Flow,
    client::{Outcome, Talk},
};

/// What a server says that goes away.
const GOING_AWAY: u16 = 1001;

pub(super) struct Socket {
    addr: SocketAddr,
    host: String,
    path: String,
    open: Option<WebSocket>,
    version: Box<str>,
}

// === impl Socket ===

impl Socket {
    /// The backend echoes at `/ws` alone, below whatever is before it.
    pub(super) fn new(addr: SocketAddr, flow: &Flow) -> Self {
        let open = Option::default();
        Self { addr, host: flow.host.clone(), path: "/ws".to_owned(), open, version: Box::default() }
    }

    async fn echo(&mut self) -> anyhow::Result<Outcome> {
        let mut socket = match self.open.take() {
            Some(socket) => socket,
            None => self.connect().await?,
        };
        let sent = socket.stream.send(Message::text("echo")).await;
        // A Close that was on its way is read even if nothing can be sent any more.
        match socket.stream.next().await {
            Some(Ok(Message::Text(_))) => self.open = Some(socket),
            Some(Ok(Message::Close(Some(frame)))) if u16::from(frame.code) == GOING_AWAY => {
                return Ok(Outcome::Polite);
            }
            Some(Ok(other)) => anyhow::bail!("{other:?} instead of an echo"),
            Some(Err(error)) => anyhow::bail!("instead of an echo: {error} (sent: {sent:?})"),
            None => anyhow::bail!("the end instead of an echo (sent: {sent:?})"),
        }
        Ok(Outcome::Good(self.version.clone()))
    }

    async fn connect(&mut self) -> anyhow::Result<WebSocket> {
        let socket = WebSocket::connect(self.addr, &self.host, &self.path).await?;
        let version = socket.response.headers().get("x-version").and_then(|value| value.to_str().ok());
        self.version = version.unwrap_or("-").into();
        Ok(socket)
    }
}

impl Talk for Socket {
    fn turn(&mut self) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>> {
        Box::pin(async { self.echo().await.unwrap_or_else(|error| Outcome::Failed(format!("{error:#}"))) })
    }
}
