//! The same decision, with its reasons.

use std::collections::BTreeMap;

use serde::Serialize;
use weir_model::{
    ArmIndex, Condition, Finding, HostName, MatchPath, Override, PathType, PortRef, ReleaseMark, Role, Rule,
    RuleOrigin, Split,
};

use crate::{
    Backing, Context, DecidedBy, Forward, Outcome, RedirectTo, Reject, Request, Table,
    decide::{Observer, decide_observed, unmet},
    host_table::{CompiledRule, Watch},
    render::{self, location},
    split::WatchSplit,
};

/// How many rules that did not match are listed.
const NEAR_MISSES: usize = 20;

/// What an arm would get of this very request.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Share {
    /// The Service's namespace.
    pub namespace: String,
    /// The Service's name.
    pub service: String,
    /// The Service's port.
    pub port: PortRef,
    /// Between 0 and 1, after fallback; all shares of a forwarded request sum to 1.
    pub share: f64,
}

/// What a release has to do with the decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OfRelease {
    /// The Release's namespace.
    pub namespace: String,
    /// The Release's name.
    pub name: String,
    /// Which try of it.
    pub attempt: u64,
    /// Its routing in force.
    pub epoch: u64,
    /// The version that serves, unless that is drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Role>,
    /// The client's bucket of 10,000, where that decided. The canary has those below its share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<u64>,
    /// Whether its outcome is compared between the versions.
    pub compared: bool,
}

/// One line of the decision tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Which step of the decision.
    pub step: &'static str,
    /// What was seen there.
    pub detail: String,
}

/// The decision for one request and how it came about.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// `forward`, `redirect` or `reject`.
    pub outcome: &'static str,
    /// The HTTP status, unless the backend decides it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The stable code of a reject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// The `Location` of a redirect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The rule that won.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleOrigin>,
    /// Path and query as the backend would see them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forwarded_target: Option<String>,
    /// Every arm of the rule.
    pub arms: Vec<Share>,
    /// Which step gave the request to its arm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<DecidedBy>,
    /// The release that overlays the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<OfRelease>,
    /// The steps in order.
    pub trace: Vec<Step>,
    /// What is known about the objects involved; filled in by the caller.
    pub findings: Vec<Finding>,
}

#[derive(Default)]
struct Recorder {
    trace: Vec<Step>,
    weighted: bool,
    bucket: Option<u64>,
}

impl Recorder {
    fn note(&mut self, step: &'static str, detail: impl Into<String>) {
        self.trace.push(Step { step, detail: detail.into() });
    }
}

/// Decides and says why. With a weighted split, `share` tells the odds instead of one draw.
pub fn explain<B: Backing>(table: &Table<B>, request: &impl Request, context: Context) -> Explanation {
    let mut recorder = Recorder::default();
    let decision = decide_observed(table, request, context, &mut recorder);
    near_misses(table, request, decision.rule, &mut recorder);
    let mut explanation = Explanation::new(decision.rule);
    match (decision.outcome, decision.rule) {
        (Outcome::Forward(forward), Some(rule)) => {
            explanation.forward(rule, Some(forward), request, &mut recorder);
        }
        (Outcome::Reject(_), Some(rule)) if recorder.weighted && is_served(rule) => {
            explanation.forward(rule, None, request, &mut recorder);
        }
        (Outcome::Redirect(to), Some(rule)) => explanation.redirect(to, rule, request),
        (Outcome::Reject(reject), rule) => explanation.reject(reject, rule),
        (Outcome::Forward(_) | Outcome::Redirect(_), None) => {}
    }
    explanation.trace = recorder.trace;
    explanation
}

impl Explanation {
    fn new<B>(rule: Option<&CompiledRule<B>>) -> Self {
        Self {
            outcome: "",
            status: None,
            code: None,
            location: None,
            rule: rule.map(|rule| rule.rule.origin.clone()),
            forwarded_target: None,
            arms: Vec::new(),
            decided_by: None,
            release: None,
            trace: Vec::new(),
            findings: Vec::new(),
        }
    }

    /// `decision` is `None` where this draw found no endpoint, but another would.
    fn forward<B: Backing>(
        &mut self,
        rule: &CompiledRule<B>,
        decision: Option<Forward>,
        request: &impl Request,
        recorder: &mut Recorder,
    ) {
        let arm = decision.map_or(ArmIndex::BASE, |forward| forward.arm);
        let drawn = decision.map_or(DecidedBy::Weight, |forward| forward.decided_by);
        let shares = shares(rule, arm, recorder);
        self.outcome = "forward";
        self.decided_by = Some(decided_by(rule, &shares, drawn, recorder));
        self.arms = named(rule, &shares);
        self.release = of_release(rule, decision, recorder);
        self.set_target(&rule.rule, request, recorder);
    }

