//! Which namespace a path of a host belongs to.
//!
//! Whoever may write an Ingress in any namespace could otherwise take a part of somebody else's host. So a
//! path belongs to the namespace that served it first, with everything below it, and that is recorded: a
//! restart or an older object that comes later does not change it. What is not recorded yet is held for who
//! serves it. What is known together for the first time is served side by side, and so recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use weir_model::{Host, HostName, MatchPath, Rule};

/// What is recorded, and what the administrator allows besides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    hosts: BTreeMap<HostName, BTreeSet<Claim>>,
    /// What is served, recorded or not.
    held: BTreeMap<HostName, BTreeSet<Claim>>,
    grants: Vec<Grant>,
}

/// A path of a host that belongs to a namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Claim {
    /// Begins with `/`, and ends with it only if it is the root. Of a pattern the part before its first
    /// special character.
    pub path: Box<str>,
    /// Whether it is this very path, or everything below it as well.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exact: bool,
    /// The whole pattern, if it is one. Patterns mind no case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<Box<str>>,
    /// Whose it is.
    pub namespace: Arc<str>,
}

/// An administrator's permission to serve paths that belong to others.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// A host name, `*.example.com` for all below it, or `*` for all.
    pub host: String,
    /// Namespaces, or `*` for all.
    pub namespaces: Vec<String>,
}

/// What a path asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    path: &'a str,
    extent: Extent,
    pattern: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    Exact,
    Below,
    /// A pattern may match anything below its literal part, before the prefixes of others are looked at.
    Pattern,
}

/// What the record says of a path.
#[derive(Clone, Copy, Debug)]
enum Record<'c> {
    /// It belongs to the namespace, whatever else is held.
    Own,
    Foreign(&'c Claim),
    Nobody,
}

// === impl Claims ===

impl Claims {
    /// Replaces what is recorded of a host.
    pub fn set(&mut self, host: HostName, claims: BTreeSet<Claim>) {
        if claims.is_empty() {
            self.hosts.remove(&host);
        } else {
            self.hosts.insert(host, claims);
        }
    }

    /// Replaces what is held of a host. Returns whether that is a change.
    pub(crate) fn hold(&mut self, host: &HostName, claims: BTreeSet<Claim>) -> bool {
        if claims.is_empty() {
            return self.held.remove(host).is_some();
        }
        let differs = self.held.get(host) != Some(&claims);
        if differs {
            self.held.insert(host.clone(), claims);
        }
        differs
    }

    /// Takes over what another one holds.
    pub(crate) fn holding_like(self, other: &mut Self) -> Self {
        Self { held: std::mem::take(&mut other.held), ..self }
    }

    /// Replaces the permissions.
    pub fn grant(&mut self, grants: Vec<Grant>) {
        self.grants = grants;
    }

    /// What is recorded, by host.
    pub fn hosts(&self) -> &BTreeMap<HostName, BTreeSet<Claim>> {
        &self.hosts
    }

    /// The permissions.
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// The claim of another namespace that a path of this one is refused for.
    pub(crate) fn refusal(&self, host: &HostName, path: &MatchPath, namespace: &str) -> Option<&Claim> {
        let wanted = Wanted::new(path);
        let refusal = match verdict(self.hosts.get(host), wanted, namespace) {
            Record::Own => None,
            Record::Foreign(claim) => Some(claim),
            // Controllers may hold different things until one of them is recorded.
            Record::Nobody => match verdict(self.held.get(host), wanted, namespace) {
                Record::Foreign(claim) => Some(claim),
                Record::Own | Record::Nobody => None,
            },
        };
        refusal.filter(|_| !self.is_granted(host, namespace))
    }

    /// Whether a claim would be refused if nothing were granted. Such a claim is not recorded: it ends with the
    /// grant.
    pub fn is_granted_only(&self, host: &HostName, rule: &Rule) -> bool {
        let namespace = &rule.origin.object.namespace;
        matches!(verdict(self.hosts.get(host), Wanted::new(&rule.path), namespace), Record::Foreign(_))
    }

    /// How near to the root of a host a namespace owns a path: whose certificate is shown, before age. All are
    /// alike on a host without owners.
    pub(crate) fn distance(&self, host: &HostName, namespace: &str) -> usize {
        let all = [&self.hosts, &self.held].into_iter().filter_map(|map| map.get(host)).flatten();
        let own = all.filter(|claim| &*claim.namespace == namespace).map(|claim| claim.path.len());
        own.min().unwrap_or(usize::MAX)
    }

