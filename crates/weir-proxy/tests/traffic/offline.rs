//! A version that goes offline: what is kept for it is closed, what lives long is ended politely.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::{io::AsyncWriteExt as _, net::TcpListener};
use weir_model::{Delta, ReleaseMark, Retiring, Role, Rule, Split, UpstreamProtocol};
use weir_testkit::{
    H2Origin, Origin,
    client::{Connection, Target},
    h2,
    websocket::WebSocket,
};

use crate::{
    release::{both, mark, reading, route, until, world},
    world::{World, config, endpoints, host, key, rule},
};

const SOON: Duration = Duration::from_secs(10);

/// Before idle connections would be closed for their age.
async fn promptly<T>(event: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(3), event).await.expect("within three seconds")
}

/// All for the canary, with stable detached.
fn detached(epoch: u64, close_per_second: Option<u32>) -> Split {
    let retiring = Retiring { backend: key("app"), role: Role::Stable, close_per_second };
    let mark = ReleaseMark { retiring: Some(retiring), ..mark(epoch) };
    Split::version(Arc::new(mark), Role::Canary, key("new"))
}

/// The old version with all traffic, before there is a release.
async fn before(protocol: UpstreamProtocol, stable: SocketAddr) -> (World, Origin) {
    let new = Origin::start("new").await;
    let mut plain = rule(Split::only(key("app")));
    plain.filters.protocol = protocol;
    let world = World::with(config(), plain, &[stable]);
    world.proxy.apply(&endpoints("new", &[new.addr()]));
    (world, new)
}

/// What happens on a thread happens in order.
fn on_one_thread(rule: Rule, stable: SocketAddr, canary: SocketAddr) -> World {
    let world = World::with(weir_proxy::Config { threads: 1, ..config() }, rule, &[stable]);
    world.proxy.apply(&endpoints("new", &[canary]));
    world
}

fn with(protocol: UpstreamProtocol, split: Split) -> Delta {
    let mut rule = rule(split);
    rule.filters.protocol = protocol;
    host("a", vec![rule])
}

async fn connections(world: &World, clients: usize) -> Vec<Connection> {
    let mut all = Vec::new();
    for _ in 0..clients {
        let mut client = world.connect().await;
        assert_eq!(client.get("a", "/").await.unwrap().status, 200);
        all.push(client);
    }
    all
}

#[tokio::test]
async fn idle_connections_of_a_detached_version_close_without_any_traffic() {
    let (old, new) = (Origin::start("old").await, Origin::start("new").await);
    let world = world(both(mark(1), 0), &[old.addr()], &[new.addr()]);
    let _clients = connections(&world, 8).await;
    until(&world, "connections are kept", |r| r.stable.connections > 0 && r.stable.in_flight == 0).await;
    world.proxy.apply(&route(detached(2, None)));
    promptly(until(&world, "all closed", |r| r.stable.connections == 0)).await;
}

