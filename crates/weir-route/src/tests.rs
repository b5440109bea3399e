//! Rules of matching and splitting, as tables, and the compiled matcher against the reference.

mod release;

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use proptest::prelude::*;
use weir_model::{
    Absent, Affinity, Arm, ArmIndex, Assignment, BackendKey, Blueprint, CanaryAffinity, Case, Condition,
    Delta, Fallback, Filters, HeaderName, Host, HostName, HttpsRedirect, Kind, MatchPath, ObjectRef,
    PathType, Pattern, PortRef, Predicate, Rewrite, Rule, RuleOrigin, SessionCookie, Split, StickyKey,
    Subject, Template, Test, Timeouts,
};

use crate::{
    Context, DecidedBy, Outcome, RedirectTo, Reject, Request, Table, decide, explain, reference, rewrite,
};

#[derive(Clone, Debug)]
struct TestRequest {
    host: String,
    target: String,
    headers: Vec<(String, String)>,
    client: IpAddr,
    secure: bool,
}

fn get(url: &str) -> TestRequest {
    let (host, path) = url.split_once('/').unwrap_or((url, ""));
    TestRequest {
        host: host.to_owned(),
        target: format!("/{path}"),
        headers: Vec::new(),
        client: [192, 0, 2, 1].into(),
        secure: false,
    }
}

impl TestRequest {
    fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl Request for TestRequest {
    fn method(&self) -> &[u8] {
        b"GET"
    }
    fn secure(&self) -> bool {
        self.secure
    }
    fn host(&self) -> &str {
        &self.host
    }
    fn path(&self) -> &[u8] {
        self.target.split('?').next().unwrap().as_bytes()
    }
    fn target(&self) -> &[u8] {
        self.target.as_bytes()
    }
    fn query(&self) -> Option<&[u8]> {
        self.target.split_once('?').map(|(_, query)| query.as_bytes())
    }
    fn header<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r [u8]> {
        self.headers.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_bytes())
    }
    fn client(&self) -> IpAddr {
        self.client
    }
}

fn backend(service: &str) -> BackendKey {
    BackendKey { namespace: "default".into(), service: service.into(), port: PortRef::Number(80) }
}

fn rule(path: MatchPath, precedence: usize, split: Split) -> Rule {
    let service = split.base().backend.service.to_string();
    Rule {
        origin: RuleOrigin {
            object: ObjectRef::new(Kind::Ingress, "default", service),
            host: "a".into(),
            path: path.to_string().into(),
            path_type: PathType::Prefix,
            field: "".into(),
        },
        path,
        precedence,
        conditions: Predicate::default(),
        filters: Filters::default(),
        timeouts: Timeouts::default(),
        split,
    }
}

fn prefix(path: &str, service: &str) -> Rule {
    rule(MatchPath::Prefix(path.into()), 0, Split::only(backend(service)))
}

fn exact(path: &str, service: &str) -> Rule {
    rule(MatchPath::Exact(path.into()), 0, Split::only(backend(service)))
}

fn pattern(text: &str, service: &str) -> Rule {
    rule(MatchPath::Regex(Pattern::path(text).unwrap()), text.len(), Split::only(backend(service)))
}

fn blueprint(hosts: Vec<(&str, Vec<Rule>)>) -> Blueprint {
    let host = |(name, rules): (&str, Vec<Rule>)| {
        let name = HostName::parse(name).unwrap();
        let rules = rules.into_iter().map(Arc::new).collect();
        (name.clone(), Arc::new(Host { name, rules }))
    };
    Blueprint { hosts: hosts.into_iter().map(host).collect(), ..Blueprint::default() }
}

fn table(hosts: Vec<(&str, Vec<Rule>)>) -> Table<bool> {
    Table::compile(&blueprint(hosts), |_, _| true)
}

const CONTEXT: Context = Context { random: 0, https_port: None };

fn served_by(table: &Table<bool>, request: &TestRequest) -> String {
    let decision = decide(table, request, CONTEXT);
    match decision.outcome {
        Outcome::Forward(forward) => {
            decision.rule.unwrap().rule.split.arm(forward.arm).backend.service.to_string()
        }
        Outcome::Redirect(to) => to.status().to_string(),
        Outcome::Reject(reject) => reject.code().to_owned(),
    }
}

