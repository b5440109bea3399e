//! The rules for request heads, one test each.

use weir_http1::{
    BadField, BadFraming, BadHost, BadRequest, Known, Limits, RequestFraming, RequestHead, Version, write,
};

/// The head of a request that must be accepted and complete.
fn accept(text: &str) -> RequestHead {
    let mut head = RequestHead::new();
    assert_eq!(head.parse(text.as_bytes(), &Limits::default()), Ok(Some(text.len())), "{text:?}");
    head
}

fn refuse(text: &str, expected: impl Into<BadRequest>) {
    let found = RequestHead::new().parse(text.as_bytes(), &Limits::default());
    assert_eq!(found, Err(expected.into()), "{text:?}");
}

/// A GET with these further field lines.
fn get(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
}

/// What a proxy would forward of the fields.
fn forwarded(text: &str) -> String {
    let head = accept(text);
    let mut out = Vec::new();
    write::copy_fields(&mut out, text.as_bytes(), &head.fields);
    String::from_utf8(out).expect("these tests are in ASCII")
}

#[test]
fn parts_of_the_target() {
    // Target, path, query, authority.
    let cases: &[(&str, &str, Option<&str>, &str)] = &[
        ("/", "/", None, "a"),
        ("/a/b?c=d?e", "/a/b", Some("c=d?e"), "a"),
        ("/?", "/", Some(""), "a"),
        ("//b/c", "//b/c", None, "a"),
        ("http://b", "/", None, "b"),
        ("http://b:8080/x?y", "/x", Some("y"), "b:8080"),
        ("HTTPS://[::1]?y", "/", Some("y"), "[::1]"),
    ];
    for &(target, path, query, authority) in cases {
        let text = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        let (head, buf) = (accept(&text), text.as_bytes());
        assert_eq!(head.target.of(buf), target.as_bytes());
        assert_eq!(head.path(buf), path.as_bytes(), "{target}");
        assert_eq!(head.query.map(|query| query.of(buf)), query.map(str::as_bytes), "{target}");
        assert_eq!(head.authority.of(buf), authority.as_bytes(), "{target}");
    }
}

#[test]
fn an_absolute_target_replaces_host() {
    let text = "GET http://b/ HTTP/1.1\r\nX: y\r\nHost: a\r\n\r\n";
    assert_eq!(forwarded(text), "X: y\r\nHost: b\r\n");
    assert_eq!(accept(text).known(text.as_bytes(), Known::Host).next(), Some(&b"b"[..]));
}

#[test]
fn persistence_by_version_and_connection() {
    let cases = [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: Keep-Alive, CLOSE\r\n", false),
        ("1.1", "Connection: keep-alive\r\nConnection: close\r\n", false),
        ("1.1", "Connection: closed\r\n", true),
        ("1.1", "Proxy-Connection: close\r\n", true),
        ("1.0", "", false),
        ("1.0", "Connection: keep-alive\r\n", true),
        ("1.0", "Connection: keep-alive, close\r\n", false),
        ("1.0", "Proxy-Connection: keep-alive\r\n", false),
    ];
    for (version, fields, persistent) in cases {
        let head = accept(&format!("GET / HTTP/{version}\r\nHost: a\r\n{fields}\r\n"));
        assert_eq!(head.persistent, persistent, "{version} {fields:?}");
    }
}

