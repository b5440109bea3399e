//! Every address that Weir has ever published, kept in the ConfigMap `NAME-published`, so that an address
//! that is published no longer is told from one that somebody else wrote, by the next leader too.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::{api::core::v1::ConfigMap, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{Api, Client};

use crate::{client::write, watched::Address};

const ADDRESSES: &str = "addresses.json";

/// The addresses, and where they are kept.
pub(crate) struct Published {
    api: Api<ConfigMap>,
    name: String,
    addresses: BTreeSet<Address>,
}

// === impl Published ===

impl Published {
    /// Nothing is known before the first [`Self::remember`].
    pub(crate) fn new(client: Client, namespace: &str, name: &str) -> Self {
        let name = format!("{name}-published");
        Self { api: Api::namespaced(client, namespace), name, addresses: BTreeSet::new() }
    }

    /// All of them.
    pub(crate) fn addresses(&self) -> &BTreeSet<Address> {
        &self.addresses
    }

    /// Adds addresses, before any of them is written anywhere.
    ///
    /// # Errors
    /// When the ConfigMap cannot be read or written.
    pub(crate) async fn remember(&mut self, ours: &BTreeSet<Address>) -> kube::Result<()> {
        if ours.is_subset(&self.addresses) {
            return Ok(());
        }
        let stored = self.api.get_opt(&self.name).await?;
        let mut all = stored.as_ref().map(read).unwrap_or_default();
        if !ours.is_subset(&all) {
            all.extend(ours.iter().cloned());
            let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
            let new = || ConfigMap { metadata, ..ConfigMap::default() };
            let map = ConfigMap { data: Some(text(&all)), ..stored.unwrap_or_else(new) };
            // Who was quicker is no longer followed by us: the next try reads what it wrote.
            if !write(&self.api, &map).await? {
                return Ok(());
            }
        }
        self.addresses = all;
        Ok(())
    }
}

fn read(map: &ConfigMap) -> BTreeSet<Address> {
    let text = map.data.as_ref().and_then(|data| data.get(ADDRESSES));
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

fn text(addresses: &BTreeSet<Address>) -> BTreeMap<String, String> {
    // Texts: nothing in them can fail.
    BTreeMap::from([(ADDRESSES.to_owned(), serde_json::to_string(addresses).unwrap_or_default())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let ip = Address { ip: "10.0.0.1".into(), hostname: String::new() };
        let name = Address { ip: String::new(), hostname: "lb.example".into() };
        let both = BTreeSet::from([ip, name]);
        let map = ConfigMap { data: Some(text(&both)), ..ConfigMap::default() };
        assert_eq!(read(&map), both);
        assert_eq!(read(&ConfigMap::default()), BTreeSet::new());
    }
}
