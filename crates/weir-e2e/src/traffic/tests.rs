//! The clients against a backend alone, without a proxy or a cluster.

use weir_testkit::{
    H2Origin,
    pod::{Config, Server},
};

use super::*;

async fn servers(https: &Https, host: &str) -> anyhow::Result<[Server; 2]> {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let config = Config { version: "v1".to_owned(), pod: "pod".to_owned(), ..Config::default() };
    let tls = https.leaf(&[host])?.server(&["h2", "http/1.1"])?;
    let secure = Config { tls: Some(tls), ..config.clone() };
    Ok([Server::start(any, config).await?, Server::start(any, secure).await?])
}

fn flow(https: &Https, host: &str) -> Flow {
    Flow { host: host.to_owned(), path: "/".to_owned(), https: https.clone() }
}

#[tokio::test]
async fn clients_are_answered_and_leave_when_they_are_asked_to() -> anyhow::Result<()> {
    let (https, host) = (Https::new()?, "a.test");
    let [mut plain, mut tls] = servers(&https, host).await?;
    let via = Via { name: "backend".to_owned(), http: plain.addr(), https: tls.addr() };
    let journal = Journal::default();
    let traffic = Traffic::new(&journal, &flow(&https, host), [via]).pace(Duration::from_millis(2));
    let running = traffic.start().await?;
    plain.drain();
    tls.drain();
    running.more(200).await?;
    let tally = running.stop().await?;
    tokio::join!(plain.finish(), tls.finish());
    assert_eq!(tally.failed(), 0, "{tally}");
    assert_eq!(tally.version("v1"), tally.sent());
    for (client, method) in Client::every_kind() {
        assert!(
            tally.of(|kind, sent| (kind, sent) == (client, method)).sent > 0,
            "{client} {method:?}: {tally}"
        );
    }
    assert_eq!(journal.sum().sent(), tally.sent());
    Ok(())
}

#[tokio::test]
async fn calls_last_until_they_are_asked_to_end() -> anyhow::Result<()> {
    let (https, host) = (Https::new()?, "a.test");
    let origin = H2Origin::start("v1", None).await?;
    let via = Via { name: "backend".to_owned(), http: origin.addr(), https: origin.addr() };
    let mut call = Client::Grpc.talk(Method::Post, &flow(&https, host), &via)?;
    let Outcome::Failed(why) = call.turn().await else { panic!("an answer without a message is no echo") };
    assert!(why.contains("the end"), "{why}");
    let [plain, _tls] = servers(&https, host).await?;
    let via = Via { name: "backend".to_owned(), http: plain.addr(), https: plain.addr() };
    let mut call = Client::Grpc.talk(Method::Post, &flow(&https, host), &via)?;
    for _ in 0..3 {
        assert!(matches!(call.turn().await, Outcome::Good(version) if &*version == "v1"));
    }
    assert_eq!(plain.requests(), 1, "one call");
    Ok(())
}

#[tokio::test]
async fn what_is_not_answered_well_has_failed() -> anyhow::Result<()> {
    let (https, host) = (Https::new()?, "a.test");
    let [plain, tls] = servers(&https, host).await?;
    let via = Via { name: "backend".to_owned(), http: plain.addr(), https: tls.addr() };
    let stranger = Https::new()?;
    for (path, https, client, expected) in [
        ("/?status=503", &https, Client::KeepAlive, "503 from the backend"),
        ("/?status=503", &https, Client::PriorKnowledge, "503 from the backend"),
        ("/", &stranger, Client::PerRequestTls, "invalid peer certificate"),
        ("/", &stranger, Client::Http2, "invalid peer certificate"),
    ] {
        let flow = Flow { path: path.to_owned(), ..flow(https, host) };
        let mut talk = client.talk(Method::Get, &flow, &via)?;
        let Outcome::Failed(why) = talk.turn().await else { panic!("{client} takes {path} for good") };
        assert!(why.contains(expected), "{client} {path}: {why}");
    }
    Ok(())
}

#[tokio::test]
async fn a_load_that_does_not_begin_well_says_so() -> anyhow::Result<()> {
    let https = Https::new()?;
    let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
    let via = Via { name: "nobody".to_owned(), http: nobody, https: nobody };
    let traffic = Traffic::new(&Journal::default(), &flow(&https, "a.test"), [via]);
    let error = traffic.start().await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("does not begin well") && error.contains("connecting"), "{error}");
    Ok(())
}
