//! The admission webhook: says what is wrong with an Ingress while its author still looks.
//!
//! It parses one object with the same code that serves it, and nothing else: no template, no lookup, no
//! Secret. The API server goes on without it when it does not answer (`failurePolicy: Ignore`).

use std::{net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    http::StatusCode,
    routing::post,
    serve::Listener,
};
use futures_util::{Stream, StreamExt as _};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use weir_model::Finding;
use weir_translate::{
    Config, Review,
    object::{Ingress, IngressClass},
    review,
};

/// The API server sends the object and the one before it, of at most 1.5 MiB each.
const BODY: usize = 3 << 20;
/// The API server waits 2 s.
const TIME: Duration = Duration::from_secs(2);
/// The API server shows warnings up to 4,096 bytes in all.
const WARNINGS: usize = 8;

/// The classes as they are now.
pub(crate) type Classes = Arc<Vec<Arc<IngressClass>>>;

/// What a review needs.
#[derive(Clone, Debug)]
pub(crate) struct Reviewer {
    pub(crate) classes: watch::Receiver<Classes>,
    pub(crate) config: Arc<Config>,
    /// Reviews at the same time; who comes beyond that is turned away, and the API server goes on.
    pub(crate) slots: Arc<Semaphore>,
}

/// See [`Reviewer::slots`].
pub(crate) const REVIEWS: usize = 32;

