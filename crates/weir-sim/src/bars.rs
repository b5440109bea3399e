//! The statistical bars: what share of healthy releases is given up, and how soon a bad one is.

use std::time::Duration;

use serde::Serialize;
use weir_release::spec::Spec;

use crate::{
    rules::Rule,
    specs,
    traffic::{Once, Pattern, Traffic},
    trial::{Ending, Trial},
};

/// How long the one weight is watched that rules are compared on: half an hour.
const WATCHED: u64 = 1_800;
/// The rule of this project, for tables.
pub const WEIR: &str = "Weir";

/// Releases that differ in their seed only.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// For tables.
    pub name: &'static str,
    /// What has to be so.
    pub bar: Bar,
    /// How many are run, unless somebody asks for another number.
    pub runs: u64,
    release: Release,
    traffic: Traffic,
}

/// What is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Release {
    /// 10 % for half an hour.
    Tenth,
    /// The same, also judged by latency.
    TenthWithLatency,
    /// Everything that people get who ask for nothing else.
    Default,
}

/// What has to be so for Weir.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bar {
    /// Less than this share goes back.
    Aborted(f64),
    /// Half of all goes back within so many seconds.
    AbortedWithin(u64),
    /// Less than this share goes back or is held.
    Stopped(f64),
    /// Half of all is held, or goes back, within so many seconds.
    StoppedWithin(u64),
    /// It is only looked at.
    None,
}

/// A rule's results in a scenario.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The scenario.
    pub scenario: &'static str,
    /// The rule.
    pub rule: &'static str,
    /// How many releases there were.
    pub runs: usize,
    /// The share of them that went back.
    pub aborted: f64,
    /// The share of them that was held.
    pub held: f64,
    /// Half of all had ended after so many seconds; absent if most never did.
    pub median_seconds: Option<u64>,
    /// What had to be so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bar: Option<String>,
    /// Whether it was.
    pub met: bool,
}

// === impl Scenario ===

impl Scenario {
    /// All of them.
    pub fn all() -> Vec<Self> {
        let mut all = Self::healthy();
        all.extend(Self::faulty());
        all.extend(Self::curious());
        all
    }

    /// Releases that have nothing wrong.
    fn healthy() -> Vec<Self> {
        let healthy =
            |name, base, errors| Self::new(name, Bar::Aborted(0.01), 1_000, traffic(base, 1.0, errors));
        let incident = Pattern::Incident { from: 600, until: 660, rate: 0.2 };
        let steady = traffic(0.02, 1.0, Pattern::Independent);
        let five = Self::new("healthy, 2 %, five steps", Bar::Aborted(0.01), 300, steady);
        let uneven = Traffic { skew: 1.1, ..traffic(0.02, 1.0, incident) };
        vec![
            healthy("healthy, 0.2 % errors", 0.002, Pattern::Independent),
            healthy("healthy, 2 % errors", 0.02, Pattern::Independent),
            healthy("healthy, 0.2 %, shared incident", 0.002, incident),
            healthy("healthy, 2 %, shared incident", 0.02, incident),
            healthy("healthy, 2 %, storms of 3", 0.02, Pattern::Storms(3.0)),
            healthy("healthy, 2 %, storms of 10", 0.02, Pattern::Storms(10.0)),
            Self { runs: 300, ..healthy("healthy, 2 %, diurnal", 0.02, Pattern::Diurnal) },
            Self::new("healthy, 2 %, 500 rps", Bar::Aborted(0.01), 200, Traffic { rps: 500.0, ..steady }),
            Self::new("healthy, 2 %, incident, busy clients", Bar::Aborted(0.01), 300, uneven),
            Self { release: Release::Default, ..five },
            Self::timed("healthy latency", 1.0, Bar::Stopped(0.01)),
        ]
    }

    /// Releases that have to be stopped.
    fn faulty() -> Vec<Self> {
        let faulty = |name, base, ratio, within| {
            Self::new(name, Bar::AbortedWithin(within), 1_000, traffic(base, ratio, Pattern::Independent))
        };
        vec![
            faulty("0.2 % -> 2 %", 0.002, 10.0, 60),
            faulty("2 % -> 4 %", 0.02, 2.0, 180),
            Self::timed("+50 % latency", 1.5, Bar::StoppedWithin(120)),
        ]
    }

