//! What people ask of a release.

use serde::{Deserialize, Serialize};

/// Somebody asks for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Which request it is; nothing is done twice.
    pub id: String,
    /// What is asked for.
    pub verb: Verb,
    /// Who asks, if it is known.
    pub by: Option<String>,
    /// Why, if they say so.
    pub reason: Option<String>,
    /// Only for this attempt.
    pub attempt: Option<u64>,
    /// Only while this step is under way.
    pub step: Option<String>,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Verb {
    /// Go on with the next step, without waiting for the bake; or with a later one; or send everything.
    Promote {
        /// Which step to go to.
        to: Option<String>,
        /// Send everything to the new version.
        full: bool,
    },
    /// The next step may begin.
    Approve,
    /// The next step may not begin.
    Reject,
    /// Go no further for now.
    Pause,
    /// Go on.
    Resume,
    /// Send everything back, at once.
    Abort,
    /// Begin again after a rollback.
    Retry {
        /// With which step; the first, unless given.
        from: Option<String>,
    },
    /// Take the old version back after all was sent to the new one.
    Undo,
    /// Take the version offline now, without holding it ready any longer.
    Offline,
}

// === impl Verb ===

impl Verb {
    /// The word for it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Promote { .. } => "promote",
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Abort => "abort",
            Self::Retry { .. } => "retry",
            Self::Undo => "undo",
            Self::Offline => "offline",
        }
    }
}
