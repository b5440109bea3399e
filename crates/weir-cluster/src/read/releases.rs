//! Releases as the API server has them, and what is asked of them, for verbs that look once.

use anyhow::{Context as _, anyhow};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use kube::{
    Api,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, PostParams},
};
use serde_json::{Value, json};

use super::{Cluster, PAGE};

/// The group of both kinds.
const GROUP: &str = "weir.dev";
/// Their version.
const VERSION: &str = "v1alpha1";

/// Something that happened to a Release, as its Events tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseEvent {
    /// When it happened last.
    pub at: Timestamp,
    /// Whether somebody should look.
    pub warning: bool,
    /// One word.
    pub reason: String,
    /// A sentence.
    pub message: String,
}

// === impl Cluster ===

impl Cluster {
    /// The namespace of the kubeconfig's context.
    pub fn default_namespace(&self) -> &str {
        self.client.default_namespace()
    }

    /// All Releases of a namespace, or of all of them.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn releases(&self, namespace: Option<&str>) -> anyhow::Result<Vec<Value>> {
        let api = match namespace {
            Some(namespace) => self.api("Release", "releases", namespace),
            None => Api::all_with(self.client.clone(), &resource("Release", "releases")),
        };
        let mut params = ListParams::default().limit(PAGE);
        let mut objects = Vec::new();
        loop {
            let page =
                api.list(&params).await.map_err(|error| explain(error, "list", "releases", namespace))?;
            for item in page.items {
                objects.push(value(item, "Release")?);
            }
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(objects),
            }
        }
    }

    /// A Release, if it is there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn release(&self, namespace: &str, name: &str) -> anyhow::Result<Option<Value>> {
        let found = self.api("Release", "releases", namespace).get_opt(name).await;
        let found = found.map_err(|error| explain(error, "get", "releases", Some(namespace)))?;
        found.map(|object| value(object, "Release")).transpose()
    }

    /// What happened to a Release, the latest last. The API server forgets it after an hour.
    ///
    /// # Errors
    /// When its Events cannot be listed.
    pub async fn release_events(&self, namespace: &str, name: &str) -> anyhow::Result<Vec<ReleaseEvent>> {
        let api: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        let fields = format!("involvedObject.kind=Release,involvedObject.name={name}");
        let list = api.list(&ListParams::default().fields(&fields)).await;
        let list = list.map_err(|error| explain(error, "list", "events", Some(namespace)))?;
        let mut events: Vec<_> = list.items.into_iter().filter_map(told).collect();
        events.sort_by_key(|event| event.at);
        Ok(events)
    }

    /// Makes a `ReleaseAction` that asks for what `spec` says; returns its name.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn ask_release(&self, namespace: &str, prefix: &str, spec: &Value) -> anyhow::Result<String> {
        let resource = resource("ReleaseAction", "releaseactions");
        let mut action = DynamicObject::new("", &resource).data(json!({ "spec": spec }));
        action.metadata.name = None;
        action.metadata.generate_name = Some(prefix.to_owned());
        let api = self.api("ReleaseAction", "releaseactions", namespace);
        let made = api.create(&PostParams::default(), &action).await;
        let made = made.map_err(|error| explain(error, "create", "releaseactions", Some(namespace)))?;
        made.metadata.name.context("the API server gave the ReleaseAction no name")
    }

    /// What came of a `ReleaseAction`: its status, once there is one.
    ///
    /// # Errors
    /// When it cannot be read, or is gone.
    pub async fn release_answer(&self, namespace: &str, name: &str) -> anyhow::Result<Option<Value>> {
        let found = self.api("ReleaseAction", "releaseactions", namespace).get_opt(name).await;
        let found = found.map_err(|error| explain(error, "get", "releaseactions", Some(namespace)))?;
        let mut found = found.with_context(|| format!("ReleaseAction {namespace}/{name} was deleted"))?;
        Ok(found.data.get_mut("status").map(Value::take))
    }

    fn api(&self, kind: &str, plural: &str, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &resource(kind, plural))
    }
}

fn resource(kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, VERSION, kind), plural)
}

/// An object as it is written: in lists the API server may leave out what kind it is.
fn value(object: DynamicObject, kind: &str) -> anyhow::Result<Value> {
    let mut value = serde_json::to_value(object)?;
    value["apiVersion"] = format!("{GROUP}/{VERSION}").into();
    value["kind"] = kind.into();
    Ok(value)
}

fn told(event: Event) -> Option<ReleaseEvent> {
    let series = event.series.and_then(|series| series.last_observed_time);
    let at = series.or(event.event_time).map(|time| time.0);
    let at = at.or_else(|| event.last_timestamp.or(event.first_timestamp).map(|time| time.0))?;
    Some(ReleaseEvent {
        at,
        warning: event.type_.as_deref() == Some("Warning"),
        reason: event.reason.unwrap_or_default(),
        message: event.message.unwrap_or_default(),
    })
}

/// Says what stands in the way, and what to do about it.
fn explain(error: kube::Error, verb: &str, plural: &str, namespace: Option<&str>) -> anyhow::Error {
    let (at, flag) = match namespace {
        Some(namespace) => (format!("in namespace {namespace}"), format!("-n {namespace}")),
        None => ("in all namespaces".to_owned(), "-A".to_owned()),
    };
    let group = if plural == "events" { "" } else { ".weir.dev" };
    match &error {
        kube::Error::Api(status) if status.code == 403 => anyhow!(
            "you may not {verb} {plural}{group} {at}; `kubectl auth can-i {verb} {plural}{group} {flag}` tells when you may"
        ),
        kube::Error::Api(status) if status.code == 404 && plural != "events" => anyhow!(
            "the cluster does not know {plural}.weir.dev; install the definitions of Weir's chart (its folder crds), \
             or name a Weir outside of a cluster with --server"
        ),
        kube::Error::Api(status) => anyhow!("cannot {verb} {plural}{group} {at}: {}", status.message),
        _ => anyhow::Error::new(error).context(format!("cannot {verb} {plural}{group} {at}")),
    }
}

#[cfg(test)]
mod tests;
