//! Connections that have come through their TLS handshake.

use std::{io, net::SocketAddr, time::Duration};

use futures_util::{Stream, StreamExt as _, stream};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// What a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Handshakes in progress; further connections wait in the kernel.
const HANDSHAKES: usize = 64;
/// After an error of the listener itself, as for want of file descriptors.
const REST: Duration = Duration::from_millis(50);

/// Accepts forever. A handshake that fails or takes too long concerns nobody else.
pub fn incoming(
    listener: TcpListener,
    acceptor: TlsAcceptor,
) -> impl Stream<Item = (TlsStream<TcpStream>, SocketAddr)> {
    let accepted = stream::unfold(listener, async |listener| Some((listener.accept().await, listener)));
    let handshakes = accepted.map(move |accepted| handshake(acceptor.clone(), accepted));
    handshakes.buffer_unordered(HANDSHAKES).filter_map(async |done| done)
}

async fn handshake(
    acceptor: TlsAcceptor,
    accepted: io::Result<(TcpStream, SocketAddr)>,
) -> Option<(TlsStream<TcpStream>, SocketAddr)> {
    let (stream, address) = match accepted {
        Ok(accepted) => accepted,
        Err(error) => {
            tracing::warn!(%error, "cannot accept a connection");
            tokio::time::sleep(REST).await;
            return None;
        }
    };
    // Without it a small change may wait for the acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => Some((stream, address)),
        Ok(Err(error)) => {
            tracing::debug!(%error, from = %address, "a TLS handshake failed");
            None
        }
        Err(_) => None,
    }
}