#[track_caller]
fn check(table: &Table<bool>, cases: &[(&str, &str)]) {
    for (url, expected) in cases {
        assert_eq!(served_by(table, &get(url)), *expected, "{url}");
    }
}

#[test]
fn host_precedence() {
    let table = table(vec![
        ("a.example.com", vec![prefix("", "exact")]),
        ("*.example.com", vec![prefix("", "short")]),
        ("*.b.example.com", vec![prefix("", "long")]),
    ]);
    check(
        &table,
        &[
            ("a.example.com/", "exact"),
            ("x.example.com/", "short"),
            ("x.b.example.com/", "long"),
            ("x.y.b.example.com/", "long"),
            ("b.example.com/", "short"),
            ("example.com/", "WR-404-HOST"),
        ],
    );
}

#[test]
fn a_host_without_the_path_does_not_fall_through() {
    let table = table(vec![("a", vec![prefix("/x", "x")]), ("", vec![prefix("", "any")])]);
    check(&table, &[("a/x", "x"), ("a/y", "WR-404-PATH"), ("b/y", "any"), ("/y", "any")]);
}

#[test]
fn path_precedence() {
    let table = table(vec![(
        "a",
        vec![
            prefix("", "root"),
            prefix("/foo", "foo"),
            prefix("/foo/bar", "foobar"),
            exact("/foo", "exact"),
            pattern("/foo/[0-9]+", "digits"),
            pattern("/f", "short"),
        ],
    )]);
    check(
        &table,
        &[
            ("a/", "root"),
            ("a/foo", "exact"),
            ("a/foo/", "foo"),
            ("a/foo/x", "foo"),
            ("a/foobar", "short"),
            ("a/foo/bar", "foobar"),
            ("a/foo/bar/x", "foobar"),
            ("a/foo/7", "digits"),
            ("a/foo/barx", "foo"),
            ("a/FOO/7", "digits"),
            ("a/g", "root"),
        ],
    );
}

fn condition(subject: Subject, test: Test) -> Predicate {
    Condition { subject, test, absent: Absent::Fails }.into()
}

fn header_is(name: &str, value: &str) -> Predicate {
    condition(Subject::Header(HeaderName::new(name).unwrap()), Test::Equals(value.into()))
}

#[test]
fn a_failed_condition_leads_to_the_next_rule() {
    let mut first = prefix("/foo", "testers");
    first.conditions = header_is("x-test", "1");
    let table = table(vec![("a", vec![first, prefix("/foo", "all"), prefix("", "root")])]);
    assert_eq!(served_by(&table, &get("a/foo").with("x-test", "1")), "testers");
    assert_eq!(served_by(&table, &get("a/foo")), "all");
}

#[test]
fn repeated_headers_are_joined() {
    let mut only = prefix("", "matched");
    only.conditions = header_is("x", "a, b");
    let table = table(vec![("a", vec![only, prefix("", "rest")])]);
    assert_eq!(served_by(&table, &get("a/").with("x", "a").with("x", "b")), "matched");
    assert_eq!(served_by(&table, &get("a/").with("x", "a")), "rest");
}

fn canary_split(weight: u32) -> (Split, ArmIndex) {
    let mut split = Split::only(backend("stable"));
    split.base_mut().weight = 100 - weight;
    let arm = split.add_arm(Arm::new(backend("canary"), weight));
    (split, arm)
}

fn split_table(split: Split, available: impl Fn(&str) -> bool) -> Table<bool> {
    let rules = vec![rule(MatchPath::Prefix("".into()), 0, split)];
    Table::compile(&blueprint(vec![("a", rules)]), |_, arm| available(&arm.backend.service))
}

fn outcome(table: &Table<bool>, request: &TestRequest, random: u64) -> Option<(ArmIndex, DecidedBy)> {
    match decide(table, request, Context { random, https_port: None }).outcome {
        Outcome::Forward(forward) => Some((forward.arm, forward.decided_by)),
        _ => None,
    }
}

#[test]
fn overrides_come_in_order_before_weights() {
    let (mut split, canary) = canary_split(100);
    split.add_override(header_is("canary", "always"), canary);
    split.add_override(header_is("canary", "never"), ArmIndex::BASE);
    let table = split_table(split, |_| true);
    let decided = |value: &str| outcome(&table, &get("a/").with("canary", value), 0).unwrap();
    assert_eq!(decided("always"), (canary, DecidedBy::Override));
    assert_eq!(decided("never"), (ArmIndex::BASE, DecidedBy::Override));
    assert_eq!(decided("other"), (canary, DecidedBy::Weight));
}

