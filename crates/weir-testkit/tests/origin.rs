//! The origin against the clients, without a proxy between them: what a test sees is what was sent.

use std::time::Duration;

use weir_testkit::{
    Act, Origin, RawOrigin, Recorded, client, client::Connection, pattern, websocket::WebSocket,
};

#[tokio::test]
async fn every_answer_carries_the_name() -> anyhow::Result<()> {
    let origin = Origin::start("stable").await;
    let response = client::get(origin.addr(), "a.test", "/anything?x=1", &[("X-Foo", "bar")]).await?;
    assert_eq!((response.status, response.text().as_str()), (200, "stable\n"));
    assert_eq!(response.headers.get("x-version"), Some("stable"));
    let requests = origin.requests();
    assert_eq!(requests[0].target, "/anything?x=1");
    let names: Vec<_> = requests[0].headers.0.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["host", "X-Foo", "connection"]);
    Ok(())
}

#[tokio::test]
async fn bodies_of_every_framing() -> anyhow::Result<()> {
    let origin = Origin::start("stable").await;
    let mut connection = Connection::open(origin.addr()).await?;
    for path in ["/bytes/0", "/bytes/70000", "/chunked/0", "/chunked/70000"] {
        let length = path.rsplit('/').next().unwrap().parse()?;
        let response = connection.get("a.test", path).await?;
        assert_eq!(response.body, pattern(length), "{path}");
    }
    let response = connection.get("a.test", "/trailers").await?;
    assert_eq!(response.trailers.get("X-Checksum"), Some("42"));
    let response = connection.get("a.test", "/hints").await?;
    assert_eq!((response.interim[0].status, response.status), (103, 200));
    assert_eq!(connection.get("a.test", "/status/204").await?.status, 204);
    assert_eq!(connection.get("a.test", "/status/418").await?.status, 418);
    assert_eq!(origin.connections(), 1);
    Ok(())
}

#[tokio::test]
async fn request_bodies_are_recorded_and_echoed() -> anyhow::Result<()> {
    let origin = Origin::start("stable").await;
    let mut connection = Connection::open(origin.addr()).await?;
    let request = "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-t: 1\r\n\r\n";
    assert_eq!(connection.exchange(request).await?.text(), "hello");
    let request = "POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello";
    assert_eq!(connection.exchange(request).await?.text(), "stable\n");
    let requests = origin.requests();
    assert!(requests.iter().all(|one| one.body_hash == Recorded::hash_of(b"hello") && one.body_len == 5));
    assert_eq!(requests[0].trailers.get("x-t"), Some("1"));
    Ok(())
}

#[tokio::test]
async fn unfriendly_endings() -> anyhow::Result<()> {
    let origin = Origin::start("stable").await;
    let get = |path| format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
    assert!(client::raw(origin.addr(), get("/reset")).await?.is_empty());
    let closed = client::raw_until_close(origin.addr(), get("/close")).await?;
    assert!(closed.ends_with(b"stable\n"));
    let post = "POST /early HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\nonly the start";
    assert!(client::raw(origin.addr(), post).await?.starts_with(b"HTTP/1.1 413 "));
    Ok(())
}

#[tokio::test]
async fn shutdown_lets_exchanges_end() -> anyhow::Result<()> {
    let origin = Origin::start("stable").await;
    let (mut idle, mut busy) =
        (Connection::open(origin.addr()).await?, Connection::open(origin.addr()).await?);
    idle.get("a", "/").await?;
    busy.send("GET /hold HTTP/1.1\r\nhost: a\r\n\r\n").await?;
    origin.arrived(2).await;
    origin.release();
    let ending = tokio::spawn(origin.shutdown());
    let response = busy.response().await?;
    assert_eq!(response.text(), "stable\n");
    assert!(idle.closed(Duration::from_secs(5)).await?.is_empty());
    drop((idle, busy));
    Ok(ending.await?)
}

#[tokio::test]
async fn kill_cuts_exchanges() -> anyhow::Result<()> {
    let origin = Origin::start("stable").await;
    let mut connection = Connection::open(origin.addr()).await?;
    connection.send("GET /hold HTTP/1.1\r\nhost: a\r\n\r\n").await?;
    origin.arrived(1).await;
    origin.kill().await;
    assert!(connection.response().await.is_err());
    Ok(())
}

#[tokio::test]
async fn websocket_echo() -> anyhow::Result<()> {
    let origin = Origin::start("stable").await;
    let mut socket = WebSocket::connect(origin.addr(), "a.test", "/ws").await?;
    assert_eq!(socket.response.headers()["x-version"], "stable");
    for text in ["one", "two"] {
        assert_eq!(socket.echo(text).await?, text);
    }
    socket.close().await
}

#[tokio::test]
async fn events_come_one_by_one() -> anyhow::Result<()> {
    let origin = Origin::start("stable").await;
    let response = client::get(origin.addr(), "a.test", "/sse/3", &[]).await?;
    assert_eq!(response.text().matches("data: stable").count(), 3);
    Ok(())
}

#[tokio::test]
async fn raw_origin_keeps_every_byte() -> anyhow::Result<()> {
    let origin = RawOrigin::replies([b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"]).await?;
    let request = "POST / HTTP/1.1\r\nHost:  a \r\ncontent-length: 3\r\n\r\nabc";
    let answer = client::raw(origin.addr(), request).await?;
    assert!(answer.ends_with(b"\r\n\r\nhi"));
    assert_eq!(origin.text(), request);
    let origin = RawOrigin::start(|_| Act::Close).await?;
    assert!(client::raw(origin.addr(), request).await?.is_empty());
    Ok(())
}
