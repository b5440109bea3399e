//! What is wrong with a message, as sentences and stable codes.

/// A field line that is malformed or one too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadField {
    /// The name is empty or holds a byte that no token may hold, or the line has no colon.
    #[error("a field name is not a token")]
    Name,
    /// A blank stands between name and colon (RFC 9112 §5.1).
    #[error("there is a blank before the colon of a field")]
    BlankBeforeColon,
    /// A line begins with a blank: obsolete folding, or a blank before the first field (RFC 9112 §2.2, §5.2).
    #[error("a field line begins with a blank")]
    Folded,
    /// The value holds NUL or another control character (RFC 9110 §5.5).
    #[error("a field value holds a control character")]
    Value,
    /// A CR without LF, or a LF without CR (RFC 9112 §2.2).
    #[error("a line does not end with CR LF")]
    LineEnd,
    /// All field lines together are too long.
    #[error("the head is too large")]
    LargeHead,
    /// The cookies together are too long.
    #[error("the cookies are too large")]
    LargeCookies,
    /// There are too many field lines.
    #[error("there are too many fields")]
    ManyFields,
    /// There are too many cookies.
    #[error("there are too many cookies")]
    ManyCookies,
}

/// A message whose length two parsers could read differently (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadFraming {
    /// `Content-Length` is not a number, or one that no body can have.
    #[error("the content length is not a valid number")]
    Length,
    /// Several lengths that differ.
    #[error("there are different content lengths")]
    Lengths,
    /// `Transfer-Encoding` is something else than `chunked`, once.
    #[error("the transfer encoding is not chunked, once")]
    Coding,
    /// Both `Content-Length` and `Transfer-Encoding`.
    #[error("there are both a content length and a transfer encoding")]
    Both,
    /// `Transfer-Encoding` in HTTP/1.0, which has none.
    #[error("HTTP/1.0 has no transfer encoding")]
    OldVersion,
}

/// A `Host` field or target authority that does not name one host (RFC 9112 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadHost {
    /// HTTP/1.1 without `Host`.
    #[error("there is no Host")]
    Missing,
    /// More than one `Host`.
    #[error("there is more than one Host")]
    Repeated,
    /// Not `host` or `host:port`.
    #[error("the host is not a valid name or address")]
    Invalid,
}

