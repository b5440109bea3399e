//! Everything that an object said of itself, in its order.

use std::time::Duration;

use anyhow::{Context as _, bail};
use futures_util::StreamExt as _;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind},
    runtime::watcher,
};
use serde_json::Value;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, timeout},
};

/// The status of an object whenever it changed, as a watch of the API tells it. Dropping it ends the watch.
#[derive(Debug)]
pub struct Diary {
    entries: watch::Receiver<Vec<Entry>>,
    task: JoinHandle<()>,
}

/// A status.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When it was heard.
    pub at: Instant,
    /// What it was.
    pub status: Value,
}

// === impl Diary ===

impl Diary {
    /// Follows a Release.
    pub fn of_release(client: Client, namespace: &str, name: &str) -> Self {
        let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("weir.dev", "v1alpha1", "Release"));
        let api: Api<DynamicObject> = Api::namespaced_with(client, namespace, &kind);
        let (sender, entries) = watch::channel(Vec::new());
        let fields = watcher::Config::default().fields(&format!("metadata.name={name}"));
        Self { entries, task: tokio::spawn(follow(api, fields, sender)) }
    }

    /// All until now.
    pub fn entries(&self) -> Vec<Entry> {
        self.entries.borrow().clone()
    }

    /// Waits until the latest status is as it should be, and returns it.
    ///
    /// # Errors
    /// When `limit` passes first; the error shows the latest one.
    pub async fn until(
        &self,
        what: &str,
        limit: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Entry> {
        let mut entries = self.entries.clone();
        let reached = entries.wait_for(|entries| entries.last().is_some_and(|last| wanted(&last.status)));
        if let Ok(entries) = timeout(limit, reached).await {
            let entries = entries.context("nobody follows the object any more")?;
            return entries.last().cloned().context("no entry");
        }
        let last = self.entries.borrow().last().map(|last| brief(&last.status));
        bail!("{what}: not so after {limit:?}; the latest status: {:#}", last.unwrap_or_default())
    }

    /// Waits for the first status that was heard after a moment.
    ///
    /// # Errors
    /// When `limit` passes first.
    pub async fn after(&self, moment: Instant, limit: Duration) -> anyhow::Result<Entry> {
        let mut entries = self.entries.clone();
        let heard = entries.wait_for(|entries| entries.last().is_some_and(|last| last.at > moment));
        let entries =
            timeout(limit, heard).await.with_context(|| format!("nothing heard for {limit:?}"))??;
        entries.last().cloned().context("no entry")
    }
}

impl Drop for Diary {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn follow(api: Api<DynamicObject>, config: watcher::Config, entries: watch::Sender<Vec<Entry>>) {
    let mut changes = watcher(api, config).boxed();
    while let Some(change) = changes.next().await {
        // The watch begins again by itself after an error.
        let Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) = change else { continue };
        let status = object.data.get("status").cloned().unwrap_or_default();
        entries.send_if_modified(|entries| {
            let news = entries.last().is_none_or(|last| last.status != status);
            if news {
                entries.push(Entry { at: Instant::now(), status });
            }
            news
        });
    }
}

/// Without what counts on.
fn brief(status: &Value) -> Value {
    let mut status = status.clone();
    for field in ["clock", "evidence", "conditions", "accepted"] {
        if let Some(fields) = status.as_object_mut() {
            fields.remove(field);
        }
    }
    status
}
