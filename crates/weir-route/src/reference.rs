//! A slow, obvious matcher that the compiled one has to agree with.

use std::sync::Arc;

use weir_model::{
    ArmIndex, Assignment, BASIS_POINTS, Blueprint, Host, HostName, MatchPath, Predicate, Rule, Split,
};

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

/// The arm of a split, and whether chance decided between several: overrides, audience, then the share,
/// where the canary has the first buckets; then the fallback.
pub(crate) fn arm(
    split: &Split,
    request: &impl Request,
    random: u64,
    available: impl Fn(&str) -> bool,
) -> (ArmIndex, bool) {
    let holds = |predicate: &Predicate| first_failure(predicate, request).is_none();
    let canary = split.indices().last().unwrap();
    let weight = split.arm(canary).weight;
    let forced = split.overrides().iter().find(|one| holds(&one.predicate)).map(|one| one.arm);
    let outside = !split.audience.is_empty() && !split.audience.iter().any(holds);
    let (chosen, divided) = match forced {
        Some(arm) => (arm, false),
        None if outside => (ArmIndex::BASE, false),
        None if part(split, request, random) < u64::from(weight) => (canary, true),
        None => (ArmIndex::BASE, true),
    };
    let other = if chosen == canary { ArmIndex::BASE } else { canary };
    let alive = available(&split.arm(chosen).backend.service);
    (if alive { chosen } else { other }, divided && alive && weight > 0 && weight < BASIS_POINTS)
}

/// Where a request falls among 10,000 parts.
fn part(split: &Split, request: &impl Request, random: u64) -> u64 {
    let Assignment::Sticky(sticky) = &split.assignment else {
        return u64::try_from((u128::from(random) * 10_000) >> 64).unwrap();
    };
    let salt = crate::hash(0, sticky.salt.as_deref().unwrap().as_bytes());
    let user = request.header("x-user-id").next().filter(|user| !user.is_empty());
    let key = user.map_or_else(|| format!("{random:016x}").into_bytes(), <[u8]>::to_vec);
    crate::hash(salt, &key) % 10_000
}
