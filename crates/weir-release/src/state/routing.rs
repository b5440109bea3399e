//! What proxies obey.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use weir_model::{BackendKey, PortRef, Role};

use crate::{
    population::Population,
    spec::{Spec, Version, Weight},
};

/// What proxies obey.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Routing {
    /// Counts the changes; proxies say which one is in force.
    pub epoch: u64,
    /// Of which try.
    pub attempt: u64,
    /// The versions that requests are divided between, whatever the manifest says by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub services: Option<Services>,
    /// Whom a step divides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub population: Option<Population>,
    /// How requests are divided.
    #[serde(flatten)]
    pub split: Division,
}

/// The Services of both versions, as `NAME:PORT`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Services {
    /// The old version's.
    pub stable: String,
    /// The new version's.
    pub canary: String,
}

/// How requests are divided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "to", rename_all = "camelCase")]
pub enum Division {
    /// As a step says; overrides are in force.
    #[serde(rename_all = "camelCase")]
    Step {
        /// Which step, whose audience it has.
        step: usize,
        /// In basis points.
        weight: Weight,
    },
    /// Everything to one version, whatever overrides say.
    All {
        /// Which.
        #[serde(rename = "side")]
        role: Role,
    },
    /// The same, and nothing points to the other version any more, not even where nobody else can serve.
    Only {
        /// Which.
        #[serde(rename = "side")]
        role: Role,
        /// Whether WebSockets and streams of the other version are to be ended.
        close: bool,
    },
}

// === impl Services ===

impl Services {
    /// Those that a spec names.
    pub fn of(spec: &Spec) -> Self {
        let name = |version: &Version| format!("{}:{}", version.service.service, version.service.port);
        Self { stable: name(&spec.stable), canary: name(&spec.canary) }
    }

    /// The Service of a version, in a namespace.
    pub fn key(&self, namespace: &Arc<str>, role: Role) -> BackendKey {
        let text = match role {
            Role::Stable => &self.stable,
            Role::Canary => &self.canary,
        };
        let (service, port) = text.rsplit_once(':').unwrap_or((text, ""));
        let port = port.parse().map_or_else(|_| PortRef::Name(port.into()), PortRef::Number);
        BackendKey { namespace: Arc::clone(namespace), service: service.into(), port }
    }
}

// === impl Division ===

impl Division {
    /// How much of what is divided by weight goes to a version.
    pub fn weight(&self, role: Role) -> Weight {
        let canary = match self {
            Self::Step { weight, .. } => *weight,
            Self::All { role } | Self::Only { role, .. } => match role {
                Role::Canary => Weight::ALL,
                Role::Stable => Weight::NONE,
            },
        };
        match role {
            Role::Canary => canary,
            Role::Stable => canary.rest(),
        }
    }
}
