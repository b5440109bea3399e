//! Releases of a cluster: objects in, views out.

use std::time::Duration;

use serde::Deserialize as _;
use serde_json::Value;
use tokio::time::{Instant, sleep};
use weir_cluster::{Cluster, ReleaseEvent};
use weir_crd::{
    Accepted, ReleaseActionSpec,
    action::{Outcome, ReleaseActionStatus},
};
use weir_model::ReleaseKey;
use weir_release::{
    Thresholds,
    spec::Spec,
    state::State,
    view::{Live, VersionView, View},
};

use super::desk::{Answer, Found, Told};

/// How often a request is asked after.
const AGAIN: Duration = Duration::from_millis(250);

/// All releases.
pub(super) async fn list(cluster: &Cluster, namespace: Option<&str>) -> anyhow::Result<Vec<Found>> {
    Ok(cluster.releases(namespace).await?.iter().map(found).collect())
}

/// A release, if it is there.
pub(super) async fn look(cluster: &Cluster, key: &ReleaseKey) -> anyhow::Result<Option<Found>> {
    Ok(cluster.release(&key.namespace, &key.name).await?.as_ref().map(found))
}

/// What happened to a release.
pub(super) async fn events(cluster: &Cluster, key: &ReleaseKey) -> anyhow::Result<Vec<Told>> {
    let told = |event: ReleaseEvent| {
        let ReleaseEvent { at, warning, reason, message } = event;
        Told { at, warning, reason, message }
    };
    Ok(cluster.release_events(&key.namespace, &key.name).await?.into_iter().map(told).collect())
}

/// Asks for something by making a `ReleaseAction`, and waits until its status says what came of it.
pub(super) async fn ask(
    cluster: &Cluster,
    key: &ReleaseKey,
    asked: &ReleaseActionSpec,
    patience: Duration,
) -> anyhow::Result<Answer> {
    let prefix = format!("{}-{}-", key.name, asked.verb.as_str());
    let name = cluster.ask_release(&key.namespace, &prefix, &serde_json::to_value(asked)?).await?;
    let deadline = Instant::now() + patience;
    loop {
        let status = cluster.release_answer(&key.namespace, &name).await?;
        if let Some(answer) = status.and_then(|status| answer(&status)) {
            return Ok(answer);
        }
        if Instant::now() >= deadline {
            return Ok(Answer::Open(format!("ReleaseAction {}/{name}", key.namespace)));
        }
        sleep(AGAIN).await;
    }
}

fn answer(status: &Value) -> Option<Answer> {
    let status = ReleaseActionStatus::deserialize(status).ok()?;
    Some(match status.result {
        Outcome::Applied => Answer::Applied,
        Outcome::Refused => Answer::Refused(status.message.unwrap_or_else(|| "no reason is given".into())),
    })
}

/// An object as it is shown. One that makes no sense is shown with what is wrong.
pub(super) fn found(object: &Value) -> Found {
    let key = ReleaseKey::new(
        text(&object["metadata"]["namespace"], "default"),
        text(&object["metadata"]["name"], ""),
    );
    let status = &object["status"];
    let (state, broken) = state(status);
    let spec = spec(&key, object);
    let waiting_for = text(&status["waitingFor"], "");
    let (mut view, spec, mut refusals) = match spec {
        Ok(spec) => (View::new(&key, &spec, &state, waiting_for), Some(spec), Vec::new()),
        Err(refusals) => match accepted(&key, status) {
            Some(spec) => (View::new(&key, &spec, &state, waiting_for), Some(spec), refusals),
            None => (unread(&key, object, state, waiting_for), None, refusals),
        },
    };
    refusals.extend(broken);
    view.refusals = refusals;
    view.live = Live::deserialize(&status["live"]).ok();
    Found { view: Box::new(view), spec }
}

fn spec(key: &ReleaseKey, object: &Value) -> Result<Spec, Vec<String>> {
    let read = weir_crd::Release::read(object).and_then(|read| weir_crd::parse(&key.namespace, &read.spec));
    read.map_err(|refusals| refusals.iter().map(ToString::to_string).collect())
}

/// What it said before, which stays in force.
fn accepted(key: &ReleaseKey, status: &Value) -> Option<Spec> {
    Accepted::deserialize(&status["accepted"]).ok()?.read(&key.namespace).ok()
}

