//! `spec.tls`.

use std::sync::Arc;

use weir_model::Code;

use crate::{
    draft::TlsDraft,
    notes::Notes,
    object::{IngressSpec, IngressTls},
};

/// Reads the hosts with certificates. Those of a canary don't count.
pub(crate) fn read(spec: &IngressSpec, canary: bool, notes: &mut Notes) -> Vec<TlsDraft> {
    if canary {
        return Vec::new();
    }
    let mut drafts = Vec::new();
    for (index, tls) in spec.tls.iter().enumerate() {
        let field: Arc<str> = format!("spec.tls[{index}].secretName").into();
        if tls.secret_name.is_empty() {
            note_missing(&field, notes);
            continue;
        }
        for (host, host_field) in hosts(spec, tls, index) {
            let Some(host) = super::host(host, &host_field, notes) else { continue };
            drafts.push(TlsDraft { host, secret: tls.secret_name.clone(), field: field.clone() });
        }
    }
    drafts
}

/// The hosts of an entry with their fields; without any, the hosts of the rules.
fn hosts<'s>(spec: &'s IngressSpec, tls: &'s IngressTls, index: usize) -> Vec<(&'s str, String)> {
    if tls.hosts.is_empty() {
        let rules = spec.rules.iter().enumerate();
        return rules.map(|(rule, entry)| (&*entry.host, format!("spec.rules[{rule}].host"))).collect();
    }
    let hosts = tls.hosts.iter().enumerate();
    hosts.map(|(host, name)| (&**name, format!("spec.tls[{index}].hosts[{host}]"))).collect()
}

fn note_missing(field: &str, notes: &mut Notes) {
    let message = "The entry names no Secret and Weir has no default certificate, so its hosts get none. Name a Secret of type kubernetes.io/tls.";
    notes.add(Code::MissingSecret, field, message);
}
