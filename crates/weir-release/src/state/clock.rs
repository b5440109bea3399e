//! What has gone by, as proxies saw it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::tally::Tally;

/// What has gone by, as proxies saw it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Clock {
    /// When it was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// How long has gone by in all, in milliseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub counted: u64,
    /// What each proxy had counted by then.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub proxies: BTreeMap<String, Mark>,
}

/// What a proxy had counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Mark {
    /// Which run of it.
    pub boot: String,
    /// For how long it had run, in milliseconds.
    pub uptime: u64,
    /// What it has proven beyond what all have, in milliseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub ahead: u64,
    /// For how long it has been followed, over all its runs, in milliseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub followed: u64,
    /// What the old version was sent.
    pub stable: Tally,
    /// What the new version was sent.
    pub canary: Tally,
}

// === impl Clock ===

impl Clock {
    pub(super) fn is_new(&self) -> bool {
        *self == Self::default()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
