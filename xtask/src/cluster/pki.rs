//! The cluster's certificates and the kubeconfigs made of them.

use std::{fs, net::IpAddr};

use anyhow::Context as _;
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, SanType};
use weir_testkit::certs::Authority;

use super::{network, place::Place};

/// Names of the API server, as pods and the machine know it.
const API_NAMES: &[&str] = &[
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "localhost",
];
const API_ADDRESSES: &[&str] = &[network::NODE_ADDRESS, "10.96.0.1", "127.0.0.1"];

/// Writes the authority, the API server's certificate, the key for service account tokens, and a kubeconfig
/// each for the administrator and the node.
pub(super) fn write(place: &Place) -> anyhow::Result<()> {
    let authority = Authority::new()?;
    fs::write(place.pki("ca.crt"), &authority.certificate_pem)?;
    api_server(place, &authority)?;
    let tokens = KeyPair::generate()?;
    fs::write(place.pki("tokens.key"), tokens.serialize_pem())?;
    fs::write(place.pki("tokens.pub"), tokens.public_key_pem())?;
    user(place, &authority, "admin", "system:masters", "admin")?;
    user(place, &authority, "node", "system:nodes", &format!("system:node:{}", super::node::NAME))
}

fn api_server(place: &Place, authority: &Authority) -> anyhow::Result<()> {
    let names: Vec<String> = API_NAMES.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = named("kube-apiserver", None);
    for address in API_ADDRESSES {
        params.subject_alt_names.push(SanType::IpAddress(address.parse::<IpAddr>()?));
    }
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    save(place, "api", &params, authority)
}

/// A client certificate, and the kubeconfig that uses it.
fn user(place: &Place, authority: &Authority, file: &str, group: &str, name: &str) -> anyhow::Result<()> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name = named(name, Some(group));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    save(place, file, &params, authority)?;
    let path = |suffix: &str| place.pki(&format!("{file}.{suffix}")).display().to_string();
    let config = serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "weir",
        "clusters": [{ "name": "weir", "cluster": {
            "server": format!("https://{}:6443", network::NODE_ADDRESS),
            "certificate-authority": place.pki("ca.crt"),
        }}],
        "users": [{ "name": file, "user": { "client-certificate": path("crt"), "client-key": path("key") }}],
        "contexts": [{ "name": "weir", "context": { "cluster": "weir", "user": file }}],
    });
    fs::write(place.pki(&format!("{file}.kubeconfig")), config.to_string()).context("writing a kubeconfig")
}

fn named(name: &str, group: Option<&str>) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    if let Some(group) = group {
        distinguished.push(DnType::OrganizationName, group);
    }
    distinguished
}

fn save(place: &Place, file: &str, params: &CertificateParams, authority: &Authority) -> anyhow::Result<()> {
    let leaf = authority.issue(params)?;
    fs::write(place.pki(&format!("{file}.crt")), leaf.certificate_pem)?;
    fs::write(place.pki(&format!("{file}.key")), leaf.key_pem)?;
    Ok(())
}
