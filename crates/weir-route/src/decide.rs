//! The decision for one request.

use ipnet::IpNet;
use serde::Serialize;
use weir_model::{ArmIndex, Authentication, Condition, HostName, HttpsRedirect, Redirect};

use crate::{
    Backing, Request, Table,
    host_table::{CompiledRule, Watch},
    split::{Cookies, Place, WatchSplit},
};

/// What deciding needs besides table and request.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// Uniform over all values; one per request.
    pub random: u64,
    /// The port of the HTTPS listener as clients see it, if there is one.
    pub https_port: Option<u16>,
}

/// Which step gave the request to its arm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DecidedBy {
    /// A header or cookie rule.
    Override,
    /// Belonging, or not belonging, to the audience.
    Audience,
    /// The weights.
    Weight,
    /// A session cookie or the client's cohort.
    Sticky,
    /// The chosen arm had no endpoint.
    Fallback,
    /// There is one backend.
    Only,
}

impl DecidedBy {
    /// The word used in logs and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Override => "override",
            Self::Audience => "audience",
            Self::Weight => "weight",
            Self::Sticky => "sticky",
            Self::Fallback => "fallback",
            Self::Only => "only",
        }
    }
}

/// Why Weir itself answers with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reject {
    /// No Ingress serves the host.
    NoHost,
    /// The host is served, but not this path.
    NoPath,
    /// The client's address is not in the allowed ranges.
    SourceNotAllowed,
    /// The rule asks for authentication that Weir does not implement.
    Authentication,
    /// No backend of the rule has an endpoint.
    NoEndpoint,
}

impl Reject {
    /// The HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Self::NoHost | Self::NoPath => 404,
            Self::SourceNotAllowed | Self::Authentication => 403,
            Self::NoEndpoint => 503,
        }
    }

    /// The stable code; documented in `docs/errors.md`.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoHost => "WR-404-HOST",
            Self::NoPath => "WR-404-PATH",
            Self::SourceNotAllowed => "WR-403-SOURCE",
            Self::Authentication => "WR-403-AUTH",
            Self::NoEndpoint => "WR-503-ENDPOINT",
        }
    }
}

/// Where a redirect points.
#[derive(Clone, Copy, Debug)]
pub enum RedirectTo<'t> {
    /// The same URL over HTTPS, at this port; status 308.
    Https(u16),
    /// A location of the rule.
    Location(&'t Redirect),
}

impl RedirectTo<'_> {
    /// The HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Self::Https(_) => 308,
            Self::Location(redirect) => redirect.status,
        }
    }
}

/// The request goes to a backend.
#[derive(Clone, Copy, Debug)]
pub struct Forward {
    /// Which arm of the rule's split.
    pub arm: ArmIndex,
    /// What decided.
    pub decided_by: DecidedBy,
    /// What the response has to set.
    pub cookies: Cookies,
    /// Whether weights or cohorts divided this request and could have given it to another arm: whose
    /// outcomes may be compared between arms.
    pub compared: bool,
    /// What its client is recognised by, hashed; the same whatever the weights are.
    pub key: Option<u64>,
}

impl Forward {
    /// One of two halves of the clients, drawn independently of their buckets: half of every arm's clients.
    pub fn is_even(&self) -> bool {
        self.key.is_some_and(|key| (key >> 32) & 1 == 0)
    }
}

/// What becomes of the request.
#[derive(Clone, Copy, Debug)]
pub enum Outcome<'t> {
    /// It goes to a backend.
    Forward(Forward),
    /// Weir answers with a redirect.
    Redirect(RedirectTo<'t>),
    /// Weir answers with an error.
    Reject(Reject),
}

/// The decision, with the rule that took it if one matched.
#[derive(Debug)]
pub struct Decision<'t, B> {
    /// The rule that won.
    pub rule: Option<&'t CompiledRule<B>>,
    /// What it says.
    pub outcome: Outcome<'t>,
}

