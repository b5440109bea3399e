//! Who leads: a Lease in the API, renewed by its holder.
//!
//! As in client-go's `leaderelection`, nobody compares clocks: a Lease is free when its record has not
//! changed for its whole duration, as seen here. The leader alone writes status and events.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{Api, Client};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use crate::client::write;

/// After this time without a renewal the Lease is free.
const DURATION: Duration = Duration::from_secs(15);
/// The holder renews this often.
const RENEW: Duration = Duration::from_secs(4);
/// A holder that could not renew for this long no longer acts as one, well before others may.
const DEADLINE: Duration = Duration::from_secs(10);
/// Between two looks of those who wait, and between two tries.
const LOOK: Duration = Duration::from_secs(2);

/// What to do about a Lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Take it over, or make it.
    Take,
    /// Say that it is still held.
    Renew,
    /// Somebody else holds it.
    Wait,
}

/// A Lease as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    holder: Option<String>,
    /// Only compared with itself.
    renewed: Option<String>,
}

/// What to do, given the Lease and for how long its record has not changed.
pub(crate) fn decide(record: Option<&Record>, unchanged: Duration, me: &str) -> Decision {
    match record.and_then(|record| record.holder.as_deref()) {
        Some(holder) if holder == me => Decision::Renew,
        Some(holder) if !holder.is_empty() && unchanged < DURATION => Decision::Wait,
        _ => Decision::Take,
    }
}

/// Who takes part.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    /// Where the Lease is.
    pub(crate) namespace: String,
    /// What it is called.
    pub(crate) name: String,
    /// The pod's name.
    pub(crate) me: String,
    /// Where proxies reach this one.
    pub(crate) address: Option<String>,
}

/// Where proxies reach the holder, as it wrote into its Lease.
const ADDRESS: &str = "weir.dev/fleet";

/// Takes part until the receiver is gone; says `true` while this one leads, and where the leader is while another
/// does.
pub(crate) async fn take_part(
    client: Client,
    standing: &Standing,
    leads: &watch::Sender<bool>,
    follow: impl Fn(Option<String>),
) {
    let api: Api<Lease> = Api::namespaced(client, &standing.namespace);
    let mut seen: Option<(Record, Instant)> = None;
    let mut renewed = Instant::now();
    while !leads.is_closed() {
        // An answer that comes later than this would come too late for a leader.
        let limit = DEADLINE.saturating_sub(renewed.elapsed()).max(LOOK);
        let done = timeout(limit, turn(&api, standing, &mut seen)).await;
        match done.unwrap_or_else(|_| Err(kube::Error::Service("no answer in time".into()))) {
            Ok(Turn::Held) => {
                renewed = Instant::now();
                say(leads, true);
                follow(None);
            }
            Ok(Turn::Elsewhere(leader)) => {
                say(leads, false);
                follow(leader);
            }
            Err(error) => {
                tracing::debug!("the Lease cannot be looked at: {error}");
                if renewed.elapsed() >= DEADLINE {
                    say(leads, false);
                }
            }
        }
        let pause = if *leads.borrow() { RENEW } else { LOOK };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = leads.closed() => {}
        }
    }
    if timeout(LOOK, release(&api, &standing.name, &standing.me)).await.is_err() {
        tracing::debug!("the Lease cannot be released in time");
    }
}

fn say(leads: &watch::Sender<bool>, now: bool) {
    if leads.send_if_modified(|leads| std::mem::replace(leads, now) != now) {
        tracing::info!("{}", if now { "leading" } else { "following" });
    }
}

/// What came of a look.
enum Turn {
    /// The Lease is held here.
    Held,
    /// It is held elsewhere, and this is where proxies reach the holder.
    Elsewhere(Option<String>),
}

/// One look, and what follows from it.
async fn turn(
    api: &Api<Lease>,
    standing: &Standing,
    seen: &mut Option<(Record, Instant)>,
) -> kube::Result<Turn> {
    let lease = api.get_opt(&standing.name).await?;
    let record = lease.as_ref().map(record);
    if seen.as_ref().map(|(record, _)| record) != record.as_ref() {
        *seen = record.clone().map(|record| (record, Instant::now()));
    }
    let unchanged = seen.as_ref().map_or(Duration::MAX, |(_, since)| since.elapsed());
    let decision = decide(record.as_ref(), unchanged, &standing.me);
    if decision == Decision::Wait {
        let annotations = lease.and_then(|lease| lease.metadata.annotations);
        return Ok(Turn::Elsewhere(annotations.and_then(|mut all| all.remove(ADDRESS))));
    }
    let lease = lease.map_or_else(|| fresh(standing), |lease| held(lease, standing, decision));
    Ok(if write(api, &lease).await? { Turn::Held } else { Turn::Elsewhere(None) })
}

fn record(lease: &Lease) -> Record {
    let spec = lease.spec.as_ref();
    let renewed = spec.and_then(|spec| spec.renew_time.as_ref()).map(|time| format!("{:?}", time.0));
    Record { holder: spec.and_then(|spec| spec.holder_identity.clone()), renewed }
}

fn fresh(standing: &Standing) -> Lease {
    let metadata = ObjectMeta { name: Some(standing.name.clone()), ..ObjectMeta::default() };
    held(Lease { metadata, spec: None }, standing, Decision::Take)
}

fn held(mut lease: Lease, Standing { me, address, .. }: &Standing, decision: Decision) -> Lease {
    let now = MicroTime(Timestamp::now());
    let old = lease.spec.unwrap_or_default();
    let taken = decision == Decision::Take;
    lease.spec = Some(LeaseSpec {
        holder_identity: Some(me.clone()),
        lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
        acquire_time: if taken { Some(now.clone()) } else { old.acquire_time },
        lease_transitions: Some(old.lease_transitions.unwrap_or(-1) + i32::from(taken)),
        renew_time: Some(now),
        ..old
    });
    let annotations = lease.metadata.annotations.get_or_insert_default();
    match address {
        Some(address) => drop(annotations.insert(ADDRESS.to_owned(), address.clone())),
        None => drop(annotations.remove(ADDRESS)),
    }
    lease
}

/// Lets the next one in without a wait.
async fn release(api: &Api<Lease>, name: &str, me: &str) {
    let Ok(Some(mut lease)) = api.get_opt(name).await else { return };
    if record(&lease).holder.as_deref() != Some(me) {
        return;
    }
    if let Some(spec) = &mut lease.spec {
        spec.holder_identity = Some(String::new());
    }
    if let Err(error) = write(api, &lease).await {
        tracing::debug!("the Lease cannot be released: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(holder: Option<&str>, unchanged: u64, expected: Decision) {
        let record = holder.map(|holder| Record { holder: Some(holder.into()), renewed: None });
        assert_eq!(decide(record.as_ref(), Duration::from_secs(unchanged), "me"), expected, "{holder:?}");
    }

    #[test]
    fn a_lease_is_taken_when_nobody_holds_it() {
        check(None, 0, Decision::Take);
        check(Some(""), 0, Decision::Take);
        check(Some("other"), 15, Decision::Take);
    }

    #[test]
    fn a_lease_of_another_is_left_alone_while_it_changes() {
        check(Some("other"), 14, Decision::Wait);
    }

    #[test]
    fn ones_own_lease_is_renewed() {
        check(Some("me"), 0, Decision::Renew);
        check(Some("me"), 100, Decision::Renew);
    }
}
