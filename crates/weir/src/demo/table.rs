//! What was asked and what was measured, by step and kind of client.

use std::fmt::Write as _;

use serde::Serialize;

use super::{
    crowd::{CLIENTS, EVERYBODY, Group, group_of},
    record::{Record, Version},
    spans::{Span, spans},
    tale::Tale,
};

/// How sure it is that chance alone does not take a share beyond what is allowed: but for one in a million.
const LN_DOUBT: f64 = 14.508_657_738_524_22;
/// Fewer clients show nothing.
const FEWEST: u64 = 50;

/// One line. Shares are those of clients that met the new version, in percent.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    scenario: usize,
    step: String,
    who: &'static str,
    asked: f64,
    measured: f64,
    /// How far chance may take it from what was asked; nothing where chance has no say.
    allowed: f64,
    clients: u64,
    pub(super) requests: u64,
    /// Answers of the other version than asked; of clients that are divided by weight, those that met both.
    pub(super) wrong: u64,
    failed: u64,
    /// Whether the new version was broken by then, on purpose.
    broken: bool,
    pub(super) holds: bool,
}

/// Counts of one kind of client in one span.
#[derive(Debug)]
struct Cell {
    /// Bit 0: met the old version; bit 1: met the new one.
    met: Vec<u8>,
    requests: u64,
    old: u64,
    new: u64,
    failed: u64,
}

/// One row for each span, or for each kind of client where they are not treated alike.
pub(super) fn rows(tale: &Tale) -> Vec<Row> {
    let spans = spans(tale);
    let groups = tale.story.groups;
    let kinds: Vec<&[Group]> = spans.iter().map(|span| kinds(span, groups)).collect();
    let mut cells: Vec<Vec<Cell>> =
        kinds.iter().map(|kinds| kinds.iter().map(|_| Cell::default()).collect()).collect();
    for record in &tale.records {
        let found = spans.iter().position(|span| span.holds(record.begun, record.ended));
        if let Some(span) = found {
            cells[span][group_of(kinds[span], record.client)].count(record);
        }
    }
    let mut rows = Vec::new();
    for ((span, kinds), cells) in spans.iter().zip(kinds).zip(cells) {
        rows.extend(kinds.iter().zip(cells).map(|(group, cell)| cell.row(span, group, tale)));
    }
    rows
}

fn kinds(span: &Span, groups: &'static [Group]) -> &'static [Group] {
    if span.overrides && span.share < 1.0 { groups } else { EVERYBODY }
}

/// How far the share of so many clients may be from what was asked, but for one time in a million, by
/// Bernstein's inequality: each client is given its version by itself.
fn allowed(asked: f64, clients: u64) -> f64 {
    let clients = as_f64(clients.max(1));
    let (linear, variance) = (LN_DOUBT / (3.0 * clients), asked * (1.0 - asked));
    if variance == 0.0 { 0.0 } else { linear + (linear.powi(2) + 2.0 * variance * LN_DOUBT / clients).sqrt() }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub(super) fn as_f64(count: u64) -> f64 {
    count as f64
}

// === impl Cell ===

impl Default for Cell {
    fn default() -> Self {
        Self { met: vec![0; CLIENTS], requests: 0, old: 0, new: 0, failed: 0 }
    }
}

impl Cell {
    fn count(&mut self, record: &Record) {
        self.requests += 1;
        let (counter, bit) = match record.answered() {
            Some(Version::Old) => (&mut self.old, 1),
            Some(Version::New) => (&mut self.new, 2),
            None => (&mut self.failed, 0),
        };
        *counter += 1;
        self.met[record.client] |= bit;
    }

    fn clients(&self, met: impl Fn(u8) -> bool) -> u64 {
        self.met.iter().filter(|bits| met(**bits)).count() as u64
    }

    fn row(&self, span: &Span, group: &Group, tale: &Tale) -> Row {
        let asked = if span.overrides && group.insider { 1.0 } else { span.share };
        let (clients, new) = (self.clients(|bits| bits > 0), self.clients(|bits| bits & 2 > 0));
        let wrong = match asked {
            0.0 => self.new,
            1.0 => self.old,
            _ => self.clients(|bits| bits == 3),
        };
        let (measured, allowed) = (as_f64(new) / as_f64(clients.max(1)), allowed(asked, clients));
        let broken = span.share > 0.0 && tale.moments.fault.is_some_and(|fault| fault < span.to);
        let exact = wrong == 0 && self.failed == 0 && (measured - asked).abs() <= allowed;
        Row {
            scenario: tale.story.number,
            step: span.title.clone(),
            who: group.title,
            asked: percent(asked),
            measured: percent(measured),
            allowed: percent(allowed),
            clients,
            requests: self.requests,
            wrong,
            failed: self.failed,
            broken,
            holds: broken || exact && clients >= FEWEST,
        }
    }
}

fn percent(share: f64) -> f64 {
    (share * 10_000.0).round() / 100.0
}

// === impl Row ===

impl Row {
    pub(super) const HEAD: &str = "   step                           who               asked   measured           clients  requests  wrong  failed\n";

    pub(super) fn write(&self, out: &mut String) {
        let allowed = if self.allowed > 0.0 { format!("± {:.2}", self.allowed) } else { String::new() };
        let mark = match (self.holds, self.broken) {
            (false, _) => "  DOES NOT HOLD",
            (true, true) => "  broken on purpose",
            (true, false) => "",
        };
        let _infallible = writeln!(
            out,
            "{}  {:<30} {:<15} {:>5.0} %  {:>6.2} %  {:<7} {:>7}  {:>8} {:>6} {:>7}{mark}",
            self.scenario,
            self.step,
            self.who,
            self.asked,
            self.measured,
            allowed,
            self.clients,
            self.requests,
            self.wrong,
            self.failed
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_narrows_with_the_clients() {
        let points = |clients| format!("{:.2}", percent(allowed(0.2, clients)));
        assert_eq!([points(20_000), points(5_000)], ["1.55", "3.15"]);
        assert!(allowed(1.0, 10).abs() < f64::EPSILON, "all are all");
    }
}
