//! Takes in what watches tell.

use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, error::TryRecvError};
use weir_model::{Code, Finding, Kind};
use weir_translate::object::Object;

use super::{CONFIG_MAP, Change, Facts, Index, Seen};
use crate::watch::number;

/// The most changes that are taken in before a translation: during a flood others wait no longer than this.
const AT_ONCE: usize = 5_000;

// === impl Index ===

impl Index {
    /// Takes in what has come meanwhile. Returns false when nothing more will come.
    pub(super) fn take_all(&mut self, changes: &mut UnboundedReceiver<Change>) -> bool {
        for _ in 0..AT_ONCE {
            match changes.try_recv() {
                Ok(change) => self.take(change),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
        true
    }

    pub(super) fn take(&mut self, change: Change) {
        match change {
            Change::Seen(Seen { object, uid, version, addresses }) => {
                let id = object.id();
                self.reach.see(id.kind.name(), number(&version));
                self.unreadable.remove(&id);
                if id.kind != Kind::EndpointSlice {
                    self.facts.insert(id, Facts { uid, version, addresses });
                }
                if let Object::IngressClass(class) = &object {
                    self.classes.insert(object.id(), Arc::clone(class));
                    self.show_classes();
                }
                // Creation times of the API server say which is older.
                self.translator.apply(object, 0);
            }
            Change::Gone(id, version) => {
                self.reach.see(id.kind.name(), version);
                self.unreadable.remove(&id);
                self.facts.remove(&id);
                if self.classes.remove(&id).is_some() {
                    self.show_classes();
                }
                self.translator.delete(&id);
            }
            Change::Unreadable(id, reason) => {
                tracing::error!(object = %id, "cannot be read, the version before it stays: {reason}");
                let message = format!(
                    "The object cannot be read: {reason}. The version before it stays in force; correct the object."
                );
                let finding = Finding::new(Code::UnreadableDocument, id.clone(), "", message);
                self.unreadable.insert(id, finding);
            }
            Change::Listed(kind, version) => {
                self.reach.list(kind, version);
                self.unlisted.remove(&kind);
            }
            Change::Secret(id, reading) => self.take_secret(id, reading),
            Change::Recorded(shard, text, version) => {
                self.reach.see(CONFIG_MAP, version);
                let read = self.register.read_shard(shard, text.as_deref());
                self.take_claims("the record of claims", read);
            }
            Change::Granted(text, version) => {
                self.reach.see(CONFIG_MAP, version);
                let read = self.register.read_grants(text.as_deref());
                self.take_claims("claims.grants", read);
            }
        }
    }

    fn show_classes(&self) {
        self.out.classes.send_replace(Arc::new(self.classes.values().cloned().collect()));
    }

    fn take_claims(&mut self, what: &str, read: Result<bool, serde_json::Error>) {
        match read {
            Ok(true) => self.translator.claim(self.register.claims()),
            Ok(false) => {}
            Err(error) => tracing::error!("{what} cannot be read, the one before it stays: {error}"),
        }
    }
}
