//! Laws of request heads: pieces read like the whole, one framing, and what is forwarded reads back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_http1::{
    BadField, BadRequest, Known, Limits, RequestFraming, RequestHead, Version,
    split_authority, write,
};

fuzz_target!(|input: &[u8]| {
    let limits = limits(input.first());
    let buf = input.get(1..).unwrap_or_default();
    let mut head = RequestHead::new();
    let whole = head.parse(buf, &limits);
    check_prefixes(buf, &limits, whole);
    if let Ok(Some(len)) = whole {
        check_bytes(&head, &buf[..len]);
        check_framing(&head, buf);
        check_rewritten(&head, buf, &limits);
        check_built(&head, buf, &limits);
        check_values(&head, buf);
    }
});

/// Small limits for some inputs, so that they are reached.
fn limits(selector: Option<&u8>) -> Limits {
    match selector {
        Some(byte) if byte % 4 == 0 => {
            Limits { request_line: 32, head: 64, cookies: 32, fields: 4, crumbs: 4 }
        }
        _ => Limits::default(),
    }
}

fn check_prefixes(buf: &[u8], limits: &Limits, whole: Result<Option<usize>, BadRequest>) {
    let mut head = RequestHead::new();
    // Long inputs are cut at some places only.
    for cut in (0..buf.len()).step_by(1 + buf.len() / 256) {
        let found = head.parse(&buf[..cut], limits);
        let enough = !matches!(whole, Ok(Some(len)) if cut < len);
        assert!(found == Ok(None) || (enough && found == whole), "{found:?} at {cut}, {whole:?}");
    }
}

/// Nothing that some parser takes for a line end, but CR LF.
fn check_bytes(head: &RequestHead, text: &[u8]) {
    assert!(text.ends_with(b"\r\n\r\n"));
    assert!(text.iter().all(|byte| !matches!(byte, 0..=8 | 11 | 12 | 14..=31 | 127)));
    for (at, &byte) in text.iter().enumerate() {
        assert!(byte != b'\r' || text.get(at + 1) == Some(&b'\n'));
        assert!(byte != b'\n' || text[at - 1] == b'\r');
    }
    let last = head.fields.last().map_or(0, |field| field.name.end());
    assert!(text[last..].windows(4).filter(|quad| quad == b"\r\n\r\n").count() == 1);
}

fn check_framing(head: &RequestHead, buf: &[u8]) {
    let codings = head.known(buf, Known::TransferEncoding).count();
    let lengths = head.known(buf, Known::ContentLength).count();
    match head.framing {
        RequestFraming::None => assert!(codings == 0 && lengths == 0),
        RequestFraming::Length(_) => assert!(codings == 0 && lengths > 0),
        RequestFraming::Chunked => assert!(codings == 1 && lengths == 0 && head.version == Version::Http11),
    }
    assert!(head.known(buf, Known::Host).count() <= 1);
    assert!(head.version == Version::Http10 || !head.authority.is_empty());
    assert!(head.upgrade.is_none() || head.framing.is_empty());
    assert!(!head.expect_continue || !head.framing.is_empty());
}

/// What a proxy sends on is accepted, means the same, and stays as it is from then on.
fn check_rewritten(head: &RequestHead, buf: &[u8], limits: &Limits) {
    let text = rewritten(head, buf);
    let mut again = RequestHead::new();
    // In plain form every field takes at most two bytes more, a host and a coding are added.
    let roomy = Limits { head: limits.head * 3 + 512, fields: limits.fields + 2, ..*limits };
    let roomy = Limits { request_line: limits.request_line, ..roomy };
    assert_eq!(again.parse(&text, &roomy), Ok(Some(text.len())));
    assert_eq!(again.framing, head.framing);
    assert_eq!(again.method.of(&text), head.method.of(buf));
    assert_eq!(again.path(&text), head.path(buf));
    assert_eq!(again.query.map(|query| query.of(&text)), head.query.map(|query| query.of(buf)));
    assert!(head.authority.is_empty() || again.authority.of(&text) == head.authority.of(buf));
    assert_eq!((again.te_trailers, again.underscored), (head.te_trailers && te_kept(head), 0));
    assert_eq!(rewritten(&again, &text), text);
}

/// The same request, had it come as HTTP/2, gives the same head.
fn check_built(head: &RequestHead, buf: &[u8], limits: &Limits) {
    if !matches!(head.target.of(buf).first(), Some(b'/' | b'*')) || head.authority.is_empty() {
        return;
    }
    let mut text = Vec::new();
    let roomy = Limits { head: limits.head * 3 + 512, cookies: limits.cookies * 3, ..*limits };
    let mut builder = RequestHead::build(&mut text).limits(&roomy);
    builder =
        builder.method(head.method.of(buf)).target(head.target.of(buf)).authority(head.authority.of(buf));
    for field in head.fields.iter().filter(|field| !field.dropped) {
        builder = builder.field(field.name.of(buf), field.value.of(buf));
    }
    // Empty cookies are the one thing that is lost, or that makes two crumbs of one.
    let built = match builder.finish(head.framing) {
        Err(BadRequest::Field(BadField::ManyCookies | BadField::ManyFields)) => return,
        built => built.expect("it was accepted as HTTP/1.1"),
    };
    assert_eq!((built.framing, built.te_trailers), (head.framing, te_kept(head)));
    assert_eq!((built.path(&text), built.authority.of(&text)), (head.path(buf), head.authority.of(buf)));
}

fn te_kept(head: &RequestHead) -> bool {
    head.fields.iter().any(|field| field.known == Known::Te && !field.dropped)
}

fn rewritten(head: &RequestHead, buf: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write::request_line(&mut out, head.method.of(buf), head.target.of(buf));
    if head.known(buf, Known::Host).next().is_none() {
        let authority = if head.authority.is_empty() { b"none" } else { head.authority.of(buf) };
        write::field(&mut out, b"Host", authority);
    }
    write::copy_fields(&mut out, buf, &head.fields);
    if head.framing == RequestFraming::Chunked {
        write::field(&mut out, b"Transfer-Encoding", b"chunked");
    }
    write::end(&mut out);
    out
}

fn check_values(head: &RequestHead, buf: &[u8]) {
    let (host, port) = split_authority(head.authority.of(buf));
    assert!(host.len() + usize::from(port.is_some()) <= head.authority.len());
    assert!(host.starts_with(b"[") || !host.contains(&b':'));
}
