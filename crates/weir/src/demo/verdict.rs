//! What was asked and what was measured.

use std::{fmt::Write as _, time::Duration};

use serde::Serialize;
use serde_json::json;

use super::{
    load::Leg,
    scenario::Route,
    tally::{Reading, Tally, as_f64},
};
use crate::output::count;

/// How far a share may be from what was asked, between 0 and 1.
const TOLERANCE: f64 = 0.01;
/// Fewer requests prove nothing.
const FEWEST: u64 = 10_000;

/// One line of the table. Shares are those of the new version, in percent.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    scenario: usize,
    phase: String,
    route: String,
    /// None while an edit is on its way, when both states are right.
    #[serde(skip_serializing_if = "Option::is_none")]
    asked: Option<f64>,
    measured: f64,
    requests: u64,
    misrouted: u64,
    failed: u64,
    /// Why the first failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p50_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p99_ms: Option<f64>,
    /// How long an edit took until it was in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    in_force_ms: Option<f64>,
    holds: bool,
}

/// All that was measured.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) rows: Vec<Row>,
    pub(super) elapsed: Duration,
}

// === impl Row ===

impl Row {
    /// One row for each route of a phase.
    pub(super) fn of_phase(scenario: usize, phase: &str, leg: &Leg) -> Vec<Self> {
        let row = |(route, tally)| Self::of_route(scenario, phase, route, tally);
        leg.routes.iter().zip(&leg.tallies).map(row).collect()
    }

    fn of_route(scenario: usize, phase: &str, route: &Route, tally: &Tally) -> Self {
        let reading = tally.read();
        let near = (reading.share() - route.asked).abs() <= TOLERANCE;
        let clean = reading.misrouted == 0 && reading.failed == 0;
        Self {
            asked: Some(percent(route.asked)),
            failure: tally.failure().map(str::to_owned),
            p50_ms: Some(milliseconds(tally.latency(0.5))),
            p99_ms: Some(milliseconds(tally.latency(0.99))),
            holds: near && clean && reading.answered() >= FEWEST,
            ..Self::counted(scenario, phase, route.title, reading)
        }
    }

    /// What was in flight while an edit took effect: nothing may fail.
    pub(super) fn of_edit(scenario: usize, phase: &str, leg: &Leg, took: Duration) -> Self {
        let mut sum = Reading::default();
        for reading in leg.tallies.iter().map(Tally::read) {
            sum.old += reading.old;
            sum.new += reading.new;
            sum.failed += reading.failed;
        }
        let row = Self::counted(scenario, &format!("edit: {phase}"), "all", sum);
        let failure = leg.tallies.iter().find_map(Tally::failure).map(str::to_owned);
        Self { in_force_ms: Some(milliseconds(took)), holds: sum.failed == 0, failure, ..row }
    }

    fn counted(scenario: usize, phase: &str, route: &str, reading: Reading) -> Self {
        Self {
            scenario,
            phase: phase.to_owned(),
            route: route.to_owned(),
            asked: None,
            measured: percent(reading.share()),
            requests: reading.answered() + reading.failed,
            misrouted: reading.misrouted,
            failed: reading.failed,
            failure: None,
            p50_ms: None,
            p99_ms: None,
            in_force_ms: None,
            holds: false,
        }
    }
}

fn percent(share: f64) -> f64 {
    (share * 10_000.0).round() / 100.0
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 100_000.0).round() / 100.0
}

// === impl Verdict ===

impl Verdict {
    /// Whether every figure is as asked.
    pub(super) fn holds(&self) -> bool {
        self.rows.iter().all(|row| row.holds)
    }

    fn sum(&self, of: fn(&Row) -> u64) -> u64 {
        self.rows.iter().map(of).sum()
    }

    pub(super) fn json(&self) -> String {
        let value = json!({
            "holds": self.holds(),
            "requests": self.sum(|row| row.requests),
            "failed": self.sum(|row| row.failed),
            "misrouted": self.sum(|row| row.misrouted),
            "seconds": (self.elapsed.as_secs_f64() * 10.0).round() / 10.0,
            "rows": self.rows,
        });
        format!("{value:#}\n")
    }

    pub(super) fn text(&self) -> String {
        let mut out = String::from(
            "\nscenario, phase                            route                    asked  measured  \
             requests  misrouted  failed\n",
        );
        self.rows.iter().for_each(|row| write_row(&mut out, row));
        let (failed, misrouted) = (self.sum(|row| row.failed), self.sum(|row| row.misrouted));
        let rate = as_f64(self.sum(|row| row.requests)) / self.elapsed.as_secs_f64();
        let _infallible = writeln!(
            out,
            "\n{} in {:.1} s ({rate:.0} a second): {misrouted} misrouted, {failed} failed. {}",
            count(usize::try_from(self.sum(|row| row.requests)).unwrap_or(usize::MAX), "request"),
            self.elapsed.as_secs_f64(),
            if self.holds() { "Every figure holds." } else { "NOT every figure holds." },
        );
        out
    }
}

fn write_row(out: &mut String, row: &Row) {
    let asked = row.asked.map_or_else(|| "either".to_owned(), |asked| format!("{asked:.0} %"));
    let mark = if row.holds { "" } else { "  DOES NOT HOLD" };
    let failure = row.failure.as_ref().map(|failure| format!(": {failure}")).unwrap_or_default();
    let _infallible = writeln!(
        out,
        "{}  {:<40} {:<22} {:>7} {:>7.2} % {:>9} {:>10} {:>7}{mark}{failure}",
        row.scenario, row.phase, row.route, asked, row.measured, row.requests, row.misrouted, row.failed
    );
}
