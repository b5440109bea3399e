//! An origin that answers from a script and keeps every byte it was sent: the oracle for smuggling tests.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

/// What a script may look at when bytes have come.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Which connection, counted from 0.
    pub connection: usize,
    /// How many replies this connection has had.
    pub replies: usize,
    /// The bytes of this connection since the last reply.
    pub bytes: &'a [u8],
}

impl Seen<'_> {
    /// Whether the bytes hold a whole request: a head, and the body that its fields announce.
    pub fn is_whole(&self) -> bool {
        let Some(end) = self.bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
        let head = String::from_utf8_lossy(&self.bytes[..end]).to_ascii_lowercase();
        let body = &self.bytes[end + 4..];
        if head.contains("transfer-encoding:") {
            return body == b"0\r\n\r\n" || body.ends_with(b"\r\n0\r\n\r\n");
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        body.len() >= length.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
    }
}

/// What the origin does next on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Wait for more bytes.
    Wait,
    /// Send these bytes.
    Reply(Vec<u8>),
    /// Send these bytes and close.
    ReplyAndClose(Vec<u8>),
    /// Close without a word.
    Close,
    /// Reset the connection.
    Reset,
}

type Script = dyn Fn(Seen<'_>) -> Act + Send + Sync;
type Received = Arc<Mutex<Vec<Vec<u8>>>>;

/// A running raw origin. Dropping it ends it.
pub struct RawOrigin {
    addr: SocketAddr,
    received: Received,
    accepting: JoinHandle<()>,
}

impl fmt::Debug for RawOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawOrigin").field("addr", &self.addr).finish_non_exhaustive()
    }
}

impl RawOrigin {
    /// Starts an origin that asks `script` after every read.
    ///
    /// # Errors
    /// When loopback has no free port.
    pub async fn start(script: impl Fn(Seen<'_>) -> Act + Send + Sync + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let addr = listener.local_addr()?;
        let received = Received::default();
        let accepting = tokio::spawn(accept(listener, Arc::new(script), Arc::clone(&received)));
        Ok(Self { addr, received, accepting })
    }

    /// Starts an origin that gives the n-th whole request of each connection the n-th reply, and the
    /// last reply to all that follow.
    ///
    /// # Errors
    /// When loopback has no free port.
    pub async fn replies<const N: usize>(replies: [&[u8]; N]) -> io::Result<Self> {
        let replies: Vec<Vec<u8>> = replies.iter().map(|reply| reply.to_vec()).collect();
        Self::start(move |seen| match replies.get(seen.replies).or_else(|| replies.last()) {
            Some(reply) if seen.is_whole() => Act::Reply(reply.clone()),
            _ => Act::Wait,
        })
        .await
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Every byte so far, one entry per connection.
    pub fn received(&self) -> Vec<Vec<u8>> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Every byte so far as text, connections after each other.
    pub fn text(&self) -> String {
        self.received().iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
    }
}

impl Drop for RawOrigin {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, script: Arc<Script>, received: Received) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let number = {
            let mut all = received.lock().unwrap_or_else(PoisonError::into_inner);
            all.push(Vec::new());
            all.len() - 1
        };
        connections.spawn(serve(stream, number, Arc::clone(&script), Arc::clone(&received)));
    }
}

async fn serve(mut stream: TcpStream, connection: usize, script: Arc<Script>, received: Received) {
    let (mut replies, mut since) = (0, Vec::new());
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        received.lock().unwrap_or_else(PoisonError::into_inner)[connection].extend(&buffer[..length]);
        since.extend(&buffer[..length]);
        let act = script(Seen { connection, replies, bytes: &since });
        if act != Act::Wait {
            replies += 1;
            since.clear();
        }
        if !perform(&mut stream, act).await {
            break;
        }
    }
}

/// Does what the script says; false when the connection is over.
async fn perform(stream: &mut TcpStream, act: Act) -> bool {
    match act {
        Act::Wait => true,
        Act::Reply(bytes) => stream.write_all(&bytes).await.is_ok(),
        Act::ReplyAndClose(bytes) => {
            let _sent = stream.write_all(&bytes).await;
            let _ended = stream.shutdown().await;
            false
        }
        Act::Close => false,
        Act::Reset => {
            let _set = stream.set_zero_linger();
            false
        }
    }
}
