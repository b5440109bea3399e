//! One keep-alive connection of a client.

use std::{
    io::{Error, ErrorKind, Result},
    net::SocketAddr,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::tally::Version;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// An open connection.
#[derive(Debug)]
pub(super) struct Client {
    stream: TcpStream,
    input: Vec<u8>,
}

/// What a response head says.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    version: Option<Version>,
    /// Head and body together.
    length: usize,
}

// === impl Client ===

impl Client {
    pub(super) async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, input: Vec::with_capacity(4096) })
    }

    /// Sends a request and returns which version answered with 200.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> Result<Version> {
        timeout(PATIENCE, self.try_exchange(request)).await?
    }

    /// Weir's own answers say in the body what went wrong.
    fn unexpected(&self, status: u16) -> String {
        let text = String::from_utf8_lossy(&self.input);
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body.trim_end());
        format!("status {status}: {body}")
    }

    async fn try_exchange(&mut self, request: &[u8]) -> Result<Version> {
        self.stream.write_all(request).await?;
        self.input.clear();
        let mut head = None;
        while head.as_ref().is_none_or(|head: &Head| self.input.len() < head.length) {
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            head = head.or_else(|| read_head(&self.input));
        }
        match head {
            Some(Head { status: 200, version: Some(version), .. }) => Ok(version),
            head => Err(Error::other(self.unexpected(head.map_or(0, |head| head.status)))),
        }
    }
}

/// Reads a head if it is complete. Only what the demo's origins and Weir itself answer is understood.
fn read_head(input: &[u8]) -> Option<Head> {
    let end = input.windows(4).position(|window| window == b"\r\n\r\n")?;
    let text = std::str::from_utf8(&input[..end]).ok()?;
    let mut lines = text.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut head = Head { status, version: None, length: end + 4 };
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        match &*name.to_ascii_lowercase() {
            "x-version" => head.version = Version::named(value.trim()),
            "content-length" => head.length += value.trim().parse().unwrap_or(0),
            _ => {}
        }
    }
    Some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_when_complete() {
        let text = b"HTTP/1.1 200 OK\r\nX-Version: new\r\nContent-Length: 2\r\n\r\nhi";
        assert_eq!(read_head(&text[..40]), None);
        let expected = Head { status: 200, version: Some(Version::New), length: text.len() };
        assert_eq!(read_head(text), Some(expected));
    }
}
