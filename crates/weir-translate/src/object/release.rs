//! `weir.dev/v1alpha1` Release.

use std::sync::Arc;

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use weir_crd::{Refusal, ReleaseSpec, ReleaseStatus};

use super::Metadata;

/// A Release as it is written. One whose spec cannot be read is an object all the same: it must not look as if it
/// had been deleted, and where it stands, and whether it is to go, does not depend on what it asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Release {
    /// Name and age.
    pub metadata: Metadata,
    /// Who it is in the API.
    pub identity: weir_crd::Metadata,
    /// Its spec as it is written.
    pub written: Value,
    /// What it asks for, or everything that is wrong with it.
    pub spec: Result<ReleaseSpec, Vec<Refusal>>,
    /// Where it stands, or why that cannot be read.
    pub status: Result<Option<Arc<ReleaseStatus>>, String>,
}

impl<'de> Deserialize<'de> for Release {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let mut value = Value::deserialize(deserializer)?;
        let field = |name: &str| value.get(name).cloned().unwrap_or_default();
        let metadata = Metadata::deserialize(field("metadata")).map_err(D::Error::custom)?;
        // What is wrong with it is told with the spec.
        let identity = Deserialize::deserialize(field("metadata")).unwrap_or_default();
        let (written, status) = (field("spec"), field("status"));
        let status = Option::deserialize(status).map_err(|error| error.to_string());
        if let Some(fields) = value.as_object_mut() {
            fields.remove("status");
        }
        let spec = weir_crd::Release::read(&value).map(|release| release.spec);
        Ok(Self { metadata, identity, written, spec, status })
    }
}
