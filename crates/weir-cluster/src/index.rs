//! From watched objects to what proxies are told.
//!
//! ```text
//!  Change… ─► collect (all that is there, at most every few milliseconds) ─► Translator ─► pending Delta
//!      ─► wait for Secrets that are named for the first time ─► Hub::publish     (a moment later) ─► View
//! ```
//!
//! It runs on a thread of its own: translating never holds up a watch, a heartbeat or a proxy's stream.

mod change;
mod publish;
mod secrets;
mod take;
mod view;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{mpsc::UnboundedReceiver, watch},
    time::{Instant, timeout_at},
};
use weir_fleet::{Hub, Reach};
use weir_model::{Delta, Finding, HostName, ObjectRef};
use weir_translate::{Config, Translator, object::IngressClass};

pub(crate) use self::change::{Change, Reading, Seen};
use self::secrets::Secrets;
pub use self::view::{IngressView, ReleaseView, Served, View};
use crate::{admission::Classes, claims::Register, secrets::Wanted, watched::Address};

/// The least time between two translations; what comes meanwhile is translated together.
const TOGETHER: Duration = Duration::from_millis(2);
/// How long a change waits for a Secret that it names: an answer of the API server usually takes 5 ms.
const SECRETS: Duration = Duration::from_secs(1);
/// How long after a change its findings are collected, which costs as much as there are objects.
const VIEW: Duration = Duration::from_millis(200);

/// What the watch of the record of claims is called.
pub(crate) const CONFIG_MAP: &str = "ConfigMap";

/// The thread's state.
#[derive(Debug)]
pub(crate) struct Index {
    translator: Translator,
    facts: HashMap<ObjectRef, Facts>,
    classes: BTreeMap<ObjectRef, Arc<IngressClass>>,
    register: Register,
    /// Kinds of which the first list is not complete.
    unlisted: BTreeSet<&'static str>,
    secrets: Secrets,
    unreadable: BTreeMap<ObjectRef, Finding>,
    /// Translated and not published.
    pending: Option<(Delta, Instant)>,
    /// Translated, and left out until every named Secret has been looked at.
    held_back: Delta,
    /// How much of the store went into what is translated.
    reach: Reach,
    hub: Arc<Hub>,
    out: Outlets,
}

#[derive(Debug)]
struct Facts {
    uid: Arc<str>,
    version: Arc<str>,
    addresses: Vec<Address>,
}

/// Where results go.
#[derive(Debug)]
pub(crate) struct Outlets {
    pub(crate) view: watch::Sender<Arc<View>>,
    /// The Secrets to read.
    pub(crate) wanted: watch::Sender<Wanted>,
    /// For reviews of Ingresses.
    pub(crate) classes: watch::Sender<Classes>,
    /// Whether something has been published.
    pub(crate) ready: watch::Sender<bool>,
}

// === impl Index ===

impl Index {
    pub(crate) fn new(config: Config, hub: Arc<Hub>, out: Outlets) -> Self {
        Self {
            translator: Translator::new(config),
            facts: HashMap::new(),
            classes: BTreeMap::new(),
            register: Register::default(),
            unlisted: ["Ingress", "IngressClass", "Service", "EndpointSlice", "Release", CONFIG_MAP].into(),
            secrets: Secrets::default(),
            unreadable: BTreeMap::new(),
            pending: None,
            held_back: Delta::default(),
            reach: Reach::default(),
            hub,
            out,
        }
    }

    /// Runs until nobody sends changes any more.
    pub(crate) async fn run(mut self, mut changes: UnboundedReceiver<Change>) {
        let mut view_due: Option<Instant> = None;
        let mut translated = Instant::now();
        loop {
            let pending = self.pending.as_ref().filter(|_| *self.out.ready.borrow());
            let pending = pending.map(|(_, since)| *since + SECRETS);
            let wake = [pending, view_due].into_iter().flatten().min();
            let first = match wake {
                Some(wake) => timeout_at(wake, changes.recv()).await.ok(),
                None => Some(changes.recv().await),
            };
            match first {
                Some(None) => return,
                Some(Some(first)) => {
                    self.take(first);
                    tokio::time::sleep_until(translated + TOGETHER).await;
                    if !self.take_all(&mut changes) {
                        return;
                    }
                    self.translate();
                    translated = Instant::now();
                    view_due = view_due.or(Some(translated + VIEW));
                }
                None => {}
            }
            self.publish();
            if view_due.is_some_and(|due| due <= Instant::now()) {
                view_due = None;
                self.show();
            }
        }
    }

    fn translate(&mut self) {
        if !self.unlisted.is_empty() {
            return;
        }
        let mut delta = self.translator.translate();
        let hosts: Vec<HostName> = delta.hosts.keys().cloned().collect();
        let held = hosts.iter().filter(|host| self.translator.hold(host)).count();
        if held > 0 {
            // What somebody no longer holds may be another one's now.
            delta.then(self.translator.translate());
        }
        if self.translator.secrets_changed() {
            self.want_secrets();
        }
        let opening = !*self.out.ready.borrow();
        match &mut self.pending {
            Some((pending, _)) => pending.then(delta),
            None if opening || !delta.is_empty() => self.pending = Some((delta, Instant::now())),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests;
