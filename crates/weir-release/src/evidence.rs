//! What is known of a new version, beside the old one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use weir_model::Role;

use crate::{
    clock::{Passed, durations},
    observation::Observation,
    spec::{Analysis, Watch},
    stats::{
        AbsoluteTest, AllocationTest, Bucket, ControlTest, Counts, Filling, Histogram, LatencyWindow,
        RateTest, SlowTail,
    },
    tally::Tally,
};

/// What is known of a new version.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Evidence {
    /// Errors of both versions, one against the other.
    pub errors: RateTest,
    /// Errors of the new version alone.
    pub absolute: AbsoluteTest,
    /// Requests that were compared, and clients with an error among them.
    pub compared: Bucket,
    /// Of the new version, compared or not.
    pub canary: Counts,
    /// The same of the old version.
    pub stable: Counts,
    /// Whether the old version differs from itself.
    pub control: ControlTest,
    /// Whether both versions get the clients that they should.
    pub allocation: AllocationTest,
    /// Slow responses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow: Option<Box<SlowTail>>,
    /// Restarts of the new version's containers when the attempt began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarts: Option<u32>,
    /// What has not been compared yet.
    open: Filling,
    /// Durations up to now. Not stored: what passes while no controller looks is left out, which no outcome
    /// has a say in.
    #[serde(skip)]
    durations: Option<Box<LatencyWindow>>,
}

// === impl Evidence ===

impl Evidence {
    /// Takes in what has passed.
    pub(crate) fn update(&mut self, analysis: &Analysis, passed: &Passed, seen: &Observation) {
        let (canary, stable) = (&passed.canary, &passed.stable);
        let delta = Bucket { canary: compared(canary), stable: compared(stable) };
        add(&mut self.compared.canary, delta.canary);
        add(&mut self.compared.stable, delta.stable);
        if let Some(bucket) = self.open.add(&delta, passed.elapsed) {
            self.errors.update(&bucket);
        }
        let all = Counts { requests: canary.all(), errors: canary.all_errors() };
        add(&mut self.canary, all);
        add(&mut self.stable, Counts { requests: stable.all(), errors: stable.all_errors() });
        self.absolute.update(all);
        self.control.update(even(stable), odd(stable));
        if let Some(workload) = seen.canary.workload() {
            self.restarts.get_or_insert(workload.restarts);
        }
        self.look_at_durations(analysis, seen);
    }

    fn look_at_durations(&mut self, analysis: &Analysis, seen: &Observation) {
        let latency = analysis.guardrails.iter().find_map(|guardrail| match &guardrail.watch {
            Watch::Latency(latency) => Some(latency),
            _ => None,
        });
        let Some(latency) = latency else { return };
        let now =
            LatencyWindow { canary: durations(seen, Role::Canary), stable: durations(seen, Role::Stable) };
        let before = self.durations.replace(Box::new(now.clone()));
        let Some(before) = before.filter(|before| grew(before, &now)) else { return };
        let window = LatencyWindow {
            canary: now.canary.since(&before.canary),
            stable: now.stable.since(&before.stable),
        };
        let shares: Vec<f64> =
            latency.quantiles.iter().map(|quantile| f64::from(*quantile) / 1_000.0).collect();
        // What the manifest no longer asks for says nothing of what it asks for now.
        let slow = self.slow.take().filter(|slow| slow.compares(&shares));
        let slow = self.slow.insert(slow.unwrap_or_else(|| Box::new(SlowTail::new(&shares))));
        slow.update(&window, latency.fail_ratio);
    }

    /// Takes in who got their first cohort, while a weight was in force everywhere.
    pub(crate) fn allocate(&mut self, passed: &Passed, share: f64) {
        self.allocation.update(passed.canary.cohorts, passed.stable.cohorts, share);
    }

    /// Before the weight changes: what was divided in one way is not mixed with another.
    pub(crate) fn close(&mut self) {
        let bucket = self.open.close();
        self.errors.update(&bucket);
        if let Some(slow) = &mut self.slow {
            slow.close();
        }
    }
}

/// A proxy that went away takes its durations along; such a window says nothing.
fn grew(before: &LatencyWindow, now: &LatencyWindow) -> bool {
    let grew = |before: &Histogram, now: &Histogram| {
        before.counts().iter().zip(now.counts()).all(|(before, now)| before <= now)
    };
    grew(&before.canary, &now.canary) && grew(&before.stable, &now.stable)
}

fn compared(tally: &Tally) -> Counts {
    Counts { requests: tally.requests, errors: tally.errors }
}

fn even(tally: &Tally) -> Counts {
    Counts { requests: tally.even_requests, errors: tally.even_errors }
}

fn odd(tally: &Tally) -> Counts {
    Counts {
        requests: tally.requests.saturating_sub(tally.even_requests),
        errors: tally.errors.saturating_sub(tally.even_errors),
    }
}

fn add(sum: &mut Counts, more: Counts) {
    sum.requests = sum.requests.saturating_add(more.requests);
    sum.errors = sum.errors.saturating_add(more.errors);
}
