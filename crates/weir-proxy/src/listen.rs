//! Listeners of one thread, and what becomes of an accepted connection.

use std::{
    future::poll_fn,
    io,
    net::{SocketAddr, TcpListener as StdListener},
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use rustls::ServerConfig;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    buffer::Slot,
    drain::Phase,
    h1, h2,
    memory::Pressure,
    view::{self, Peer},
    wire::{Io, Wire},
    worker::Worker,
};

/// What HTTP/2 with prior knowledge begins with (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n";
/// How long a listener rests when the process is out of file descriptors.
const REST: Duration = Duration::from_millis(50);
const BACKLOG: i32 = 4096;

/// Makes sure that nobody else listens at an address: threads share theirs, and so would another process,
/// with half of the connections for each.
pub(crate) fn check_free(address: SocketAddr) -> io::Result<()> {
    let socket = socket(address)?;
    socket.bind(&address.into())?;
    socket.listen(1)
}

/// Binds one of several listeners of an address; the kernel spreads connections over them.
pub(crate) fn bind(address: SocketAddr) -> io::Result<StdListener> {
    let socket = socket(address)?;
    socket.set_reuse_port(true)?;
    // Accepted connections inherit it.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    Ok(socket)
}

/// Accepts until the shutdown says otherwise.
pub(crate) async fn accept(worker: Rc<Worker>, listener: TcpListener, tls: Option<Arc<ServerConfig>>) {
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => start(&worker, stream, address, tls.as_ref()),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections");
                    tokio::time::sleep(REST).await;
                }
            },
            () = worker.stage.reached(Phase::Draining) => break,
        }
    }
    // Whoever is in the queue already would be reset when the listener closes.
    while let Some(Ok((stream, address))) = at_once(&listener).await {
        start(&worker, stream, address, tls.as_ref());
    }
}

async fn at_once(listener: &TcpListener) -> Option<io::Result<(TcpStream, SocketAddr)>> {
    poll_fn(|cx| match listener.poll_accept(cx) {
        Poll::Ready(accepted) => Poll::Ready(Some(accepted)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

fn start(worker: &Rc<Worker>, stream: TcpStream, address: SocketAddr, tls: Option<&Arc<ServerConfig>>) {
    if worker.memory.get() == Pressure::Refuse {
        worker.counters().refused.add(1);
        return;
    }
    let peer = Peer {
        address,
        local_port: stream.local_addr().map_or(0, |local| local.port()),
        secure: tls.is_some(),
        trusted: view::is_trusted(address.ip().to_canonical(), &worker.config.trusted),
    };
    let open = Open::new(worker);
    match tls {
        None => drop(tokio::task::spawn_local(plain(open, stream, peer))),
        Some(config) => {
            let acceptor = TlsAcceptor::from(Arc::clone(config));
            drop(tokio::task::spawn_local(secure(open, acceptor, stream, peer)));
        }
    }
}

/// A connection that counts as open.
struct Open(Rc<Worker>);

impl Open {
    fn new(worker: &Rc<Worker>) -> Self {
        worker.counters().connections.add(1);
        worker.counters().open.add(1);
        Self(Rc::clone(worker))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.counters().open.sub(1);
    }
}

async fn plain(open: Open, stream: TcpStream, peer: Peer) {
    let worker = &open.0;
    let wire = Wire::new(stream);
    let mut slot = Slot::default();
    match preface(worker, &wire, &mut slot).await {
        Some(true) => Box::pin(prior_knowledge(worker, wire, slot, peer)).await,
        Some(false) => h1::serve(worker, wire.into_inner(), slot, peer).await,
        None => {}
    }
}

async fn prior_knowledge(worker: &Rc<Worker>, wire: Wire<TcpStream>, mut slot: Slot, peer: Peer) {
    let read = slot.unread().to_vec();
    slot.consume(read.len(), &worker.pool);
    let io = Replayed { read, at: 0, io: wire.into_inner() };
    h2::serve(Rc::clone(worker), io, peer, None).await;
}

/// Whether the client speaks HTTP/2 unasked. `None` if it never says anything.
async fn preface(worker: &Worker, wire: &Wire<TcpStream>, slot: &mut Slot) -> Option<bool> {
    let timer = worker.wheel.timer();
    timer.set(worker.config.limits.keep_alive);
    poll_fn(|cx| {
        loop {
            let read = slot.unread();
            let compared = read.len().min(PREFACE.len());
            if compared > 0 && (read[..compared] != PREFACE[..compared] || compared == PREFACE.len()) {
                return Poll::Ready(Some(compared == PREFACE.len() && read.starts_with(PREFACE)));
            }
            match wire.poll_fill(cx, slot, &worker.pool) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(None),
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => {
                    slot.park(&worker.pool);
                    let over = timer.poll_elapsed(cx).is_ready() || worker.phase() >= Phase::Draining;
                    return if over { Poll::Ready(None) } else { Poll::Pending };
                }
            }
        }
    })
    .await
}

async fn secure(open: Open, acceptor: TlsAcceptor, stream: TcpStream, peer: Peer) {
    let worker = &open.0;
    let timer = worker.wheel.timer();
    let handshake = Box::pin(acceptor.accept(stream));
    let Ok(Ok(stream)) = timer.limited(worker.config.limits.head, handshake).await else {
        worker.counters().tls_failures.add(1);
        return;
    };
    let (_, session) = stream.get_ref();
    let name = session.server_name().map(str::to_ascii_lowercase);
    if session.alpn_protocol() == Some(b"h2") {
        Box::pin(h2::serve(Rc::clone(worker), stream, peer, name)).await;
    } else {
        h1::serve(worker, stream, Slot::default(), peer).await;
    }
}

/// A socket of which something has been read already.
#[derive(Debug)]
struct Replayed<T> {
    read: Vec<u8>,
    at: usize,
    io: T,
}

impl<T: Io> AsyncRead for Replayed<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let rest = &self.read[self.at..];
        if rest.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let count = rest.len().min(buf.remaining());
        buf.put_slice(&rest[..count]);
        self.at += count;
        Poll::Ready(Ok(()))
    }
}

impl<T: Io> AsyncWrite for Replayed<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
