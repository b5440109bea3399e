//! Request heads.

mod build;

pub use self::build::Builder;

use crate::bytes;
use crate::connection::Options;
use crate::field::{Line, Section};
use crate::framing::{Declared, Framing};
use crate::target::{self, Target};
use crate::version::{self, Found};
use crate::{BadField, BadHost, BadRequest, Field, Known, Limits, Span, Version, authority};

/// Length of the version and the blank before it, in a request line.
const VERSION: usize = 9;

/// How the length of a request's body is known (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RequestFraming {
    /// There is no body.
    #[default]
    None,
    /// This many bytes follow.
    Length(u64),
    /// Chunks follow, then trailers.
    Chunked,
}

/// The index of one request head: where everything is in the buffer, and what it means.
///
/// Keep it and parse the next head into it: the vector of fields is reused.
#[derive(Clone, Debug, Default)]
pub struct RequestHead {
    /// The method, as sent.
    pub method: Span,
    /// The target, as sent. It may be in absolute form: forward path and query instead.
    pub target: Span,
    /// The path, as sent; `*` for `OPTIONS *`; empty when an absolute-form target has none. See
    /// [`RequestHead::path`].
    pub path: Span,
    /// What follows the first `?`.
    pub query: Option<Span>,
    /// The host and port: of an absolute-form target, else of `Host`. Empty only in HTTP/1.0.
    pub authority: Span,
    /// The version.
    pub version: Version,
    /// The field lines in the order sent.
    pub fields: Vec<Field>,
    /// How long the body is.
    pub framing: RequestFraming,
    /// Whether the client lets the connection stay open.
    pub persistent: bool,
    /// The protocol a `GET` without body asks to switch to, when it is a single one and not h2c.
    pub upgrade: Option<Span>,
    /// The client waits for a 100 before it sends the body.
    pub expect_continue: bool,
    /// The client accepts trailers.
    pub te_trailers: bool,
    /// How many fields are dropped because their name holds `_`.
    pub underscored: u32,
}

/// What is noted while the fields are walked.
#[derive(Default)]
struct Notes {
    host: Option<usize>,
    declared: Declared,
    options: Options,
    upgrade: Option<Span>,
    upgrades: u32,
}

// === impl RequestHead ===

impl RequestHead {
    /// An empty index.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the head at the beginning of `buf`. `Some(len)`: complete, the body begins at `len`. `None`:
    /// read more bytes and call again with all of them.
    ///
    /// One empty line before the request line is skipped (RFC 9112 §2.2) and counted in `len`.
    ///
    /// # Errors
    /// When the request must be refused, as soon as that is certain.
    #[inline]
    pub fn parse(&mut self, buf: &[u8], limits: &Limits) -> Result<Option<usize>, BadRequest> {
        self.clear();
        let Some(start) = skip_empty_line(buf)? else { return Ok(None) };
        let Some(at) = self.request_line(buf, start, limits)? else { return Ok(None) };
        let mut section = Section::new(buf, at, limits, Known::Cookie);
        let mut notes = Notes::default();
        loop {
            match section.next()? {
                Line::Field(field) => self.note(buf, field, &mut notes)?,
                Line::More => return Ok(None),
                Line::End(len) => return self.conclude(buf, &notes).map(|()| Some(len)),
            }
        }
    }

    /// The values of all fields of this name that are not ignored for a `_` in it.
    #[inline]
    pub fn header<'b>(&'b self, buf: &'b [u8], name: &[u8]) -> impl Iterator<Item = &'b [u8]> {
        let known = Known::of(name);
        let ignored = name.contains(&b'_');
        self.fields
            .iter()
            .filter(move |field| !ignored && field.is_named(buf, known, name))
            .map(|field| field.value.of(buf))
    }

    /// The values of all fields of this name.
    #[inline]
    pub fn known<'b>(&'b self, buf: &'b [u8], known: Known) -> impl Iterator<Item = &'b [u8]> {
        self.fields.iter().filter(move |field| field.known == known).map(|field| field.value.of(buf))
    }

