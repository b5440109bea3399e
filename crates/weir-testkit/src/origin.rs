//! A well-behaved HTTP/1.1 origin that remembers every request.
//!
//! ```text
//! /bytes/N  /chunked/N  /trailers   bodies of every framing      /delay/MS  /hold   late answers
//! /echo  /headers  /status/N        what arrived, what is asked  /hints  /sse/N     103, events
//! /close  /reset  /early            unfriendly endings           /ws                WebSocket echo
//! ```
//! Every other path answers 200 with the origin's name. Every answer carries `x-version: NAME`.

mod answer;
mod connection;
mod record;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::timeout,
};

pub use answer::pattern;
use record::Shared;
pub use record::{Recorded, Recording};

/// How long a test waits for a number of requests before it gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the origin's connections should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Serving,
    /// Finish the exchange at hand, then close.
    Draining,
    /// End at once.
    Killed,
}

/// A running origin. Dropping it ends it like a killed process.
#[derive(Debug)]
pub struct Origin {
    addr: SocketAddr,
    shared: Arc<Shared>,
    phase: watch::Sender<Phase>,
    accepting: JoinHandle<()>,
}

impl Origin {
    /// Starts an origin on a free loopback port.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start(name: &str) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self::start_at(name, any, Recording::Full).await.expect("loopback has a free port")
    }

    /// Starts an origin at an address. A port that a previous origin just left can be taken again.
    ///
    /// # Errors
    /// When the address is in use.
    pub async fn start_at(name: &str, addr: SocketAddr, recording: Recording) -> io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared::new(name, recording));
        let (phase, watching) = watch::channel(Phase::Serving);
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared), watching));
        Ok(Self { addr, shared, phase, accepting })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// How many requests have arrived (with their bodies, where the path reads them).
    pub fn count(&self) -> u64 {
        *self.shared.count.borrow()
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> u64 {
        self.shared.connections()
    }

    /// The requests so far, in order of arrival.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.requests()
    }

    /// Waits until `count` requests have arrived in total.
    ///
    /// # Panics
    /// When they do not arrive within 30 seconds.
    pub async fn arrived(&self, count: u64) {
        let mut counter = self.shared.count.subscribe();
        let reached = timeout(PATIENCE, counter.wait_for(|now| *now >= count)).await.is_ok();
        assert!(reached, "{} saw {} of {count} requests in 30 s", self.name(), self.count());
    }

    /// Lets every request on `/hold` go, those that wait and those that come.
    pub fn release(&self) {
        self.shared.held.send_replace(false);
    }

    /// Makes requests on `/hold` wait again.
    pub fn hold(&self) {
        self.shared.held.send_replace(true);
    }

    /// Stops accepting, lets the exchanges at hand end, and returns when the last connection is closed.
    pub async fn shutdown(self) {
        self.phase.send_replace(Phase::Draining);
        self.ended().await;
    }

    /// Ends like a killed process: the system closes what is open, whatever was in flight.
    pub async fn kill(self) {
        self.phase.send_replace(Phase::Killed);
        self.ended().await;
    }

    async fn ended(mut self) {
        let ended = timeout(PATIENCE, &mut self.accepting).await;
        assert!(ended.is_ok(), "{} still has open exchanges after 30 s", self.name());
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.phase.send_replace(Phase::Killed);
        self.accepting.abort();
    }
}

// === accepting ===

async fn accept(listener: TcpListener, shared: Arc<Shared>, mut phase: watch::Receiver<Phase>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve(stream, Arc::clone(&shared), phase.clone()));
                }
            }
            Some(_ended) = connections.join_next() => {}
            _changed = phase.changed() => break,
        }
    }
    drop(listener);
    end(connections, phase).await;
}

async fn serve(stream: TcpStream, shared: Arc<Shared>, phase: watch::Receiver<Phase>) {
    let _nodelay = stream.set_nodelay(true);
    // How a connection ends is the client's business; the record holds what arrived.
    let _ended = connection::serve(stream, &shared, phase).await;
}

async fn end(mut connections: JoinSet<()>, mut phase: watch::Receiver<Phase>) {
    let killed = *phase.borrow_and_update() == Phase::Killed;
    if killed {
        connections.shutdown().await;
    }
    while connections.join_next().await.is_some() {}
}
