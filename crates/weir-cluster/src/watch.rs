//! One LIST and WATCH per kind, for as long as the controller runs.

use std::{collections::BTreeSet, fmt::Debug, pin::pin, sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt as _, stream::FuturesUnordered};
use kube::{
    Api, Client, Resource,
    api::ListParams,
    runtime::{
        WatchStreamExt as _,
        utils::Backoff,
        watcher::{self, Event},
    },
};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::UnboundedSender;
use weir_model::ObjectRef;

use crate::{
    client::WATCH,
    index::{Change, Seen},
    relist::{Known, Verdict},
    watched::{Watchable, Watched},
};

/// Before a list that cannot be believed is asked for again.
const SECOND_LOOK: Duration = Duration::from_secs(2);
/// How often to look whether a kind has been installed.
const INSTALLED: Duration = Duration::from_secs(30);
/// Objects of one answer.
const PAGE: u32 = 500;

/// Follows a kind until the receiver is gone.
pub(crate) async fn follow<T: Watchable>(client: Client, changes: UnboundedSender<Change>) {
    let api: Api<Watched<T>> = Api::all(client);
    let mut events = pin!(events(api.clone(), watcher::Config::default(), T::NAME));
    let mut follower = Follower { known: Known::default(), changes, kind: T::NAME, listing: 0 };
    let mut looks = FuturesUnordered::new();
    loop {
        let heard = tokio::select! {
            event = events.next() => match event {
                Some(event) => {
                    if matches!(event, Event::Init) {
                        follower.listing = store_version(&api).await;
                    }
                    follower.heard(event)
                }
                None => return,
            },
            Some(there) = looks.next(), if !looks.is_empty() => follower.looked(&there),
        };
        match heard {
            Ok(Doubt::None) => {}
            Ok(Doubt::Raised) => looks.push(look_again(api.clone())),
            Err(Gone) => return,
        }
    }
}

/// Follows a kind that may not be installed. As long as it is not, there are none.
pub(crate) async fn follow_if_installed<T: Watchable>(client: Client, changes: UnboundedSender<Change>) {
    let api: Api<Watched<T>> = Api::all(client.clone());
    let mut told = false;
    while let Err(kube::Error::Api(status)) = api.list_metadata(&ListParams::default().limit(1)).await {
        if status.code == 404 && !std::mem::replace(&mut told, true) {
            tracing::warn!(
                kind = T::NAME,
                "the cluster does not know this kind: apply the chart's crds folder"
            );
            if changes.send(Change::Listed(T::NAME, 0)).is_err() {
                return;
            }
        }
        tokio::time::sleep(if told { INSTALLED } else { SECOND_LOOK }).await;
    }
    follow::<T>(client, changes).await;
}

/// What is known of a kind, and who is told.
struct Follower {
    known: Known,
    changes: UnboundedSender<Change>,
    kind: &'static str,
    /// The version of the store before the list in progress was asked for.
    listing: u64,
}

/// Whether a list has to be confirmed.
enum Doubt {
    None,
    Raised,
}

/// Nobody listens any more.
struct Gone;

impl Follower {
    fn heard<T: Watchable>(&mut self, event: Event<Watched<T>>) -> Result<Doubt, Gone> {
        match event {
            Event::Apply(object) | Event::InitApply(object) => {
                self.known.seen(&object.id());
                self.tell(seen(object))?;
            }
            Event::Delete(object) => {
                self.known.gone(&object.id());
                self.tell(Change::Gone(object.id(), number(&object.version())))?;
            }
            Event::Init => self.known.begin(),
            Event::InitDone => return self.listed(),
        }
        Ok(Doubt::None)
    }

    fn listed(&mut self) -> Result<Doubt, Gone> {
        let doubt = match self.known.complete() {
            Verdict::Gone(gone) => {
                self.tell_gone(gone)?;
                Doubt::None
            }
            Verdict::Doubtful(count) => {
                tracing::warn!(
                    kind = self.kind,
                    count,
                    "a new list lacks so many objects that it has to be confirmed; they stay in force"
                );
                Doubt::Raised
            }
        };
        self.tell(Change::Listed(self.kind, self.listing))?;
        Ok(doubt)
    }

