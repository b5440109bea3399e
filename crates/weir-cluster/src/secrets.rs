//! The Secrets that served Ingresses name, and no other.
//!
//! One watch tells names and versions of Secrets, without their contents. A content is read when an Ingress
//! names it, and again when its version changes.

use std::{
    collections::{BTreeMap, HashMap},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use futures_util::{
    Stream, StreamExt as _,
    stream::{self, FuturesUnordered},
};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client, ResourceExt as _,
    core::PartialObjectMeta,
    runtime::watcher::{self, Event},
};
use tokio::{
    sync::{Semaphore, mpsc::UnboundedSender, watch},
    time::timeout,
};
use weir_model::{Kind, ObjectRef};

use crate::{
    index::{Change, Reading},
    watch::events,
};

/// Before a Secret that could not be read is tried again.
const AGAIN: Duration = Duration::from_secs(5);
/// Secrets that are read at the same time.
const READERS: usize = 16;
/// What one of them may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The Secrets to read. The number is another one each time that a Secret is named after nobody did: what was
/// read before has been forgotten.
pub(crate) type Wanted = BTreeMap<ObjectRef, u64>;

/// What was read of a Secret.
#[derive(Clone, Debug)]
struct Read {
    naming: u64,
    /// `None` if it could not be.
    version: Option<String>,
}

/// Follows the wanted Secrets until the receiver is gone.
pub(crate) async fn follow(
    client: Client,
    namespaces: &[String],
    mut wanted: watch::Receiver<Wanted>,
    changes: UnboundedSender<Change>,
) {
    let mut versions = pin!(versions(&client, namespaces));
    let mut read: HashMap<ObjectRef, Read> = HashMap::new();
    let mut reading = FuturesUnordered::new();
    let mut again = tokio::time::interval(AGAIN);
    let slots = Arc::new(Semaphore::new(READERS));
    loop {
        let due: Vec<(ObjectRef, u64)> = tokio::select! {
            more = wanted.changed() => {
                if more.is_err() {
                    return;
                }
                let wanted = wanted.borrow_and_update();
                read.retain(|id, read| wanted.get(id) == Some(&read.naming));
                let new = wanted.iter().filter(|(id, _)| !read.contains_key(*id));
                new.map(|(id, naming)| (id.clone(), *naming)).collect()
            }
            Some((id, version)) = versions.next() => {
                let stale = read.get(&id).filter(|read| read.version != version);
                stale.map(|read| (id, read.naming)).into_iter().collect()
            }
            _ = again.tick() => {
                let failed = read.iter().filter(|(_, read)| read.version.is_none());
                failed.map(|(id, read)| (id.clone(), read.naming)).collect()
            }
            Some((id, naming, version, content)) = reading.next(), if !reading.is_empty() => {
                // It may have been forgotten, and named again, since.
                if wanted.borrow().get(&id) == Some(&naming) {
                    read.insert(id.clone(), Read { naming, version });
                    if changes.send(Change::Secret(id, content)).is_err() {
                        return;
                    }
                }
                Vec::new()
            }
        };
        reading
            .extend(due.into_iter().map(|(id, naming)| get(client.clone(), Arc::clone(&slots), id, naming)));
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
    events(api, watcher::Config::default(), "Secret").filter_map(|event| {
        let version = match event {
            Event::Apply(secret) | Event::InitApply(secret) => {
                Some((id(secret.namespace(), &secret.name_any()), secret.resource_version()))
            }
            Event::Delete(secret) => Some((id(secret.namespace(), &secret.name_any()), None)),
            Event::Init | Event::InitDone => None,
        };
        std::future::ready(version)
    })
}

fn id(namespace: Option<String>, name: &str) -> ObjectRef {
    ObjectRef::new(Kind::Secret, namespace.unwrap_or_default(), name)
}

async fn get(
    client: Client,
    slots: Arc<Semaphore>,
    id: ObjectRef,
    naming: u64,
) -> (ObjectRef, u64, Option<String>, Reading) {
    // The semaphore is never closed.
    let _slot = slots.acquire().await;
    let api: Api<Secret> = Api::namespaced(client, &id.namespace);
    let answer = timeout(PATIENCE, api.get_opt(&id.name)).await;
    let (version, reading) = match answer {
        Ok(Ok(Some(secret))) => (secret.resource_version(), reading(&secret)),
        Ok(Ok(None)) => (Some(String::new()), Reading::Missing),
        Ok(Err(kube::Error::Api(status))) if status.code == 403 => (None, Reading::Refused(status.message)),
        Ok(Err(error)) => (None, Reading::Failed(error.to_string())),
        Err(_) => (None, Reading::Failed(format!("no answer within {PATIENCE:?}"))),
    };
    (id, naming, version, reading)
}

fn reading(secret: &Secret) -> Reading {
    match contents(secret) {
        Ok(secret) => Reading::There(Box::new(secret)),
        Err(error) => Reading::Failed(error.to_string()),
    }
}

/// As files have it, so that both are read by the same code.
pub(crate) fn contents(secret: &Secret) -> serde_json::Result<weir_translate::object::Secret> {
    serde_json::to_value(secret).and_then(serde_json::from_value)
}
