//! What the evidence says, and what follows from it.

use weir_model::Role;

use super::{Decided, Planner};
use crate::{
    evidence::Evidence,
    observation::Sample,
    spec::{Errors, Guardrail, OnFailure, Watch},
    state::{Division, HoldReason, OfflineStage, Phase, StepStage},
    stats::{RatioInterval, Scenario, Verdict, threshold},
    text,
    thresholds::{FailAt, PASS, Thresholds},
};

/// How sure the checks of the comparison itself have to be before they hold a release.
const CHECK: f64 = 0.001;

impl Planner<'_> {
    /// Takes in what has passed, and acts on what fails.
    pub(super) fn judge(&mut self) -> Decided {
        if !self.is_watched() {
            return Decided::No;
        }
        self.take_in();
        for guardrail in &self.spec.analysis.guardrails {
            if let Some(fault) = self.fault(guardrail) {
                return self.failed(guardrail, fault);
            }
        }
        self.check_comparison()
    }

    /// Whether the new version may have requests, and the old one could take them back.
    fn is_watched(&self) -> bool {
        match &self.next.phase {
            Phase::Running { .. } | Phase::Promoting => self.next.routing.is_some(),
            Phase::Offlining { offline } => {
                offline.role == Role::Stable && offline.state < OfflineStage::ScaleDown
            }
            _ => false,
        }
    }

    fn take_in(&mut self) {
        let share = self.settled_share();
        let evidence = self.next.evidence.get_or_insert_default();
        evidence.update(&self.spec.analysis, &self.passed, self.seen);
        if let Some(share) = share {
            evidence.allocate(&self.passed, share);
        }
    }

    /// The new version's share of clients, if it has been in force everywhere since the last look.
    fn settled_share(&self) -> Option<f64> {
        let Phase::Running { step } = &self.next.phase else { return None };
        let StepStage::Baking { bake } = &step.stage else { return None };
        let weight = match self.next.routing.as_ref()?.split {
            Division::Step { weight, .. } => weight.share(),
            _ => return None,
        };
        (!bake.credited.is_zero() && weight > 0.0 && weight < 1.0).then_some(weight)
    }

    fn failed(&mut self, guardrail: &Guardrail, fault: String) -> Decided {
        match guardrail.action {
            OnFailure::Rollback => {
                self.fail(&guardrail.name, fault);
                Decided::Yes
            }
            OnFailure::Hold => {
                let held = self.next.hold.is_some();
                if !held {
                    self.hold(HoldReason::Guardrail, format!("guardrail {}: {fault}", guardrail.name));
                }
                Decided::No
            }
        }
    }

    /// Why a guardrail fails, if it does.
    fn fault(&self, guardrail: &Guardrail) -> Option<String> {
        let evidence = self.next.evidence.as_ref()?;
        match &guardrail.watch {
            Watch::Errors(errors) => too_many_errors(&self.fail_at(), errors, evidence),
            Watch::Latency(_) => {
                let slow =
                    evidence.slow.as_ref().filter(|slow| slow.ln_evidence() >= self.fail_at().guardrail)?;
                let worst = slow
                    .tails()
                    .iter()
                    .max_by(|a, b| a.test.ln_evidence().total_cmp(&b.test.ln_evidence()))?;
                Some(format!(
                    "more responses of the new version are slow than the old one's p{}",
                    worst.quantile * 100.0
                ))
            }
            Watch::Pods(pods) => {
                let restarts = self.seen.canary.workload()?.restarts.saturating_sub(evidence.restarts?);
                (restarts > pods.restarts).then(|| {
                    format!(
                        "containers of the new version restarted {}",
                        text::count(restarts.into(), "time")
                    )
                })
            }
            Watch::Prometheus(prometheus) => match self.seen.samples.get(&*guardrail.name)? {
                Sample::Value(value) if *value > prometheus.max => {
                    Some(format!("{} is {value}, and may be {} at most", guardrail.name, prometheus.max))
                }
                Sample::Value(_) | Sample::Nothing(_) => None,
            },
        }
    }

    fn fail_at(&self) -> FailAt {
        FailAt::of(&self.spec.analysis)
    }

    /// What the evidence on errors says.
    pub(super) fn verdict(&self) -> Verdict {
        let Some(evidence) = &self.next.evidence else { return Verdict::Inconclusive };
        let Some(errors) = self.spec.analysis.errors() else { return Verdict::Successful };
        let Thresholds { harmful, pass_at, .. } = Thresholds::default();
        // Without any error there is nothing to compare: then enough requests say enough.
        let below = evidence.absolute.ln_evidence_below(errors.absolute_max.share());
        if evidence.canary.errors == 0 && below >= pass_at {
            return Verdict::Successful;
        }
        let worse = evidence.errors.ln_evidence_worse_than(errors.tolerated);
        let better = evidence.errors.ln_evidence_better_than(harmful);
        Verdict::of(worse, self.fail_at().comparison, better, pass_at)
    }

    /// How long it takes until the evidence can say yes, at the rate of now.
    pub(super) fn eta(&self) -> Option<String> {
        let evidence = self.next.evidence.as_ref()?;
        let Phase::Running { step } = &self.next.phase else { return None };
        let (new, old) = (evidence.compared.canary, evidence.compared.stable);
        let scenario = Scenario {
            base_rate: ratio(old.errors.max(1), old.requests.max(1)),
            ratio: 1.0,
            share: self.next.routing.as_ref()?.split.weight(Role::Canary).share(),
        };
        let Thresholds { harmful, pass_at, .. } = Thresholds::default();
        let missing = scenario.requests_to_pass(harmful, pass_at) - as_float(new.requests);
        let seconds = step.elapsed.as_secs_f64();
        let rate = as_float(new.requests) / seconds.max(1.0);
        (missing > 0.0 && rate > 0.0).then(|| {
            let left = std::time::Duration::from_secs_f64((missing / rate).min(1e9));
            format!("about {} more at this traffic", text::duration(left))
        })
    }

    /// Whether the comparison itself can be trusted. Never a reason to go back.
    fn check_comparison(&mut self) -> Decided {
        let Some(evidence) = &self.next.evidence else { return Decided::No };
        let doubt = if evidence.allocation.ln_evidence() >= threshold(CHECK) {
            Some("the versions do not get the clients that the weight gives them")
        } else if evidence.control.ln_evidence_differs() >= threshold(CHECK) {
            Some(
                "two halves of the old version's clients differ in their errors, so a comparison says little",
            )
        } else {
            None
        };
        if let Some(doubt) =
            doubt.filter(|_| self.next.hold.is_none() && matches!(self.next.phase, Phase::Running { .. }))
        {
            self.hold(HoldReason::Guardrail, doubt.into());
        }
        Decided::No
    }
}

