//! Releases: who gets which version, and whose outcomes are compared.

use std::collections::BTreeSet;

use weir_model::{BASIS_POINTS, ErrorRule, ReleaseMark, Role, Sticky};

use super::*;
use crate::Forward;

fn mark() -> Arc<ReleaseMark> {
    let (namespace, name) = ("shop".into(), "web".into());
    Arc::new(ReleaseMark {
        namespace,
        name,
        attempt: 1,
        epoch: 7,
        errors: ErrorRule::default(),
        retiring: None,
    })
}

fn keys(keys: &[StickyKey]) -> Assignment {
    Assignment::Sticky(Sticky { keys: keys.to_vec(), salt: Some("shop/web/1".into()) })
}

fn uid() -> StickyKey {
    StickyKey::Header(HeaderName::new("x-user-id").unwrap())
}

/// Both versions, by the header `x-user-id`, else an issued cookie.
fn released(weight: u32) -> (Split, ArmIndex) {
    let (mut split, canary) = Split::versions(mark(), backend("stable"), backend("canary"), weight);
    split.assignment = keys(&[uid(), StickyKey::Issued]);
    (split, canary)
}

fn at(weight: u32) -> Table<bool> {
    split_table(released(weight).0, |_| true)
}

fn forward_with(table: &Table<bool>, request: &TestRequest, random: u64) -> Forward {
    match decide(table, request, Context { random, https_port: None }).outcome {
        Outcome::Forward(forward) => forward,
        other => panic!("{other:?}"),
    }
}

fn forward(table: &Table<bool>, request: &TestRequest) -> Forward {
    forward_with(table, request, 0)
}

fn of_user(user: impl std::fmt::Display) -> TestRequest {
    get("a/").with("x-user-id", &user.to_string())
}

fn on_canary(table: &Table<bool>, request: &TestRequest) -> bool {
    forward(table, request).arm != ArmIndex::BASE
}

#[test]
fn over_a_whole_ramp_no_key_ever_returns_to_stable() {
    let users: Vec<TestRequest> = (0..40).map(|user| of_user(format!("user-{user}"))).collect();
    let mut moved = BTreeSet::new();
    for weight in 0..=BASIS_POINTS {
        let table = at(weight);
        let canary: BTreeSet<usize> =
            (0..users.len()).filter(|user| on_canary(&table, &users[*user])).collect();
        assert!(canary.is_superset(&moved), "{weight}: {moved:?} then {canary:?}");
        moved = canary;
        assert!(weight > 0 || moved.is_empty());
    }
    assert_eq!(moved.len(), users.len());
}

#[test]
fn the_share_of_keys_is_the_weight() {
    for weight in [100, 2_000, 5_000] {
        let table = at(weight);
        let canary = (0..100_000_u64)
            .map(|user| of_user(crate::hash(9, &user.to_be_bytes())))
            .filter(|request| on_canary(&table, request))
            .count();
        let asked = weight as usize * 10;
        assert!(canary.abs_diff(asked) <= 300, "{canary} of 100000 at {weight} basis points");
    }
}

/// Two proxies, and several rules of one release.
#[test]
fn a_key_has_one_version_on_every_route_and_in_every_proxy() {
    let rule_at = |path: &str| rule(MatchPath::Prefix(path.into()), 0, released(3_000).0);
    let tables = [0, 1].map(|_| {
        table(vec![("a", vec![rule_at(""), rule_at("/cart")]), ("*.b", vec![rule_at("/checkout")])])
    });
    for user in 0..1_000 {
        let mut seen = BTreeSet::new();
        for (table, url) in tables.iter().flat_map(|t| ["a/", "a/cart/x", "c.b/checkout"].map(|url| (t, url)))
        {
            let decided = forward(table, &get(url).with("x-user-id", &user.to_string()));
            seen.insert((decided.arm, decided.key));
        }
        assert_eq!(seen.len(), 1, "{user}: {seen:?}");
    }
}

#[test]
fn without_a_shared_salt_rules_put_a_key_into_unrelated_buckets() {
    let rule_at = |path: &str| {
        let (mut split, _) = released(5_000);
        split.assignment = Assignment::sticky(uid());
        rule(MatchPath::Prefix(path.into()), 0, split)
    };
    let table = table(vec![("a", vec![rule_at(""), rule_at("/cart")])]);
    let differs = |user: &u32| {
        let at = |url: &str| on_canary(&table, &get(url).with("x-user-id", &user.to_string()));
        at("a/") != at("a/cart")
    };
    let different = (0..1_000).filter(differs).count();
    assert!((400..600).contains(&different), "{different}");
}

