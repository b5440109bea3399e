//! The split of one path.

use weir_model::{
    Affinity, Arm, ArmIndex, BackendKey, CanaryAffinity, Code, Fallback, Finding, HeaderEdits, MatchPath,
    Split,
};

use super::{
    Claim, HostOutput, World,
    canary::{Canary, Pairing},
};
use crate::{
    draft::{ArmDraft, CanaryOverride, Draft},
    ingress::is_attribute_value,
    notes::annotation_field,
    service,
};

/// Above this, weights are rounded to the greatest total.
const MAX_TOTAL: u32 = 1_000_000_000;

/// Builds the split of a main path with its canaries.
pub(super) fn build(
    main: Claim<'_>,
    canaries: &Pairing<'_>,
    world: World<'_>,
    output: &mut HostOutput,
) -> Split {
    let Claim { draft, route } = main;
    let mut split = Split::only(resolve(draft, &route.arms[0], world, output));
    split.base_mut().weight = route.arms[0].weight;
    split.base_mut().headers = draft.common.headers.clone();
    split.assignment = draft.common.assignment.clone();
    split.affinity = affinity(main, &mut output.findings);
    let mut indices = vec![ArmIndex::BASE];
    for arm in &route.arms[1..] {
        let backend = resolve(draft, arm, world, output);
        let headers = draft.common.headers.clone();
        indices.push(split.add_arm(Arm { headers, ..Arm::new(backend, arm.weight) }));
    }
    split.audience = route.audience.iter().cloned().collect();
    for (predicate, arm) in &route.overrides {
        split.add_override(predicate.clone(), indices[*arm]);
    }
    if route.gray && draft.dialect.is_nginx() {
        split.fallback = Fallback::ToAny;
    }
    if !canaries.is_empty() {
        add_canaries(&mut split, canaries, world, output);
    }
    split
}

/// Each route has a cookie of its own, so that routes of one host don't overwrite each other's.
fn affinity(main: Claim<'_>, findings: &mut Vec<Finding>) -> Option<Affinity> {
    let Claim { draft, route } = main;
    let mut affinity = draft.common.affinity.clone()?;
    if affinity.cookie.path.is_some() || !draft.dialect.is_nginx() {
        return Some(affinity);
    }
    if matches!(route.path, MatchPath::Regex(_)) || !is_attribute_value(&route.written) {
        let message = "The path is a pattern, so the session cookie counts for the whole host; upstream gave it the pattern as its Path, which browsers don't match. Set session-cookie-path.";
        findings.push(Finding::new(
            Code::Deviation,
            draft.id.clone(),
            format!("{}.path", route.field),
            message,
        ));
    } else {
        affinity.cookie.path = Some((&*route.written).into());
    }
    Some(affinity)
}

/// The key of a backend; what is wrong with it is noted on the Ingress that names it.
fn resolve(draft: &Draft, arm: &ArmDraft, world: World<'_>, output: &mut HostOutput) -> BackendKey {
    let backend = &arm.backend;
    let (key, problem) = service::resolve(backend, world.services);
    output.services.push((backend.namespace.clone(), backend.service.clone()));
    output.backends.push(key.clone());
    if let Some(problem) = problem {
        let is_port = problem.code == Code::MissingPort;
        let field = if is_port { backend.place.port() } else { backend.place.service() };
        output.findings.push(Finding::new(problem.code, draft.id.clone(), field, problem.message));
    }
    key
}

fn add_canaries(split: &mut Split, canaries: &Pairing<'_>, world: World<'_>, output: &mut HostOutput) {
    let (base, weights) = weights(canaries, &mut output.findings);
    split.base_mut().weight = base;
    let mut overrides: Vec<(&CanaryOverride, ArmIndex)> = Vec::new();
    for (canary, weight) in canaries.iter().zip(weights) {
        let Claim { draft, route } = canary.claim;
        let backend = resolve(draft, &route.arms[0], world, output);
        let arm = split.add_arm(Arm { headers: headers(canary), ..Arm::new(backend, weight) });
        for entry in &canary.policy.overrides {
            if entry.always && overrides.iter().any(|(earlier, _)| earlier.predicate == entry.predicate) {
                output.findings.push(taken(canary, entry));
            }
            overrides.push((entry, arm));
        }
    }
    overrides.sort_by_key(|(entry, _)| entry.tier);
    for (entry, arm) in overrides {
        split.add_override(entry.predicate.clone(), if entry.always { arm } else { ArmIndex::BASE });
    }
    if let Some(affinity) = split.affinity.as_mut().filter(|_| canaries[0].policy.legacy_affinity) {
        affinity.canary = CanaryAffinity::Legacy;
    }
}

