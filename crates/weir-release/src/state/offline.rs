//! How far a version is on its way offline.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use weir_model::Role;

use super::millis;

/// A version on its way offline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OfflineState {
    /// Which.
    #[serde(rename = "side")]
    pub role: Role,
    /// How far.
    pub state: OfflineStage,
    /// How long in this stage.
    #[serde(with = "millis", rename = "elapsedMillis")]
    #[schemars(with = "u64")]
    pub elapsed: Duration,
    /// Requests that were still in flight when their time was over.
    pub cut: u64,
    /// WebSockets and streams that were asked to end.
    pub closed: u64,
    /// Whether somebody keeps scaling the workload up again, so that it is left to them.
    pub contested: bool,
    /// Whether the workload is to be marked as no longer needed.
    pub retire: bool,
    /// Whether this very controller has done what is left to do. A successor cannot know, and does it again.
    #[serde(skip)]
    pub told: bool,
    /// What the version had been sent when its last zero was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent: Option<u64>,
}

/// Who was left when a version went offline, for the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Drained {
    /// WebSockets and streams that were asked to end.
    pub closed: u64,
    /// Requests that were still in flight when their time was over.
    pub cut: u64,
}

// === impl Drained ===

impl Drained {
    /// For people.
    pub fn sentence(self) -> String {
        let Self { closed, cut } = self;
        let closed = match closed {
            0 => "Nobody had to be asked to leave".to_owned(),
            1 => "1 WebSocket or stream was asked to end".to_owned(),
            _ => format!("{closed} WebSockets or streams were asked to end"),
        };
        match cut {
            0 => format!("{closed}; no request took too long."),
            1 => format!("{closed}; 1 request took longer than the time for it."),
            _ => format!("{closed}; {cut} requests took longer than the time for them."),
        }
    }
}

/// How far a version is on its way offline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum OfflineStage {
    /// It has no traffic and could take it back at once.
    Hold,
    /// Every proxy has to say that nothing points to it.
    Detach,
    /// Requests in flight have to end.
    InFlight,
    /// WebSockets and streams have to end.
    LongLived,
    /// Nothing may come for a while.
    VerifyZero,
    /// The workload gets fewer replicas.
    ScaleDown,
    /// The workload is its owner's again.
    LetGo,
}
