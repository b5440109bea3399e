//! One connection of a client.

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

use super::record::Version;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// An open connection.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) stream: TcpStream,
    /// What has been read of the last answer.
    pub(super) input: Vec<u8>,
}

/// What a response head says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) version: Option<Version>,
    pub(super) set_cookie: Option<String>,
    /// Whether the connection ends with it.
    pub(super) close: bool,
    /// How long it is itself.
    pub(super) length: usize,
    /// How long the body is.
    body: usize,
}

// === impl Client ===

impl Client {
    pub(super) async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, input: Vec::with_capacity(4096) })
    }

    /// Sends a request and reads the whole answer.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> Result<Head> {
        timeout(PATIENCE, async {
            let head = self.begin(request).await?;
            while self.input.len() < head.length + head.body {
                self.read().await?;
            }
            Ok(head)
        })
        .await?
    }

    /// Sends a request and reads the head of the answer.
    pub(super) async fn begin(&mut self, request: &[u8]) -> Result<Head> {
        self.stream.write_all(request).await?;
        self.input.clear();
        loop {
            self.read().await?;
            if let Some(head) = read_head(&self.input) {
                return Ok(head);
            }
        }
    }

    pub(super) async fn read(&mut self) -> Result<()> {
        match self.stream.read_buf(&mut self.input).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Weir's own answers say in the body what went wrong.
    pub(super) fn unexpected(&self, head: &Head) -> Error {
        let body = String::from_utf8_lossy(&self.input[head.length..]);
        Error::other(format!("status {}: {}", head.status, body.trim_end()))
    }
}

/// Reads a head if it is complete. Only what the demo's origins and Weir itself answer is understood.
fn read_head(input: &[u8]) -> Option<Head> {
    let end = input.windows(4).position(|window| window == b"\r\n\r\n")?;
    let text = std::str::from_utf8(&input[..end]).ok()?;
    let mut lines = text.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut head = Head { status, length: end + 4, ..Head::default() };
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        match &*name.to_ascii_lowercase() {
            "x-version" => head.version = Version::named(value),
            "content-length" => head.body = value.parse().unwrap_or(0),
            "set-cookie" => head.set_cookie = Some(value.to_owned()),
            "connection" => head.close = value.eq_ignore_ascii_case("close"),
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
        let text =
            b"HTTP/1.1 200 OK\r\nX-Version: new\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 2\r\n\r\nhi";
        assert_eq!(read_head(&text[..40]), None);
        let expected = Head {
            status: 200,
            version: Some(Version::New),
            set_cookie: Some("a=b; Path=/".into()),
            close: false,
            length: text.len() - 2,
            body: 2,
        };
        assert_eq!(read_head(text), Some(expected));
    }
}
