//! The four forms of a request target (RFC 9112 §3.2).

use crate::authority;
use crate::{BadRequest, Span};

/// The parts of a target.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Target {
    pub(crate) path: Span,
    pub(crate) query: Option<Span>,
    pub(crate) authority: Option<Span>,
}

/// Takes a target apart, which holds no blank, control character or `#`.
#[inline]
pub(crate) fn split(buf: &[u8], method: Span, target: Span) -> Result<Target, BadRequest> {
    match target.of(buf).first() {
        Some(b'/') => Ok(from_path(buf, target)),
        Some(b'*') if target.len() == 1 && method.of(buf) == b"OPTIONS" => Ok(from_path(buf, target)),
        _ => absolute(buf, target),
    }
}

#[inline]
fn from_path(buf: &[u8], target: Span) -> Target {
    match memchr::memchr(b'?', target.of(buf)) {
        None => Target { path: target, ..Target::default() },
        Some(at) => {
            let query = Some(target.part(at + 1, target.len()));
            Target { path: target.part(0, at), query, authority: None }
        }
    }
}

/// `http://authority/path?query`; the path may be empty.
fn absolute(buf: &[u8], target: Span) -> Result<Target, BadRequest> {
    let text = target.of(buf);
    let start = scheme(text).ok_or(BadRequest::Target)?;
    let len = text[start..].iter().position(|byte| b"/?".contains(byte)).unwrap_or(text.len() - start);
    let named = target.part(start, start + len);
    authority::check(named.of(buf)).map_err(|_| BadRequest::Target)?;
    let rest = target.part(start + len, target.len());
    Ok(Target { authority: Some(named), ..from_path(buf, rest) })
}

/// The length of `http://` or `https://`.
fn scheme(text: &[u8]) -> Option<usize> {
    let has =
        |prefix: &[u8]| text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    if has(b"http://") {
        return Some(7);
    }
    has(b"https://").then_some(8)
}
