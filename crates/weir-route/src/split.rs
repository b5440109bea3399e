//! Giving a request to an arm.

use weir_model::{
    Arm, ArmIndex, Assignment, CanaryAffinity, Condition, Fallback, Override, Rule, Split, Sticky, StickyKey,
};

use crate::{
    Backing, DecidedBy, Request, extract,
    hash::{BUCKETS, hash},
    predicate::first_failure,
};

/// What a split needs beside the model: the owner's backends and a few sums.
#[derive(Debug)]
pub(crate) struct CompiledSplit<B> {
    backings: Box<[B]>,
    total: u64,
    /// Whether more than one arm has a weight, so that the assignment has a choice.
    divides: bool,
    salt: u64,
    /// What session cookies call the arms; empty without affinity.
    cookie_names: Box<[u64]>,
}

/// Cookies that the response has to set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cookies {
    /// A session cookie.
    pub session: Option<Session>,
    /// A cohort cookie with this random value.
    pub cohort: Option<u64>,
}

/// A session cookie with this name of the arm; the caller adds the endpoint that it chose, and sets none if
/// the request's cookie already asked for `asked`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// The first half of the cookie's value.
    pub arm: u64,
    /// The endpoint that the request's own, valid cookie names.
    pub asked: Option<u64>,
}

/// How the arm is found, before it is drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Assigned {
    pub(crate) place: Place,
    /// Whether weights or cohorts decided, and nothing before them.
    pub(crate) divided: bool,
    pub(crate) key: Option<Key>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Fixed(ArmIndex, DecidedBy),
    Weighted,
}

/// What a client is recognised by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) hash: u64,
    /// Whether it is a new cohort, for which the response sets a cookie.
    pub(crate) issued: bool,
}

/// Told about each step of an assignment.
pub(crate) trait WatchSplit {
    fn override_tried(&mut self, split: &Split, tried: &Override, failed: Option<&Condition>);
    fn affinity(&mut self, arm: Option<ArmIndex>);
    fn audience(&mut self, failed: Option<&Condition>);
    fn bucket(&mut self, bucket: u64, key: &str);
    fn new_cohort(&mut self);
    fn fallback(&mut self, from: ArmIndex, to: Option<ArmIndex>);
}

impl WatchSplit for () {
    fn override_tried(&mut self, _: &Split, _: &Override, _: Option<&Condition>) {}
    fn affinity(&mut self, _: Option<ArmIndex>) {}
    fn audience(&mut self, _: Option<&Condition>) {}
    fn bucket(&mut self, _: u64, _: &str) {}
    fn new_cohort(&mut self) {}
    fn fallback(&mut self, _: ArmIndex, _: Option<ArmIndex>) {}
}

// === impl CompiledSplit ===

impl<B> CompiledSplit<B> {
    pub(crate) fn compile(rule: &Rule, resolve: &mut impl FnMut(&Rule, &Arm) -> B) -> Self {
        let arms = rule.split.arms();
        let name = |arm: &Arm| hash(0, arm.backend.to_string().as_bytes());
        let cookie_names =
            if rule.split.affinity.is_some() { arms.iter().map(name).collect() } else { Box::default() };
        Self {
            backings: arms.iter().map(|arm| resolve(rule, arm)).collect(),
            total: arms.iter().map(|arm| u64::from(arm.weight)).sum(),
            divides: arms.iter().filter(|arm| arm.weight > 0).count() > 1,
            salt: salt(rule),
            cookie_names,
        }
    }

    pub(crate) fn backing(&self, arm: ArmIndex) -> &B {
        &self.backings[arm.get()]
    }

