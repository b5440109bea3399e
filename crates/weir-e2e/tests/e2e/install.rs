//! Weir as a user installs it, and both kinds of gray release as a user writes them.

use std::{fs, path::Path, sync::Arc};

use anyhow::{Context as _, ensure};
use weir_e2e::{Backend, Installation, Namespace, PATIENCE, Settings, Stage, Via, ask_with, until};
use weir_testkit::{
    client::Target,
    load::{self, Plan, Report},
};

/// Requests for each kind of request and each proxy.
const REQUESTS: u64 = 10_000;
/// How far a share may be from what was asked.
const OFF: f64 = 0.015;

/// Both scenarios in the annotations of ACK and of ingress-nginx, asked of each of two proxies.
pub(crate) async fn scenarios(stage: Arc<Stage>) -> anyhow::Result<()> {
    let weir = stage.install(Settings::default()).await?;
    ensure!(weir.controllers().await?.len() == 2 && weir.proxies().await?.len() == 2, "two of each");
    for dialect in ["ack", "nginx"] {
        by_header_or_cookie(&stage, &weir, dialect).await?;
        by_weight(&stage, &weir, dialect).await?;
    }
    under_load(&stage, &weir).await
}

/// Scenario 1: requests with `foo=bar` go to the new version, all others to the old one.
async fn by_header_or_cookie(stage: &Stage, weir: &Installation, dialect: &str) -> anyhow::Result<()> {
    let example = Example::apply(stage, weir, "scenario-1-header-cookie", dialect, "service-a").await?;
    let (header_host, cookie_host, cookie) = match dialect {
        "ack" => ("header", "cookie", "foo=bar"),
        _ => ("www", "www", "foo=always"),
    };
    for via in weir.each_proxy().await? {
        for (host, fields, expected) in [
            (header_host, &[("foo", "bar")][..], "new"),
            (header_host, &[("foo", "baz")][..], "old"),
            (cookie_host, &[("cookie", cookie)][..], "new"),
            (cookie_host, &[("cookie", "foo=other")][..], "old"),
            (header_host, &[][..], "old"),
        ] {
            let report = example.asked(&via, host, fields, REQUESTS / 4, expected).await?;
            ensure!(report.version(expected) == report.ok, "{dialect}: {host} {fields:?}: {report}");
        }
    }
    stage.note(format_args!("{dialect}: header and cookie decide every request"));
    Ok(())
}

/// Scenario 2: a fifth of all requests goes to the new version.
async fn by_weight(stage: &Stage, weir: &Installation, dialect: &str) -> anyhow::Result<()> {
    let example = Example::apply(stage, weir, "scenario-2-weight", dialect, "service-b").await?;
    for via in weir.each_proxy().await? {
        let report = example.asked(&via, "www", &[], REQUESTS, "new").await?;
        let share = report.share("new");
        stage.note(format_args!("{dialect}: {:.2} % of {} by {}", share * 100.0, report.ok, via.name));
        ensure!((share - 0.2).abs() < OFF, "{dialect}: 20 % were asked for: {report}");
    }
    Ok(())
}

/// Every kind of client, for a while.
async fn under_load(stage: &Stage, weir: &Installation) -> anyhow::Result<()> {
    let site = stage.site(weir, &Backend::new("app", "v1").replicas(2)).await?;
    let running = site.traffic(weir.every_way().await?).start().await?;
    running.more(3_000).await?;
    running.stop().await?.clean()
}

/// A folder of `examples/`, applied.
struct Example {
    namespace: Namespace,
}

// === impl Example ===

impl Example {
    /// With a class and hosts of its own, since others use the same cluster; and two versions of the service.
    async fn apply(
        stage: &Stage,
        weir: &Installation,
        scenario: &str,
        dialect: &str,
        service: &str,
    ) -> anyhow::Result<Self> {
        let example = Self { namespace: stage.namespace().await? };
        let namespace = example.namespace.name();
        let folder =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(scenario).join(dialect);
        for (name, version) in [(service.to_owned(), "old"), (format!("{service}-new"), "new")] {
            // The Services of the examples lead to port 80 of their pods.
            let backend = Backend { listen: 80, ..Backend::new(&name, version) };
            backend.apply(&stage.cluster, namespace).await?;
        }
        let ingress = fs::read_to_string(folder.join("ingress.yaml")).context("the example's Ingress")?;
        let ingress =
            ingress.replace("ingressClassName: weir", &format!("ingressClassName: {}", weir.class()));
        let ingress = ingress.replace("example.com", &format!("{namespace}.example.com"));
        stage.cluster.apply(namespace, &ingress).await?;
        Ok(example)
    }

    /// What a proxy answers to many requests of a kind, from the first answer of a version on: a proxy may hear of its
    /// endpoints a moment after those of the other one.
    async fn asked(
        &self,
        via: &Via,
        host: &str,
        fields: &[(&str, &str)],
        requests: u64,
        first: &str,
    ) -> anyhow::Result<Report> {
        let host = format!("{host}.{}.example.com", self.namespace.name());
        until(format!("{first} for {host} by {}", via.name), PATIENCE, || async {
            Ok(ask_with(via, &host, "/", fields).await?.headers.get("x-version") == Some(first))
        })
        .await?;
        let request = load::get(&host, "/", fields);
        let plan = Plan::new(Target::plain(via.http), vec![request]).connections(4).total(requests);
        let report = plan.run().await;
        ensure!(report.failed() == 0 && report.ok == requests, "{host}: {report}");
        Ok(report)
    }
}
