//! `host[:port]` (RFC 3986 §3.2, without user information).

use std::net::Ipv6Addr;

use crate::BadHost;

/// The longest host name: that of the DNS, with the dot of the root.
const MAX_NAME: usize = 254;

/// Splits an authority that a head was accepted with into host and port. A literal IPv6 address keeps
/// its brackets.
///
/// ```
/// use weir_http1::split_authority;
/// assert_eq!(split_authority(b"example.com:8080"), (&b"example.com"[..], Some(8080)));
/// assert_eq!(split_authority(b"[::1]"), (&b"[::1]"[..], None));
/// ```
pub fn split_authority(authority: &[u8]) -> (&[u8], Option<u16>) {
    let colon = memchr::memrchr(b':', authority).filter(|&at| !authority[at..].contains(&b']'));
    match colon {
        Some(at) => (&authority[..at], port(&authority[at + 1..])),
        None => (authority, None),
    }
}

/// Checks that this is one host and at most one port.
///
/// Stricter than the grammar where peers differ: no sub-delimiters (`,` `;` …), no escapes, no empty
/// labels, no empty port.
pub(crate) fn check(authority: &[u8]) -> Result<(), BadHost> {
    let valid = match authority.strip_prefix(b"[") {
        Some(rest) => is_literal(rest),
        None => is_named(authority),
    };
    if valid { Ok(()) } else { Err(BadHost::Invalid) }
}

fn is_named(authority: &[u8]) -> bool {
    let mut label = 0;
    for (at, &byte) in authority.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => label += 1,
            b'.' if label > 0 => label = 0,
            b':' => return is_name_length(at) && port(&authority[at + 1..]).is_some(),
            _ => return false,
        }
    }
    is_name_length(authority.len())
}

fn is_name_length(len: usize) -> bool {
    (1..=MAX_NAME).contains(&len)
}

/// `address]` or `address]:port`.
fn is_literal(rest: &[u8]) -> bool {
    let Some(close) = memchr::memchr(b']', rest) else { return false };
    let tail = &rest[close + 1..];
    let address = str::from_utf8(&rest[..close]).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok());
    address && (tail.is_empty() || tail.strip_prefix(b":").is_some_and(|text| port(text).is_some()))
}

fn port(text: &[u8]) -> Option<u16> {
    crate::framing::number(text).filter(|_| text.len() <= 5).and_then(|port| u16::try_from(port).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host_and_one_port() {
        let good = ["a", "a.b", "a.b.", "a:80", "127.0.0.1", "[::1]", "[::1]:8443", "x_y.z", "A-1:65535"];
        for authority in good {
            assert_eq!(check(authority.as_bytes()), Ok(()), "{authority:?}");
        }
        let bad = [
            "",
            ":80",
            "a:",
            "a:b",
            "a:65536",
            "a:000080",
            "a:80:80",
            "a..b",
            ".a",
            ".",
            "a b",
            "a,b",
            "a@b",
            "a/b",
            "a?b",
            "a#b",
            "a\\b",
            "a%41",
            "\u{e9}",
            "[::1",
            "[]",
            "[::1]x",
            "[::1]:",
            "[1.2.3.4]",
            "::1",
            "a[::1]",
        ];
        for authority in bad {
            assert_eq!(check(authority.as_bytes()), Err(BadHost::Invalid), "{authority:?}");
        }
        assert!(check(&[b'a'; 254]).is_ok());
        assert!(check(&[b'a'; 255]).is_err());
    }

    #[test]
    fn authorities_are_split_at_the_port() {
        let cases: &[(&str, &str, Option<u16>)] = &[
            ("a", "a", None),
            ("a:1", "a", Some(1)),
            ("[::1]", "[::1]", None),
            ("[::1]:2", "[::1]", Some(2)),
            ("", "", None),
        ];
        for (authority, host, port) in cases {
            assert_eq!(split_authority(authority.as_bytes()), (host.as_bytes(), *port), "{authority:?}");
        }
    }
}
