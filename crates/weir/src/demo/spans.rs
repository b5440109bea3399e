//! Times during which it is certain how requests are divided.
//!
//! A release says that a change begins before anybody has it, and that it is in force after everybody has it. What
//! lies between two such moments has one right answer. Requests that a change overtakes have two, and count only
//! as answered or failed.

use jiff::Timestamp;
use weir_release::view::StepView;

use super::tale::{Moments, Tale};
use crate::releases::Told;

/// Such a time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Span {
    pub(super) title: String,
    /// The part of the clients that is to meet the new version, between 0 and 1.
    pub(super) share: f64,
    /// Whether insiders meet the new version whatever the share.
    pub(super) overrides: bool,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

/// All of them, in their order.
pub(super) fn spans(tale: &Tale) -> Vec<Span> {
    let steps = tale.view.as_ref().map(|view| &*view.steps).unwrap_or_default();
    read(&tale.events, steps, &tale.moments)
}

fn read(events: &[Told], steps: &[StepView], moments: &Moments) -> Vec<Span> {
    let mut spans = Vec::new();
    let span = |title: &str, share, overrides, from| Span {
        title: title.to_owned(),
        share,
        overrides,
        from,
        to: moments.ended,
    };
    let mut open = Some(span("before the release", 0.0, false, moments.begun));
    let mut steps = steps.iter();
    for told in events {
        let next = match told.reason {
            "StepStarted" | "Promoting" | "RollingBack" => None,
            "Routed" => steps.next().map(|step| span(&step.name, share(step), true, told.at)),
            "Promoted" => Some(span("the old version goes offline", 1.0, false, told.at)),
            "RolledBack" => Some(span("back to the old version", 0.0, false, told.at)),
            _ => continue,
        };
        spans.extend(open.take().map(|span| Span { to: told.at, ..span }));
        open = next;
    }
    if let Some(stopped) = moments.stopped
        && let Some(span) = open.take()
    {
        let version = if span.share > 0.0 { "old" } else { "new" };
        let title = format!("the {version} version is stopped");
        open = Some(Span { title, from: stopped, ..span.clone() });
        spans.push(Span { to: stopped, ..span });
    }
    spans.extend(open);
    spans
}

/// `20 %` as 0.2.
fn share(step: &StepView) -> f64 {
    step.weight.trim_end_matches(" %").parse::<f64>().unwrap_or(0.0) / 100.0
}

// === impl Span ===

impl Span {
    /// Whether all of a request lies in it.
    pub(super) fn holds(&self, begun: Timestamp, ended: Timestamp) -> bool {
        self.from <= begun && ended <= self.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn told(second: i64, reason: &'static str) -> Told {
        Told { at: at(second), warning: false, reason, message: String::new() }
    }

    fn step(name: &str, weight: &str) -> StepView {
        StepView {
            name: name.into(),
            weight: weight.into(),
            audience: false,
            bake_millis: 0,
            clean: true,
            min_requests: 0,
            approval: false,
        }
    }

    fn check(events: &[Told], stopped: Option<i64>) -> Vec<(String, i64, i64)> {
        let moments = Moments { begun: at(0), fault: None, stopped: stopped.map(at), ended: at(100) };
        let spans = read(events, &[step("fifth", "20 %"), step("all", "100 %")], &moments);
        spans.into_iter().map(|span| (span.title, span.from.as_second(), span.to.as_second())).collect()
    }

    #[test]
    fn changes_lie_between_spans() {
        let events = [
            told(1, "StepStarted"),
            told(2, "Routed"),
            told(10, "StepStarted"),
            told(11, "Routed"),
            told(20, "Promoting"),
            told(21, "Promoted"),
            told(22, "Detached"),
        ];
        let expected = [
            ("before the release", 0, 1),
            ("fifth", 2, 10),
            ("all", 11, 20),
            ("the old version goes offline", 21, 50),
            ("the old version is stopped", 50, 100),
        ];
        assert_eq!(check(&events, Some(50)), expected.map(|(title, from, to)| (title.to_owned(), from, to)));
    }

    #[test]
    fn a_rollback_is_a_change_too() {
        let events =
            [told(1, "StepStarted"), told(2, "Routed"), told(3, "RollingBack"), told(4, "RolledBack")];
        let expected = [("before the release", 0, 1), ("fifth", 2, 3), ("back to the old version", 4, 100)];
        assert_eq!(check(&events, None), expected.map(|(title, from, to)| (title.to_owned(), from, to)));
    }
}
