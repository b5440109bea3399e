//! The admin listener: health, metrics, and what is served. It only reads.

pub(crate) mod encoder;
mod metrics;
mod table;

use std::{fmt::Write as _, net::SocketAddr, net::TcpListener, sync::Arc, thread::JoinHandle};

use anyhow::Context as _;
use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;
use tokio::sync::oneshot;
use weir_proxy::Phase;

use crate::{findings, releases, runtime::status::Status};

/// A listener on a thread of its own, so that being asked never delays traffic.
#[derive(Debug)]
pub(crate) struct Admin {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

// === impl Admin ===

impl Admin {
    /// Serves a router at an address.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub(crate) fn start(address: SocketAddr, router: Router) -> anyhow::Result<Self> {
        let failed = || format!("the admin listener cannot listen on {address} (--admin moves it)");
        let listener = TcpListener::bind(address).with_context(failed)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let serving = move || runtime.block_on(serve(listener, router, stopped));
        let thread = std::thread::Builder::new().name("admin".into()).spawn(serving)?;
        Ok(Self { address, stop, thread })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("the admin thread panicked");
        }
    }
}

/// What a data plane answers.
pub(crate) fn data_plane(status: Arc<Status>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/v1/table", get(table))
        .route("/v1/findings", get(all_findings))
        .merge(releases::api::router())
        .with_state(status)
}

async fn serve(listener: TcpListener, router: Router, stopped: oneshot::Receiver<()>) {
    let serving = async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        axum::serve(listener, router).await
    };
    tokio::select! {
        ended = serving => if let Err(error) = ended {
            tracing::error!(%error, "the admin listener ended");
        },
        _ = stopped => {}
    }
}

type Shared = State<Arc<Status>>;

async fn readyz(State(status): Shared) -> Response {
    let mut text = match status.proxy().map(|proxy| proxy.phase()) {
        None => "starting\n".to_owned(),
        Some(Phase::Serving) => "ready\n".to_owned(),
        Some(_) => "shutting down\n".to_owned(),
    };
    for broken in status.broken() {
        let _infallible = writeln!(text, "the last good manifests are in force, not the newest: {broken}");
    }
    let ready = if status.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (ready, text).into_response()
}

async fn metrics(State(status): Shared) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, metrics::render(&status)).into_response()
}

async fn table(State(status): Shared) -> Response {
    json(&table::render(&status))
}

async fn all_findings(State(status): Shared) -> Response {
    json(&json!({ "findings": findings::shown(&status.findings()) }))
}

/// An answer in JSON.
pub(crate) fn json(value: &serde_json::Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], format!("{value:#}\n")).into_response()
}