#[test]
fn the_first_key_that_a_request_has_counts() {
    let (mut split, _) = released(5_000);
    split.assignment = keys(&[uid(), StickyKey::Cookie("uid".into()), StickyKey::Issued]);
    let table = split_table(split, |_| true);
    let key = |request: &TestRequest| forward_with(&table, request, 5).key;
    let (header, cookie) = (get("a/").with("x-user-id", "u"), get("a/").with("cookie", "uid=u"));
    let both = get("a/").with("x-user-id", "u").with("cookie", "uid=other; weir-cohort=1");
    assert_eq!((key(&both), key(&cookie)), (key(&header), key(&header)));
    let empty = get("a/").with("x-user-id", "").with("cookie", "uid=u");
    assert_eq!(key(&empty), key(&header), "an empty key is none");
    let cohort = get("a/").with("cookie", "weir-cohort=0000000000000005");
    assert_eq!((key(&cohort), key(&get("a/"))), (key(&get("a/")), key(&cohort)));
    for (request, issued) in [(&header, None), (&cookie, None), (&cohort, None), (&get("a/"), Some(5))] {
        assert_eq!(forward_with(&table, request, 5).cookies.cohort, issued, "{request:?}");
    }
}

#[test]
fn without_an_issued_cookie_the_address_is_the_last_key() {
    let (mut split, _) = released(5_000);
    split.assignment = keys(&[uid()]);
    let table = split_table(split, |_| true);
    let from = |octet| {
        let mut request = get("a/");
        request.client = [192, 0, 2, octet].into();
        forward(&table, &request)
    };
    assert_eq!((from(1).key, from(1).cookies.cohort), (from(1).key, None));
    assert_ne!(from(1).key, from(2).key);
}

#[test]
fn an_audience_is_any_of_its_predicates() {
    let (mut split, canary) = released(10_000);
    split.audience = vec![header_is("beta", "1"), header_is("team", "qa")];
    let table = split_table(split, |_| true);
    for (name, value, arm) in [
        ("beta", "1", canary),
        ("team", "qa", canary),
        ("beta", "0", ArmIndex::BASE),
        ("x", "1", ArmIndex::BASE),
    ] {
        let decided = forward(&table, &get("a/").with(name, value));
        assert_eq!((decided.arm, decided.decided_by), (arm, DecidedBy::Audience), "{name}={value}");
    }
}

/// Only what chance has divided says something about the versions.
#[test]
fn only_the_randomised_are_compared() {
    let user = || get("a/").with("x-user-id", "u");
    let (mut split, canary) = released(5_000);
    split.audience = vec![header_is("beta", "1")];
    split.add_override(header_is("qa", "1"), canary);
    split.add_override(header_is("qa", "0"), ArmIndex::BASE);
    let beta = split_table(split.clone(), |_| true);
    let one_down = split_table(split, |service| service == "stable");
    let sole = Split::version(mark(), Role::Canary, backend("canary"));
    let cases = [
        ("divided", &at(5_000), user(), true),
        ("divided, a new client", &at(5_000), get("a/"), true),
        ("override", &beta, user().with("qa", "1"), false),
        ("opt-out", &beta, user().with("qa", "0"), false),
        ("outsider", &beta, user(), false),
        ("audience", &beta, user().with("beta", "1"), true),
        ("no canary yet", &at(0), user(), false),
        ("no stable any more", &at(10_000), user(), false),
        ("one arm", &split_table(sole, |_| true), user(), false),
    ];
    for (case, table, request, compared) in cases {
        assert_eq!(forward(table, &request).compared, compared, "{case}");
    }
    let fell_back = |user: &u32| {
        let request = of_user(user).with("beta", "1");
        let (whole, down) = (forward(&beta, &request), forward(&one_down, &request));
        assert_eq!(down.compared, whole.arm == ArmIndex::BASE);
        down.decided_by == DecidedBy::Fallback
    };
    assert!((0..100).any(|user| fell_back(&user)));
}

/// Errors are counted once per client, also of those whom an override sends.
#[test]
fn the_key_is_known_whatever_decides() {
    let (mut split, canary) = released(5_000);
    split.add_override(header_is("qa", "1"), canary);
    let table = split_table(split, |_| true);
    let user = get("a/").with("x-user-id", "u");
    let divided = forward(&table, &user).key;
    assert!(divided.is_some());
    assert_eq!(forward(&table, &user.with("qa", "1")).key, divided);
    let stranger = forward(&table, &get("a/").with("qa", "1"));
    assert_eq!((stranger.key, stranger.cookies.cohort), (None, None), "nobody gets a cookie in vain");
}

