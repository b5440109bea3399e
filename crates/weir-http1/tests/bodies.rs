//! The rules for bodies, one test each.

#[path = "support/decode.rs"]
mod decode;

use decode::{Ended, drain};
use weir_http1::{BadBody, BodyEvent, BodyReader, End, RequestFraming, ResponseFraming, Scan, Span};

fn chunked() -> BodyReader {
    BodyReader::new(ResponseFraming::Chunked)
}

#[test]
fn a_body_of_known_length_ends_with_its_last_byte() {
    let mut body = BodyReader::new(RequestFraming::Length(5));
    assert_eq!(body.next(b""), Ok(BodyEvent::More { consumed: 0 }));
    assert_eq!(body.next(b"hel"), Ok(BodyEvent::Data { skip: 0, data: 3 }));
    assert_eq!(body.remaining(), Some(2));
    assert_eq!(body.next(b"loGET"), Ok(BodyEvent::Data { skip: 0, data: 2 }));
    assert!(body.is_done());
    assert_eq!(body.next(b"GET"), Ok(BodyEvent::End { consumed: 0, trailers: Span::default() }));
}

#[test]
fn an_absent_body_is_done_at_once() {
    for framing in [ResponseFraming::None, ResponseFraming::Length(0)] {
        let mut body = BodyReader::new(framing);
        assert!(body.is_done() && body.remaining() == Some(0) && body.on_eof().is_ok());
    }
}

#[test]
fn chunks_come_one_by_one() {
    let mut body = chunked();
    assert_eq!(body.next(b"5\r\nhello\r\n"), Ok(BodyEvent::Data { skip: 3, data: 5 }));
    assert_eq!(body.next(b"\r\n3\r\n"), Ok(BodyEvent::More { consumed: 5 }));
    assert_eq!(body.next(b"ab"), Ok(BodyEvent::Data { skip: 0, data: 2 }));
    assert_eq!(body.next(b"c\r\n0\r\nX: y\r\n\r\nGET"), Ok(BodyEvent::Data { skip: 0, data: 1 }));
    let end = BodyEvent::End { consumed: 13, trailers: Span::new(5, 11) };
    assert_eq!(body.next(b"\r\n0\r\nX: y\r\n\r\nGET"), Ok(end));
    assert!(body.is_done());
}

#[test]
fn the_last_chunk_waits_for_its_trailers() {
    let mut body = chunked();
    assert_eq!(body.next(b"0\r\nX: y\r\n"), Ok(BodyEvent::More { consumed: 0 }));
    assert!(!body.is_done());
    assert_eq!(
        body.next(b"0\r\nX: y\r\n\r\n"),
        Ok(BodyEvent::End { consumed: 11, trailers: Span::new(3, 9) })
    );
}

#[test]
fn scan_forwards_all_but_the_last_chunk() {
    let mut body = chunked();
    assert_eq!(body.scan(b"5;a\r\nhello\r\n1"), Ok(Scan { forward: 12, end: None }));
    assert_eq!(body.scan(b"1\r\n"), Ok(Scan { forward: 3, end: None }));
    assert_eq!(body.scan(b"x\r"), Ok(Scan { forward: 1, end: None }));
    assert_eq!(body.scan(b"\r\n0\r\n"), Ok(Scan { forward: 2, end: None }));
    let end = Some(End { consumed: 11, trailers: Span::new(3, 9) });
    assert_eq!(body.scan(b"0\r\nX: y\r\n\r\nGET"), Ok(Scan { forward: 0, end }));
}

#[test]
fn scan_counts_forwarded_bytes_in_the_end() {
    let end = Some(End { consumed: 11, trailers: Span::new(9, 9) });
    assert_eq!(chunked().scan(b"1\r\nx\r\n0\r\n\r\nGET"), Ok(Scan { forward: 6, end }));
    let mut body = BodyReader::new(ResponseFraming::Length(2));
    let end = Some(End { consumed: 2, trailers: Span::new(2, 2) });
    assert_eq!(body.scan(b"hiGET"), Ok(Scan { forward: 2, end }));
}

#[test]
fn a_size_line_has_room_for_256_bytes() {
    let line = |len: usize| format!("0;{}\r\n\r\n", "x".repeat(len - 2));
    assert!(matches!(drain(chunked(), line(256).as_bytes()), Ended::Done { .. }));
    assert_eq!(drain(chunked(), line(257).as_bytes()), Ended::Bad(BadBody::LongChunkLine));
    assert_eq!(drain(chunked(), &line(300).as_bytes()[..257]), Ended::Bad(BadBody::LongChunkLine));
}

#[test]
fn sizes_are_refused_at_the_byte_that_is_wrong() {
    let cases: &[(&str, BadBody)] = &[
        ("g", BadBody::ChunkSize),
        ("00000000000000000", BadBody::ChunkSize),
        ("5\n", BadBody::ChunkEnd),
        ("5;\n", BadBody::ChunkEnd),
        ("5;\0", BadBody::ChunkExtension),
        ("5\rx", BadBody::ChunkEnd),
    ];
    for &(text, bad) in cases {
        let (before, _) = text.split_at(text.len() - 1);
        assert!(matches!(drain(chunked(), before.as_bytes()), Ended::More { .. }), "{text:?}");
        assert_eq!(drain(chunked(), text.as_bytes()), Ended::Bad(bad), "{text:?}");
    }
}

#[test]
fn trailers_have_limits() {
    let body = |trailers: &str| drain(chunked(), format!("0\r\n{trailers}").as_bytes());
    assert!(matches!(body(&format!("{}\r\n", "X: y\r\n".repeat(64))), Ended::Done { .. }));
    assert!(matches!(body("Cookie: a=b; c\r\n\r\n"), Ended::Done { .. }));
    assert!(matches!(body(&"X: y\r\n".repeat(65)), Ended::Bad(BadBody::Trailer(_))));
    assert!(matches!(body(&format!("X: {}", "x".repeat(9000))), Ended::Bad(BadBody::Trailer(_))));
}

#[test]
fn the_end_of_the_connection() {
    let mut close = BodyReader::new(ResponseFraming::UntilClose);
    assert_eq!(close.next(b"hi"), Ok(BodyEvent::Data { skip: 0, data: 2 }));
    assert_eq!(close.next(b""), Ok(BodyEvent::More { consumed: 0 }));
    assert!(!close.is_done() && close.remaining().is_none());
    assert_eq!(close.on_eof(), Ok(()));
    assert!(close.is_done());
    for framing in [ResponseFraming::Length(1), ResponseFraming::Chunked] {
        assert_eq!(BodyReader::new(framing).on_eof(), Err(BadBody::Truncated));
    }
}

#[test]
fn between_chunks_another_last_chunk_may_stand() {
    let mut body = chunked();
    let mut between = vec![body.is_between_chunks()];
    for piece in ["3\r\n", "ab", "c", "\r\n", "1\r\nd\r\n"] {
        let scan = body.scan(piece.as_bytes()).unwrap();
        assert_eq!(scan.forward, piece.len(), "{piece:?}");
        between.push(body.is_between_chunks());
    }
    assert_eq!(between, [true, false, false, false, true, true]);
    assert!(!BodyReader::new(ResponseFraming::Length(3)).is_between_chunks());
}
