//! The program `weir-origin` as a process: what it answers, and how it ends.

use std::{net::SocketAddr, path::Path, time::Duration};

use anyhow::Context as _;
use bytes::Bytes;
use http::Request;
use serde_json::Value;
use tokio::{
    process::Command,
    time::{Instant, sleep},
};
use weir_testkit::{
    WeirProcess,
    client::{self, Connection, Target},
    h2::Client,
    pattern,
    websocket::WebSocket,
};

/// How long the program may take to end when nothing holds it.
const SOON: Duration = Duration::from_secs(10);

/// Starts the program on a free port and waits until it listens.
async fn start(args: &[&str]) -> anyhow::Result<(WeirProcess, SocketAddr)> {
    let mut all = vec!["--listen", "127.0.0.1:0"];
    all.extend(args);
    let process = WeirProcess::spawn(Path::new(env!("CARGO_BIN_EXE_weir-origin")), &all)?;
    let line = process.logged("listening ").await?;
    let addr = line.split_whitespace().nth(1).context("an address")?.parse()?;
    Ok((process, addr))
}

async fn status(addr: SocketAddr, path: &str) -> anyhow::Result<u16> {
    Ok(client::get(addr, "a.test", path, &[]).await?.status)
}

/// Sends SIGTERM and waits until the program has begun to act on it.
async fn terminate(process: &WeirProcess) -> anyhow::Result<()> {
    process.terminate()?;
    process.logged("terminating").await.map(drop)
}

#[tokio::test]
async fn answers_tell_who_and_what() -> anyhow::Result<()> {
    let (_process, addr) = start(&["--version", "v7"]).await?;
    let response =
        client::get(addr, "a.test", "/some/path?foo=bar", &[("X-One", "1"), ("x-one", "2")]).await?;
    assert_eq!((response.status, response.headers.get("x-version")), (200, Some("v7")));
    let body: Value = serde_json::from_str(&response.text())?;
    assert_eq!((&body["version"], &body["method"]), (&"v7".into(), &"GET".into()));
    assert_eq!(body["path"], "/some/path?foo=bar");
    assert_eq!((&body["headers"]["x-one"], &body["headers"]["host"]), (&"1, 2".into(), &"a.test".into()));
    assert_eq!(body["pod"].as_str(), response.headers.get("x-pod"));
    Ok(())
}

#[tokio::test]
async fn faults_come_when_they_are_asked_for() -> anyhow::Result<()> {
    let (_process, addr) = start(&[]).await?;
    assert_eq!(status(addr, "/fault?errors=100&shown=7").await?, 200);
    assert_eq!(status(addr, "/").await?, 500);
    assert_eq!(status(addr, "/readyz").await?, 200);
    let metrics = client::get(addr, "a.test", "/metrics", &[]).await?.text();
    assert!(
        metrics.contains("\norigin_requests_total 1\n") && metrics.ends_with("\norigin_fault 7\n"),
        "{metrics}"
    );
    assert_eq!(status(addr, "/fault?errors=0").await?, 200);
    assert_eq!(status(addr, "/").await?, 200);
    assert_eq!(status(addr, "/fault?errors=101").await?, 400);
    Ok(())
}

#[tokio::test]
async fn the_query_rules_the_answer() -> anyhow::Result<()> {
    let (_process, addr) = start(&[]).await?;
    let mut connection = Connection::open(addr).await?;
    let asked = Instant::now();
    let response = connection.get("a.test", "/?status=503&delay=50&size=70000").await?;
    assert_eq!((response.status, response.body), (503, pattern(70_000)));
    assert!(asked.elapsed() >= Duration::from_millis(50));
    let response = connection.get("a.test", "/?size=many").await?;
    assert_eq!(response.status, 400);
    assert_eq!(response.text(), "size=many: a number of bytes up to 67108864 is expected\n");
    Ok(())
}

#[tokio::test]
async fn probes_are_not_counted() -> anyhow::Result<()> {
    let started = Instant::now();
    let (mut process, addr) = start(&["--ready-after", "1", "--on-term", "exit"]).await?;
    assert_eq!(status(addr, "/readyz").await?, 503);
    assert_eq!(status(addr, "/healthz").await?, 200);
    while status(addr, "/readyz").await? != 200 {
        assert!(started.elapsed() < SOON, "not ready yet");
        sleep(Duration::from_millis(20)).await;
    }
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert_eq!(status(addr, "/").await?, 200);
    terminate(&process).await?;
    assert!(process.ended(SOON).await?.success());
    process.logged("served 1 requests").await?;
    Ok(())
}

