//! Heads that did not come as HTTP/1.1 text.

use super::{RequestFraming, RequestHead};
use crate::{BadField, BadFraming, BadRequest, Known, Limits, Version, bytes, write};

/// Writes a request that came in another form (HTTP/2) as HTTP/1.1 text and indexes it, so that every later
/// phase sees one kind of head, read under one set of rules.
#[derive(Debug)]
pub struct Builder<'b> {
    buf: &'b mut Vec<u8>,
    limits: Limits,
    head: RequestHead,
    cookies: Vec<u8>,
    line: bool,
    host: bool,
    length: bool,
    bad: Option<BadRequest>,
}

impl RequestHead {
    /// Begins a new head, whose text goes into `buf`, which is emptied.
    pub fn build(buf: &mut Vec<u8>) -> Builder<'_> {
        Self::default().rebuild(buf)
    }

    /// Like [`RequestHead::build`], with the index vector of an old head.
    pub fn rebuild(self, buf: &mut Vec<u8>) -> Builder<'_> {
        buf.clear();
        let (cookies, limits) = (Vec::new(), Limits::default());
        Builder { buf, head: self, limits, cookies, line: false, host: false, length: false, bad: None }
    }
}

// === impl Builder ===

impl Builder<'_> {
    /// Other limits than the default.
    #[must_use]
    pub fn limits(mut self, limits: &Limits) -> Self {
        self.limits = *limits;
        self
    }

    /// First: the method.
    #[must_use]
    pub fn method(mut self, method: &[u8]) -> Self {
        self.check(bytes::is_token(method), BadRequest::RequestLine);
        self.buf.extend_from_slice(method);
        self
    }

    /// Second: the target, that is path and query.
    #[must_use]
    pub fn target(mut self, target: &[u8]) -> Self {
        let form = target.starts_with(b"/") || target == b"*";
        self.check(form && bytes::find_target_end(target).is_none(), BadRequest::Target);
        self.buf.push(b' ');
        self.buf.extend_from_slice(target);
        self.buf.extend_from_slice(b" HTTP/1.1\r\n");
        self.line = true;
        self
    }

    /// Third: the authority, if there is one. It replaces any `Host` field (RFC 9113 §8.3.1).
    #[must_use]
    pub fn authority(mut self, authority: &[u8]) -> Self {
        self.host = true;
        self.push(b"Host", authority);
        self
    }

    /// A field. Cookies that came in crumbs are joined (RFC 9113 §8.2.3).
    #[must_use]
    pub fn field(mut self, name: &[u8], value: &[u8]) -> Self {
        match Known::of(name) {
            Known::Host if self.host => {}
            Known::Cookie => self.crumb(value),
            // Per RFC 9113 §8.2.2 a message with these is malformed.
            Known::Connection | Known::TransferEncoding | Known::Upgrade => {
                self.check(false, BadFraming::Coding.into());
            }
            known => {
                self.length |= known == Known::ContentLength;
                self.push(name, value);
            }
        }
        self
    }

    /// Indexes the head. A `Content-Length` among the fields decides the framing, else `framing` does.
    ///
    /// # Errors
    /// When HTTP/1.1 could not carry this request safely.
    pub fn finish(mut self, framing: RequestFraming) -> Result<RequestHead, BadRequest> {
        let cookies = std::mem::take(&mut self.cookies);
        if !cookies.is_empty() {
            self.push(b"Cookie", &cookies);
        }
        if let (RequestFraming::Length(length), false) = (framing, self.length) {
            write::field_number(self.buf, b"Content-Length", length);
        }
        self.buf.extend_from_slice(b"\r\n");
        self.index(framing)
    }

    fn index(mut self, framing: RequestFraming) -> Result<RequestHead, BadRequest> {
        if let Some(bad) = self.bad {
            return Err(bad);
        }
        let parsed = self.head.parse(self.buf, &self.limits)?;
        if parsed != Some(self.buf.len()) {
            return Err(BadRequest::RequestLine);
        }
        self.head.version = Version::Http2;
        self.head.framing = agreed(self.head.framing, framing)?;
        Ok(self.head)
    }

    fn crumb(&mut self, value: &[u8]) {
        if !self.cookies.is_empty() {
            self.cookies.extend_from_slice(b"; ");
        }
        self.cookies.extend_from_slice(value);
    }

    fn push(&mut self, name: &[u8], value: &[u8]) {
        self.check(self.line, BadRequest::RequestLine);
        self.check(bytes::is_token(name), BadField::Name.into());
        self.check(is_value(value), BadField::Value.into());
        write::field(self.buf, name, value);
    }

    /// Remembers the first thing that is wrong.
    fn check(&mut self, good: bool, bad: BadRequest) {
        if !good {
            self.bad.get_or_insert(bad);
        }
    }
}

/// The framing that the fields declare, unless it contradicts what is known of the body.
fn agreed(declared: RequestFraming, known: RequestFraming) -> Result<RequestFraming, BadFraming> {
    match (declared, known) {
        (RequestFraming::None, _) => Ok(known),
        (RequestFraming::Length(1..), RequestFraming::None) => Err(BadFraming::Lengths),
        (RequestFraming::Length(one), RequestFraming::Length(other)) if one != other => {
            Err(BadFraming::Lengths)
        }
        _ => Ok(declared),
    }
}

fn is_value(value: &[u8]) -> bool {
    let mut rest = value;
    while let Some(at) = bytes::find_control(rest) {
        if rest[at] != b'\t' {
            return false;
        }
        rest = &rest[at + 1..];
    }
    true
}
