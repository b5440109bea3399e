//! Which Ingress serves a path that several claim.

use std::collections::HashMap;

use weir_model::{Code, Finding, HostName, MatchPath};

use super::Claim;
use crate::{
    claims::Claims,
    draft::{Draft, Rank},
};

/// The claims that are served: of equal ones the oldest, and rules before default backends.
pub(super) fn choose<'a>(
    name: &HostName,
    drafts: &[&'a Draft],
    recorded: &Claims,
    findings: &mut Vec<Finding>,
) -> Vec<Claim<'a>> {
    let mut claims = claims(name, drafts);
    claims.retain(|claim| is_allowed(*claim, name, recorded, findings));
    claims.sort_by_key(|claim| claim.route.rank);
    let mut served: Vec<Claim<'a>> = Vec::with_capacity(claims.len());
    let mut firsts: HashMap<(u8, &str), usize> = HashMap::with_capacity(claims.len());
    for claim in claims {
        let path = identity(&claim.route.path);
        let first = *firsts.entry(path).or_insert(served.len());
        let same = |rival: &&Claim<'_>| {
            identity(&rival.route.path) == path
                && rival.draft.common.conditions == claim.draft.common.conditions
        };
        match served[first..].iter().find(same) {
            Some(winner) => findings.extend(shadowed(claim, *winner, name)),
            None => served.push(claim),
        }
    }
    served
}

fn claims<'a>(name: &HostName, drafts: &[&'a Draft]) -> Vec<Claim<'a>> {
    let mains = drafts.iter().filter(|draft| draft.canary.is_none());
    mains.flat_map(|draft| draft.routes_of(name).iter().map(|route| Claim { draft, route })).collect()
}

/// Whether the path does not belong to another namespace.
fn is_allowed(claim: Claim<'_>, name: &HostName, recorded: &Claims, findings: &mut Vec<Finding>) -> bool {
    let Claim { draft, route } = claim;
    let Some(refusal) = recorded.refusal(name, &route.path, &draft.id.namespace) else { return true };
    if route.rank != Rank::Default {
        let (path, owner, whole) = (&route.written, &refusal.namespace, &refusal.path);
        let message = format!(
            "{name}{path} belongs to namespace {owner}, which served {name}{whole} first; this entry gets no requests. Choose another host or path, or have an administrator grant the host to this namespace.",
        );
        findings.push(Finding::new(Code::Claimed, draft.id.clone(), &*route.field, message));
    }
    false
}

fn identity(path: &MatchPath) -> (u8, &str) {
    match path {
        MatchPath::Exact(path) => (0, path),
        MatchPath::Prefix(path) => (1, path),
        MatchPath::Regex(pattern) => (2, pattern.as_str()),
    }
}

/// A default backend beside rules steps back without a word; that is what a default is for.
fn shadowed(loser: Claim<'_>, winner: Claim<'_>, host: &HostName) -> Option<Finding> {
    if loser.route.rank == Rank::Default {
        return None;
    }
    let (path, by) = (&loser.route.written, &winner.route.field);
    let message = if loser.draft.id == winner.draft.id {
        format!(
            "{by} of the same Ingress already serves {host}{path}; this entry gets no requests. To divide requests, name the services in an annotation of your dialect, or remove one entry."
        )
    } else {
        format!(
            "{} already serves {host}{path} ({by}) and is older; this entry gets no requests. Remove one of them, or mark this Ingress as a canary.",
            winner.draft.id
        )
    };
    Some(Finding::new(Code::Shadowed, loser.draft.id.clone(), &*loser.route.field, message))
}
