//! Which canary belongs to which main path.

use std::collections::HashMap;

use weir_model::{Code, Finding, HostName};

use super::Claim;
use crate::{
    draft::{CanaryPolicy, Draft, Rank},
    notes::{Notes, annotation_field},
    settings::catalogue,
};

/// The canaries of one main path, from the oldest to the youngest.
pub(super) type Pairing<'a> = Vec<Canary<'a>>;

/// A canary's claim with its policy.
#[derive(Clone, Copy)]
pub(super) struct Canary<'a> {
    pub(super) claim: Claim<'a>,
    pub(super) policy: &'a CanaryPolicy,
}

/// Finds the main paths of all canaries; the result goes with `mains`.
pub(super) fn pair<'a>(
    name: &HostName,
    drafts: &[&'a Draft],
    mains: &[Claim<'a>],
    findings: &mut Vec<Finding>,
) -> Vec<Pairing<'a>> {
    let mut pairings = vec![Vec::new(); mains.len()];
    let canaries = canaries(name, drafts);
    let by_path = if canaries.is_empty() { HashMap::new() } else { by_path(mains) };
    for canary in canaries {
        let candidates = candidates(canary, mains, &by_path);
        let own = |index: &&usize| mains[**index].draft.id.namespace == canary.claim.draft.id.namespace;
        let paired: Vec<_> = candidates.iter().filter(own).copied().collect();
        if paired.is_empty() {
            findings.push(without_main(canary, candidates.first().map(|index| mains[*index]), name));
        }
        for index in paired {
            if accepts(mains[index], canary, &pairings[index], findings) {
                pairings[index].push(canary);
            }
        }
    }
    pairings
}

fn canaries<'a>(name: &HostName, drafts: &[&'a Draft]) -> Vec<Canary<'a>> {
    let policies = drafts.iter().filter_map(|draft| Some((*draft, draft.canary.as_ref()?)));
    policies
        .flat_map(|(draft, policy)| {
            draft.routes_of(name).iter().map(move |route| Canary { claim: Claim { draft, route }, policy })
        })
        .collect()
}

/// Main paths by their text without trailing slashes.
fn by_path<'a>(mains: &[Claim<'a>]) -> HashMap<&'a str, Vec<usize>> {
    let mut index: HashMap<&str, Vec<usize>> = HashMap::new();
    for (position, main) in mains.iter().enumerate() {
        index.entry(trimmed(&main.route.written)).or_default().push(position);
    }
    index
}

fn trimmed(path: &str) -> &str {
    path.trim_end_matches('/')
}

/// Main paths that a canary means, whatever their namespace.
fn candidates(canary: Canary<'_>, mains: &[Claim<'_>], by_path: &HashMap<&str, Vec<usize>>) -> Vec<usize> {
    if canary.claim.route.rank != Rank::Rule {
        // A canary's default backend joins every path that is served for any host.
        return (0..mains.len()).collect();
    }
    let same_text = by_path.get(trimmed(&canary.claim.route.written)).map_or(&[][..], Vec::as_slice);
    same_text.iter().copied().filter(|index| is_same(canary.claim, mains[*index])).collect()
}

/// ingress-nginx compares paths as they are written; Higress leaves trailing slashes of prefixes out, and takes
/// patterns for another type of path.
fn is_same(canary: Claim<'_>, main: Claim<'_>) -> bool {
    if !canary.draft.dialect.is_nginx() && canary.draft.common.patterns != main.draft.common.patterns {
        return false;
    }
    let as_written = canary.draft.dialect.is_nginx() || canary.route.is_exact();
    canary.route.is_exact() == main.route.is_exact()
        && (!as_written || canary.route.written == main.route.written)
        && canary.draft.common.conditions == main.draft.common.conditions
}

fn without_main(canary: Canary<'_>, foreign: Option<Claim<'_>>, host: &HostName) -> Finding {
    let Claim { draft, route } = canary.claim;
    let path = &route.written;
    let message = match foreign {
        Some(main) => format!(
            "{host}{path} is served by {}, which is in another namespace; a canary may only join paths of its own namespace. It gets no requests. Move it.",
            main.draft.id
        ),
        None => format!(
            "No main Ingress of this namespace serves {host}{path} with the same path and path type, so the canary gets no requests. Add the main path, or correct this one."
        ),
    };
    Finding::new(Code::CanaryWithoutMain, draft.id.clone(), &*route.field, message)
}

/// Whether a canary can join; notes what is worth knowing about it.
fn accepts(main: Claim<'_>, canary: Canary<'_>, others: &Pairing<'_>, findings: &mut Vec<Finding>) -> bool {
    let mut notes = Notes::new(canary.claim.draft.id.clone());
    let accepted = note_pair(main, canary, others, &mut notes);
    findings.append(&mut notes.findings);
    accepted
}

fn note_pair(main: Claim<'_>, canary: Canary<'_>, others: &Pairing<'_>, notes: &mut Notes) -> bool {
    let Canary { claim, policy } = canary;
    if main.route.gray {
        let message = format!(
            "{} divides this path itself; the canary gets no requests. Use one of both ways.",
            main.draft.id
        );
        notes.add(Code::InertAnnotation, annotation_field(&policy.key), message);
        return false;
    }
    if main.route.arms[0].backend.service == claim.route.arms[0].backend.service
        && main.route.arms[0].backend.port == claim.route.arms[0].backend.port
    {
        let message = "The canary names the service of its main, so there is nothing to divide. Name the new version's Service.";
        notes.add(Code::InertAnnotation, format!("{}.backend.service.name", claim.route.field), message);
        return false;
    }
    if claim.draft.dialect.is_nginx() {
        note_deviations(main, canary, others, notes);
    }
    note_inert(main, claim, notes);
    true
}

fn note_deviations(main: Claim<'_>, canary: Canary<'_>, others: &Pairing<'_>, notes: &mut Notes) {
    if let Some(oldest) = others.first() {
        let message = format!(
            "Weir serves this canary besides {}; upstream used only the oldest canary of a path.",
            oldest.claim.draft.id
        );
        notes.add(Code::Deviation, annotation_field(&canary.policy.key), message);
    }
    if main.draft.common.affinity.is_some() && !canary.policy.overrides.is_empty() {
        let message = "Requests that the header or cookie of the canary decides go there even if their session cookie names the main service; upstream kept them on the main service.";
        notes.add(Code::Deviation, annotation_field(&canary.policy.key), message);
    }
}

/// Everything but the split comes from the main, so differing annotations of a canary have no effect.
fn note_inert(main: Claim<'_>, canary: Claim<'_>, notes: &mut Notes) {
    for (key, value) in canary.draft.source.metadata.annotations.iter() {
        let name = key.rsplit('/').next().unwrap_or(key);
        let ignored = catalogue::is_common(name) || catalogue::is_authentication(name) || name == "sticky";
        if ignored && main.draft.source.metadata.annotations.get(key) != Some(value) {
            let message =
                format!("On a canary it has no effect; that of {} applies. Set it there.", main.draft.id);
            notes.annotation(Code::InertAnnotation, key, message);
        }
    }
}
