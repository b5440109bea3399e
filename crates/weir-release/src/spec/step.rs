//! Steps: who gets the new version, and for how long before the next step.

use std::time::Duration;

use weir_model::Predicate;

use super::Weight;

/// One step, or one stage of a ramp.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// As it is written; all stages of a ramp have the same name.
    pub name: Box<str>,
    /// Which stage of a ramp it is.
    pub stage: Option<Stage>,
    /// Whose requests are divided: any of these has to hold. Without any, everybody's are.
    pub audience: Vec<Predicate>,
    /// How much of them goes to the new version.
    pub weight: Weight,
    /// How long the new version has to do well before the next step.
    pub bake: Bake,
    /// Whether somebody has to approve the next step.
    pub approval: bool,
    /// What has to say yes before this step begins.
    pub gates: Vec<Gate>,
}

/// A stage of a ramp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// From 1.
    pub number: u16,
    /// How many there are.
    pub of: u16,
}

/// How long the new version has to do well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bake {
    /// The time to be credited.
    pub duration: Duration,
    /// Whether time is credited only without exceptions: see [`OnError`].
    pub clean: bool,
    /// Requests that the new version must have answered in this step.
    pub min_requests: u64,
    /// What an error of the new version alone does to a clean bake.
    pub on_error: OnError,
}

/// What an error does to a clean bake that only the new version shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// The credited time begins again.
    ResetClock,
    /// The release is held.
    Hold,
    /// So many clients with an error are let pass in a step; one more begins again.
    Count(u64),
}

/// An HTTP endpoint of the user's that has to say yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// For reports.
    pub name: Box<str>,
    /// Where a POST is sent to; a status of 2xx says yes.
    pub url: Box<str>,
    /// How long an answer may take.
    pub timeout: Duration,
}

// === impl Step ===

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)?;
        match self.stage {
            Some(Stage { number, of }) => write!(f, " {number}/{of}"),
            None => Ok(()),
        }
    }
}
