//! HTTP/2 towards the client.

use weir_testkit::{Origin, h2};

use crate::world::World;

#[tokio::test]
async fn prior_knowledge_is_served() {
    let origin = Origin::start("stable").await;
    let world = World::new(&[origin.addr()]);
    let (mut client, _driver) =
        h2::Client::connect(&weir_testkit::client::Target::plain(world.http())).await.unwrap();
    for length in [0, 10, 100_000, 1_000_000] {
        let response = client.get(&format!("http://a/bytes/{length}")).await.unwrap();
        assert_eq!((response.status.as_u16(), response.body.len()), (200, length));
    }
}
