//! The rules for response heads, one test each.

use weir_http1::{BadResponse, ForMethod, Limits, ResponseFraming, ResponseHead, Version, write};

fn parse(text: &str, request: ForMethod) -> Result<ResponseHead, BadResponse> {
    let mut head = ResponseHead::new();
    let len = head.parse(text.as_bytes(), request, &Limits::default())?;
    assert_eq!(len, Some(text.len()), "{text:?}");
    Ok(head)
}

fn accept(text: &str) -> ResponseHead {
    parse(text, ForMethod::Other).expect("it is valid")
}

fn forwarded(text: &str, request: ForMethod) -> String {
    let head = parse(text, request).expect("it is valid");
    let mut out = Vec::new();
    write::copy_fields(&mut out, text.as_bytes(), &head.fields);
    String::from_utf8(out).expect("these tests are in ASCII")
}

#[test]
fn framing_by_status_method_and_fields() {
    use ForMethod::{Connect, Head, Other};
    use ResponseFraming::{Chunked, Length, None, UntilClose};
    let cases = [
        ("200", Other, "Content-Length: 5\r\n", Length(5)),
        ("200", Other, "Transfer-Encoding: chunked\r\n", Chunked),
        ("200", Other, "", UntilClose),
        ("200", Head, "Content-Length: 5\r\n", None),
        ("200", Head, "Transfer-Encoding: chunked\r\n", None),
        ("200", Head, "", None),
        ("404", Head, "", None),
        ("200", Connect, "Content-Length: 5\r\n", None),
        ("407", Connect, "Content-Length: 5\r\n", Length(5)),
        ("100", Other, "", None),
        ("101", Other, "", None),
        ("103", Other, "Content-Length: 5\r\n", None),
        ("204", Other, "Content-Length: 5\r\n", None),
        ("205", Other, "Content-Length: 0\r\n", Length(0)),
        ("304", Other, "Content-Length: 5\r\n", None),
        ("304", Other, "", None),
    ];
    for (status, method, fields, framing) in cases {
        let head = parse(&format!("HTTP/1.1 {status} X\r\n{fields}\r\n"), method).expect("it is valid");
        assert_eq!(head.framing, framing, "{status} {method:?} {fields:?}");
        assert_eq!(head.status.to_string(), status);
    }
}

#[test]
fn reason_may_be_empty_or_missing() {
    for (line, reason) in [("200 OK", "OK"), ("200 Not so\tbad", "Not so\tbad"), ("200 ", ""), ("200", "")] {
        let text = format!("HTTP/1.1 {line}\r\n\r\n");
        assert_eq!(accept(&text).reason.of(text.as_bytes()), reason.as_bytes(), "{line:?}");
    }
}

#[test]
fn a_long_status_line_is_refused_early() {
    let limits = Limits { request_line: 20, ..Limits::default() };
    let parse = |text: &str| ResponseHead::new().parse(text.as_bytes(), ForMethod::Other, &limits);
    assert_eq!(parse("HTTP/1.1 200 1234567\r\n\r\n"), Ok(Some(24)));
    assert_eq!(parse("HTTP/1.1 200 12345678\r\n\r\n"), Err(BadResponse::LongStatusLine));
    assert_eq!(parse("HTTP/1.1 200 12345678"), Err(BadResponse::LongStatusLine));
    assert_eq!(parse("HTTP/1.1 200 1234567"), Ok(None));
}

#[test]
fn a_length_without_content_is_not_forwarded() {
    let cases = [
        ("204", ForMethod::Other, false),
        ("103", ForMethod::Other, false),
        ("200", ForMethod::Connect, false),
    ];
    for (status, method, kept) in
        cases.into_iter().chain([("304", ForMethod::Other, true), ("200", ForMethod::Head, true)])
    {
        let text = format!("HTTP/1.1 {status} X\r\nContent-Length: 5\r\n\r\n");
        assert_eq!(!forwarded(&text, method).is_empty(), kept, "{status} {method:?}");
    }
}

#[test]
fn hop_by_hop_fields_are_dropped() {
    let text = "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\n\
        Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\nx_y: 2\r\n\r\n";
    assert_eq!(forwarded(text, ForMethod::Other), "Trailer: X-Sum\r\nx_y: 2\r\n");
}

#[test]
fn persistence_by_version_connection_and_framing() {
    let cases = [
        ("1.1", "Content-Length: 0\r\n", true),
        ("1.1", "Content-Length: 0\r\nConnection: close\r\n", false),
        ("1.1", "", false),
        ("1.1", "Connection: keep-alive\r\n", false),
        ("1.0", "Content-Length: 0\r\n", false),
        ("1.0", "Content-Length: 0\r\nConnection: keep-alive\r\n", true),
    ];
    for (version, fields, persistent) in cases {
        let head = accept(&format!("HTTP/{version} 200 OK\r\n{fields}\r\n"));
        assert_eq!(head.persistent, persistent, "{version} {fields:?}");
    }
    assert_eq!(accept("HTTP/1.0 200 OK\r\n\r\n").version, Version::Http10);
}

#[test]
fn keep_alive_timeout() {
    let cases = [
        ("timeout=5", Some(5)),
        ("max=100, Timeout=60", Some(60)),
        ("timeout= 7", Some(7)),
        ("timeout=99999999999", Some(u32::MAX)),
        ("timeout", None),
        ("timeout=", None),
        ("timeout=x", None),
        ("xtimeout=5", None),
        ("", None),
    ];
    for (value, timeout) in cases {
        let head = accept(&format!("HTTP/1.1 200 OK\r\nKeep-Alive: {value}\r\n\r\n"));
        assert_eq!(head.keep_alive_timeout, timeout, "{value:?}");
    }
}

#[test]
fn upgrade_counts_only_with_101() {
    let upgrade =
        |status: &str| accept(&format!("HTTP/1.1 {status} X\r\nUpgrade: websocket\r\n\r\n")).upgrade;
    assert!(upgrade("101").is_some());
    assert!(upgrade("426").is_none());
}

#[test]
fn interim_heads() {
    for (status, interim) in [("100", true), ("103", true), ("101", false), ("200", false)] {
        assert_eq!(accept(&format!("HTTP/1.1 {status} X\r\n\r\n")).is_interim(), interim, "{status}");
    }
}

#[test]
fn set_cookie_lines_have_their_own_budget() {
    let many = "Set-Cookie: a=b; Path=/; Secure\r\n".repeat(200);
    accept(&format!("HTTP/1.1 200 OK\r\n{many}\r\n"));
    let more = "Set-Cookie: a=b\r\n".repeat(257);
    let bad = parse(&format!("HTTP/1.1 200 OK\r\n{more}\r\n"), ForMethod::Other).map(|head| head.status);
    assert_eq!(bad.map_err(|bad| (bad.status(), bad.code())), Err((502, "WR-502-HEAD")));
}
