//! Names and values inside cookies and queries.

use crate::bytes;

/// The cookies in the value of a `Cookie` field, as nginx reads them: a name begins after `;` or `,` and
/// blanks, a value goes up to the next `;`; blanks around `=` are left out, quotes are kept.
///
/// ```
/// let pairs: Vec<_> = weir_http1::cookies(b"a=1; b = \"2\"").collect();
/// assert_eq!(pairs, [(&b"a"[..], &b"1"[..]), (b"b", b"\"2\"")]);
/// ```
pub fn cookies(value: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = value;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let here = rest;
            let end = memchr::memchr2(b';', b',', here);
            rest = end.map_or(&[][..], |at| &here[at + 1..]);
            let pair = cookie(here, end.unwrap_or(here.len()));
            if pair.is_some() {
                return pair;
            }
        }
        None
    })
}

/// The cookie that begins here, if there is a `=` before the next separator at `end`.
fn cookie(text: &[u8], end: usize) -> Option<(&[u8], &[u8])> {
    let equals = memchr::memchr(b'=', &text[..end])?;
    let name = bytes::trim(&text[..equals]);
    let value = &text[equals + 1..];
    let value = &value[..memchr::memchr(b';', value).unwrap_or(value.len())];
    (!name.is_empty()).then(|| (name, bytes::trim(value)))
}

/// The parameters of a query, still escaped, separated by `&` only. A parameter without `=` has no value.
///
/// ```
/// let pairs: Vec<_> = weir_http1::query_pairs(b"a=1&b&c=").collect();
/// assert_eq!(pairs, [(&b"a"[..], Some(&b"1"[..])), (b"b", None), (b"c", Some(b""))]);
/// ```
pub fn query_pairs(query: &[u8]) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    query.split(|&byte| byte == b'&').filter(|part| !part.is_empty()).map(|part| {
        match memchr::memchr(b'=', part) {
            Some(at) => (&part[..at], Some(&part[at + 1..])),
            None => (part, None),
        }
    })
}
