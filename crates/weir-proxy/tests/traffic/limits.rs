//! Requests that are refused, and how.

use std::time::Duration;

use weir_model::{BodyLimit, Delta, Split};
use weir_proxy::{Config, Limits, Proxy};
use weir_testkit::{Origin, client::raw_until_close};

use crate::world::{World, config, key, rule};

fn quick() -> Config {
    let limits = Limits {
        head: Duration::from_millis(300),
        client_idle: Duration::from_millis(300),
        ..Limits::default()
    };
    Config { limits, ..config() }
}

#[test]
fn an_address_that_somebody_listens_on_is_refused() {
    let world = World::new(&[]);
    let config = Config { http: Some(world.http()), ..config() };
    let error = Proxy::start(config, &Delta::default()).unwrap_err().to_string();
    assert!(error.contains("another program listens there"), "{error}");
}

#[tokio::test]
async fn a_slow_head_is_408() {
    let world = World::with(quick(), rule(Split::only(key("app"))), &[]);
    let bytes = raw_until_close(world.http(), "GET / HTTP/1.1\r\nhost:").await.unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(text.starts_with("HTTP/1.1 408") && text.contains("WR-408-HEAD"), "{text}");
}

#[tokio::test]
async fn a_slow_body_is_408() {
    let origin = Origin::start("stable").await;
    let world = World::with(quick(), rule(Split::only(key("app"))), &[origin.addr()]);
    let request = "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut client = world.connect().await;
    client.send(request).await.unwrap();
    let bytes = client.closed(Duration::from_secs(5)).await.unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    // The echo begins its answer with the first byte of the request, so the end is all that is seen then.
    assert!(text.starts_with("HTTP/1.1 408") || text.starts_with("HTTP/1.1 200"), "{text}");
}

#[tokio::test]
async fn bodies_above_the_routes_limit_are_413() {
    let origin = Origin::start("stable").await;
    let mut rule = rule(Split::only(key("app")));
    rule.filters.body_limit = BodyLimit::Bytes(1_000);
    let world = World::with(config(), rule, &[origin.addr()]);
    let declared = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1001\r\n\r\n";
    let response = world.connect().await.exchange(declared).await.unwrap();
    assert_eq!((response.status, response.headers.get("weir-error")), (413, Some("WR-413-BODY")));
    assert_eq!(origin.count(), 0, "nothing is forwarded");
    let chunk = format!("3e9\r\n{}\r\n0\r\n\r\n", "x".repeat(1_001));
    let chunked = format!("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{chunk}");
    let response = world.connect().await.exchange(chunked).await.unwrap();
    assert_eq!(response.status, 413);
    let fitting =
        format!("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n{}", "x".repeat(1_000));
    assert_eq!(world.connect().await.exchange(fitting).await.unwrap().status, 200);
}

#[tokio::test]
async fn heads_above_the_limits_are_431_and_414() {
    let origin = Origin::start("stable").await;
    let world = World::new(&[origin.addr()]);
    let long = "x".repeat(9_000);
    let big = format!("x: {}\r\n", "y".repeat(8_000)).repeat(5);
    let many = "x: y\r\n".repeat(200);
    let cookies = format!("cookie: a={}\r\n", "y".repeat(31_000));
    let cases = [
        (format!("GET /{long} HTTP/1.1\r\nhost: a\r\n\r\n"), 414),
        (format!("GET / HTTP/1.1\r\nhost: a\r\n{big}\r\n"), 431),
        (format!("GET / HTTP/1.1\r\nhost: a\r\n{many}\r\n"), 431),
        (format!("GET / HTTP/1.1\r\nhost: a\r\n{cookies}\r\n"), 200),
        (format!("GET / HTTP/1.1\r\nhost: a\r\n{cookies}{cookies}\r\n"), 431),
    ];
    for (request, expected) in cases {
        let mut client = world.connect().await;
        let response = client.exchange(&request).await.unwrap();
        assert_eq!(response.status, expected, "{}", &request[..60]);
    }
}
