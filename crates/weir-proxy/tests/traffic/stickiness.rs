//! Clients that keep their version or their endpoint.

use std::collections::BTreeMap;

use weir_model::{Affinity, Arm, Assignment, CanaryAffinity, SessionCookie, Split, StickyKey};
use weir_testkit::{Origin, client::get};

use crate::world::{World, config, endpoints, key, rule};

fn cookie() -> SessionCookie {
    SessionCookie {
        name: "route".into(),
        path: None,
        domain: None,
        max_age: Some(std::time::Duration::from_hours(48)),
        expires: None,
        same_site: None,
        secure: None,
        change_on_failure: false,
    }
}

fn half() -> Split {
    let mut split = Split::only(key("app"));
    split.base_mut().weight = 50;
    split.add_arm(Arm::new(key("new"), 50));
    split
}

fn set_cookie(response: &weir_testkit::wire::Response) -> Option<String> {
    response.headers.get("set-cookie").map(|cookie| cookie.split(';').next().unwrap().to_owned())
}

#[tokio::test]
async fn a_session_keeps_its_endpoint_while_it_lives() {
    let origins = [Origin::start("one").await, Origin::start("two").await, Origin::start("three").await];
    let addresses: Vec<_> = origins.iter().map(Origin::addr).collect();
    let mut split = Split::only(key("app"));
    split.affinity = Some(Affinity { cookie: cookie(), canary: CanaryAffinity::Sticky });
    let world = World::with(config(), rule(split), &addresses);
    let first = get(world.http(), "a", "/", &[]).await.unwrap();
    let attributes = first.headers.get("set-cookie").unwrap().to_owned();
    assert!(attributes.contains("; Path=/; Max-Age=172800; HttpOnly"), "{attributes}");
    let session = set_cookie(&first).unwrap();
    for _ in 0..20 {
        let again = get(world.http(), "a", "/", &[("cookie", &session)]).await.unwrap();
        assert_eq!((again.text(), set_cookie(&again)), (first.text(), None));
    }
    let gone = first.text().trim().to_owned();
    let rest: Vec<_> = origins.iter().filter(|origin| origin.name() != gone).map(Origin::addr).collect();
    world.proxy.apply(&endpoints("app", &rest));
    let moved = get(world.http(), "a", "/", &[("cookie", &session)]).await.unwrap();
    assert!(moved.text() != first.text() && set_cookie(&moved).is_some());
}

#[tokio::test]
async fn issued_cohorts_are_kept_and_split_exactly() {
    let (old, new) = (Origin::start("old").await, Origin::start("new").await);
    let mut split = half();
    split.assignment = Assignment::sticky(StickyKey::Issued);
    let world = World::with(config(), rule(split), &[old.addr()]);
    world.proxy.apply(&endpoints("new", &[new.addr()]));
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..200 {
        let first = get(world.http(), "a", "/", &[]).await.unwrap();
        let cohort = set_cookie(&first).unwrap();
        let again = get(world.http(), "a", "/", &[("cookie", &cohort)]).await.unwrap();
        assert_eq!((again.text(), set_cookie(&again)), (first.text(), None));
        *counts.entry(first.text()).or_default() += 1;
    }
    // Six standard deviations of 200 fair draws.
    assert!(counts.values().all(|count| (58..=142).contains(count)), "{counts:?}");
}