    fn redirect<B>(&mut self, to: RedirectTo<'_>, rule: &CompiledRule<B>, request: &impl Request) {
        let location = location(to, &rule.rule, request);
        self.outcome = "redirect";
        self.status = Some(to.status());
        self.location = Some(String::from_utf8_lossy(&location).into_owned());
    }

    fn reject<B>(&mut self, reject: Reject, rule: Option<&CompiledRule<B>>) {
        self.outcome = "reject";
        self.status = Some(reject.status());
        self.code = Some(reject.code());
        self.arms = rule.map(|rule| named(rule, &BTreeMap::new())).unwrap_or_default();
    }

    fn set_target(&mut self, rule: &Rule, request: &impl Request, recorder: &mut Recorder) {
        let Some(rewrite) = &rule.filters.rewrite else { return };
        match render::rewrite(rule, rewrite, request) {
            Ok((path, query)) => {
                let query = query.map(|query| [b"?", &query[..]].concat()).unwrap_or_default();
                let target = String::from_utf8_lossy(&[path, query].concat()).into_owned();
                recorder.note("rewrite", format!("{} becomes {target}", rewrite.target));
                self.forwarded_target = Some(target);
            }
            Err(bad) => {
                recorder.note("rewrite", format!("refused: {bad}"));
                self.outcome = "reject";
                self.status = Some(400);
                self.code = Some("WR-400-PATH");
                self.decided_by = None;
            }
        }
    }
}

fn of_release<B>(
    rule: &CompiledRule<B>,
    decision: Option<Forward>,
    recorder: &Recorder,
) -> Option<OfRelease> {
    let split = &rule.rule.split;
    let mark = split.release.as_deref()?;
    let settled = decision.filter(|_| !recorder.weighted);
    Some(OfRelease {
        namespace: mark.namespace.to_string(),
        name: mark.name.to_string(),
        attempt: mark.attempt,
        epoch: mark.epoch,
        version: settled.and_then(|forward| split.arm(forward.arm).role),
        bucket: recorder.bucket,
        compared: decision.is_some_and(|forward| forward.compared),
    })
}

/// Whether any draw finds an endpoint.
fn is_served<B: Backing>(rule: &CompiledRule<B>) -> bool {
    let split = &rule.rule.split;
    split.indices().any(|arm| odds(rule, arm) > 0.0 && rule.split.settle(split, arm, &mut ()).is_some())
}

/// The share of every arm for this request, after fallback.
fn shares<B: Backing>(rule: &CompiledRule<B>, arm: ArmIndex, recorder: &Recorder) -> BTreeMap<ArmIndex, f64> {
    if !recorder.weighted {
        return BTreeMap::from([(arm, 1.0)]);
    }
    let split = &rule.rule.split;
    let mut shares = BTreeMap::new();
    for arm in split.indices() {
        let to = rule.split.settle(split, arm, &mut ()).unwrap_or(arm);
        *shares.entry(to).or_insert(0.0) += odds(rule, arm);
    }
    shares
}

/// The odds of drawing an arm. All weights zero means the base.
fn odds<B>(rule: &CompiledRule<B>, arm: ArmIndex) -> f64 {
    let weight = f64::from(rule.rule.split.arm(arm).weight);
    match rule.split.total() {
        0 if arm == ArmIndex::BASE => 1.0,
        0 => 0.0,
        #[expect(clippy::cast_precision_loss, reason = "weights are far below 2^52")]
        total => weight / total as f64,
    }
}

/// One draw may or may not fall back; the explanation says "fallback" when any of them would.
fn decided_by<B>(
    rule: &CompiledRule<B>,
    shares: &BTreeMap<ArmIndex, f64>,
    decided_by: DecidedBy,
    recorder: &Recorder,
) -> DecidedBy {
    let moved = |(arm, share): (&ArmIndex, &f64)| (share - odds(rule, *arm)).abs() > 1e-9;
    if recorder.weighted && shares.iter().any(moved) { DecidedBy::Fallback } else { decided_by }
}

fn named<B>(rule: &CompiledRule<B>, shares: &BTreeMap<ArmIndex, f64>) -> Vec<Share> {
    let split = &rule.rule.split;
    let share = |arm: ArmIndex| {
        let backend = &split.arm(arm).backend;
        Share {
            namespace: backend.namespace.to_string(),
            service: backend.service.to_string(),
            port: backend.port.clone(),
            share: shares.get(&arm).copied().unwrap_or(0.0),
        }
    };
    split.indices().map(share).collect()
}

