//! A backend in the cluster: a Deployment of the tests' own server, and its Service.

use serde_json::{Value, json};

use crate::Cluster;

/// The server's image; `cargo xtask image origin` makes it.
const IMAGE: &str = "weir.dev/origin:dev";

/// A backend as it should be.
#[derive(Clone, Debug)]
pub struct Backend {
    /// What Deployment, Service and the label `app` are called.
    pub name: String,
    /// What `x-version` says.
    pub version: String,
    /// How many pods.
    pub replicas: u32,
    /// What SIGTERM does: `exit`, `drain:SECONDS` or `ignore:SECONDS`.
    pub on_term: String,
    /// How long a pod waits before it gets SIGTERM.
    pub pre_stop: Option<u32>,
    /// How long a new pod has to be ready before an old one goes.
    pub min_ready: u32,
    /// What pods listen on.
    pub listen: u16,
    /// What the Service is reached at.
    pub ports: Vec<u16>,
}

// === impl Backend ===

impl Backend {
    /// One pod that drains for two seconds, reached at port 80.
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            replicas: 1,
            on_term: "drain:2".to_owned(),
            pre_stop: None,
            min_ready: 0,
            listen: 8080,
            ports: vec![80],
        }
    }

    /// Sets the number of pods.
    #[must_use]
    pub fn replicas(mut self, replicas: u32) -> Self {
        self.replicas = replicas;
        self
    }

    /// Sets what SIGTERM does.
    #[must_use]
    pub fn on_term(mut self, what: &str) -> Self {
        what.clone_into(&mut self.on_term);
        self
    }

    /// Sets how long a pod waits before it gets SIGTERM.
    #[must_use]
    pub fn pre_stop(mut self, seconds: u32) -> Self {
        self.pre_stop = Some(seconds);
        self
    }

    /// The same with another version.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.version);
        self
    }

    /// The selector of its pods.
    pub fn label(&self) -> String {
        format!("app={}", self.name)
    }

    /// The selector of the pods of its version.
    pub fn versioned(&self) -> String {
        format!("app={},version={}", self.name, self.version)
    }

    /// Makes it so and waits until all pods are ready.
    ///
    /// # Errors
    /// When they don't get ready.
    pub async fn apply(&self, cluster: &Cluster, namespace: &str) -> anyhow::Result<()> {
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": self.objects() });
        cluster.apply(namespace, &list.to_string()).await?;
        cluster.rolled_out(namespace, &self.name).await?;
        cluster.has_endpoints(namespace, &self.name, self.replicas).await
    }

    /// All that it is in the API.
    pub fn objects(&self) -> [Value; 2] {
        [self.deployment(), self.service()]
    }

    /// The Service alone. It leads to the port of the pods by name, so that pods may differ in its number.
    pub fn service(&self) -> Value {
        let port = |port| json!({ "name": format!("http-{port}"), "port": port, "targetPort": "http" });
        let ports: Vec<_> = self.ports.iter().map(port).collect();
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": self.name },
            "spec": { "selector": { "app": self.name }, "ports": ports },
        })
    }

    fn deployment(&self) -> Value {
        let Self { name, version, replicas, .. } = self;
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": name },
            "spec": {
                "replicas": replicas,
                "minReadySeconds": self.min_ready,
                "selector": { "matchLabels": { "app": name } },
                "strategy": { "rollingUpdate": { "maxUnavailable": 0, "maxSurge": "50%" } },
                "template": {
                    "metadata": { "labels": { "app": name, "version": version } },
                    "spec": { "containers": [self.container()], "enableServiceLinks": false },
                },
            },
        })
    }

    fn container(&self) -> Value {
        let Self { version, on_term, listen, .. } = self;
        let mut container = json!({
            "name": "origin", "image": IMAGE, "imagePullPolicy": "IfNotPresent",
            "args": [
                format!("--version={version}"), format!("--on-term={on_term}"), format!("--listen=0.0.0.0:{listen}"),
            ],
            "ports": [{ "name": "http", "containerPort": listen }],
            "readinessProbe": {
                "httpGet": { "path": "/readyz", "port": listen }, "periodSeconds": 1, "timeoutSeconds": 3,
            },
        });
        if let Some(seconds) = self.pre_stop {
            container["lifecycle"] = json!({ "preStop": { "sleep": { "seconds": seconds } } });
        }
        container
    }
}
