//! Which addresses the statuses name.

use std::{collections::BTreeSet, pin::pin};

use futures_util::StreamExt as _;
use k8s_openapi::api::core::v1::Service;
use kube::{
    Api, Client,
    runtime::watcher::{self, Event},
};
use tokio::sync::watch;

use crate::{status::of_service, watch::events, watched::Address};

/// Where clients reach the proxies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Publish {
    /// Nobody has to know: no status is written.
    #[default]
    Nothing,
    /// The addresses of a Service, by namespace and name.
    Service(String, String),
    /// These.
    Addresses(BTreeSet<Address>),
}

/// Follows the addresses; `None` while they are not known.
pub(crate) async fn follow(client: Client, publish: Publish, ours: watch::Sender<Option<BTreeSet<Address>>>) {
    match publish {
        // The sender must live: its end would look like a change.
        Publish::Nothing => std::future::pending().await,
        Publish::Addresses(addresses) => {
            ours.send_replace(Some(addresses));
            ours.closed().await;
        }
        Publish::Service(namespace, name) => follow_service(client, &namespace, &name, &ours).await,
    }
}

/// While the Service is away, what it said last stays.
async fn follow_service(
    client: Client,
    namespace: &str,
    name: &str,
    ours: &watch::Sender<Option<BTreeSet<Address>>>,
) {
    let api: Api<Service> = Api::namespaced(client, namespace);
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let mut events = pin!(events(api, config, "Service to publish"));
    while let Some(event) = events.next().await {
        let (Event::Apply(service) | Event::InitApply(service)) = event else { continue };
        // A load balancer that has no address for a moment takes none away.
        if let Some(now) = of_service(&service) {
            ours.send_if_modified(|ours| ours.replace(now.clone()) != Some(now));
        }
    }
}

impl std::str::FromStr for Address {
    type Err = std::convert::Infallible;

    /// An IP address, else a DNS name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.parse::<std::net::IpAddr>() {
            Ok(ip) => Self { ip: ip.to_string(), hostname: String::new() },
            Err(_) => Self { ip: String::new(), hostname: text.to_owned() },
        })
    }
}
