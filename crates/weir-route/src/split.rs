//! Giving a request to an arm.

use weir_model::{
    Arm, ArmIndex, Assignment, CanaryAffinity, Condition, Fallback, Override, Rule, Split, StickyKey,
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
    salt: u64,
    /// What session cookies call the arms; empty without affinity.
    cookie_names: Box<[u64]>,
}

/// A cookie that the response has to set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookie {
    /// A session cookie with this name of the arm; the caller adds the endpoint that it chose, and sets
    /// none if the request's cookie already asked for `asked`.
    Session {
        /// The first half of the cookie's value.
        arm: u64,
        /// The endpoint that the request's own, valid cookie names.
        asked: Option<u64>,
    },
    /// A cohort cookie with this random value.
    Cohort(u64),
}

/// How the arm is found, before it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Assigned {
    Fixed(ArmIndex, DecidedBy),
    Weighted,
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

    /// Override, then affinity, then audience, then the kind of assignment.
    pub(crate) fn assign(
        &self,
        split: &Split,
        request: &impl Request,
        random: u64,
        watch: &mut impl WatchSplit,
    ) -> Assigned {
        if split.arms().len() == 1 {
            return Assigned::Fixed(ArmIndex::BASE, DecidedBy::Only);
        }
        if let Some(arm) = overridden(split, request, watch) {
            return Assigned::Fixed(arm, DecidedBy::Override);
        }
        if let Some(arm) = self.session_arm(split, request, watch) {
            return Assigned::Fixed(arm, DecidedBy::Sticky);
        }
        if let Some(audience) = &split.audience {
            let failed = first_failure(audience, request);
            watch.audience(failed);
            if failed.is_some() {
                return Assigned::Fixed(ArmIndex::BASE, DecidedBy::Audience);
            }
            if let Some(arm) = sole_arm(split) {
                return Assigned::Fixed(arm, DecidedBy::Audience);
            }
        }
        match &split.assignment {
            Assignment::Random => Assigned::Weighted,
            Assignment::Sticky(key) => {
                let bucket = self.bucket(key, request, random, watch);
                Assigned::Fixed(self.arm_of_bucket(split, bucket), DecidedBy::Sticky)
            }
        }
    }

    fn session_arm(
        &self,
        split: &Split,
        request: &impl Request,
        watch: &mut impl WatchSplit,
    ) -> Option<ArmIndex> {
        let affinity = split.affinity.as_ref()?;
        let (name, _) = session_cookie(split, request)?;
        let known = |arm: &ArmIndex| self.cookie_names[arm.get()] == name;
        let kept = |arm: &ArmIndex| *arm == ArmIndex::BASE || affinity.canary == CanaryAffinity::Sticky;
        let arm = split.indices().find(known).filter(kept);
        watch.affinity(arm);
        arm
    }

    fn bucket(
        &self,
        key: &StickyKey,
        request: &impl Request,
        random: u64,
        watch: &mut impl WatchSplit,
    ) -> u64 {
        let (hashed, named) = match key {
            StickyKey::Header(name) => (request.header(name.as_str()).next(), "header"),
            StickyKey::Cookie(name) => (sticky_cookie(request, name), "cookie"),
            StickyKey::Issued => (sticky_cookie(request, COHORT_COOKIE), "cohort cookie"),
            StickyKey::Address => (None, "client address"),
        };
        let (value, named) = match (hashed, key) {
            (Some(value), _) => (hash(self.salt, value), named),
            (None, StickyKey::Issued) => {
                watch.new_cohort();
                return hash(self.salt, &cohort_cookie_value(random)) % BUCKETS;
            }
            (None, _) => (self.address_hash(request), "client address"),
        };
        let bucket = value % BUCKETS;
        watch.bucket(bucket, named);
        bucket
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

    /// The cookie that the response has to carry, once the arm is settled.
    pub(crate) fn cookie(
        &self,
        split: &Split,
        arm: ArmIndex,
        request: &impl Request,
        random: u64,
    ) -> Option<Cookie> {
        if let Some(affinity) = &split.affinity {
            let kept = arm == ArmIndex::BASE || affinity.canary == CanaryAffinity::Sticky;
            let name = self.cookie_names[arm.get()];
            let asked = session_cookie(split, request)
                .filter(|(asked, _)| *asked == name)
                .map(|(_, endpoint)| endpoint);
            return kept.then_some(Cookie::Session { arm: name, asked });
        }
        let issues = split.assignment == Assignment::Sticky(StickyKey::Issued);
        let missing = issues && sticky_cookie(request, COHORT_COOKIE).is_none();
        missing.then_some(Cookie::Cohort(random))
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

/// Two routes put the same client into unrelated buckets, so nobody is first in every release.
fn salt(rule: &Rule) -> u64 {
    let origin = &rule.origin;
    let name = format!("{}/{}{}", origin.object.namespace, origin.host, origin.path);
    hash(0, name.as_bytes())
}
