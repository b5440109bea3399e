//! Laws that hold for all inputs.

#[path = "support/decode.rs"]
mod decode;

use decode::{Ended, drain, drain_cut, reference, scan_cut};
use proptest::prelude::*;
use weir_http1::{
    BodyReader, ForMethod, Known, Limits, RequestFraming, RequestHead, ResponseFraming, ResponseHead, write,
};

/// Small limits, so that random heads reach them.
const SMALL: Limits = Limits { request_line: 40, head: 60, cookies: 20, fields: 4, crumbs: 3 };

/// Pieces of heads, good and bad.
const PIECES: &str = "(GET |POST |/|/a|\\?b|#| |HTTP/1\\.1|HTTP/1\\.0|HTTP/1\\.1 200 OK|\r\n|\r\n\r\n|\r|\n|Host: a|\
    Content-Length: 5|Content-Length: |Transfer-Encoding: chunked|Connection: |close|x|: |:|,|\t|\\x00|\u{e9}|\
    Cookie: a=b; c=d|X_Y: z|Expect: 100-continue|TE: trailers|Upgrade: websocket|http://b){0,14}";

/// Heads that are nearly right.
fn near_head() -> impl Strategy<Value = Vec<u8>> {
    let fields = "(Host: a\r\n|Content-Length: 5\r\n|Content-Length: 6, 6\r\n|Transfer-Encoding: chunked\r\n|\
        Connection: close, x\r\n|x: 1\r\n|Cookie: a; b\r\n|TE: x, trailers\r\n|Y_:\r\n|Z:\t z \r\n| f\r\n){0,6}";
    (
        "(GET|POST|OPTIONS|X)",
        "(/|/a\\?b|\\*|http://b:1/c)",
        "[01]",
        fields,
        any::<u8>(),
        any::<prop::sample::Index>(),
    )
        .prop_map(|(method, target, minor, fields, byte, at)| {
            let mut head =
                format!("{method} {target} HTTP/1.{minor}\r\nHost: h\r\n{fields}\r\n").into_bytes();
            // One time in four, one byte is another.
            if byte < 64 {
                let at = at.index(head.len());
                head[at] = byte;
            }
            head
        })
}

/// Payload as chunks, some with extensions, and trailers.
fn chunked() -> impl Strategy<Value = (Vec<u8>, Vec<u8>, Vec<u8>)> {
    let chunk = (prop::collection::vec(any::<u8>(), 1..40), "(;[a-z]{1,4}(=\"[ a-z;]{0,4}\")?)?");
    (prop::collection::vec(chunk, 0..6), "([XY]: [a-z]{0,6}\r\n){0,3}").prop_map(|(chunks, trailers)| {
        let (mut text, mut payload) = (Vec::new(), Vec::new());
        for (data, extension) in chunks {
            text.extend_from_slice(format!("{:X}{extension}\r\n", data.len()).as_bytes());
            text.extend_from_slice(&data);
            write::end(&mut text);
            payload.extend_from_slice(&data);
        }
        write::last_chunk(&mut text, trailers.as_bytes());
        (text, payload, trailers.into_bytes())
    })
}

fn cuts(len: usize, places: &[prop::sample::Index]) -> Vec<usize> {
    let mut cuts: Vec<usize> = places.iter().map(|place| place.index(len + 1)).collect();
    cuts.sort_unstable();
    cuts
}

/// Every prefix is incomplete until the result is certain, and then it stays.
fn check_prefixes<E: PartialEq + std::fmt::Debug>(
    buf: &[u8],
    parse: impl Fn(&[u8]) -> Result<Option<usize>, E>,
) {
    let whole = parse(buf);
    for cut in 0..buf.len() {
        let found = parse(&buf[..cut]);
        let enough = !matches!(whole, Ok(Some(len)) if cut < len);
        assert!(found == Ok(None) || (enough && found == whole), "{found:?} at {cut}, {whole:?}");
    }
}

fn check_request_prefixes(buf: &[u8]) {
    check_prefixes(buf, |part| RequestHead::new().parse(part, &Limits::default()));
    check_prefixes(buf, |part| RequestHead::new().parse(part, &SMALL));
}

