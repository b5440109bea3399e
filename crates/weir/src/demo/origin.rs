//! The smallest origin that tells its version.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use super::tally::Version;

/// A running origin. It answers every request without a body.
#[derive(Debug)]
pub(super) struct Origin {
    address: SocketAddr,
    task: JoinHandle<()>,
}

// === impl Origin ===

impl Origin {
    /// Starts on a free loopback port.
    pub(super) async fn start(version: Version) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        Ok(Self { address, task: tokio::spawn(accept(listener, version)) })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it, with every connection that is open.
    pub(super) fn stop(&self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, version: Version) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, version));
        while connections.try_join_next().is_some() {}
    }
}

/// Answers once for every blank line.
async fn serve(mut stream: TcpStream, version: Version) {
    let _nodelay = stream.set_nodelay(true);
    let body = format!("this is the {} version\n", version.name());
    let length = body.len();
    let name = version.name();
    let answer = format!("HTTP/1.1 200 OK\r\nx-version: {name}\r\ncontent-length: {length}\r\n\r\n{body}");
    let (mut input, mut matched) = ([0; 4096], 0);
    while let Ok(read @ 1..) = stream.read(&mut input).await {
        for _ in 0..heads(&input[..read], &mut matched) {
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

/// How many request heads end in these bytes; `matched` carries over a part of the end.
fn heads(bytes: &[u8], matched: &mut usize) -> usize {
    const END: &[u8] = b"\r\n\r\n";
    let mut ended = 0;
    for &byte in bytes {
        *matched = match byte {
            _ if byte == END[*matched] => *matched + 1,
            b'\r' => 1,
            _ => 0,
        };
        if *matched == END.len() {
            (ended, *matched) = (ended + 1, 0);
        }
    }
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_counted_across_reads() {
        let mut matched = 0;
        assert_eq!(heads(b"GET / HTTP/1.1\r\n\r", &mut matched), 0);
        assert_eq!(heads(b"\nGET", &mut matched), 1);
        assert_eq!(heads(b" / HTTP/1.1\r\na: b\r\r\n\r\n\r\n\r\n", &mut matched), 2);
    }
}
