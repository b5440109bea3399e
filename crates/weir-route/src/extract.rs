//! Cookies and query parameters, read as the upstream controllers read them.
//!
//! nginx (`ngx_http_parse_multi_header_lines`) looks for a cookie's name behind every `;` and `,`, but ends
//! its value only at `;`, allows blanks around `=`, and takes the first occurrence. Higress searches the line
//! for `name=value` between semicolons, without such blanks, so any occurrence counts. Both keep quotes.
//! Query values are not decoded.

use weir_model::Case;

/// The value of the first cookie of that name over all `Cookie` lines. The case says whose rules hold:
/// names without case are nginx's.
pub fn cookie<'r>(lines: impl Iterator<Item = &'r [u8]>, name: &[u8], case: Case) -> Option<&'r [u8]> {
    cookies(lines, name, case).next()
}

/// The values of all cookies of that name.
pub(crate) fn cookies<'r>(
    lines: impl Iterator<Item = &'r [u8]>,
    name: &[u8],
    case: Case,
) -> impl Iterator<Item = &'r [u8]> {
    lines.flat_map(move |line| crumbs(line, case)).filter_map(move |crumb| value_of(crumb, name, case))
}

/// Every place where a cookie may begin, up to the end of the line.
fn crumbs(line: &[u8], case: Case) -> impl Iterator<Item = &[u8]> {
    let separator = move |byte: u8| byte == b';' || (byte == b',' && case == Case::Insensitive);
    let begins = move |at: usize| at == 0 || separator(line[at - 1]);
    (0..line.len()).filter(move |at| begins(*at)).map(|at| line[at..].trim_ascii_start())
}

fn value_of<'r>(crumb: &'r [u8], name: &[u8], case: Case) -> Option<&'r [u8]> {
    let (found, rest) = crumb.split_at_checked(name.len())?;
    let value = match case {
        Case::Insensitive => rest.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start(),
        Case::Sensitive => rest.strip_prefix(b"=")?,
    };
    let end = value.iter().position(|&byte| byte == b';').unwrap_or(value.len());
    same(found, name, case).then_some(&value[..end])
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
        let lines: [&[u8]; 2] = [b"a=1; Foo = bar;c=\"q\"", b"foo=late,d=4; foobar=no"];
        let find = |name: &str, case| cookie(lines.into_iter(), name.as_bytes(), case);
        assert_eq!(find("foo", Case::Insensitive), Some(&b"bar"[..]));
        assert_eq!(find("foo", Case::Sensitive), Some(&b"late,d=4"[..]));
        assert_eq!(find("c", Case::Sensitive), Some(&b"\"q\""[..]));
        assert_eq!(find("d", Case::Insensitive), Some(&b"4"[..]));
        assert_eq!(find("d", Case::Sensitive), None);
        assert_eq!(find("foob", Case::Insensitive), None);
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
