//! Applies a policy to the services that one path lists.

use weir_model::{Code, Predicate};

use super::{AckPolicy, Match};
use crate::{
    draft::{ArmDraft, BackendDraft},
    notes::Notes,
};

/// The weight of a service that the annotation does not name.
const DEFAULT_WEIGHT: u32 = 100;

/// How the services of a path share its requests.
#[derive(Debug)]
pub(crate) struct Group {
    /// The base is the first.
    pub(crate) arms: Vec<ArmDraft>,
    pub(crate) audience: Option<Predicate>,
    pub(crate) overrides: Vec<(Predicate, usize)>,
}

/// Divides the requests of a path among the services listed for it, at least two and in the order of the
/// manifest. `None` if the policy names none of them.
pub(crate) fn divide(policy: &AckPolicy<'_>, backends: &[BackendDraft], notes: &mut Notes) -> Option<Group> {
    let rules: Vec<_> =
        policy.matches.iter().filter(|rule| position(backends, rule.service).is_some()).collect();
    let weights = weights(policy, backends, notes);
    if backends.len() > 2 {
        note_third(policy, notes);
    }
    match (rules.as_slice(), backends.len()) {
        ([], _) => weights.map(|weights| weighted(backends, &weights)),
        ([rule], _) => Some(gated(rule, backends, weights.as_deref())),
        (several, 2) => Some(gated(chosen(several, backends, policy, notes), backends, weights.as_deref())),
        (several, _) => Some(overridden(several, backends, weights.is_some(), policy, notes)),
    }
}

fn position(backends: &[BackendDraft], service: &str) -> Option<usize> {
    backends.iter().position(|backend| &*backend.service == service)
}

/// The weight of each backend, if the annotation names one of them.
fn weights(policy: &AckPolicy<'_>, backends: &[BackendDraft], notes: &mut Notes) -> Option<Vec<u32>> {
    let named =
        |service: &str| policy.weights.iter().find(|(name, _)| *name == service).map(|(_, weight)| *weight);
    if !backends.iter().any(|backend| named(&backend.service).is_some()) {
        return None;
    }
    let default = default_weight(policy, backends);
    let weights: Vec<_> = backends.iter().map(|backend| named(&backend.service).unwrap_or(default)).collect();
    if weights.iter().all(|weight| *weight == 0) {
        return None;
    }
    note_truncation(policy, backends, &weights, notes);
    Some(weights)
}

/// Of two entries upstream computes percents before it looks at the path, so the service that a path does
/// not share with the annotation counts as much as the one that stands there instead of it.
fn default_weight(policy: &AckPolicy<'_>, backends: &[BackendDraft]) -> u32 {
    let absent = policy.weights.iter().find(|(service, _)| position(backends, service).is_none());
    match (policy.weights.len(), absent) {
        (2, Some((_, weight))) if backends.len() == 2 => *weight,
        _ => DEFAULT_WEIGHT,
    }
}

fn weighted(backends: &[BackendDraft], weights: &[u32]) -> Group {
    let arm =
        |(backend, weight): (&BackendDraft, &u32)| ArmDraft { backend: backend.clone(), weight: *weight };
    let arms = backends.iter().zip(weights).map(arm).collect();
    Group { arms, audience: None, overrides: Vec::new() }
}

/// The rule is the gate: who passes is divided by the weights, the others get a service without a rule.
fn gated(rule: &Match<'_>, backends: &[BackendDraft], weights: Option<&[u32]>) -> Group {
    let named = position(backends, rule.service).unwrap_or_default();
    let only_named = |index: usize| u32::from(index == named);
    let weight = |index: usize| weights.map_or_else(|| only_named(index), |weights| weights[index]);
    let mut group = based(backends, |index| index != named, weight);
    match &rule.predicate {
        Some(predicate) => group.audience = Some(predicate.clone()),
        None => only_base(&mut group),
    }
    group
}

/// With the first backend that `is_base` accepts as the base, else the first.
fn based(backends: &[BackendDraft], is_base: impl Fn(usize) -> bool, weight: impl Fn(usize) -> u32) -> Group {
    let base = (0..backends.len()).find(|index| is_base(*index)).unwrap_or_default();
    let rest = (0..backends.len()).filter(|index| *index != base);
    let arm = |index: usize| ArmDraft { backend: backends[index].clone(), weight: weight(index) };
    let arms = std::iter::once(base).chain(rest).map(arm).collect();
    Group { arms, audience: None, overrides: Vec::new() }
}

fn only_base(group: &mut Group) {
    for (index, arm) in group.arms.iter_mut().enumerate() {
        arm.weight = u32::from(index == 0);
    }
}

/// Of two services with a rule each, upstream evaluates that of the second.
fn chosen<'m, 'a>(
    rules: &[&'m Match<'a>],
    backends: &[BackendDraft],
    policy: &AckPolicy<'_>,
    notes: &mut Notes,
) -> &'m Match<'a> {
    let second = &*backends[1].service;
    let message = format!(
        "Both services of a path have a rule; only that of {second}, which is listed second, counts. Remove the other."
    );
    notes.annotation(Code::InertAnnotation, policy.match_key, message);
    rules.iter().find(|rule| rule.service == second).copied().unwrap_or(rules[0])
}

/// Three or more services with several rules: each rule sends to its service, the rest get the base.
fn overridden(
    rules: &[&Match<'_>],
    backends: &[BackendDraft],
    weighted: bool,
    policy: &AckPolicy<'_>,
    notes: &mut Notes,
) -> Group {
    let is_base = |index: usize| rules.iter().all(|rule| position(backends, rule.service) != Some(index));
    let mut group = based(backends, is_base, |_| 0);
    only_base(&mut group);
    let arm = |service: &str| group.arms.iter().position(|arm| &*arm.backend.service == service);
    let overrides = rules.iter().filter_map(|rule| Some((rule.predicate.clone()?, arm(rule.service)?)));
    group.overrides = overrides.collect();
    if weighted {
        let message =
            "Several rules of one path leave nothing to divide by weight; the weights have no effect there.";
        notes.annotation(Code::InertAnnotation, policy.weight_key, message);
    }
    group
}

fn note_third(policy: &AckPolicy<'_>, notes: &mut Notes) {
    let message = "A path lists more than two services. All of them take part; upstream used only two.";
    notes.annotation(Code::Deviation, policy.key(), message);
}

/// Upstream cuts percents down to whole numbers.
fn note_truncation(policy: &AckPolicy<'_>, backends: &[BackendDraft], weights: &[u32], notes: &mut Notes) {
    let total: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
    if weights.iter().all(|weight| u64::from(*weight) * 100 % total == 0) {
        return;
    }
    let share = |(backend, weight): (&BackendDraft, &u32)| {
        format!("{} {:.2} %", backend.service, f64::from(*weight) * 100.0 / to_f64(total))
    };
    let shares: Vec<_> = backends.iter().zip(weights).map(share).collect();
    let message =
        format!("The shares are exact: {}. Upstream cut them down to whole percents.", shares.join(", "));
    notes.annotation(Code::Deviation, policy.weight_key, message);
}

#[expect(clippy::cast_precision_loss, reason = "for a message only")]
fn to_f64(number: u64) -> f64 {
    number as f64
}