/// Where it stands; without a phase nothing has happened yet.
fn state(status: &Value) -> (State, Option<String>) {
    if status["phase"].is_null() {
        return (State::default(), None);
    }
    match State::deserialize(status) {
        Ok(state) => (state, None),
        Err(error) => {
            let sentence = format!("status: it was written by another version of Weir, or by hand: {error}");
            (State::default(), Some(sentence))
        }
    }
}

/// What can be shown of an object that cannot be read.
fn unread(key: &ReleaseKey, object: &Value, state: State, waiting_for: &str) -> View {
    let spec = &object["spec"];
    let version = |role: &str| {
        let service = text(&spec[role]["service"]["name"], "?").to_owned();
        VersionView { service, workload: None }
    };
    let routes = spec["routes"].as_array().into_iter().flatten();
    View {
        namespace: key.namespace.to_string(),
        name: key.name.to_string(),
        routes: routes.filter_map(|route| route["name"].as_str()).map(str::to_owned).collect(),
        stable: version("stable"),
        canary: version("canary"),
        steps: Vec::new(),
        waiting_for: waiting_for.to_owned(),
        weight: text(&object["status"]["weight"], "as the routes say").to_owned(),
        refusals: Vec::new(),
        ratio: None,
        thresholds: Thresholds::default(),
        live: None,
        state,
    }
}

fn text<'a>(value: &'a Value, otherwise: &'a str) -> &'a str {
    value.as_str().unwrap_or(otherwise)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object() -> Value {
        json!({
            "apiVersion": "weir.dev/v1alpha1", "kind": "Release",
            "metadata": {"name": "shop", "namespace": "store", "managedFields": []},
            "spec": {
                "routes": [{"kind": "Ingress", "name": "shop"}],
                "stable": {"service": {"name": "web-v1", "port": 80}},
                "canary": {"service": {"name": "web-v2", "port": 80}},
            },
        })
    }

    #[test]
    fn an_object_without_a_status_is_pending() {
        let found = found(&object());
        assert_eq!(found.key(), ReleaseKey::new("store", "shop"));
        assert_eq!(found.view.steps.len(), 5);
        assert_eq!(found.view.state, State::default());
        assert!(found.spec.is_some() && found.view.refusals.is_empty(), "{:?}", found.view.refusals);
    }

    #[test]
    fn the_status_says_where_it_stands() {
        let mut object = object();
        object["status"] = json!({
            "phase": "Running", "waitingFor": "9m without exceptions", "observedGeneration": 3, "conditions": [],
            "step": {"index": 0, "name": "1%", "state": "Baking", "bake": {}, "elapsedMillis": 1000},
            "routing": {"epoch": 2, "attempt": 1, "to": "step", "step": 0, "weight": 100},
            "live": {"stable": {"rps": 99.0}, "canary": {"rps": 1.0, "ready": 3}, "proxies": 2, "acknowledged": 2},
        });
        let view = found(&object).view;
        assert_eq!((view.weight.as_str(), view.waiting_for.as_str()), ("1 %", "9m without exceptions"));
        assert_eq!(view.state.phase.as_str(), "Running");
        assert_eq!(view.live.map(|live| (live.canary.ready, live.proxies)), Some((3, 2)));
        object["status"]["step"] = json!("new");
        assert!(
            found(&object).view.refusals[0].starts_with("status: "),
            "{:?}",
            found(&object).view.refusals
        );
    }

    #[test]
    fn what_cannot_be_read_is_shown_with_what_is_wrong() {
        let mut object = object();
        object["spec"]["step"] = json!([]);
        let found = found(&object);
        assert_eq!(found.spec, None);
        assert_eq!(found.view.canary.service, "web-v2");
        assert!(found.view.refusals[0].contains("spec.step: "), "{:?}", found.view.refusals);
    }

    #[test]
    fn what_stays_in_force_is_shown_while_the_object_cannot_be_read() {
        let mut object = object();
        object["status"] = json!({"accepted": {"generation": 3, "spec": object["spec"].clone()}});
        object["spec"]["step"] = json!([]);
        let found = found(&object);
        assert_eq!(found.view.steps.len(), 5);
        assert!(found.view.refusals[0].contains("spec.step: "), "{:?}", found.view.refusals);
    }

    #[test]
    fn answers_are_read_once_they_are_there() {
        assert_eq!(answer(&json!({})), None);
        let at = "2026-03-01T10:00:00Z";
        assert_eq!(answer(&json!({"result": "Applied", "at": at})), Some(Answer::Applied));
        let refused = json!({"result": "Refused", "message": "it is not held", "at": at});
        assert_eq!(answer(&refused), Some(Answer::Refused("it is not held".into())));
    }
}
