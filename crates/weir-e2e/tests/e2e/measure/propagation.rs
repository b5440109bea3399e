//! From the API to the proxies: how soon the first request goes the new way.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, ensure};
use k8s_openapi::api::networking::v1::Ingress;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, interval, sleep, timeout},
};
use weir_e2e::{Backend, Installation, Site, Stage, web};
use weir_testkit::client::Connection;

/// How many changes are measured.
const CHANGES: u32 = 300;
/// Between two requests of a probe: so much later than it happened a change may be seen.
const PROBE: Duration = Duration::from_millis(1);
/// The longest that a change may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A canary whose weight goes from nothing to everything and back.
pub(super) struct Switch {
    api: Api<Ingress>,
    host: String,
    proxies: Vec<SocketAddr>,
}

/// Asks one proxy again and again, and remembers since when which version has answered.
struct Probe {
    seen: watch::Receiver<(String, Instant)>,
    task: JoinHandle<anyhow::Result<()>>,
}

// === impl Switch ===

impl Switch {
    pub(super) async fn of(stage: &Stage, weir: &Installation, site: &Site) -> anyhow::Result<Self> {
        Backend::new("next", "v2").apply(&stage.cluster, site.namespace.name()).await?;
        let canary = web(weir.class(), "canary", &site.flow.host).path("/", "next");
        site.apply(&canary.nginx("canary", "true").nginx("canary-weight", "0").yaml()).await?;
        let api = Api::namespaced(stage.cluster.client(), site.namespace.name());
        let proxies = weir.each_proxy().await?.iter().map(|via| via.http).collect();
        Ok(Self { api, host: site.flow.host.clone(), proxies })
    }

    /// Changes the weight many times. Time runs from the moment that the API server is asked to store the change.
    pub(super) async fn measure(&self, stage: &Stage, name: &str) -> anyhow::Result<()> {
        let mut probes: Vec<_> = self.proxies.iter().map(|proxy| Probe::start(*proxy, &self.host)).collect();
        let (mut sent, mut stored) = (Vec::new(), Vec::new());
        for change in 0..CHANGES {
            let (weight, version) = if change % 2 == 0 { ("100", "v2") } else { ("0", "v1") };
            let start = Instant::now();
            self.set(weight).await?;
            let taken = start.elapsed();
            let whole = seen_everywhere(&mut probes, version).await?.saturating_duration_since(start);
            sent.push(whole);
            stored.push(whole.saturating_sub(taken));
            // Without a rhythm, so that nothing in Weir can be in step with it.
            sleep(Duration::from_millis(fastrand::u64(10..60))).await;
        }
        report(stage, name, "from the request to the API server", &mut sent);
        report(stage, name, "from its answer", &mut stored);
        Ok(())
    }

    async fn set(&self, weight: &str) -> anyhow::Result<()> {
        let annotation = json!({ "nginx.ingress.kubernetes.io/canary-weight": weight });
        let patch = Patch::Merge(json!({ "metadata": { "annotations": annotation } }));
        self.api.patch("canary", &PatchParams::default(), &patch).await?;
        Ok(())
    }
}

/// Waits until every proxy serves a version, and tells when the last of them did for the first time.
async fn seen_everywhere(probes: &mut [Probe], version: &str) -> anyhow::Result<Instant> {
    let mut last = None;
    for probe in probes {
        let waiting = probe.seen.wait_for(|(seen, _)| seen == version);
        let seen = timeout(PATIENCE, waiting).await.with_context(|| format!("no {version}"))?;
        last = last.max(Some(seen.context("a probe ended")?.1));
    }
    last.context("no probes")
}

fn report(stage: &Stage, name: &str, since: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let count = u32::try_from(times.len()).unwrap_or(u32::MAX);
    let mean = times.iter().sum::<Duration>() / count.max(1);
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    for (what, time) in [("mean", mean), ("p50", at(50)), ("p99", at(99)), ("max", at(100))] {
        stage.figure(name, &format!("{since}, {what}, ms"), millis(time));
    }
}

// === impl Probe ===

impl Probe {
    fn start(addr: SocketAddr, host: &str) -> Self {
        let (sender, seen) = watch::channel((String::new(), Instant::now()));
        Self { seen, task: tokio::spawn(look(addr, host.to_owned(), sender)) }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn look(
    addr: SocketAddr,
    host: String,
    sender: watch::Sender<(String, Instant)>,
) -> anyhow::Result<()> {
    let mut connection = Connection::open(addr).await?;
    let mut beat = interval(PROBE);
    loop {
        beat.tick().await;
        let response = connection.get(&host, "/").await?;
        ensure!(response.status == 200, "{}", response.status);
        let version = response.headers.get("x-version").unwrap_or_default();
        let changed = |(seen, since): &mut (String, Instant)| {
            let news = seen != version;
            if news {
                (*seen, *since) = (version.to_owned(), Instant::now());
            }
            news
        };
        sender.send_if_modified(changed);
        if !response.keeps_alive() {
            connection = Connection::open(addr).await?;
        }
    }
}
