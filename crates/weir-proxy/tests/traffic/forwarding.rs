//! What the backend and the client get to see.

use weir_model::{HeaderEdit, HeaderName, Rewrite, Split, Template};
use weir_testkit::Origin;

use crate::world::{World, config, key, rule};

#[tokio::test]
async fn a_request_reaches_its_backend_and_the_connection_stays() {
    let origin = Origin::start("stable").await;
    let world = World::new(&[origin.addr()]);
    let mut client = world.connect().await;
    for _ in 0..3 {
        let response = client.get("a", "/x?y=1").await.unwrap();
        assert_eq!((response.status, response.text().as_str()), (200, "stable\n"));
        assert!(response.keeps_alive());
    }
    assert_eq!(origin.connections(), 1, "the connection to the backend is used again");
    assert_eq!(origin.requests()[0].target, "/x?y=1");
}

#[tokio::test]
async fn hop_by_hop_fields_stay_on_their_hop() {
    let origin = Origin::start("stable").await;
    let world = World::new(&[origin.addr()]);
    let request = "GET / HTTP/1.1\r\nHost: A:8080\r\nConnection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n\
                   X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nForwarded: for=6.6.6.6\r\n\
                   bad_name: 1\r\nX-Kept: 2\r\n\r\n";
    world.connect().await.exchange(request).await.unwrap();
    let seen = &origin.requests()[0];
    let value = |name: &str| {
        let found = seen.headers.0.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone()).collect::<Vec<_>>().join("|")
    };
    assert_eq!(value("host"), "A:8080");
    for absent in ["x-hop", "keep-alive", "connection", "forwarded", "bad_name"] {
        assert_eq!(value(absent), "", "{absent}");
    }
    assert_eq!(value("x-kept"), "2");
    assert_eq!(value("x-forwarded-for"), "127.0.0.1");
    assert_eq!(value("x-real-ip"), "127.0.0.1");
    assert_eq!(value("x-forwarded-proto"), "http");
    assert_eq!(value("x-forwarded-host"), "A:8080");
    assert_eq!(value("x-forwarded-port"), world.http().port().to_string());
    assert_eq!(world.proxy.metrics().totals().underscored, 1);
}

#[tokio::test]
async fn paths_are_forwarded_in_canonical_form() {
    let origin = Origin::start("stable").await;
    let world = World::new(&[origin.addr()]);
    let mut client = world.connect().await;
    for path in ["/a//b/../c", "/%61%2d", "http://a/abs?x"] {
        assert_eq!(client.get("a", path).await.unwrap().status, 200, "{path}");
    }
    let targets: Vec<String> = origin.requests().iter().map(|seen| seen.target.clone()).collect();
    assert_eq!(targets, ["/a/c", "/a-", "/abs?x"]);
    let refused = client.get("a", "/../etc").await.unwrap();
    assert_eq!((refused.status, refused.headers.get("weir-error")), (400, Some("WR-400-PATH")));
}

#[tokio::test]
async fn unknown_hosts_and_paths_are_404_with_a_code() {
    let world = World::new(&[]);
    let mut client = world.connect().await;
    let response = client.get("b", "/").await.unwrap();
    assert_eq!((response.status, response.headers.get("weir-error")), (404, Some("WR-404-HOST")));
    let response = client.get("a", "/").await.unwrap();
    assert_eq!((response.status, response.headers.get("weir-error")), (503, Some("WR-503-ENDPOINT")));
}

#[tokio::test]
async fn rules_rewrite_paths_hosts_and_headers() {
    let origin = Origin::start("stable").await;
    let mut split = Split::only(key("app"));
    let name = |text: &str| HeaderName::new(text).unwrap();
    split.base_mut().headers.request =
        vec![HeaderEdit::Set(name("x-set"), "new".into()), HeaderEdit::Remove(name("x-gone"))];
    split.base_mut().headers.response =
        vec![HeaderEdit::Add(name("x-more"), "1".into()), HeaderEdit::Remove(name("x-version"))];
    let mut rule = rule(split);
    rule.path = weir_model::MatchPath::Regex(weir_model::Pattern::path("/api(/|$)(.*)").unwrap());
    rule.filters.rewrite = Some(Rewrite { target: Template::parse("/$2").unwrap() });
    rule.filters.upstream_host = Some("inner.example".into());
    let world = World::with(config(), rule, &[origin.addr()]);
    let request = "GET /api/headers?q HTTP/1.1\r\nhost: a\r\nx-set: old\r\nx-gone: 1\r\n\r\n";
    let response = world.connect().await.exchange(request).await.unwrap();
    assert_eq!(response.headers.get("x-more"), Some("1"));
    assert_eq!(response.headers.get("x-version"), None);
    let seen = &origin.requests()[0];
    assert_eq!(seen.target, "/headers?q");
    let text = response.text();
    assert!(text.contains("inner.example") && text.contains("new") && !text.contains("old"), "{text}");
    assert!(!text.contains("x-gone"), "{text}");
}

#[tokio::test]
async fn http10_clients_get_what_they_understand() {
    let origin = Origin::start("stable").await;
    let world = World::new(&[origin.addr()]);
    let request = "GET /chunked/5000 HTTP/1.0\r\nHost: a\r\n\r\n";
    let bytes = weir_testkit::client::raw_until_close(world.http(), request).await.unwrap();
    let text = String::from_utf8_lossy(&bytes).to_lowercase();
    assert!(text.starts_with("http/1.1 200"), "{text}");
    assert!(!text.contains("transfer-encoding"), "{text}");
    let body = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    assert_eq!(bytes.len() - body, 5000);
    let mut client = world.connect().await;
    let request = "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n";
    for _ in 0..2 {
        let response = client.exchange(request).await.unwrap();
        assert_eq!(response.headers.get("connection"), Some("keep-alive"));
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let origin = Origin::start("stable").await;
    let world = World::new(&[origin.addr()]);
    let mut client = world.connect().await;
    let requests = (0..20).map(|n| format!("GET /bytes/{n} HTTP/1.1\r\nhost: a\r\n\r\n"));
    client.send(requests.collect::<Vec<_>>().concat()).await.unwrap();
    for length in 0..20 {
        assert_eq!(client.response().await.unwrap().body.len(), length);
    }
}

#[tokio::test]
async fn informational_responses_and_trailers_pass() {
    let origin = Origin::start("stable").await;
    let world = World::new(&[origin.addr()]);
    let mut client = world.connect().await;
    let response = client.get("a", "/hints").await.unwrap();
    assert_eq!(response.status, 200);
    assert_eq!(response.interim.first().map(|head| head.status), Some(103));
    let response = client.get("a", "/trailers").await.unwrap();
    assert!(!response.trailers.0.is_empty());
}
