//! The certificates of the controllers, and the authorities that sign them.
//!
//! ```text
//!   created ──(settles: a day)──► signs ──(240 days: the next is created)──► trusted only ──(a year)──► forgotten
//! ```
//! Proxies trust every authority that is not forgotten, and a new one settles before it signs: by then
//! every proxy has its certificate. So a rotation is never noticed.

use std::collections::BTreeMap;

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use time::OffsetDateTime;

const DAY: SignedDuration = SignedDuration::from_hours(24);
const LIFETIME: i32 = 365;
const ROTATION: i32 = 240;
const SETTLES: i32 = 1;
/// A controller's own certificate; it gets another one long before.
const LEAF: i32 = 7;
/// Clocks of nodes differ.
const SKEW: SignedDuration = SignedDuration::from_mins(10);

/// The authorities, by when they were created (in seconds since 1970).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Authorities(BTreeMap<i64, Authority>);

/// A certificate that signs, with its key, both PEM.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Authority {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// A controller's certificate with its key, both PEM.
#[derive(Clone)]
pub(crate) struct Leaf {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

// === impl Authorities ===

impl Authorities {
    pub(crate) fn insert(&mut self, created: i64, authority: Authority) {
        self.0.insert(created, authority);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, &Authority)> {
        self.0.iter().map(|(created, authority)| (*created, authority))
    }

    /// The same a moment later: without those whose time is over, with another one when it is due.
    ///
    /// # Errors
    /// When no key can be made.
    pub(crate) fn tended(&self, now: Timestamp) -> anyhow::Result<Self> {
        let fresh = |created: &i64| is_within(*created, LIFETIME, now);
        let mut tended = Self(self.0.clone().into_iter().filter(|(created, _)| fresh(created)).collect());
        let newest = tended.0.keys().next_back();
        if !newest.is_some_and(|created| is_within(*created, ROTATION, now)) {
            tended.0.insert(now.as_second(), Authority::new(now)?);
        }
        Ok(tended)
    }

    /// Who signs: the newest that has settled, or the oldest while none has.
    fn signing(&self, now: Timestamp) -> Option<&Authority> {
        let settled = self.0.iter().rev().find(|(created, _)| !is_within(**created, SETTLES, now));
        settled.or_else(|| self.0.iter().next()).map(|(_, authority)| authority)
    }

    /// What proxies trust, as PEM.
    pub(crate) fn bundle(&self) -> String {
        self.0.values().map(|authority| authority.certificate.as_str()).collect()
    }

    /// A certificate for a controller.
    ///
    /// # Errors
    /// When there is no authority, or a name cannot be in a certificate.
    pub(crate) fn issue(&self, names: &[String], now: Timestamp) -> anyhow::Result<Leaf> {
        let authority = self.signing(now).context("there is no authority")?;
        let key = KeyPair::from_pem(&authority.key).context("the authority's key")?;
        let issuer = Issuer::new(Authority::params(now), key);
        let mut params = CertificateParams::new(names.to_vec())?;
        params.distinguished_name.push(DnType::CommonName, "weir-controller");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        valid(&mut params, now, LEAF);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &issuer)?.pem();
        Ok(Leaf { certificate, key: key.serialize_pem() })
    }
}

fn is_within(created: i64, days: i32, now: Timestamp) -> bool {
    now.as_second() - created < (DAY * days).as_secs()
}

fn valid(params: &mut CertificateParams, now: Timestamp, days: i32) {
    let at = |time: Timestamp| OffsetDateTime::from_unix_timestamp(time.as_second());
    if let (Ok(from), Ok(to)) = (at(now - SKEW), at(now + DAY * days)) {
        (params.not_before, params.not_after) = (from, to);
    }
}

// === impl Authority ===

impl Authority {
    fn new(now: Timestamp) -> anyhow::Result<Self> {
        let key = KeyPair::generate()?;
        let certificate = Self::params(now).self_signed(&key)?.pem();
        Ok(Self { certificate, key: key.serialize_pem() })
    }

    fn params(now: Timestamp) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "weir-authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        valid(&mut params, now, LIFETIME);
        params
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i32) -> Timestamp {
        Timestamp::UNIX_EPOCH + DAY * (20_000 + day)
    }

    #[test]
    fn nothing_changes_while_nothing_is_due() {
        let first = Authorities::default().tended(at(0)).unwrap();
        assert_eq!(first.0.len(), 1);
        assert_eq!(first.tended(at(239)).unwrap(), first);
    }

    #[test]
    fn a_new_authority_is_trusted_before_it_signs() {
        let first = Authorities::default().tended(at(0)).unwrap();
        let both = first.tended(at(240)).unwrap();
        assert_eq!(both.0.len(), 2);
        assert_eq!(both.signing(at(240)), first.signing(at(0)));
        assert_ne!(both.signing(at(241)), first.signing(at(0)));
        assert!(both.bundle().starts_with(&first.bundle()));
    }

    #[test]
    fn an_old_authority_is_forgotten_when_nothing_it_signed_is_in_use() {
        let both = Authorities::default().tended(at(0)).unwrap().tended(at(240)).unwrap();
        assert_eq!(both.tended(at(364)).unwrap(), both);
        assert_eq!(both.tended(at(365)).unwrap().0.len(), 1);
    }

    #[test]
    fn every_day_of_three_years_the_leaf_in_use_is_trusted() {
        let mut authorities = Authorities::default();
        let mut yesterday = String::new();
        for day in 0..1_100 {
            authorities = authorities.tended(at(day)).unwrap();
            let signing = authorities.signing(at(day)).unwrap().certificate.clone();
            // A proxy whose bundle is a day old trusts who signs today.
            assert!(day == 0 || yesterday.contains(&signing), "day {day}");
            yesterday = authorities.bundle();
        }
    }

    #[test]
    fn leaves_have_their_names() {
        let authorities = Authorities::default().tended(at(0)).unwrap();
        let leaf = authorities.issue(&["weir-controller.weir-system.svc".into()], at(0)).unwrap();
        assert!(leaf.certificate.contains("BEGIN CERTIFICATE") && leaf.key.contains("PRIVATE KEY"));
        assert!(Authorities::default().issue(&[], at(0)).is_err());
    }
}
