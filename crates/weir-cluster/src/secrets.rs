//! The Secrets that served Ingresses name, and no other.
//!
//! One watch tells names and versions of Secrets, without their contents. A content is read when an Ingress
//! names it, and again when its version changes.

use std::{
    collections::{BTreeSet, HashMap},
    pin::pin,
    time::Duration,
};

use futures_util::{Stream, StreamExt as _, stream};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client, ResourceExt as _,
    core::PartialObjectMeta,
    runtime::{
        WatchStreamExt as _,
        watcher::{self, Event},
    },
};
use tokio::sync::{mpsc::UnboundedSender, watch};
use weir_model::{Kind, ObjectRef};

use crate::{
    client::WATCH,
    index::{Change, Reading},
    watch::Pauses,
};

/// Before a Secret that could not be read is tried again.
const AGAIN: Duration = Duration::from_secs(5);
/// Secrets that are read at the same time.
const READERS: usize = 16;

/// Follows the wanted Secrets until the receiver is gone.
pub(crate) async fn follow(
    client: Client,
    namespaces: &[String],
    mut wanted: watch::Receiver<BTreeSet<ObjectRef>>,
    changes: UnboundedSender<Change>,
) {
    let mut versions = pin!(versions(&client, namespaces));
    // Which version was read; `None` if it could not be.
    let mut read: HashMap<ObjectRef, Option<String>> = HashMap::new();
    let mut again = tokio::time::interval(AGAIN);
    loop {
        let due: Vec<ObjectRef> = tokio::select! {
            more = wanted.changed() => {
                if more.is_err() {
                    return;
                }
                let wanted = wanted.borrow_and_update();
                read.retain(|id, _| wanted.contains(id));
                wanted.iter().filter(|id| !read.contains_key(*id)).cloned().collect()
            }
            Some((id, version)) = versions.next() => {
                let stale = read.get(&id).is_some_and(|read| *read != version);
                if stale { vec![id] } else { Vec::new() }
            }
            _ = again.tick() => {
                read.iter().filter(|(_, version)| version.is_none()).map(|(id, _)| id.clone()).collect()
            }
        };
        let readings = due.into_iter().map(|id| get(client.clone(), id));
        let readings: Vec<_> = stream::iter(readings).buffer_unordered(READERS).collect().await;
        for (id, version, reading) in readings {
            read.insert(id.clone(), version);
            if changes.send(Change::Secret(id, reading)).is_err() {
                return;
            }
        }
    }
}

/// Names and versions as they change; a deleted one has no version.
fn versions(client: &Client, namespaces: &[String]) -> impl Stream<Item = (ObjectRef, Option<String>)> {
    let apis: Vec<Api<PartialObjectMeta<Secret>>> = match namespaces {
        [] => vec![Api::all(client.clone())],
        some => some.iter().map(|namespace| Api::namespaced(client.clone(), namespace)).collect(),
    };
    stream::select_all(apis.into_iter().map(|api| Box::pin(versions_of(api))))
}

fn versions_of(api: Api<PartialObjectMeta<Secret>>) -> impl Stream<Item = (ObjectRef, Option<String>)> {
    let config = watcher::Config::default().timeout(WATCH);
    let mut failing = false;
    watcher::watcher(api, config).backoff(Pauses::default()).filter_map(move |event| {
        let version = match event {
            Ok(Event::Apply(secret) | Event::InitApply(secret)) => {
                Some((id(secret.namespace(), &secret.name_any()), secret.resource_version()))
            }
            Ok(Event::Delete(secret)) => Some((id(secret.namespace(), &secret.name_any()), None)),
            Ok(Event::Init | Event::InitDone) => {
                failing = false;
                None
            }
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!("cannot watch Secrets ({error}); certificates in use stay");
                }
                None
            }
        };
        std::future::ready(version)
    })
}

fn id(namespace: Option<String>, name: &str) -> ObjectRef {
    ObjectRef::new(Kind::Secret, namespace.unwrap_or_default(), name)
}

async fn get(client: Client, id: ObjectRef) -> (ObjectRef, Option<String>, Reading) {
    let api: Api<Secret> = Api::namespaced(client, &id.namespace);
    match api.get_opt(&id.name).await {
        Ok(Some(secret)) => {
            let version = secret.resource_version();
            (id, version, contents(&secret))
        }
        Ok(None) => (id, Some(String::new()), Reading::Missing),
        Err(error) => (id, None, Reading::Failed(error.to_string())),
    }
}

/// As files have it, so that both are read by the same code.
fn contents(secret: &Secret) -> Reading {
    let value = serde_json::to_value(secret).and_then(serde_json::from_value);
    match value {
        Ok(secret) => Reading::There(Box::new(secret)),
        Err(error) => Reading::Failed(error.to_string()),
    }
}
