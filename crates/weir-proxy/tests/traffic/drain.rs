//! Shutting down without losing a request.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::tungstenite::Message;
use weir_proxy::Phase;
use weir_testkit::{Origin, client::Target, h2, load::Plan, websocket::WebSocket};

use crate::world::World;

#[tokio::test]
async fn nothing_in_flight_is_lost() {
    let origin = Origin::start("stable").await;
    let world = World::new(&[origin.addr()]);
    let mut slow = world.connect().await;
    slow.send("GET /hold HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    origin.arrived(1).await;
    let proxy = world.proxy.clone();
    let shutdown = tokio::spawn(async move { proxy.shutdown().await });
    origin.release();
    let response = slow.response().await.unwrap();
    assert_eq!(response.status, 200);
    shutdown.await.unwrap();
    assert_eq!(world.proxy.metrics().totals().force_closed, 0);
}

#[tokio::test]
async fn busy_keep_alive_clients_are_sent_away_politely() {
    let origin = Origin::start("stable").await;
    let world = World::new(&[origin.addr()]);
    let running = Plan::get(world.http(), "a", "/").total(1_000_000).start();
    running.more(2_000).await;
    let proxy = world.proxy.clone();
    let leaving = tokio::spawn(async move { proxy.shutdown().await });
    // Before the listeners close, every answer says that its connection ends.
    let mut last = world.connect().await;
    while last.get("a", "/").await.unwrap().keeps_alive() {}
    let report = running.stop().await;
    report.assert_clean();
    leaving.await.unwrap();
}

#[tokio::test]
async fn websockets_are_closed_with_going_away() {
    let origin = Origin::start("stable").await;
    let world = World::new(&[origin.addr()]);
    let mut socket = WebSocket::connect(world.http(), "a", "/ws").await.unwrap();
    assert_eq!(socket.echo("x").await.unwrap(), "x");
    let proxy = world.proxy.clone();
    let shutdown = tokio::spawn(async move { proxy.shutdown().await });
    assert_eq!(socket.closed(Duration::from_secs(10)).await.unwrap(), Some(1001));
    shutdown.await.unwrap();
}

#[tokio::test]
async fn websockets_that_never_rest_are_closed_with_going_away_too() {
    let origin = Origin::start("stable").await;
    let world = World::new(&[origin.addr()]);
    let mut socket = WebSocket::connect(world.http(), "a", "/ws").await.unwrap();
    assert_eq!(socket.echo("x").await.unwrap(), "x");
    let proxy = world.proxy.clone();
    let shutdown = tokio::spawn(async move { proxy.shutdown().await });
    let code = loop {
        // What is on its way when the Close comes is lost by right.
        let _ = socket.stream.send(Message::text("x")).await;
        match socket.stream.next().await.unwrap().unwrap() {
            Message::Text(_) => {}
            Message::Close(frame) => break frame.map(|frame| u16::from(frame.code)),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code, Some(1001));
    shutdown.await.unwrap();
    assert_eq!(world.proxy.metrics().totals().force_closed, 0);
}

#[tokio::test]
async fn a_client_that_comes_while_leaving_is_served() {
    let origin = Origin::start("stable").await;
    let world = World::new(&[origin.addr()]);
    let proxy = world.proxy.clone();
    let shutdown = tokio::spawn(async move { proxy.shutdown().await });
    while world.proxy.phase() == Phase::Serving {
        tokio::task::yield_now().await;
    }
    // Until the listeners close, load balancers may still send new connections here.
    for _ in 0..5 {
        let (mut client, _connection) = h2::Client::connect(&Target::plain(world.http())).await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert_eq!(client.get("http://a/").await.unwrap().status, 200);
    }
    shutdown.await.unwrap();
}