    /// Whether a namespace may say which certificate a host shows: one that owns a part of it.
    pub(crate) fn may_secure(&self, host: &HostName, namespace: &str) -> bool {
        let mut owners =
            [&self.hosts, &self.held].into_iter().filter_map(|map| map.get(host)).flatten().peekable();
        owners.peek().is_none()
            || owners.any(|claim| &*claim.namespace == namespace)
            || self.is_granted(host, namespace)
    }

    fn is_granted(&self, host: &HostName, namespace: &str) -> bool {
        let to = |grant: &Grant| grant.namespaces.iter().any(|one| one == "*" || one == namespace);
        self.grants.iter().any(|grant| to(grant) && grant.covers(host))
    }
}

/// What claims say of a path.
fn verdict<'c>(claims: Option<&'c BTreeSet<Claim>>, wanted: Wanted<'_>, namespace: &str) -> Record<'c> {
    let Some(claims) = claims else { return Record::Nobody };
    let is_own = |claim: &Claim| &*claim.namespace == namespace;
    // What was there when Weir came stays, also a pattern around the paths of others.
    if claims.iter().any(|claim| is_own(claim) && claim.is(wanted)) {
        return Record::Own;
    }
    if let Some(below) = claims.iter().find(|claim| !is_own(claim) && claim.is_below(wanted)) {
        return Record::Foreign(below);
    }
    let covering = claims.iter().filter(|claim| claim.covers(wanted));
    let Some(nearest) = covering.clone().map(|claim| claim.path.len()).max() else { return Record::Nobody };
    let mut owners = covering.filter(|claim| claim.path.len() == nearest);
    if owners.clone().any(is_own) {
        return Record::Own;
    }
    owners.next().map_or(Record::Nobody, Record::Foreign)
}

// === impl Grant ===

impl Grant {
    fn covers(&self, host: &HostName) -> bool {
        match HostName::parse(&self.host) {
            Ok(HostName::Any) => true,
            Ok(granted) => match host {
                HostName::Exact(name) => granted.covers(name),
                other => granted == *other,
            },
            Err(_) => false,
        }
    }
}

// === impl Claim ===

impl Claim {
    /// What the rules of a host claim for their namespaces. A default backend claims nothing: it takes what
    /// nobody else serves.
    pub fn of(host: &Host) -> BTreeSet<Self> {
        Self::of_those(host, |_| true)
    }

    /// The same of some of the rules.
    pub fn of_those(host: &Host, which: impl Fn(&Rule) -> bool) -> BTreeSet<Self> {
        let rules = host.rules.iter().filter(|rule| &*rule.origin.field != "spec.defaultBackend");
        rules.filter(|rule| which(rule)).map(|rule| Self::of_rule(rule)).collect()
    }

    fn of_rule(rule: &Rule) -> Self {
        Wanted::new(&rule.path).claim(rule.origin.object.namespace.clone())
    }

    /// Whether it is the very path, or the very pattern.
    fn is(&self, wanted: Wanted<'_>) -> bool {
        self.pattern.as_deref() == wanted.pattern
            && *self.path == *wanted.path
            && self.exact == (wanted.extent == Extent::Exact)
    }

    fn covers(&self, wanted: Wanted<'_>) -> bool {
        let fold = self.pattern.is_some() || wanted.pattern.is_some();
        if self.exact {
            return wanted.extent == Extent::Exact && *self.path == *wanted.path;
        }
        is_at_or_below(wanted.path, &self.path, fold)
    }

    /// Whether a pattern could take this claim's requests.
    fn is_below(&self, wanted: Wanted<'_>) -> bool {
        wanted.extent == Extent::Pattern && strip_prefix(&self.path, wanted.path, true).is_some()
    }
}

fn is_at_or_below(path: &str, prefix: &str, fold: bool) -> bool {
    let rest = strip_prefix(path, prefix.trim_end_matches('/'), fold);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn strip_prefix<'p>(path: &'p str, prefix: &str, fold: bool) -> Option<&'p str> {
    let (start, rest) = path.split_at_checked(prefix.len())?;
    (start == prefix || fold && start.eq_ignore_ascii_case(prefix)).then_some(rest)
}