/// What a proxy would send for this request.
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_request_in_pieces_reads_like_one_in_whole(text in PIECES, near in near_head()) {
        check_request_prefixes(text.as_bytes());
        check_request_prefixes(&near);
    }

    #[test]
    fn a_response_in_pieces_reads_like_one_in_whole(text in PIECES) {
        let text = format!("HTTP/1.1 200 OK\r\n{text}");
        for start in [0, 17] {
            let buf = &text.as_bytes()[start..];
            check_prefixes(buf, |part| ResponseHead::new().parse(part, ForMethod::Other, &Limits::default()));
            check_prefixes(buf, |part| ResponseHead::new().parse(part, ForMethod::Other, &SMALL));
        }
    }

    #[test]
    fn an_accepted_request_is_plain_and_reads_back_the_same(buf in near_head()) {
        let mut head = RequestHead::new();
        if let Ok(Some(len)) = head.parse(&buf, &Limits::default()) {
            prop_assert_eq!(&buf[len - 4..len], b"\r\n\r\n");
            let text = rewritten(&head, &buf);
            let mut again = RequestHead::new();
            prop_assert_eq!(again.parse(&text, &Limits::default()), Ok(Some(text.len())));
            prop_assert_eq!(again.framing, head.framing);
            prop_assert_eq!(again.target.of(&text), head.target.of(&buf));
            prop_assert_eq!(again.path(&text), head.path(&buf));
            prop_assert_eq!(again.underscored, 0);
            prop_assert_eq!(rewritten(&again, &text), text);
        }
    }

    #[test]
    fn an_accepted_request_declares_one_framing(buf in near_head()) {
        let mut head = RequestHead::new();
        if let Ok(Some(_)) = head.parse(&buf, &Limits::default()) {
            let count = |known| head.known(&buf, known).count();
            let codings = count(Known::TransferEncoding);
            let lengths: Vec<_> = head.known(&buf, Known::ContentLength).collect();
            let expected = match head.framing {
                RequestFraming::None => codings == 0 && lengths.is_empty(),
                RequestFraming::Chunked => codings == 1 && lengths.is_empty(),
                RequestFraming::Length(length) => {
                    codings == 0 && lengths.iter().all(|text| *text == length.to_string().as_bytes())
                }
            };
            prop_assert!(expected);
        }
    }

    #[test]
    fn chunks_decode_to_what_was_encoded(
        (text, payload, trailers) in chunked(),
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        rest in 0..5_usize,
    ) {
        let mut input = text.clone();
        input.resize(text.len() + rest, b'G');
        let ended = drain_cut(BodyReader::new(ResponseFraming::Chunked), &input, &cuts(input.len(), &places));
        // What arrived after the last cut may or may not have been looked at, but never taken.
        match ended {
            Ended::Done { payload: found, trailers: raw, rest: left } => {
                prop_assert_eq!((found, raw, left), (payload, trailers, rest));
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn what_is_forwarded_decodes_to_the_same(
        (text, payload, trailers) in chunked(),
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        match scan_cut(BodyReader::new(ResponseFraming::Chunked), &text, &cuts(text.len(), &places)) {
            Ended::Done { payload: mut forwarded, trailers: raw, rest } => {
                write::last_chunk(&mut forwarded, &raw);
                prop_assert_eq!(rest, 0);
                prop_assert_eq!(reference(&forwarded), Some((payload, trailers)));
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn next_and_scan_agree_on_any_input(
        (mut text, ..) in chunked(),
        byte in any::<u8>(),
        at in any::<prop::sample::Index>(),
    ) {
        let at = at.index(text.len());
        text[at] = byte;
        let by_next = drain(BodyReader::new(ResponseFraming::Chunked), &text);
        let by_scan = scan_cut(BodyReader::new(ResponseFraming::Chunked), &text, &[]);
        match (by_next, by_scan) {
            (Ended::Done { payload, trailers, rest }, Ended::Done { payload: mut forwarded, trailers: raw, rest: left }) => {
                write::last_chunk(&mut forwarded, b"");
                prop_assert_eq!((rest, &trailers), (left, &raw));
                prop_assert_eq!(reference(&forwarded), Some((payload, Vec::new())));
            }
            (Ended::More { .. }, Ended::More { .. }) => {}
            (Ended::Bad(bad), Ended::Bad(same)) => prop_assert_eq!(bad, same),
            (next, scan) => prop_assert!(false, "{:?} {:?}", next, scan),
        }
    }

    #[test]
    fn a_built_request_reads_back(
        method in "[A-Z]{1,7}",
        path in "/[a-z/?=&]{0,12}",
        fields in prop::collection::vec(("x-[a-z]{1,6}", "[!-~]([ !-~]{0,8}[!-~])?"), 0..6),
    ) {
        prop_assume!(method != "CONNECT");
        let mut buf = Vec::new();
        let mut builder = RequestHead::build(&mut buf).method(method.as_bytes()).target(path.as_bytes()).authority(b"a");
        for (name, value) in &fields {
            builder = builder.field(name.as_bytes(), value.as_bytes());
        }
        let head = builder.finish(RequestFraming::Chunked).expect("it is valid");
        prop_assert_eq!(head.method.of(&buf), method.as_bytes());
        prop_assert_eq!(head.target.of(&buf), path.as_bytes());
        let found: Vec<_> = head.fields[1..].iter().map(|field| (field.name.of(&buf), field.value.of(&buf))).collect();
        let expected: Vec<_> = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        prop_assert_eq!(found, expected);
    }
}
