//! What a plan is made from: the spec, or what a view tells of it.

use std::time::Duration;

use weir_release::{
    spec::{OnInconclusive, Spec, Watch},
    state::{Phase, StepStage},
    stats::Family,
    view::{StepView, View},
};

use super::super::{
    evidence::{family, level},
    pace,
};

/// What a plan is made from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outline {
    pub(super) steps: Vec<Step>,
    /// The chance of a false alarm that one test has.
    pub(super) level: f64,
    /// So many times the old version's errors are no worse.
    pub(super) tolerated: f64,
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
        let errors = spec.analysis.guardrails.iter().find_map(|guardrail| match &guardrail.watch {
            Watch::Errors(errors) => Some(errors),
            _ => None,
        });
        let offline = &spec.offline;
        Self {
            steps: spec.steps.iter().map(of_step).collect(),
            level: level(&family(spec)),
            tolerated: errors.map_or(1.0, |errors| errors.tolerated),
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
            level: level(&Family { alpha: 0.01, guardrails: 1 }),
            tolerated: 1.0,
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
