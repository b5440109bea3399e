//! The one canonical form of a request path.
//!
//! Paths of manifests and of requests are brought into this form before they are compared, and a request
//! is forwarded in it, so Weir and the backend never disagree about which resource is meant:
//!
//! - unreserved characters are decoded, other escapes upper-cased (RFC 3986 §6.2.2.1–2), bytes that a path
//!   may not hold as they are (RFC 3986 §3.3) are escaped;
//! - `.` and `..` segments are resolved (RFC 3986 §5.2.4), repeated slashes merged;
//! - what could be read in two ways is refused: see [`BadPath`].

use std::borrow::Cow;

/// Why a path has no canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    /// It does not begin with `/`.
    #[error("the path does not begin with /")]
    NotAbsolute,
    /// A `%` is not followed by two hexadecimal digits.
    #[error("a % is not followed by two hexadecimal digits")]
    BadEscape,
    /// An escape stands for `/`, `\` or NUL, or the byte itself is `\`.
    #[error("it contains an encoded slash, a backslash or a NUL")]
    Ambiguous,
    /// A control character, a blank, `#` or `?`.
    #[error("it contains a control character, a blank, # or ?")]
    Forbidden,
    /// `..` leads above the root.
    #[error("it leads above the root")]
    AboveRoot,
    /// A dot segment carries path parameters (`/..;x`), which backends resolve differently.
    #[error("a dot segment carries parameters")]
    DotParameters,
}

/// Brings a path (without query) into its canonical form; borrows when it already is.
///
/// ```
/// use weir_model::path::normalise;
/// assert_eq!(&*normalise(b"/a//b/./../%63").unwrap(), b"/a/c");
/// assert!(normalise(b"/a%2Fb").is_err());
/// ```
///
/// # Errors
/// When the path could be read in two ways.
pub fn normalise(path: &[u8]) -> Result<Cow<'_, [u8]>, BadPath> {
    if path.first() != Some(&b'/') {
        return Err(BadPath::NotAbsolute);
    }
    if is_canonical(path) {
        return Ok(Cow::Borrowed(path));
    }
    resolve(&decode(path)?).map(Cow::Owned)
}

/// Whether a path needs no work: a fast, sufficient test of most requests in one pass.
fn is_canonical(path: &[u8]) -> bool {
    let mut previous = 0;
    for &byte in path {
        let dot_or_slash_segment = previous == b'/' && (byte == b'/' || byte == b'.');
        if dot_or_slash_segment || !is_plain(byte) {
            return false;
        }
        previous = byte;
    }
    true
}

/// Bytes that stand for themselves in a path (RFC 3986 §3.3 pchar without escapes, and `/`).
fn is_plain(byte: u8) -> bool {
    is_unreserved(byte) || b"/!$&'()*+,;=:@".contains(&byte)
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn decode(path: &[u8]) -> Result<Vec<u8>, BadPath> {
    let mut out = Vec::with_capacity(path.len() + 16);
    let mut rest = path;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'%' => {
                let escaped = escaped_byte(tail)?;
                rest = &tail[2..];
                push_escaped(&mut out, escaped)?;
            }
            b'\\' => return Err(BadPath::Ambiguous),
            0..=b' ' | b'#' | b'?' | 0x7f => return Err(BadPath::Forbidden),
            _ if is_plain(byte) => out.push(byte),
            _ => push_percent(&mut out, byte),
        }
    }
    Ok(out)
}

fn escaped_byte(text: &[u8]) -> Result<u8, BadPath> {
    let digit = |index: usize| text.get(index).and_then(|&byte| char::from(byte).to_digit(16));
    let (high, low) = digit(0).zip(digit(1)).ok_or(BadPath::BadEscape)?;
    u8::try_from(high * 16 + low).map_err(|_| BadPath::BadEscape)
}

