//! Routes and Services change under load.

use std::{sync::Arc, time::Duration};

use anyhow::ensure;
use k8s_openapi::api::networking::v1::Ingress;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;
use tokio::time::interval;
use weir_e2e::{Backend, Client, PATIENCE, Settings, Stage, ask, until, web};

use crate::steady::{SOME, load};

/// How soon a Service that was made again has to be served.
const SOON: Duration = Duration::from_secs(1);
/// How often a weight goes from nothing to everything, or back, and how much time is between.
const FLIPS: usize = 100;
const BETWEEN: Duration = Duration::from_millis(100);

/// The paths of an Ingress change their order: no request goes to another path's Service.
pub(crate) async fn route_order(stage: Arc<Stage>) -> anyhow::Result<()> {
    let weir = stage.shared().await?;
    let (site, root) = load(&stage, weir, &Backend::new("app", "v1")).await?;
    Backend::new("next", "v2").apply(&stage.cluster, site.namespace.name()).await?;
    let ingress = |turn: usize| {
        let mut paths = [("/", "app"), ("/next", "next"), ("/nex", "app"), ("/next/deeper", "app")];
        paths.rotate_left(turn % 4);
        let without = web(weir.class(), "app", &site.flow.host);
        paths.iter().fold(without, |ingress, (path, service)| ingress.path(path, service)).yaml()
    };
    site.apply(&ingress(0)).await?;
    let page = "/next/page";
    for via in weir.every_way().await? {
        until("the second path is served", PATIENCE, || async {
            Ok(ask(&via, &site.flow.host, page).await?.headers.get("x-version") == Some("v2"))
        })
        .await?;
    }
    let next = site.traffic(weir.every_way().await?).path(page).without(Client::WebSocket).start().await?;
    for turn in 1..=8 {
        site.apply(&ingress(turn)).await?;
        next.more(SOME / 3).await?;
    }
    let (root, next) = (root.stop().await?, next.stop().await?);
    root.clean()?;
    next.clean()?;
    ensure!(root.version("v2") == 0 && next.version("v1") == 0, "misrouted: {root}, {next}");
    Ok(())
}

/// A Service gets another port and then loses the first one; then its pods are replaced by such that listen
/// elsewhere.
pub(crate) async fn service_port(stage: Arc<Stage>) -> anyhow::Result<()> {
    let weir = stage.shared().await?;
    let old = Backend::new("app", "v1").replicas(2);
    let (site, running) = load(&stage, weir, &old).await?;
    let both = Backend { ports: vec![80, 81], ..old.clone() };
    both.apply(&stage.cluster, site.namespace.name()).await?;
    until("slices name the new port", PATIENCE, || async {
        Ok(site.kubectl(&["get", "endpointslices", "--output=json"]).await?.contains("\"http-81\""))
    })
    .await?;
    let ingress = web(weir.class(), "app", &site.flow.host).path("/", "app").yaml();
    site.apply(&ingress.replace("number: 80", "number: 81")).await?;
    running.more(SOME).await?;
    let new = Backend { ports: vec![81], ..both };
    new.apply(&stage.cluster, site.namespace.name()).await?;
    running.more(SOME).await?;
    let elsewhere = Backend { listen: 9090, ..new.version("v2") };
    elsewhere.apply(&stage.cluster, site.namespace.name()).await?;
    site.settled().await?;
    site.serves(&weir.every_way().await?, "v2").await?;
    running.more(SOME).await?;
    running.stop().await?.clean()
}

/// The weight of a canary goes from 0 to 100 and back, ten times a second.
pub(crate) async fn weight(stage: Arc<Stage>) -> anyhow::Result<()> {
    let weir = stage.shared().await?;
    let (site, running) = load(&stage, weir, &Backend::new("app", "v1")).await?;
    Backend::new("next", "v2").apply(&stage.cluster, site.namespace.name()).await?;
    let canary = web(weir.class(), "canary", &site.flow.host).path("/", "next");
    site.apply(&canary.nginx("canary", "true").nginx("canary-weight", "0").yaml()).await?;
    let api: Api<Ingress> = Api::namespaced(stage.cluster.client(), site.namespace.name());
    let set = |weight: &'static str| {
        let api = api.clone();
        let patch =
            json!({ "metadata": { "annotations": { "nginx.ingress.kubernetes.io/canary-weight": weight } } });
        async move { api.patch("canary", &PatchParams::default(), &Patch::Merge(patch)).await.map(drop) }
    };
    let mut beat = interval(BETWEEN);
    for turn in 0..FLIPS {
        beat.tick().await;
        set(if turn % 2 == 0 { "100" } else { "0" }).await?;
    }
    site.serves(&weir.every_way().await?, "v1").await?;
    let before = running.so_far().version("v2");
    running.more(SOME).await?;
    let tally = running.stop().await?;
    tally.clean()?;
    // WebSockets keep the version they were opened with.
    let after = tally.version("v2") - before;
    ensure!(before > 0 && after < SOME / 5, "{before} went to v2, and {after} after the end: {tally}");
    Ok(())
}

