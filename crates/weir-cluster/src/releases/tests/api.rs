//! An API server with one namespace, as far as releases need one.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    routing::{get, patch},
};
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Objects by the plural of their kind and their name.
type Objects = BTreeMap<(String, String), Value>;
type Answer = (StatusCode, Json<Value>);
type Named = Path<(String, String)>;

/// What it keeps.
#[derive(Clone, Default)]
pub(super) struct Server(Arc<Mutex<Objects>>);

impl Server {
    pub(super) fn with(plural: &str, object: Value) -> Self {
        let server = Self::default();
        server.put(plural, object);
        server
    }

    pub(super) fn put(&self, plural: &str, object: Value) {
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        self.objects().insert((plural.to_owned(), name), object);
    }

    pub(super) fn get(&self, plural: &str, name: &str) -> Value {
        self.all(plural).remove(name).unwrap_or_default()
    }

    pub(super) fn all(&self, plural: &str) -> BTreeMap<String, Value> {
        let objects = self.objects().clone().into_iter();
        objects.filter(|((kind, _), _)| kind == plural).map(|((_, name), object)| (name, object)).collect()
    }

    /// Somebody else changes an object.
    pub(super) fn edit(&self, plural: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let mut objects = self.objects();
        let object = objects.get_mut(&(plural.to_owned(), name.to_owned())).unwrap();
        change(object);
        renew(object);
    }

    fn objects(&self) -> MutexGuard<'_, Objects> {
        self.0.lock().unwrap()
    }

    pub(super) async fn client(&self) -> Client {
        let namespaced = "/apis/weir.dev/v1alpha1/namespaces/shop/{plural}/{name}";
        let router = Router::new()
            .route(namespaced, patch(change).delete(delete))
            .route(&format!("{namespaced}/status"), patch(change_status))
            .route(
                "/api/v1/namespaces/weir-system/pods",
                get(async || Json(json!({"metadata": {}, "items": []}))),
            )
            .fallback(async || failure(StatusCode::FORBIDDEN))
            .with_state(self.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, router).await });
        Client::try_from(Config::new(url.parse().unwrap())).unwrap()
    }
}

/// Gives an object a version of its own.
fn renew(object: &mut Value) {
    let version =
        object["metadata"]["resourceVersion"].as_str().map_or(0, |text| text.parse::<u64>().unwrap());
    object["metadata"]["resourceVersion"] = json!((version + 1).to_string());
}

fn failure(code: StatusCode) -> Answer {
    let reason = code.canonical_reason().unwrap_or_default();
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code.as_u16(), "reason": reason,
        "message": reason});
    (code, Json(body))
}

/// What is changed has to be of the version, and the very object, that the patch names.
fn fits(object: &Value, patch: &Value) -> bool {
    ["resourceVersion", "uid"].iter().all(|field| {
        let named = &patch["metadata"][field];
        named.is_null() || *named == object["metadata"][field]
    })
}

async fn change(State(server): State<Server>, Path(named): Named, body: Bytes) -> Answer {
    changed(&server, &named, &body, |object, patch| {
        for field in ["finalizers", "ownerReferences"] {
            if let Some(value) = patch["metadata"].get(field) {
                object["metadata"][field] = value.clone();
            }
        }
    })
}

/// Server-side apply by the one who owns all of it replaces it; a merge goes by fields.
async fn change_status(
    State(server): State<Server>,
    Path(named): Named,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let applied = headers["content-type"].to_str().unwrap().contains("apply");
    changed(&server, &named, &body, |object, patch| {
        if applied || object["status"].is_null() {
            object["status"] = json!({});
        }
        for (field, value) in patch["status"].as_object().unwrap() {
            object["status"][field] = value.clone();
        }
    })
}

fn changed(
    server: &Server,
    named: &(String, String),
    body: &[u8],
    change: impl FnOnce(&mut Value, &Value),
) -> Answer {
    let patch: Value = serde_json::from_slice(body).unwrap();
    let mut objects = server.objects();
    let Some(object) = objects.get_mut(named) else { return failure(StatusCode::NOT_FOUND) };
    if !fits(object, &patch) {
        return failure(StatusCode::CONFLICT);
    }
    change(object, &patch);
    renew(object);
    (StatusCode::OK, Json(object.clone()))
}

async fn delete(State(server): State<Server>, Path(named): Named, body: Bytes) -> Answer {
    let options: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut objects = server.objects();
    let Some(object) = objects.get(&named) else { return failure(StatusCode::NOT_FOUND) };
    let uid = &options["preconditions"]["uid"];
    if !uid.is_null() && *uid != object["metadata"]["uid"] {
        return failure(StatusCode::CONFLICT);
    }
    let object = objects.remove(&named).unwrap_or_default();
    (StatusCode::OK, Json(object))
}
