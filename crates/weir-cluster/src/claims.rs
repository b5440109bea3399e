//! The record of claims: who served which path of which host first.
//!
//! ```text
//!   served ─(for two seconds)─► recorded (ConfigMaps NAME-claims-0 … 15) ─(unclaimed for ten minutes)─► forgotten
//! ```
//! The leader writes it; every controller reads it before it publishes anything.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use weir_model::HostName;
use weir_translate::{Claim, Claims, Grant};

/// A ConfigMap holds 1 MiB, which is about 8,000 claims; with 16 of them 100,000 have room.
const SHARDS: u32 = 16;
/// How long a claim stays after its owner's last Ingress is gone. Whoever replaces an Ingress by deleting it
/// first does not lose its host to somebody who waits for that.
const KEPT: Duration = Duration::from_mins(10);
/// The keys in the ConfigMaps.
pub(crate) const CLAIMS: &str = "claims.json";
pub(crate) const GRANTS: &str = "grants.json";

/// A claim as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    host: String,
    #[serde(flatten)]
    claim: Claim,
}

/// What is recorded and allowed, put together from the ConfigMaps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Register {
    shards: BTreeMap<u32, Vec<(HostName, Claim)>>,
    grants: Vec<Grant>,
}

/// Which claims have been without their owner, and since when.
#[derive(Debug, Default)]
pub(crate) struct Book {
    unclaimed: HashMap<(HostName, Claim), Instant>,
}

/// All claims, as pairs.
pub(crate) type Pairs = BTreeSet<(HostName, Claim)>;

// === impl Register ===

impl Register {
    /// Reads one ConfigMap, or forgets it. Returns whether that changes anything.
    ///
    /// # Errors
    /// When it cannot be read; what was read before stays.
    pub(crate) fn read_shard(&mut self, shard: u32, text: Option<&str>) -> Result<bool, serde_json::Error> {
        let entries: Vec<Entry> = text.map(serde_json::from_str).transpose()?.unwrap_or_default();
        let pair = |entry: Entry| Some((HostName::parse(&entry.host).ok()?, entry.claim));
        let pairs: Vec<_> = entries.into_iter().filter_map(pair).collect();
        let old = self.shards.insert(shard, pairs);
        Ok(old.unwrap_or_default() != self.shards[&shard])
    }

    /// Reads the administrator's permissions. Returns whether that changes anything.
    ///
    /// # Errors
    /// When they cannot be read; what was read before stays.
    pub(crate) fn read_grants(&mut self, text: Option<&str>) -> Result<bool, serde_json::Error> {
        let grants = text.map(serde_json::from_str).transpose()?.unwrap_or_default();
        let old = std::mem::replace(&mut self.grants, grants);
        Ok(old != self.grants)
    }

    /// For the translator.
    pub(crate) fn claims(&self) -> Claims {
        let mut hosts: BTreeMap<HostName, BTreeSet<Claim>> = BTreeMap::new();
        for (host, claim) in self.shards.values().flatten() {
            hosts.entry(host.clone()).or_default().insert(claim.clone());
        }
        let mut claims = Claims::default();
        for (host, of_host) in hosts {
            claims.set(host, of_host);
        }
        claims.grant(self.grants.clone());
        claims
    }

    /// Everything that is recorded.
    pub(crate) fn pairs(&self) -> Pairs {
        self.shards.values().flatten().cloned().collect()
    }
}

// === impl Book ===

impl Book {
    /// What to record, given what is recorded and what is served.
    pub(crate) fn plan(&mut self, recorded: &Pairs, served: &Pairs, now: Instant) -> Pairs {
        self.unclaimed.retain(|pair, _| recorded.contains(pair) && !served.contains(pair));
        for pair in recorded.difference(served) {
            self.unclaimed.entry(pair.clone()).or_insert(now);
        }
        let is_over = |pair: &(HostName, Claim)| {
            self.unclaimed.get(pair).is_some_and(|since| now.duration_since(*since) >= KEPT)
        };
        recorded.union(served).filter(|pair| !is_over(pair)).cloned().collect()
    }
}

