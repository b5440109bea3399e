//! Measures what reading and writing typical heads costs. A measurement, not a test:
//! `cargo run --release -p weir-http1 --example parse_cost`.
#![expect(clippy::print_stdout, reason = "it reports to a terminal")]
#![expect(clippy::disallowed_methods, reason = "it measures time")]

use std::hint::black_box;
use std::time::Instant;

use weir_http1::{BodyReader, ForMethod, Limits, RequestHead, ResponseFraming, ResponseHead, write};

const ROUNDS: u32 = 20;
const PER_ROUND: u32 = 50_000;

const REQUEST: &[u8] = b"GET /api/v1/orders/8842?expand=items&lang=en HTTP/1.1\r\n\
    Host: shop.example.com\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: en-US,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br\r\n\
    Connection: keep-alive\r\n\
    Cookie: session=2f6f9c0e41a3; canary=always\r\n\
    Cache-Control: max-age=0\r\n\r\n";

const SMALL: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Server: nginx\r\n\
    Date: Mon, 23 Nov 2026 08:38:57 GMT\r\n\
    Content-Type: application/json; charset=utf-8\r\n\
    Content-Length: 1024\r\n\
    Connection: keep-alive\r\n\
    Vary: Accept-Encoding\r\n\
    ETag: \"5f2d-61c0\"\r\n\
    Cache-Control: no-cache\r\n\r\n";

fn main() {
    let limits = Limits::default();
    let mut request = RequestHead::new();
    let mut response = ResponseHead::new();
    report("small request head", SMALL.len(), || {
        black_box(request.parse(black_box(SMALL), &limits).is_ok());
    });
    report("request head", REQUEST.len(), || {
        black_box(request.parse(black_box(REQUEST), &limits).is_ok());
    });
    report("response head", RESPONSE.len(), || {
        black_box(response.parse(black_box(RESPONSE), ForMethod::Other, &limits).is_ok());
    });
    let mut out = Vec::with_capacity(1024);
    report("writing the request", REQUEST.len(), || {
        out.clear();
        write::request_line(&mut out, request.method.of(REQUEST), request.target.of(REQUEST));
        write::copy_fields(&mut out, REQUEST, black_box(&request.fields));
        write::end(black_box(&mut out));
    });
    let chunks = [b"1000\r\n".as_slice(), &[b'x'; 4096], b"\r\n"].concat().repeat(16);
    report("scan of 16 chunks of 4 KiB", chunks.len(), || {
        let mut body = BodyReader::new(ResponseFraming::Chunked);
        black_box(body.scan(black_box(&chunks)).is_ok());
    });
}

/// Prints the fastest and the median round.
fn report(what: &str, bytes: usize, mut once: impl FnMut()) {
    let mut rounds: Vec<u128> = (0..ROUNDS).map(|_| time(&mut once)).collect();
    rounds.sort_unstable();
    let per = |nanos: u128| nanos / u128::from(PER_ROUND);
    let (best, median) = (per(rounds[0]), per(rounds[rounds.len() / 2]));
    println!("{what:>28} {bytes:>6} bytes: best {best:>5} ns, median {median:>5} ns");
}

fn time(once: &mut impl FnMut()) -> u128 {
    let start = Instant::now();
    (0..PER_ROUND).for_each(|_| once());
    start.elapsed().as_nanos()
}