#[test]
fn version_1_0_needs_no_host() {
    let head = accept("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(head.version, Version::Http10);
    assert!(head.authority.is_empty());
}

#[test]
fn hop_by_hop_fields_are_dropped() {
    let text = get("Connection: close, X-Hop\r\nKeep-Alive: 5\r\nProxy-Connection: close\r\nx-hop: 1\r\n\
        Upgrade: h2c\r\nHTTP2-Settings: x\r\nX-End: 2\r\n");
    assert_eq!(forwarded(&text), "Host: a\r\nX-End: 2\r\n");
    let text = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(forwarded(text), "Host: a\r\n");
}

#[test]
fn fields_named_by_connection_are_dropped_wherever_they_stand() {
    let text = get("X-A: 1\r\nConnection: x-a , ,x-b\r\nX-B: 2\r\nConnection:\r\nX-A: 3\r\nX-AB: 4\r\n");
    assert_eq!(forwarded(&text), "Host: a\r\nX-AB: 4\r\n");
}

#[test]
fn connection_may_not_name_host_or_framing() {
    for name in ["host", "Content-Length", "TRANSFER-ENCODING"] {
        refuse(&get(&format!("Connection: x, {name}\r\n")), BadRequest::Connection);
    }
    refuse(&get(&format!("Connection: {}\r\n", "x,".repeat(33))), BadRequest::Connection);
    accept(&get(&format!("Connection: {}\r\n", "x,".repeat(32))));
}

#[test]
fn te_passes_as_trailers_only() {
    let cases = [
        ("TE: trailers\r\n", "TE: trailers\r\n"),
        ("te: gzip;q=1, Trailers , deflate\r\n", "te: Trailers\r\n"),
        ("TE: trailers\r\nTE: trailers\r\n", "TE: trailers\r\n"),
        ("TE: gzip\r\n", ""),
        ("TE: trailersx\r\n", ""),
        ("TE: trailers;q=1\r\n", ""),
    ];
    for (fields, passed) in cases {
        let text = get(fields);
        assert_eq!(forwarded(&text), format!("Host: a\r\n{passed}"), "{fields:?}");
        assert_eq!(accept(&text).te_trailers, !passed.is_empty(), "{fields:?}");
    }
    let nominated = get("TE: trailers\r\nConnection: TE\r\n");
    assert_eq!(forwarded(&nominated), "Host: a\r\nTE: trailers\r\n");
}

#[test]
fn names_with_underscore_are_dropped_and_counted() {
    let text = get("X_A: 1\r\nX-A: 2\r\n_: 3\r\nHost_: b\r\n");
    let head = accept(&text);
    assert_eq!(head.underscored, 3);
    assert_eq!(forwarded(&text), "Host: a\r\nX-A: 2\r\n");
    assert_eq!(head.header(text.as_bytes(), b"x_a").count(), 0);
    assert_eq!(head.header(text.as_bytes(), b"x-a").collect::<Vec<_>>(), [b"2"]);
}

#[test]
fn one_length_is_forwarded() {
    let post = |fields: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let cases = [
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5 ,05\r\n",
        "Content-Length: 0005\r\n",
    ];
    for fields in cases {
        let text = post(fields);
        assert_eq!(accept(&text).framing, RequestFraming::Length(5));
        assert_eq!(forwarded(&text), "Host: a\r\nContent-Length: 5\r\n", "{fields:?}");
    }
    assert_eq!(forwarded(&post("Content-Length: 00\r\n")), "Host: a\r\nContent-Length: 0\r\n");
    refuse(&post("Content-Length: 5, 6\r\n"), BadFraming::Lengths);
    refuse(&post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), BadFraming::Both);
}

