//! HTTP/2 connections to endpoints, shared by the requests of a thread.

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use hyper::client::conn::http2::{self, SendRequest};
use tokio::sync::Notify;

use super::{Security, dial};
use crate::{
    backend::{Gauges, Open},
    bridge::{Adapter, HyperTimer, Local, StreamBody},
    timer::Timer,
    wire::WireError,
};

/// How often a connection without traffic is looked after, and how long its answer may take.
const PING: Duration = Duration::from_secs(30);
const PONG: Duration = Duration::from_secs(10);

/// Requests at a time on one connection: what RFC 9113 §6.5.2 asks every server to allow at least. A server that
/// allows fewer lets the others wait.
const STREAMS: u32 = 100;
/// As much as all streams of a connection may hold, so that slow clients never stop the others.
const WINDOW: u32 = 64 * 1024;

/// A place for one request on a connection.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) sender: SendRequest<StreamBody>,
    /// Whether the connection was there before.
    pub(crate) reused: bool,
    in_flight: Rc<Cell<u32>>,
}

/// The connections to an endpoint.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    connections: RefCell<Vec<Connection>>,
    /// Whether somebody is connecting; the others wait instead of connecting too.
    connecting: Cell<bool>,
    connected: Notify,
}

/// The right to connect.
struct Turn<'s>(&'s Shared);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.connecting.set(false);
        self.0.connected.notify_waiters();
    }
}

#[derive(Debug)]
struct Connection {
    sender: SendRequest<StreamBody>,
    in_flight: Rc<Cell<u32>>,
}

// === impl Stream ===

impl Drop for Stream {
    fn drop(&mut self) {
        self.in_flight.set(self.in_flight.get() - 1);
    }
}

// === impl Connection ===

impl Connection {
    fn is_usable(&self) -> bool {
        self.sender.is_ready() && !self.sender.is_closed()
    }

    fn stream(&self, reused: bool) -> Stream {
        self.in_flight.set(self.in_flight.get() + 1);
        Stream { sender: self.sender.clone(), reused, in_flight: Rc::clone(&self.in_flight) }
    }
}

// === impl Shared ===

impl Shared {
    /// A place on a connection that has room.
    pub(crate) fn get(&self) -> Option<Stream> {
        let connections = self.connections.borrow();
        let roomy = |connection: &&Connection| connection.in_flight.get() < STREAMS && connection.is_usable();
        connections.iter().find(roomy).map(|connection| connection.stream(true))
    }

    /// A place on a connection that has room, or on a new one.
    pub(crate) async fn connect(
        &self,
        address: SocketAddr,
        security: &Security,
        timer: &Timer,
        limit: Duration,
        gauges: &Arc<Gauges>,
    ) -> Result<Stream, WireError> {
        loop {
            if let Some(stream) = self.get() {
                return Ok(stream);
            }
            if !self.connecting.replace(true) {
                let _turn = Turn(self);
                let sender = connect(address, security, timer, limit, gauges.open()).await?;
                return Ok(self.add(sender, gauges.is_named()));
            }
            timer.limited(limit, self.connected.notified()).await?;
        }
    }

    /// Adds a connection, for this request and, where it is kept, later ones.
    fn add(&self, sender: SendRequest<StreamBody>, keep: bool) -> Stream {
        let connection = Connection { sender, in_flight: Rc::default() };
        let stream = connection.stream(false);
        if keep {
            self.connections.borrow_mut().push(connection);
        }
        stream
    }

    /// New requests go elsewhere; those under way may finish.
    pub(crate) fn clear(&self) {
        self.connections.borrow_mut().clear();
    }

    /// Forgets connections that have ended, and those that only a rush needed.
    pub(crate) fn sweep(&self) {
        let mut idle = 0;
        self.connections.borrow_mut().retain(|connection| {
            idle += usize::from(connection.in_flight.get() == 0);
            connection.is_usable() && (connection.in_flight.get() > 0 || idle <= 1)
        });
    }
}

/// Connects, and runs the connection until its last request has ended.
async fn connect(
    address: SocketAddr,
    security: &Security,
    timer: &Timer,
    limit: Duration,
    open: Open,
) -> Result<SendRequest<StreamBody>, WireError> {
    let handshake = async {
        let socket = dial(address, security).await?;
        builder().handshake(Adapter::new(socket)).await.map_err(std::io::Error::other)
    };
    let (sender, connection) = timer.limited(limit, handshake).await??;
    tokio::task::spawn_local(async move {
        let _open = open;
        if let Err(error) = connection.await {
            tracing::debug!(%address, %error, "an HTTP/2 connection to an endpoint broke");
        }
    });
    Ok(sender)
}

fn builder() -> http2::Builder<Local> {
    let mut builder = http2::Builder::new(Local);
    builder
        .timer(HyperTimer)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW * STREAMS)
        .max_header_list_size(64 * 1024)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG);
    builder
}