    pub(crate) fn backings(&self) -> &[B] {
        &self.backings
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    pub(crate) fn divides(&self) -> bool {
        self.divides
    }

    /// Override, then affinity, then audience, then the kind of assignment.
    pub(crate) fn assign(
        &self,
        split: &Split,
        request: &impl Request,
        random: u64,
        watch: &mut impl WatchSplit,
    ) -> Assigned {
        if let Some((arm, decided_by)) = self.gated(split, request, watch) {
            let key = self.known_key(split, request);
            return Assigned { place: Place::Fixed(arm, decided_by), divided: false, key };
        }
        let (place, key) = match &split.assignment {
            Assignment::Random => (Place::Weighted, None),
            Assignment::Sticky(sticky) => {
                let key = self.key(sticky, request, random, watch);
                (Place::Fixed(self.arm_of_bucket(split, key.bucket()), DecidedBy::Sticky), Some(key))
            }
        };
        Assigned { place, divided: true, key }
    }

    /// What decides before the assignment.
    fn gated(
        &self,
        split: &Split,
        request: &impl Request,
        watch: &mut impl WatchSplit,
    ) -> Option<(ArmIndex, DecidedBy)> {
        if split.arms().len() == 1 {
            return Some((ArmIndex::BASE, DecidedBy::Only));
        }
        if let Some(arm) = overridden(split, request, watch) {
            return Some((arm, DecidedBy::Override));
        }
        if let Some(arm) = self.session_arm(split, request, watch) {
            return Some((arm, DecidedBy::Sticky));
        }
        if split.audience.is_empty() {
            return None;
        }
        if !belongs(split, request, watch) {
            return Some((ArmIndex::BASE, DecidedBy::Audience));
        }
        sole_arm(split).map(|arm| (arm, DecidedBy::Audience))
    }

    /// The arm of the client's session. A release moves clients by their cohort; their session only says
    /// which endpoint of the version they had.
    fn session_arm(
        &self,
        split: &Split,
        request: &impl Request,
        watch: &mut impl WatchSplit,
    ) -> Option<ArmIndex> {
        let affinity = split.affinity.as_ref().filter(|_| split.release.is_none())?;
        let (name, _) = session_cookie(split, request)?;
        let known = |arm: &ArmIndex| self.cookie_names[arm.get()] == name;
        let kept = |arm: &ArmIndex| *arm == ArmIndex::BASE || affinity.canary == CanaryAffinity::Sticky;
        let arm = split.indices().find(known).filter(kept);
        watch.affinity(arm);
        arm
    }

    /// The client's key where it does not decide, which a release counts errors by.
    fn known_key(&self, split: &Split, request: &impl Request) -> Option<Key> {
        split.release.as_ref()?;
        let Assignment::Sticky(sticky) = &split.assignment else { return None };
        Some(self.key(sticky, request, 0, &mut ())).filter(|key| !key.issued)
    }

    fn key(&self, sticky: &Sticky, request: &impl Request, random: u64, watch: &mut impl WatchSplit) -> Key {
        let known = sticky.keys.iter().find_map(|key| self.present(key, request));
        if known.is_none() && sticky.keys.contains(&StickyKey::Issued) {
            watch.new_cohort();
            return Key { hash: hash(self.salt, &cohort_cookie_value(random)), issued: true };
        }
        let (hash, named) = known.unwrap_or_else(|| self.address(request));
        watch.bucket(hash % BUCKETS, named);
        Key { hash, issued: false }
    }

    /// The hash of a key and its name, if the request has it. An empty one tells no clients apart.
    fn present(&self, key: &StickyKey, request: &impl Request) -> Option<(u64, &'static str)> {
        let (value, named) = match key {
            StickyKey::Header(name) => (request.header(name.as_str()).next(), "header"),
            StickyKey::Cookie(name) => (sticky_cookie(request, name), "cookie"),
            StickyKey::Issued => (sticky_cookie(request, COHORT_COOKIE), "cohort cookie"),
            StickyKey::Address => return Some(self.address(request)),
        };
        let value = value.filter(|value| !value.is_empty())?;
        Some((hash(self.salt, value), named))
    }

    fn address(&self, request: &impl Request) -> (u64, &'static str) {
        (self.address_hash(request), "client address")
    }

    fn address_hash(&self, request: &impl Request) -> u64 {
        match request.client() {
            std::net::IpAddr::V4(address) => hash(self.salt, &address.octets()),
            std::net::IpAddr::V6(address) => hash(self.salt, &address.octets()),
        }
    }

    fn arm_of_bucket(&self, split: &Split, bucket: u64) -> ArmIndex {
        pick(split, |upto| bucket * self.total < upto * BUCKETS)
    }

    /// The arm that a random number falls on.
    pub(crate) fn draw(&self, split: &Split, random: u64) -> ArmIndex {
        let point = u64::try_from((u128::from(random) * u128::from(self.total)) >> 64).unwrap_or(0);
        pick(split, |upto| point < upto)
    }

    /// The session cookie that the response has to carry, once the arm is settled.
    pub(crate) fn session(&self, split: &Split, arm: ArmIndex, request: &impl Request) -> Option<Session> {
        let affinity = split.affinity.as_ref()?;
        let kept = arm == ArmIndex::BASE || affinity.canary == CanaryAffinity::Sticky;
        let name = self.cookie_names[arm.get()];
        let asked = || session_cookie(split, request).filter(|(asked, _)| *asked == name);
        kept.then(|| Session { arm: name, asked: asked().map(|(_, endpoint)| endpoint) })
    }
}

impl<B: Backing> CompiledSplit<B> {
    /// The arm that serves in place of one without endpoints.
    pub(crate) fn settle(
        &self,
        split: &Split,
        arm: ArmIndex,
        watch: &mut impl WatchSplit,
    ) -> Option<ArmIndex> {
        let available = |arm: &ArmIndex| self.backing(*arm).available();
        if available(&arm) {
            return Some(arm);
        }
        let to = match split.fallback {
            Fallback::ToBase => Some(ArmIndex::BASE).filter(available),
            Fallback::ToAny => split.indices().find(available),
        };
        watch.fallback(arm, to);
        to
    }
}

// === impl Key ===

impl Key {
    fn bucket(self) -> u64 {
        self.hash % BUCKETS
    }
}

/// Whether a request belongs to the audience.
fn belongs(split: &Split, request: &impl Request, watch: &mut impl WatchSplit) -> bool {
    split.audience.iter().any(|predicate| {
        let failed = first_failure(predicate, request);
        watch.audience(failed);
        failed.is_none()
    })
}

fn overridden(split: &Split, request: &impl Request, watch: &mut impl WatchSplit) -> Option<ArmIndex> {
    let holds = |candidate: &&Override| {
        let failed = first_failure(&candidate.predicate, request);
        watch.override_tried(split, candidate, failed);
        failed.is_none()
    };
    split.overrides().iter().find(holds).map(|winner| winner.arm)
}

/// The one arm that has a weight, if there is just one.
fn sole_arm(split: &Split) -> Option<ArmIndex> {
    let mut weighted = split.indices().filter(|arm| split.arm(*arm).weight > 0);
    let first = weighted.next();
    first.filter(|_| weighted.next().is_none())
}

/// Walks the arms with their cumulated weights, canaries before the base, so that raising a canary's
/// weight only ever adds to it.
fn pick(split: &Split, within: impl Fn(u64) -> bool) -> ArmIndex {
    let mut upto = 0;
    let reached = |arm: &ArmIndex| {
        upto += u64::from(split.arm(*arm).weight);
        within(upto)
    };
    split.indices().skip(1).find(reached).unwrap_or(ArmIndex::BASE)
}

/// The cookie that carries a client's cohort where Weir issues one.
pub(crate) const COHORT_COOKIE: &str = "weir-cohort";

/// What a newly issued cohort cookie holds.
pub(crate) fn cohort_cookie_value(random: u64) -> [u8; 16] {
    let mut text = [b'0'; 16];
    for (index, digit) in text.iter_mut().enumerate() {
        let nibble = (random >> (60 - 4 * index)) & 15;
        *digit = b"0123456789abcdef"[usize::try_from(nibble).unwrap_or(0)];
    }
    text
}

fn sticky_cookie<'r>(request: &'r impl Request, name: &str) -> Option<&'r [u8]> {
    extract::cookie(request.header("cookie"), name.as_bytes(), weir_model::Case::Sensitive)
}

/// Arm and endpoint named by the request's session cookie: `<16 hex digits>.<16 hex digits>`.
fn session_cookie(split: &Split, request: &impl Request) -> Option<(u64, u64)> {
    let affinity = split.affinity.as_ref()?;
    let value = std::str::from_utf8(sticky_cookie(request, &affinity.cookie.name)?).ok()?;
    let (arm, endpoint) = value.split_once('.')?;
    Some((u64::from_str_radix(arm, 16).ok()?, u64::from_str_radix(endpoint, 16).ok()?))
}

/// Without a salt of their own, two routes put the same client into unrelated buckets, so nobody is first
/// everywhere.
fn salt(rule: &Rule) -> u64 {
    if let Assignment::Sticky(Sticky { salt: Some(salt), .. }) = &rule.split.assignment {
        return hash(0, salt.as_bytes());
    }
    let origin = &rule.origin;
    let name = format!("{}/{}{}", origin.object.namespace, origin.host, origin.path);
    hash(0, name.as_bytes())
}