#[test]
fn upgrade_needs_a_get_without_body_and_one_protocol() {
    let upgrade = |fields: &str| {
        let text = get(fields);
        accept(&text)
            .upgrade
            .map(|protocol| String::from_utf8_lossy(protocol.of(text.as_bytes())).into_owned())
    };
    let asked = "Connection: keep-alive, Upgrade\r\n";
    assert_eq!(upgrade(&format!("{asked}Upgrade: websocket\r\n")), Some("websocket".to_owned()));
    assert_eq!(upgrade(&format!("{asked}Upgrade: x/1.0\r\n")), Some("x/1.0".to_owned()));
    let refused = [
        "Upgrade: H2C\r\n",
        "Upgrade: a, b\r\n",
        "Upgrade: a\r\nUpgrade: b\r\n",
        "Upgrade:\r\n",
        "",
        "X: y\r\n",
    ];
    for fields in refused {
        assert_eq!(upgrade(&format!("{asked}{fields}")), None, "{fields:?}");
    }
    assert!(upgrade(&format!("{asked}Upgrade: websocket\r\nContent-Length: 0\r\n")).is_some());
    assert_eq!(upgrade("Upgrade: websocket\r\n"), None);
    assert_eq!(upgrade(&format!("{asked}Upgrade: websocket\r\nContent-Length: 1\r\n")), None);
    assert_eq!(upgrade(&format!("{asked}Upgrade: websocket\r\nTransfer-Encoding: chunked\r\n")), None);
    assert!(accept("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n").upgrade.is_none());
    assert!(
        accept("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n").upgrade.is_none()
    );
}

#[test]
fn only_100_continue_may_be_expected() {
    let post = get("Content-Length: 1\r\nExpect: 100-Continue\r\n");
    assert!(accept(&post).expect_continue);
    assert_eq!(forwarded(&post), "Host: a\r\nContent-Length: 1\r\nExpect: 100-Continue\r\n");
    refuse(&get("Expect: 100-continue, x\r\n"), BadRequest::Expect);
    for empty in [get("Expect: 100-continue\r\n"), get("Expect: 100-continue\r\nContent-Length: 0\r\n")] {
        assert!(!accept(&empty).expect_continue && !forwarded(&empty).contains("Expect"));
    }
    let old = "GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n";
    assert!(!accept(old).expect_continue);
    assert_eq!(forwarded(old), "");
}

#[test]
fn one_empty_line_may_come_first() {
    accept("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    refuse("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", BadRequest::RequestLine);
    refuse("\nGET", BadField::LineEnd);
}

#[test]
fn values_are_trimmed_and_keep_inner_blanks() {
    let text = get("X: \t a \t b\t \r\nY:\r\nZ:z\r\n");
    let head = accept(&text);
    let value = |name: &[u8]| head.header(text.as_bytes(), name).next().map(<[u8]>::to_vec);
    assert_eq!(value(b"x"), Some(b"a \t b".to_vec()));
    assert_eq!(value(b"Y"), Some(Vec::new()));
    assert_eq!(value(b"z"), Some(b"z".to_vec()));
    assert_eq!(forwarded(&text), "Host: a\r\nX: a \t b\r\nY: \r\nZ: z\r\n");
}

/// A head that is complete only behind a limit is refused as soon as the limit is passed, not before.
fn check_limit(text: &str, limits: Limits, expected: BadRequest) {
    let parse = |end: usize| RequestHead::new().parse(&text.as_bytes()[..end], &limits);
    let first = (0..=text.len()).find(|&end| parse(end) != Ok(None)).expect("it does not end as incomplete");
    assert_eq!(parse(first), Err(expected));
    assert!(first < text.len(), "refused before the end");
    assert_eq!(parse(text.len()), Err(expected));
}

#[test]
fn a_long_request_line_is_refused_early() {
    let limits = Limits { request_line: 100, ..Limits::default() };
    let line = |len: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(len - 14));
    assert!(matches!(RequestHead::new().parse(line(100).as_bytes(), &limits), Ok(Some(_))));
    check_limit(&line(101), limits, BadRequest::LongRequestLine);
    check_limit(&"G".repeat(200), limits, BadRequest::LongRequestLine);
}

#[test]
fn a_large_head_is_refused_early() {
    let limits = Limits { head: 100, ..Limits::default() };
    // Host takes 9 bytes, the name and ends of the field 5.
    let head = |len: usize| get(&format!("X: {}\r\n", "x".repeat(len - 14)));
    assert!(matches!(RequestHead::new().parse(head(100).as_bytes(), &limits), Ok(Some(_))));
    check_limit(&head(101), limits, BadField::LargeHead.into());
    check_limit(&get(&"X".repeat(200)), limits, BadField::LargeHead.into());
}

