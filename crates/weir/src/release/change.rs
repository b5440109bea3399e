//! What counts as a change of a release, and how it is told in a line.

use jiff::Timestamp;
use weir_release::{state::{Phase, State}, view::View};

use super::words;

/// Everything of a release that changes in steps and not all the time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    attempt: Option<u64>,
    phase: String,
    weight: String,
    hold: Option<String>,
    failure: Option<String>,
    refusals: Vec<String>,
}

// === impl Change ===

impl Change {
    /// As it is now.
    pub(super) fn of(view: &View) -> Self {
        let State { attempt, hold, failure, .. } = &view.state;
        Self {
            attempt: attempt.as_ref().map(|attempt| attempt.number),
            phase: place(view),
            weight: view.weight.clone(),
            hold: hold.as_ref().map(|hold| hold.message.clone()),
            failure: failure.as_ref().map(|failure| failure.message.clone()),
            refusals: view.refusals.clone(),
        }
    }
}

/// Phase, step and how far it is: `Running, step fifth (3 of 9), baking`.
pub(super) fn place(view: &View) -> String {
    let (phase, stage) = (words::phase(view), words::stage(&view.state.phase));
    match &view.state.phase {
        Phase::Running { step } => {
            let (number, of) = (step.index + 1, view.steps.len());
            format!("{phase}, step {} ({number} of {of}), {stage}", step.name)
        }
        Phase::Offlining { offline } => format!("{phase} {}, {stage}", words::side(offline.side)),
        _ => format!("{phase}, {stage}"),
    }
}

/// `10:00:00 shop/web: Running, step fifth (3 of 9), baking; 20 % to the new version; waits for …`.
pub(super) fn line(view: &View, now: Timestamp) -> String {
    let mut line = format!("{} {}/{}: {}", words::clock(now), view.namespace, view.name, place(view));
    if view.state.routing.is_some() {
        line.push_str(&format!("; {} to the new version", view.weight));
    }
    let failure = view.state.failure.as_ref().map(|failure| format!("; {}: {}", failure.cause, failure.message));
    line.push_str(&failure.unwrap_or_default());
    match &view.state.hold {
        Some(hold) => line.push_str(&format!("; held: {}", hold.message)),
        None if !view.waiting_for.is_empty() => line.push_str(&format!("; waits for {}", view.waiting_for)),
        None => {}
    }
    for refusal in &view.refusals {
        line.push_str(&format!("; refused: {refusal}"));
    }
    line.push('\n');
    line
}