#[tokio::test]
async fn a_request_in_flight_ends_well_and_its_connection_is_not_kept() {
    let (old, new) = (Origin::start("old").await, Origin::start("new").await);
    let world = on_one_thread(rule(both(mark(1), 0)), old.addr(), new.addr());
    let mut slow = world.connect().await;
    slow.send("GET /hold HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    old.arrived(1).await;
    let _clients = connections(&world, 1).await;
    until(&world, "one is idle", |r| (r.stable.in_flight, r.stable.connections) == (1, 2)).await;
    world.proxy.apply(&route(detached(2, None)));
    let read = promptly(until(&world, "that is closed", |r| r.stable.connections == 1)).await;
    assert_eq!((read.stable.in_flight, read.epoch), (1, 2));
    assert_eq!(connections(&world, 1).await.len(), 1);
    assert_eq!(old.count(), 2, "nothing new for the old version");
    old.release();
    assert_eq!(slow.response().await.unwrap().status, 200);
    promptly(until(&world, "gone", |r| (r.stable.in_flight, r.stable.connections) == (0, 0))).await;
    assert_eq!(slow.get("a", "/").await.unwrap().text(), "new\n", "the client's connection goes on");
}

#[tokio::test]
async fn http2_connections_close_after_their_last_stream() {
    let old = H2Origin::start("old", None).await.unwrap();
    let (world, _new) = before(UpstreamProtocol::Http2, old.addr()).await;
    let (client, _connection) = h2::Client::connect(&Target::plain(world.http())).await.unwrap();
    let (mut holding, mut quick) = (client.clone(), client);
    assert_eq!(quick.get("http://a/").await.unwrap().status, 200);
    let held = tokio::spawn(async move { holding.get("http://a/hold").await });
    while old.requests().len() < 2 {
        tokio::task::yield_now().await;
    }
    world.proxy.apply(&with(UpstreamProtocol::Http2, both(mark(1), 0)));
    world.proxy.apply(&with(UpstreamProtocol::Http2, detached(2, None)));
    let read = reading(&world).stable;
    assert_eq!((read.connections, read.in_flight), (1, 1), "the stream keeps its connection");
    held.abort();
    old.abandoned().await;
    promptly(until(&world, "closed", |r| (r.stable.connections, r.stable.in_flight) == (0, 0))).await;
}

/// Most are older than the release itself.
#[tokio::test]
async fn websockets_of_a_retiring_version_are_closed_with_going_away_and_spread_out() {
    const SOCKETS: usize = 10;
    let old = Origin::start("old").await;
    let (world, _new) = before(UpstreamProtocol::Http1, old.addr()).await;
    let mut sockets = Vec::new();
    for number in 0..SOCKETS {
        if number == SOCKETS / 2 {
            world.proxy.apply(&route(both(mark(1), 0)));
        }
        let mut socket = WebSocket::connect(world.http(), "a", "/ws").await.unwrap();
        assert_eq!(socket.echo("x").await.unwrap(), "x");
        sockets.push(socket);
    }
    let open = u64::try_from(SOCKETS).unwrap();
    until(&world, "all counted", |r| (r.stable.long_lived, r.stable.in_flight) == (open, 0)).await;
    world.proxy.apply(&route(detached(2, None)));
    for socket in &mut sockets {
        assert_eq!(socket.echo("y").await.unwrap(), "y", "detaching ends nothing that lives long");
    }
    let begin = Instant::now();
    world.proxy.apply(&route(detached(3, Some(10))));
    for socket in &mut sockets {
        assert_eq!(socket.closed(SOON).await.unwrap(), Some(1001));
    }
    assert!(begin.elapsed() >= Duration::from_millis(800), "all within {:?}", begin.elapsed());
    let read = until(&world, "gone", |r| (r.stable.long_lived, r.stable.connections) == (0, 0)).await;
    assert_eq!((read.stable.closed, read.canary.closed), (open, 0));
}

#[tokio::test]
async fn a_websocket_that_never_rests_is_closed_too() {
    use futures_util::{SinkExt as _, StreamExt as _};
    use tokio_tungstenite::tungstenite::Message;
    let old = Origin::start("old").await;
    let (world, _new) = before(UpstreamProtocol::Http1, old.addr()).await;
    let mut socket = WebSocket::connect(world.http(), "a", "/ws").await.unwrap();
    assert_eq!(socket.echo("x").await.unwrap(), "x");
    world.proxy.apply(&route(detached(1, Some(100))));
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
}

#[tokio::test]
async fn other_upgraded_connections_just_end() {
    use weir_testkit::{Act, RawOrigin};
    let origin = RawOrigin::start(|seen| match seen.replies {
        0 => Act::Reply(
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: own\r\n\r\n".into(),
        ),
        _ => Act::Wait,
    });
    let origin = origin.await.unwrap();
    let (world, _new) = before(UpstreamProtocol::Http1, origin.addr()).await;
    let request = "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: own\r\n\r\n";
    let http = world.http();
    let open = tokio::spawn(async move { weir_testkit::client::raw_until_close(http, request).await });
    while origin.received().is_empty() {
        tokio::task::yield_now().await;
    }
    world.proxy.apply(&route(both(mark(1), 0)));
    until(&world, "counted", |r| r.stable.long_lived == 1).await;
    world.proxy.apply(&route(detached(2, Some(100))));
    assert!(open.await.unwrap().unwrap().starts_with(b"HTTP/1.1 101"));
    let read = until(&world, "gone", |r| (r.stable.long_lived, r.stable.connections) == (0, 0)).await;
    assert_eq!(read.stable.closed, 1);
}

#[tokio::test]
async fn an_event_stream_ends_as_if_its_endpoint_had_ended_it() {
    let old = Origin::start("old").await;
    let (world, _new) = before(UpstreamProtocol::Http1, old.addr()).await;
    let mut stream = world.connect().await;
    stream.send("GET /sse/100000 HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let (mut client, _connection) = h2::Client::connect(&Target::plain(world.http())).await.unwrap();
    let over_http2 = tokio::spawn(async move { client.get("http://a/sse/100000").await });
    world.proxy.apply(&route(both(mark(1), 0)));
    until(&world, "both count", |r| (r.stable.long_lived, r.stable.in_flight) == (2, 0)).await;
    world.proxy.apply(&route(detached(2, Some(100))));
    let ended = stream.response().await.unwrap();
    let whole = ended.text();
    assert!(ended.status == 200 && whole.contains("data:") && whole.ends_with("\n\n"), "{whole:?}");
    assert_eq!(stream.get("a", "/").await.unwrap().text(), "new\n", "the client's connection goes on");
    let ended = over_http2.await.unwrap().unwrap();
    assert!(ended.status == 200 && ended.body.ends_with(b"\n\n"), "{:?}", ended.body);
    let read = until(&world, "gone", |r| (r.stable.long_lived, r.stable.connections) == (0, 0)).await;
    assert_eq!(read.stable.closed, 2);
}

/// Half a chunk cannot be followed by the end of the body.
#[tokio::test]
async fn an_event_stream_ends_only_between_chunks() {
    const HEAD: &[u8] =
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let new = Origin::start("new").await;
    let split = both(mark(1), 0);
    let world = on_one_thread(rule(split), listener.local_addr().unwrap(), new.addr());
    let mut clients = Vec::new();
    let mut endpoints = Vec::new();
    for (number, chunk) in [(1, &b"c\r\ndata: "[..]), (2, b"6\r\ndata: \r\n")] {
        let mut client = world.connect().await;
        client.send("GET /events HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let (mut endpoint, _) = listener.accept().await.unwrap();
        endpoint.write_all(&[HEAD, chunk].concat()).await.unwrap();
        until(&world, "both count", |r| r.stable.long_lived == number).await;
        clients.push(client);
        endpoints.push(endpoint);
    }
    world.proxy.apply(&route(detached(2, Some(1_000))));
    let whole = clients.pop().unwrap().response().await.unwrap();
    assert_eq!(whole.text(), "data: ");
    assert_eq!(reading(&world).stable.closed, 1);
    endpoints[0].write_all(b"half\n\n\r\n").await.unwrap();
    let halved = clients.pop().unwrap().response().await.unwrap();
    assert_eq!(halved.text(), "data: half\n\n");
}

#[tokio::test]
async fn a_grpc_call_ends_with_unavailable() {
    let old = H2Origin::start("old", None).await.unwrap();
    let (world, _new) = before(UpstreamProtocol::Http2, old.addr()).await;
    let (mut client, _connection) = h2::Client::connect(&Target::plain(world.http())).await.unwrap();
    let call = http::Request::post("http://a/stream").body(Bytes::new()).unwrap();
    let call = tokio::spawn(async move { client.send(call).await });
    world.proxy.apply(&with(UpstreamProtocol::Http2, both(mark(1), 0)));
    until(&world, "counted", |r| r.stable.long_lived == 1).await;
    world.proxy.apply(&with(UpstreamProtocol::Http2, detached(2, Some(100))));
    let ended = call.await.unwrap().unwrap();
    let trailers = ended.trailers.unwrap();
    assert_eq!((&trailers["grpc-status"], ended.body.len()), (&"14".parse().unwrap(), 10));
    assert!(trailers.contains_key("grpc-message"));
    old.abandoned().await;
    let read = until(&world, "gone", |r| (r.stable.long_lived, r.stable.connections) == (0, 0)).await;
    assert_eq!((read.stable.closed, read.stable.errors + read.stable.other_errors), (1, 0));
}

/// An undone release: who is named again is left alone, and its connections are kept again.
#[tokio::test]
async fn a_version_that_comes_back_keeps_what_it_has() {
    let (old, new) = (Origin::start("old").await, Origin::start("new").await);
    let world = world(both(mark(1), 0), &[old.addr()], &[new.addr()]);
    let mut socket = WebSocket::connect(world.http(), "a", "/ws").await.unwrap();
    assert_eq!(socket.echo("x").await.unwrap(), "x");
    world.proxy.apply(&route(detached(2, None)));
    until(&world, "only the socket's", |r| r.stable.connections == 1).await;
    let retiring = Retiring { backend: key("app"), role: Role::Stable, close_per_second: Some(1_000) };
    world.proxy.apply(&route(both(ReleaseMark { retiring: Some(retiring), ..mark(3) }, 0)));
    let _clients = connections(&world, 3).await;
    let read = until(&world, "kept again", |r| r.stable.connections >= 2 && r.stable.in_flight == 0).await;
    assert_eq!((read.stable.long_lived, read.stable.closed), (1, 0));
    assert_eq!(socket.echo("y").await.unwrap(), "y");
}
