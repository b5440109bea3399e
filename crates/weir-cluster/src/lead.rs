//! What the leader does beside serving proxies.

use std::{collections::BTreeSet, sync::Arc};

use kube::Client;
use tokio::{sync::watch, task::JoinSet};
use weir_fleet::Hub;

use crate::{
    controller::Config,
    events,
    index::View,
    published::Published,
    record,
    releases::{self, Tools},
    status, trust,
    watched::Address,
};

/// What it works on.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) client: Client,
    pub(crate) config: Config,
    pub(crate) hub: Arc<Hub>,
    pub(crate) view: watch::Receiver<Arc<View>>,
    pub(crate) ours: watch::Receiver<Option<BTreeSet<Address>>>,
    pub(crate) ready: watch::Receiver<bool>,
    /// What the webhook's certificate comes from.
    pub(crate) bundle: watch::Receiver<String>,
}

/// Writes status, events and claims while this controller leads and knows the cluster.
pub(crate) async fn lead(desk: Desk, mut leads: watch::Receiver<bool>) {
    let mut ready = desk.ready.clone();
    if ready.wait_for(|ready| *ready).await.is_err() {
        return;
    }
    while leads.wait_for(|leads| *leads).await.is_ok() {
        let mut tasks = tasks(&desk);
        // Whoever no longer leads stops in the middle: the next one plans anew.
        let ended = leads.wait_for(|leads| !*leads).await.is_err();
        tasks.shutdown().await;
        if ended {
            return;
        }
    }
}

fn tasks(desk: &Desk) -> JoinSet<()> {
    let Desk { client, config, hub, view, ours, bundle, .. } = desk.clone();
    let mut tasks = JoinSet::new();
    let published = Published::new(client.clone(), &config.namespace, &config.name);
    tasks.spawn(status::write(client.clone(), published, view.clone(), ours));
    tasks.spawn(events::tell(client.clone(), config.identity.clone(), view.clone()));
    tasks.spawn(releases::run(Tools {
        client: client.clone(),
        hub,
        view: view.clone(),
        proxies: config.proxy_account.clone(),
        identity: config.identity.clone(),
    }));
    if config.webhook.is_some() {
        let (client, name) = (client.clone(), config.name.clone());
        tasks.spawn(async move { trust::keep(client, &name, bundle).await });
    }
    tasks.spawn(async move { record::keep(client, &config.namespace, &config.name, view).await });
    tasks
}