#[test]
fn only_the_audience_is_split() {
    let (mut split, canary) = canary_split(50);
    split.audience = vec![header_is("foo", "bar")];
    let table = split_table(split, |_| true);
    let inside = get("a/").with("foo", "bar");
    assert_eq!(outcome(&table, &inside, 0), Some((canary, DecidedBy::Weight)));
    assert_eq!(outcome(&table, &inside, u64::MAX), Some((ArmIndex::BASE, DecidedBy::Weight)));
    assert_eq!(outcome(&table, &get("a/"), 0), Some((ArmIndex::BASE, DecidedBy::Audience)));
}

#[test]
fn weights_are_exact_over_the_random_space() {
    for weight in [0, 1, 20, 50, 99, 100] {
        let (split, canary) = canary_split(weight);
        let table = split_table(split, |_| true);
        let step = u64::MAX / 10_000;
        let drawn =
            (0..10_000).filter(|at| outcome(&table, &get("a/"), at * step + step / 2).unwrap().0 == canary);
        assert_eq!(drawn.count(), weight as usize * 100, "weight {weight}");
    }
}

#[test]
fn fallback_follows_the_dialect() {
    let cases = [
        (Fallback::ToBase, "stable", 100, Some(ArmIndex::BASE)),
        (Fallback::ToBase, "canary", 0, None),
        (Fallback::ToAny, "stable", 100, Some(ArmIndex::BASE)),
        (Fallback::ToAny, "canary", 0, Some(canary_split(0).1)),
        (Fallback::ToAny, "nobody", 50, None),
    ];
    for (fallback, alive, weight, expected) in cases {
        let (mut split, _) = canary_split(weight);
        split.fallback = fallback;
        let table = split_table(split, |service| service == alive);
        let decided = outcome(&table, &get("a/"), 0);
        assert_eq!(decided.map(|(arm, _)| arm), expected, "{fallback:?} {alive} {weight}");
        if let Some((_, by)) = decided {
            assert_eq!(by, DecidedBy::Fallback);
        }
    }
}

#[test]
fn no_endpoint_is_503() {
    let table = split_table(Split::only(backend("stable")), |_| false);
    let decision = decide(&table, &get("a/"), CONTEXT);
    assert!(matches!(decision.outcome, Outcome::Reject(Reject::NoEndpoint)));
    let explained = explain(&table, &get("a/"), CONTEXT);
    assert_eq!((explained.outcome, explained.status), ("reject", Some(503)));
}

#[test]
fn shares_sum_to_one_after_fallback() {
    let (split, _) = canary_split(20);
    let table = split_table(split.clone(), |service| service == "stable");
    let explained = explain(&table, &get("a/"), CONTEXT);
    let shares: Vec<f64> = explained.arms.iter().map(|arm| arm.share).collect();
    assert_eq!(shares, [1.0, 0.0]);
    assert_eq!(explained.decided_by, Some(DecidedBy::Fallback));
    let explained = explain(&split_table(split, |_| true), &get("a/"), CONTEXT);
    let shares: Vec<f64> = explained.arms.iter().map(|arm| arm.share).collect();
    assert_eq!(shares, [0.8, 0.2]);
    assert_eq!(explained.decided_by, Some(DecidedBy::Weight));
}

#[test]
fn https_redirect_needs_a_listener() {
    let mut only = prefix("", "x");
    only.filters.https_redirect = HttpsRedirect::WithCertificate;
    let table = table(vec![("a", vec![only])]);
    let decided = |https_port| decide(&table, &get("a/"), Context { random: 0, https_port }).outcome;
    assert!(matches!(decided(Some(443)), Outcome::Redirect(RedirectTo::Https(443))));
    assert!(matches!(decided(None), Outcome::Forward(_)));
    let mut secure = get("a/");
    secure.secure = true;
    let outcome = decide(&table, &secure, Context { random: 0, https_port: Some(443) }).outcome;
    assert!(matches!(outcome, Outcome::Forward(_)));
}