    /// What is only looked at: a new version that fails while it warms up, and storms of which every error counts.
    fn curious() -> Vec<Self> {
        let cold = Pattern::ColdStart { seconds: 60, factor: 3.0 };
        let raw = Traffic { once: Once::Never, ..traffic(0.02, 1.0, Pattern::Storms(3.0)) };
        vec![
            Self::new("1 %, at first 3 % for 60 s", Bar::None, 300, traffic(0.01, 1.0, cold)),
            Self::new("healthy, 2 %, storms of 3, raw", Bar::None, 300, raw),
        ]
    }

    fn timed(name: &'static str, slower: f64, bar: Bar) -> Self {
        let traffic = Traffic { slower: Some(slower), ..traffic(0.002, 1.0, Pattern::Independent) };
        Self { release: Release::TenthWithLatency, ..Self::new(name, bar, 300, traffic) }
    }

    fn new(name: &'static str, bar: Bar, runs: u64, traffic: Traffic) -> Self {
        Self { name, bar, runs, release: Release::Tenth, traffic }
    }

    /// Runs one release; how it ended for Weir, and for each of the others.
    pub fn run(&self, seed: u64) -> (Ending, [Ending; 4]) {
        Trial::new(self.release.spec(), self.traffic, seed).run(self.release.seconds())
    }

    /// What came of all of them, rule by rule.
    pub fn rows(&self, endings: &[(Ending, [Ending; 4])]) -> Vec<Row> {
        let weir: Vec<_> = endings.iter().map(|(weir, _)| *weir).collect();
        let mut rows = vec![self.bar.hold(Row::new(self.name, WEIR, &weir))];
        for (position, rule) in Rule::ALL.into_iter().enumerate() {
            let theirs: Vec<_> = endings.iter().map(|(_, others)| others[position]).collect();
            rows.push(Row::new(self.name, rule.name(), &theirs));
        }
        rows
    }
}

fn traffic(base: f64, ratio: f64, errors: Pattern) -> Traffic {
    Traffic { rps: 50.0, base, ratio, errors, clients: 2_000, skew: 0.8, slower: None, once: Once::UntilCalm }
}

// === impl Release ===

impl Release {
    fn spec(self) -> Spec {
        let long = Duration::from_secs(2 * WATCHED);
        match self {
            Self::Tenth => specs::one_step(1_000, long),
            Self::TenthWithLatency => {
                let mut spec = specs::one_step(1_000, long);
                spec.analysis.guardrails.push(specs::slow());
                spec
            }
            Self::Default => {
                let mut spec = specs::default_release();
                // Whether evidence for health suffices is another question than whether it is given up.
                spec.analysis.on_inconclusive = weir_release::spec::OnInconclusive::Proceed;
                spec
            }
        }
    }

    fn seconds(self) -> u64 {
        match self {
            Self::Tenth | Self::TenthWithLatency => WATCHED,
            Self::Default => 3_000,
        }
    }
}

// === impl Row ===

impl Row {
    fn new(scenario: &'static str, rule: &'static str, endings: &[Ending]) -> Self {
        let share = |is: fn(&Ending) -> bool| {
            real(endings.iter().filter(|ending| is(ending)).count()) / real(endings.len())
        };
        let mut seconds: Vec<u64> = endings.iter().filter_map(Ending::seconds).collect();
        seconds.sort_unstable();
        Self {
            scenario,
            rule,
            runs: endings.len(),
            aborted: share(|ending| matches!(ending, Ending::Aborted(_))),
            held: share(|ending| matches!(ending, Ending::Held(..))),
            median_seconds: seconds.get(endings.len() / 2).copied(),
            bar: None,
            met: true,
        }
    }
}

impl Ending {
    fn seconds(&self) -> Option<u64> {
        match self {
            Self::Aborted(seconds) | Self::Held(seconds, _) => Some(*seconds),
            Self::Passed => None,
        }
    }
}

// === impl Bar ===

impl Bar {
    fn hold(self, row: Row) -> Row {
        let within = |limit| row.median_seconds.is_some_and(|median| median <= limit);
        let mostly_aborted = row.aborted > 0.5;
        let (sentence, met) = match self {
            Self::Aborted(share) => (format!("aborted < {:.0} %", share * 100.0), row.aborted < share),
            Self::AbortedWithin(limit) => {
                (format!("aborted in <= {limit} s"), within(limit) && mostly_aborted)
            }
            Self::Stopped(share) => {
                (format!("held or aborted < {:.0} %", share * 100.0), row.held + row.aborted < share)
            }
            Self::StoppedWithin(limit) => (format!("held in <= {limit} s"), within(limit)),
            Self::None => return row,
        };
        Row { bar: Some(sentence), met, ..row }
    }
}

#[expect(clippy::cast_precision_loss, reason = "releases are few")]
fn real(count: usize) -> f64 {
    count as f64
}