/// Why a request is refused. The connection must be closed after the answer: where the next request
/// would begin is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadRequest {
    /// Not `method SP target SP version CR LF` (RFC 9112 §3).
    #[error("the request line is malformed")]
    RequestLine,
    /// The request line is too long.
    #[error("the request line is too long")]
    LongRequestLine,
    /// The target is in none of the forms that its method allows (RFC 9112 §3.2).
    #[error("the request target is malformed")]
    Target,
    /// A version other than HTTP/1.0 and HTTP/1.1.
    #[error("the HTTP version is not supported")]
    Version,
    /// `CONNECT`: Weir is no tunnel.
    #[error("CONNECT is not supported")]
    Connect,
    /// `Connection` names a field that decides where the message goes or ends.
    #[error("the Connection field names a field that may not be removed, or too many")]
    Connection,
    /// An expectation other than `100-continue` (RFC 9110 §10.1.1).
    #[error("the expectation is not supported")]
    Expect,
    /// The host is missing or invalid.
    #[error("{0}")]
    Host(#[from] BadHost),
    /// The body has no unambiguous length.
    #[error("{0}")]
    Framing(#[from] BadFraming),
    /// A field is malformed or the head too large.
    #[error("{0}")]
    Field(#[from] BadField),
}

/// Why a response of a backend is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadResponse {
    /// Not `version SP status [SP reason] CR LF` (RFC 9112 §4).
    #[error("the status line is malformed")]
    StatusLine,
    /// The status line is too long.
    #[error("the status line is too long")]
    LongStatusLine,
    /// A version other than HTTP/1.0 and HTTP/1.1.
    #[error("the HTTP version is not supported")]
    Version,
    /// The status is not 100 to 599 (RFC 9110 §15).
    #[error("the status is not between 100 and 599")]
    Status,
    /// `Connection` names a field that decides where the message goes or ends.
    #[error("the Connection field names a field that may not be removed, or too many")]
    Connection,
    /// The body has no unambiguous length.
    #[error("{0}")]
    Framing(#[from] BadFraming),
    /// A field is malformed or the head too large.
    #[error("{0}")]
    Field(#[from] BadField),
}

/// Why a body ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadBody {
    /// A chunk size is not 1 to 16 hexadecimal digits, or larger than any body (RFC 9112 §7.1).
    #[error("a chunk size is not a valid number")]
    ChunkSize,
    /// A chunk extension holds something else than visible ASCII and blanks (RFC 9112 §7.1.1).
    #[error("a chunk extension is malformed")]
    ChunkExtension,
    /// The line with a chunk size is too long.
    #[error("a chunk size line is too long")]
    LongChunkLine,
    /// Size line or data of a chunk do not end with CR LF.
    #[error("a chunk does not end with CR LF")]
    ChunkEnd,
    /// A trailer field is malformed, or there are too many.
    #[error("in the trailers: {0}")]
    Trailer(#[from] BadField),
    /// The connection ended before the body did.
    #[error("the body is truncated")]
    Truncated,
}

// === impl BadField ===

impl BadField {
    /// Whether the head is well-formed so far but too large (431), not malformed (400).
    pub const fn is_too_large(self) -> bool {
        matches!(self, Self::LargeHead | Self::LargeCookies | Self::ManyFields | Self::ManyCookies)
    }
}

// === impl BadRequest ===

impl BadRequest {
    /// The status to answer with.
    pub const fn status(self) -> u16 {
        match self {
            Self::LongRequestLine => 414,
            Self::Expect => 417,
            Self::Field(bad) if bad.is_too_large() => 431,
            Self::Connect => 501,
            Self::Version => 505,
            _ => 400,
        }
    }

    /// The stable code, for the answer and the access log.
    pub const fn code(self) -> &'static str {
        match self {
            Self::RequestLine => "WR-400-REQUEST-LINE",
            Self::LongRequestLine => "WR-414-REQUEST-LINE",
            Self::Target => "WR-400-TARGET",
            Self::Version => "WR-505-VERSION",
            Self::Connect => "WR-501-CONNECT",
            Self::Connection => "WR-400-CONNECTION",
            Self::Expect => "WR-417-EXPECT",
            Self::Host(_) => "WR-400-HOST",
            Self::Framing(_) => "WR-400-FRAMING",
            Self::Field(bad) if bad.is_too_large() => "WR-431-HEAD",
            Self::Field(_) => "WR-400-FIELD",
        }
    }
}

// === impl BadResponse ===

impl BadResponse {
    /// The status to answer the client with.
    pub const fn status(self) -> u16 {
        502
    }

    /// The stable code, for the answer and the access log.
    pub const fn code(self) -> &'static str {
        match self {
            Self::StatusLine | Self::LongStatusLine | Self::Version | Self::Status => "WR-502-STATUS-LINE",
            Self::Connection => "WR-502-CONNECTION",
            Self::Framing(_) => "WR-502-FRAMING",
            Self::Field(bad) if bad.is_too_large() => "WR-502-HEAD",
            Self::Field(_) => "WR-502-FIELD",
        }
    }
}

// === impl BadBody ===

impl BadBody {
    /// The stable code when the request's body is bad.
    pub const fn request_code(self) -> &'static str {
        match self {
            Self::Truncated => "WR-400-TRUNCATED",
            Self::Trailer(_) => "WR-400-TRAILER",
            _ => "WR-400-CHUNK",
        }
    }

    /// The stable code when the response's body is bad.
    pub const fn response_code(self) -> &'static str {
        match self {
            Self::Truncated => "WR-502-TRUNCATED",
            Self::Trailer(_) => "WR-502-TRAILER",
            _ => "WR-502-CHUNK",
        }
    }
}
