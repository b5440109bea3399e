//! Protocol versions as heads state them.

/// The version of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// HTTP/1.0: no chunks, no `Host` needed, closes unless `Connection: keep-alive`.
    Http10,
    /// HTTP/1.1.
    #[default]
    Http11,
    /// HTTP/2: only heads that were built, never parsed ones.
    Http2,
}

/// What stands where a version is expected.
pub(crate) enum Found {
    Version(Version),
    /// A version that is none of ours, well-formed.
    Foreign,
    /// Something else.
    Malformed,
    /// Too few bytes to tell.
    More,
}

// === impl Version ===

impl Version {
    /// `HTTP/1.1` or the like.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2.0",
        }
    }
}

/// Reads `HTTP/d.d` and the bytes in `end` (RFC 9112 §2.3).
#[inline]
pub(crate) fn read(bytes: &[u8], end: &[u8]) -> Found {
    if bytes.starts_with(b"HTTP/1.1") && bytes[8..].starts_with(end) {
        return Found::Version(Version::Http11);
    }
    read_other(bytes, end)
}

fn read_other(bytes: &[u8], end: &[u8]) -> Found {
    let pattern = b"HTTP/0.0".iter().chain(end);
    let fits = |(&expected, &byte): (&u8, &u8)| byte == expected || expected == b'0' && byte.is_ascii_digit();
    if !pattern.zip(bytes).all(fits) {
        return Found::Malformed;
    }
    match bytes.get(5..8) {
        _ if bytes.len() < 8 + end.len() => Found::More,
        Some(b"1.0") => Found::Version(Version::Http10),
        Some(b"1.1") => Found::Version(Version::Http11),
        _ => Found::Foreign,
    }
}
