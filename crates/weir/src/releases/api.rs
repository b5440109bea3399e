//! Releases in the admin API. Reading is free; what changes a release needs a JSON body, which no link and no form
//! of a web page can send without being asked first.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{FromRequestParts, Path},
    http::{StatusCode, request::Parts},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use weir_crd::ReleaseActionSpec;
use weir_model::ReleaseKey;

use super::Board;
use crate::{admin::json as answer, runtime::status::Status};

/// How long an answer may take: a look at all releases.
const PATIENCE: Duration = Duration::from_secs(10);

/// The routes.
pub(crate) fn router() -> Router<Arc<Status>> {
    Router::new()
        .route("/v1/releases", get(all))
        .route("/v1/releases/{namespace}/{name}", get(one))
        .route("/v1/releases/{namespace}/{name}/events", get(events))
        .route("/v1/releases/{namespace}/{name}/actions", post(act))
}

/// What is shown; before anything is served there is nothing.
struct Shown(Arc<Board>);

impl FromRequestParts<Arc<Status>> for Shown {
    type Rejection = Response;

    async fn from_request_parts(_: &mut Parts, status: &Arc<Status>) -> Result<Self, Response> {
        let starting = || refuse(StatusCode::SERVICE_UNAVAILABLE, "Weir is starting; try again in a moment");
        status.releases().map(|board| Self(Arc::clone(board))).ok_or_else(starting)
    }
}

type Name = Path<(String, String)>;

fn key((namespace, name): (String, String)) -> ReleaseKey {
    ReleaseKey::new(namespace, name)
}

async fn all(Shown(board): Shown) -> Response {
    answer(&json!({ "releases": board.views() }))
}

async fn one(Shown(board): Shown, Path(name): Name) -> Response {
    let key = key(name);
    match board.view(&key) {
        Some(view) => answer(&json!(view)),
        None => refuse(StatusCode::NOT_FOUND, &missing(&key)),
    }
}

async fn events(Shown(board): Shown, Path(name): Name) -> Response {
    let key = key(name);
    match board.view(&key) {
        Some(_) => answer(&json!({ "events": board.events(&key) })),
        None => refuse(StatusCode::NOT_FOUND, &missing(&key)),
    }
}

async fn act(Shown(board): Shown, Path(name): Name, Json(mut body): Json<Value>) -> Response {
    let key = key(name);
    if board.view(&key).is_none() {
        return refuse(StatusCode::NOT_FOUND, &missing(&key));
    }
    if let Some(body) = body.as_object_mut() {
        body.insert("release".into(), json!(key.name));
    }
    let asked = serde_json::from_value::<ReleaseActionSpec>(body).map_err(|error| error.to_string());
    let id = format!("{:016x}", fastrand::u64(..));
    let request = asked.and_then(|asked| asked.request(id, None).map_err(|refusals| sentence(&refusals)));
    let request = match request {
        Ok(request) => request,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, &error),
    };
    match tokio::time::timeout(PATIENCE, board.ask(key, request)).await {
        Ok(Ok(Ok(()))) => answer(&json!({ "result": "Applied" })),
        Ok(Ok(Err(error))) => refuse(StatusCode::CONFLICT, &error),
        Ok(Err(_)) | Err(_) => {
            refuse(StatusCode::SERVICE_UNAVAILABLE, "the release was not looked at in time; it may still be")
        }
    }
}

fn sentence(refusals: &[weir_crd::Refusal]) -> String {
    refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn missing(key: &ReleaseKey) -> String {
    format!("there is no release {key}; all of them: /v1/releases")
}

fn refuse(status: StatusCode, error: &str) -> Response {
    (status, answer(&json!({ "result": "Refused", "error": error }))).into_response()
}
