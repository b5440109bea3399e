//! HTTP/2 connections to endpoints: one for each endpoint and thread, shared by its requests.

use std::{cell::RefCell, time::Duration};

use hyper::client::conn::http2::{self, SendRequest};

use super::{Security, dial};
use crate::{
    bridge::{Adapter, HyperTimer, Local, StreamBody},
    timer::Timer,
    wire::WireError,
};

/// How often a connection without traffic is looked after, and how long its answer may take.
const PING: Duration = Duration::from_secs(30);
const PONG: Duration = Duration::from_secs(10);

/// Sends requests over a connection.
pub(crate) type Streams = SendRequest<StreamBody>;

/// The connection to an endpoint that takes new requests.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    streams: RefCell<Option<Streams>>,
}

// === impl Shared ===

impl Shared {
    /// The connection, if it can be used.
    pub(crate) fn get(&self) -> Option<Streams> {
        self.streams.borrow().as_ref().filter(|streams| streams.is_ready()).cloned()
    }

    pub(crate) fn set(&self, streams: &Streams) {
        *self.streams.borrow_mut() = Some(streams.clone());
    }

    /// New requests go elsewhere; those under way may finish.
    pub(crate) fn clear(&self) {
        self.streams.take();
    }

    /// Forgets a connection that has ended.
    pub(crate) fn sweep(&self) {
        self.streams.borrow_mut().take_if(|streams| streams.is_closed());
    }
}

/// Connects, and runs the connection until its last request has ended.
pub(crate) async fn connect(
    address: std::net::SocketAddr,
    security: &Security,
    timer: &Timer,
    limit: Duration,
) -> Result<Streams, WireError> {
    let handshake = async {
        let socket = dial(address, security).await?;
        builder().handshake(Adapter::new(socket)).await.map_err(std::io::Error::other)
    };
    let mut handshake = std::pin::pin!(handshake);
    let (streams, connection) = timer.within(limit, |cx| handshake.as_mut().poll(cx)).await??;
    tokio::task::spawn_local(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%address, %error, "an HTTP/2 connection to an endpoint broke");
        }
    });
    Ok(streams)
}

fn builder() -> http2::Builder<Local> {
    let mut builder = http2::Builder::new(Local);
    builder
        .timer(HyperTimer)
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(1024 * 1024)
        .max_header_list_size(64 * 1024)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG);
    builder
}
