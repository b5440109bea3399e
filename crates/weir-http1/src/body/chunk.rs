//! The framing elements of a chunked body (RFC 9112 §7.1).

use crate::field::{Line, Section};
use crate::framing::MAX_LENGTH;
use crate::{BadBody, Known, Limits, Span};

/// More than any size and extension in use. Extensions mean nothing to Weir, so they get little room.
const MAX_LINE: usize = 256;

/// As many hexadecimal digits as a 64-bit number has.
const MAX_DIGITS: usize = 16;

/// Trailers are few: gRPC sends three, of which one may hold a long message. Cookies do not belong there,
/// but are left out later rather than refused.
const TRAILERS: Limits = Limits { request_line: 0, head: 8 << 10, cookies: 1 << 10, fields: 64, crumbs: 64 };

/// A chunk size line.
pub(super) enum Head {
    /// Not complete.
    More,
    /// A line of `len` bytes before `size` bytes of data; the last chunk has none.
    Chunk { len: usize, size: u64 },
}

/// The trailer section.
pub(super) enum Tail {
    /// Not complete.
    More,
    /// The field lines, and the offset after the empty line.
    End { len: usize, trailers: Span },
}

/// Reads `size [extension] CR LF`.
pub(super) fn head(input: &[u8]) -> Result<Head, BadBody> {
    let digits = input.iter().take(MAX_DIGITS + 1).take_while(|byte| byte.is_ascii_hexdigit()).count();
    let Some(&next) = input.get(digits) else {
        return if digits > MAX_DIGITS { Err(BadBody::ChunkSize) } else { Ok(Head::More) };
    };
    let size = size(&input[..digits])?;
    let end = match next {
        b'\r' => Some(digits),
        b'\n' => return Err(BadBody::ChunkEnd),
        b';' | b' ' | b'\t' => extension(input, digits)?,
        _ => return Err(BadBody::ChunkSize),
    };
    match end {
        Some(len) if line_end(&input[len..])? => Ok(Head::Chunk { len: len + 2, size }),
        _ => Ok(Head::More),
    }
}

fn size(digits: &[u8]) -> Result<u64, BadBody> {
    if digits.is_empty() || digits.len() > MAX_DIGITS {
        return Err(BadBody::ChunkSize);
    }
    let digit = |byte: &u8| u64::from(char::from(*byte).to_digit(16).unwrap_or_default());
    let size = digits.iter().fold(0, |sum, byte| sum << 4 | digit(byte));
    if size > MAX_LENGTH { Err(BadBody::ChunkSize) } else { Ok(size) }
}

/// The offset of the CR after an extension that begins at `start`.
fn extension(input: &[u8], start: usize) -> Result<Option<usize>, BadBody> {
    let mut begun = false;
    for (at, &byte) in input.iter().enumerate().skip(start) {
        match byte {
            b'\r' if begun => return Ok(Some(at)),
            b'\n' => return Err(BadBody::ChunkEnd),
            _ if at >= MAX_LINE => return Err(BadBody::LongChunkLine),
            b' ' | b'\t' => {}
            b';' => begun = true,
            b'!'..=b'~' if begun => {}
            _ => return Err(BadBody::ChunkExtension),
        }
    }
    Ok(None)
}

/// Whether `input` begins with CR LF; `false` when it is too short.
pub(super) fn line_end(input: &[u8]) -> Result<bool, BadBody> {
    match input {
        [b'\r', b'\n', ..] => Ok(true),
        [] | [b'\r'] => Ok(false),
        _ => Err(BadBody::ChunkEnd),
    }
}

/// Reads the trailer section at offset `start` (RFC 9112 §7.1.2).
pub(super) fn trailers(input: &[u8], start: usize) -> Result<Tail, BadBody> {
    let mut section = Section::new(input, start, &TRAILERS, Known::Cookie);
    loop {
        match section.next()? {
            Line::Field(_) => {}
            Line::More => return Ok(Tail::More),
            Line::End(len) => return Ok(Tail::End { len, trailers: Span::new(start, len - 2) }),
        }
    }
}
