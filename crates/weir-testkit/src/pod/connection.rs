//! One connection of a pod's server.

use std::{
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
};

use hyper::{service::service_fn, upgrade::OnUpgrade};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsAcceptor;

use super::{Shared, answer, websocket};

/// The upgrade that a request of the connection asked for.
pub(super) type Upgrade = Arc<Mutex<Option<OnUpgrade>>>;

/// Serves a connection until the client or the server ends. How it ends is the client's business.
pub(super) async fn serve(stream: TcpStream, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let _nodelay = stream.set_nodelay(true);
    match tls {
        None => http(stream, &shared).await,
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                http(stream, &shared).await;
            }
        }
    }
}

async fn http(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, shared: &Arc<Shared>) {
    let upgrade = Upgrade::default();
    let service = service_fn(|request| answer::answer(request, Arc::clone(shared), Arc::clone(&upgrade)));
    let builder = auto::Builder::new(TokioExecutor::new());
    let mut connection = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
    tokio::select! {
        _ended = connection.as_mut() => {}
        () = shared.finishing() => {
            connection.as_mut().graceful_shutdown();
            let _ended = connection.as_mut().await;
        }
    }
    let upgrade = upgrade.lock().unwrap_or_else(PoisonError::into_inner).take();
    // A client that left before the switch needs no echo.
    if let Some(upgrade) = upgrade
        && let Ok(upgraded) = upgrade.await
    {
        websocket::echo(upgraded, shared).await;
    }
}
