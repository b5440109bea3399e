//! How a new version misbehaves.

use std::time::Duration;

use super::record::{Record, Version};

/// Of so many answers one is an error.
pub(super) const ONE_IN: u64 = 4;
/// How long a slow answer waits.
pub(super) const DELAY: Duration = Duration::from_millis(150);

/// What a new version does wrong, once it has done well for a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Fault {
    /// A quarter of its answers are 500.
    Errors,
    /// Every answer comes 150 ms later than before.
    Latency,
    /// Its connections break off and new ones are refused, as when its process dies.
    Crash,
}

// === impl Fault ===

impl Fault {
    /// In words.
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Errors => "answers 500 to one request in four",
            Self::Latency => "answers 150 ms later than before",
            Self::Crash => "crashes: connections to it are refused",
        }
    }

    /// The guardrail that has to notice it.
    pub(super) fn guardrail(self) -> &'static str {
        match self {
            Self::Errors | Self::Crash => "errors",
            Self::Latency => "slow",
        }
    }

    /// Whether a client suffered from it.
    pub(super) fn is_in(self, record: &Record) -> bool {
        match self {
            Self::Errors | Self::Crash => record.failed,
            Self::Latency => {
                let took = Duration::try_from(record.ended.duration_since(record.begun)).unwrap_or_default();
                record.failed || record.version == Some(Version::New) && took >= DELAY
            }
        }
    }

    /// What its victims saw.
    pub(super) fn harm(self) -> &'static str {
        match self {
            Self::Errors | Self::Crash => "an error",
            Self::Latency => "a slow answer",
        }
    }
}
