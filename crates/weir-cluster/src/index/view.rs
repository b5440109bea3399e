//! What there is to say about the objects, for everybody but proxies.

use std::{collections::BTreeMap, sync::Arc};

use weir_model::{Finding, Host, HostName, Kind, ObjectRef, ReleaseKey, Rule};
use weir_release::spec::{Spec, Version};
use weir_translate::{Claim, Known, Overlaid, Translator};

use super::{Facts, Index};
use crate::{claims::Pairs, watched::Address};

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

// === impl ReleaseView ===

impl ReleaseView {
    /// What a translator knows of a release, as this version of this very object.
    pub(crate) fn new(
        translator: &Translator,
        key: &ReleaseKey,
        known: &Known,
        uid: &Arc<str>,
        version: &Arc<str>,
    ) -> Self {
        let of_version = |side: fn(&Spec) -> &Version| {
            let spec = known.spec.as_ref().map(side);
            spec.map(|version| translator.version(&version.service)).unwrap_or_default()
        };
        Self {
            known: known.clone(),
            uid: Arc::clone(uid),
            version: Arc::clone(version),
            overlaid: translator.overlaid(key),
            in_the_way: translator.release_in_the_way(key).cloned(),
            stable: of_version(|spec| &spec.stable),
            canary: of_version(|spec| &spec.canary),
        }
    }
}

// === impl Index ===

impl Index {
    /// Shows everything to whoever looks.
    pub(super) fn show(&self) {
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

    fn releases(&self) -> BTreeMap<ReleaseKey, ReleaseView> {
        let view = |(key, known): (&ReleaseKey, &Known)| {
            let id = ObjectRef::new(Kind::Release, key.namespace.clone(), key.name.clone());
            let Facts { uid, version, .. } = self.facts.get(&id)?;
            Some((key.clone(), ReleaseView::new(&self.translator, key, known, uid, version)))
        };
        self.translator.releases().iter().filter_map(view).collect()
    }
}
