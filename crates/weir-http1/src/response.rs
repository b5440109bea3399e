//! Response heads.

use crate::bytes;
use crate::connection::Options;
use crate::field::{Line, Section};
use crate::framing::{Declared, Framing};
use crate::version::{self, Found};
use crate::{BadField, BadResponse, Field, Known, Limits, Span, Version};

/// Offset of the status in a status line.
const STATUS: usize = 9;

/// What the method of the request means for its response (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForMethod {
    /// `HEAD`: no body, whatever the fields say.
    Head,
    /// `CONNECT`: a 2xx begins a tunnel.
    Connect,
    /// Any other method.
    #[default]
    Other,
}

/// How the length of a response's body is known (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseFraming {
    /// There is no body.
    #[default]
    None,
    /// This many bytes follow.
    Length(u64),
    /// Chunks follow, then trailers.
    Chunked,
    /// Everything up to the end of the connection.
    UntilClose,
}

/// The index of one response head. Interim responses (1xx) are heads too: their status is below 200, they
/// have no body, and another head follows, except after 101.
#[derive(Clone, Debug, Default)]
pub struct ResponseHead {
    /// The status, 100 to 599.
    pub status: u16,
    /// The reason phrase, possibly empty.
    pub reason: Span,
    /// The version.
    pub version: Version,
    /// The field lines in the order sent.
    pub fields: Vec<Field>,
    /// How long the body is.
    pub framing: ResponseFraming,
    /// Whether the connection can serve another request after the body.
    pub persistent: bool,
    /// Seconds the backend keeps an idle connection, from `Keep-Alive: timeout=n`.
    pub keep_alive_timeout: Option<u32>,
    /// The protocol that a 101 switches to.
    pub upgrade: Option<Span>,
}

// === impl ForMethod ===

impl ForMethod {
    /// What this method means.
    #[inline]
    pub fn of(method: &[u8]) -> Self {
        match method {
            b"HEAD" => Self::Head,
            b"CONNECT" => Self::Connect,
            _ => Self::Other,
        }
    }
}

// === impl ResponseHead ===

impl ResponseHead {
    /// An empty index.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the head at the beginning of `buf`. `Some(len)`: complete, the body begins at `len`. `None`:
    /// read more bytes and call again with all of them.
    ///
    /// # Errors
    /// When the response must not be forwarded, as soon as that is certain.
    #[inline]
    pub fn parse(
        &mut self,
        buf: &[u8],
        request: ForMethod,
        limits: &Limits,
    ) -> Result<Option<usize>, BadResponse> {
        self.clear();
        let Some(at) = self.status_line(buf, limits)? else { return Ok(None) };
        let mut section = Section::new(buf, at, limits, Known::SetCookie);
        let (mut declared, mut options) = (Declared::default(), Options::default());
        let len = loop {
            match section.next()? {
                Line::Field(field) => self.note(buf, field, &mut declared, &mut options)?,
                Line::More => return Ok(None),
                Line::End(len) => break len,
            }
        };
        options.drop_nominated(buf, &mut self.fields);
        self.settle(declared, options, request)?;
        Ok(Some(len))
    }

    /// The values of all fields of this name.
    #[inline]
    pub fn header<'b>(&'b self, buf: &'b [u8], name: &[u8]) -> impl Iterator<Item = &'b [u8]> {
        let known = Known::of(name);
        self.fields
            .iter()
            .filter(move |field| field.is_named(buf, known, name))
            .map(|field| field.value.of(buf))
    }

    /// The values of all fields of this name.
    #[inline]
    pub fn known<'b>(&'b self, buf: &'b [u8], known: Known) -> impl Iterator<Item = &'b [u8]> {
        self.fields.iter().filter(move |field| field.known == known).map(|field| field.value.of(buf))
    }

    /// Whether this is a 1xx other than 101: the real response is still to come.
    #[inline]
    pub const fn is_interim(&self) -> bool {
        self.status < 200 && self.status != 101
    }

    fn clear(&mut self) {
        let mut fields = std::mem::take(&mut self.fields);
        fields.clear();
        *self = Self { fields, ..Self::default() };
    }

    /// Reads the status line (RFC 9112 §4); the offset after it.
    #[inline]
    fn status_line(&mut self, buf: &[u8], limits: &Limits) -> Result<Option<usize>, BadResponse> {
        match version::read(buf, b" ") {
            Found::Version(version) => self.version = version,
            Found::Foreign => return Err(BadResponse::Version),
            Found::Malformed => return Err(BadResponse::StatusLine),
            Found::More => return Ok(None),
        }
        let Some(status) = status(&buf[STATUS..])? else { return Ok(None) };
        self.status = status;
        self.reason(buf, limits)
    }

