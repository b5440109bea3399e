//! The load against an origin: it counts right, and it sees every failure.

use std::time::Duration;

use weir_testkit::{
    Act, Origin, RawOrigin,
    client::Target,
    load::{self, Plan, rate},
};

#[tokio::test]
async fn closed_loop_counts() {
    let origin = Origin::start("stable").await;
    let report = Plan::get(origin.addr(), "a.test", "/bytes/100").connections(4).total(200).run().await;
    report.assert_clean();
    assert_eq!((report.ok, report.version("stable"), origin.count()), (200, 200, 200));
    assert_eq!(origin.connections(), 4);
}

#[tokio::test]
async fn connection_per_request() {
    let origin = Origin::start("stable").await;
    let plan = Plan::get(origin.addr(), "a.test", "/").connections(2).total(20).connection_per_request();
    plan.run().await.assert_clean();
    assert_eq!(origin.connections(), 20);
}

#[tokio::test]
async fn runs_until_stopped() {
    let origin = Origin::start("stable").await;
    let running = Plan::get(origin.addr(), "a.test", "/").connections(4).start();
    running.more(100).await;
    let report = running.stop().await;
    report.assert_clean();
    assert!(report.ok >= 100);
}

#[tokio::test]
async fn failures_have_reasons() -> anyhow::Result<()> {
    let cases: [(&[u8], &str); 3] = [
        (b"", "new connection: closed before the first byte"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", "new connection: closed inside a message"),
        (b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n", "status 500"),
    ];
    for (reply, reason) in cases {
        let origin = RawOrigin::start(move |_| Act::ReplyAndClose(reply.to_vec())).await?;
        let report = Plan::get(origin.addr(), "a.test", "/").connections(1).total(1).run().await;
        assert_eq!(report.failures.keys().collect::<Vec<_>>(), [reason]);
    }
    Ok(())
}

#[tokio::test]
async fn posts_are_whole() {
    let origin = Origin::start("stable").await;
    let body = weir_testkit::pattern(16 * 1024);
    let requests = vec![load::post("a.test", "/", &[], &body)];
    let report = Plan::new(Target::plain(origin.addr()), requests).connections(2).total(10).run().await;
    report.assert_clean();
    assert!(origin.requests().iter().all(|request| request.body_len == 16 * 1024));
}

#[tokio::test]
async fn constant_rate_keeps_its_schedule() {
    let origin = Origin::start("stable").await;
    let plan = Plan::get(origin.addr(), "a.test", "/").connections(2).total(100);
    let report = rate::run(plan, 1000).await;
    report.assert_clean();
    assert!(report.elapsed >= Duration::from_millis(99), "{report}");
}
