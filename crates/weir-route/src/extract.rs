//! Cookies and query parameters, read as the upstream controllers read them.
//!
//! nginx takes the first occurrence, separates cookies by `;` and `,`, keeps quotes, and does not decode
//! query values. Envoy, and so Higress and MSE, differs in the case of names only.

use weir_model::Case;

/// The value of the first cookie of that name over all `Cookie` lines.
pub fn cookie<'r>(lines: impl Iterator<Item = &'r [u8]>, name: &[u8], case: Case) -> Option<&'r [u8]> {
    lines.flat_map(pairs_of_cookies).find(|(found, _)| same(found, name, case)).map(|(_, value)| value)
}

fn pairs_of_cookies(line: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    line.split(|&byte| byte == b';' || byte == b',').filter_map(|crumb| {
        let (name, value) = split_once(crumb, b'=')?;
        Some((name.trim_ascii(), value.trim_ascii()))
    })
}

/// The raw value of the first query parameter of that name; `?foo` without `=` counts as missing.
pub(crate) fn query<'r>(query: &'r [u8], name: &[u8], case: Case) -> Option<&'r [u8]> {
    query
        .split(|&byte| byte == b'&')
        .filter_map(|pair| split_once(pair, b'='))
        .find(|(found, _)| same(found, name, case))
        .map(|(_, value)| value)
}

fn split_once(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|&byte| byte == separator)?;
    Some((&text[..at], &text[at + 1..]))
}

fn same(found: &[u8], name: &[u8], case: Case) -> bool {
    match case {
        Case::Sensitive => found == name,
        Case::Insensitive => found.eq_ignore_ascii_case(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_cookie_wins_over_all_lines() {
        let lines: [&[u8]; 2] = [b"a=1; Foo = bar ;c=\"q\"", b"foo=late,d=4"];
        let find = |name: &str, case| cookie(lines.into_iter(), name.as_bytes(), case);
        assert_eq!(find("foo", Case::Insensitive), Some(&b"bar"[..]));
        assert_eq!(find("foo", Case::Sensitive), Some(&b"late"[..]));
        assert_eq!(find("c", Case::Sensitive), Some(&b"\"q\""[..]));
        assert_eq!(find("d", Case::Sensitive), Some(&b"4"[..]));
        assert_eq!(find("e", Case::Sensitive), None);
    }

    #[test]
    fn query_is_raw_and_first() {
        let find = |text: &'static str| query(text.as_bytes(), b"foo", Case::Insensitive);
        assert_eq!(find("a=1&FOO=b%20r&foo=2"), Some(&b"b%20r"[..]));
        assert_eq!(find("foo&foo=2"), Some(&b"2"[..]));
        assert_eq!(find("foo="), Some(&b""[..]));
        assert_eq!(find("a=1;foo=2"), None);
    }
}