// === impl Wanted ===

impl<'a> Wanted<'a> {
    fn new(path: &'a MatchPath) -> Self {
        let (text, extent, pattern) = match path {
            MatchPath::Exact(path) => (&**path, Extent::Exact, None),
            MatchPath::Prefix(path) => (&**path, Extent::Below, None),
            MatchPath::Regex(pattern) => (literal(pattern.as_str()), Extent::Pattern, Some(pattern.as_str())),
        };
        Self { path: if text.is_empty() { "/" } else { text }, extent, pattern }
    }

    fn claim(self, namespace: Arc<str>) -> Claim {
        let exact = self.extent == Extent::Exact;
        Claim { path: self.path.into(), exact, pattern: self.pattern.map(Into::into), namespace }
    }
}

/// The part of a pattern that every match begins with, up to a whole segment.
fn literal(pattern: &str) -> &str {
    let pattern = pattern.strip_prefix('^').unwrap_or(pattern);
    let special = pattern.find(['\\', '.', '+', '*', '?', '(', ')', '|', '[', ']', '{', '}', '^', '$']);
    let Some(special) = special else { return pattern };
    if has_alternatives(pattern) {
        return "/";
    }
    let (text, rest) = pattern.split_at(special);
    // How prefixes are rewritten: a whole segment ends here.
    if rest.starts_with("(/|$)") {
        return text;
    }
    &text[..text.rfind('/').unwrap_or(0)]
}

/// Whether the pattern as a whole is one of several: a `|` outside of every group. Where classes or escapes
/// make that hard to tell, it counts as such, which only makes the claim larger.
fn has_alternatives(pattern: &str) -> bool {
    let rest = pattern.replace("(/|$)", "");
    if rest.contains('|') && rest.contains(['\\', '[']) {
        return true;
    }
    let depth = |depth: usize, byte: u8| match byte {
        b'(' => Ok(depth + 1),
        b')' => Ok(depth.saturating_sub(1)),
        b'|' if depth == 0 => Err(()),
        _ => Ok(depth),
    };
    rest.bytes().try_fold(0, depth).is_err()
}

#[cfg(test)]
mod tests {
    use weir_model::Pattern;

    use super::*;

    const HOST: &str = "a.example";

    fn host() -> HostName {
        HostName::parse(HOST).unwrap()
    }

    /// `= /a` is exact, `~ /a.*` a pattern.
    fn path(text: &str) -> MatchPath {
        match text.split_once(' ') {
            Some(("=", path)) => MatchPath::Exact(path.into()),
            Some(("~", pattern)) => MatchPath::Regex(Pattern::path(pattern).unwrap()),
            _ => MatchPath::Prefix(text.trim_end_matches('/').into()),
        }
    }

    fn claims(recorded: &[(&str, &str)]) -> Claims {
        let claim = |(text, namespace): &(&str, &str)| Wanted::new(&path(text)).claim((*namespace).into());
        let mut claims = Claims::default();
        claims.set(host(), recorded.iter().map(claim).collect());
        claims
    }

    fn check(recorded: &[(&str, &str)], namespace: &str, wanted: &str, refused_for: Option<&str>) {
        let claims = claims(recorded);
        let refusal = claims.refusal(&host(), &path(wanted), namespace).map(|claim| &*claim.path);
        assert_eq!(refusal, refused_for, "{namespace} wants {wanted}");
    }

    #[test]
    fn what_nobody_has_is_free() {
        check(&[], "b", "/", None);
        check(&[("/a", "a")], "b", "/b", None);
        check(&[("/a", "a")], "b", "/ab", None);
        check(&[("= /a", "a")], "b", "/a/b", None);
        check(&[("/a", "a")], "b", "/", None);
    }

    #[test]
    fn a_path_belongs_to_its_namespace_with_everything_below_it() {
        check(&[("/", "a")], "b", "/", Some("/"));
        check(&[("/", "a")], "b", "/login", Some("/"));
        check(&[("/a", "a")], "b", "/a", Some("/a"));
        check(&[("/a", "a")], "b", "= /a/b", Some("/a"));
        check(&[("= /a", "a")], "b", "= /a", Some("/a"));
        check(&[("/", "a")], "a", "/login", None);
    }

