//! The arguments of `weir controller`.

use std::net::{IpAddr, SocketAddr};

use anyhow::Context as _;
use clap::Args;
use weir_cluster::{Address, Publish};

use crate::arguments::{Reading, address};

/// Where a pod finds its namespace.
const NAMESPACE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// Follow the Kubernetes API and tell the proxies what to serve. The Helm chart starts it.
///
/// Every replica serves proxies; one of them, the holder of a Lease, writes status and events. It uses the
/// pod's service account, or KUBECONFIG outside of a cluster.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What its own objects are called: Lease NAME-controller, Secret and ConfigMap NAME-ca, and so on.
    #[arg(long, value_name = "NAME", default_value = "weir")]
    name: String,

    /// The namespace of these objects; the pod's own unless given.
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,

    /// The pod's name.
    #[arg(long, value_name = "NAME", env = "HOSTNAME", default_value = "controller")]
    identity: String,

    /// Where proxies connect.
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:9443", value_parser = address)]
    fleet: SocketAddr,

    /// Where the API server asks for reviews of Ingresses before it stores them; off unless given.
    #[arg(long, value_name = "ADDR", value_parser = address)]
    webhook: Option<SocketAddr>,

    /// As which IP address other pods know this one. Proxies are sent to the leader by it; releases need that
    /// wherever there are several controllers.
    #[arg(long, value_name = "IP")]
    advertise: Option<IpAddr>,

    /// A DNS name as which proxies know it. Repeatable; NAME-controller.NAMESPACE.svc unless given.
    #[arg(long = "fleet-name", value_name = "DNSNAME")]
    fleet_names: Vec<String>,

    /// The service account of the proxies; NAME-proxy in the same namespace unless given.
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = pair)]
    proxy_account: Option<(String, String)>,

    /// Read Secrets of this namespace only. Repeatable; all namespaces unless given.
    #[arg(long = "secret-namespace", value_name = "NAMESPACE")]
    secret_namespaces: Vec<String>,

    /// Write the addresses of this Service into the status of Ingresses.
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = pair, conflicts_with = "publish_addresses")]
    publish_service: Option<(String, String)>,

    /// Write this address, or DNS name, into the status of Ingresses. Repeatable.
    #[arg(long = "publish-address", value_name = "ADDRESS")]
    publish_addresses: Vec<Address>,

    /// Where to serve health, metrics, findings and status. It needs no password: keep it local.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9901", value_parser = address)]
    admin: SocketAddr,

    #[command(flatten)]
    reading: Reading,
}

// === impl Arguments ===

impl Arguments {
    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// # Errors
    /// When no namespace is given outside of a pod.
    pub(crate) fn config(self) -> anyhow::Result<weir_cluster::Config> {
        let own = || std::fs::read_to_string(NAMESPACE).map(|text| text.trim().to_owned());
        let namespace = self.namespace.map_or_else(own, Ok);
        let namespace = namespace.context("not in a pod: name the namespace with --namespace")?;
        let publish = match (self.publish_service, self.publish_addresses) {
            (Some((namespace, name)), _) => Publish::Service(namespace, name),
            (None, addresses) if addresses.is_empty() => Publish::Nothing,
            (None, addresses) => Publish::Addresses(addresses.into_iter().collect()),
        };
        let name = self.name;
        let names = match self.fleet_names {
            none if none.is_empty() => vec![format!("{name}-controller.{namespace}.svc")],
            some => some,
        };
        let account = self.proxy_account.unwrap_or_else(|| (namespace.clone(), format!("{name}-proxy")));
        Ok(weir_cluster::Config {
            name,
            namespace,
            identity: self.identity,
            fleet: self.fleet,
            webhook: self.webhook,
            advertise: self.advertise.map(|ip| SocketAddr::new(ip, self.fleet.port()).to_string()),
            fleet_names: names,
            proxy_account: account,
            secret_namespaces: self.secret_namespaces,
            publish,
            reading: weir_translate::Config { standalone: false, serving: true, ..self.reading.config() },
        })
    }
}

/// `NAMESPACE/NAME`.
fn pair(text: &str) -> Result<(String, String), String> {
    let (namespace, name) = text.split_once('/').ok_or("write NAMESPACE/NAME")?;
    if namespace.is_empty() || name.is_empty() || name.contains('/') {
        return Err("write NAMESPACE/NAME".into());
    }
    Ok((namespace.to_owned(), name.to_owned()))
}
