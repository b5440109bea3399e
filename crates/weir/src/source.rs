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

use std::path::PathBuf;

use weir_model::{Blueprint, Delta, Finding};
use weir_translate::{Config, Translator, object::Object};

use crate::cores;
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
    is_fresh: bool,
}

// === impl Source ===

impl Source {
    /// A source that has read nothing yet.
    pub(crate) fn new(roots: Vec<PathBuf>, config: Config) -> Self {
        let (catalogue, translator) = (Catalogue::default(), Translator::new(config));
        Self { folder: Folder::new(roots), catalogue, translator, is_fresh: true }
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
            self.translator.delete(id);
        }
        for (object, order) in changes.apply {
            self.translator.apply(object, order);
        }
        self.translator.translate()
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

    /// The objects in force.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &Object> {
        self.catalogue.objects()
    }
}
