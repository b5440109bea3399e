//! A backend for tests in a cluster, which the program `weir-origin` serves in pods: HTTP/1.1, HTTP/2 with prior
//! knowledge or over TLS, WebSockets.
//!
//! ```text
//! /healthz  /readyz     for probes                     ?delay=MS     answers late
//! /ws                   WebSocket echo                 ?status=NNN   answers this status
//! /echo, gRPC calls     the body as it arrives         ?size=N       answers N bytes
//! /metrics              requests and faults, for Prometheus
//! /fault?errors=PERCENT&shown=NUMBER    from now on so many requests fail, and /metrics shows this fault
//! ```
//! Every other path answers 200 with a JSON object of what arrived. Every answer carries `x-version` and `x-pod`.
//! Unlike [`Origin`](crate::Origin) it remembers nothing but a count, so that it can run for hours under load.

mod answer;
mod asked;
mod connection;
mod fault;
mod on_term;
mod websocket;

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::HeaderValue;
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::Instant,
};
use tokio_rustls::TlsAcceptor;

use fault::Fault;
pub use on_term::{InvalidOnTerm, OnTerm, seconds};

/// What a server is.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// What `x-version` says.
    pub version: String,
    /// What `x-pod` says.
    pub pod: String,
    /// How long `/readyz` answers 503 after the start.
    pub ready_after: Duration,
    /// The certificate to show; without one, the server speaks plain text.
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

/// A running server. Dropping it closes its connections, whatever is in flight.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    shared: Arc<Shared>,
    phase: watch::Sender<Phase>,
    accepting: JoinHandle<()>,
}

/// What connections should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serving,
    /// Answer as before, but ask clients to leave.
    Draining,
    /// End as soon as nothing is in flight.
    Finishing,
}

/// What connections share.
#[derive(Debug)]
struct Shared {
    version: HeaderValue,
    pod: HeaderValue,
    ready_at: Instant,
    requests: AtomicU64,
    fault: Fault,
    phase: watch::Receiver<Phase>,
}

// === impl Server ===

impl Server {
    /// Starts a server.
    ///
    /// # Errors
    /// When the address can't be listened at, or the version or the pod's name can't be in a header.
    pub async fn start(addr: SocketAddr, config: Config) -> io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let (phase, watching) = watch::channel(Phase::Serving);
        let shared = Arc::new(Shared {
            version: HeaderValue::try_from(config.version).map_err(io::Error::other)?,
            pod: HeaderValue::try_from(config.pod).map_err(io::Error::other)?,
            ready_at: Instant::now() + config.ready_after,
            requests: AtomicU64::new(0),
            fault: Fault::default(),
            phase: watching,
        });
        let accepting =
            tokio::spawn(accept(listener, config.tls.map(TlsAcceptor::from), Arc::clone(&shared)));
        Ok(Self { addr, shared, phase, accepting })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How many requests have arrived, without those of probes.
    pub fn requests(&self) -> u64 {
        self.shared.requests()
    }

    /// Goes on serving, but isn't ready any more and ends every HTTP/1.1 connection with its next answer.
    pub fn drain(&self) {
        self.phase.send_replace(Phase::Draining);
    }

    /// Stops listening, finishes what is in flight, closes WebSockets with 1001 and returns when the last
    /// connection has ended. That has no limit of its own: in a pod, the grace period is the limit.
    pub async fn finish(&mut self) {
        self.phase.send_replace(Phase::Finishing);
        // The task only ends by itself, since nobody else has its handle.
        let _ended = (&mut self.accepting).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

// === impl Shared ===

impl Shared {
    fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    fn is_ready(&self) -> bool {
        self.phase() == Phase::Serving && Instant::now() >= self.ready_at
    }

    fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    fn count(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until connections should end.
    async fn finishing(&self) {
        let mut phase = self.phase.clone();
        // A server that is gone wants its connections to end as well.
        let _gone = phase.wait_for(|phase| *phase == Phase::Finishing).await;
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(connection::serve(stream, tls.clone(), Arc::clone(&shared)));
                }
            }
            Some(_ended) = connections.join_next() => {}
            () = shared.finishing() => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}