/// The ConfigMaps that differ, with their new texts.
pub(crate) fn changed_shards(recorded: &Pairs, wanted: &Pairs) -> BTreeMap<u32, String> {
    let touched: BTreeSet<u32> = recorded.symmetric_difference(wanted).map(|(host, _)| shard(host)).collect();
    let text = |number: u32| {
        let of_shard = wanted.iter().filter(|(host, _)| shard(host) == number);
        let entries: Vec<Entry> =
            of_shard.map(|(host, claim)| Entry { host: host.to_string(), claim: claim.clone() }).collect();
        // Texts and booleans: nothing in them can fail.
        serde_json::to_string(&entries).unwrap_or_default()
    };
    touched.into_iter().map(|number| (number, text(number))).collect()
}

/// FNV-1a: equal in every process and version.
fn shard(host: &HostName) -> u32 {
    let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    host.to_string().bytes().fold(0x811c_9dc5, step) % SHARDS
}

/// `NAME-claims-3` → 3.
pub(crate) fn shard_of(name: &str, config_map: &str) -> Option<u32> {
    config_map.strip_prefix(name)?.strip_prefix("-claims-")?.parse().ok().filter(|shard| *shard < SHARDS)
}

/// The name of a shard's ConfigMap.
pub(crate) fn shard_name(name: &str, shard: u32) -> String {
    format!("{name}-claims-{shard}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(host: &str, namespace: &str) -> (HostName, Claim) {
        let claim = Claim { path: "/".into(), exact: false, pattern: None, namespace: namespace.into() };
        (HostName::parse(host).unwrap(), claim)
    }

    #[test]
    fn what_is_written_is_read_again() {
        let pairs: Pairs = (0..200)
            .map(|n| pair(&format!("h{n}.example"), "a"))
            .chain([pair("*.x", "b"), pair("", "c")])
            .collect();
        let mut register = Register::default();
        for (shard, text) in changed_shards(&Pairs::new(), &pairs) {
            assert!(register.read_shard(shard, Some(&text)).unwrap());
            assert!(!register.read_shard(shard, Some(&text)).unwrap());
        }
        assert_eq!(register.pairs(), pairs);
        assert_eq!(register.claims().hosts().len(), pairs.len());
    }

    #[test]
    fn one_new_claim_writes_one_config_map() {
        let before: Pairs = (0..200).map(|n| pair(&format!("h{n}.example"), "a")).collect();
        let mut after = before.clone();
        after.insert(pair("new.example", "a"));
        assert_eq!(changed_shards(&before, &after).len(), 1);
        assert!(changed_shards(&before, &before).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_claim_outlives_its_ingress_for_a_while() {
        let mut book = Book::default();
        let (recorded, nothing) = (Pairs::from([pair("a", "a")]), Pairs::new());
        let now = Instant::now();
        assert_eq!(book.plan(&recorded, &nothing, now), recorded);
        assert_eq!(book.plan(&recorded, &nothing, now + KEPT / 2), recorded);
        assert_eq!(book.plan(&recorded, &recorded, now + KEPT / 2), recorded);
        assert_eq!(book.plan(&recorded, &nothing, now + KEPT), recorded, "it was claimed meanwhile");
        assert_eq!(book.plan(&recorded, &nothing, now + KEPT * 2), nothing);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_served_is_recorded() {
        let (recorded, served) = (Pairs::from([pair("a", "a")]), Pairs::from([pair("b", "b")]));
        let wanted = Book::default().plan(&recorded, &served, Instant::now());
        assert_eq!(wanted, Pairs::from([pair("a", "a"), pair("b", "b")]));
    }

    #[test]
    fn a_record_that_cannot_be_read_leaves_the_one_before() {
        let mut register = Register::default();
        let text = changed_shards(&Pairs::new(), &Pairs::from([pair("a", "a")])).into_iter().next().unwrap();
        register.read_shard(text.0, Some(&text.1)).unwrap();
        assert!(register.read_shard(text.0, Some("broken")).is_err());
        assert_eq!(register.pairs().len(), 1);
        assert!(register.read_grants(Some(r#"[{ "host": "a", "namespace": "b" }]"#)).is_err());
        assert!(register.read_grants(Some(r#"[{ "host": "a", "namespaces": ["b"] }]"#)).unwrap());
    }

    #[test]
    fn names_of_config_maps() {
        assert_eq!(shard_of("weir", &shard_name("weir", 7)), Some(7));
        assert_eq!(shard_of("weir", "weir-claims-16"), None);
        assert_eq!(shard_of("weir", "other-claims-1"), None);
    }
}
