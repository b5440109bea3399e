//! Messages as bytes, appended to a caller's vector.
//!
//! Nothing is checked here: names and values come from heads that were parsed, or from the program.

use crate::{Field, Known, bytes};

/// `GET /path HTTP/1.1`.
#[inline]
pub fn request_line(out: &mut Vec<u8>, method: &[u8], target: &[u8]) {
    out.extend_from_slice(method);
    out.push(b' ');
    out.extend_from_slice(target);
    out.extend_from_slice(b" HTTP/1.1\r\n");
}

/// `HTTP/1.1 200 OK`.
#[inline]
pub fn status_line(out: &mut Vec<u8>, status: u16, reason: &[u8]) {
    out.extend_from_slice(b"HTTP/1.1 ");
    number(out, u64::from(status));
    out.push(b' ');
    out.extend_from_slice(reason);
    end(out);
}

/// `name: value`.
#[inline]
pub fn field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    end(out);
}

/// `name: 42`.
#[inline]
pub fn field_number(out: &mut Vec<u8>, name: &[u8], value: u64) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    number(out, value);
    end(out);
}

/// The empty line after a head, or any line end.
#[inline]
pub fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"\r\n");
}

/// A number in decimal.
#[inline]
pub fn number(out: &mut Vec<u8>, value: u64) {
    digits::<10>(out, value);
}

/// The line before the data of a chunk (RFC 9112 §7.1); after the data comes [`end`].
#[inline]
pub fn chunk_header(out: &mut Vec<u8>, len: u64) {
    digits::<16>(out, len);
    end(out);
}

/// The end of a chunked body: the last chunk, the trailers that may be forwarded, the empty line.
pub fn last_chunk(out: &mut Vec<u8>, raw: &[u8]) {
    out.extend_from_slice(b"0\r\n");
    trailers(out, raw, |_| true);
    end(out);
}

/// Appends the trailer lines in `raw` that are allowed in trailers and that `keep` accepts by name.
pub fn trailers(out: &mut Vec<u8>, raw: &[u8], keep: impl Fn(&[u8]) -> bool) {
    let allowed = trailer_fields(raw).filter(|(name, _)| !is_forbidden_trailer(name) && keep(name));
    allowed.for_each(|(name, value)| field(out, name, value));
}

/// Names and values of the trailer lines that a body ended with.
pub fn trailer_fields(raw: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    raw.split(|&byte| byte == b'\n').filter_map(|line| {
        let colon = memchr::memchr(b':', line)?;
        let value = line[colon + 1..].strip_suffix(b"\r")?;
        Some((&line[..colon], bytes::trim(value)))
    })
}

/// Fields that would change framing, routing, trust or the meaning of the content after the fact
/// (RFC 9110 §6.5.1), and names with `_`, which some backends read as `-`.
pub fn is_forbidden_trailer(name: &[u8]) -> bool {
    const OTHERS: [&[u8]; 9] = [
        b"age",
        b"cdn-loop",
        b"max-forwards",
        b"pragma",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"retry-after",
        b"vary",
        b"www-authenticate",
    ];
    const PREFIXES: [&[u8]; 4] = [b"content-", b"if-", b"x-forwarded-", b"accept"];
    let begins =
        |prefix: &&[u8]| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    Known::of(name) != Known::Other
        || name.contains(&b'_')
        || OTHERS.iter().any(|other| name.eq_ignore_ascii_case(other))
        || PREFIXES.iter().any(begins)
}

/// Appends every field that is not dropped. Lines that stand in the buffer as they are to be written are
/// copied in runs.
pub fn copy_fields(out: &mut Vec<u8>, buf: &[u8], fields: &[Field]) {
    let mut run = 0..0;
    for field in fields.iter().filter(|field| !field.dropped) {
        let Some(end) = verbatim_end(buf, field) else {
            out.extend_from_slice(&buf[std::mem::take(&mut run)]);
            self::field(out, field.name.of(buf), field.value.of(buf));
            continue;
        };
        if run.end != field.name.start() || run.is_empty() {
            out.extend_from_slice(&buf[std::mem::replace(&mut run, field.name.start()..end)]);
        }
        run.end = end;
    }
    out.extend_from_slice(&buf[run]);
}

/// The end of the field's line, when the line is `name: value` and nothing else.
#[inline]
fn verbatim_end(buf: &[u8], field: &Field) -> Option<usize> {
    let (name, value) = (field.name.end(), field.value.end());
    let plain = field.value.start() == name + 2 && buf.get(name + 1) == Some(&b' ');
    let ended = buf.get(value..value + 2) == Some(b"\r\n");
    (plain && ended).then_some(value + 2)
}

/// The digits of a number in base 10 or 16.
#[inline]
fn digits<const BASE: u64>(out: &mut Vec<u8>, mut value: u64) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'0'; 20];
    let mut first = text.len() - 1;
    for (at, digit) in text.iter_mut().enumerate().rev() {
        if value > 0 {
            *digit = DIGITS[usize::from((value % BASE).to_le_bytes()[0])];
            value /= BASE;
            first = at;
        }
    }
    out.extend_from_slice(&text[first..]);
}
