//! Users against backends alone, without a proxy or a cluster.

use std::net::SocketAddr;

use weir_testkit::{
    client,
    pod::{Config, Server},
};

use super::*;

async fn server(version: &str) -> anyhow::Result<(Server, Via)> {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let config = Config { version: version.to_owned(), pod: "pod".to_owned(), ..Config::default() };
    let server = Server::start(any, config).await?;
    let via = Via { name: "proxy".to_owned(), http: server.addr(), https: server.addr() };
    Ok((server, via))
}

#[tokio::test]
async fn those_who_are_hit_are_counted() -> anyhow::Result<()> {
    let (server, via) = server("v1").await?;
    let visits = Users::new("a.test", vec![via]).count(20).rate(2_000).start();
    visits.more(50).await?;
    client::get(server.addr(), "a.test", "/fault?errors=100", &[]).await?;
    visits.more(50).await?;
    client::get(server.addr(), "a.test", "/fault?errors=0", &[]).await?;
    visits.more(50).await?;
    let story = visits.stop().await?;
    assert!(story.errors >= 40 && story.version("v1") >= 90, "{story}");
    assert!((1..=20).contains(&story.hit.len()) && story.trouble() > Some(Duration::ZERO), "{story}");
    assert!(story.what.as_deref() == Some("500 from v1 by proxy"), "{story}");
    Ok(())
}

#[test]
fn whoever_changes_the_version_is_noticed() {
    let mut story = Story::default();
    let mut visit = |user, via, version: &str| {
        story.add(Visit { user, via, since: Instant::now(), answer: Ok((200, version.to_owned())) });
    };
    // Another proxy may not have heard of a change yet.
    for (user, via, version) in
        [(1, "a", "v1"), (1, "b", "v2"), (1, "a", "v2"), (2, "a", "v2"), (2, "a", "v1")]
    {
        visit(user, via, version);
    }
    assert_eq!((story.changed("v1", "v2"), story.changed("v2", "v1")), (1, 1));
}

#[tokio::test]
async fn each_user_is_asked_for_once() -> anyhow::Result<()> {
    let (server, via) = server("v2").await?;
    let users = Users::new("a.test", vec![via.clone()]).count(1_003);
    let answers = users.who_gets(&via, "v2").await?;
    assert_eq!((answers.len(), server.requests()), (1_003, 1_003));
    assert!(answers.iter().all(|answer| *answer));
    assert!(users.who_gets(&via, "v1").await?.iter().all(|answer| !answer));
    Ok(())
}
