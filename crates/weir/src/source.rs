//! The standalone source: files of manifests, as one whole.
//!
//! ```text
//! Watch ─ something changed ─► Folder ─ changed texts ─► Catalogue ─ objects ─► Translator ─► Delta
//!  (notify)                     (stat, read)              (pure)
//! ```
//!
//! A change takes effect only when every file can be read. Until then the last good set stays in force,
//! and [`Broken`] says which file, line and column stand in the way.

mod broken;
mod catalogue;
mod folder;
mod readings;
mod stamp;
mod watch;

use std::{collections::BTreeSet, path::PathBuf};

use weir_model::{Blueprint, Delta, Finding, Kind, ObjectRef, ReleaseKey};
use weir_release::state::State;
use weir_translate::{Config, Translator, object::Object};

use crate::{
    cores,
    releases::{States, Stored},
};
pub use broken::Broken;
pub use catalogue::{Catalogue, Changes, Reading, read};
use folder::Folder;
pub(crate) use watch::{Stop, Watch};

/// Files, the objects in them, and what Weir makes of these.
#[derive(Debug)]
pub(crate) struct Source {
    folder: Folder,
    catalogue: Catalogue,
    translator: Translator,
    /// Releases that no file defines any more, and that are not over with.
    leaving: BTreeSet<ReleaseKey>,
    /// What was stored of releases before any file was read.
    states: States,
    is_fresh: bool,
}

// === impl Source ===

impl Source {
    /// A source that has read nothing yet.
    pub(crate) fn new(roots: Vec<PathBuf>, config: Config) -> Self {
        let (catalogue, translator) = (Catalogue::default(), Translator::new(config));
        let (leaving, states) = (BTreeSet::new(), States::new());
        Self { folder: Folder::new(roots), catalogue, translator, leaving, states, is_fresh: true }
    }

    /// Takes over where releases stand.
    pub(crate) fn with_states(self, states: States) -> Self {
        Self { states, ..self }
    }

    /// Reads what has changed in the files and says what changes in what is served; `None` if no file
    /// has changed.
    ///
    /// # Errors
    /// When a file cannot be read: then nothing changes, and the next call tries again.
    pub(crate) fn refresh(&mut self) -> Result<Option<Delta>, Vec<Broken>> {
        let mut broken = self.stage();
        broken.extend(self.catalogue.broken());
        if !broken.is_empty() {
            return Err(broken);
        }
        Ok(self.catalogue.is_staged().then(|| self.commit()))
    }

    /// Reads what has changed and takes over whatever can be read; the rest is returned.
    pub(crate) fn refresh_readable(&mut self) -> Vec<Broken> {
        let mut broken = self.stage();
        broken.extend(self.catalogue.forget_broken());
        self.commit();
        broken
    }

    fn stage(&mut self) -> Vec<Broken> {
        let scan = self.folder.scan();
        // The first reading has the machine for itself; later ones must not slow traffic down.
        let threads = if self.is_fresh { cores() } else { 1 };
        self.is_fresh = false;
        for (file, reading) in readings::read_all(&scan.changed, threads) {
            self.catalogue.stage(&file, reading);
        }
        for file in scan.gone {
            self.catalogue.stage_removal(&file);
        }
        scan.broken
    }

    fn commit(&mut self) -> Delta {
        let changes = self.catalogue.commit();
        for id in &changes.delete {
            match release(id) {
                // It may hold requests away from a version that is offline: it goes when it can.
                Some(key) if self.translator.releases().contains_key(&key) => drop(self.leaving.insert(key)),
                _ => self.translator.delete(id),
            }
        }
        for (object, order) in changes.apply {
            let key = release(&object.id());
            self.translator.apply(object, order);
            if let Some(key) = key {
                self.leaving.remove(&key);
            }
        }
        self.restore();
        self.translator.translate()
    }

    /// Puts releases where they stood before the program began. One that no file defines any more was removed
    /// meanwhile: it goes when it can, like one that is removed while somebody looks.
    fn restore(&mut self) {
        for (key, stored) in std::mem::take(&mut self.states) {
            let defined = self.translator.releases().contains_key(&key);
            if !defined && stored.accepted.is_none() {
                // Nobody knows what it is a state of, unless a file says so later.
                self.states.insert(key, stored);
                continue;
            }
            if !defined {
                self.leaving.insert(key.clone());
            }
            let Stored { state, accepted, order } = stored;
            self.translator.restore_release(&key, state, accepted, order);
        }
    }

    /// What translates.
    pub(crate) fn translator(&self) -> &Translator {
        &self.translator
    }

    /// Puts a release where it stands now; [`Self::translate`] says what follows.
    pub(crate) fn set_release_state(&mut self, key: &ReleaseKey, state: State) {
        self.translator.set_release_state(key, state);
    }

    /// What changed since the last time.
    pub(crate) fn translate(&mut self) -> Delta {
        self.translator.translate()
    }

    /// Whether no file defines a release any more.
    pub(crate) fn is_leaving(&self, key: &ReleaseKey) -> bool {
        self.leaving.contains(key)
    }

    /// Lets a release go.
    pub(crate) fn forget_release(&mut self, key: &ReleaseKey) {
        self.leaving.remove(key);
        self.translator.delete(&ObjectRef::new(Kind::Release, key.namespace.clone(), key.name.clone()));
    }

    /// Whether a file was being written while it was read, so that the next look must not be far.
    pub(crate) fn is_unsettled(&self) -> bool {
        self.folder.is_unsettled()
    }

    /// Whether there is no file at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.catalogue.is_empty()
    }

    /// What is served.
    pub(crate) fn blueprint(&self) -> &Blueprint {
        self.translator.blueprint()
    }

    /// Everything there is to say about the files and the objects in force, sorted, each once.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let mut findings = self.catalogue.findings();
        findings.extend(self.translator.findings());
        crate::findings::sort(&mut findings);
        findings
    }

    /// Every place where an object is defined, as `FILE:LINE`; the first is in force.
    pub(crate) fn places(&self, id: &ObjectRef) -> Vec<String> {
        self.catalogue.places(id)
    }

    /// The objects in force.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &Object> {
        self.catalogue.objects()
    }
}

/// The release that an object is, if it is one.
fn release(id: &ObjectRef) -> Option<ReleaseKey> {
    (id.kind == Kind::Release).then(|| ReleaseKey::new(id.namespace.clone(), id.name.clone()))
}
