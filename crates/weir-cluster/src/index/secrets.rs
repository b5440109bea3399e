//! Which Secrets are read, and what is wrong with them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use weir_model::{Code, Finding, ObjectRef};
use weir_translate::object::Object;

use super::{Index, Reading};

/// What is known of Secrets.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    /// How often one was named after nobody did.
    namings: u64,
    /// Read at least once, found missing, or refused for good.
    pub(super) looked_at: BTreeSet<ObjectRef>,
    /// Those with a certificate that is in use.
    usable: BTreeSet<ObjectRef>,
    /// What is wrong with those that are in use.
    faults: BTreeMap<ObjectRef, (Code, String)>,
}

// === impl Index ===

impl Index {
    /// A Secret that is deleted or spoilt while it is in use stays in use: taking a working certificate
    /// away helps nobody.
    pub(super) fn take_secret(&mut self, id: ObjectRef, reading: Reading) {
        if !matches!(reading, Reading::Failed(_)) {
            self.secrets.looked_at.insert(id.clone());
        }
        let in_use = self.secrets.usable.contains(&id);
        let (code, message) = match reading {
            Reading::There(secret) => match secret.fault() {
                Some(fault) if in_use => (Code::InvalidSecret, format!("{fault}; correct it")),
                fault => {
                    if fault.is_none() {
                        self.secrets.usable.insert(id.clone());
                    }
                    self.secrets.faults.remove(&id);
                    return self.translator.apply(Object::Secret(Arc::new(*secret)), 0);
                }
            },
            // The Ingress that names it says so.
            Reading::Missing if !in_use => return drop(self.secrets.faults.remove(&id)),
            Reading::Missing => {
                (Code::MissingSecret, "it is gone; make it again, or take it out of the Ingress".into())
            }
            Reading::Failed(reason) => {
                (Code::MissingSecret, format!("it cannot be read ({reason}); it is tried again"))
            }
            Reading::Refused(reason) => {
                let remedy = "see that the controller may get Secrets in this namespace";
                (Code::MissingSecret, format!("it cannot be read ({reason}); {remedy}"))
            }
        };
        self.secrets.faults.insert(id, (code, message));
    }

    /// What is wrong with Secrets, said where their users look: on the Ingresses that name them.
    pub(super) fn secret_findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (secret, (code, fault)) in &self.secrets.faults {
            let mut message = format!("{secret}: {fault}.");
            if self.secrets.usable.contains(secret) {
                message.push_str(" What it held before stays in use until the controllers restart.");
            }
            let naming = self.translator.naming(secret).into_iter();
            findings.extend(
                naming.map(|(ingress, field)| Finding::new(*code, ingress, &*field, message.clone())),
            );
        }
        findings
    }

    /// Has the Secrets read that are named now, and forgets the others.
    pub(super) fn want_secrets(&mut self) {
        let named: BTreeSet<ObjectRef> = self.translator.secrets().collect();
        for id in self.secrets.looked_at.difference(&named) {
            self.translator.delete(id);
        }
        self.secrets.looked_at.retain(|id| named.contains(id));
        self.secrets.usable.retain(|id| named.contains(id));
        self.secrets.faults.retain(|id, _| named.contains(id));
        let namings = &mut self.secrets.namings;
        self.out.wanted.send_modify(|wanted| {
            wanted.retain(|id, _| named.contains(id));
            for id in named {
                *namings += 1;
                wanted.entry(id).or_insert(*namings);
            }
        });
    }
}
