//! What the paths of an origin answer.

use std::{fmt::Write as _, sync::LazyLock, time::Duration};

use bytes::{BufMut as _, Bytes, BytesMut};
use tokio::{net::TcpStream, time::sleep};

use crate::wire::{RequestHead, Wire, WireError};

/// The time between two server-sent events: long enough to tell streaming from buffering.
const EVENT_GAP: Duration = Duration::from_millis(20);
/// The size of the chunks on `/chunked/N`.
const CHUNK: usize = 1000;
/// The pattern that bodies are cut from.
static PATTERN: LazyLock<Bytes> = LazyLock::new(|| (b'a'..=b'z').cycle().take(1024 * 1024).collect());

/// The body that `/bytes/N` and `/chunked/N` answer: the alphabet, over and over.
pub fn pattern(length: usize) -> Bytes {
    if length <= PATTERN.len() {
        return PATTERN.slice(..length);
    }
    (b'a'..=b'z').cycle().take(length).collect()
}

/// What a path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Name,
    Bytes(usize),
    Chunked(usize),
    Echo,
    Delay(Duration),
    Hold,
    Status(u16),
    Headers,
    Close,
    Reset,
    Early,
    Trailers,
    Hints,
    Events(usize),
    WebSocket,
}

impl Answer {
    pub(super) fn of(target: &str) -> Self {
        let path = target.split('?').next().unwrap_or_default();
        let mut segments = path.trim_start_matches('/').split('/');
        let (name, value) = (segments.next().unwrap_or_default(), segments.next().unwrap_or_default());
        let number = || value.parse().unwrap_or_default();
        match name {
            "bytes" => Self::Bytes(number()),
            "chunked" => Self::Chunked(number()),
            "echo" => Self::Echo,
            "delay" => Self::Delay(Duration::from_millis(number() as u64)),
            "hold" => Self::Hold,
            "status" => Self::Status(value.parse().unwrap_or(200)),
            "headers" => Self::Headers,
            "close" => Self::Close,
            "reset" => Self::Reset,
            "early" => Self::Early,
            "trailers" => Self::Trailers,
            "hints" => Self::Hints,
            "sse" => Self::Events(value.parse().unwrap_or(5)),
            "ws" => Self::WebSocket,
            _ => Self::Name,
        }
    }
}

/// An answer to one request in the making.
pub(super) struct Reply<'a> {
    pub(super) name: &'a str,
    pub(super) head: &'a RequestHead,
    pub(super) closes: bool,
}

impl Reply<'_> {
    fn head(&self, status: u16, fields: &str) -> String {
        let reason = http::StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason());
        let reason = reason.unwrap_or("Status");
        let connection = if self.closes { "connection: close\r\n" } else { "" };
        format!("HTTP/1.1 {status} {reason}\r\nx-version: {}\r\n{connection}{fields}\r\n", self.name)
    }

    pub(super) fn chunked_head(&self, status: u16) -> Vec<u8> {
        self.head(status, "transfer-encoding: chunked\r\n").into_bytes()
    }

    /// A whole response with a length.
    pub(super) fn sized(&self, status: u16, body: &[u8]) -> Vec<u8> {
        let length = match status {
            204 | 304 => String::new(),
            _ => format!("content-length: {}\r\n", body.len()),
        };
        let mut whole = self.head(status, &length).into_bytes();
        if self.head.method != "HEAD" && !matches!(status, 204 | 304) {
            whole.extend_from_slice(body);
        }
        whole
    }

    /// A whole chunked response. A HEAD gets the head alone.
    fn chunked(&self, fields: &str, pieces: &[&[u8]], trailers: &str) -> Vec<u8> {
        let mut whole = self.head(200, &format!("{fields}transfer-encoding: chunked\r\n")).into_bytes();
        if self.head.method != "HEAD" {
            for piece in pieces {
                whole.extend_from_slice(&chunk(piece));
            }
            whole.extend_from_slice(format!("0\r\n{trailers}\r\n").as_bytes());
        }
        whole
    }

    fn named(&self, status: u16) -> Vec<u8> {
        self.sized(status, format!("{}\n", self.name).as_bytes())
    }

    fn headers_as_json(&self) -> Vec<u8> {
        let fields: Vec<_> = self.head.headers.0.iter().map(|(name, value)| [name, value]).collect();
        serde_json::to_vec(&fields).unwrap_or_default()
    }
}

/// One chunk on the wire.
pub(super) fn chunk(piece: &[u8]) -> BytesMut {
    let mut whole = BytesMut::with_capacity(piece.len() + 20);
    let _infallible = write!(whole, "{:x}\r\n", piece.len());
    whole.put_slice(piece);
    whole.put_slice(b"\r\n");
    whole
}

/// Sends the answer to a request whose body was read.
pub(super) async fn send(
    wire: &mut Wire<TcpStream>,
    answer: &Answer,
    reply: &Reply<'_>,
) -> Result<(), WireError> {
    let bytes = match answer {
        Answer::Bytes(length) => reply.sized(200, &pattern(*length)),
        Answer::Chunked(length) => reply.chunked("", &pattern(*length).chunks(CHUNK).collect::<Vec<_>>(), ""),
        Answer::Status(status) => reply.named(*status),
        Answer::Headers => reply.sized(200, &reply.headers_as_json()),
        Answer::Trailers => {
            let fields = "trailer: x-checksum, x-note\r\n";
            reply.chunked(fields, &[b"with ", b"trailers\n"], "x-checksum: 42\r\nx-note: last\r\n")
        }
        Answer::Hints => {
            wire.send(b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n").await?;
            reply.named(200)
        }
        Answer::Events(count) => return events(wire, *count, reply).await,
        _ => reply.named(200),
    };
    wire.send(&bytes).await
}

async fn events(wire: &mut Wire<TcpStream>, count: usize, reply: &Reply<'_>) -> Result<(), WireError> {
    let fields = "content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n";
    wire.send(reply.head(200, fields).as_bytes()).await?;
    for number in 0..count {
        let event = format!("id: {number}\ndata: {}\n\n", reply.name);
        wire.send(&chunk(event.as_bytes())).await?;
        sleep(EVENT_GAP).await;
    }
    wire.send(b"0\r\n\r\n").await
}
