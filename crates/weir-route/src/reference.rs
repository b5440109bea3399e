//! A slow, obvious matcher that the compiled one has to agree with.

use std::sync::Arc;

use weir_model::{Blueprint, Host, HostName, MatchPath, Rule};

use crate::{Request, predicate::first_failure};

/// The rule that the documentation promises: host exact, then longest wildcard, then any; path exact,
/// then by length with patterns among the prefixes by precedence.
pub(crate) fn find<'b>(blueprint: &'b Blueprint, request: &impl Request) -> Option<&'b Arc<Rule>> {
    let host = host(blueprint, request.host())?;
    let matching = host.rules.iter().filter(|rule| matches(rule, request));
    let mut ranked: Vec<_> = matching.enumerate().map(|(order, rule)| (rank(rule), order, rule)).collect();
    ranked.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    ranked.first().map(|(_, _, rule)| *rule)
}

fn host<'b>(blueprint: &'b Blueprint, name: &str) -> Option<&'b Arc<Host>> {
    let covering = blueprint.hosts.values().filter(|host| host.name.covers(name));
    covering.max_by_key(|host| match &host.name {
        HostName::Exact(_) => (2, 0),
        HostName::Wildcard(suffix) => (1, suffix.len()),
        HostName::Any => (0, 0),
    })
}

/// (exact, position among prefixes, pattern before prefix of that position)
fn rank(rule: &Rule) -> (bool, usize, bool) {
    match &rule.path {
        MatchPath::Exact(_) => (true, 0, false),
        // A prefix of length n stands above patterns of precedence n and below those of n + 1.
        MatchPath::Prefix(path) => (false, path.len(), true),
        MatchPath::Regex(_) => (false, rule.precedence, false),
    }
}

fn matches(rule: &Rule, request: &impl Request) -> bool {
    let path = std::str::from_utf8(request.path()).unwrap();
    let path_matches = match &rule.path {
        MatchPath::Exact(exact) => **exact == *path,
        MatchPath::Prefix(prefix) => {
            let wanted: Vec<&str> = prefix.split('/').collect();
            let found: Vec<&str> = path.split('/').collect();
            found.starts_with(&wanted)
        }
        MatchPath::Regex(pattern) => pattern.is_match(path.as_bytes()),
    };
    path_matches && first_failure(&rule.conditions, request).is_none()
}