#[test]
fn cookies_have_their_own_budget() {
    let limits = Limits { head: 100, cookies: 200, ..Limits::default() };
    let head = |len: usize| get(&format!("Cookie:{}\r\nX: y\r\n", "x".repeat(len)));
    assert!(matches!(RequestHead::new().parse(head(200).as_bytes(), &limits), Ok(Some(_))));
    check_limit(&head(201), limits, BadField::LargeCookies.into());
}

#[test]
fn fields_and_crumbs_are_counted() {
    let limits = Limits { fields: 3, crumbs: 3, ..Limits::default() };
    let parse = |text: &str| RequestHead::new().parse(text.as_bytes(), &limits).map(|len| len.is_some());
    assert_eq!(parse(&get("X: 1\r\nX: 2\r\nCookie: a; b\r\nCookie: c\r\n")), Ok(true));
    check_limit(&get("X: 1\r\nX: 2\r\nX: 3\r\n"), limits, BadField::ManyFields.into());
    check_limit(&get("Cookie: a; b; c; d\r\nX: 1\r\n"), limits, BadField::ManyCookies.into());
    check_limit(&get("Cookie: a\r\nCookie: b; c\r\nCookie: d\r\n"), limits, BadField::ManyCookies.into());
}

#[test]
fn a_buffer_of_the_limits_never_fills_up() {
    let limits = Limits { request_line: 64, head: 64, cookies: 64, fields: 8, crumbs: 8 };
    let text = format!(
        "\r\nGET /{} HTTP/1.1\r\nHost: a\r\nX:{}\r\nCookie:{}\r\n\r\n",
        "x".repeat(50),
        "x".repeat(64 - 9 - 4 - 9),
        "x".repeat(64)
    );
    assert_eq!(RequestHead::new().parse(text.as_bytes(), &limits), Ok(Some(text.len())));
    assert!(text.len() <= limits.buffer());
}

#[test]
fn statuses_and_codes() {
    let cases: &[(BadRequest, u16, &str)] = &[
        (BadRequest::RequestLine, 400, "WR-400-REQUEST-LINE"),
        (BadRequest::LongRequestLine, 414, "WR-414-REQUEST-LINE"),
        (BadRequest::Version, 505, "WR-505-VERSION"),
        (BadRequest::Connect, 501, "WR-501-CONNECT"),
        (BadRequest::Expect, 417, "WR-417-EXPECT"),
        (BadHost::Missing.into(), 400, "WR-400-HOST"),
        (BadFraming::Both.into(), 400, "WR-400-FRAMING"),
        (BadField::Folded.into(), 400, "WR-400-FIELD"),
        (BadField::LargeHead.into(), 431, "WR-431-HEAD"),
    ];
    for &(bad, status, code) in cases {
        assert_eq!((bad.status(), bad.code()), (status, code));
        assert!(code.contains(&status.to_string()) && !bad.to_string().is_empty());
    }
}

#[test]
fn an_index_is_reused() {
    let mut head = accept(&get("X: y\r\nTE: trailers\r\nX_: 1\r\nExpect: 100-continue\r\n"));
    let capacity = head.fields.capacity();
    let text = "GET / HTTP/1.0\r\n\r\n";
    assert_eq!(head.parse(text.as_bytes(), &Limits::default()), Ok(Some(text.len())));
    assert!(head.fields.is_empty() && head.fields.capacity() == capacity);
    assert!(!head.te_trailers && !head.expect_continue && head.underscored == 0 && head.upgrade.is_none());
}

