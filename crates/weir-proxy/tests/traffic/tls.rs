//! TLS towards the client.

use weir_testkit::{
    Origin,
    certs::Authority,
    client::{Connection, Target},
};

use crate::world::{World, certificate, config, key, rule};

#[tokio::test]
async fn certificates_are_chosen_by_name_and_swapped_under_a_connection() {
    let origin = Origin::start("stable").await;
    let world = World::new(&[origin.addr()]);
    let (old, new) = (Authority::new().unwrap(), Authority::new().unwrap());
    world.proxy.apply(&certificate("a", &old.leaf(&["a"]).unwrap()));
    let https = world.proxy.https().unwrap();
    let target = |authority: &Authority| Target::tls(https, "a", authority.client(&["http/1.1"]).unwrap());
    let mut before = Connection::open_to(&target(&old)).await.unwrap();
    assert_eq!(before.get("a", "/").await.unwrap().status, 200);
    world.proxy.apply(&certificate("a", &new.leaf(&["a"]).unwrap()));
    assert_eq!(before.get("a", "/").await.unwrap().status, 200, "an open connection lives on");
    assert!(Connection::open_to(&target(&old)).await.is_err(), "the old certificate is gone");
    let mut after = Connection::open_to(&target(&new)).await.unwrap();
    assert_eq!(after.get("a", "/").await.unwrap().status, 200);
    let seen = origin.requests();
    let proto = seen[0].headers.0.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-forwarded-proto"));
    assert_eq!(proto.map(|(_, value)| value.as_str()), Some("https"));
}

#[tokio::test]
async fn unknown_names_are_refused() {
    let world = World::new(&[]);
    let authority = Authority::new().unwrap();
    world.proxy.apply(&certificate("a", &authority.leaf(&["a", "b"]).unwrap()));
    let target = Target::tls(world.proxy.https().unwrap(), "b", authority.client(&[]).unwrap());
    assert!(Connection::open_to(&target).await.is_err());
}

#[tokio::test]
async fn backends_can_be_spoken_to_over_tls() {
    let origin = Origin::start("stable").await;
    let inner = World::new(&[origin.addr()]);
    // The name in the handshake is the Service's; the certificate is for somebody else.
    inner.proxy.apply(&certificate("app", &Authority::new().unwrap().leaf(&["elsewhere"]).unwrap()));
    let mut rule = rule(weir_model::Split::only(key("app")));
    rule.filters.protocol = weir_model::UpstreamProtocol::Https1;
    let outer = World::with(config(), rule, &[inner.proxy.https().unwrap()]);
    let mut client = outer.connect().await;
    for _ in 0..3 {
        assert_eq!(client.get("a", "/bytes/100000").await.unwrap().body.len(), 100_000);
    }
    assert_eq!(origin.count(), 3);
    assert_eq!(outer.proxy.metrics().totals().upstream_connections, 1, "the connection is used again");
}