#[tokio::test]
async fn http2_and_grpc() -> anyhow::Result<()> {
    let (_process, addr) = start(&["--version", "v2"]).await?;
    let (mut client, _connection) = Client::connect(&Target::plain(addr)).await?;
    assert_eq!(client.get("http://a.test/x").await?.headers["x-version"], "v2");
    let call = Request::post("http://a.test/echo.Echo/Say").header("content-type", "application/grpc+proto");
    let response = client.send(call.body(Bytes::from("\0\0\0\0\x02hi"))?).await?;
    assert_eq!(response.body, "\0\0\0\0\x02hi");
    assert_eq!(response.headers["content-type"], "application/grpc+proto");
    assert_eq!(response.trailers.context("trailers")?["grpc-status"], "0");
    Ok(())
}

#[tokio::test]
async fn tls_offers_both_versions() -> anyhow::Result<()> {
    let (_process, addr) = start(&["--tls"]).await?;
    for (version, expected) in [("--http1.1", "200 1.1"), ("--http2", "200 2")] {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--insecure", version, "--output", "/dev/null"]);
        curl.args(["--write-out", "%{http_code} %{http_version}", &format!("https://{addr}/")]);
        assert_eq!(String::from_utf8(curl.output().await?.stdout)?, expected);
    }
    Ok(())
}

#[tokio::test]
async fn exit_cuts_what_is_in_flight() -> anyhow::Result<()> {
    let (mut process, addr) = start(&["--on-term", "exit"]).await?;
    let mut busy = Connection::open(addr).await?;
    busy.get("a.test", "/").await?;
    busy.send("GET /?delay=60000 HTTP/1.1\r\nhost: a\r\n\r\n").await?;
    process.terminate()?;
    assert!(busy.response().await.is_err());
    assert!(process.ended(SOON).await?.success());
    Ok(())
}

#[tokio::test]
async fn drain_asks_to_leave_and_finishes() -> anyhow::Result<()> {
    let (mut process, addr) = start(&["--on-term", "drain:1"]).await?;
    let (mut idle, mut busy) = (Connection::open(addr).await?, Connection::open(addr).await?);
    let mut kept = Connection::open(addr).await?;
    assert_eq!(kept.get("a.test", "/").await?.headers.get("connection"), None);
    idle.get("a.test", "/").await?;
    let mut socket = WebSocket::connect(addr, "a.test", "/ws").await?;
    assert_eq!(socket.echo("hello").await?, "hello");
    busy.send("GET /?delay=2500&size=5 HTTP/1.1\r\nhost: a\r\n\r\n").await?;
    terminate(&process).await?;

    // For a second, everything is answered, old connections and new ones.
    assert_eq!(status(addr, "/readyz").await?, 503);
    assert_eq!(kept.get("a.test", "/").await?.headers.get("connection"), Some("close"));
    assert!(kept.closed(SOON).await?.is_empty());
    assert_eq!(status(addr, "/").await?, 200);

    assert_eq!(socket.closed(SOON).await?, Some(1001));
    assert_eq!(socket.closed(SOON).await?, None, "the client's goodbye ends the connection");
    assert!(idle.closed(SOON).await?.is_empty());
    assert!(status(addr, "/").await.is_err());
    assert_eq!(busy.response().await?.text(), "abcde");
    assert!(process.ended(SOON).await?.success());
    process.logged("served 6 requests").await?;
    Ok(())
}

#[tokio::test]
async fn ignore_goes_on_as_if_nothing_had_happened() -> anyhow::Result<()> {
    let (mut process, addr) = start(&["--on-term", "ignore:1"]).await?;
    let mut connection = Connection::open(addr).await?;
    terminate(&process).await?;
    assert_eq!(connection.get("a.test", "/readyz").await?.status, 200);
    assert_eq!(connection.get("a.test", "/").await?.headers.get("connection"), None);
    assert!(process.ended(SOON).await?.success());
    assert!(connection.closed(SOON).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn names_are_resolved() -> anyhow::Result<()> {
    let program = Path::new(env!("CARGO_BIN_EXE_weir-origin"));
    let mut process = WeirProcess::spawn(program, &["--resolve", "localhost:8080"])?;
    process.logged(":8080").await?;
    assert!(process.ended(SOON).await?.success());
    let mut process = WeirProcess::spawn(program, &["--resolve", "no-port"])?;
    process.logged("error: resolving no-port: ").await?;
    assert!(!process.ended(SOON).await?.success());
    Ok(())
}
