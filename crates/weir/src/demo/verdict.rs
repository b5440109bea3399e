//! Whether everything was as asked.

use std::{collections::HashSet, fmt::Write as _, time::Duration};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::{
    crowd::CLIENTS,
    fault::Fault,
    record::{Record, Version},
    table::{Row, as_f64, rows},
    tale::{Offline, Tale},
};
use crate::output::count;

/// How soon after the first bad answer everything has to be back at the old version.
const SOON: Duration = Duration::from_secs(10);

/// Something that had to be so.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    scenario: usize,
    what: String,
    holds: bool,
}

/// All that was measured.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    rows: Vec<Row>,
    checks: Vec<Check>,
    requests: usize,
    failed: usize,
    wrong: u64,
    pub(super) elapsed: Duration,
}

// === impl Verdict ===

impl Verdict {
    /// Judges a story.
    pub(super) fn add(&mut self, tale: &Tale) {
        let rows = rows(tale);
        self.wrong += rows.iter().map(|row| row.wrong).sum::<u64>();
        self.requests += tale.records.len();
        self.failed += tale.records.iter().filter(|record| record.failed).count();
        self.rows.extend(rows);
        let checks = match tale.story.fault {
            None => released(tale),
            Some(fault) => rolled_back(tale, fault),
        };
        let check = |(what, holds)| Check { scenario: tale.story.number, what, holds };
        self.checks.extend(checks.into_iter().map(check));
    }

    /// Whether every figure is as asked.
    pub(super) fn holds(&self) -> bool {
        self.rows.iter().all(|row| row.holds) && self.checks.iter().all(|check| check.holds)
    }

    pub(super) fn json(&self) -> String {
        let value = json!({
            "holds": self.holds(),
            "requests": self.requests,
            "failed": self.failed,
            "wrong": self.wrong,
            "seconds": (self.elapsed.as_secs_f64() * 10.0).round() / 10.0,
            "rows": self.rows,
            "checks": self.checks,
        });
        format!("{value:#}\n")
    }

    pub(super) fn text(&self) -> String {
        let mut out = format!("\n{}", Row::HEAD);
        self.rows.iter().for_each(|row| row.write(&mut out));
        out.push('\n');
        for Check { scenario, what, holds } in &self.checks {
            let mark = if *holds { "ok " } else { "NO " };
            let _infallible = writeln!(out, "{scenario}  {mark} {what}");
        }
        let _infallible = writeln!(
            out,
            "\n{} in {:.1} s: {} failed, {} wrong. {}",
            count(self.requests, "request"),
            self.elapsed.as_secs_f64(),
            self.failed,
            self.wrong,
            if self.holds() { "Every figure holds." } else { "NOT every figure holds." },
        );
        out
    }
}

type Checks = Vec<(String, bool)>;

/// What has to be so where all goes well.
fn released(tale: &Tale) -> Checks {
    let failed = tale.records.iter().filter(|record| record.failed).count();
    let why = tale.failure.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let mut checks = vec![ended(tale, "Completed", tale.is_completed())];
    checks.push((format!("{failed} of {} failed{why}", count(tale.records.len(), "request")), failed == 0));
    let returned = returned(&tale.records);
    checks.push((
        format!("{returned} of {CLIENTS} clients met the old version again after the new one"),
        returned == 0,
    ));
    checks.extend(streams(tale));
    checks.push(gone(tale, "old"));
    checks
}

fn ended(tale: &Tale, wanted: &str, holds: bool) -> (String, bool) {
    if holds {
        return (format!("the release is {wanted}"), true);
    }
    let waiting = tale.view.as_ref().map_or("", |view| &*view.waiting_for);
    (format!("the release is to be {wanted}; it is {}, and waits for: {waiting}", tale.phase()), false)
}

/// Clients that met the old version after they had met the new one.
fn returned(records: &[Record]) -> usize {
    let (mut met, mut returned) = (vec![false; CLIENTS], HashSet::new());
    for record in records {
        match record.answered() {
            Some(Version::New) => met[record.client] = true,
            Some(Version::Old) if met[record.client] => drop(returned.insert(record.client)),
            _ => {}
        }
    }
    returned.len()
}

