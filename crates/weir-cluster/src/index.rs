//! From watched objects to what proxies are told.
//!
//! ```text
//!  Change… ─► collect (all that is there, at most every few milliseconds) ─► Translator ─► pending Delta
//!      ─► wait for Secrets that are named for the first time ─► Hub::publish     (a moment later) ─► View
//! ```
//!
//! It runs on a thread of its own: translating never holds up a watch, a heartbeat or a proxy's stream.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{
        mpsc::{UnboundedReceiver, error::TryRecvError},
        watch,
    },
    time::{Instant, timeout_at},
};
use weir_fleet::Hub;
use weir_model::{Code, Delta, Finding, Host, HostName, Kind, ObjectRef, ReleaseKey, Rule};
use weir_release::spec::{Spec, Version};
use weir_translate::{
    Claim, Config, Known, Overlaid, Translator,
    object::{IngressClass, Object, Secret},
};

use crate::{
    admission::Classes,
    claims::{Pairs, Register},
    secrets::Wanted,
    watched::Address,
};

/// The least time between two translations; what comes meanwhile is translated together.
const TOGETHER: Duration = Duration::from_millis(2);
/// The most changes that are taken in before a translation: during a flood others wait no longer than this.
const AT_ONCE: usize = 5_000;
/// How long a change waits for a Secret that it names: an answer of the API server usually takes 5 ms.
const SECRETS: Duration = Duration::from_secs(1);
/// How long after a change its findings are collected, which costs as much as there are objects.
const VIEW: Duration = Duration::from_millis(200);

/// What watches tell.
#[derive(Debug)]
pub(crate) enum Change {
    /// An object is as here.
    Seen(Seen),
    /// An object is gone.
    Gone(ObjectRef),
    /// An object is there but says what no API server should let pass.
    Unreadable(ObjectRef, String),
    /// All objects of a kind have been listed.
    Listed(&'static str),
    /// One of the ConfigMaps with the record of claims is as here, or gone.
    Recorded(u32, Option<String>),
    /// The administrator's permissions are as here, or gone.
    Granted(Option<String>),
    /// What became of reading a Secret.
    Secret(ObjectRef, Reading),
}

/// An object with what matters beside the translation.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) object: Object,
    pub(crate) uid: Arc<str>,
    pub(crate) version: Arc<str>,
    pub(crate) addresses: Vec<Address>,
}

/// What became of reading a Secret.
#[derive(Debug)]
pub(crate) enum Reading {
    There(Box<Secret>),
    Missing,
    /// The API server does not let us.
    Refused(String),
    /// It may be tried again.
    Failed(String),
}

/// Everything there is to say about the objects, some moments ago.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// All findings, sorted.
    pub findings: Vec<Finding>,
    /// Every Ingress of the cluster.
    pub ingresses: Vec<IngressView>,
    /// Hosts, rules and backends that are served.
    pub served: Served,
    /// The paths that are served, and whose they are.
    pub claimed: Pairs,
    /// The same as it is recorded.
    pub recorded: Pairs,
    /// Every Release.
    pub releases: BTreeMap<ReleaseKey, ReleaseView>,
    /// The objects that findings are about and that are no Ingresses, by what tells them from others of the
    /// same name.
    pub uids: BTreeMap<ObjectRef, Arc<str>>,
}

/// How much is served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// Host names.
    pub hosts: usize,
    /// Rules of all hosts.
    pub rules: usize,
    /// Service ports.
    pub backends: usize,
}

/// An Ingress as far as its status is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngressView {
    /// Which.
    pub id: ObjectRef,
    /// This very object, and not one of the same name.
    pub uid: Arc<str>,
    /// Which version of it.
    pub version: Arc<str>,
    /// Whether it belongs to a class that is served.
    pub served: bool,
    /// What its status says.
    pub addresses: Vec<Address>,
}

/// A Release, and what it sees of other objects.
#[derive(Clone, Debug, PartialEq)]
pub struct ReleaseView {
    /// What it asks for, and where it stands.
    pub known: Known,
    /// This very object, and not one of the same name.
    pub uid: Arc<str>,
    /// Which version of it.
    pub version: Arc<str>,
    /// What it lies over.
    pub overlaid: Overlaid,
    /// An older one that has one of its routes.
    pub in_the_way: Option<ReleaseKey>,
    /// Whether the old version's Service is there, and how many of its endpoints are ready.
    pub stable: (bool, usize),
    /// The same for the new version.
    pub canary: (bool, usize),
}

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

/// What is known of Secrets.
#[derive(Debug, Default)]
struct Secrets {
    /// How often one was named after nobody did.
    namings: u64,
    /// Read at least once, found missing, or refused for good.
    looked_at: BTreeSet<ObjectRef>,
    /// Those with a certificate that is in use.
    usable: BTreeSet<ObjectRef>,
    /// What is wrong with those that are in use.
    faults: BTreeMap<ObjectRef, (Code, String)>,
}

// === impl Index ===

