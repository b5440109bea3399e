//! Endpoints that fail, and what clients notice of it.

use std::{net::SocketAddr, time::Duration};

use weir_model::{Split, Timeouts};
use weir_testkit::{Act, Origin, RawOrigin, load::Plan};

use crate::world::{World, config, endpoints, key, rule};

/// An address where nobody listens.
async fn nobody() -> SocketAddr {
    let origin = Origin::start("gone").await;
    let address = origin.addr();
    origin.kill().await;
    address
}

#[tokio::test]
async fn a_refused_connection_is_tried_elsewhere() {
    let origin = Origin::start("stable").await;
    let world = World::new(&[nobody().await, origin.addr()]);
    let report = Plan::get(world.http(), "a", "/").total(2_000).run().await;
    report.assert_clean();
    assert_eq!(origin.count(), 2_000);
}

#[tokio::test]
async fn when_nobody_accepts_it_is_502() {
    let world = World::new(&[nobody().await]);
    let response = world.connect().await.get("a", "/").await.unwrap();
    assert_eq!((response.status, response.headers.get("weir-error")), (502, Some("WR-502-CONNECT")));
}

#[tokio::test]
async fn a_failed_backend_does_not_cost_a_client_its_connection() {
    let world = World::new(&[nobody().await]);
    let mut client = world.connect().await;
    for _ in 0..3 {
        let response = client.get("a", "/").await.unwrap();
        assert_eq!((response.status, response.headers.get("connection")), (502, None));
    }
    let post = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n";
    let response = client.exchange(post).await.unwrap();
    let connection = response.headers.get("connection");
    assert_eq!((response.status, connection), (502, Some("close")), "its body is still to come");
}

#[tokio::test]
async fn a_reset_before_the_response_is_retried_only_where_that_is_safe() {
    let resetting =
        RawOrigin::start(|seen| if seen.is_whole() { Act::Reset } else { Act::Wait }).await.unwrap();
    let world = World::new(&[resetting.addr()]);
    let mut client = world.connect().await;
    assert_eq!(client.get("a", "/").await.unwrap().status, 502);
    let tries = resetting.received().len();
    assert!(tries >= 2, "a GET is tried again: {tries}");
    let mut client = world.connect().await;
    let post = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nok";
    let response = client.exchange(post).await.unwrap();
    assert_eq!((response.status, response.headers.get("weir-error")), (502, Some("WR-502-RESET")));
    assert_eq!(resetting.received().len(), tries + 1, "a POST is not");
}

#[tokio::test]
async fn connections_that_the_backend_closed_while_idle_cost_nothing() {
    let origin = Origin::start("stable").await;
    let address = origin.addr();
    let world = World::new(&[address]);
    let mut client = world.connect().await;
    for _ in 0..20 {
        // Says keep-alive and closes all the same.
        assert_eq!(client.get("a", "/close").await.unwrap().status, 200);
        assert_eq!(client.get("a", "/").await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn a_slow_backend_is_504() {
    let origin = Origin::start("stable").await;
    let mut rule = rule(Split::only(key("app")));
    rule.timeouts = Timeouts { read: Some(Duration::from_millis(300)), ..Timeouts::default() };
    let world = World::with(config(), rule, &[origin.addr()]);
    let response = world.connect().await.get("a", "/hold").await.unwrap();
    assert_eq!((response.status, response.headers.get("weir-error")), (504, Some("WR-504-RESPONSE")));
}

#[tokio::test]
async fn garbage_from_a_backend_is_502() {
    for garbage in
        ["NOT HTTP\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n"]
    {
        let origin =
            RawOrigin::start(
                move |seen| {
                    if seen.is_whole() { Act::ReplyAndClose(garbage.into()) } else { Act::Wait }
                },
            );
        let origin = origin.await.unwrap();
        let world = World::new(&[origin.addr()]);
        assert_eq!(world.connect().await.get("a", "/").await.unwrap().status, 502, "{garbage:?}");
    }
}

#[tokio::test]
async fn endpoints_change_under_load_without_a_failure() {
    let (one, two) = (Origin::start("one").await, Origin::start("two").await);
    let world = World::new(&[one.addr()]);
    let running = Plan::get(world.http(), "a", "/").total(200_000).start();
    for round in 0..50 {
        let addresses = if round % 2 == 0 { [two.addr()] } else { [one.addr()] };
        world.proxy.apply(&endpoints("app", &addresses));
        running.more(200).await;
    }
    let report = running.stop().await;
    report.assert_clean();
    assert!(one.count() > 100 && two.count() > 100);
}

#[tokio::test]
async fn an_endpoint_that_dies_during_requests_is_not_asked_again() {
    let (dying, living) = (Origin::start("dying").await, Origin::start("living").await);
    let world = World::new(&[dying.addr(), living.addr()]);
    let mut clients = Vec::new();
    for _ in 0..24 {
        clients.push(world.connect().await);
    }
    // Connections to both are in use again and again from here on.
    for _ in 0..4 {
        for client in &mut clients {
            assert_eq!(client.get("a", "/").await.unwrap().status, 200);
        }
    }
    for client in &mut clients {
        client.send("GET /hold HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    }
    let both = async {
        while dying.count() + living.count() < 5 * 24 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), both).await.unwrap();
    // Longer than a request and the end of an idle connection need to cross each other.
    tokio::time::sleep(Duration::from_millis(150)).await;
    living.release();
    dying.kill().await;
    for client in &mut clients {
        assert_eq!(client.response().await.unwrap().status, 200);
    }
    assert_eq!(world.proxy.metrics().totals().connect_failures, 0);
}
