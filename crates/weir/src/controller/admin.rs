//! What a controller answers. It only reads.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;
use weir_cluster::Controller;
use weir_translate::Config;

use super::{metrics, report::Report};
use crate::{admin::json, findings};

/// A controller with its settings.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) controller: Arc<Controller>,
    pub(super) reading: Arc<Config>,
}

type Shared = State<Shown>;

/// Health, metrics, findings and status.
pub(super) fn router(shown: Shown) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(prometheus))
        .route("/v1/status", get(status))
        .route("/v1/findings", get(all_findings))
        .route("/v1/claims", get(claims))
        .with_state(shown)
}

async fn readyz(State(shown): Shared) -> Response {
    if *shown.controller.ready().borrow() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the cluster's objects are not known yet\n").into_response()
    }
}

async fn prometheus(State(shown): Shared) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, metrics::render(&Report::of(&shown.controller, &shown.reading))).into_response()
}

async fn status(State(shown): Shared) -> Response {
    json(&json!(Report::of(&shown.controller, &shown.reading)))
}

async fn all_findings(State(shown): Shared) -> Response {
    let view = shown.controller.view().borrow().clone();
    json(&json!({ "findings": findings::shown(&view.findings) }))
}

/// Who owns which paths, as it is recorded.
async fn claims(State(shown): Shared) -> Response {
    let view = shown.controller.view().borrow().clone();
    let claims = view.recorded.iter().map(|(host, claim)| {
        json!({ "host": host, "path": claim.path, "exact": claim.exact, "namespace": claim.namespace })
    });
    json(&json!({ "claims": claims.collect::<Vec<_>>() }))
}