impl Index {
    pub(crate) fn new(config: Config, hub: Arc<Hub>, out: Outlets) -> Self {
        Self {
            translator: Translator::new(config),
            facts: HashMap::new(),
            classes: BTreeMap::new(),
            register: Register::default(),
            unlisted: ["Ingress", "IngressClass", "Service", "EndpointSlice", "Release", "ConfigMap"].into(),
            secrets: Secrets::default(),
            unreadable: BTreeMap::new(),
            pending: None,
            held_back: Delta::default(),
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

    /// Takes in what has come meanwhile. Returns false when nothing more will come.
    fn take_all(&mut self, changes: &mut UnboundedReceiver<Change>) -> bool {
        for _ in 0..AT_ONCE {
            match changes.try_recv() {
                Ok(change) => self.take(change),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
        true
    }

    fn take(&mut self, change: Change) {
        match change {
            Change::Seen(Seen { object, uid, version, addresses }) => {
                let id = object.id();
                self.unreadable.remove(&id);
                if id.kind != Kind::EndpointSlice {
                    self.facts.insert(id, Facts { uid, version, addresses });
                }
                if let Object::IngressClass(class) = &object {
                    self.classes.insert(object.id(), Arc::clone(class));
                    self.show_classes();
                }
                // Creation times of the API server say which is older.
                self.translator.apply(object, 0);
            }
            Change::Gone(id) => {
                self.unreadable.remove(&id);
                self.facts.remove(&id);
                if self.classes.remove(&id).is_some() {
                    self.show_classes();
                }
                self.translator.delete(&id);
            }
            Change::Unreadable(id, reason) => {
                tracing::error!(object = %id, "cannot be read, the version before it stays: {reason}");
                let message = format!(
                    "The object cannot be read: {reason}. The version before it stays in force; correct the object."
                );
                let finding = Finding::new(Code::UnreadableDocument, id.clone(), "", message);
                self.unreadable.insert(id, finding);
            }
            Change::Listed(kind) => drop(self.unlisted.remove(&kind)),
            Change::Secret(id, reading) => self.take_secret(id, reading),
            Change::Recorded(shard, text) => {
                let read = self.register.read_shard(shard, text.as_deref());
                self.take_claims("the record of claims", read);
            }
            Change::Granted(text) => {
                let read = self.register.read_grants(text.as_deref());
                self.take_claims("claims.grants", read);
            }
        }
    }

    fn show_classes(&self) {
        self.out.classes.send_replace(Arc::new(self.classes.values().cloned().collect()));
    }

    fn take_claims(&mut self, what: &str, read: Result<bool, serde_json::Error>) {
        match read {
            Ok(true) => self.translator.claim(self.register.claims()),
            Ok(false) => {}
            Err(error) => tracing::error!("{what} cannot be read, the one before it stays: {error}"),
        }
    }

    /// A Secret that is deleted or spoilt while it is in use stays in use: taking a working certificate
    /// away helps nobody.
    fn take_secret(&mut self, id: ObjectRef, reading: Reading) {
        if !matches!(reading, Reading::Failed(_)) {
            self.secrets.looked_at.insert(id.clone());
        }
        let in_use = self.secrets.usable.contains(&id);
        let (code, message) = match reading {
            Reading::There(secret) => match secret.fault() {
                Some(fault) if in_use => (Code::InvalidSecret, format!("{fault}; correct it")),
                fault => {
                    if fault.is_none() {
                        self.secrets.usable.insert(id.clone());
                    }
                    self.secrets.faults.remove(&id);
                    return self.translator.apply(Object::Secret(Arc::new(*secret)), 0);
                }
            },
            // The Ingress that names it says so.
            Reading::Missing if !in_use => return drop(self.secrets.faults.remove(&id)),
            Reading::Missing => {
                (Code::MissingSecret, "it is gone; make it again, or take it out of the Ingress".into())
            }
            Reading::Failed(reason) => {
                (Code::MissingSecret, format!("it cannot be read ({reason}); it is tried again"))
            }
            Reading::Refused(reason) => {
                let remedy = "see that the controller may get Secrets in this namespace";
                (Code::MissingSecret, format!("it cannot be read ({reason}); {remedy}"))
            }
        };
        self.secrets.faults.insert(id, (code, message));
    }

    /// What is wrong with Secrets, said where their users look: on the Ingresses that name them.
    fn secret_findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (secret, (code, fault)) in &self.secrets.faults {
            let mut message = format!("{secret}: {fault}.");
            if self.secrets.usable.contains(secret) {
                message.push_str(" What it held before stays in use until the controllers restart.");
            }
            let naming = self.translator.naming(secret).into_iter();
            findings.extend(
                naming.map(|(ingress, field)| Finding::new(*code, ingress, &*field, message.clone())),
            );
        }
        findings
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

    /// Has the Secrets read that are named now, and forgets the others.
    fn want_secrets(&mut self) {
        let named: BTreeSet<ObjectRef> = self.translator.secrets().collect();
        for id in self.secrets.looked_at.difference(&named) {
            self.translator.delete(id);
        }
        self.secrets.looked_at.retain(|id| named.contains(id));
        self.secrets.usable.retain(|id| named.contains(id));
        self.secrets.faults.retain(|id, _| named.contains(id));
        let namings = &mut self.secrets.namings;
        self.out.wanted.send_modify(|wanted| {
            wanted.retain(|id, _| named.contains(id));
            for id in named {
                *namings += 1;
                wanted.entry(id).or_insert(*namings);
            }
        });
    }

    /// Publishes what is translated, as soon as every Secret has been looked at that it names. The first time
    /// that has to be waited for: a proxy that comes from another controller would lose its certificates.
    fn publish(&mut self) {
        let Some((_, since)) = &self.pending else { return };
        let wanted = self.out.wanted.borrow();
        let complete = wanted.keys().all(|id| self.secrets.looked_at.contains(id));
        drop(wanted);
        if !complete && (!*self.out.ready.borrow() || since.elapsed() < SECRETS) {
            return;
        }
        let Some((delta, _)) = self.pending.take() else { return };
        let mut whole = std::mem::take(&mut self.held_back);
        whole.then(delta);
        if !complete {
            self.held_back = certificates_that_go(&mut whole);
        }
        let position = self.hub.publish(&whole);
        let (hosts, backends) = (whole.hosts.len(), whole.backends.len());
        tracing::debug!(epoch = position.epoch, hosts, backends, "published");
        self.out.ready.send_if_modified(|ready| !std::mem::replace(ready, true));
    }

    fn releases(&self) -> BTreeMap<ReleaseKey, ReleaseView> {
        let view = |(key, known): (&ReleaseKey, &Known)| {
            let facts =
                self.facts.get(&ObjectRef::new(Kind::Release, key.namespace.clone(), key.name.clone()))?;
            let version = |side: fn(&Spec) -> &Version| {
                let spec = known.spec.as_ref().map(side);
                spec.map(|version| self.translator.version(&version.service)).unwrap_or_default()
            };
            let view = ReleaseView {
                known: known.clone(),
                uid: Arc::clone(&facts.uid),
                version: Arc::clone(&facts.version),
                overlaid: self.translator.overlaid(key),
                in_the_way: self.translator.release_in_the_way(key).cloned(),
                stable: version(|spec| &spec.stable),
                canary: version(|spec| &spec.canary),
            };
            Some((key.clone(), view))
        };
        self.translator.releases().iter().filter_map(view).collect()
    }

    fn show(&self) {
        let blueprint = self.translator.blueprint();
        let mut findings = self.translator.findings();
        findings.extend(self.secret_findings());
        findings.extend(self.unreadable.values().cloned());
        findings.sort_unstable();
        let ingress = |(id, served): (ObjectRef, bool)| {
            let facts = self.facts.get(&id)?;
            let Facts { uid, version, addresses } = facts;
            let (uid, version) = (Arc::clone(uid), Arc::clone(version));
            Some(IngressView { id, served, uid, version, addresses: addresses.clone() })
        };
        let ingresses = self.translator.ingresses().filter_map(ingress).collect();
        let served = Served {
            hosts: blueprint.hosts.len(),
            rules: blueprint.hosts.values().map(|host| host.rules.len()).sum(),
            backends: blueprint.backends.len(),
        };
        let of_host = |(name, host): (&HostName, &Arc<Host>)| {
            let is_earned = |rule: &Rule| !self.translator.claims().is_granted_only(name, rule);
            let claims = Claim::of_those(host, is_earned).into_iter();
            claims.map(|claim| (name.clone(), claim)).collect::<Vec<_>>()
        };
        let claimed = blueprint.hosts.iter().flat_map(of_host).collect();
        let others = findings.iter().map(|finding| &finding.object).filter(|id| id.kind != Kind::Ingress);
        let uid = |id: &ObjectRef| Some((id.clone(), Arc::clone(&self.facts.get(id)?.uid)));
        let uids = others.filter_map(uid).collect();
        let recorded = self.register.pairs();
        let releases = self.releases();
        let view = View { findings, ingresses, served, claimed, recorded, releases, uids };
        self.out.view.send_replace(Arc::new(view));
    }
}

/// Takes out what would take a certificate away.
fn certificates_that_go(delta: &mut Delta) -> Delta {
    let gone_tls: Vec<_> =
        delta.tls.iter().filter(|(_, key)| key.is_none()).map(|(host, _)| host.clone()).collect();
    let gone = delta.certificates.iter().filter(|(_, value)| value.is_none());
    let gone: Vec<_> = gone.map(|(key, _)| key.clone()).collect();
    let mut held = Delta::default();
    for host in gone_tls {
        held.tls.extend(delta.tls.remove_entry(&host));
    }
    for key in gone {
        held.certificates.extend(delta.certificates.remove_entry(&key));
    }
    held
}

#[cfg(test)]
mod tests;
