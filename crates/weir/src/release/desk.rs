//! Whom verbs ask: the admin listener of a Weir that serves files, or the API server of a cluster.

use std::time::Duration;

use anyhow::anyhow;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use weir_cluster::Cluster;
use weir_crd::ReleaseActionSpec;
use weir_model::ReleaseKey;
use weir_release::{spec::Spec, view::View};

use super::{cluster, server::Server};

/// Whom verbs ask.
#[derive(Debug)]
pub(super) enum Desk {
    /// The admin listener of a Weir that serves files.
    Server(Box<Server>),
    /// The API server of a cluster.
    Cluster(Box<Cluster>),
}

/// A release as it was found.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    /// As it is shown.
    pub(super) view: Box<View>,
    /// What it asks for, where that is told and can be read.
    pub(super) spec: Option<Spec>,
}

/// Something that happened to a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    /// When.
    pub(super) at: Timestamp,
    /// Whether somebody should look.
    pub(super) warning: bool,
    /// One word.
    pub(super) reason: String,
    /// A sentence.
    pub(super) message: String,
}

/// What came of something that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It was done.
    Applied,
    /// It was not, and why.
    Refused(String),
    /// Nobody has said so in time; the request stands under this name.
    Open(String),
}

// === impl Desk ===

impl Desk {
    /// All releases, of one namespace or of all of them, by name.
    ///
    /// # Errors
    /// When nobody answers, or the answer makes no sense.
    pub(super) async fn list(&self, namespace: Option<&str>) -> anyhow::Result<Vec<Found>> {
        let mut all = match self {
            Self::Server(server) => server.list().await?,
            Self::Cluster(cluster) => cluster::list(cluster, namespace).await?,
        };
        all.retain(|found| namespace.is_none_or(|namespace| namespace == found.view.namespace));
        all.sort_by(|a, b| (&a.view.namespace, &a.view.name).cmp(&(&b.view.namespace, &b.view.name)));
        Ok(all)
    }

    /// A release, if it is there.
    ///
    /// # Errors
    /// When nobody answers, or the answer makes no sense.
    pub(super) async fn look(&self, key: &ReleaseKey) -> anyhow::Result<Option<Found>> {
        match self {
            Self::Server(server) => server.look(key).await,
            Self::Cluster(cluster) => cluster::look(cluster, key).await,
        }
    }

    /// A release that has to be there.
    ///
    /// # Errors
    /// When it is not, or nobody answers.
    pub(super) async fn find(&self, key: &ReleaseKey) -> anyhow::Result<Found> {
        self.look(key).await?.ok_or_else(|| missing(key))
    }

    /// What happened to a release, the latest last.
    ///
    /// # Errors
    /// When nobody answers, or the answer makes no sense.
    pub(super) async fn events(&self, key: &ReleaseKey) -> anyhow::Result<Vec<Told>> {
        match self {
            Self::Server(server) => server.events(key).await,
            Self::Cluster(cluster) => cluster::events(cluster, key).await,
        }
    }

    /// Asks for something, and waits for what comes of it.
    ///
    /// # Errors
    /// When nobody answers, or it may not be asked.
    pub(super) async fn ask(
        &self,
        key: &ReleaseKey,
        asked: &ReleaseActionSpec,
        patience: Duration,
    ) -> anyhow::Result<Answer> {
        match self {
            Self::Server(server) => server.ask(key, asked, patience).await,
            Self::Cluster(cluster) => cluster::ask(cluster, key, asked, patience).await,
        }
    }
}

// === impl Found ===

impl Found {
    /// Which release it is.
    pub(super) fn key(&self) -> ReleaseKey {
        ReleaseKey::new(self.view.namespace.as_str(), self.view.name.as_str())
    }
}

/// There is no such release.
pub(super) fn missing(key: &ReleaseKey) -> anyhow::Error {
    anyhow!(
        "there is no release {key}; `weir release list -A` shows all that there are, -n names another namespace"
    )
}
