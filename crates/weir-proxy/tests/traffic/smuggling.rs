//! Requests that two parsers could read in two ways never reach a backend, or reach it as exactly one.

use weir_testkit::{Act, RawOrigin, client::raw_until_close};

use crate::world::World;

/// Ambiguous requests, each followed by one that must never be taken for a request of its own.
const REFUSED: &[&str] = &[
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +4\r\n\r\nabcd",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x4\r\n\r\nabcd",
    "GET / HTTP/1.1\r\nHost: a\r\nX: y\nZ: w\r\n\r\n",
    "GET / HTTP/1.1\nHost: a\n\n",
    "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
    "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /a%2fb HTTP/1.1\r\nHost: a\r\n\r\n",
];

const BAD_BODIES: &[&str] = &[
    "x\r\nbody\r\n0\r\n\r\n",
    "4\nbody\r\n0\r\n\r\n",
    "4\r\nbodyX\r\n0\r\n\r\n",
    "ffffffffffffffffff\r\nbody\r\n0\r\n\r\n",
    "4;\nbody\r\n0\r\n\r\n",
    "4\r\nbody\r\n0\r\nX : y\r\n\r\n",
];

const INNER: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

async fn origin() -> RawOrigin {
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    RawOrigin::start(move |seen| if seen.is_whole() { Act::Reply(answer.to_vec()) } else { Act::Wait })
        .await
        .unwrap()
}

#[tokio::test]
async fn ambiguous_heads_are_refused_and_nothing_is_forwarded() {
    let origin = origin().await;
    let world = World::new(&[origin.addr()]);
    for request in REFUSED {
        let answer = raw_until_close(world.http(), format!("{request}{INNER}")).await.unwrap();
        let text = String::from_utf8_lossy(&answer).into_owned();
        assert!(text.starts_with("HTTP/1.1 400") || text.starts_with("HTTP/1.1 501"), "{request:?}: {text}");
        assert!(!origin.text().contains("smuggled"), "{request:?}");
    }
    // A path is refused with the connection intact, so what follows is a request of the same client.
    assert_eq!(origin.text(), "");
}

#[tokio::test]
async fn bad_chunks_end_the_connection() {
    let origin = origin().await;
    let world = World::new(&[origin.addr()]);
    for body in BAD_BODIES {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let answer = raw_until_close(world.http(), format!("{head}{body}{INNER}")).await.unwrap();
        let text = String::from_utf8_lossy(&answer).into_owned();
        assert!(text.starts_with("HTTP/1.1 400"), "{body:?}: {text}");
    }
    assert!(!origin.text().contains("smuggled"));
}

#[tokio::test]
async fn no_byte_is_tunnelled_before_the_backend_agrees() {
    let origin = origin().await;
    let world = World::new(&[origin.addr()]);
    let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    let early = "GET /smuggled HTTP/1.1\r\nHost: not-served\r\nConnection: close\r\n\r\n";
    let answer = raw_until_close(world.http(), format!("{request}{early}")).await.unwrap();
    let text = String::from_utf8_lossy(&answer).into_owned();
    assert!(text.contains("200 OK") && text.contains("404 Not Found"), "{text}");
    assert!(!origin.text().contains("smuggled"), "{}", origin.text());
}
