//! What a controller answers. It only reads.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use weir_cluster::Controller;

type Shared = State<Arc<Controller>>;

/// Health, findings and status.
pub(super) fn router(controller: Arc<Controller>) -> Router {
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(readyz)).with_state(controller)
}

async fn readyz(State(controller): Shared) -> Response {
    if *controller.ready().borrow() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the cluster's objects are not known yet\n").into_response()
    }
}
