//! What a case works with.

use std::{
    fmt::{self, Display},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::OnceCell, time::Instant};

use crate::{
    Backend, Cluster, Diary, Flow, Https, Installation, Namespace, PATIENCE, SECRET, Settings, Tally,
    Traffic, Users, Via, ask, traffic::Journal, until, web,
};

/// The installation of those who don't break it. The last who uses it uninstalls it.
pub(crate) type Shared = Arc<OnceCell<Installation>>;

/// The stage of one case.
#[derive(Debug)]
pub struct Stage {
    /// The cluster.
    pub cluster: Cluster,
    /// Certificates that only this case's clients trust.
    pub https: Https,
    case: &'static str,
    shared: Shared,
    journal: Journal,
    notes: Mutex<Vec<String>>,
    figures: Mutex<Figures>,
}

/// Figures of a measurement: by group, in their order.
pub(crate) type Figures = Vec<(String, String, f64)>;

/// What a case tells beside whether it passed.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) tally: Tally,
    notes: Vec<String>,
    pub(crate) figures: Figures,
}

/// A host that is served: its namespace, a backend, an Ingress and a certificate.
#[derive(Debug)]
pub struct Site {
    cluster: Cluster,
    journal: Journal,
    /// Where it all is.
    pub namespace: Namespace,
    /// What is asked for.
    pub flow: Flow,
}

// === impl Stage ===

impl Stage {
    pub(crate) fn new(cluster: Cluster, case: &'static str, shared: Shared) -> anyhow::Result<Self> {
        let (journal, notes, figures) = (Journal::default(), Mutex::default(), Mutex::default());
        Ok(Self { cluster, https: Https::new()?, case, shared, journal, notes, figures })
    }

    /// A new namespace.
    ///
    /// # Errors
    /// When the API refuses it.
    pub async fn namespace(&self) -> anyhow::Result<Namespace> {
        Namespace::create(&self.cluster, &format!("e2e-{}", self.case)).await
    }

    /// An installation of this case's own, to break.
    ///
    /// # Errors
    /// When something of it does not get ready.
    pub async fn install(&self, settings: Settings) -> anyhow::Result<Installation> {
        Installation::install(&self.cluster, &format!("weir-{}", self.case), settings).await
    }

    /// The installation that cases share, for those that leave it as it is.
    ///
    /// # Errors
    /// When something of it does not get ready.
    pub async fn shared(&self) -> anyhow::Result<&Installation> {
        let install = || Installation::install(&self.cluster, "weir-shared", Settings::default());
        self.shared.get_or_try_init(install).await
    }

    /// A backend with an Ingress and a certificate, served by every proxy.
    ///
    /// # Errors
    /// When it isn't served after a while.
    pub async fn site(&self, weir: &Installation, backend: &Backend) -> anyhow::Result<Site> {
        let namespace = self.namespace().await?;
        let host = format!("{}.example", namespace.name());
        let certificate = self.https.leaf(&[&host])?.secret(namespace.name(), SECRET);
        let ingress = web(weir.class(), &backend.name, &host).path("/", &backend.name).yaml();
        self.cluster.apply(namespace.name(), &format!("{certificate}---\n{ingress}")).await?;
        backend.apply(&self.cluster, namespace.name()).await?;
        let flow = Flow { host, path: "/".to_owned(), https: self.https.clone() };
        let site = Site { cluster: self.cluster.clone(), journal: self.journal.clone(), namespace, flow };
        site.serves(&weir.every_way().await?, &backend.version).await?;
        Ok(site)
    }

    /// Keeps a remark for the report. Loads are reported by themselves.
    pub fn note(&self, note: impl Display) {
        locked(&self.notes).push(note.to_string());
    }

    /// Keeps a figure of a measurement.
    pub fn figure(&self, group: &str, what: &str, value: f64) {
        locked(&self.figures).push((group.to_owned(), what.to_owned(), value));
    }

    pub(crate) fn recorded(&self) -> Record {
        let (notes, figures) = (locked(&self.notes).clone(), locked(&self.figures).clone());
        Record { tally: self.journal.sum(), notes, figures }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl Site ===

impl Site {
    /// Every kind of client, for this site.
    pub fn traffic(&self, ways: impl IntoIterator<Item = Via>) -> Traffic {
        Traffic::new(&self.journal, &self.flow, ways)
    }

    /// Users of this site, each with a key of its own.
    pub fn users(&self, ways: Vec<Via>) -> Users {
        Users::new(&self.flow.host, ways)
    }

    /// Follows the status of a Release in its namespace.
    pub fn diary(&self, release: &str) -> Diary {
        Diary::of_release(self.cluster.client(), self.namespace.name(), release)
    }

    /// Applies YAML or JSON in its namespace. Returns the warnings.
    ///
    /// # Errors
    /// When the API refuses it.
    pub async fn apply(&self, manifests: &str) -> anyhow::Result<String> {
        self.cluster.apply(self.namespace.name(), manifests).await
    }

    /// Runs `kubectl` in its namespace.
    ///
    /// # Errors
    /// When it fails; the error holds what it says.
    pub async fn kubectl(&self, args: &[&str]) -> anyhow::Result<String> {
        self.kubectl_with(args, "").await
    }

    /// The same with something on its stdin.
    ///
    /// # Errors
    /// When it fails; the error holds what it says.
    pub async fn kubectl_with(&self, args: &[&str], input: &str) -> anyhow::Result<String> {
        let mut all = vec!["--namespace", self.namespace.name()];
        all.extend(args);
        self.cluster.kubectl_with(&all, input).await
    }

    /// Waits until an Event with this reason tells something about an object.
    ///
    /// # Errors
    /// When there is none after [`PATIENCE`].
    pub async fn told(&self, reason: &str, object: &str) -> anyhow::Result<()> {
        let selector = format!("--field-selector=reason={reason},involvedObject.name={object}");
        let told = until(format!("an Event {reason} for {object}"), PATIENCE, || async {
            let events = self.cluster.get(self.namespace.name(), &["events", &selector]).await?;
            Ok(events["items"].as_array().is_some_and(|events| !events.is_empty()))
        });
        told.await.map(drop)
    }

    /// Waits until no pod is about to end any more.
    ///
    /// # Errors
    /// When one still is after [`PATIENCE`].
    pub async fn settled(&self) -> anyhow::Result<()> {
        self.cluster.settled(self.namespace.name()).await
    }

    /// Waits until a version answers on every way, and tells how long that took.
    ///
    /// # Errors
    /// When it doesn't after [`PATIENCE`].
    pub async fn serves(&self, ways: &[Via], version: &str) -> anyhow::Result<Duration> {
        let started = Instant::now();
        for via in ways {
            let what = format!("{} by {} is {version}", self.flow.host, via.name);
            until(what, PATIENCE, || async {
                let response = ask(via, &self.flow.host, &self.flow.path).await?;
                Ok(response.headers.get("x-version") == Some(version))
            })
            .await?;
        }
        Ok(started.elapsed())
    }
}

// === impl Record ===

impl Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.tally)?;
        self.notes.iter().try_for_each(|note| write!(f, "\n    {note}"))?;
        self.figures
            .iter()
            .try_for_each(|(group, what, value)| write!(f, "\n    {group}: {what}: {value:.3}"))
    }
}