/// Lists rules of the host that did not match, each with the first thing that failed.
fn near_misses<B: Backing>(
    table: &Table<B>,
    request: &impl Request,
    winner: Option<&CompiledRule<B>>,
    recorder: &mut Recorder,
) {
    let Some(host) = table.host(request.host()) else {
        let known: Vec<String> = table.host_names().take(NEAR_MISSES).map(HostName::to_string).collect();
        recorder
            .note("host", format!("{:?} is not served; served are: {}", request.host(), known.join(", ")));
        return;
    };
    let lost = host.rules.iter().filter(|rule| winner.is_none_or(|winner| !std::ptr::eq(*rule, winner)));
    for rule in lost.take(NEAR_MISSES) {
        recorder
            .note("near miss", format!("{}: {}", name(&rule.rule), why_lost(&rule.rule, request, winner)));
    }
    let more = host.rules.len().saturating_sub(NEAR_MISSES + 1);
    if more > 0 {
        recorder.note("near miss", format!("and {more} more rules of this host"));
    }
}

fn why_lost<B>(rule: &Rule, request: &impl Request, winner: Option<&CompiledRule<B>>) -> String {
    if !path_matches(&rule.path, request.path()) {
        return format!("path {} is not {}", String::from_utf8_lossy(request.path()), rule.path);
    }
    if let Some(condition) = crate::predicate::first_failure(&rule.conditions, request) {
        return unmet(condition);
    }
    winner.map_or_else(String::new, |winner| format!("{} takes precedence", winner.rule.path))
}

/// Whether a path matches by itself, without precedence.
fn path_matches(matcher: &MatchPath, path: &[u8]) -> bool {
    match matcher {
        MatchPath::Exact(exact) => exact.as_bytes() == path,
        MatchPath::Prefix(prefix) => {
            path.strip_prefix(prefix.as_bytes()).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
        }
        MatchPath::Regex(pattern) => pattern.is_match(path),
    }
}

fn name(rule: &Rule) -> String {
    let origin = &rule.origin;
    let path_type = match origin.path_type {
        PathType::Exact => "Exact",
        PathType::Prefix => "Prefix",
        PathType::ImplementationSpecific => "ImplementationSpecific",
    };
    format!("{} {}{} ({path_type})", origin.object, origin.host, origin.path)
}

// === impl Recorder ===

impl<B> Watch<B> for Recorder {
    fn condition_failed(&mut self, rule: &CompiledRule<B>, condition: &Condition) {
        self.note("path", format!("{}: {}", name(&rule.rule), unmet(condition)));
    }
}

impl WatchSplit for Recorder {
    fn override_tried(&mut self, split: &Split, tried: &Override, failed: Option<&Condition>) {
        let backend = &split.arm(tried.arm).backend;
        let detail = failed.map_or_else(|| format!("{} holds", tried.predicate), unmet);
        self.note("override", format!("to {backend}: {detail}"));
    }

    fn affinity(&mut self, arm: Option<ArmIndex>) {
        let detail = match arm {
            Some(arm) => format!("the session cookie names arm {}", arm.get()),
            None => "the session cookie names no arm of this rule".to_owned(),
        };
        self.note("affinity", detail);
    }

    fn audience(&mut self, failed: Option<&Condition>) {
        self.note("audience", failed.map_or_else(|| "the request belongs to it".to_owned(), unmet));
    }

    fn bucket(&mut self, bucket: u64, key: &str) {
        self.bucket = Some(bucket);
        self.note("sticky", format!("bucket {bucket} of 10000, by {key}"));
    }

    fn new_cohort(&mut self) {
        self.weighted = true;
        self.note("sticky", "a new client gets a cookie with a random bucket");
    }

    fn fallback(&mut self, from: ArmIndex, to: Option<ArmIndex>) {
        let detail = match to {
            Some(to) => format!("arm {} has no endpoint; arm {} serves", from.get(), to.get()),
            None => format!("arm {} has no endpoint, and nobody takes over", from.get()),
        };
        self.note("fallback", detail);
    }
}

impl<B> Observer<B> for Recorder {
    fn host(&mut self, host: &HostName) {
        self.note("host", format!("served as {host}"));
    }

    fn rule(&mut self, rule: &CompiledRule<B>) {
        self.note("rule", format!("{} wins by {}", name(&rule.rule), rule.rule.path));
        if let Some(ReleaseMark { namespace, name, attempt, epoch, .. }) = rule.rule.split.release.as_deref()
        {
            self.note("release", format!("{namespace}/{name}, attempt {attempt}, epoch {epoch}"));
        }
    }

    fn redirected(&mut self, by: &'static str) {
        self.note("redirect", by);
    }

    fn source(&mut self, allowed: bool) {
        self.note("source", if allowed { "the client is allowed" } else { "the client is not allowed" });
    }

    fn unauthenticated(&mut self) {
        self.note("authentication", "the Ingress asks for authentication, which Weir does not implement");
    }

    fn weighted(&mut self, rule: &CompiledRule<B>) {
        self.weighted = true;
        let split = &rule.rule.split;
        let arm = |arm: ArmIndex| format!("{} {}", split.arm(arm).backend, split.arm(arm).weight);
        self.note("weight", split.indices().map(arm).collect::<Vec<_>>().join(", "));
    }
}
