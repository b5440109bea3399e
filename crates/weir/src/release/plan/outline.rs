//! What a plan is made from: the spec, or what a view tells of it.

use std::time::Duration;

use weir_release::{
    FailAt, Thresholds,
    spec::{OnInconclusive, Spec},
    state::{Phase, StepStage},
    stats::Family,
    view::{StepView, View},
};

use super::super::pace;

/// What a release is judged by unless its manifest says otherwise.
const USUAL: Family = Family { alpha: 0.01, guardrails: 1 };

/// What a plan is made from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outline {
    pub(super) steps: Vec<Step>,
    /// Where the evidence passes a version, and where it fails it.
    pub(super) thresholds: Thresholds,
    pub(super) fail: FailAt,
    /// More of the new version's requests may not fail, whatever the old one does.
    pub(super) absolute: Option<f64>,
    /// Fewer clients with an error conclude nothing.
    pub(super) min_errors: u64,
    /// Whether a step without a verdict is held.
    pub(super) holds: bool,
    /// How long the old version is held ready, and watched at the end.
    pub(super) offline: Option<(Duration, Duration)>,
    /// How long a step may take.
    pub(super) deadline: Option<Duration>,
    pub(super) paused: bool,
    /// The first step that is still to come, and what the present one has behind it.
    pub(super) from: usize,
    pub(super) credited: Duration,
    /// Whether the spec is not known, and what it says of the analysis is assumed.
    pub(super) is_assumed: bool,
}

/// A step.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) weight: String,
    pub(super) share: f64,
    pub(super) audience: bool,
    pub(super) bake: Duration,
    pub(super) clean: bool,
    pub(super) min_requests: u64,
    pub(super) approval: bool,
    pub(super) gates: Vec<String>,
}

// === impl Outline ===

impl Outline {
    /// Everything is known.
    pub(super) fn of_spec(spec: &Spec) -> Self {
        let errors = spec.analysis.errors();
        let offline = &spec.offline;
        Self {
            steps: spec.steps.iter().map(of_step).collect(),
            thresholds: Thresholds::of(&spec.analysis),
            fail: FailAt::of(&spec.analysis),
            absolute: errors.map(|errors| errors.absolute_max.share()),
            min_errors: errors.map_or(0, |errors| errors.min_errors),
            holds: spec.analysis.on_inconclusive == OnInconclusive::Hold,
            offline: Some((offline.rollback_hold, offline.verify_zero)),
            deadline: Some(spec.step_deadline),
            paused: spec.paused,
            from: 0,
            credited: Duration::ZERO,
            is_assumed: false,
        }
    }

    /// Only the steps are known.
    pub(super) fn of_view(view: &View) -> Self {
        Self {
            steps: view.steps.iter().map(of_view).collect(),
            thresholds: view.thresholds,
            fail: view.thresholds.fail.unwrap_or_else(|| FailAt::new(USUAL, 1.0)),
            absolute: None,
            min_errors: 0,
            holds: false,
            offline: None,
            deadline: None,
            paused: false,
            from: 0,
            credited: Duration::ZERO,
            is_assumed: true,
        }
    }

    /// From where a release stands now.
    pub(super) fn at(self, view: &View) -> Self {
        match &view.state.phase {
            Phase::Running { step } => {
                let credited = match &step.stage {
                    StepStage::Baking { bake } => bake.credited,
                    _ => Duration::ZERO,
                };
                Self { from: step.index, credited, ..self }
            }
            _ => self,
        }
    }
}

fn of_step(step: &weir_release::spec::Step) -> Step {
    Step {
        name: step.to_string(),
        weight: step.weight.to_string(),
        share: step.weight.share(),
        audience: !step.audience.is_empty(),
        bake: step.bake.duration,
        clean: step.bake.clean,
        min_requests: step.bake.min_requests,
        approval: step.approval,
        gates: step.gates.iter().map(|gate| gate.name.to_string()).collect(),
    }
}

fn of_view(step: &StepView) -> Step {
    Step {
        name: step.name.clone(),
        weight: step.weight.clone(),
        share: pace::share(step).unwrap_or(0.0),
        audience: step.audience,
        bake: Duration::from_millis(step.bake_millis),
        clean: step.clean,
        min_requests: step.min_requests,
        approval: step.approval,
        gates: Vec::new(),
    }
}
