//! `ReleaseAction` objects: what somebody asks of a release, the oldest first, and those that are looked at and may
//! go.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
};

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

use super::record::{self, Record};
use crate::{index::ReleaseView, watch::events};

/// How many of a release that are looked at are kept as objects.
const KEPT: usize = 20;

/// A `ReleaseAction`: namespace and name.
pub(super) type Id = (String, String);

/// What became of a `ReleaseAction`.
#[derive(Debug)]
pub(super) enum Change {
    /// It is there, without an answer.
    Open(Id, Box<Open>),
    /// It is there, with an answer.
    Finished(Id, Finished),
    /// It is gone.
    Gone(Id),
    /// There are these and no others.
    Listed(BTreeSet<Id>),
}

/// A `ReleaseAction` without an answer.
#[derive(Debug)]
pub(super) struct Open {
    /// When it was created, and its name: the order.
    at: (String, String),
    uid: String,
    release: ReleaseKey,
    /// What is asked for, or what is wrong with it.
    request: Result<Request, String>,
}

/// A `ReleaseAction` with an answer.
#[derive(Clone, Debug)]
pub(super) struct Finished {
    /// When it was answered, and its name: the order.
    at: (String, String),
    uid: String,
    release: ReleaseKey,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Asked {
    open: BTreeMap<Id, Open>,
    finished: BTreeMap<Id, Finished>,
}

/// Follows them for as long as it is polled.
pub(super) async fn follow(client: Client, changes: UnboundedSender<Change>) {
    let kind = GroupVersionKind::gvk("weir.dev", "v1alpha1", "ReleaseAction");
    let resource = ApiResource::from_gvk_with_plural(&kind, "releaseactions");
    let api: Api<DynamicObject> = Api::all_with(client, &resource);
    let mut heard = pin!(events(api, watcher::Config::default(), "ReleaseAction"));
    let mut listed = BTreeSet::new();
    while let Some(event) = heard.next().await {
        let change = match event {
            Event::Apply(object) => read(&object),
            Event::InitApply(object) => {
                listed.insert(id(&object));
                read(&object)
            }
            Event::Delete(object) => Some(Change::Gone(id(&object))),
            Event::Init => {
                listed.clear();
                None
            }
            Event::InitDone => Some(Change::Listed(std::mem::take(&mut listed))),
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

pub(super) fn read(object: &DynamicObject) -> Option<Change> {
    let id = id(object);
    let mut value = serde_json::to_value(object).ok()?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let release = ReleaseKey::new(id.0.clone(), text(&value["spec"]["release"]));
    let uid = text(&value["metadata"]["uid"]);
    if value["status"]["result"].is_string() {
        let at = (text(&value["status"]["at"]), id.1.clone());
        return Some(Change::Finished(id, Finished { at, uid, release }));
    }
    value["apiVersion"] = weir_crd::API_VERSION.into();
    value["kind"] = "ReleaseAction".into();
    let by = value["metadata"]["annotations"]["weir.dev/by"].as_str().map(str::to_owned);
    let at = (text(&value["metadata"]["creationTimestamp"]), id.1.clone());
    let request = request(&value, record::id(&id.0, &id.1, &uid), by);
    Some(Change::Open(id, Box::new(Open { at, uid, release, request })))
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
            // Its owner is named before it is answered, and both are told of.
            Change::Open(id, open) if self.finished.get(&id).is_some_and(|known| known.uid == open.uid) => {}
            Change::Open(id, open) => drop(self.open.insert(id, *open)),
            Change::Finished(id, finished) => {
                self.open.remove(&id);
                self.finished.insert(id, finished);
            }
            Change::Gone(id) => {
                self.open.remove(&id);
                self.finished.remove(&id);
            }
            Change::Listed(there) => {
                self.open.retain(|id, _| there.contains(id));
                self.finished.retain(|id, _| there.contains(id));
            }
        }
    }

    /// The oldest request to a release.
    pub(super) fn first(&self, key: &ReleaseKey) -> Option<Request> {
        let mut of_release: Vec<&Open> = self.open.values().filter(|open| open.release == *key).collect();
        of_release.sort_by(|a, b| a.at.cmp(&b.at));
        of_release.into_iter().find_map(|open| open.request.clone().ok())
    }

    /// A request was answered at this time (RFC 3339). One whose answer did not arrive is there again when all are
    /// listed.
    pub(super) fn answered(&mut self, id: &str, arrived: Option<String>) {
        let Some((namespace, name, _)) = record::parts(id) else { return };
        let id = (namespace.to_owned(), name.to_owned());
        if let (Some(open), Some(at)) = (self.open.remove(&id), arrived) {
            let at = (at, id.1.clone());
            self.finished.insert(id, Finished { at, uid: open.uid, release: open.release });
        }
    }

    /// The requests to a release that were looked at before, with what is to be answered.
    pub(super) fn repeated(&self, key: &ReleaseKey, record: &Record) -> Vec<(String, Result<(), String>)> {
        let of_release = self.open.iter().filter(|(_, open)| open.release == *key);
        let repeated = of_release.filter_map(|((namespace, name), open)| {
            Some((record::id(namespace, name, &open.uid), record.answer(name, &open.uid)?))
        });
        repeated.collect()
    }

    /// Takes out those with an answer that are more than is kept of one release, the oldest ones.
    pub(super) fn surplus(&mut self) -> Vec<String> {
        let mut by_release: BTreeMap<ReleaseKey, Vec<(Finished, Id)>> = BTreeMap::new();
        for (id, finished) in &self.finished {
            let of_release = by_release.entry(finished.release.clone()).or_default();
            of_release.push((finished.clone(), id.clone()));
        }
        let mut surplus = Vec::new();
        for mut of_release in by_release.into_values().filter(|all| all.len() > KEPT) {
            of_release.sort_by(|(a, _), (b, _)| b.at.cmp(&a.at));
            for (finished, id) in of_release.drain(KEPT..) {
                surplus.push(record::id(&id.0, &id.1, &finished.uid));
                self.finished.remove(&id);
            }
        }
        surplus
    }

    /// What nobody can do: requests to releases that are not there or of which nothing is known, and such as cannot be
    /// read. With what is to be said of each.
    pub(super) fn orphans(&self, releases: &BTreeMap<ReleaseKey, ReleaseView>) -> Vec<(String, String)> {
        let orphans = self.open.iter().filter_map(|((namespace, name), open)| {
            let wrong = match &open.request {
                Err(fault) => fault.clone(),
                Ok(_) => match releases.get(&open.release) {
                    None => format!("there is no Release {}", open.release),
                    Some(release) => fault_of(release)?,
                },
            };
            Some((record::id(namespace, name, &open.uid), wrong))
        });
        orphans.collect()
    }
}

/// Why nothing can be done with a release, if so. Those of another installation are answered there.
fn fault_of(release: &ReleaseView) -> Option<String> {
    let known = &release.known;
    let fault = || known.refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    ((known.lost || known.spec.is_none()) && !release.overlaid.foreign)
        .then(|| format!("nothing can be done with this Release: {}", fault()))
}