#[test]
fn a_built_head_reads_like_a_parsed_one() {
    let mut buf = b"old".to_vec();
    let head = RequestHead::build(&mut buf)
        .method(b"POST")
        .target(b"/a?b")
        .authority(b"shop")
        .field(b"cookie", b"x=1")
        .field(b"host", b"other")
        .field(b"te", b"trailers")
        .field(b"cookie", b"y=2")
        .finish(RequestFraming::Chunked)
        .expect("it is valid");
    let text = "POST /a?b HTTP/1.1\r\nHost: shop\r\nte: trailers\r\nCookie: x=1; y=2\r\n\r\n";
    assert_eq!(String::from_utf8_lossy(&buf), text);
    assert_eq!((head.version, head.framing), (Version::Http2, RequestFraming::Chunked));
    assert_eq!((head.path(&buf), head.authority.of(&buf)), (&b"/a"[..], &b"shop"[..]));
    assert!(head.te_trailers && head.persistent);
}

#[test]
fn a_built_head_has_one_framing() {
    let build = |length: Option<&[u8]>, framing| {
        let mut buf = Vec::new();
        let builder = RequestHead::build(&mut buf).method(b"POST").target(b"/").authority(b"a");
        let builder =
            length.into_iter().fold(builder, |builder, length| builder.field(b"content-length", length));
        let framing = builder.finish(framing).map(|head| head.framing);
        (framing, memchr::memmem::find_iter(&buf.to_ascii_lowercase(), b"content-length").count())
    };
    assert_eq!(build(None, RequestFraming::None), (Ok(RequestFraming::None), 0));
    assert_eq!(build(None, RequestFraming::Length(3)), (Ok(RequestFraming::Length(3)), 1));
    assert_eq!(build(Some(b"3"), RequestFraming::Chunked), (Ok(RequestFraming::Length(3)), 1));
    assert_eq!(build(Some(b"0"), RequestFraming::None), (Ok(RequestFraming::Length(0)), 1));
    assert_eq!(build(Some(b"3"), RequestFraming::None).0, Err(BadFraming::Lengths.into()));
    assert_eq!(build(Some(b"3"), RequestFraming::Length(4)).0, Err(BadFraming::Lengths.into()));
    assert_eq!(build(Some(b"x"), RequestFraming::Chunked).0, Err(BadFraming::Length.into()));
}

#[test]
fn a_built_head_cannot_carry_lines() {
    let build = |target: &[u8], name: &[u8], value: &[u8]| {
        let mut buf = Vec::new();
        let builder = RequestHead::build(&mut buf).method(b"GET").target(target).authority(b"a");
        builder.field(name, value).finish(RequestFraming::None).map(|head| head.fields.len())
    };
    assert_eq!(build(b"/", b"x", b"y\tz"), Ok(2));
    assert_eq!(build(b"/ HTTP/1.1\r\nX: y", b"x", b"y"), Err(BadRequest::Target));
    assert_eq!(build(b"", b"x", b"y"), Err(BadRequest::Target));
    assert_eq!(build(b"http://b/", b"x", b"y"), Err(BadRequest::Target));
    assert_eq!(build(b"/", b"x: y\r\nz", b"y"), Err(BadField::Name.into()));
    assert_eq!(build(b"/", b"x", b"y\r\nz: 1"), Err(BadField::Value.into()));
    assert_eq!(build(b"/", b"cookie", b"y\r\nz: 1"), Err(BadField::Value.into()));
    assert_eq!(build(b"/", b"connection", b"x"), Err(BadFraming::Coding.into()));
    assert_eq!(build(b"/", b"transfer-encoding", b"chunked"), Err(BadFraming::Coding.into()));
}

#[test]
fn a_built_head_is_complete() {
    let mut buf = Vec::new();
    let missing = RequestHead::build(&mut buf).method(b"GET").target(b"/").finish(RequestFraming::None);
    assert_eq!(missing.map(|head| head.framing), Err(BadHost::Missing.into()));
    let mut buf = Vec::new();
    let headless = RequestHead::build(&mut buf).field(b"x", b"y").finish(RequestFraming::None);
    assert!(headless.is_err());
}
