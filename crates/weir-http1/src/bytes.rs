//! Byte classes, and a search for the first byte of a class eight bytes at a time.

/// The byte may not stand in a token.
const NONE: u8 = 0;
/// The byte may stand in a token (RFC 9110 §5.6.2).
const TOKEN: u8 = 1;
/// The byte is `_`: a token byte that field names of requests may not hold.
pub(crate) const UNDERSCORE: u8 = 2;

/// The class of each byte in a field name or method.
static CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [NONE; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        if byte.is_ascii_alphanumeric() || is_token_mark(byte) {
            table[byte as usize] = TOKEN;
        }
        byte += 1;
    }
    table[b'_' as usize] = UNDERSCORE;
    table
}

const fn is_token_mark(byte: u8) -> bool {
    matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'`' | b'|' | b'~')
}

/// The length of the token that `bytes` begins with, and the classes seen in it, or-ed.
#[inline]
pub(crate) fn token(bytes: &[u8]) -> (usize, u8) {
    let mut seen = NONE;
    for (index, &byte) in bytes.iter().enumerate() {
        let class = CLASS[usize::from(byte)];
        if class == NONE {
            return (index, seen);
        }
        seen |= class;
    }
    (bytes.len(), seen)
}

/// Whether all of `bytes` is one token.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && token(bytes).0 == bytes.len()
}

/// The first byte that a field value may not hold: any control character. HTAB is found too, the caller
/// allows it (RFC 9110 §5.5).
#[inline]
pub(crate) fn find_control(bytes: &[u8]) -> Option<usize> {
    find(bytes, |word| below(word, b' ') | equal(word, 0x7f), |byte| byte < b' ' || byte == 0x7f)
}

/// The first byte that a request target may not hold: a control character, a blank or `#`.
#[inline]
pub(crate) fn find_target_end(bytes: &[u8]) -> Option<usize> {
    find(
        bytes,
        |word| below(word, b'!') | equal(word, 0x7f) | equal(word, b'#'),
        |byte| byte <= b' ' || byte == 0x7f || byte == b'#',
    )
}

/// `words` marks bytes in eight at once: its lowest mark must be right, higher ones may be wrong.
#[inline]
fn find(bytes: &[u8], words: impl Fn(u64) -> u64, single: impl Fn(u8) -> bool) -> Option<usize> {
    let (chunks, rest) = bytes.as_chunks::<8>();
    for (index, chunk) in chunks.iter().enumerate() {
        let marks = words(u64::from_le_bytes(*chunk));
        if marks != 0 {
            return Some(index * 8 + (marks.trailing_zeros() / 8) as usize);
        }
    }
    let tail = rest.iter().position(|&byte| single(byte))?;
    Some(chunks.len() * 8 + tail)
}

const ONES: u64 = u64::from_le_bytes([0x01; 8]);
const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);

/// Marks (high bit) the bytes of `word` smaller than `bound`, which is at most 128.
#[inline]
const fn below(word: u64, bound: u8) -> u64 {
    word.wrapping_sub(ONES * bound as u64) & !word & HIGHS
}

/// Marks the bytes of `word` equal to `byte`.
#[inline]
const fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ (ONES * byte as u64), 1)
}

/// The bytes from offset `at`, as far as a budget reaches, and one more.
#[inline]
pub(crate) fn window(buf: &[u8], at: usize, budget: usize) -> &[u8] {
    let end = buf.len().min(at.saturating_add(budget).saturating_add(1));
    buf.get(at..end).unwrap_or_default()
}

/// Removes blanks (SP and HTAB) at both ends.
#[inline]
pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    let (start, end) = trimmed(bytes);
    &bytes[start..end]
}

/// The offsets of `bytes` without the blanks at both ends.
#[inline]
pub(crate) fn trimmed(bytes: &[u8]) -> (usize, usize) {
    let end = bytes.iter().rposition(|&byte| !is_blank(byte)).map_or(0, |last| last + 1);
    let start = bytes[..end].iter().position(|&byte| !is_blank(byte)).unwrap_or(end);
    (start, end)
}

#[inline]
pub(crate) const fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// The members of a comma-separated list (RFC 9110 §5.6.1), trimmed, empty ones included.
pub(crate) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_at_a_time_agrees_with_one_by_one() {
        for byte in 0..=255_u8 {
            for at in 0..20 {
                let mut text = [b'x'; 20];
                text[at] = byte;
                let control = byte < b' ' || byte == 0x7f;
                assert_eq!(find_control(&text), control.then_some(at), "{byte:#x} at {at}");
                let ends = control || byte == b' ' || byte == b'#';
                assert_eq!(find_target_end(&text), ends.then_some(at), "{byte:#x} at {at}");
            }
        }
    }

    #[test]
    fn token_bytes_of_rfc_9110() {
        let marks = b"!#$%&'*+-.^_`|~";
        for byte in 0..=255_u8 {
            let expected = byte.is_ascii_alphanumeric() || marks.contains(&byte);
            assert_eq!(is_token(&[byte]), expected, "{byte:#x}");
        }
        assert!(!is_token(b""));
    }

    #[test]
    fn blanks_are_trimmed_at_both_ends_only() {
        for (text, expected) in [("", ""), (" \t ", ""), (" a b\t", "a b"), ("a", "a")] {
            assert_eq!(trim(text.as_bytes()), expected.as_bytes(), "{text:?}");
        }
    }
}
