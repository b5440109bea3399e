//! Laws of chunked bodies: cuts do not matter, `next` and `scan` agree, and what is forwarded decodes to
//! the same payload.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_http1::{BadBody, BodyEvent, BodyReader, ResponseFraming, write};

#[derive(Debug, PartialEq)]
enum Ended {
    Done { bytes: Vec<u8>, trailers: Vec<u8>, rest: usize },
    More { bytes: Vec<u8> },
    Bad(BadBody),
}

fuzz_target!(|input: &[u8]| {
    // The first byte says how large the pieces are in which the rest arrives.
    let Some((&step, body)) = input.split_first() else { return };
    let step = usize::from(step).max(1);
    let whole = by_next(body, body.len());
    assert_same(&whole, &by_next(body, step));
    let scanned = by_scan(body, body.len());
    assert_same(&scanned, &by_scan(body, step));
    match (whole, scanned) {
        (
            Ended::Done { bytes, trailers, rest },
            Ended::Done { bytes: mut forwarded, trailers: raw, rest: left },
        ) => {
            assert_eq!((&trailers, rest), (&raw, left));
            write::last_chunk(&mut forwarded, &raw);
            check_forwarded(&forwarded, bytes, &trailers);
        }
        (Ended::More { .. }, Ended::More { .. }) => {}
        (Ended::Bad(bad), Ended::Bad(same)) => assert_eq!(bad, same),
        (next, scan) => panic!("{next:?} {scan:?}"),
    }
});

/// Errors may come before all payload was handed out: only what ends well must be equal.
fn assert_same(whole: &Ended, pieces: &Ended) {
    assert_eq!(whole, pieces);
}

/// What goes to the other side is valid, and no trailer that was left out comes back.
fn check_forwarded(forwarded: &[u8], payload: Vec<u8>, raw: &[u8]) {
    let mut kept = Vec::new();
    write::trailers(&mut kept, raw, |_| true);
    assert_eq!(
        by_next(forwarded, forwarded.len()),
        Ended::Done { bytes: payload.clone(), trailers: kept, rest: 0 }
    );
    assert_eq!(reference(forwarded), Some(payload));
}

fn by_next(body: &[u8], step: usize) -> Ended {
    let mut reader = BodyReader::new(ResponseFraming::Chunked);
    let (mut at, mut arrived, mut bytes) = (0, 0, Vec::new());
    loop {
        match reader.next(&body[at..arrived]) {
            Err(bad) => return Ended::Bad(bad),
            Ok(BodyEvent::Data { skip, data }) => {
                assert!(data > 0);
                bytes.extend_from_slice(&body[at + skip..][..data]);
                at += skip + data;
            }
            Ok(BodyEvent::End { consumed, trailers }) => {
                assert!(reader.is_done() && reader.on_eof().is_ok());
                let trailers = trailers.of(&body[at..arrived]).to_vec();
                return Ended::Done { bytes, trailers, rest: body.len() - at - consumed };
            }
            Ok(BodyEvent::More { consumed }) => {
                at += consumed;
                if arrived == body.len() {
                    return Ended::More { bytes };
                }
                arrived = body.len().min(arrived + step);
            }
        }
    }
}

fn by_scan(body: &[u8], step: usize) -> Ended {
    let mut reader = BodyReader::new(ResponseFraming::Chunked);
    let (mut at, mut arrived, mut bytes) = (0, 0, Vec::new());
    loop {
        let window = &body[at..arrived];
        match reader.scan(window) {
            Err(bad) => return Ended::Bad(bad),
            Ok(scan) => {
                bytes.extend_from_slice(&window[..scan.forward]);
                if let Some(end) = scan.end {
                    let trailers = end.trailers.of(window).to_vec();
                    return Ended::Done { bytes, trailers, rest: body.len() - at - end.consumed };
                }
                at += scan.forward;
            }
        }
        if arrived == body.len() {
            return Ended::More { bytes };
        }
        arrived = body.len().min(arrived + step);
    }
}

/// A decoder of valid chunked bodies, written to be obvious.
fn reference(mut input: &[u8]) -> Option<Vec<u8>> {
    let mut payload = Vec::new();
    loop {
        let line = input.windows(2).position(|pair| pair == b"\r\n")?;
        let text = str::from_utf8(&input[..line]).ok()?;
        let size = usize::from_str_radix(text.split(';').next()?.trim(), 16).ok()?;
        input = &input[line + 2..];
        if size == 0 {
            return Some(payload);
        }
        payload.extend_from_slice(input.get(..size)?);
        input = input.get(size..)?.strip_prefix(b"\r\n")?;
    }
}
