//! Releases: who gets which version, and what is counted of each.

use std::{sync::Arc, time::Duration};

use weir_model::{
    Assignment, BASIS_POINTS, Delta, ErrorRule, HeaderName, ReleaseMark, ReleaseReading, Rule, Split, Sticky,
    StickyKey, UpstreamProtocol, VersionReading,
};
use weir_testkit::{
    Act, H2Origin, Origin, RawOrigin,
    client::{Target, get},
    h2,
};

use crate::world::{World, config, endpoints, host, key, rule};

/// How long a test waits for the counters.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn mark(epoch: u64) -> ReleaseMark {
    ReleaseMark {
        namespace: "shop".into(),
        name: "web".into(),
        attempt: 1,
        epoch,
        errors: ErrorRule::default(),
        retiring: None,
    }
}

/// By the header `x-user-id`, else by an issued cookie.
pub(crate) fn by_user() -> Assignment {
    let header = StickyKey::Header(HeaderName::new("x-user-id").unwrap());
    Assignment::Sticky(Sticky { keys: vec![header, StickyKey::Issued], salt: Some("shop/web/1".into()) })
}

/// Both versions of an epoch: `app` is stable, `new` the canary.
pub(crate) fn both(mark: ReleaseMark, weight: u32) -> Split {
    let (mut split, _) = Split::versions(Arc::new(mark), key("app"), key("new"), weight);
    split.assignment = by_user();
    split
}

/// A world with a split in force, and endpoints of the canary.
pub(crate) fn world(split: Split, stable: &[std::net::SocketAddr], canary: &[std::net::SocketAddr]) -> World {
    with_rule(rule(split), stable, canary)
}

fn with_rule(rule: Rule, stable: &[std::net::SocketAddr], canary: &[std::net::SocketAddr]) -> World {
    let world = World::with(config(), rule, stable);
    world.proxy.apply(&endpoints("new", canary));
    world
}

pub(crate) fn route(split: Split) -> Delta {
    host("a", vec![rule(split)])
}

