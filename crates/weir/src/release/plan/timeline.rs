//! The steps of a plan, with times and what they find.

use std::time::Duration;

use weir_release::text::{count, duration};

use super::{
    Traffic,
    detect::{as_float, smallest, towards_yes},
    outline::{Outline, Step},
};
use crate::release::words::{rate, times};

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

/// What a step finds by comparing errors.
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
    let mut warnings = Vec::new();
    if outline.paused {
        warnings.push("spec.paused is true: nothing begins before it is false".into());
    }
    let steps = &outline.steps[outline.from.min(outline.steps.len())..];
    for (step, row) in steps.iter().zip(rows) {
        warnings.extend(about(outline, step, row, traffic));
    }
    warnings.extend(undecided(outline, steps, traffic));
    let approvals: Vec<&str> =
        steps.iter().filter(|step| step.approval).map(|step| step.name.as_str()).collect();
    if !approvals.is_empty() {
        warnings.push(format!("somebody has to approve after {}; times behind count from then", approvals.join(", ")));
    }
    warnings
}

/// What is worth knowing about a step.
fn about(outline: &Outline, step: &Step, row: &Row, traffic: Traffic) -> Vec<String> {
    let name = &step.name;
    let mut all = Vec::new();
    match row.finds {
        Finds::Nothing => all.push(format!(
            "step {name} finds no error rate at all: too few requests reach the new version in {}; let it bake longer, \
             or give it more weight",
            duration(row.takes)
        )),
        Finds::Ratio(ratio) if ratio >= COARSE => all.push(format!(
            "step {name} finds only {} times the errors or more; let it bake longer, or give it more weight",
            times(ratio)
        )),
        _ => {}
    }
    if row.takes > step.bake && !step.bake.is_zero() {
        let requests = count(step.min_requests, "request");
        all.push(format!("step {name} takes {} for its {requests}, not {}", duration(row.takes), duration(step.bake)));
    }
    if let Some(rps) = canary_rps(step, traffic).filter(|rps| step.clean && rps * QUIET < STEADY) {
        let requests = rate(rps * QUIET);
        all.push(format!(
            "step {name} takes longer than {}: with {requests} requests a minute there are gaps, in which no time counts",
            duration(step.bake)
        ));
    }
    if let Some(deadline) = outline.deadline.filter(|deadline| row.takes > *deadline) {
        all.push(format!("step {name} is held after {} (limits.stepDeadline)", duration(deadline)));
    }
    all
}

/// Which steps end before the evidence can say yes.
fn undecided(outline: &Outline, steps: &[Step], traffic: Traffic) -> Option<String> {
    if !outline.holds {
        return None;
    }
    let (mut yes, mut names) = (0.0, Vec::new());
    for step in steps {
        let Some(rps) = canary_rps(step, traffic) else {
            names.extend((step.share == 0.0).then_some(step.name.as_str()));
            continue;
        };
        if step.share < 1.0 {
            let requests = rps * takes(step, traffic).as_secs_f64();
            yes += towards_yes(traffic.errors, step.share, requests);
        }
        if yes < 1.0 {
            names.push(step.name.as_str());
        }
    }
    (!names.is_empty() && traffic.rps.is_some()).then(|| {
        let (are, they) = if names.len() == 1 { ("step", "it is") } else { ("steps", "they are") };
        format!(
            "{are} {} will hardly have a verdict when the time is over: {they} held then (onInconclusive: Hold); let \
             them bake longer, or write onInconclusive: Proceed",
            names.join(", ")
        )
    })
}
