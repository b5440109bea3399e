//! WebSockets and event streams that are open to the old version while it goes offline.

use std::{
    io::{Error, Result},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{io::AsyncWriteExt as _, task::JoinSet};

use super::{
    client::Client,
    manifests::HOST,
    origin::{EVENTS, SOCKET},
    record::Version,
};

/// A Close with 1001 (going away), as servers send it.
const GOING_AWAY: &[u8] = b"\x88\x02\x03\xe9";
/// The same as clients send it, with a mask of zeros.
const ANSWER: &[u8] = b"\x88\x82\0\0\0\0\x03\xe9";
/// The last chunk.
const LAST: &[u8] = b"\r\n0\r\n\r\n";

/// Open connections.
#[derive(Debug)]
pub(super) struct Streams {
    counts: Arc<Counts>,
    connections: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Counts {
    open: AtomicUsize,
    polite: AtomicUsize,
    broken: AtomicUsize,
    returned: AtomicUsize,
}

/// What became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ended {
    /// How many there were to the old version.
    pub(super) opened: usize,
    /// Still open.
    pub(super) open: usize,
    /// A Close with 1001, or the last chunk.
    pub(super) polite: usize,
    /// Anything else.
    pub(super) broken: usize,
    /// Came back to the new version.
    pub(super) returned: usize,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    WebSocket,
    Events,
}

// === impl Streams ===

impl Streams {
    /// Opens so many of each kind.
    pub(super) fn open(address: SocketAddr, each: usize) -> Self {
        let (counts, mut connections) = (Arc::<Counts>::default(), JoinSet::new());
        for kind in [Kind::WebSocket, Kind::Events].repeat(each) {
            connections.spawn(follow(address, kind, Arc::clone(&counts)));
        }
        Self { counts, connections }
    }

    pub(super) fn read(&self) -> Ended {
        let get = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        let Counts { open, polite, broken, returned } = &*self.counts;
        Ended {
            opened: self.connections.len(),
            open: get(open),
            polite: get(polite),
            broken: get(broken),
            returned: get(returned),
        }
    }
}

async fn follow(address: SocketAddr, kind: Kind, counts: Arc<Counts>) {
    let add = |count: &AtomicUsize| count.fetch_add(1, Ordering::Relaxed);
    let Ok((client, Version::Old)) = open(address, kind).await else {
        add(&counts.broken);
        return;
    };
    add(&counts.open);
    let ended = until_end(client, kind).await;
    counts.open.fetch_sub(1, Ordering::Relaxed);
    if ended.is_err() {
        add(&counts.broken);
        return;
    }
    add(&counts.polite);
    if let Ok((_, Version::New)) = open(address, kind).await {
        add(&counts.returned);
    }
}

async fn open(address: SocketAddr, kind: Kind) -> Result<(Client, Version)> {
    let (path, status, fields) = match kind {
        Kind::WebSocket => (
            SOCKET,
            101,
            "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        ),
        Kind::Events => (EVENTS, 200, "accept: text/event-stream\r\n"),
    };
    let mut client = Client::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {HOST}\r\n{fields}\r\n");
    let head = client.begin(request.as_bytes()).await?;
    match head.version {
        Some(version) if head.status == status => {
            client.input.drain(..head.length);
            Ok((client, version))
        }
        _ => Err(client.unexpected(&head)),
    }
}

/// Reads until it ends as it should; an error if it just breaks off.
async fn until_end(mut client: Client, kind: Kind) -> Result<()> {
    loop {
        client.read().await?;
        let over = match kind {
            Kind::WebSocket => last_frame(&mut client.input)?,
            Kind::Events => last_chunk(&mut client.input),
        };
        if over {
            break;
        }
    }
    if matches!(kind, Kind::WebSocket) {
        client.stream.write_all(ANSWER).await?;
        // The origin's own goodbye, which may have come or not.
        while client.read().await.is_ok() {}
    }
    Ok(())
}

/// Takes whole frames away, and says whether one of them is the Close with 1001.
fn last_frame(input: &mut Vec<u8>) -> Result<bool> {
    while let [first, length, ..] = **input {
        let end = 2 + usize::from(length);
        if input.len() < end {
            break;
        }
        let frame: Vec<u8> = input.drain(..end).collect();
        match first {
            0x88 if frame == GOING_AWAY => return Ok(true),
            0x88 => return Err(Error::other("closed with another code than 1001")),
            _ => {}
        }
    }
    Ok(false)
}

/// Whether the last chunk has come. What cannot be a part of it is taken away.
fn last_chunk(input: &mut Vec<u8>) -> bool {
    let over = input.ends_with(LAST) || *input == LAST[2..];
    input.drain(..input.len().saturating_sub(LAST.len()));
    over
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_taken_apart_across_reads() {
        let mut input = b"\x81\x04tick\x88\x02\x03".to_vec();
        assert!(!last_frame(&mut input).unwrap());
        input.push(0xe9);
        assert!(last_frame(&mut input).unwrap());
        assert!(last_frame(&mut b"\x88\x02\x03\xe8".to_vec()).is_err());
    }

    #[test]
    fn the_last_chunk_is_found_across_reads() {
        let mut input = b"c\r\ndata: tick\n\n\r\n0\r".to_vec();
        assert!(!last_chunk(&mut input));
        input.extend(b"\n\r\n");
        assert!(last_chunk(&mut input));
    }
}