#[test]
fn rewrite_is_canonical_again() {
    let mut api = pattern("/api(/|$)(.*)", "api");
    let target = Template::parse("/$2").unwrap();
    api.filters.rewrite = Some(Rewrite { target });
    let rewritten = |url: &str| {
        rewrite(&api, api.filters.rewrite.as_ref().unwrap(), &get(url))
            .map(|(path, query)| (String::from_utf8(path).unwrap(), query))
    };
    assert_eq!(rewritten("a/api/x/y?q=1"), Ok(("/x/y".into(), Some(b"q=1".to_vec()))));
    assert_eq!(rewritten("a/api"), Ok(("/".into(), None)));
    assert!(rewritten("a/api/../secret").is_err() || rewritten("a/api/../secret").unwrap().0 == "/secret");
}

// Stickiness ------------------------------------------------------------------------------------------

fn sticky(key: StickyKey, weight: u32) -> Table<bool> {
    let (mut split, _) = canary_split(weight);
    split.assignment = Assignment::sticky(key);
    split_table(split, |_| true)
}

fn user(table: &Table<bool>, name: &str) -> ArmIndex {
    let (arm, by) = outcome(table, &get("a/").with("cookie", &format!("uid={name}")), 0).unwrap();
    assert_eq!(by, DecidedBy::Sticky);
    arm
}

proptest! {
    #[test]
    fn raising_a_weight_only_adds_users(name in "[a-z0-9]{1,12}", low in 0u32..=100, more in 0u32..=100) {
        let high = (low + more).min(100);
        let key = || StickyKey::Cookie("uid".into());
        if user(&sticky(key(), low), &name) != ArmIndex::BASE {
            prop_assert_ne!(user(&sticky(key(), high), &name), ArmIndex::BASE);
        }
    }
}

#[test]
fn issued_cohorts_agree_with_the_cookie() {
    let table = sticky(StickyKey::Issued, 50);
    for random in (0..100u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15)) {
        let first = decide(&table, &get("a/"), Context { random, https_port: None });
        let Outcome::Forward(first) = first.outcome else { panic!("not forwarded") };
        assert_eq!(first.cookies.cohort, Some(random));
        let again = get("a/").with("cookie", &format!("weir-cohort={random:016x}"));
        let Outcome::Forward(again) = decide(&table, &again, CONTEXT).outcome else {
            panic!("not forwarded")
        };
        assert_eq!((again.arm, again.cookies.cohort), (first.arm, None));
    }
}

fn affinity(canary: CanaryAffinity) -> Affinity {
    let cookie = SessionCookie {
        name: "route".into(),
        path: None,
        domain: None,
        max_age: None,
        expires: None,
        same_site: None,
        secure: None,
        change_on_failure: false,
    };
    Affinity { cookie, canary }
}

fn affinity_table(canary: CanaryAffinity) -> Table<bool> {
    let (mut split, arm) = canary_split(100);
    split.add_override(header_is("x", "always"), arm);
    split.affinity = Some(affinity(canary));
    split_table(split, |_| true)
}

fn session(arm: &str) -> String {
    format!("route={:016x}.{:016x}", crate::hash(0, backend(arm).to_string().as_bytes()), 7)
}

#[test]
fn affinity_keeps_the_side_but_overrides_win() {
    let table = affinity_table(CanaryAffinity::Sticky);
    let kept = get("a/").with("cookie", &session("stable"));
    assert_eq!(outcome(&table, &kept, 0), Some((ArmIndex::BASE, DecidedBy::Sticky)));
    let forced = kept.with("x", "always");
    assert_eq!(outcome(&table, &forced, 0).unwrap().1, DecidedBy::Override);
}

#[test]
fn legacy_affinity_does_not_keep_the_canary() {
    let table = affinity_table(CanaryAffinity::Legacy);
    let canary = get("a/").with("cookie", &session("canary"));
    let Outcome::Forward(forward) = decide(&table, &canary, CONTEXT).outcome else { panic!("not forwarded") };
    assert_eq!((forward.decided_by, forward.cookies.session), (DecidedBy::Weight, None));
}

// The compiled matcher against the reference -------------------------------------------------------------

fn arbitrary_path() -> impl Strategy<Value = String> {
    proptest::collection::vec("[ab]|ab", 0..4)
        .prop_map(|segments| segments.iter().fold(String::new(), |path, segment| path + "/" + segment))
}

