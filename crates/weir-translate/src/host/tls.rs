//! Which certificate a host shows.

use weir_model::{CertificateKey, Code, Finding, HostName, Kind, ObjectRef};

use super::{HostOutput, World};
use crate::{
    draft::{Draft, TlsDraft},
    secret::InvalidSecret,
    service::Name,
};

/// Takes the entry that names a usable Secret, of the namespace that owns the host nearest to its root; of equal
/// ones the oldest.
pub(super) fn choose(host: &HostName, drafts: &[&Draft], world: World<'_>, output: &mut HostOutput) {
    let mut chosen: Option<(&Draft, &TlsDraft)> = None;
    let mut entries = entries(host, drafts);
    // The sort is stable: among owners alike, age decides.
    entries.sort_by_key(|(draft, _)| world.claims.distance(host, &draft.id.namespace));
    for (draft, tls) in entries {
        if !world.claims.may_secure(host, &draft.id.namespace) {
            output.findings.push(claimed(draft, tls, host));
            continue;
        }
        let name: Name = (draft.id.namespace.clone(), tls.secret.clone());
        output.secrets.push(name.clone());
        match (world.certificates.get(&name), chosen) {
            (None, _) => output.findings.push(missing(draft, tls)),
            (Some(Err(error)), _) => output.findings.push(invalid(&name, error)),
            (Some(Ok(certificate)), None) => {
                output.certificate = Some(certificate.key.clone());
                chosen = Some((draft, tls));
            }
            (Some(Ok(certificate)), Some((winner, _)))
                if output.certificate.as_ref() != Some(&certificate.key) =>
            {
                output.findings.push(shadowed(draft, tls, winner, &certificate.key, host));
            }
            _ => {}
        }
    }
}

fn entries<'a>(host: &HostName, drafts: &[&'a Draft]) -> Vec<(&'a Draft, &'a TlsDraft)> {
    let of_host = |draft: &'a Draft| {
        draft.tls.iter().filter(|tls| tls.host == *host).map(move |tls| (draft, tls)).collect::<Vec<_>>()
    };
    drafts.iter().flat_map(|draft| of_host(draft)).collect()
}

/// Whether an entry of the same Ingress covers the host.
pub(super) fn covers(draft: &Draft, host: &HostName) -> bool {
    draft.tls.iter().any(|tls| match host {
        HostName::Exact(name) => tls.host != HostName::Any && tls.host.covers(name),
        other => tls.host == *other,
    })
}

fn missing(draft: &Draft, tls: &TlsDraft) -> Finding {
    let (namespace, secret) = (&draft.id.namespace, &tls.secret);
    let message = format!(
        "Secret {namespace}/{secret} does not exist; its hosts get no certificate from here. Create it or correct the name."
    );
    Finding::new(Code::MissingSecret, draft.id.clone(), &*tls.field, message)
}

fn claimed(draft: &Draft, tls: &TlsDraft, host: &HostName) -> Finding {
    let message = format!(
        "{host} belongs to other namespaces; the certificate of this entry is not shown. Have an administrator grant the host to this namespace, or remove the entry."
    );
    Finding::new(Code::Claimed, draft.id.clone(), &*tls.field, message)
}

fn invalid((namespace, name): &Name, error: &InvalidSecret) -> Finding {
    let id = ObjectRef::new(Kind::Secret, namespace.clone(), name.clone());
    let message = format!(
        "The Secret is not a key pair: {error}. It is not used. Put a certificate chain and its key into it, as PEM."
    );
    Finding::new(Code::InvalidSecret, id, error.field(), message)
}

fn shadowed(draft: &Draft, tls: &TlsDraft, winner: &Draft, key: &CertificateKey, host: &HostName) -> Finding {
    let message = format!(
        "{} already gives {host} a certificate and is older; {key} is not used for it. Name the same Secret in both.",
        winner.id
    );
    Finding::new(Code::Shadowed, draft.id.clone(), &*tls.field, message)
}
