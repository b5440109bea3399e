//! Drives a [`BodyReader`] through whole inputs, and a reference decoder to compare it with.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use weir_http1::{BadBody, BodyEvent, BodyReader};

/// How a body in one buffer ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    Done { payload: Vec<u8>, trailers: Vec<u8>, rest: usize },
    More { payload: Vec<u8> },
    Bad(BadBody),
}

/// Reads a body from one buffer.
pub fn drain(reader: BodyReader, input: &[u8]) -> Ended {
    drain_cut(reader, input, &[])
}

/// Reads a body that arrives cut at these offsets.
pub fn drain_cut(mut reader: BodyReader, input: &[u8], cuts: &[usize]) -> Ended {
    let (mut at, mut payload) = (0, Vec::new());
    for &arrived in cuts.iter().chain([&input.len()]) {
        loop {
            if reader.is_done() {
                return Ended::Done { payload, trailers: Vec::new(), rest: input.len() - at };
            }
            match reader.next(&input[at..arrived]) {
                Err(bad) => return Ended::Bad(bad),
                Ok(BodyEvent::Data { skip, data }) => {
                    payload.extend_from_slice(&input[at + skip..][..data]);
                    at += skip + data;
                }
                Ok(BodyEvent::More { consumed }) => {
                    at += consumed;
                    break;
                }
                Ok(BodyEvent::End { consumed, trailers }) => {
                    let trailers = trailers.of(&input[at..]).to_vec();
                    return Ended::Done { payload, trailers, rest: input.len() - at - consumed };
                }
            }
        }
    }
    Ended::More { payload }
}

/// Forwards a body that arrives cut at these offsets: what was forwarded, trailers, rest.
pub fn scan_cut(mut reader: BodyReader, input: &[u8], cuts: &[usize]) -> Ended {
    let (mut at, mut forwarded) = (0, Vec::new());
    for &arrived in cuts.iter().chain([&input.len()]) {
        match reader.scan(&input[at..arrived]) {
            Err(bad) => return Ended::Bad(bad),
            Ok(scan) => {
                let window = &input[at..arrived];
                forwarded.extend_from_slice(&window[..scan.forward]);
                if let Some(end) = scan.end {
                    let trailers = end.trailers.of(window).to_vec();
                    return Ended::Done {
                        payload: forwarded,
                        trailers,
                        rest: input.len() - at - end.consumed,
                    };
                }
                at += scan.forward;
            }
        }
    }
    Ended::More { payload: forwarded }
}

/// A decoder of valid chunked bodies, written to be obvious: payload and trailers.
pub fn reference(mut input: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut payload = Vec::new();
    loop {
        let line = input.windows(2).position(|pair| pair == b"\r\n")?;
        let text = str::from_utf8(&input[..line]).ok()?;
        let size = usize::from_str_radix(text.split(';').next()?.trim(), 16).ok()?;
        input = &input[line + 2..];
        if size == 0 {
            let end = if input.starts_with(b"\r\n") {
                0
            } else {
                input.windows(4).position(|quad| quad == b"\r\n\r\n")? + 2
            };
            return Some((payload, input[..end].to_vec()));
        }
        payload.extend_from_slice(input.get(..size)?);
        input = input.get(size..)?.strip_prefix(b"\r\n")?;
    }
}
