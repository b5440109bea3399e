//! HTTP/2 towards endpoints: gRPC.

use bytes::Bytes;
use http::Request;
use weir_model::{Split, UpstreamProtocol};
use weir_testkit::{H2Origin, certs::Authority, client::Target, h2, pattern};

use crate::world::{World, config, key, rule};

fn world(protocol: UpstreamProtocol, origin: &H2Origin) -> World {
    let mut rule = rule(Split::only(key("app")));
    rule.filters.protocol = protocol;
    World::with(config(), rule, &[origin.addr()])
}

async fn plain(world: &World) -> h2::Client {
    h2::Client::connect(&Target::plain(world.http())).await.unwrap().0
}

#[tokio::test]
async fn a_call_passes_with_body_fields_and_trailers() {
    let origin = H2Origin::start("stable", None).await.unwrap();
    let world = world(UpstreamProtocol::Http2, &origin);
    let mut client = plain(&world).await;
    for length in [0, 1, 300_000] {
        let request = Request::post("http://a/echo?q=1").header("te", "trailers").header("x-own", "1");
        let response = client.send(request.body(pattern(length)).unwrap()).await.unwrap();
        assert!(response.body == pattern(length), "{length}: {}", response.body.len());
        assert_eq!(response.headers["x-version"], "stable");
        assert_eq!(response.trailers.unwrap_or_else(|| panic!("no trailers: {length}"))["grpc-status"], "0");
    }
    let seen = origin.requests().pop().unwrap();
    assert_eq!((seen.method.as_str(), seen.uri.to_string().as_str()), ("POST", "http://a/echo?q=1"));
    assert_eq!(
        (&seen.headers["te"], &seen.headers["x-own"]),
        (&"trailers".parse().unwrap(), &"1".parse().unwrap())
    );
    assert_eq!(seen.headers["x-forwarded-for"], "127.0.0.1");
    assert!(origin.connections() <= 2, "one for each thread: {}", origin.connections());
}

#[tokio::test]
async fn an_error_without_a_body_stays_one() {
    let origin = H2Origin::start("stable", None).await.unwrap();
    let world = world(UpstreamProtocol::Http2, &origin);
    let response = plain(&world).await.get("http://a/error").await.unwrap();
    assert_eq!(
        (response.headers.get("grpc-status").unwrap(), response.trailers),
        (&"5".parse().unwrap(), None)
    );
}

#[tokio::test]
async fn http1_clients_are_served_too() {
    let origin = H2Origin::start("stable", None).await.unwrap();
    let world = world(UpstreamProtocol::Http2, &origin);
    let mut client = world.connect().await;
    for _ in 0..3 {
        let response = client.get("a", "/").await.unwrap();
        assert_eq!((response.status, &*response.body), (200, &b"stable"[..]));
    }
    let response = client.get("a", "/error").await.unwrap();
    assert_eq!((response.status, response.headers.get("grpc-status")), (200, Some("5")));
    let post = "POST /echo HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\nhello";
    let response = client.exchange(post).await.unwrap();
    assert_eq!((response.status, &*response.body), (200, &b"hello"[..]));
    let seen = origin.requests().pop().unwrap();
    assert!(!seen.headers.contains_key("expect") && !seen.headers.contains_key("connection"));
}

#[tokio::test]
async fn tls_is_spoken_where_the_route_says_so() {
    let authority = Authority::new().unwrap();
    let leaf = authority.leaf(&["app"]).unwrap();
    let origin = H2Origin::start("stable", Some(leaf.server(&["h2"]).unwrap())).await.unwrap();
    let world = world(UpstreamProtocol::Https2, &origin);
    let request = Request::post("http://a/echo").body(Bytes::from_static(b"secret")).unwrap();
    let response = plain(&world).await.send(request).await.unwrap();
    assert_eq!(&*response.body, b"secret");
    assert_eq!(origin.requests().pop().unwrap().uri.scheme_str(), Some("https"));
}

#[tokio::test]
async fn a_reset_before_the_response_is_502_after_retries() {
    let origin = H2Origin::start("stable", None).await.unwrap();
    let world = world(UpstreamProtocol::Http2, &origin);
    let mut client = plain(&world).await;
    let response = client.get("http://a/reset").await.unwrap();
    assert_eq!(
        (response.status.as_u16(), &response.headers["weir-error"]),
        (502, &"WR-502-RESET".parse().unwrap())
    );
    assert!(origin.requests().len() >= 2, "a GET is tried again");
    assert_eq!(client.get("http://a/").await.unwrap().status, 200);
}

#[tokio::test]
async fn a_client_that_gives_up_is_noticed_by_the_endpoint() {
    let origin = H2Origin::start("stable", None).await.unwrap();
    let world = world(UpstreamProtocol::Http2, &origin);
    let mut client = plain(&world).await;
    let held = tokio::spawn(async move { client.get("http://a/hold").await });
    while origin.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    held.abort();
    origin.abandoned().await;
}

/// Streams that never end must not keep others out: a server may stop counting at 100.
#[tokio::test]
async fn more_streams_than_a_connection_takes_get_another_one() {
    let origin = H2Origin::start("stable", None).await.unwrap();
    let mut rule = rule(Split::only(key("app")));
    rule.filters.protocol = UpstreamProtocol::Http2;
    let one_thread = weir_proxy::Config { threads: 1, ..config() };
    let world = World::with(one_thread, rule, &[origin.addr()]);
    let mut clients = Vec::new();
    for _ in 0..3 {
        let client = plain(&world).await;
        for _ in 0..50 {
            let mut client = client.clone();
            clients.push(tokio::spawn(async move { client.get("http://a/hold").await.is_ok() }));
        }
    }
    while origin.requests().len() < 150 {
        tokio::task::yield_now().await;
    }
    assert_eq!(plain(&world).await.get("http://a/").await.unwrap().status, 200);
    assert!((2..=3).contains(&origin.connections()), "{}", origin.connections());
    clients.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_connection_that_ends_is_replaced() {
    let origin = H2Origin::start("stable", None).await.unwrap();
    let addr = origin.addr();
    let world = world(UpstreamProtocol::Http2, &origin);
    let mut client = plain(&world).await;
    assert_eq!(client.get("http://a/").await.unwrap().status, 200);
    origin.kill().await;
    let _origin = H2Origin::start_at("new", addr, None).await.unwrap();
    let response = client.get("http://a/").await.unwrap();
    assert_eq!((response.status.as_u16(), &*response.body), (200, &b"new"[..]));
}
