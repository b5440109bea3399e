//! The steps of a plan, with times and what they find.

use std::time::Duration;

use weir_release::text::{count, duration};

use super::{
    Traffic,
    detect::{as_float, smallest, towards_yes},
    outline::{Outline, Step},
};
use crate::release::words::times;

/// A new version without a request for so long is credited no time.
const QUIET: f64 = 60.0;
/// Fewer requests than this in that time leave gaps.
const STEADY: f64 = 5.0;
/// What is only found from this ratio on is hardly found.
const COARSE: f64 = 10.0;

/// A plan.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Timeline {
    /// Steps that are still to come.
    pub(super) rows: Vec<Row>,
    /// When everything goes to the new version, at the earliest.
    pub(super) all: Duration,
    /// When the old version is offline, at the earliest.
    pub(super) offline: Option<Duration>,
    /// What is worth knowing before.
    pub(super) warnings: Vec<String>,
}

/// A step of a plan.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// When it begins, at the earliest.
    pub(super) at: Duration,
    /// How long it takes, at least.
    pub(super) takes: Duration,
    /// What it finds.
    pub(super) finds: Finds,
}

/// What a step finds by its errors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Finds {
    /// How much traffic there is is not known.
    Unknown,
    /// Only the overrides reach the new version.
    Overrides,
    /// There is nothing left to compare with.
    Alone,
    /// So many times the old version's errors, or more.
    Ratio(f64),
    /// Nothing: too few requests.
    Nothing,
}

// === impl Timeline ===

impl Timeline {
    /// What will come.
    pub(super) fn new(outline: &Outline, traffic: Traffic) -> Self {
        let mut at = Duration::ZERO;
        let mut rows = Vec::new();
        for (index, step) in outline.steps.iter().enumerate().skip(outline.from) {
            let credited = if index == outline.from { outline.credited } else { Duration::ZERO };
            let takes = takes(step, traffic).saturating_sub(credited);
            rows.push(Row { at, takes, finds: finds(outline, step, traffic) });
            at += takes;
        }
        let offline = outline.offline.map(|(hold, zero)| at + hold + zero);
        let warnings = warnings(outline, traffic, &rows);
        Self { rows, all: at, offline, warnings }
    }
}

fn canary_rps(step: &Step, traffic: Traffic) -> Option<f64> {
    traffic.rps.map(|rps| rps * step.share).filter(|rps| *rps > 0.0)
}

/// Its bake, or what its requests take if that is longer.
fn takes(step: &Step, traffic: Traffic) -> Duration {
    let requests = canary_rps(step, traffic).map(|rps| as_float(step.min_requests) / rps);
    let requests = requests.and_then(|seconds| Duration::try_from_secs_f64(seconds.ceil()).ok());
    step.bake.max(requests.unwrap_or_default())
}

fn finds(outline: &Outline, step: &Step, traffic: Traffic) -> Finds {
    match canary_rps(step, traffic) {
        _ if step.share == 0.0 => Finds::Overrides,
        _ if step.share >= 1.0 && !step.audience => Finds::Alone,
        // Those outside of an audience are not compared with those in it.
        _ if step.share >= 1.0 => Finds::Alone,
        None => Finds::Unknown,
        Some(rps) => {
            let requests = rps * takes(step, traffic).as_secs_f64();
            smallest(outline, traffic.errors, step.share, requests).map_or(Finds::Nothing, Finds::Ratio)
        }
    }
}

fn warnings(outline: &Outline, traffic: Traffic, rows: &[Row]) -> Vec<String> {
    let steps: Vec<_> = outline.steps.iter().skip(outline.from).zip(rows).collect();
    let mut warnings = Vec::new();
    if outline.paused {
        warnings.push("spec.paused is true: nothing begins before it is false".into());
    }
    let finds_nothing = |_: &Step, row: &Row| row.finds == Finds::Nothing;
    warnings.extend(named(&steps, finds_nothing, |which| {
        format!("{which}: too few requests to find any error rate; more weight or a longer bake helps")
    }));
    let is_coarse = |_: &Step, row: &Row| matches!(row.finds, Finds::Ratio(ratio) if ratio >= COARSE);
    warnings.extend(named(&steps, is_coarse, |which| {
        let times = times(COARSE);
        format!(
            "{which}: less than {times} times the errors is not found; more weight or a longer bake helps"
        )
    }));
    let has_gaps = |step: &Step, _: &Row| {
        canary_rps(step, traffic)
            .is_some_and(|rps| step.clean && !step.bake.is_zero() && rps * QUIET < STEADY)
    };
    warnings.extend(named(&steps, has_gaps, |which| {
        format!(
            "{which}: with so few requests there are gaps, in which no time is credited, so it takes longer"
        )
    }));
    warnings.extend(steps.iter().flat_map(|(step, row)| long(outline, step, row)));
    warnings.extend(undecided(outline, &steps, traffic));
    let approval = |step: &Step, _: &Row| step.approval;
    warnings.extend(named(&steps, approval, |which| {
        format!("{which}: somebody has to approve; times behind count from then")
    }));
    warnings
}

/// What is worth knowing about all steps of which something holds.
fn named(
    steps: &[(&Step, &Row)],
    holds: impl Fn(&Step, &Row) -> bool,
    sentence: impl FnOnce(String) -> String,
) -> Option<String> {
    let names = steps.iter().filter(|(step, row)| holds(step, row)).map(|(step, _)| step.name.as_str());
    which(&names.collect::<Vec<_>>()).map(sentence)
}

/// `step a`, `steps a and b`, `steps a to d (4)`.
fn which(names: &[&str]) -> Option<String> {
    match names {
        [] => None,
        [one] => Some(format!("step {one}")),
        [first, second] => Some(format!("steps {first} and {second}")),
        [some @ .., last] if some.len() < 4 => Some(format!("steps {} and {last}", some.join(", "))),
        [first, .., last] => Some(format!("{} steps, from {first} to {last}", names.len())),
    }
}

/// Where a step takes longer than its bake, or longer than it may.
fn long(outline: &Outline, step: &Step, row: &Row) -> Vec<String> {
    let (name, takes) = (&step.name, duration(row.takes));
    let mut all = Vec::new();
    if row.takes > step.bake && !step.bake.is_zero() {
        let (requests, bake) = (count(step.min_requests, "request"), duration(step.bake));
        all.push(format!("step {name}: its {requests} take {takes}, not {bake}"));
    }
    if let Some(deadline) = outline.deadline.filter(|deadline| row.takes > *deadline) {
        all.push(format!("step {name}: it is held after {} (limits.stepDeadline)", duration(deadline)));
    }
    all
}

/// Which steps end before the evidence can say yes.
fn undecided(outline: &Outline, steps: &[(&Step, &Row)], traffic: Traffic) -> Option<String> {
    if !outline.holds || traffic.rps.is_none() {
        return None;
    }
    let mut yes = 0.0;
    let mut names = Vec::new();
    for (step, row) in steps {
        if let Some(rps) = canary_rps(step, traffic).filter(|_| step.share < 1.0) {
            yes += towards_yes(outline, traffic.errors, step.share, rps * row.takes.as_secs_f64());
        }
        if yes < 1.0 {
            names.push(step.name.as_str());
        }
    }
    let sentence = |which: String| {
        format!(
            "{which}: too few errors are seen by then to say yes, so the release is held at the end (onInconclusive: \
             Hold) until somebody promotes it; a longer bake helps, or onInconclusive: Proceed"
        )
    };
    which(&names).map(sentence)
}