/// The part of an `admission.k8s.io/v1` request that matters.
#[derive(Debug, Deserialize)]
struct Asked {
    request: AskedRequest,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AskedRequest {
    uid: String,
    #[serde(default)]
    object: Value,
    #[serde(default)]
    old_object: Value,
}

/// Serves reviews at an address.
///
/// # Errors
/// When the address cannot be listened on.
pub(crate) async fn serve(
    address: SocketAddr,
    tls: Arc<rustls::ServerConfig>,
    reviewer: Reviewer,
) -> anyhow::Result<(SocketAddr, impl Future<Output = ()>)> {
    let listener = TcpListener::bind(address).await;
    let listener = listener.with_context(|| format!("listening on {address} for reviews"))?;
    let address = listener.local_addr()?;
    let router = Router::new()
        .route("/", post(answer))
        .route("/validate", post(answer))
        .layer(DefaultBodyLimit::max(BODY))
        .with_state(reviewer);
    let incoming = Box::pin(weir_fleet::incoming(listener, TlsAcceptor::from(tls)));
    let serving = axum::serve(Handshaken { incoming, address }, router);
    Ok((address, async move {
        if let Err(error) = serving.await {
            tracing::error!(%error, "the webhook's listener ended");
        }
    }))
}

/// A listener whose connections have come through their handshake.
struct Handshaken {
    incoming: Pin<Box<dyn Stream<Item = (TlsStream<TcpStream>, SocketAddr)> + Send>>,
    address: SocketAddr,
}

impl Listener for Handshaken {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.incoming.next().await {
            Some(accepted) => accepted,
            // The stream has no end.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Ok(self.address)
    }
}

async fn answer(
    State(reviewer): State<Reviewer>,
    Json(asked): Json<Asked>,
) -> Result<Json<Value>, StatusCode> {
    let Ok(slot) = Arc::clone(&reviewer.slots).try_acquire_owned() else {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    };
    // Reading a large pattern may take a while; heartbeats must not wait for it.
    let answered = tokio::task::spawn_blocking(move || {
        let _slot = slot;
        judge(&reviewer, asked.request)
    });
    match tokio::time::timeout(TIME, answered).await {
        Ok(Ok(answer)) => Ok(Json(answer)),
        Ok(Err(_)) => Err(StatusCode::INTERNAL_SERVER_ERROR),
        Err(_) => Err(StatusCode::GATEWAY_TIMEOUT),
    }
}

fn judge(reviewer: &Reviewer, asked: AskedRequest) -> Value {
    if asked.object["kind"] == "Release" {
        return response_to_release(&asked);
    }
    let read = |object: Value| serde_json::from_value::<Ingress>(object).ok().map(Arc::new);
    let old = read(asked.old_object);
    // What cannot be read here the API server has let pass; it is not for us to refuse it.
    let Some(new) = read(asked.object) else { return response(&asked.uid, &Review::default()) };
    let classes = reviewer.classes.borrow().clone();
    let review = review(&new, old.as_ref(), classes.iter(), &reviewer.config);
    response(&asked.uid, &review)
}

/// Everything that is wrong with a Release, as long as its author still looks. One that is on its way out has to
/// be let go, whatever it says; and what was wrong before is not refused for a change elsewhere.
fn response_to_release(asked: &AskedRequest) -> Value {
    let refusals = |object: &Value| {
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or("default");
        let read = weir_crd::Release::read(object);
        read.and_then(|release| weir_crd::parse(namespace, &release.spec)).err().unwrap_or_default()
    };
    let leaving = asked.object["metadata"]["deletionTimestamp"].is_string();
    let unchanged = asked.object["spec"] == asked.old_object["spec"];
    let refusals = if leaving || unchanged { Vec::new() } else { refusals(&asked.object) };
    let mut response = json!({ "uid": asked.uid, "allowed": refusals.is_empty() });
    if !refusals.is_empty() {
        let message = refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        response["status"] = json!({ "code": 422, "reason": "Invalid", "message": message });
    }
    json!({ "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response })
}

fn response(uid: &str, Review { refusals, warnings }: &Review) -> Value {
    let line = |finding: &Finding| format!("{} {}: {}", finding.code, finding.field, finding.message);
    let mut response = json!({ "uid": uid, "allowed": refusals.is_empty() });
    if !refusals.is_empty() {
        let message = refusals.iter().map(line).collect::<Vec<_>>().join("\n");
        response["status"] = json!({ "code": 422, "reason": "Invalid", "message": message });
    }
    if !warnings.is_empty() {
        response["warnings"] = warnings.iter().take(WARNINGS).map(line).collect();
    }
    json!({ "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(object: Value, old: Value) -> Value {
        let (_sender, classes) = watch::channel(Classes::default());
        let config = Arc::new(Config { standalone: false, ..Config::default() });
        let asked = AskedRequest { uid: "7".into(), object, old_object: old };
        judge(&Reviewer { classes, config, slots: Arc::new(Semaphore::new(1)) }, asked)["response"].clone()
    }

    fn ingress(weight: &str) -> Value {
        json!({
            "metadata": { "name": "a", "namespace": "b", "annotations": {
                "nginx.ingress.kubernetes.io/canary": "true",
                "nginx.ingress.kubernetes.io/canary-weight": weight,
            } },
            "spec": { "ingressClassName": "weir" },
        })
    }

    #[test]
    fn a_good_object_passes() {
        assert_eq!(ask(ingress("20"), Value::Null), json!({ "uid": "7", "allowed": true }));
    }

    #[test]
    fn a_bad_one_is_refused_with_field_and_remedy() {
        let response = ask(ingress("many"), Value::Null);
        assert_eq!(response["allowed"], false);
        let message = response["status"]["message"].as_str().unwrap();
        assert!(
            message.contains("metadata.annotations[nginx.ingress.kubernetes.io/canary-weight]"),
            "{message}"
        );
    }

    #[test]
    fn what_was_bad_before_passes_with_a_warning() {
        let response = ask(ingress("many"), ingress("many"));
        assert_eq!(response["allowed"], true);
        assert_eq!(response["warnings"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn a_release_is_refused_with_every_fault() {
        let release = |port: Value| {
            json!({
                "apiVersion": "weir.dev/v1alpha1", "kind": "Release", "metadata": { "name": "a", "namespace": "b" },
                "spec": {
                    "routes": [{ "kind": "Ingress", "name": "a" }],
                    "stable": { "service": { "name": "v1", "port": 80 } },
                    "canary": { "service": { "name": "v2", "port": port } },
                    "steps": [{ "weight": 20, "bake": { "duration": "soon" } }],
                },
            })
        };
        let response = ask(release(json!(80)), Value::Null);
        let message = response["status"]["message"].as_str().unwrap();
        assert!(message.contains("spec.steps[0].bake.duration"), "{message}");
        let mut leaving = release(json!(80));
        leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        assert_eq!(ask(leaving, Value::Null)["allowed"], true);
        assert_eq!(ask(release(json!(80)), release(json!(80)))["allowed"], true);
    }

    #[test]
    fn what_is_no_ingress_passes() {
        assert_eq!(ask(json!("text"), Value::Null)["allowed"], true);
        assert_eq!(ask(Value::Null, Value::Null)["allowed"], true);
    }
}
