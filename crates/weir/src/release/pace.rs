//! How long it still takes, at the earliest.

use std::time::Duration;

use weir_release::{
    state::{BakeState, Phase, StepStage},
    view::{StepView, View},
};

/// How long it still takes, at the earliest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Left {
    /// The present step; unknown where it waits for requests and none come.
    pub(super) step: Option<Duration>,
    /// Until everything goes to the new version.
    pub(super) all: Option<Duration>,
    /// Steps after which somebody has to approve, which may take as long as it likes.
    pub(super) approvals: Vec<String>,
}

// === impl Left ===

impl Left {
    /// Where a step is under way.
    pub(super) fn of(view: &View) -> Option<Self> {
        let Phase::Running { step } = &view.state.phase else { return None };
        let (before, later) = view.steps.split_at_checked(step.index + 1)?;
        let now = before.last()?;
        let bake = match &step.stage {
            StepStage::Preparing { .. } | StepStage::Routing => Some(BakeState::default()),
            StepStage::Baking { bake } => Some(bake.clone()),
            StepStage::Approving => None,
        };
        let rps = view.live.as_ref().map(|live| (live.canary.rps, live.stable.rps + live.canary.rps));
        let left = bake.map_or(Some(Duration::ZERO), |bake| rest(now, &bake, rps.map(|(canary, _)| canary)));
        // At later steps the new version gets more; how much is known for those without an audience.
        let later_left = later.iter().map(|step| {
            let share = share(step).filter(|_| !step.audience);
            let canary = rps.zip(share).map(|((_, all), share)| all * share);
            rest(step, &BakeState::default(), canary).unwrap_or_else(|| bake_time(step))
        });
        let all = left.map(|left| left + later_left.sum::<Duration>());
        let approvals = view.steps[step.index..].iter().filter(|step| step.approval);
        Some(Self { step: left, all, approvals: approvals.map(|step| step.name.clone()).collect() })
    }

    /// In a sentence.
    pub(super) fn sentence(&self) -> String {
        let approvals = match &*self.approvals {
            [] => String::new(),
            [one] => format!(", plus the approval of step {one}"),
            several => format!(", plus the approvals of steps {}", several.join(", ")),
        };
        match (self.step, self.all) {
            (Some(step), Some(all)) => format!(
                "the step in {}, everything to the new version in {} at the earliest{approvals}",
                super::words::period(step),
                super::words::period(all),
            ),
            _ => format!("nobody knows: the step waits for requests, and none come{approvals}"),
        }
    }
}

/// What a step still takes.
fn rest(step: &StepView, bake: &BakeState, rps: Option<f64>) -> Option<Duration> {
    let time = bake_time(step).saturating_sub(bake.credited);
    let missing = step.min_requests.saturating_sub(bake.requests);
    if missing == 0 {
        return Some(time);
    }
    let requests = Duration::try_from_secs_f64(seconds(missing, rps?)).ok()?;
    Some(time.max(requests))
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests stay far below 2^52")]
fn seconds(requests: u64, rps: f64) -> f64 {
    requests as f64 / rps
}

fn bake_time(step: &StepView) -> Duration {
    Duration::from_millis(step.bake_millis)
}

/// `20 %` as a number between 0 and 1.
pub(super) fn share(step: &StepView) -> Option<f64> {
    let percent: f64 = step.weight.trim_end_matches('%').trim().parse().ok()?;
    Some(percent / 100.0)
}