    #[test]
    fn the_nearest_claim_decides() {
        let both = [("/", "a"), ("/api", "b")];
        check(&both, "b", "/api/v2", None);
        check(&both, "a", "/api/v2", Some("/api"));
        check(&both, "b", "/login", Some("/"));
        check(&[("/", "a"), ("/", "b")], "b", "/login", None);
    }

    #[test]
    fn what_is_served_is_held_before_it_is_recorded() {
        let mut held = Claims::default();
        let recorded = claims(&[("/", "a"), ("/api", "a"), ("/api", "b")]);
        held.hold(&host(), recorded.hosts()[&host()].clone());
        let refused = |namespace: &str, wanted: &str| {
            held.refusal(&host(), &path(wanted), namespace).map(|claim| claim.path.to_string())
        };
        assert_eq!(refused("b", "/"), Some("/".into()));
        assert_eq!(refused("a", "/"), None);
        assert_eq!(refused("b", "/api"), None, "both serve it");
        assert_eq!(refused("c", "/api"), Some("/api".into()));
        assert_eq!(refused("c", "/login"), Some("/".into()));
        assert!(!held.may_secure(&host(), "c"));
        // Another controller saw them the other way round, and recorded that.
        held.set(host(), claims(&[("/", "b")]).hosts()[&host()].clone());
        assert!(held.refusal(&host(), &path("/"), "b").is_none());
        assert!(held.refusal(&host(), &path("/"), "a").is_some());
    }

    #[test]
    fn a_pattern_cannot_reach_around_a_claim() {
        check(&[("/api", "b")], "a", "~ /(api|x)/.*", Some("/api"));
        check(&[("/api", "b")], "a", "~ /a.i", Some("/api"));
        check(&[("/api", "b")], "a", "~ /web/(.*)", None);
        check(&[("~ /web/(.*)", "a")], "b", "/web/x", Some("/web"));
        check(&[("/api", "b")], "a", "~ /web|/api", Some("/api"));
        check(&[("/api", "b")], "a", "~ /w/eb(x)|/api", Some("/api"));
        check(&[("/api", "b")], "a", r"~ /w/[(]|/api", Some("/api"));
        check(&[("/api", "b")], "a", r"~ /w/[(]|/api(/|$)", Some("/api"));
        check(&[("/api", "b")], "b", "~ /api(/|$)(.*)", None);
        check(&[("/api", "b"), ("/x", "a")], "b", "~ /api(/|$)(.*)", None);
        check(&[("~ /api(/|$)(.*)", "b")], "a", "/api/x", Some("/api"));
        check(&[("~ /(.*)", "a"), ("/api", "b")], "a", "~ /(.*)", None);
        check(&[("/", "a"), ("/web", "b")], "a", "~ /(web|cart)/.*", Some("/web"));
        check(&[("~ /(.*)", "a"), ("/web", "b")], "a", "~ /(web|cart)/.*", Some("/web"));
        check(&[("/api", "b")], "a", "~ /API(/|$)(.*)", Some("/api"));
        check(&[("~ /Api(/|$)(.*)", "b")], "a", "= /api/x", Some("/Api"));
    }

    #[test]
    fn an_administrator_may_allow_it() {
        let grant = |granted: &str, namespace: &str| {
            let mut claims = claims(&[("/", "a")]);
            claims.grant(vec![Grant { host: granted.into(), namespaces: vec![namespace.into()] }]);
            claims.refusal(&host(), &path("/x"), "b").is_none()
        };
        assert!(grant(HOST, "b"));
        assert!(grant("*.example", "b"));
        assert!(grant("*", "*"));
        assert!(!grant(HOST, "c"));
        assert!(!grant("b.example", "b"));
        assert!(!grant("bad host", "b"));
    }

    #[test]
    fn the_owner_nearest_to_the_root_says_which_certificate_is_shown() {
        let claims = claims(&[("/", "a"), ("/x", "b")]);
        assert!(claims.distance(&host(), "a") < claims.distance(&host(), "b"));
        assert!(claims.distance(&host(), "b") < claims.distance(&host(), "c"));
    }

    #[test]
    fn only_owners_say_which_certificate_is_shown() {
        let claims = claims(&[("/", "a")]);
        assert!(claims.may_secure(&host(), "a"));
        assert!(!claims.may_secure(&host(), "b"));
        assert!(claims.may_secure(&HostName::parse("other.example").unwrap(), "b"));
    }
}