fn taken(canary: &Canary<'_>, entry: &CanaryOverride) -> Finding {
    let message = format!(
        "An older canary of this path already decides about requests with {}; this one gets none of them. Choose another condition.",
        entry.predicate
    );
    finding(Code::InertAnnotation, canary, message)
}

fn headers(canary: &Canary<'_>) -> HeaderEdits {
    canary.policy.headers.clone()
}

/// The weight of the base and those of the canaries.
fn weights(canaries: &Pairing<'_>, findings: &mut Vec<Finding>) -> (u32, Vec<u32>) {
    if canaries[0].claim.draft.dialect.is_nginx() {
        nginx_weights(canaries, findings)
    } else {
        higress_weights(canaries, findings)
    }
}

/// Each weight is a part of its own total. They are brought to a common total and capped there.
fn nginx_weights(canaries: &Pairing<'_>, findings: &mut Vec<Finding>) -> (u32, Vec<u32>) {
    let total = common_total(canaries.iter().map(|canary| canary.policy.total));
    let mut left = total;
    let mut weights = Vec::new();
    for canary in canaries {
        let weight = scale(canary.policy.weight, canary.policy.total, total);
        if weight > u64::from(left) {
            findings.push(capped(canary, left, total));
        }
        let weight = u32::try_from(weight).unwrap_or(left).min(left);
        left -= weight;
        weights.push(weight);
    }
    (left, weights)
}

/// The least common multiple, so that every share is exact; where that is out of reach, the greatest total.
fn common_total(totals: impl Iterator<Item = u32> + Clone) -> u32 {
    let multiple = totals.clone().try_fold(1_u32, |multiple, total| {
        (multiple / gcd(multiple, total.max(1))).checked_mul(total.max(1)).filter(|total| *total <= MAX_TOTAL)
    });
    multiple.or_else(|| totals.max()).unwrap_or(1)
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// To the nearest part of the new total.
fn scale(weight: u32, from: u32, to: u32) -> u64 {
    let from = u64::from(from.max(1));
    (u64::from(weight) * u64::from(to) + from / 2) / from
}

fn capped(canary: &Canary<'_>, left: u32, total: u32) -> Finding {
    let message = format!(
        "The canaries of this path ask for more than the total of {total}; this one gets the {left} that are left. Lower the weights."
    );
    finding(Code::WeightsCapped, canary, message)
}

/// All weights are parts of the first canary's total, or of their sum if that is more.
fn higress_weights(canaries: &Pairing<'_>, findings: &mut Vec<Finding>) -> (u32, Vec<u32>) {
    let by_weight = || canaries.iter().filter(|canary| canary.policy.overrides.is_empty());
    let sum: u64 = by_weight().map(|canary| u64::from(canary.policy.weight)).sum();
    let first = by_weight().next().map_or(100, |canary| canary.policy.total);
    let total = u64::from(first).max(sum);
    for canary in by_weight().filter(|canary| u64::from(canary.policy.weight) * 100 % total != 0) {
        let weight = canary.policy.weight;
        let message =
            format!("The share is exactly {weight} of {total}; upstream cut it down to whole percents.");
        findings.push(finding(Code::Deviation, canary, message));
    }
    for canary in by_weight().skip(1).filter(|canary| canary.policy.total != first) {
        let message = format!(
            "Only the total of the path's oldest canary with a weight counts, which is {first}. Write the same total."
        );
        findings.push(finding(Code::InertAnnotation, canary, message));
    }
    let weights = canaries.iter().map(|canary| canary.policy.weight).collect();
    (u32::try_from(total - sum).unwrap_or(u32::MAX), weights)
}

fn finding(code: Code, canary: &Canary<'_>, message: String) -> Finding {
    Finding::new(code, canary.claim.draft.id.clone(), annotation_field(&canary.policy.key), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_brought_together_without_rounding() {
        assert_eq!(common_total([100, 1_000].into_iter()), 1_000);
        let total = common_total([100, 333].into_iter());
        assert_eq!((total, scale(20, 100, total), scale(111, 333, total)), (33_300, 6_660, 11_100));
        let large = [999_999_937, 999_999_929];
        assert_eq!(common_total(large.into_iter()), large[0]);
        assert_eq!(common_total([].into_iter()), 1);
    }
}
