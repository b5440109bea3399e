//! WebSocket and other upgrades.

use weir_testkit::{Origin, websocket::WebSocket};

use crate::world::World;

#[tokio::test]
async fn websockets_echo_through_the_proxy() {
    let origin = Origin::start("stable").await;
    let world = World::new(&[origin.addr()]);
    let mut socket = WebSocket::connect(world.http(), "a", "/ws").await.unwrap();
    for text in ["one", "two", &"x".repeat(200_000)] {
        assert_eq!(socket.echo(text).await.unwrap(), text);
    }
    socket.close().await.unwrap();
}

#[tokio::test]
async fn a_refused_upgrade_is_an_ordinary_response() {
    let origin = Origin::start("stable").await;
    let world = World::new(&[origin.addr()]);
    let mut client = world.connect().await;
    let request = "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: nothing\r\n\r\n";
    for _ in 0..2 {
        let response = client.exchange(request).await.unwrap();
        assert_eq!((response.status, response.text().as_str()), (200, "stable\n"));
    }
}