    fn looked(&mut self, there: &BTreeSet<ObjectRef>) -> Result<Doubt, Gone> {
        let gone = self.known.confirmed(there);
        tracing::warn!(
            kind = self.kind,
            count = gone.len(),
            "a second list says that these objects are gone"
        );
        self.tell_gone(gone)?;
        Ok(Doubt::None)
    }

    fn tell_gone(&self, gone: Vec<ObjectRef>) -> Result<(), Gone> {
        gone.into_iter().try_for_each(|id| self.tell(Change::Gone(id, 0)))
    }

    fn tell(&self, change: Change) -> Result<(), Gone> {
        self.changes.send(change).map_err(|_| Gone)
    }
}

/// What happens to the objects of an API. Never ends, never fails: errors are logged once until they are over.
pub(crate) fn events<K>(
    api: Api<K>,
    config: watcher::Config,
    what: &'static str,
) -> impl Stream<Item = Event<K>> + Send
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let mut failing = false;
    let events = watcher::watcher(api, config.timeout(WATCH).page_size(PAGE)).backoff(Pauses::default());
    events.filter_map(move |event| {
        let event = match event {
            Ok(event) => {
                if std::mem::replace(&mut failing, false) {
                    tracing::info!(kind = what, "watching again");
                }
                Some(event)
            }
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(kind = what, "cannot watch ({error}); what is in force stays");
                }
                None
            }
        };
        std::future::ready(event)
    })
}

fn seen<T: Watchable>(object: Watched<T>) -> Change {
    let (id, uid, version, addresses) = (object.id(), object.uid(), object.version(), object.addresses);
    match object.object {
        Ok(object) => Change::Seen(Seen { object: object.object(), uid, version, addresses }),
        Err(reason) => Change::Unreadable(id, reason),
    }
}

/// The names of two complete lists, the second of a newer version than the first.
async fn look_again<T: Watchable>(api: Api<Watched<T>>) -> BTreeSet<ObjectRef> {
    let mut first: Option<u64> = None;
    loop {
        tokio::time::sleep(SECOND_LOOK).await;
        let Ok((version, names)) = names(&api).await else { continue };
        match first {
            Some(first) if version > first => return names,
            Some(_) => {}
            None => first = Some(version),
        }
    }
}

/// A version as a number, which can be compared within a kind; 0 if it is none.
pub(crate) fn number(version: &str) -> u64 {
    version.parse().unwrap_or_default()
}

/// Which version the store has now, by an answer that no cache gives: what is read from now on is at least as new.
/// 0 if nobody answers; the list that follows will fail as well.
pub(crate) async fn store_version<K>(api: &Api<K>) -> u64
where
    K: Resource + Clone + DeserializeOwned + Debug,
{
    let list = api.list_metadata(&ListParams::default().limit(1)).await;
    list.ok().and_then(|list| list.metadata.resource_version).map_or(0, |version| number(&version))
}

/// A complete list without contents, from the store and not from a cache.
async fn names<T: Watchable>(api: &Api<Watched<T>>) -> kube::Result<(u64, BTreeSet<ObjectRef>)> {
    let list = api.list_metadata(&ListParams::default()).await?;
    let version = list.metadata.resource_version.as_deref().map_or(0, number);
    let name = |text: Option<String>| Arc::<str>::from(text.unwrap_or_default());
    let id = |meta: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta| {
        ObjectRef::new(T::KIND, name(meta.namespace), name(meta.name))
    };
    Ok((version, list.items.into_iter().map(|item| id(item.metadata)).collect()))
}

/// Between two tries: from a tenth of a second to two seconds, so that after an outage of the API server
/// nobody waits long.
#[derive(Debug, Default)]
struct Pauses {
    failures: u32,
}

const FIRST: Duration = Duration::from_millis(100);
const LAST: Duration = Duration::from_secs(2);

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let pause = (FIRST * 2u32.saturating_pow(self.failures)).min(LAST);
        self.failures = (self.failures + 1).min(5);
        Some(pause.mul_f64(0.5 + fastrand::f64() / 2.0))
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {
        self.failures = 0;
    }
}