#[test]
fn the_even_half_is_drawn_independently_of_the_bucket() {
    for weight in [1, 9_999] {
        let table = at(weight);
        let decided: Vec<Forward> = (0..1_000_000).map(|user| forward(&table, &of_user(user))).collect();
        for arm in [false, true] {
            let of_arm = || decided.iter().filter(|one| (one.arm != ArmIndex::BASE) == arm);
            let (all, even) = (of_arm().count(), of_arm().filter(|one| one.is_even()).count());
            // Six standard deviations of as many fair draws.
            assert!(even.abs_diff(all / 2) <= 3 * all.isqrt(), "{even} of {all} at {weight}");
        }
    }
}

#[test]
fn a_version_without_endpoints_is_replaced_by_the_other() {
    for (alive, weight) in [("stable", 10_000), ("canary", 0)] {
        let (split, _) = released(weight);
        let table = split_table(split, |service| service == alive);
        assert_eq!(forward(&table, &of_user("u")).decided_by, DecidedBy::Fallback);
        assert_eq!(served_by(&table, &of_user("u")), alive);
    }
    let sole = Split::version(mark(), Role::Canary, backend("canary"));
    assert_eq!(
        served_by(&split_table(sole, |service| service == "stable"), &of_user("u")),
        "WR-503-ENDPOINT"
    );
}

/// A session keeps its endpoint inside a version; a release moves it between versions.
#[test]
fn a_session_does_not_hold_a_client_back() {
    let with_affinity = |weight| {
        let (mut split, _) = released(weight);
        split.affinity = Some(affinity(CanaryAffinity::Sticky));
        split_table(split, |_| true)
    };
    let of_stable = of_user("u").with("cookie", &session("stable"));
    let before = forward(&with_affinity(0), &of_stable);
    assert_eq!((before.arm, before.cookies.session.unwrap().asked), (ArmIndex::BASE, Some(7)));
    let after = forward(&with_affinity(10_000), &of_stable);
    assert_ne!(after.arm, ArmIndex::BASE);
    assert_eq!(after.cookies.session.unwrap().asked, None, "the old endpoint is not one of the new version");
    let new = forward_with(&with_affinity(5_000), &get("a/"), 5).cookies;
    assert!(new.session.is_some() && new.cohort == Some(5), "{new:?}");
}

#[test]
fn the_explanation_names_release_epoch_and_bucket() {
    let explained = explain(&at(5_000), &of_user("u"), CONTEXT);
    let release = explained.release.unwrap();
    assert_eq!((&*release.namespace, &*release.name, release.attempt, release.epoch), ("shop", "web", 1, 7));
    let bucket = release.bucket.unwrap();
    assert_eq!(release.version, Some(if bucket < 5_000 { Role::Canary } else { Role::Stable }));
    assert!(release.compared);
    let steps: Vec<&str> = explained.trace.iter().map(|step| step.step).collect();
    assert!(steps.contains(&"release") && steps.contains(&"sticky"), "{steps:?}");
    let new = explain(&at(5_000), &get("a/"), CONTEXT).release.unwrap();
    assert_eq!((new.version, new.bucket), (None, None), "a new client's version is drawn");
}

// The compiled split against the reference -----------------------------------------------------------

fn arbitrary_split() -> impl Strategy<Value = Split> {
    let audience = proptest::collection::vec("[xy]", 0..3);
    (0..=BASIS_POINTS, audience, proptest::option::of(("[xy]", any::<bool>())), any::<bool>()).prop_map(
        |(weight, audience, forced, sticky)| {
            let (mut split, canary) = released(weight);
            split.audience = audience.iter().map(|value| header_is("beta", value)).collect();
            if let Some((value, to_canary)) = forced {
                split.add_override(header_is("qa", &value), if to_canary { canary } else { ArmIndex::BASE });
            }
            if !sticky {
                split.assignment = Assignment::Random;
            }
            split
        },
    )
}

fn arbitrary_client() -> impl Strategy<Value = TestRequest> {
    let value = || proptest::option::of("[xyz]");
    (value(), value(), proptest::option::of("[a-z]{0,6}")).prop_map(|(beta, qa, user)| {
        let fields = [("beta", beta), ("qa", qa), ("x-user-id", user)];
        let given = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
        given.fold(get("a/"), |request, (name, value)| request.with(name, &value))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn divides_as_the_reference_does(
        split in arbitrary_split(),
        request in arbitrary_client(),
        random in any::<u64>(),
        alive in "stable|canary|.*",
    ) {
        let available = |service: &str| !["stable", "canary"].contains(&&*alive) || service == alive;
        let table = split_table(split.clone(), available);
        let decided = forward_with(&table, &request, random);
        let expected = reference::arm(&split, &request, random, available);
        prop_assert_eq!((decided.arm, decided.compared), expected);
    }
}
