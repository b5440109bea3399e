//! Stage two: everything that one host name serves, from the drafts of all Ingresses that name it.

mod canary;
mod mains;
mod overlay;
mod split;
mod tls;

use std::{collections::HashMap, sync::Arc};

use weir_model::{
    BackendKey, Certificate, CertificateKey, Code, Finding, Host, HostName, HttpsRedirect, MatchPath, Rule,
    RuleOrigin, Subject,
};

use crate::{
    claims::Claims,
    draft::{Draft, RouteDraft},
    overlays::{Laid, Overlays},
    secret::InvalidSecret,
    service::{Name, Services},
};
use canary::Pairing;

/// What a host depends on besides drafts.
#[derive(Clone, Copy)]
pub(crate) struct World<'a> {
    pub(crate) services: &'a Services,
    /// Every Secret that a draft of the host names; missing ones are absent.
    pub(crate) certificates: &'a HashMap<Name, Result<Arc<Certificate>, InvalidSecret>>,
    pub(crate) claims: &'a Claims,
    pub(crate) overlays: &'a Overlays,
}

/// What became of a host.
#[derive(Debug, Default)]
pub(crate) struct HostOutput {
    pub(crate) host: Option<Arc<Host>>,
    pub(crate) certificate: Option<CertificateKey>,
    pub(crate) findings: Vec<Finding>,
    /// Sorted, each once, as are the next two.
    pub(crate) backends: Vec<BackendKey>,
    /// Services that were looked up, found or not.
    pub(crate) services: Vec<Name>,
    /// Secrets that were looked up, found or not.
    pub(crate) secrets: Vec<Name>,
    /// Which releases lie over rules.
    pub(crate) laid: Vec<Laid>,
}

/// A route with the draft it belongs to.
#[derive(Clone, Copy)]
struct Claim<'a> {
    draft: &'a Draft,
    route: &'a RouteDraft,
}

/// Makes a host of its drafts, given from the oldest to the youngest.
pub(crate) fn build(name: &HostName, drafts: &[&Draft], world: World<'_>) -> HostOutput {
    let mut output = HostOutput::default();
    tls::choose(name, drafts, world, &mut output);
    let mains = mains::choose(name, drafts, world.claims, &mut output.findings);
    let pairing = canary::pair(name, drafts, &mains, &mut output.findings);
    note_regex(name, &mains, &mut output.findings);
    let has_tls = drafts.iter().any(|draft| draft.tls.iter().any(|tls| tls.host == *name));
    let host: Arc<str> = name.to_string().into();
    let mut rules = Vec::with_capacity(mains.len());
    for (main, canaries) in mains.iter().zip(pairing) {
        let mut rule = rule(&host, *main, &canaries, has_tls, world, &mut output);
        overlay::lay(&mut rule, world, &mut output);
        rules.push(Arc::new(rule));
    }
    rules.sort_by(|a, b| order(a).cmp(&order(b)));
    output.sort_uses();
    output.host = (!rules.is_empty()).then(|| Arc::new(Host { name: name.clone(), rules }));
    output
}

// === impl HostOutput ===

impl HostOutput {
    /// Brings the uses into their final form. There may be many hosts, so no capacity is left over.
    fn sort_uses(&mut self) {
        sort(&mut self.backends);
        sort(&mut self.services);
        sort(&mut self.secrets);
        sort(&mut self.laid);
    }
}

fn sort<T: Ord>(uses: &mut Vec<T>) {
    uses.sort_unstable();
    uses.dedup();
    uses.shrink_to_fit();
}

fn rule(
    host: &Arc<str>,
    main: Claim<'_>,
    canaries: &Pairing<'_>,
    has_tls: bool,
    world: World<'_>,
    output: &mut HostOutput,
) -> Rule {
    let Claim { draft, route } = main;
    let mut filters = draft.common.filters.clone();
    let on_host = has_tls || tls::covers(draft, &route.host);
    if filters.https_redirect == HttpsRedirect::Never && draft.common.ssl_redirect && on_host {
        filters.https_redirect = HttpsRedirect::WithCertificate;
    }
    if !route.rewrites {
        filters.rewrite = None;
    }
    Rule {
        origin: origin(host, main),
        path: route.path.clone(),
        precedence: route.precedence,
        conditions: draft.common.conditions.clone(),
        filters,
        timeouts: draft.common.timeouts,
        split: split::build(main, canaries, world, output),
    }
}

/// ingress-nginx turns all paths of a host into patterns as soon as one Ingress asks for it.
fn note_regex(name: &HostName, mains: &[Claim<'_>], findings: &mut Vec<Finding>) {
    let is_regex = |claim: &&Claim<'_>| matches!(claim.route.path, MatchPath::Regex(_));
    if mains.iter().all(|claim| is_regex(&claim)) {
        return;
    }
    for claim in mains.iter().filter(is_regex).filter(|claim| claim.draft.dialect.is_nginx()) {
        let message = format!(
            "Only the paths of this Ingress are patterns; upstream read all paths of {name} as patterns."
        );
        let field = format!("{}.path", claim.route.field);
        findings.push(Finding::new(Code::Deviation, claim.draft.id.clone(), field, message));
    }
}

fn origin(host: &Arc<str>, Claim { draft, route }: Claim<'_>) -> RuleOrigin {
    RuleOrigin {
        object: draft.id.clone(),
        host: host.clone(),
        path: route.written.clone(),
        path_type: route.path_type,
        field: route.field.clone(),
    }
}

/// Exact paths, then prefixes, then patterns by rank; longer ones first; among equals those with more
/// conditions. The sort is stable, so age decides the rest.
fn order(rule: &Rule) -> impl Ord + '_ {
    use std::cmp::Reverse;
    let (kind, rank, text) = match &rule.path {
        MatchPath::Exact(path) => (0, path.len(), &**path),
        MatchPath::Prefix(path) => (1, path.len(), &**path),
        MatchPath::Regex(pattern) => (2, rule.precedence, pattern.as_str()),
    };
    // ingress-nginx puts patterns of equal length in falling order of their text.
    let length = if kind == 2 { text.len() } else { 0 };
    (kind, Reverse(rank), Reverse(length), Reverse(text), Reverse(conditions(rule)))
}

/// As Higress sorts: whether a method is asked for, then how many headers, then how many query parameters.
fn conditions(rule: &Rule) -> (usize, usize, usize) {
    let count = |wanted: fn(&Subject) -> bool| {
        rule.conditions.all.iter().filter(|condition| wanted(&condition.subject)).count()
    };
    let queries = count(|subject| matches!(subject, Subject::Query(..)));
    let methods = count(|subject| matches!(subject, Subject::Method));
    (methods, rule.conditions.all.len() - methods - queries, queries)
}
