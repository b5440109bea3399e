//! Runs the recorded messages of `tests/smuggling`.

#[path = "support/decode.rs"]
mod decode;

use decode::{Ended, drain};
use weir_http1::{BodyReader, ForMethod, Limits, RequestHead, ResponseFraming, ResponseHead};

const REQUESTS: [&str; 4] = [
    include_str!("smuggling/requests-lengths.txt"),
    include_str!("smuggling/requests-codings.txt"),
    include_str!("smuggling/requests-lines.txt"),
    include_str!("smuggling/requests-routing.txt"),
];
const RESPONSES: &str = include_str!("smuggling/responses.txt");
const CHUNKS: &str = include_str!("smuggling/chunks.txt");

struct Entry<'t> {
    expected: &'t str,
    name: &'t str,
    bytes: Vec<u8>,
}

#[test]
fn requests() {
    let count: usize = REQUESTS.iter().map(|text| check_all(text, judge_request)).sum();
    assert!(count >= 180, "{count}");
}

#[test]
fn responses() {
    assert!(check_all(RESPONSES, judge_response) >= 40);
}

#[test]
fn chunks() {
    let judge = |bytes: &[u8]| judge_body(bytes, ResponseFraming::Chunked, true);
    assert!(check_all(CHUNKS, judge) >= 50);
}

fn check_all(text: &str, judge: impl Fn(&[u8]) -> String) -> usize {
    let entries = entries(text);
    let wrong = entries.iter().filter_map(|entry| {
        let found = judge(&entry.bytes);
        (found != entry.expected).then(|| format!("{found}, not {}: {}", entry.expected, entry.name))
    });
    assert_eq!(wrong.collect::<Vec<_>>(), Vec::<String>::new());
    for Entry { expected, name, bytes } in &entries {
        for cut in 0..bytes.len() {
            check_prefix(&judge(&bytes[..cut]), expected, &format!("{name}, cut at {cut}"));
        }
    }
    entries.len()
}

/// A part of a message is incomplete or already refused for the same reason. Once the whole body is there,
/// the rest is the next message.
fn check_prefix(found: &str, expected: &str, context: &str) {
    let framing = expected.split(' ').next().expect("an expectation has a first word");
    let early = found.split(' ').next() == Some(framing) && !expected.starts_with("WR-");
    assert!(found == "more" || found == expected || early, "{found} before {expected}: {context}");
}

fn judge_request(bytes: &[u8]) -> String {
    let mut head = RequestHead::new();
    match head.parse(bytes, &Limits::default()) {
        Err(bad) => bad.code().to_owned(),
        Ok(None) => "more".to_owned(),
        Ok(Some(len)) => judge_body(&bytes[len..], head.framing.into(), true),
    }
}

fn judge_response(bytes: &[u8]) -> String {
    let mut head = ResponseHead::new();
    match head.parse(bytes, ForMethod::Other, &Limits::default()) {
        Err(bad) => bad.code().to_owned(),
        Ok(None) => "more".to_owned(),
        Ok(Some(len)) => judge_body(&bytes[len..], head.framing, false),
    }
}

fn judge_body(bytes: &[u8], framing: ResponseFraming, request: bool) -> String {
    let name = match framing {
        ResponseFraming::None => "none",
        ResponseFraming::Length(_) => "length",
        ResponseFraming::Chunked => "chunked",
        ResponseFraming::UntilClose => "close",
    };
    match drain(BodyReader::new(framing), bytes) {
        Ended::Bad(bad) if request => bad.request_code().to_owned(),
        Ended::Bad(bad) => bad.response_code().to_owned(),
        Ended::More { .. } if framing != ResponseFraming::UntilClose => "more".to_owned(),
        Ended::Done { rest, .. } if rest > 0 => format!("{name} {rest}"),
        _ => name.to_owned(),
    }
}

fn entries(text: &str) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(title) = line.strip_prefix("== ") {
            let (expected, name) = title.split_once(" == ").expect("a title has two parts");
            entries.push(Entry { expected, name, bytes: Vec::new() });
        } else {
            let entry = entries.last_mut().expect("bytes follow a title");
            entry.bytes.extend(unescape(line));
        }
    }
    entries
}

fn unescape(line: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = line.bytes();
    while let Some(byte) = bytes.next() {
        out.push(if byte == b'\\' { escaped(&mut bytes) } else { byte });
    }
    out
}

fn escaped(bytes: &mut impl Iterator<Item = u8>) -> u8 {
    match bytes.next().expect("a backslash is followed by a letter") {
        b'r' => b'\r',
        b'n' => b'\n',
        b't' => b'\t',
        b'0' => 0,
        b'\\' => b'\\',
        b'x' => hex(bytes) * 16 + hex(bytes),
        other => panic!("\\{}", char::from(other)),
    }
}

fn hex(bytes: &mut impl Iterator<Item = u8>) -> u8 {
    let digit = char::from(bytes.next().expect("two digits follow"));
    u8::try_from(digit.to_digit(16).expect("they are hexadecimal")).expect("one digit is small")
}
