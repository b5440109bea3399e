//! `ReleaseAction` objects: what somebody asks of a release, the oldest first.

use std::{collections::BTreeMap, pin::pin};

use futures_util::StreamExt as _;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind},
    runtime::watcher::{self, Event},
};
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;
use weir_crd::ReleaseAction;
use weir_model::ReleaseKey;
use weir_release::verb::Request;

use crate::{index::ReleaseView, watch::events};

/// A `ReleaseAction`: namespace and name.
pub(super) type Id = (String, String);

/// What became of a `ReleaseAction`.
#[derive(Debug)]
pub(super) enum Change {
    /// It is there, without an answer.
    Open(Id, Box<Open>),
    /// It is gone, or answered.
    Closed(Id),
}

/// A `ReleaseAction` without an answer.
#[derive(Debug)]
pub(super) struct Open {
    /// When it was created, and its name: the order.
    at: (String, String),
    release: ReleaseKey,
    /// What is asked for, or what is wrong with it.
    request: Result<Request, String>,
}

/// Those without an answer.
#[derive(Debug, Default)]
pub(super) struct Asked {
    open: BTreeMap<Id, Open>,
}

/// Follows them for as long as it is polled.
pub(super) async fn follow(client: Client, changes: UnboundedSender<Change>) {
    let kind = GroupVersionKind::gvk("weir.dev", "v1alpha1", "ReleaseAction");
    let resource = ApiResource::from_gvk_with_plural(&kind, "releaseactions");
    let api: Api<DynamicObject> = Api::all_with(client, &resource);
    let mut heard = pin!(events(api, watcher::Config::default(), "ReleaseAction"));
    while let Some(event) = heard.next().await {
        let change = match event {
            Event::Apply(object) | Event::InitApply(object) => read(&object),
            Event::Delete(object) => Some(Change::Closed(id(&object))),
            Event::Init | Event::InitDone => None,
        };
        if change.is_some_and(|change| changes.send(change).is_err()) {
            return;
        }
    }
}

fn id(object: &DynamicObject) -> Id {
    let metadata = &object.metadata;
    (metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default())
}

fn read(object: &DynamicObject) -> Option<Change> {
    let id = id(object);
    let mut value = serde_json::to_value(object).ok()?;
    if value["status"]["result"].is_string() {
        return Some(Change::Closed(id));
    }
    value["apiVersion"] = weir_crd::API_VERSION.into();
    value["kind"] = "ReleaseAction".into();
    let by = value["metadata"]["annotations"]["weir.dev/by"].as_str().map(str::to_owned);
    let release = value["spec"]["release"].as_str().unwrap_or_default().to_owned();
    let created = value["metadata"]["creationTimestamp"].as_str().unwrap_or_default().to_owned();
    let open = Open {
        at: (created, id.1.clone()),
        release: ReleaseKey::new(id.0.clone(), release),
        request: request(&value, format!("{}/{}", id.0, id.1), by),
    };
    Some(Change::Open(id, Box::new(open)))
}

fn request(value: &Value, id: String, by: Option<String>) -> Result<Request, String> {
    let sentence = |refusals: Vec<weir_crd::Refusal>| {
        refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    };
    let action = ReleaseAction::read(value).map_err(sentence)?;
    action.spec.request(id, by).map_err(sentence)
}

// === impl Asked ===

impl Asked {
    pub(super) fn take(&mut self, change: Change) {
        match change {
            Change::Open(id, open) => drop(self.open.insert(id, *open)),
            Change::Closed(id) => drop(self.open.remove(&id)),
        }
    }

    /// The oldest request to a release.
    pub(super) fn first(&self, key: &ReleaseKey) -> Option<Request> {
        let mut of_release: Vec<&Open> = self.open.values().filter(|open| open.release == *key).collect();
        of_release.sort_by(|a, b| a.at.cmp(&b.at));
        of_release.into_iter().find_map(|open| open.request.clone().ok())
    }

    /// Forgets a request that is answered.
    pub(super) fn answered(&mut self, id: &str) {
        if let Some((namespace, name)) = id.split_once('/') {
            self.open.remove(&(namespace.to_owned(), name.to_owned()));
        }
    }

    /// Takes out what nobody can do: requests to releases that are not there, and such as cannot be read. With
    /// what is to be said of each.
    pub(super) fn orphans(&mut self, releases: &BTreeMap<ReleaseKey, ReleaseView>) -> Vec<(String, String)> {
        let mut orphans = Vec::new();
        self.open.retain(|(namespace, name), open| {
            let wrong = match &open.request {
                Err(fault) => Some(fault.clone()),
                Ok(_) if !releases.contains_key(&open.release) => {
                    Some(format!("there is no Release {}", open.release))
                }
                Ok(_) => None,
            };
            let keep = wrong.is_none();
            orphans.extend(wrong.map(|wrong| (format!("{namespace}/{name}"), wrong)));
            keep
        });
        orphans
    }
}