/// Records what happens on the way; `()` records nothing and costs nothing.
pub(crate) trait Observer<B>: Watch<B> + WatchSplit {
    fn host(&mut self, host: &HostName);
    fn rule(&mut self, rule: &CompiledRule<B>);
    fn redirected(&mut self, by: &'static str);
    fn source(&mut self, allowed: bool);
    fn unauthenticated(&mut self);
    fn weighted(&mut self, rule: &CompiledRule<B>);
}

impl<B> Observer<B> for () {
    fn host(&mut self, _: &HostName) {}
    fn rule(&mut self, _: &CompiledRule<B>) {}
    fn redirected(&mut self, _: &'static str) {}
    fn source(&mut self, _: bool) {}
    fn unauthenticated(&mut self) {}
    fn weighted(&mut self, _: &CompiledRule<B>) {}
}

/// Decides what becomes of a request. Allocates nothing.
pub fn decide<'t, B: Backing>(
    table: &'t Table<B>,
    request: &impl Request,
    context: Context,
) -> Decision<'t, B> {
    decide_observed(table, request, context, &mut ())
}

pub(crate) fn decide_observed<'t, B: Backing>(
    table: &'t Table<B>,
    request: &impl Request,
    context: Context,
    observer: &mut impl Observer<B>,
) -> Decision<'t, B> {
    let Some(host) = table.host(request.host()) else {
        return Decision { rule: None, outcome: Outcome::Reject(Reject::NoHost) };
    };
    observer.host(&host.name);
    let Some(rule) = host.find(request, observer) else {
        return Decision { rule: None, outcome: Outcome::Reject(Reject::NoPath) };
    };
    observer.rule(rule);
    Decision { rule: Some(rule), outcome: outcome(rule, request, context, observer) }
}

/// In the order of nginx's phases: redirects, then access, then the backend.
fn outcome<'t, B: Backing>(
    rule: &'t CompiledRule<B>,
    request: &impl Request,
    context: Context,
    observer: &mut impl Observer<B>,
) -> Outcome<'t> {
    let filters = &rule.rule.filters;
    if let Some(port) = https_redirect(filters.https_redirect, request, context) {
        observer.redirected("to HTTPS, by ssl-redirect or force-ssl-redirect");
        return Outcome::Redirect(RedirectTo::Https(port));
    }
    if let Some(redirect) = &filters.redirect {
        observer.redirected("by permanent-redirect or temporal-redirect");
        return Outcome::Redirect(RedirectTo::Location(redirect));
    }
    if let Some(networks) = &filters.allow_sources {
        let allowed = contains(networks, request);
        observer.source(allowed);
        if !allowed {
            return Outcome::Reject(Reject::SourceNotAllowed);
        }
    }
    if filters.authentication == Authentication::Unsupported {
        observer.unauthenticated();
        return Outcome::Reject(Reject::Authentication);
    }
    forward(rule, request, context, observer).map_or(Outcome::Reject(Reject::NoEndpoint), Outcome::Forward)
}

fn https_redirect(when: HttpsRedirect, request: &impl Request, context: Context) -> Option<u16> {
    if request.secure() {
        return None;
    }
    match when {
        HttpsRedirect::Never => None,
        HttpsRedirect::WithCertificate => context.https_port,
        HttpsRedirect::Always => Some(context.https_port.unwrap_or(443)),
    }
}

fn contains(networks: &[IpNet], request: &impl Request) -> bool {
    let client = request.client();
    networks.iter().any(|network| network.contains(&client))
}

fn forward<B: Backing>(
    rule: &CompiledRule<B>,
    request: &impl Request,
    context: Context,
    observer: &mut impl Observer<B>,
) -> Option<Forward> {
    let split = &rule.rule.split;
    let assigned = rule.split.assign(split, request, context.random, observer);
    let (chosen, decided_by) = match assigned.place {
        Place::Fixed(arm, decided_by) => (arm, decided_by),
        Place::Weighted => {
            observer.weighted(rule);
            (rule.split.draw(split, context.random), DecidedBy::Weight)
        }
    };
    let arm = rule.split.settle(split, chosen, observer)?;
    let settled = arm == chosen;
    let is_new = assigned.key.is_some_and(|key| key.issued);
    Some(Forward {
        arm,
        decided_by: if settled { decided_by } else { DecidedBy::Fallback },
        cookies: Cookies {
            session: rule.split.session(split, arm, request),
            cohort: is_new.then_some(context.random),
        },
        compared: assigned.divided && settled && rule.split.divides(),
        key: assigned.key.map(|key| key.hash),
    })
}

/// A condition in a sentence, for traces.
pub(crate) fn unmet(condition: &Condition) -> String {
    format!("not met: {condition}")
}