    /// Reads the reason phrase, which may be missing together with its blank.
    fn reason(&mut self, buf: &[u8], limits: &Limits) -> Result<Option<usize>, BadResponse> {
        let start = STATUS + 3;
        let end = buf.len().min(limits.request_line.saturating_add(1)).max(start);
        let Some(len) = phrase(&buf[start..end])? else {
            return if end > limits.request_line { Err(BadResponse::LongStatusLine) } else { Ok(None) };
        };
        self.reason = Span::new(start + len.min(1), start + len);
        match buf.get(start + len + 1) {
            None => Ok(None),
            Some(b'\n') => Ok(Some(start + len + 2)),
            Some(_) => Err(BadField::LineEnd.into()),
        }
    }

    #[inline]
    fn note(
        &mut self,
        buf: &[u8],
        mut field: Field,
        declared: &mut Declared,
        options: &mut Options,
    ) -> Result<(), BadResponse> {
        // Names with `_` are legal and harmless on the way to a client.
        field.dropped = field.known.is_hop_by_hop();
        let value = field.value.of(buf);
        match field.known {
            Known::ContentLength => declared.length(buf, &mut field)?,
            Known::TransferEncoding => declared.coding(value)?,
            Known::Connection => options.note(value).map_err(|_| BadResponse::Connection)?,
            Known::KeepAlive => self.keep_alive_timeout = timeout(value).or(self.keep_alive_timeout),
            Known::Upgrade if self.status == 101 => self.upgrade = Some(field.value),
            _ => {}
        }
        self.fields.push(field);
        Ok(())
    }

    fn settle(
        &mut self,
        declared: Declared,
        options: Options,
        request: ForMethod,
    ) -> Result<(), BadResponse> {
        let http10 = self.version == Version::Http10;
        let framing = declared.framing(http10)?;
        self.framing = self.body(framing, request);
        self.persistent = options.persistent(http10) && self.framing != ResponseFraming::UntilClose;
        if self.status < 200 || self.status == 204 || self.is_tunnel(request) {
            self.drop_length();
        }
        Ok(())
    }

    /// The rules of RFC 9112 §6.3 in their order.
    fn body(&self, framing: Framing, request: ForMethod) -> ResponseFraming {
        let bodiless = self.status < 200 || matches!(self.status, 204 | 304) || request == ForMethod::Head;
        match framing {
            _ if bodiless || self.is_tunnel(request) => ResponseFraming::None,
            Framing::Chunked => ResponseFraming::Chunked,
            Framing::Length(length) => ResponseFraming::Length(length),
            Framing::Unstated => ResponseFraming::UntilClose,
        }
    }

    fn is_tunnel(&self, request: ForMethod) -> bool {
        request == ForMethod::Connect && (200..300).contains(&self.status)
    }

    /// A length where there can be no content must not be sent on (RFC 9110 §8.6).
    fn drop_length(&mut self) {
        let lengths = self.fields.iter_mut().filter(|field| field.known == Known::ContentLength);
        lengths.for_each(|field| field.dropped = true);
    }
}

/// Three digits, and what must follow them.
fn status(bytes: &[u8]) -> Result<Option<u16>, BadResponse> {
    let digits = bytes.iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
    match bytes.get(digits) {
        None => return Ok(None),
        Some(b' ' | b'\r') if digits == 3 => {}
        Some(_) => return Err(BadResponse::StatusLine),
    }
    let status = bytes[..3].iter().fold(0, |sum, byte| sum * 10 + u16::from(byte - b'0'));
    if (100..600).contains(&status) { Ok(Some(status)) } else { Err(BadResponse::Status) }
}

/// The length of blank and reason phrase, up to the CR.
fn phrase(line: &[u8]) -> Result<Option<usize>, BadResponse> {
    let mut at = 0;
    while let Some(step) = bytes::find_control(&line[at..]) {
        at += step;
        match line[at] {
            b'\t' => at += 1,
            b'\r' => return Ok(Some(at)),
            b'\n' => return Err(BadField::LineEnd.into()),
            _ => return Err(BadResponse::StatusLine),
        }
    }
    Ok(None)
}

/// The `timeout` parameter of `Keep-Alive`.
fn timeout(value: &[u8]) -> Option<u32> {
    let seconds = |member: &[u8]| -> Option<u32> {
        let (name, value) = member.split_at_checked(8)?;
        let number = crate::framing::number(bytes::trim(value))?;
        name.eq_ignore_ascii_case(b"timeout=").then(|| u32::try_from(number).unwrap_or(u32::MAX))
    };
    bytes::list(value).find_map(seconds)
}