    /// The path to match: `/` when the target has none.
    #[inline]
    pub fn path<'b>(&self, buf: &'b [u8]) -> &'b [u8] {
        if self.path.is_empty() { b"/" } else { self.path.of(buf) }
    }

    fn clear(&mut self) {
        let mut fields = std::mem::take(&mut self.fields);
        fields.clear();
        *self = Self { fields, ..Self::default() };
    }

    /// Reads the request line at `start`; the offset after it.
    #[inline]
    fn request_line(
        &mut self,
        buf: &[u8],
        start: usize,
        limits: &Limits,
    ) -> Result<Option<usize>, BadRequest> {
        let room = limits.request_line.saturating_sub(VERSION);
        let window = bytes::window(buf, start, room);
        let full = window.len() > room;
        let Some((method, target)) = method_and_target(window)? else {
            return if full { Err(BadRequest::LongRequestLine) } else { Ok(None) };
        };
        self.method = Span::new(start, start + method);
        self.target = Span::new(start + method + 1, start + target);
        self.split_target(buf)?;
        self.finish_line(buf, start + target + 1)
    }

    fn split_target(&mut self, buf: &[u8]) -> Result<(), BadRequest> {
        if self.method.of(buf) == b"CONNECT" {
            return Err(BadRequest::Connect);
        }
        let Target { path, query, authority } = target::split(buf, self.method, self.target)?;
        (self.path, self.query, self.authority) = (path, query, authority.unwrap_or_default());
        Ok(())
    }

    #[inline]
    fn finish_line(&mut self, buf: &[u8], at: usize) -> Result<Option<usize>, BadRequest> {
        match version::read(&buf[at..], b"\r\n") {
            Found::Version(version) => self.version = version,
            Found::Foreign => return Err(BadRequest::Version),
            Found::Malformed => return Err(BadRequest::RequestLine),
            Found::More => return Ok(None),
        }
        Ok(Some(at + VERSION + 1))
    }

    #[inline]
    fn note(&mut self, buf: &[u8], mut field: Field, notes: &mut Notes) -> Result<(), BadRequest> {
        field.dropped |= field.known.is_hop_by_hop();
        let value = field.value.of(buf);
        match field.known {
            Known::Other => self.underscored += u32::from(field.dropped),
            Known::Host => self.host(value, notes)?,
            Known::ContentLength => notes.declared.length(buf, &mut field)?,
            Known::TransferEncoding => notes.declared.coding(value)?,
            Known::Connection => notes.options.note(value).map_err(|_| BadRequest::Connection)?,
            Known::Expect => self.expect(value, &mut field)?,
            Known::Te => self.te(buf, &mut field),
            Known::Upgrade => notes.upgrade(field.value),
            _ => {}
        }
        self.fields.push(field);
        Ok(())
    }

    fn host(&mut self, value: &[u8], notes: &mut Notes) -> Result<(), BadHost> {
        if notes.host.replace(self.fields.len()).is_some() {
            return Err(BadHost::Repeated);
        }
        authority::check(value)
    }

    /// Per RFC 9110 §10.1.1 HTTP/1.0 expectations are ignored, unknown ones may be refused.
    fn expect(&mut self, value: &[u8], field: &mut Field) -> Result<(), BadRequest> {
        if self.version == Version::Http10 {
            field.dropped = true;
        } else if value.eq_ignore_ascii_case(b"100-continue") {
            self.expect_continue = true;
        } else {
            return Err(BadRequest::Expect);
        }
        Ok(())
    }

    /// Only `trailers` passes, alone: other members concern codings of this hop (RFC 9110 §10.1.4).
    fn te(&mut self, buf: &[u8], field: &mut Field) {
        let value = field.value.of(buf);
        let mut at = 0;
        for member in value.split(|&byte| byte == b',') {
            let (start, end) = bytes::trimmed(member);
            if !self.te_trailers && member[start..end].eq_ignore_ascii_case(b"trailers") {
                field.value = field.value.part(at + start, at + end);
                field.dropped = false;
                self.te_trailers = true;
                return;
            }
            at += member.len() + 1;
        }
    }

    fn conclude(&mut self, buf: &[u8], notes: &Notes) -> Result<(), BadRequest> {
        let http10 = self.version == Version::Http10;
        self.settle_host(notes.host)?;
        self.framing = notes.declared.framing(http10)?.into();
        self.persistent = notes.options.persistent(http10);
        notes.options.drop_nominated(buf, &mut self.fields);
        self.settle_expectation();
        self.upgrade = notes.upgrade.filter(|&protocol| self.may_upgrade(buf, protocol, notes));
        Ok(())
    }

    /// An expectation without content must not be sent on, and nobody waits for the 100 (RFC 9110 §10.1.1).
    fn settle_expectation(&mut self) {
        if self.expect_continue && self.framing.is_empty() {
            self.expect_continue = false;
            let expectations = self.fields.iter_mut().filter(|field| field.known == Known::Expect);
            expectations.for_each(|field| field.dropped = true);
        }
    }

    /// The authority of an absolute-form target replaces that of `Host` (RFC 9112 §3.2.2).
    fn settle_host(&mut self, host: Option<usize>) -> Result<(), BadHost> {
        let Some(host) = host.and_then(|index| self.fields.get_mut(index)) else {
            let needed = self.version != Version::Http10;
            return if needed { Err(BadHost::Missing) } else { Ok(()) };
        };
        if self.authority.is_empty() {
            self.authority = host.value;
        } else {
            host.value = self.authority;
        }
        Ok(())
    }

    /// RFC 9110 §7.8, and no body: its bytes could be taken for the new protocol. Not h2c, through which
    /// requests would pass unseen.
    fn may_upgrade(&self, buf: &[u8], protocol: Span, notes: &Notes) -> bool {
        let protocol = protocol.of(buf);
        let single = notes.upgrades == 1 && protocol.split(|&byte| byte == b'/').all(bytes::is_token);
        let plain_get = self.method.of(buf) == b"GET" && self.framing.is_empty();
        let asked = notes.options.upgrade() && self.version == Version::Http11;
        single && plain_get && asked && !protocol.eq_ignore_ascii_case(b"h2c")
    }
}

