//! Weir, installed from its chart.

use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::{Cluster, Namespace, Via};

/// Where proxies listen in their pods.
const HTTP: u16 = 8080;
const HTTPS: u16 = 8443;

/// What an installation should be like.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// More values of the chart, as `key=value`.
    pub values: Vec<String>,
}

/// A release. Dropping it uninstalls it.
#[derive(Debug)]
pub struct Installation {
    cluster: Cluster,
    namespace: Namespace,
    settings: Settings,
}

/// A pod of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its address.
    pub ip: IpAddr,
}

// === impl Installation ===

impl Installation {
    /// Installs the chart into a namespace of its own and waits until all of it is ready.
    ///
    /// # Errors
    /// When something does not get ready.
    pub async fn install(cluster: &Cluster, prefix: &str, settings: Settings) -> anyhow::Result<Self> {
        let namespace = Namespace::create(cluster, prefix).await?;
        let release = Self { cluster: cluster.clone(), namespace, settings };
        release.helm("install", &[]).await?;
        release.ready().await?;
        Ok(release)
    }

    /// Upgrades the release with more values, `key=value`, and waits until all of it is ready.
    ///
    /// # Errors
    /// When something does not get ready.
    pub async fn upgrade(&self, values: &[&str]) -> anyhow::Result<()> {
        self.helm("upgrade", values).await?;
        self.ready().await
    }

    async fn helm(&self, verb: &str, values: &[&str]) -> anyhow::Result<()> {
        let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/helm/weir");
        let chart = chart.to_str().context("the chart's path is not UTF-8")?;
        let mut args = vec![verb, self.name(), chart, "--namespace", self.name()];
        let base = self.values().to_string();
        args.extend(["--set-json", &base]);
        let more = self.settings.values.iter().map(String::as_str);
        args.extend(more.chain(values.iter().copied()).flat_map(|value| ["--set", value]));
        self.cluster.helm(&args).await.map(drop)
    }

    /// As in production but for the size: a machine for tests has few cores.
    fn values(&self) -> Value {
        let small = json!({ "requests": { "cpu": "10m", "memory": "32Mi" } });
        // Other installations in the cluster serve other classes.
        let class = json!({ "name": self.class(), "controller": format!("e2e.weir.dev/{}", self.class()) });
        json!({
            "image": { "tag": "dev" }, "ingressClass": class,
            "controller": { "resources": small },
            "proxy": { "threads": 2, "resources": small, "service": { "type": "ClusterIP" } },
        })
    }

    async fn ready(&self) -> anyhow::Result<()> {
        let (controller, proxy) = (self.controller(), self.proxy());
        let roll = |name| async move { self.cluster.rolled_out(self.name(), name).await };
        tokio::try_join!(roll(&controller), roll(&proxy)).map(drop)
    }

    /// The release, its namespace and the prefix of its objects.
    pub fn name(&self) -> &str {
        self.namespace.name()
    }

    /// The class of the Ingresses that it serves, read as ingress-nginx does.
    pub fn class(&self) -> &str {
        self.namespace.name()
    }

    /// The Deployment, Service and Lease of the controllers.
    pub fn controller(&self) -> String {
        format!("{}-controller", self.name())
    }

    /// The Deployment and Service of the proxies.
    pub fn proxy(&self) -> String {
        format!("{}-proxy", self.name())
    }

    /// The proxies that run and are not about to end.
    ///
    /// # Errors
    /// When the API doesn't answer.
    pub async fn proxies(&self) -> anyhow::Result<Vec<Pod>> {
        self.pods("proxy").await
    }

    /// The controllers that run and are not about to end.
    ///
    /// # Errors
    /// When the API doesn't answer.
    pub async fn controllers(&self) -> anyhow::Result<Vec<Pod>> {
        self.pods("controller").await
    }

    async fn pods(&self, component: &str) -> anyhow::Result<Vec<Pod>> {
        let label = format!("--selector=app.kubernetes.io/component={component}");
        let list = self.cluster.get(self.name(), &["pods", &label]).await?;
        let lives = |pod: &&Value| pod["metadata"]["deletionTimestamp"].is_null();
        let read = |pod: &Value| {
            let name = pod["metadata"]["name"].as_str().context("a pod without a name")?;
            let ip = pod["status"]["podIP"].as_str().with_context(|| format!("{name} has no address yet"))?;
            Ok(Pod { name: name.to_owned(), ip: ip.parse()? })
        };
        list["items"].as_array().context("no list of pods")?.iter().filter(lives).map(read).collect()
    }

    /// The controller that holds the Lease.
    ///
    /// # Errors
    /// When nobody does.
    pub async fn leader(&self) -> anyhow::Result<String> {
        let lease = self.cluster.get(self.name(), &["lease", &self.controller()]).await?;
        let holder = lease["spec"]["holderIdentity"].as_str().filter(|holder| !holder.is_empty());
        holder.map(str::to_owned).context("nobody holds the Lease")
    }

    /// The way through the proxies' Service.
    ///
    /// # Errors
    /// When it has no address.
    pub async fn service(&self) -> anyhow::Result<Via> {
        let service = self.cluster.get(self.name(), &["service", &self.proxy()]).await?;
        let ip = service["spec"]["clusterIP"].as_str().context("the proxies' Service has no address")?;
        let ip: IpAddr = ip.parse()?;
        Ok(Via { name: "service".into(), http: SocketAddr::new(ip, 80), https: SocketAddr::new(ip, 443) })
    }

    /// The ways through each proxy alone.
    ///
    /// # Errors
    /// When the API doesn't answer.
    pub async fn each_proxy(&self) -> anyhow::Result<Vec<Via>> {
        Ok(self.proxies().await?.iter().map(Pod::via).collect())
    }

    /// All of them.
    ///
    /// # Errors
    /// When the API doesn't answer.
    pub async fn every_way(&self) -> anyhow::Result<Vec<Via>> {
        let mut ways = vec![self.service().await?];
        ways.extend(self.each_proxy().await?);
        Ok(ways)
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        let mut helm = Command::new("helm");
        helm.args(["uninstall", self.name(), "--namespace", self.name(), "--ignore-not-found"]);
        // Who cannot do that has no cluster any more.
        let _no_cluster = helm.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

// === impl Pod ===

impl Pod {
    /// The way through a proxy.
    pub fn via(&self) -> Via {
        let at = |port| SocketAddr::new(self.ip, port);
        Via { name: self.name.clone(), http: at(HTTP), https: at(HTTPS) }
    }
}
