//! What a controller says of itself and its proxies: the JSON of `/v1/status`, which `weir status` shows.

use std::{collections::BTreeMap, time::SystemTime};

use serde::{Deserialize, Serialize};
use weir_cluster::Controller;
use weir_fleet::Member;
use weir_translate::Config;

use crate::findings::Counts;

/// One controller.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// What its objects in the API are called.
    #[serde(default)]
    pub(crate) name: String,
    pub(crate) identity: String,
    pub(crate) version: String,
    pub(crate) leader: bool,
    pub(crate) ready: bool,
    /// Of its own run; other controllers count their own.
    pub(crate) epoch: u64,
    pub(crate) hosts: usize,
    pub(crate) rules: usize,
    pub(crate) backends: usize,
    pub(crate) claims: usize,
    pub(crate) errors: usize,
    pub(crate) warnings: usize,
    pub(crate) infos: usize,
    pub(crate) proxies: Vec<ProxyReport>,
    adopt_classes: BTreeMap<String, String>,
    allow_external_name: bool,
    controller_class: String,
}

/// A proxy that is connected to the controller.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProxyReport {
    pub(crate) identity: String,
    pub(crate) version: String,
    pub(crate) connected_seconds: u64,
    /// What it has in force; `None` before its first acknowledgement.
    pub(crate) epoch: Option<u64>,
    pub(crate) listeners: Vec<String>,
    /// What it cannot serve, with reasons.
    pub(crate) refused: Vec<String>,
    pub(crate) connections: u64,
    pub(crate) requests: u64,
    pub(crate) failures: u64,
}

// === impl Report ===

impl Report {
    pub(super) fn of(controller: &Controller, reading: &Config) -> Self {
        let view = controller.view().borrow().clone();
        let Counts { errors, warnings, infos } = Counts::of(&view.findings);
        let proxies = controller.hub().members().list();
        Self {
            name: controller.name().to_owned(),
            identity: controller.identity().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            leader: controller.leads(),
            ready: *controller.ready().borrow(),
            epoch: controller.hub().position().epoch,
            hosts: view.served.hosts,
            rules: view.served.rules,
            backends: view.served.backends,
            claims: view.recorded.len(),
            errors,
            warnings,
            infos,
            proxies: proxies.iter().map(ProxyReport::of).collect(),
            adopt_classes: reading
                .adopt
                .iter()
                .map(|(name, dialect)| (name.clone(), dialect.to_string()))
                .collect(),
            allow_external_name: reading.allow_external_name,
            controller_class: reading.controller.to_string(),
        }
    }

    /// # Errors
    /// When the text is no report.
    pub(crate) fn read(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// How this controller reads objects.
    pub(crate) fn reading(&self) -> Config {
        let known = |(name, dialect): (&String, &String)| Some((name.clone(), dialect.parse().ok()?));
        Config {
            adopt: self.adopt_classes.iter().filter_map(known).collect(),
            allow_external_name: self.allow_external_name,
            controller: self.controller_class.as_str().into(),
            ..Config::default()
        }
    }
}

// === impl ProxyReport ===

impl ProxyReport {
    fn of(member: &Member) -> Self {
        let acknowledged = member.acknowledged.as_ref();
        let refused = acknowledged.map(|it| it.refused.as_slice()).unwrap_or_default();
        let routes = &member.reading.routes;
        let age = SystemTime::now().duration_since(member.since).unwrap_or_default();
        Self {
            identity: member.identity.clone(),
            version: member.version.clone(),
            connected_seconds: age.as_secs(),
            epoch: acknowledged.map(|it| it.position.epoch),
            listeners: acknowledged.map(|it| it.listeners.clone()).unwrap_or_default(),
            refused: refused.iter().map(|one| format!("{}: {}", one.resource, one.reason)).collect(),
            connections: member.reading.open,
            requests: routes.iter().flat_map(|route| &route.statuses).sum(),
            failures: routes.iter().map(|route| route.failures).sum(),
        }
    }
}