fn arbitrary_rule(id: usize) -> impl Strategy<Value = Rule> {
    let conditions = proptest::option::of("[xy]");
    (0..3, arbitrary_path(), conditions).prop_map(move |(kind, path, header)| {
        let service = format!("s{id}");
        let mut rule = match kind {
            0 => exact(if path.is_empty() { "/" } else { &path }, &service),
            1 => prefix(&path, &service),
            _ => pattern(&path.replace('b', "[bc]"), &service),
        };
        if let Some(value) = header {
            rule.conditions = header_is("h", &value);
        }
        rule
    })
}

fn arbitrary_rules() -> impl Strategy<Value = Vec<Rule>> {
    (0usize..8).prop_flat_map(|count| (0..count).map(arbitrary_rule).collect::<Vec<_>>())
}

fn arbitrary_hosts() -> impl Strategy<Value = BTreeMap<String, Vec<Rule>>> {
    let name = prop_oneof!["", "[ab]", "[ab]\\.[ab]", "\\*\\.[ab]", "\\*\\.[ab]\\.[ab]"];
    proptest::collection::btree_map(name, arbitrary_rules(), 0..5)
}

fn arbitrary_request() -> impl Strategy<Value = TestRequest> {
    ("[ab](\\.[ab]){0,2}", arbitrary_path(), any::<bool>(), proptest::option::of("[xyz]")).prop_map(
        |(host, path, slash, header)| {
            let path = if slash || path.is_empty() { path + "/" } else { path };
            let request = get(&format!("{host}{path}"));
            match header {
                Some(value) => request.with("h", &value),
                None => request,
            }
        },
    )
}

fn of_map(hosts: &BTreeMap<String, Vec<Rule>>) -> Blueprint {
    blueprint(hosts.iter().map(|(name, rules)| (name.as_str(), rules.clone())).collect())
}

fn winner(table: &Table<bool>, request: &TestRequest) -> Option<Arc<Rule>> {
    decide(table, request, CONTEXT).rule.map(|rule| Arc::clone(&rule.rule))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn agrees_with_the_reference(hosts in arbitrary_hosts(), request in arbitrary_request()) {
        let blueprint = of_map(&hosts);
        let table = Table::compile(&blueprint, |_, _| true);
        prop_assert_eq!(winner(&table, &request), reference::find(&blueprint, &request).cloned());
    }

    #[test]
    fn applying_a_change_equals_compiling_anew(
        old in arbitrary_hosts(),
        new in arbitrary_hosts(),
        request in arbitrary_request(),
    ) {
        let (old, new) = (of_map(&old), of_map(&new));
        let gone = old.hosts.keys().map(|name| (name.clone(), None));
        let kept = new.hosts.iter().map(|(name, host)| (name.clone(), Some(Arc::clone(host))));
        let delta = Delta { hosts: gone.chain(kept).collect(), ..Delta::default() };
        let changed = Table::compile(&old, |_, _| true).apply(&delta, |_, _| true);
        prop_assert_eq!(winner(&changed, &request), reference::find(&new, &request).cloned());
    }

    #[test]
    fn explaining_agrees_with_deciding(hosts in arbitrary_hosts(), request in arbitrary_request()) {
        let table = Table::compile(&of_map(&hosts), |_, _| true);
        let explained = explain(&table, &request, CONTEXT);
        let origin = winner(&table, &request).map(|rule| rule.origin.clone());
        prop_assert_eq!(explained.rule, origin);
        let sum: f64 = explained.arms.iter().map(|arm| arm.share).sum();
        prop_assert!(explained.outcome != "forward" || (sum - 1.0).abs() < 1e-9);
    }
}

#[test]
fn cookie_and_query_conditions() {
    let subjects = [
        (Subject::Cookie("foo".into(), Case::Insensitive), get("a/").with("cookie", "x=1; Foo=bar")),
        (Subject::Query("foo".into(), Case::Insensitive), get("a/?x=1&FOO=bar")),
    ];
    for (subject, request) in subjects {
        let mut matched = prefix("", "matched");
        matched.conditions = condition(subject, Test::Equals("bar".into()));
        let table = table(vec![("a", vec![matched, prefix("", "rest")])]);
        assert_eq!(served_by(&table, &request), "matched");
        assert_eq!(served_by(&table, &get("a/")), "rest");
    }
}