// === impl Notes ===

impl Notes {
    fn upgrade(&mut self, value: Span) {
        self.upgrade = Some(value);
        self.upgrades += 1;
    }
}

// === impl RequestFraming ===

impl RequestFraming {
    /// Whether no byte of body follows.
    #[inline]
    pub const fn is_empty(self) -> bool {
        matches!(self, Self::None | Self::Length(0))
    }
}

impl From<Framing> for RequestFraming {
    fn from(framing: Framing) -> Self {
        match framing {
            Framing::Unstated => Self::None,
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked,
        }
    }
}

/// The offset of the request line, after at most one empty line.
fn skip_empty_line(buf: &[u8]) -> Result<Option<usize>, BadRequest> {
    match buf {
        [b'\r', b'\n', ..] => Ok(Some(2)),
        [b'\r'] => Ok(None),
        [b'\r' | b'\n', ..] => Err(BadField::LineEnd.into()),
        _ => Ok(Some(0)),
    }
}

/// The offsets of the two blanks of a request line (RFC 9112 §3).
#[inline]
fn method_and_target(line: &[u8]) -> Result<Option<(usize, usize)>, BadRequest> {
    let (method, _) = bytes::token(line);
    match line.get(method) {
        None => return Ok(None),
        Some(b' ') if method > 0 => {}
        Some(_) => return Err(BadRequest::RequestLine),
    }
    let start = method + 1;
    let Some(len) = bytes::find_target_end(&line[start..]) else { return Ok(None) };
    match line[start + len] {
        b' ' if len > 0 => Ok(Some((method, start + len))),
        b'#' => Err(BadRequest::Target),
        _ => Err(BadRequest::RequestLine),
    }
}
