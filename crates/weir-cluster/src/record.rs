//! Reads the ConfigMaps with claims and permissions, and, on the leader, writes the claims.

use std::{pin::pin, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, future::join_all};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client, ResourceExt as _,
    runtime::watcher::{self, Event},
};
use tokio::{
    sync::{mpsc::UnboundedSender, watch},
    time::Instant,
};

use crate::{
    claims::{Book, CLAIMS, GRANTS, Pairs, changed_shards, shard_name, shard_of},
    client::save,
    index::{CONFIG_MAP, Change, View},
    watch::{events, number, store_version},
};

/// What is served for this long is recorded. What is applied together is served together first, in whichever
/// order it comes.
const SETTLES: Duration = Duration::from_secs(2);
/// Between two looks at claims that nobody makes any more.
const LOOK: Duration = Duration::from_mins(1);

/// Follows the ConfigMaps until the receiver is gone.
pub(crate) async fn follow(client: Client, namespace: &str, name: &str, changes: UnboundedSender<Change>) {
    let api: Api<ConfigMap> = Api::namespaced(client, namespace);
    let mut events = pin!(events(api.clone(), watcher::Config::default(), CONFIG_MAP));
    let mut listing = 0;
    while let Some(event) = events.next().await {
        if matches!(event, Event::Init) {
            listing = store_version(&api).await;
        }
        if change(name, event, listing).is_some_and(|change| changes.send(change).is_err()) {
            return;
        }
    }
}

/// What an event says about claims; most ConfigMaps say nothing. One that is gone from a new list stays in
/// force: nobody deletes claims by hand while nobody watches.
fn change(name: &str, event: Event<ConfigMap>, listing: u64) -> Option<Change> {
    let (map, there) = match event {
        Event::Apply(map) | Event::InitApply(map) => (map, true),
        Event::Delete(map) => (map, false),
        Event::Init => return None,
        Event::InitDone => return Some(Change::Listed(CONFIG_MAP, listing)),
    };
    let version = map.resource_version().as_deref().map_or(0, number);
    let text = |key: &str| map.data.as_ref().filter(|_| there)?.get(key).cloned();
    if map.name_any() == format!("{name}-grants") {
        return Some(Change::Granted(text(GRANTS), version));
    }
    shard_of(name, &map.name_any()).map(|shard| Change::Recorded(shard, text(CLAIMS), version))
}

/// Records what is served, for as long as it runs.
pub(crate) async fn keep(client: Client, namespace: &str, name: &str, mut view: watch::Receiver<Arc<View>>) {
    let api: Api<ConfigMap> = Api::namespaced(client, namespace);
    let mut book = Book::default();
    loop {
        let before = view.borrow_and_update().claimed.clone();
        tokio::time::sleep(SETTLES).await;
        let now = view.borrow().clone();
        let served: Pairs = before.intersection(&now.claimed).cloned().collect();
        let wanted = book.plan(&now.recorded, &served, Instant::now());
        let shards = changed_shards(&now.recorded, &wanted);
        let names = shards.iter().map(|(shard, text)| (shard_name(name, *shard), text));
        let writes = names.map(async |(name, text)| save(&api, &name, CLAIMS, text).await);
        for error in join_all(writes).await.into_iter().filter_map(Result::err) {
            tracing::warn!("the record of claims cannot be written: {error}");
        }
        if shards.is_empty() && before == now.claimed {
            tokio::select! {
                changed = view.changed() => if changed.is_err() { return },
                // A claim may be over.
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }
}
