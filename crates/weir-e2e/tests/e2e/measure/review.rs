//! How long the webhook takes to review an Ingress.

use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use serde_json::json;
use weir_e2e::{Installation, Stage};
use weir_testkit::{
    certs,
    client::Target,
    load::{self, Plan},
};

/// How many reviews.
const REVIEWS: u64 = 5_000;

/// Asks as the API server does: by the Service, over TLS, with the CA of the installation.
pub(super) async fn measure(stage: &Stage, weir: &Installation) -> anyhow::Result<()> {
    let map = stage.cluster.get(weir.name(), &["configmap", &format!("{}-ca", weir.name())]).await?;
    let authority = map["data"]["ca.crt"].as_str().context("no ca.crt")?;
    let service = stage.cluster.get(weir.name(), &["service", &weir.controller()]).await?;
    let ip = service["spec"]["clusterIP"].as_str().context("no address")?.parse()?;
    let name = format!("{}.{}.svc", weir.controller(), weir.name());
    let target = Target::tls(SocketAddr::new(ip, 443), &name, certs::client(authority, &["http/1.1"])?);
    let body = asked(weir).to_string();
    let fields = [("content-type", "application/json")];
    let request = load::post(&name, "/validate", &fields, body.as_bytes());
    let report = Plan::new(target, vec![request]).connections(1).total(REVIEWS).run().await;
    ensure!(report.failed() == 0, "{report}");
    for (what, quantile) in [("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
        stage.figure("webhook", &format!("{what}, ms"), report.latency.at(quantile).as_secs_f64() * 1e3);
    }
    Ok(())
}

fn asked(weir: &Installation) -> serde_json::Value {
    let backend = json!({ "service": { "name": "a", "port": { "number": 80 } } });
    let prefix = "nginx.ingress.kubernetes.io";
    let annotations = json!({ format!("{prefix}/canary"): "true", format!("{prefix}/canary-weight"): "20" });
    let ingress = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": { "name": "a", "namespace": "default", "annotations": annotations },
        "spec": { "ingressClassName": weir.class(), "rules": [{
            "host": "a.example", "http": { "paths": [{ "path": "/", "pathType": "Prefix", "backend": backend }] },
        }] },
    });
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": { "uid": "u", "operation": "CREATE", "object": ingress },
    })
}
