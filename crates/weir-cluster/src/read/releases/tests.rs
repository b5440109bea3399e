use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    routing::get,
};
use kube::{Client, Config};
use tokio::net::TcpListener;

use super::*;

type Asked = Arc<Mutex<Vec<Value>>>;

/// An API server with a Release, its Events, and a controller that refuses everything.
async fn cluster() -> (Cluster, Asked) {
    let asked = Asked::default();
    let namespaced = "/apis/weir.dev/v1alpha1/namespaces/{namespace}";
    let router = Router::new()
        .route(&format!("{namespaced}/releases"), get(list))
        .route(&format!("{namespaced}/releases/{{name}}"), get(one))
        .route(&format!("{namespaced}/releaseactions"), axum::routing::post(create))
        .route(&format!("{namespaced}/releaseactions/{{name}}"), get(action))
        .route("/api/v1/namespaces/{namespace}/events", get(events))
        .fallback(async || status(403, "Forbidden"))
        .with_state(Arc::clone(&asked));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, router).await });
    let config = Config::new(url.parse().unwrap());
    let client = Client::try_from(config).unwrap();
    (Cluster { client, namespace: "weir-system".into() }, asked)
}

fn status(code: u16, reason: &str) -> (StatusCode, Json<Value>) {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": reason,
    });
    (StatusCode::from_u16(code).unwrap(), Json(body))
}

fn object(namespace: &str) -> Value {
    json!({ "metadata": { "name": "shop", "namespace": namespace }, "spec": { "paused": true } })
}

async fn list(Path(namespace): Path<String>) -> (StatusCode, Json<Value>) {
    if namespace == "old" {
        return status(404, "NotFound");
    }
    (StatusCode::OK, Json(json!({ "metadata": {}, "items": [object(&namespace)] })))
}

async fn one(Path((namespace, name)): Path<(String, String)>) -> (StatusCode, Json<Value>) {
    if name == "shop" { (StatusCode::OK, Json(object(&namespace))) } else { status(404, "NotFound") }
}

async fn create(State(asked): State<Asked>, Json(mut body): Json<Value>) -> (StatusCode, Json<Value>) {
    asked.lock().unwrap().push(body.clone());
    body["metadata"]["name"] = "shop-pause-x1".into();
    (StatusCode::CREATED, Json(body))
}

async fn action(Path((_, name)): Path<(String, String)>) -> (StatusCode, Json<Value>) {
    if name != "shop-pause-x1" {
        return status(404, "NotFound");
    }
    let status = json!({ "result": "Refused", "message": "no", "at": "2026-03-01T10:00:00Z" });
    (StatusCode::OK, Json(json!({ "metadata": { "name": name }, "spec": {}, "status": status })))
}

async fn events(Query(query): Query<Vec<(String, String)>>) -> Json<Value> {
    let fields = query.into_iter().find(|(name, _)| name == "fieldSelector").map(|(_, value)| value);
    assert_eq!(fields.as_deref(), Some("involvedObject.kind=Release,involvedObject.name=shop"));
    let event = |at: &str, reason: &str| json!({ "metadata": {}, "involvedObject": {}, "type": "Warning", "reason": reason, "lastTimestamp": at });
    let items = [event("2026-03-01T11:00:00Z", "Held"), event("2026-03-01T10:00:00Z", "StepStarted")];
    Json(json!({ "metadata": {}, "items": items }))
}

#[tokio::test]
async fn releases_are_listed_and_read() {
    let (cluster, _) = cluster().await;
    let all = cluster.releases(Some("store")).await.unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!((&all[0]["kind"], &all[0]["spec"]["paused"]), (&json!("Release"), &json!(true)));
    assert_eq!(cluster.release("store", "shop").await.unwrap(), Some(all[0].clone()));
    assert_eq!(cluster.release("store", "cart").await.unwrap(), None);
}

#[tokio::test]
async fn what_stands_in_the_way_is_told() {
    let (cluster, _) = cluster().await;
    let old = cluster.releases(Some("old")).await.unwrap_err().to_string();
    assert!(old.contains("does not know releases.weir.dev; install"), "{old}");
    let forbidden = cluster.releases(None).await.unwrap_err().to_string();
    assert!(forbidden.contains("you may not list releases.weir.dev in all namespaces"), "{forbidden}");
    assert!(forbidden.contains("kubectl auth can-i list releases.weir.dev -A"), "{forbidden}");
}

#[tokio::test]
async fn an_action_is_made_and_its_answer_read() {
    let (cluster, asked) = cluster().await;
    let spec = json!({ "release": "shop", "verb": "pause" });
    let name = cluster.ask_release("store", "shop-pause-", &spec).await.unwrap();
    let made = asked.lock().unwrap().pop().unwrap();
    assert_eq!((&made["kind"], &made["spec"]), (&json!("ReleaseAction"), &spec));
    assert_eq!(made["metadata"], json!({ "generateName": "shop-pause-" }));
    let answer = cluster.release_answer("store", &name).await.unwrap().unwrap();
    assert_eq!(answer["result"], "Refused");
    let gone = cluster.release_answer("store", "other").await.unwrap_err().to_string();
    assert!(gone.contains("was deleted"), "{gone}");
}

#[tokio::test]
async fn events_are_told_in_order() {
    let (cluster, _) = cluster().await;
    let events = cluster.release_events("store", "shop").await.unwrap();
    let reasons: Vec<_> = events.iter().map(|event| event.reason.as_str()).collect();
    assert_eq!(reasons, ["StepStarted", "Held"]);
}

fn event(fields: &Value) -> Option<ReleaseEvent> {
    let mut event = json!({ "metadata": {}, "involvedObject": {} });
    for (name, value) in fields.as_object().into_iter().flatten() {
        event[name] = value.clone();
    }
    told(serde_json::from_value(event).unwrap())
}

#[test]
fn events_tell_when_they_happened_last() {
    let read = event(&json!({
        "type": "Warning", "reason": "Held", "message": "The release is held.",
        "firstTimestamp": "2026-03-01T10:00:00Z", "lastTimestamp": "2026-03-01T11:00:00Z",
    }));
    let expected = ReleaseEvent {
        at: "2026-03-01T11:00:00Z".parse().unwrap(),
        warning: true,
        reason: "Held".into(),
        message: "The release is held.".into(),
    };
    assert_eq!(read, Some(expected));
    let newer = event(&json!({ "type": "Normal", "eventTime": "2026-03-01T12:00:00.000000Z" })).unwrap();
    assert_eq!((newer.at.to_string().as_str(), newer.warning), ("2026-03-01T12:00:00Z", false));
    assert_eq!(event(&json!({ "message": "never" })), None);
}