/// A Service is deleted and made again. Its own route has nowhere to go meanwhile; its neighbour notices nothing.
pub(crate) async fn service_deleted(stage: Arc<Stage>) -> anyhow::Result<()> {
    let weir = stage.shared().await?;
    let (site, running) = load(&stage, weir, &Backend::new("app", "v1")).await?;
    let other = Backend::new("other", "v1");
    let host = format!("other.{}", site.flow.host);
    other.apply(&stage.cluster, site.namespace.name()).await?;
    site.apply(&web(weir.class(), "other", &host).path("/", "other").yaml()).await?;
    let ways = weir.every_way().await?;
    let status = |expected: u16| {
        let (ways, host) = (&ways, &host);
        async move {
            for via in ways {
                let what = format!("{expected} by {}", via.name);
                until(what, PATIENCE, || async { Ok(ask(via, host, "/").await?.status == expected) }).await?;
            }
            anyhow::Ok(())
        }
    };
    status(200).await?;
    site.kubectl(&["delete", "service", "other"]).await?;
    status(503).await?;
    running.more(SOME).await?;
    site.apply(&other.service().to_string()).await?;
    let started = tokio::time::Instant::now();
    status(200).await?;
    stage.note(format_args!("served {:.0?} after the Service was made again", started.elapsed()));
    ensure!(started.elapsed() < SOON, "{:?}", started.elapsed());
    running.more(SOME).await?;
    running.stop().await?.clean()
}

/// An Ingress with every value that can be wrong, all at once: its author is told, and its neighbour is served.
pub(crate) async fn everything_invalid(stage: Arc<Stage>) -> anyhow::Result<()> {
    // With the webhook, the API server would refuse it.
    let settings = Settings { values: vec!["admission.webhook.enabled=false".to_owned()] };
    let weir = stage.install(settings).await?;
    let (site, running) = load(&stage, &weir, &Backend::new("app", "v1")).await?;
    let host = format!("broken.{}", site.flow.host);
    let broken = web(weir.class(), "broken", &host).path("/", "nobody").path_of_type(
        "ImplementationSpecific",
        "/(",
        "app",
    );
    let broken = INVALID.iter().fold(broken, |ingress, (key, value)| ingress.nginx(key, value));
    let broken = broken.tls("no-such-secret", &[&host]);
    site.apply(&broken.yaml()).await?;
    site.told("WR-INVALID-ANNOTATION", "broken").await?;
    running.more(SOME).await?;
    // And once more at a host that is served.
    site.apply(&broken.host(&site.flow.host).path("/broken", "nobody").yaml()).await?;
    running.more(SOME).await?;
    running.stop().await?.clean()
}

/// A value that means nothing, for every annotation whose value has a form.
const INVALID: &[(&str, &str)] = &[
    ("affinity", "magnetism"),
    ("affinity-canary-behavior", "perhaps"),
    ("backend-protocol", "TELNET"),
    ("canary", "perhaps"),
    ("canary-by-header-pattern", "("),
    ("canary-weight", "a lot"),
    ("canary-weight-total", "-1"),
    ("force-ssl-redirect", "perhaps"),
    ("permanent-redirect-code", "200"),
    ("proxy-body-size", "huge"),
    ("proxy-connect-timeout", "soon"),
    ("proxy-read-timeout", "-5"),
    ("proxy-send-timeout", "later"),
    ("rewrite-target", "/$9\u{1}"),
    ("service-match", "app: header(\"foo, \"bar\")"),
    ("service-weight", "app: many, : 3"),
    ("session-cookie-max-age", "old"),
    ("session-cookie-name", "a b;c"),
    ("session-cookie-path", "no path"),
    ("session-cookie-samesite", "Sometimes"),
    ("upstream-vhost", "not a host\r\nx: y"),
    ("use-regex", "perhaps"),
    ("whitelist-source-range", "everybody, 300.0.0.0/8"),
];
