//! The smallest origin that tells its version, holds WebSockets and event streams open, and can misbehave.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
    time::{MissedTickBehavior, interval, sleep},
};

use super::{
    fault::{DELAY, Fault, ONE_IN},
    record::Version,
};

/// Where event streams are.
pub(super) const EVENTS: &str = "/events";
/// Where WebSockets are.
pub(super) const SOCKET: &str = "/socket";
/// How often something comes over them.
const TICK: Duration = Duration::from_millis(250);
/// The answer to the key that RFC 6455 §1.3 has as an example. The demo's clients all send it.
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A running origin.
#[derive(Debug)]
pub(super) struct Origin {
    address: SocketAddr,
    service: Arc<Service>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Service {
    version: Version,
    /// A [`Fault`], or [`WELL`].
    fault: AtomicU8,
    answers: AtomicU64,
    connections: AtomicUsize,
}

/// A connection, as long as it is open.
struct Open(Arc<Service>);

/// No fault.
const WELL: u8 = u8::MAX;

// === impl Origin ===

impl Origin {
    /// Starts on a free loopback port.
    pub(super) async fn start(version: Version) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (fault, answers, connections) = (AtomicU8::new(WELL), AtomicU64::new(0), AtomicUsize::new(0));
        let service = Arc::new(Service { version, fault, answers, connections });
        let task = tokio::spawn(accept(listener, Arc::clone(&service)));
        Ok(Self { address, service, task })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections are open to it.
    pub(super) fn connections(&self) -> usize {
        self.service.connections.load(Ordering::Relaxed)
    }

    /// Ends it, with every connection that is open.
    pub(super) fn stop(&self) {
        self.task.abort();
    }

    /// From now on it misbehaves.
    pub(super) fn misbehave(&self, fault: Fault) {
        self.service.fault.store(fault as u8, Ordering::Relaxed);
        if fault == Fault::Crash {
            self.stop();
        }
    }
}

// === impl Service ===

impl Service {
    fn has(&self, fault: Fault) -> bool {
        self.fault.load(Ordering::Relaxed) == fault as u8
    }

    async fn answer(&self, stream: &mut TcpStream) -> io::Result<()> {
        let number = self.answers.fetch_add(1, Ordering::Relaxed);
        if self.has(Fault::Latency) {
            sleep(DELAY).await;
        }
        let fails = self.has(Fault::Errors) && number.is_multiple_of(ONE_IN);
        let status = if fails { "500 Internal Server Error" } else { "200 OK" };
        let name = self.version.name();
        let body = format!("this is the {name} version\n");
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\nx-version: {name}\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(format!("{head}{body}").as_bytes()).await
    }
}

// === impl Open ===

impl Open {
    fn new(service: &Arc<Service>) -> Self {
        service.connections.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(service))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn accept(listener: TcpListener, service: Arc<Service>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let open = Open::new(&service);
        connections.spawn(async move { serve(stream, &open.0).await });
        while connections.try_join_next().is_some() {}
    }
}

/// Answers until the other side ends the connection.
async fn serve(mut stream: TcpStream, service: &Service) -> io::Result<()> {
    let version = service.version.name();
    stream.set_nodelay(true)?;
    let mut input = Vec::with_capacity(4096);
    while stream.read_buf(&mut input).await? > 0 {
        while let Some(end) = input.windows(4).position(|window| window == b"\r\n\r\n") {
            let is_for = |path: &str| input.starts_with(format!("GET {path} ").as_bytes());
            if is_for(SOCKET) {
                let head = format!(
                    "HTTP/1.1 101 Switching Protocols\r\nx-version: {version}\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: {ACCEPT}\r\n\r\n"
                );
                stream.write_all(head.as_bytes()).await?;
                return tick(stream, b"\x81\x04tick", b"\x88\x02\x03\xe8").await;
            }
            if is_for(EVENTS) {
                let head = format!(
                    "HTTP/1.1 200 OK\r\nx-version: {version}\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
                );
                stream.write_all(head.as_bytes()).await?;
                return tick(stream, b"c\r\ndata: tick\n\n\r\n", b"").await;
            }
            input.drain(..end + 4);
            service.answer(&mut stream).await?;
        }
    }
    Ok(())
}

/// Sends the same again and again, until the other side says anything.
async fn tick(mut stream: TcpStream, message: &[u8], goodbye: &[u8]) -> io::Result<()> {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut input = [0; 64];
    loop {
        tokio::select! {
            _ = ticks.tick() => stream.write_all(message).await?,
            read = stream.read(&mut input) => {
                if read? > 0 {
                    stream.write_all(goodbye).await?;
                }
                return stream.shutdown().await;
            }
        }
    }
}
