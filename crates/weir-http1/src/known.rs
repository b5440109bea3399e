//! Field names that some phase asks for.

/// A well-known field name, found once at parse time, so that no later phase compares strings again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant is the field of that name")]
pub enum Known {
    /// Any other name.
    #[default]
    Other,
    Authorization,
    CacheControl,
    Connection,
    ContentEncoding,
    ContentLength,
    ContentType,
    Cookie,
    Date,
    Expect,
    Forwarded,
    Host,
    Http2Settings,
    KeepAlive,
    Location,
    Origin,
    ProxyConnection,
    Range,
    Referer,
    Server,
    SetCookie,
    Te,
    Trailer,
    TransferEncoding,
    Upgrade,
    UserAgent,
    Via,
    XForwardedFor,
    XForwardedHost,
    XForwardedPort,
    XForwardedProto,
    XRealIp,
    XRequestId,
}

// === impl Known ===

impl Known {
    /// Every name but [`Known::Other`].
    pub const ALL: [Self; 32] = [
        Self::Authorization,
        Self::CacheControl,
        Self::Connection,
        Self::ContentEncoding,
        Self::ContentLength,
        Self::ContentType,
        Self::Cookie,
        Self::Date,
        Self::Expect,
        Self::Forwarded,
        Self::Host,
        Self::Http2Settings,
        Self::KeepAlive,
        Self::Location,
        Self::Origin,
        Self::ProxyConnection,
        Self::Range,
        Self::Referer,
        Self::Server,
        Self::SetCookie,
        Self::Te,
        Self::Trailer,
        Self::TransferEncoding,
        Self::Upgrade,
        Self::UserAgent,
        Self::Via,
        Self::XForwardedFor,
        Self::XForwardedHost,
        Self::XForwardedPort,
        Self::XForwardedProto,
        Self::XRealIp,
        Self::XRequestId,
    ];

    /// Which name this is, in any case of letters.
    #[inline]
    pub fn of(name: &[u8]) -> Self {
        let candidate = Self::candidate(name);
        if is_same(name, candidate.name().as_bytes()) { candidate } else { Self::Other }
    }

    /// The only name that has this length and first letter (and, for two of them, this 13th letter).
    #[inline]
    fn candidate(name: &[u8]) -> Self {
        let lower = |index: usize| name.get(index).map_or(0, |byte| byte | 0x20);
        match (name.len(), lower(0)) {
            (2, b't') => Self::Te,
            (3, b'v') => Self::Via,
            (4, b'd') => Self::Date,
            (4, b'h') => Self::Host,
            (5, b'r') => Self::Range,
            (6, b'c') => Self::Cookie,
            (6, b'e') => Self::Expect,
            (6, b'o') => Self::Origin,
            (6, b's') => Self::Server,
            (7, b'r') => Self::Referer,
            (7, b't') => Self::Trailer,
            (7, b'u') => Self::Upgrade,
            (8, b'l') => Self::Location,
            (9, b'f') => Self::Forwarded,
            (9, b'x') => Self::XRealIp,
            (10, b'c') => Self::Connection,
            (10, b'k') => Self::KeepAlive,
            (10, b's') => Self::SetCookie,
            (10, b'u') => Self::UserAgent,
            (12, b'c') => Self::ContentType,
            (12, b'x') => Self::XRequestId,
            (13, b'a') => Self::Authorization,
            (13, b'c') => Self::CacheControl,
            (14, b'c') => Self::ContentLength,
            (14, b'h') => Self::Http2Settings,
            (15, b'x') => Self::XForwardedFor,
            (16, b'c') => Self::ContentEncoding,
            (16, b'p') => Self::ProxyConnection,
            (16, b'x') if lower(12) == b'h' => Self::XForwardedHost,
            (16, b'x') => Self::XForwardedPort,
            (17, b't') => Self::TransferEncoding,
            (17, b'x') => Self::XForwardedProto,
            _ => Self::Other,
        }
    }

    /// The name as it is usually written; empty for [`Known::Other`].
    #[inline]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Other => "",
            Self::Authorization => "Authorization",
            Self::CacheControl => "Cache-Control",
            Self::Connection => "Connection",
            Self::ContentEncoding => "Content-Encoding",
            Self::ContentLength => "Content-Length",
            Self::ContentType => "Content-Type",
            Self::Cookie => "Cookie",
            Self::Date => "Date",
            Self::Expect => "Expect",
            Self::Forwarded => "Forwarded",
            Self::Host => "Host",
            Self::Http2Settings => "HTTP2-Settings",
            Self::KeepAlive => "Keep-Alive",
            Self::Location => "Location",
            Self::Origin => "Origin",
            Self::ProxyConnection => "Proxy-Connection",
            Self::Range => "Range",
            Self::Referer => "Referer",
            Self::Server => "Server",
            Self::SetCookie => "Set-Cookie",
            Self::Te => "TE",
            Self::Trailer => "Trailer",
            Self::TransferEncoding => "Transfer-Encoding",
            Self::Upgrade => "Upgrade",
            Self::UserAgent => "User-Agent",
            Self::Via => "Via",
            Self::XForwardedFor => "X-Forwarded-For",
            Self::XForwardedHost => "X-Forwarded-Host",
            Self::XForwardedPort => "X-Forwarded-Port",
            Self::XForwardedProto => "X-Forwarded-Proto",
            Self::XRealIp => "X-Real-IP",
            Self::XRequestId => "X-Request-ID",
        }
    }

    /// Whether the field concerns one connection only and is never forwarded as it came (RFC 9110 §7.6.1).
    #[inline]
    pub const fn is_hop_by_hop(self) -> bool {
        matches!(
            self,
            Self::Connection
                | Self::Http2Settings
                | Self::KeepAlive
                | Self::ProxyConnection
                | Self::Te
                | Self::TransferEncoding
                | Self::Upgrade
        )
    }
}

/// Whether both are equal but for the case of letters. Without an early exit it is faster for short names.
#[inline]
fn is_same(name: &[u8], other: &[u8]) -> bool {
    let differs = |(one, two): (&u8, &u8)| one.to_ascii_lowercase() ^ two.to_ascii_lowercase();
    name.len() == other.len() && name.iter().zip(other).map(differs).fold(0, |sum, bits| sum | bits) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case() {
        for known in Known::ALL {
            assert_eq!(Known::of(known.name().as_bytes()), known);
            assert_eq!(Known::of(known.name().to_uppercase().as_bytes()), known);
            assert_eq!(Known::of(known.name().to_lowercase().as_bytes()), known);
        }
    }

    #[test]
    fn other_names_are_other() {
        for name in ["", "x", "Hose", "Content-Lengthy", "Content_Length", "X-Forwarded-Fort", "tf", "\u{e9}"]
        {
            assert_eq!(Known::of(name.as_bytes()), Known::Other, "{name:?}");
        }
    }
}
