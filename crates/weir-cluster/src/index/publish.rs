//! When proxies are told what is translated.

use weir_model::Delta;

use super::{Index, SECRETS};

// === impl Index ===

impl Index {
    /// Publishes what is translated, as soon as every Secret has been looked at that it names. The first time
    /// that has to be waited for: a proxy that comes from another controller would lose its certificates.
    pub(super) fn publish(&mut self) {
        let Some((_, since)) = &self.pending else {
            if self.unlisted.is_empty() {
                self.hub.reach(&self.reach);
            }
            return;
        };
        let wanted = self.out.wanted.borrow();
        let complete = wanted.keys().all(|id| self.secrets.looked_at.contains(id));
        drop(wanted);
        if !complete && (!*self.out.ready.borrow() || since.elapsed() < SECRETS) {
            return;
        }
        let Some((delta, _)) = self.pending.take() else { return };
        let mut whole = std::mem::take(&mut self.held_back);
        whole.then(delta);
        if !complete {
            self.held_back = certificates_that_go(&mut whole);
        }
        let position = self.hub.publish(&whole, &self.reach);
        let (hosts, backends) = (whole.hosts.len(), whole.backends.len());
        tracing::debug!(epoch = position.epoch, hosts, backends, "published");
        self.out.ready.send_if_modified(|ready| !std::mem::replace(ready, true));
    }
}

/// Takes out what would take a certificate away.
fn certificates_that_go(delta: &mut Delta) -> Delta {
    let gone_tls: Vec<_> =
        delta.tls.iter().filter(|(_, key)| key.is_none()).map(|(host, _)| host.clone()).collect();
    let gone = delta.certificates.iter().filter(|(_, value)| value.is_none());
    let gone: Vec<_> = gone.map(|(key, _)| key.clone()).collect();
    let mut held = Delta::default();
    for host in gone_tls {
        held.tls.extend(delta.tls.remove_entry(&host));
    }
    for key in gone {
        held.certificates.extend(delta.certificates.remove_entry(&key));
    }
    held
}