pub(crate) fn reading(world: &World) -> ReleaseReading {
    let mut all = world.proxy.releases();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// Waits until the counters say so.
pub(crate) async fn until(
    world: &World,
    what: &str,
    found: impl Fn(&ReleaseReading) -> bool,
) -> ReleaseReading {
    let waiting = async {
        loop {
            let now = reading(world);
            if found(&now) {
                return now;
            }
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    waited.unwrap_or_else(|_| panic!("{what}: {:#?}", reading(world)))
}

async fn ask(world: &World, path: &str, user: &str) -> (u16, String) {
    let response = get(world.http(), "a", path, &[("x-user-id", user)]).await.unwrap();
    (response.status, response.text())
}

fn requests(read: &ReleaseReading) -> u64 {
    read.stable.requests + read.canary.requests
}

fn is_idle(read: &ReleaseReading) -> bool {
    read.stable.in_flight + read.canary.in_flight == 0
}

fn attempts(version: &VersionReading) -> u64 {
    version.requests + version.other_requests
}

#[tokio::test]
async fn attempts_are_counted_by_version() {
    let (old, new) = (Origin::start("old").await, Origin::start("new").await);
    let world = world(both(mark(1), 3_000), &[old.addr()], &[new.addr()]);
    for user in 0..200 {
        ask(&world, "/", &user.to_string()).await;
    }
    let read = until(&world, "200 attempts", |r| r.stable.requests + r.canary.requests == 200).await;
    for (version, origin) in [(&read.stable, &old), (&read.canary, &new)] {
        assert_eq!(version.requests, origin.count());
        assert_eq!(version.durations.iter().map(|(_, count)| count).sum::<u64>(), origin.count());
        let even = version.even_requests;
        assert!(even > 0 && even < version.requests, "{even} of {}", version.requests);
        assert_eq!((version.errors, version.other_requests, version.cohorts), (0, 0, 0));
    }
    let idle = until(&world, "nothing in flight", |r| r.stable.in_flight + r.canary.in_flight == 0).await;
    assert!(idle.stable.connections > 0, "kept for the next request");
    assert!(world.proxy.uptime() > Duration::ZERO);
}

#[tokio::test]
async fn a_slow_answer_lies_in_a_later_bin() {
    let (old, new) = (Origin::start("old").await, Origin::start("new").await);
    let world = world(both(mark(1), 5_000), &[old.addr()], &[new.addr()]);
    ask(&world, "/delay/80", "u").await;
    let read = until(&world, "an attempt", |r| attempts(&r.stable) + attempts(&r.canary) == 1).await;
    let bins = [read.stable.durations, read.canary.durations].concat();
    let bound = weir_model::duration_bins::bound_of(bins[0].0.into());
    assert!((Duration::from_millis(80)..Duration::from_secs(10)).contains(&bound), "{bound:?}");
}

#[tokio::test]
async fn new_clients_get_a_cohort_that_names_no_version_and_are_counted() {
    let (old, new) = (Origin::start("old").await, Origin::start("new").await);
    let world = world(both(mark(1), 5_000), &[old.addr()], &[new.addr()]);
    for _ in 0..20 {
        let first = get(world.http(), "a", "/", &[]).await.unwrap();
        let cookie = first.headers.get("set-cookie").unwrap().to_owned();
        let (pair, attributes) = cookie.split_once(';').unwrap();
        let value = pair.strip_prefix("weir-cohort=").unwrap();
        assert!(value.len() == 16 && u64::from_str_radix(value, 16).is_ok(), "{cookie}");
        assert_eq!(attributes, " Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly");
        let again = get(world.http(), "a", "/", &[("cookie", pair)]).await.unwrap();
        assert_eq!((again.text(), again.headers.get("set-cookie")), (first.text(), None));
    }
    let read = until(&world, "40 attempts", |r| r.stable.requests + r.canary.requests == 40).await;
    assert_eq!(
        (read.stable.cohorts * 2, read.canary.cohorts * 2),
        (read.stable.requests, read.canary.requests)
    );
}

#[tokio::test]
async fn two_proxies_and_every_step_agree_on_a_client() {
    let (old, new) = (Origin::start("old").await, Origin::start("new").await);
    let worlds = [(); 2].map(|()| world(both(mark(1), 100), &[old.addr()], &[new.addr()]));
    let mut moved = 0;
    for (epoch, weight) in [(2, 2_000), (3, 5_000), (4, BASIS_POINTS)] {
        for world in &worlds {
            world.proxy.apply(&route(both(mark(epoch), weight)));
        }
        let mut on_canary = 0;
        for user in 0..50 {
            let [one, other] = worlds.each_ref();
            let user = user.to_string();
            let (here, there) = (ask(one, "/", &user).await, ask(other, "/", &user).await);
            assert_eq!(here, there, "{user} at {weight}");
            on_canary += usize::from(here.1 == "new\n");
        }
        assert!(on_canary >= moved, "{on_canary} after {moved}");
        moved = on_canary;
    }
    assert_eq!(moved, 50);
}

#[tokio::test]
async fn of_who_has_an_error_neither_errors_nor_requests_count_for_a_while() {
    let (old, new) = (Origin::start("old").await, Origin::start("new").await);
    let world = world(both(mark(1), 5_000), &[old.addr()], &[new.addr()]);
    assert_eq!(ask(&world, "/status/503", "one").await.0, 503);
    ask(&world, "/status/500", "two").await;
    until(&world, "2 errors", |r| r.stable.errors + r.canary.errors == 2).await;
    for _ in 0..4 {
        ask(&world, "/status/503", "one").await;
        ask(&world, "/", "two").await;
        ask(&world, "/status/404", "three").await;
        ask(&world, "/", "four").await;
    }
    let read = until(&world, "10 attempts", |r| is_idle(r) && requests(r) == 10).await;
    assert_eq!(read.stable.errors + read.canary.errors, 2, "{read:#?}");
    let durations = [read.stable.durations, read.canary.durations].concat();
    assert_eq!(durations.iter().map(|(_, count)| count).sum::<u64>(), 10);
    assert_eq!(old.count() + new.count(), 18);
}

#[tokio::test]
async fn the_release_says_what_an_error_is() {
    let (old, new) = (Origin::start("old").await, Origin::start("new").await);
    let errors = ErrorRule { statuses: vec![404..=404, 429..=429], ..ErrorRule::default() };
    let world = world(both(ReleaseMark { errors, ..mark(1) }, 5_000), &[old.addr()], &[new.addr()]);
    for (user, status) in [("a", 404), ("b", 429), ("c", 500), ("d", 403)] {
        ask(&world, &format!("/status/{status}"), user).await;
    }
    let read = until(&world, "4 attempts", |r| r.stable.requests + r.canary.requests == 4).await;
    assert_eq!(read.stable.errors + read.canary.errors, 2);
}

#[tokio::test]
async fn those_whom_an_override_sends_are_counted_apart() {
    let (old, new) = (Origin::start("old").await, Origin::start("new").await);
    let mut split = both(mark(1), 0);
    let canary = split.arm_of(weir_model::Role::Canary).unwrap();
    let condition = weir_model::Condition {
        subject: weir_model::Subject::Header(HeaderName::new("qa").unwrap()),
        test: weir_model::Test::Present,
        absent: weir_model::Absent::Fails,
    };
    split.add_override(condition.into(), canary);
    let world = world(split, &[old.addr()], &[new.addr()]);
    for _ in 0..3 {
        let qa = [("qa", "1"), ("x-user-id", "u")];
        assert_eq!(get(world.http(), "a", "/status/500", &qa).await.unwrap().status, 500);
    }
    let read = until(&world, "an attempt", |r| is_idle(r) && r.canary.other_errors == 1).await;
    assert_eq!((read.canary.requests, read.canary.errors, read.canary.other_requests), (0, 0, 1));
    assert_eq!(new.count(), 3);
}

/// What the client never saw counts all the same: versions are judged, not the proxy's patience.
#[tokio::test]
async fn a_reset_that_was_retried_counts_as_an_error() {
    let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec();
    let shaky = RawOrigin::start(move |seen| match seen.connection {
        0 => Act::Reset,
        _ if seen.is_whole() => Act::Reply(reply.clone()),
        _ => Act::Wait,
    });
    let shaky = shaky.await.unwrap();
    let world = world(both(mark(1), BASIS_POINTS - 1), &[shaky.addr()], &[shaky.addr()]);
    assert_eq!(ask(&world, "/", "u").await.0, 200);
    let read = until(&world, "an attempt", |r| is_idle(r) && requests(r) > 0).await;
    assert_eq!((requests(&read), read.stable.errors + read.canary.errors), (1, 1));
}

#[tokio::test]
async fn endpoints_that_refuse_or_take_too_long_count_as_the_release_says() {
    let gone = Origin::start("gone").await;
    let nobody = gone.addr();
    gone.kill().await;
    let slow = Origin::start("slow").await;
    for (resets, timeouts) in [(true, true), (false, false)] {
        let errors = ErrorRule { resets, timeouts, ..ErrorRule::default() };
        let split = both(ReleaseMark { errors, ..mark(1) }, 5_000);
        let refused = world(split.clone(), &[nobody], &[nobody]);
        assert_eq!(ask(&refused, "/", "u").await.0, 502);
        let read = until(&refused, "attempts", |r| r.stable.requests + r.canary.requests > 0).await;
        assert_eq!(read.stable.errors + read.canary.errors, u64::from(resets), "refused");
        let mut impatient = rule(split);
        impatient.timeouts.read = Some(Duration::from_millis(200));
        let late = with_rule(impatient, &[slow.addr()], &[slow.addr()]);
        assert_eq!(ask(&late, "/hold", "u").await.0, 504);
        let read = until(&late, "an attempt", |r| r.stable.requests + r.canary.requests == 1).await;
        assert_eq!(read.stable.errors + read.canary.errors, u64::from(timeouts), "late");
    }
}

fn over_http2(split: Split, origin: &H2Origin) -> World {
    let mut rule = rule(split);
    rule.filters.protocol = UpstreamProtocol::Http2;
    with_rule(rule, &[origin.addr()], &[origin.addr()])
}

#[tokio::test]
async fn who_gave_up_says_nothing_about_a_version() {
    let origin = H2Origin::start("any", None).await.unwrap();
    let world = over_http2(both(mark(1), 5_000), &origin);
    let (mut client, _connection) = h2::Client::connect(&Target::plain(world.http())).await.unwrap();
    let held = tokio::spawn(async move { client.get("http://a/hold").await });
    until(&world, "in flight", |r| r.stable.in_flight + r.canary.in_flight == 1).await;
    while origin.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    held.abort();
    origin.abandoned().await;
    let read = until(&world, "nothing in flight", |r| r.stable.in_flight + r.canary.in_flight == 0).await;
    assert_eq!((attempts(&read.stable), attempts(&read.canary)), (0, 0));
}

#[tokio::test]
async fn the_status_of_a_grpc_call_counts() {
    let origin = H2Origin::start("any", None).await.unwrap();
    let world = over_http2(both(mark(1), 5_000), &origin);
    let (mut client, _connection) = h2::Client::connect(&Target::plain(world.http())).await.unwrap();
    let codes = [(0, 0), (5, 0), (13, 1), (14, 1), (4, 0), (2, 1)];
    let mut expected = 0;
    for (done, (code, error)) in (1..).zip(codes) {
        let request = http::Request::get(format!("http://a/grpc/{code}")).header("x-user-id", code);
        let response = client.send(request.body(bytes::Bytes::new()).unwrap()).await.unwrap();
        assert_eq!(response.trailers.unwrap()["grpc-status"], code.to_string());
        expected += error;
        let read = until(&world, "an attempt", |r| r.stable.requests + r.canary.requests == done).await;
        assert_eq!(read.stable.errors + read.canary.errors, expected, "{code}");
    }
}

#[tokio::test]
async fn counters_survive_new_weights_and_begin_anew_with_another_try() {
    let (old, new) = (Origin::start("old").await, Origin::start("new").await);
    let world = world(both(mark(1), 5_000), &[old.addr()], &[new.addr()]);
    ask(&world, "/", "u").await;
    let counted = |r: &ReleaseReading| r.stable.requests + r.canary.requests;
    until(&world, "an attempt", |r| counted(r) == 1).await;
    world.proxy.apply(&route(both(mark(2), 7_000)));
    let read = reading(&world);
    assert_eq!((read.epoch, counted(&read)), (2, 1));
    world.proxy.apply(&route(both(ReleaseMark { attempt: 2, ..mark(3) }, 7_000)));
    let read = reading(&world);
    assert_eq!((read.attempt, read.epoch, counted(&read)), (2, 3, 0));
    world.proxy.apply(&route(Split::only(key("app"))));
    assert_eq!(world.proxy.releases(), []);
}

/// Rules are changed one after the other where one of them cannot be read.
#[tokio::test]
async fn the_epoch_in_force_is_that_of_the_last_rule_to_follow() {
    let origin = Origin::start("old").await;
    let world = world(both(mark(4), 0), &[origin.addr()], &[origin.addr()]);
    world.proxy.apply(&host("b", vec![rule(both(mark(5), 10))]));
    assert_eq!(reading(&world).epoch, 4);
    world.proxy.apply(&route(both(mark(5), 10)));
    assert_eq!(reading(&world).epoch, 5);
}

#[tokio::test]
async fn a_version_without_endpoints_is_replaced_but_never_by_a_detached_one() {
    let (old, new) = (Origin::start("old").await, Origin::start("new").await);
    let world = world(both(mark(1), BASIS_POINTS), &[old.addr()], &[new.addr()]);
    assert_eq!(ask(&world, "/", "u").await.1, "new\n");
    world.proxy.apply(&endpoints("new", &[]));
    assert_eq!(ask(&world, "/", "u").await.1, "old\n");
    let sole = Split::version(Arc::new(mark(2)), weir_model::Role::Canary, key("new"));
    world.proxy.apply(&route(sole));
    assert_eq!(ask(&world, "/", "u").await.0, 503);
}