/// Why the errors of a new version fail it, if they do.
fn too_many_errors(fail_at: &FailAt, errors: &Errors, evidence: &Evidence) -> Option<String> {
    let canary = evidence.canary;
    if canary.errors < errors.min_errors {
        return None;
    }
    let rate = |requests: u64, errors: u64| 100.0 * ratio(errors, requests);
    if evidence.absolute.ln_evidence_above(errors.absolute_max.share()) >= fail_at.limit {
        return Some(format!(
            "{} of {} of the new version failed ({:.2} %), which is more than {:.2} %",
            canary.errors,
            text::count(canary.requests, "request"),
            rate(canary.requests, canary.errors),
            errors.absolute_max.share() * 100.0
        ));
    }
    if evidence.compared.canary.errors < errors.min_errors
        || evidence.errors.ln_evidence_worse_than(errors.tolerated) < fail_at.comparison
    {
        return None;
    }
    let (new, old) = (evidence.compared.canary, evidence.compared.stable);
    let RatioInterval { low, .. } = evidence.errors.interval(PASS);
    Some(format!(
        "the new version fails more often: {} of {} ({:.2} %), the old one {} of {} ({:.2} %); at least {low:.1} times as often",
        new.errors,
        new.requests,
        rate(new.requests, new.errors),
        old.errors,
        old.requests,
        rate(old.requests, old.errors)
    ))
}

fn ratio(part: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { as_float(part) / as_float(of) }
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests stay far below 2^52")]
fn as_float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests;
