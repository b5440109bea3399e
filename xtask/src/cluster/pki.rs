//! The cluster's certificates and the kubeconfigs made of them.

use std::{fs, net::IpAddr};

use anyhow::Context as _;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType,
};

use super::{network, place::Place};

/// Names of the API server, as pods and the machine know it.
const API_NAMES: &[&str] = &["kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost"];
const API_ADDRESSES: &[&str] = &[network::NODE_ADDRESS, "10.96.0.1", "127.0.0.1"];

/// Writes the authority, the API server's certificate, the key for service account tokens, and a kubeconfig
/// each for the administrator and the node.
pub(super) fn write(place: &Place) -> anyhow::Result<()> {
    let issuer = authority(place)?;
    api_server(place, &issuer)?;
    let tokens = KeyPair::generate()?;
    fs::write(place.pki("tokens.key"), tokens.serialize_pem())?;
    fs::write(place.pki("tokens.pub"), tokens.public_key_pem())?;
    user(place, &issuer, "admin", "system:masters", "admin")?;
    user(place, &issuer, "node", "system:nodes", &format!("system:node:{}", super::node::NAME))
}

fn authority(place: &Place) -> anyhow::Result<Issuer<'static, KeyPair>> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name = named("cluster authority", None);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    fs::write(place.pki("ca.crt"), params.self_signed(&key)?.pem())?;
    Ok(Issuer::new(params, key))
}

fn api_server(place: &Place, issuer: &Issuer<'_, KeyPair>) -> anyhow::Result<()> {
    let names: Vec<String> = API_NAMES.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = named("kube-apiserver", None);
    for address in API_ADDRESSES {
        params.subject_alt_names.push(SanType::IpAddress(address.parse::<IpAddr>()?));
    }
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    save(place, "api", &params, issuer)
}

/// A client certificate, and the kubeconfig that uses it.
fn user(
    place: &Place,
    issuer: &Issuer<'_, KeyPair>,
    file: &str,
    group: &str,
    name: &str,
) -> anyhow::Result<()> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name = named(name, Some(group));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    save(place, file, &params, issuer)?;
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

fn save(
    place: &Place,
    file: &str,
    params: &CertificateParams,
    issuer: &Issuer<'_, KeyPair>,
) -> anyhow::Result<()> {
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, issuer)?;
    fs::write(place.pki(&format!("{file}.crt")), certificate.pem())?;
    fs::write(place.pki(&format!("{file}.key")), key.serialize_pem())?;
    Ok(())
}