fn push_escaped(out: &mut Vec<u8>, byte: u8) -> Result<(), BadPath> {
    match byte {
        b'/' | b'\\' | 0 => return Err(BadPath::Ambiguous),
        _ if is_unreserved(byte) => out.push(byte),
        _ => push_percent(out, byte),
    }
    Ok(())
}

fn push_percent(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.extend([b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
}

fn resolve(path: &[u8]) -> Result<Vec<u8>, BadPath> {
    let mut out: Vec<u8> = Vec::with_capacity(path.len());
    let mut segments = path[1..].split(|&byte| byte == b'/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            b"" | b"." => {}
            b".." => drop_segment(&mut out)?,
            _ if has_dot_parameters(segment) => return Err(BadPath::DotParameters),
            _ => {
                out.push(b'/');
                out.extend_from_slice(segment);
                continue;
            }
        }
        if last {
            out.push(b'/');
        }
    }
    Ok(out)
}

fn drop_segment(out: &mut Vec<u8>) -> Result<(), BadPath> {
    let parent = out.iter().rposition(|&byte| byte == b'/').ok_or(BadPath::AboveRoot)?;
    out.truncate(parent);
    Ok(())
}

fn has_dot_parameters(segment: &[u8]) -> bool {
    segment.starts_with(b".;") || segment.starts_with(b"..;")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn canonical_forms() {
        let cases: &[(&str, Result<&str, BadPath>)] = &[
            ("/", Ok("/")),
            ("/a/b", Ok("/a/b")),
            ("/a/b/", Ok("/a/b/")),
            ("//a///b", Ok("/a/b")),
            ("/a/./b/.", Ok("/a/b/")),
            ("/a/../b", Ok("/b")),
            ("/a/b/..", Ok("/a/")),
            ("/a/..", Ok("/")),
            ("/%61%2d%7E", Ok("/a-~")),
            ("/%2e%2E/a", Err(BadPath::AboveRoot)),
            ("/a/%2e%2e/b", Ok("/b")),
            ("/caf%c3%a9", Ok("/caf%C3%A9")),
            ("/caf\u{e9}", Ok("/caf%C3%A9")),
            ("/.hidden", Ok("/.hidden")),
            ("/a;v=1/b", Ok("/a;v=1/b")),
            ("/a%252Fb", Ok("/a%252Fb")),
            ("/a%2fb", Err(BadPath::Ambiguous)),
            ("/a%5Cb", Err(BadPath::Ambiguous)),
            ("/a\\b", Err(BadPath::Ambiguous)),
            ("/a%00", Err(BadPath::Ambiguous)),
            ("/a#b", Err(BadPath::Forbidden)),
            ("/a b", Err(BadPath::Forbidden)),
            ("/..", Err(BadPath::AboveRoot)),
            ("/.;/a", Err(BadPath::DotParameters)),
            ("/..;a/b", Err(BadPath::DotParameters)),
            ("/%zz", Err(BadPath::BadEscape)),
            ("/%4", Err(BadPath::BadEscape)),
            ("a", Err(BadPath::NotAbsolute)),
            ("", Err(BadPath::NotAbsolute)),
        ];
        for (path, expected) in cases {
            let result = normalise(path.as_bytes());
            let expected = expected.map(|path| Cow::Borrowed(path.as_bytes()));
            assert_eq!(result, expected, "{path:?}");
        }
    }

    proptest! {
        #[test]
        fn is_idempotent(path in "/([a-c./%;\\\\#? \u{e9}]|%2e|%2F|%61|%25){0,24}") {
            if let Ok(once) = normalise(path.as_bytes()) {
                prop_assert_eq!(normalise(&once), Ok(once.clone()));
            }
        }

        #[test]
        fn has_no_dot_or_empty_segments(path in "/([a-c./]|%2e){0,24}") {
            if let Ok(canonical) = normalise(path.as_bytes()) {
                let mut segments = canonical[1..].split(|&byte| byte == b'/').rev();
                segments.next();
                prop_assert!(segments.all(|segment| !matches!(segment, b"" | b"." | b"..")));
            }
        }
    }
}
