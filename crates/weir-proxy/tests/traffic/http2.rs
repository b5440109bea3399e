//! HTTP/2 towards the client.

use bytes::Bytes;
use http::Request;
use weir_testkit::{Act, Origin, RawOrigin, certs::Authority, client::Target, h2, pattern};

use crate::world::{World, certificate, host, key, rule};

async fn plain(world: &World) -> h2::Client {
    h2::Client::connect(&Target::plain(world.http())).await.unwrap().0
}

#[tokio::test]
async fn prior_knowledge_is_served() {
    let origin = Origin::start("stable").await;
    let world = World::new(&[origin.addr()]);
    let mut client = plain(&world).await;
    for length in [0, 10, 100_000, 1_000_000] {
        let response = client.get(&format!("http://a/bytes/{length}")).await.unwrap();
        assert_eq!((response.status.as_u16(), response.body.len()), (200, length));
    }
}

#[tokio::test]
async fn bodies_and_trailers_pass_both_ways() {
    let origin = Origin::start("stable").await;
    let world = World::new(&[origin.addr()]);
    let mut client = plain(&world).await;
    for length in [0, 1, 300_000] {
        let request = Request::post("http://a/echo").body(pattern(length)).unwrap();
        let response = client.send(request).await.unwrap();
        assert!(response.body == pattern(length), "{length}: {}", response.body.len());
    }
    let response = client.get("http://a/trailers").await.unwrap();
    assert!(response.trailers.is_some_and(|trailers| !trailers.is_empty()));
}

#[tokio::test]
async fn answers_of_weirs_own_have_their_code() {
    let world = World::new(&[]);
    let mut client = plain(&world).await;
    for (url, status, code) in [
        ("http://b/", 404, "WR-404-HOST"),
        ("http://a/", 503, "WR-503-ENDPOINT"),
        ("http://a/%2f", 400, "WR-400-PATH"),
    ] {
        let response = client.get(url).await.unwrap();
        assert_eq!(response.status.as_u16(), status);
        assert_eq!(response.headers["weir-error"], code);
    }
}

#[tokio::test]
async fn a_cut_off_response_resets_the_stream() {
    let answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n";
    let origin =
        RawOrigin::start(
            move |seen| {
                if seen.is_whole() { Act::ReplyAndClose(answer.to_vec()) } else { Act::Wait }
            },
        );
    let origin = origin.await.unwrap();
    let world = World::new(&[origin.addr()]);
    let response = plain(&world).await.get("http://a/").await;
    assert!(response.is_err(), "{response:?}");
}

#[tokio::test]
async fn alpn_chooses_http2_and_foreign_hosts_are_misdirected() {
    let origin = Origin::start("stable").await;
    let world = World::new(&[origin.addr()]);
    world.proxy.apply(&host("b", vec![rule(weir_model::Split::only(key("app")))]));
    let authority = Authority::new().unwrap();
    for name in ["a", "b"] {
        world.proxy.apply(&certificate(name, &authority.leaf(&[name]).unwrap()));
    }
    let target = Target::tls(world.proxy.https().unwrap(), "a", authority.client(&["h2"]).unwrap());
    let (mut client, _driver) = h2::Client::connect(&target).await.unwrap();
    assert_eq!(client.get("https://a/").await.unwrap().status, 200);
    let foreign = client.get("https://b/").await.unwrap();
    assert_eq!(
        (foreign.status.as_u16(), &foreign.headers["weir-error"]),
        (421, &"WR-421-HOST".parse().unwrap())
    );
}

#[tokio::test]
async fn many_streams_share_a_connection() {
    let origin = Origin::start("stable").await;
    let world = World::new(&[origin.addr()]);
    let client = plain(&world).await;
    let streams = (0..300).map(|n| {
        let mut client = client.clone();
        tokio::spawn(async move {
            let request =
                Request::post(format!("http://a/echo?{n}")).body(Bytes::from(n.to_string())).unwrap();
            client.send(request).await.unwrap().body
        })
    });
    let streams: Vec<_> = streams.collect();
    for (n, stream) in streams.into_iter().enumerate() {
        assert_eq!(stream.await.unwrap(), n.to_string());
    }
}

#[tokio::test]
async fn a_shutdown_finishes_streams() {
    let origin = Origin::start("stable").await;
    let world = World::new(&[origin.addr()]);
    let mut client = plain(&world).await;
    let waiting = {
        let mut client = client.clone();
        tokio::spawn(async move { client.get("http://a/hold").await })
    };
    origin.arrived(1).await;
    let proxy = world.proxy.clone();
    let shutdown = tokio::spawn(async move { proxy.shutdown().await });
    origin.release();
    assert_eq!(waiting.await.unwrap().unwrap().status, 200);
    shutdown.await.unwrap();
    assert!(client.get("http://a/").await.is_err());
    assert_eq!(world.proxy.metrics().totals().force_closed, 0);
}
