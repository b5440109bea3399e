//! `weir.dev/v1alpha1` Release.

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use weir_crd::Refusal;

use super::Metadata;

/// A Release as it is written. One that cannot be read is an object all the same: it must not look as if it had
/// been deleted.
#[derive(Clone, Debug, PartialEq)]
pub struct Release {
    /// Name and age.
    pub metadata: Metadata,
    /// What it says, or everything that is wrong with it.
    pub read: Result<weir_crd::Release, Vec<Refusal>>,
}

impl<'de> Deserialize<'de> for Release {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let value = Value::deserialize(deserializer)?;
        let metadata = value.get("metadata").cloned().unwrap_or_default();
        let metadata = Metadata::deserialize(metadata).map_err(D::Error::custom)?;
        Ok(Self { metadata, read: weir_crd::Release::read(&value) })
    }
}
