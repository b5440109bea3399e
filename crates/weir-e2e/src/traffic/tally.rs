//! What came of a load.

use std::{collections::BTreeMap, fmt, time::Duration};

use anyhow::ensure;

use super::client::{Client, Method, Outcome};

/// Failures that are told in full; the rest is counted.
const TOLD: usize = 6;

/// Counts of one kind of client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Requests, or messages of a WebSocket.
    pub sent: u64,
    /// Those that were not answered as they should be.
    pub failed: u64,
    /// Goodbyes of the peer between two requests, as the protocol has them.
    pub polite: u64,
}

/// A request that failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// When it was sent, from the load's start.
    pub at: Duration,
    /// What kind of client sent what.
    pub kind: (Client, Method),
    /// Which way.
    pub via: String,
    /// Status and code, or what went wrong.
    pub what: String,
}

/// Counts, versions and failures.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    counts: BTreeMap<(Client, Method), Count>,
    /// Good answers by the version that gave them.
    pub versions: BTreeMap<String, u64>,
    failures: Vec<Failure>,
    /// The longest that a good answer took, but for those that are asked to take long.
    pub slowest: Duration,
}

// === impl Tally ===

impl Tally {
    pub(super) fn add(
        &mut self,
        kind: (Client, Method),
        via: &str,
        at: Duration,
        taken: Duration,
        outcome: Outcome,
    ) {
        let count = self.counts.entry(kind).or_default();
        match outcome {
            Outcome::Polite => count.polite += 1,
            Outcome::Good(version) => {
                count.sent += 1;
                *self.versions.entry(version.into()).or_default() += 1;
                if kind.0 != Client::Slow {
                    self.slowest = self.slowest.max(taken);
                }
            }
            Outcome::Failed(what) => {
                count.sent += 1;
                count.failed += 1;
                if self.failures.len() < TOLD {
                    self.failures.push(Failure { at, kind, via: via.to_owned(), what });
                }
            }
        }
    }

    /// How many requests there were.
    pub fn sent(&self) -> u64 {
        self.counts.values().map(|count| count.sent).sum()
    }

    /// How many of them failed.
    pub fn failed(&self) -> u64 {
        self.counts.values().map(|count| count.failed).sum()
    }

    /// The counts of the kinds that a test asks for.
    pub fn of(&self, wanted: impl Fn(Client, Method) -> bool) -> Count {
        let counts = self.counts.iter().filter(|((client, method), _)| wanted(*client, *method));
        counts.fold(Count::default(), |sum, (_, count)| Count {
            sent: sum.sent + count.sent,
            failed: sum.failed + count.failed,
            polite: sum.polite + count.polite,
        })
    }

    /// How many a version answered.
    pub fn version(&self, name: &str) -> u64 {
        self.versions.get(name).copied().unwrap_or_default()
    }

    /// Adds another.
    pub fn merge(&mut self, other: &Self) {
        for (kind, count) in &other.counts {
            let sum = self.counts.entry(*kind).or_default();
            sum.sent += count.sent;
            sum.failed += count.failed;
            sum.polite += count.polite;
        }
        for (version, count) in &other.versions {
            *self.versions.entry(version.clone()).or_default() += count;
        }
        let room = TOLD.saturating_sub(self.failures.len());
        self.failures.extend(other.failures.iter().take(room).cloned());
        self.slowest = self.slowest.max(other.slowest);
    }

    /// # Errors
    /// When a request failed, or there was none.
    pub fn clean(&self) -> anyhow::Result<()> {
        ensure!(self.sent() > 0, "nothing was sent");
        ensure!(self.failed() == 0, "{} of {} requests failed", self.failed(), self.sent());
        Ok(())
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sent {} failed {}", self.sent(), self.failed())?;
        match self.of(|_, _| true).polite {
            0 => {}
            polite => write!(f, " polite {polite}")?,
        }
        for ((client, method), Count { sent, failed, .. }) in &self.counts {
            write!(f, "; {client} {} {sent}/{failed}", method.text())?;
        }
        write!(f, "; versions {:?}; slowest {:.0?}", self.versions, self.slowest)?;
        for Failure { at, kind: (client, method), via, what } in &self.failures {
            write!(f, "\n    at {:.2} s, {client} {} by {via}: {what}", at.as_secs_f64(), method.text())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: (Client, Method) = (Client::KeepAlive, Method::Get);
    const SLOW: (Client, Method) = (Client::Slow, Method::Get);

    fn good(version: &str) -> Outcome {
        Outcome::Good(version.into())
    }

    fn tally(outcomes: Vec<((Client, Method), Outcome)>) -> Tally {
        let mut tally = Tally::default();
        for (number, (kind, outcome)) in outcomes.into_iter().enumerate() {
            tally.add(kind, "service", Duration::from_secs(number as u64), Duration::from_millis(7), outcome);
        }
        tally
    }

    #[test]
    fn goodbyes_are_neither_sent_nor_failed() {
        let tally = tally(vec![(GET, good("v1")), (GET, Outcome::Polite), (SLOW, good("v2"))]);
        assert_eq!((tally.sent(), tally.failed()), (2, 0));
        assert_eq!(
            tally.of(|client, _| client == Client::KeepAlive),
            Count { sent: 1, failed: 0, polite: 1 }
        );
        assert!(tally.clean().is_ok());
    }

    #[test]
    fn failures_are_counted_and_the_first_ones_told() {
        let failed = |number: usize| (GET, Outcome::Failed(format!("reason {number}")));
        let tally = tally((0..TOLD + 3).map(failed).collect());
        assert_eq!((tally.sent(), tally.failed()), (9, 9));
        assert_eq!(tally.clean().unwrap_err().to_string(), "9 of 9 requests failed");
        let text = tally.to_string();
        assert!(text.contains("at 5.00 s, keep-alive GET by service: reason 5"), "{text}");
        assert!(!text.contains("reason 6"), "{text}");
    }

    #[test]
    fn sums_hold_both() {
        let mut sum = tally(vec![(GET, good("v1"))]);
        sum.merge(&tally(vec![(GET, good("v2")), (SLOW, Outcome::Failed("x".to_owned()))]));
        assert_eq!((sum.sent(), sum.failed(), sum.version("v1"), sum.version("v2")), (3, 1, 1, 1));
        assert_eq!(sum.slowest, Duration::from_millis(7));
    }

    #[test]
    fn nothing_sent_is_not_clean() {
        assert!(Tally::default().clean().is_err());
    }
}
