//! Laws of response heads: pieces read like the whole, one framing, and what is forwarded reads back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_http1::{BadResponse, ForMethod, Known, Limits, ResponseFraming, ResponseHead, Version, write};

fuzz_target!(|input: &[u8]| {
    let method = method(input.first());
    let buf = input.get(1..).unwrap_or_default();
    let mut head = ResponseHead::new();
    let whole = head.parse(buf, method, &Limits::default());
    check_prefixes(buf, method, whole);
    if let Ok(Some(len)) = whole {
        assert!(buf[..len].ends_with(b"\r\n\r\n"));
        check_framing(&head, buf);
        check_rewritten(&head, buf, method);
    }
});

fn method(selector: Option<&u8>) -> ForMethod {
    match selector.map(|byte| byte % 4) {
        Some(0) => ForMethod::Head,
        Some(1) => ForMethod::Connect,
        _ => ForMethod::Other,
    }
}

fn check_prefixes(buf: &[u8], method: ForMethod, whole: Result<Option<usize>, BadResponse>) {
    let mut head = ResponseHead::new();
    for cut in (0..buf.len()).step_by(1 + buf.len() / 256) {
        let found = head.parse(&buf[..cut], method, &Limits::default());
        let enough = !matches!(whole, Ok(Some(len)) if cut < len);
        assert!(found == Ok(None) || (enough && found == whole), "{found:?} at {cut}, {whole:?}");
    }
}

fn check_framing(head: &ResponseHead, buf: &[u8]) {
    let codings = head.known(buf, Known::TransferEncoding).count();
    let lengths = head.known(buf, Known::ContentLength).count();
    assert!((100..600).contains(&head.status) && (codings == 0 || lengths == 0));
    match head.framing {
        ResponseFraming::None => {}
        ResponseFraming::Length(_) => assert!(lengths > 0),
        ResponseFraming::Chunked => assert!(codings == 1 && head.version == Version::Http11),
        ResponseFraming::UntilClose => assert!(codings + lengths == 0 && !head.persistent),
    }
    assert!(head.status >= 200 || head.framing == ResponseFraming::None);
}

fn check_rewritten(head: &ResponseHead, buf: &[u8], method: ForMethod) {
    let text = rewritten(head, buf);
    let mut again = ResponseHead::new();
    let limits = Limits::default();
    let roomy = Limits { request_line: limits.request_line + 8, head: limits.head * 3, ..limits };
    assert_eq!(again.parse(&text, method, &roomy), Ok(Some(text.len())));
    assert_eq!((again.status, again.framing), (head.status, head.framing));
    assert_eq!(again.reason.of(&text), head.reason.of(buf));
    assert_eq!(rewritten(&again, &text), text);
}

fn rewritten(head: &ResponseHead, buf: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write::status_line(&mut out, head.status, head.reason.of(buf));
    write::copy_fields(&mut out, buf, &head.fields);
    if head.framing == ResponseFraming::Chunked {
        write::field(&mut out, b"Transfer-Encoding", b"chunked");
    }
    write::end(&mut out);
    out
}
