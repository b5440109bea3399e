//! Bodies of every framing, streamed both ways.

use std::time::Duration;

use weir_testkit::{Act, Origin, RawOrigin, pattern};

use crate::world::World;

#[tokio::test]
async fn responses_of_every_size_and_framing() {
    let origin = Origin::start("stable").await;
    let world = World::new(&[origin.addr()]);
    let mut client = world.connect().await;
    for length in [0, 1, 2_047, 2_048, 2_049, 65_536, 81_920, 1_000_000] {
        for kind in ["bytes", "chunked"] {
            let response = client.get("a", &format!("/{kind}/{length}")).await.unwrap();
            assert_eq!(response.status, 200);
            assert!(response.body == pattern(length), "{kind} {length}: {}", response.body.len());
        }
    }
    assert_eq!(origin.connections(), 1);
}

#[tokio::test]
async fn requests_of_every_size_and_framing() {
    let origin = Origin::start("stable").await;
    let world = World::new(&[origin.addr()]);
    let mut client = world.connect().await;
    for length in [0, 1, 2_048, 65_536, 1_000_000] {
        let body = pattern(length);
        let head = format!("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n");
        let response = client.exchange([head.as_bytes(), &body].concat()).await.unwrap();
        assert!(response.body == body, "length {length}: {}", response.body.len());
        let mut chunked = b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        for chunk in body.chunks(7_919) {
            chunked.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            chunked.extend_from_slice(chunk);
            chunked.extend_from_slice(b"\r\n");
        }
        chunked.extend_from_slice(b"0\r\n\r\n");
        let response = client.exchange(chunked).await.unwrap();
        assert!(response.body == body, "chunked {length}: {}", response.body.len());
    }
}

#[tokio::test]
async fn chunk_by_chunk_uploads_arrive_before_their_end() {
    let origin = RawOrigin::start(|seen| {
        let text = String::from_utf8_lossy(seen.bytes).into_owned();
        // Answers at the first chunk: it must not wait for the second.
        if text.contains("one") {
            Act::Reply(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec())
        } else {
            Act::Wait
        }
    });
    let origin = origin.await.unwrap();
    let world = World::new(&[origin.addr()]);
    let mut client = world.connect().await;
    client
        .send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n")
        .await
        .unwrap();
    let response = client.response().await.unwrap();
    assert_eq!(response.status, 200);
    assert!(!response.keeps_alive(), "a request that was not taken completely ends its connection");
}

#[tokio::test]
async fn an_early_answer_reaches_a_client_that_still_sends() {
    let origin = Origin::start("stable").await;
    let world = World::new(&[origin.addr()]);
    let mut client = world.connect().await;
    client.send("POST /early HTTP/1.1\r\nhost: a\r\ncontent-length: 50000000\r\n\r\n").await.unwrap();
    // The body is never completed; whether these bytes are taken is up to the proxy.
    let _ = client.send(pattern(200_000)).await;
    assert_eq!(client.response().await.unwrap().status, 413);
    client.closed(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test]
async fn expect_continue_is_passed_on() {
    let origin = RawOrigin::start(|seen| {
        let text = String::from_utf8_lossy(seen.bytes).into_owned();
        match (seen.replies, text.ends_with("\r\n\r\n"), text.ends_with("body")) {
            (0, true, _) => Act::Reply(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()),
            (1, _, true) => Act::Reply(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()),
            _ => Act::Wait,
        }
    });
    let origin = origin.await.unwrap();
    let world = World::new(&[origin.addr()]);
    let mut client = world.connect().await;
    client
        .send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(client.wire().response_head().await.unwrap().status, 100);
    client.send("body").await.unwrap();
    assert_eq!(client.response().await.unwrap().status, 200);
}

#[tokio::test]
async fn a_response_until_close_is_chunked_for_the_client() {
    let origin = RawOrigin::start(|seen| {
        if seen.is_whole() {
            Act::ReplyAndClose(b"HTTP/1.1 200 OK\r\n\r\nuntil the end".to_vec())
        } else {
            Act::Wait
        }
    });
    let origin = origin.await.unwrap();
    let world = World::new(&[origin.addr()]);
    let mut client = world.connect().await;
    for _ in 0..2 {
        let response = client.get("a", "/").await.unwrap();
        assert_eq!(response.text(), "until the end");
        assert!(response.keeps_alive());
    }
}

#[tokio::test]
async fn a_cut_off_response_is_not_passed_off_as_complete() {
    let answers: [&[u8]; 2] = [
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ];
    for answer in answers {
        let origin =
            RawOrigin::start(
                move |seen| {
                    if seen.is_whole() { Act::ReplyAndClose(answer.to_vec()) } else { Act::Wait }
                },
            );
        let origin = origin.await.unwrap();
        let world = World::new(&[origin.addr()]);
        assert!(world.connect().await.get("a", "/").await.is_err());
        let failures: u64 = world.proxy.metrics().routes().iter().map(|route| route.failures).sum();
        assert_eq!(failures, 1);
    }
}

#[tokio::test]
async fn head_responses_have_no_body() {
    let origin = Origin::start("stable").await;
    let world = World::new(&[origin.addr()]);
    let mut client = world.connect().await;
    client.send("HEAD /bytes/100 HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let response = client.response_to_head().await.unwrap();
    assert_eq!(response.headers.get("content-length"), Some("100"));
    assert_eq!(client.get("a", "/").await.unwrap().text(), "stable\n");
    client.send("HEAD / HTTP/1.1\r\nhost: unknown\r\n\r\n").await.unwrap();
    assert_eq!(client.response_to_head().await.unwrap().status, 404);
    assert_eq!(client.get("a", "/").await.unwrap().text(), "stable\n");
}
