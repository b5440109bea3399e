//! `status.loadBalancer` of Ingresses: where clients reach them.
//!
//! Other controllers may write there too, for instance while users move from one to another. So entries
//! that Weir never published stay, and what it published once is remembered until it is gone everywhere.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use k8s_openapi::api::{core::v1::Service, networking::v1::Ingress};
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::json;
use tokio::{sync::watch, time::Instant};
use weir_model::ObjectRef;

use crate::{
    index::{IngressView, View},
    published::Published,
    watched::Address,
};

/// Statuses that are written at the same time.
const WRITERS: usize = 4;

/// What an Ingress's status should say; `None` if it says so already.
///
/// `ours` is what Weir publishes now, `past` what it may have published before. An Ingress that is not served and
/// never was is somebody else's, whatever it says.
pub(crate) fn plan(
    ingress: &IngressView,
    ours: &BTreeSet<Address>,
    past: &BTreeSet<Address>,
) -> Option<Vec<Address>> {
    let is_foreign = |address: &&Address| !ours.contains(*address) && !past.contains(*address);
    let foreign = ingress.addresses.iter().filter(is_foreign);
    let own = ours.iter().filter(|_| ingress.served);
    let wanted: Vec<Address> = foreign.chain(own).cloned().collect();
    let set = |list: &[Address]| list.iter().cloned().collect::<BTreeSet<_>>();
    (set(&wanted) != set(&ingress.addresses)).then_some(wanted)
}

/// The addresses of a Service, as ingress-nginx publishes them: those of its load balancer and its external
/// addresses, else its cluster address. `None` while its load balancer has none yet.
pub(crate) fn of_service(service: &Service) -> Option<BTreeSet<Address>> {
    let spec = service.spec.clone().unwrap_or_default();
    let status = service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let balanced = status.and_then(|balancer| balancer.ingress.as_deref()).unwrap_or_default();
    let entry = |ip: Option<&String>, hostname: Option<&String>| Address {
        ip: ip.cloned().unwrap_or_default(),
        hostname: if ip.is_some() { String::new() } else { hostname.cloned().unwrap_or_default() },
    };
    let balanced = balanced.iter().map(|one| entry(one.ip.as_ref(), one.hostname.as_ref()));
    let external = spec.external_ips.iter().flatten().map(|ip| entry(Some(ip), None));
    let mut addresses: BTreeSet<Address> = balanced.chain(external).collect();
    let own = spec.cluster_ip.as_ref().filter(|ip| !ip.is_empty() && *ip != "None");
    let is_balanced = spec.type_.as_deref() == Some("LoadBalancer");
    if addresses.is_empty() && !is_balanced {
        addresses.extend(own.map(|ip| entry(Some(ip), None)));
    }
    (!addresses.is_empty()).then_some(addresses)
}

/// Who else writes a status may take out what Weir puts in, as ingress-nginx does. So each further write of
/// the same to the same Ingress waits twice as long, and two controllers do not wear the API server out.
#[derive(Debug, Default)]
struct Patience {
    attempts: HashMap<ObjectRef, Attempt>,
    /// What this controller has served.
    served: HashSet<ObjectRef>,
}

#[derive(Debug)]
struct Attempt {
    wanted: Vec<Address>,
    count: u32,
    next: Instant,
}

/// Before the second write of the same; the watch needs a moment to tell of the first.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LAST_PAUSE: Duration = Duration::from_mins(10);

impl Patience {
    /// Whether this may be written now; if so, it counts as written.
    fn allows(&mut self, id: &ObjectRef, wanted: &[Address], now: Instant) -> bool {
        let again = self.attempts.get(id).filter(|attempt| attempt.wanted == wanted);
        let count = match again {
            Some(attempt) if now < attempt.next => return false,
            Some(attempt) => attempt.count + 1,
            None => 0,
        };
        if count == 2 {
            tracing::warn!(ingress = %id, "another controller writes the same status; have only one of them publish its address");
        }
        let next = now + (FIRST_PAUSE * 2u32.saturating_pow(count)).min(LAST_PAUSE);
        self.attempts.insert(id.clone(), Attempt { wanted: wanted.to_vec(), count, next });
        true
    }

    /// Notes which Ingresses are served, and forgets those that are gone.
    fn keep(&mut self, ingresses: &[IngressView]) {
        let there: HashSet<&ObjectRef> = ingresses.iter().map(|ingress| &ingress.id).collect();
        self.attempts.retain(|id, _| there.contains(id));
        self.served.retain(|id| there.contains(id));
        let served = ingresses.iter().filter(|ingress| ingress.served && !self.served.contains(&ingress.id));
        let new: Vec<_> = served.map(|ingress| ingress.id.clone()).collect();
        self.served.extend(new);
    }
}

/// Writes statuses for as long as it runs.
pub(crate) async fn write(
    client: Client,
    mut published: Published,
    mut view: watch::Receiver<Arc<View>>,
    mut ours: watch::Receiver<Option<BTreeSet<Address>>>,
) {
    let mut patience = Patience::default();
    loop {
        let ingresses = Arc::clone(&view.borrow_and_update());
        let now = ours.borrow_and_update().clone();
        if let Some(ours) = now {
            match published.remember(&ours).await {
                Ok(()) => write_all(&client, &ingresses.ingresses, &ours, &published, &mut patience).await,
                Err(error) => tracing::warn!("no status is written, the addresses cannot be kept: {error}"),
            }
        }
        tokio::select! {
            changed = view.changed() => if changed.is_err() { return },
            Ok(()) = ours.changed() => {}
            // What had to wait is looked at again.
            () = tokio::time::sleep(FIRST_PAUSE) => {}
        }
    }
}

