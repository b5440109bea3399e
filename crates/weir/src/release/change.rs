//! What counts as a change of a release, and how it is told in a line.

use jiff::Timestamp;
use weir_release::{
    state::{Phase, State},
    view::View,
};

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
        Phase::Offlining { offline } => format!("{phase} {}, {stage}", words::role(offline.role)),
        _ => format!("{phase}, {stage}"),
    }
}

/// `10:00:00 shop/web: Running, step fifth (3 of 9), baking; 20 % to the new version; waits for …`.
pub(super) fn line(view: &View, now: Timestamp) -> String {
    let State { routing, failure, hold, .. } = &view.state;
    let name = format!("{} {}/{}: {}", words::clock(now), view.namespace, view.name, place(view));
    let mut parts = vec![name];
    parts.extend(routing.as_ref().map(|_| format!("{} to the new version", view.weight)));
    parts.extend(failure.as_ref().map(|failure| format!("{}: {}", failure.cause, failure.message)));
    match hold {
        Some(hold) => parts.push(format!("held: {}", hold.message)),
        None if !view.waiting_for.is_empty() => parts.push(format!("waits for {}", view.waiting_for)),
        None => {}
    }
    parts.extend(view.refusals.iter().map(|refusal| format!("refused: {refusal}")));
    format!("{}\n", parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::{super::samples, *};

    #[test]
    fn a_line_tells_where_it_is_and_why() {
        let all =
            [samples::baking, samples::held, samples::offlining, samples::rolled_back, samples::refused];
        let lines: String = all.iter().map(|sample| line(&sample().view, samples::now())).collect();
        insta::assert_snapshot!(lines);
    }

    #[test]
    fn what_only_counts_on_is_no_change() {
        let (before, mut after) = (samples::baking().view, samples::baking().view);
        after.waiting_for = "39m without exceptions".into();
        after.live = None;
        assert_eq!(Change::of(&before), Change::of(&after));
        assert_ne!(Change::of(&before), Change::of(&samples::held().view));
    }
}