/// WebSockets and streams that were open to the old version when it went offline.
fn streams(tale: &Tale) -> Option<(String, bool)> {
    let (ended, closed) = (tale.streams, tale.closed);
    let wanted = tale.story.streams * 2;
    let what = format!(
        "{wanted} WebSockets and event streams were open to the old version: {} ended politely (the release counts {closed}), {} broken off, {} came to the new one",
        ended.polite, ended.broken, ended.returned,
    );
    let all = [ended.opened, ended.polite, ended.returned].iter().all(|count| *count == wanted);
    (wanted > 0).then_some((what, all && ended.broken == 0 && closed == wanted as u64))
}

/// The version that is offline was stopped, and nobody noticed.
fn gone(tale: &Tale, version: &str) -> (String, bool) {
    let Some(Offline { at, connections, gone }) = tale.offline else {
        return (format!("the {version} version is to be offline, and is not"), false);
    };
    let since = tale.records.iter().filter(|record| record.ended >= at);
    let (all, failed) =
        since.fold((0, 0), |(all, failed), record| (all + 1, failed + usize::from(record.failed)));
    let what = format!(
        "the {version} version was stopped with {} open, and {}; {} since, {failed} failed",
        count(connections, "connection"),
        if gone { "refuses new ones" } else { "STILL TAKES new ones" },
        count(all, "request"),
    );
    (what, gone && connections == 0 && failed == 0 && all > 0)
}

/// What has to be so where the new version misbehaves.
fn rolled_back(tale: &Tale, fault: Fault) -> Checks {
    let bad = || tale.records.iter().filter(|record| fault.is_in(record));
    let first = bad().map(|record| record.ended).min();
    let back = tale.told("RolledBack");
    let cause = tale.rollback();
    let evidence = cause.map_or("none", |failure| &*failure.message);
    let noticed = cause.is_some_and(|failure| failure.cause == fault.guardrail());
    let victims = bad().map(|record| record.client).collect::<HashSet<_>>().len();
    let part = 100.0 * as_f64(victims as u64) / as_f64(CLIENTS as u64);
    let why = tale.failure.as_ref().map(|why| format!("; the first: {why}")).unwrap_or_default();
    // Nobody may have had one before it misbehaved.
    let early = bad().filter(|record| tale.moments.fault.is_none_or(|fault| record.ended < fault)).count();
    vec![
        (format!("guardrail {} has noticed: {evidence}", fault.guardrail()), noticed),
        reaction(first, back),
        (
            format!("{victims} of {CLIENTS} clients ({part:.2} %) had {}{why}", fault.harm()),
            victims > 0 && early == 0,
        ),
        after(tale, back),
        ended(tale, "RolledBack", tale.is_rolled_back()),
        gone(tale, "new"),
    ]
}

/// The time until everything was back at the old version.
fn reaction(first: Option<Timestamp>, back: Option<Timestamp>) -> (String, bool) {
    let Some((first, back)) = first.zip(back) else {
        return (
            "after the first bad answer everything goes back to the old version: it does not".into(),
            false,
        );
    };
    let took = Duration::try_from(back.duration_since(first)).unwrap_or_default();
    let what = format!("{} ms from the first bad answer until weight 0 was in force", took.as_millis());
    (what, took <= SOON)
}

/// From then on.
fn after(tale: &Tale, back: Option<Timestamp>) -> (String, bool) {
    let since = || tale.records.iter().filter(|record| back.is_some_and(|back| record.begun >= back));
    let new = since().filter(|record| record.version == Some(Version::New)).count();
    let (all, failed) = (since().count(), since().filter(|record| record.failed).count());
    let what = format!("{} after that: {new} to the new version, {failed} failed", count(all, "request"));
    (what, all > 0 && new == 0 && failed == 0)
}