async fn write_all(
    client: &Client,
    ingresses: &[IngressView],
    ours: &BTreeSet<Address>,
    published: &Published,
    patience: &mut Patience,
) {
    patience.keep(ingresses);
    let now = Instant::now();
    let own: Vec<_> = ingresses.iter().filter(|one| patience.served.contains(&one.id)).collect();
    let planned = own.into_iter().filter_map(|one| Some((one, plan(one, ours, published.addresses())?)));
    let allowed = planned.filter(|(ingress, wanted)| patience.allows(&ingress.id, wanted, now));
    let writes: Vec<_> = allowed.map(|(ingress, wanted)| patch(client.clone(), ingress, wanted)).collect();
    stream::iter(writes).buffer_unordered(WRITERS).for_each(async |()| {}).await;
}

async fn patch(client: Client, ingress: &IngressView, wanted: Vec<Address>) {
    let api: Api<Ingress> = Api::namespaced(client, &ingress.id.namespace);
    // The version makes the server refuse if anybody has written meanwhile; then the watch tells, and the
    // plan is made anew.
    let body = json!({
        "metadata": { "resourceVersion": &*ingress.version },
        "status": { "loadBalancer": { "ingress": wanted } },
    });
    match api.patch_status(&ingress.id.name, &PatchParams::default(), &Patch::Merge(body)).await {
        Ok(_) => tracing::debug!(ingress = %ingress.id, "status written"),
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {}
        Err(error) => tracing::warn!(ingress = %ingress.id, "its status cannot be written: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{LoadBalancerIngress, LoadBalancerStatus, ServiceSpec, ServiceStatus};
    use weir_model::Kind;

    use super::*;

    fn ip(text: &str) -> Address {
        Address { ip: text.into(), hostname: String::new() }
    }

    fn check(says: &[&str], served: bool, ours: &[&str], past: &[&str], expected: Option<&[&str]>) {
        let list = |texts: &[&str]| texts.iter().map(|text| ip(text)).collect::<Vec<_>>();
        let set = |texts: &[&str]| list(texts).into_iter().collect::<BTreeSet<_>>();
        let id = ObjectRef::new(Kind::Ingress, "a", "a");
        let ingress = IngressView { id, uid: "u".into(), version: "1".into(), served, addresses: list(says) };
        assert_eq!(plan(&ingress, &set(ours), &set(past)), expected.map(list), "{says:?}");
    }

    #[test]
    fn a_status_is_written_only_when_it_differs() {
        check(&[], true, &["1.1.1.1"], &[], Some(&["1.1.1.1"]));
        check(&["1.1.1.1"], true, &["1.1.1.1"], &[], None);
        check(&["2.2.2.2", "1.1.1.1"], true, &["1.1.1.1", "2.2.2.2"], &[], None);
        check(&[], false, &["1.1.1.1"], &[], None);
    }

    #[test]
    fn entries_of_others_stay() {
        check(&["9.9.9.9"], true, &["1.1.1.1"], &[], Some(&["9.9.9.9", "1.1.1.1"]));
        check(&["9.9.9.9"], false, &["1.1.1.1"], &[], None);
        check(&["9.9.9.9", "1.1.1.1"], false, &["1.1.1.1"], &[], Some(&["9.9.9.9"]));
    }

    #[test]
    fn an_address_that_is_published_no_longer_goes() {
        check(&["1.1.1.1"], true, &["2.2.2.2"], &["1.1.1.1"], Some(&["2.2.2.2"]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_status_that_somebody_takes_back_is_written_ever_more_rarely() {
        let mut patience = Patience::default();
        let (id, now) = (ObjectRef::new(Kind::Ingress, "a", "a"), Instant::now());
        let written = (0..3_600)
            .filter(|second| patience.allows(&id, &[ip("1.1.1.1")], now + Duration::from_secs(*second)));
        assert!(written.count() < 15);
        assert!(patience.allows(&id, &[ip("2.2.2.2")], now), "another address is written at once");
    }

    #[test]
    fn addresses_of_services() {
        let service = |kind: &str, balanced: &[&str]| Service {
            spec: Some(ServiceSpec {
                type_: Some(kind.into()),
                cluster_ip: Some("10.96.0.9".into()),
                ..ServiceSpec::default()
            }),
            status: Some(ServiceStatus {
                load_balancer: Some(LoadBalancerStatus {
                    ingress: Some(
                        balanced
                            .iter()
                            .map(|ip| LoadBalancerIngress {
                                ip: Some((*ip).into()),
                                ..LoadBalancerIngress::default()
                            })
                            .collect(),
                    ),
                }),
                ..ServiceStatus::default()
            }),
            ..Service::default()
        };
        assert_eq!(of_service(&service("LoadBalancer", &["1.1.1.1"])), Some(BTreeSet::from([ip("1.1.1.1")])));
        assert_eq!(of_service(&service("LoadBalancer", &[])), None);
        assert_eq!(of_service(&service("NodePort", &[])), Some(BTreeSet::from([ip("10.96.0.9")])));
    }
}
