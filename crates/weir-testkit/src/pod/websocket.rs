//! WebSocket echo, with a goodbye.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use http::{Request, Response, StatusCode, header};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role, frame::coding::CloseCode},
    },
};

use super::Shared;

/// How long a client may take to say goodbye as well.
const GOODBYE: Duration = Duration::from_secs(5);

/// The head that answers a handshake; `None` when the request is no handshake.
pub(super) fn switch<B>(request: &Request<B>) -> Option<http::response::Builder> {
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY)?;
    let head = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
    let head = head.header(header::CONNECTION, "upgrade").header(header::UPGRADE, "websocket");
    Some(head.header(header::SEC_WEBSOCKET_ACCEPT, derive_accept_key(key.as_bytes())))
}

/// Sends every message back until the client closes or the server ends.
pub(super) async fn echo(upgraded: Upgraded, shared: &Shared) {
    let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
    loop {
        tokio::select! {
            message = socket.next() => {
                let Some(Ok(message)) = message else { return };
                if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err() {
                    return;
                }
            }
            () = shared.finishing() => break,
        }
    }
    let away = CloseFrame { code: CloseCode::Away, reason: "the server ends".into() };
    let goodbye = async {
        let _sent = socket.close(Some(away)).await;
        while let Some(Ok(_)) = socket.next().await {}
    };
    let _late = timeout(GOODBYE, goodbye).await;
}
