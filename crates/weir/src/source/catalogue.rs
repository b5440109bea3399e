//! What all files together define: texts in, changes of objects out, without any input or output.

mod definitions;

use std::{collections::BTreeMap, collections::BTreeSet, ops::Bound, sync::Arc};

use weir_model::{Finding, ObjectRef};
use weir_translate::{
    manifest::{self, Manifest},
    object::Object,
};

use super::Broken;
use definitions::Definitions;

/// The distance between the ranks of neighbouring files, so that a new one fits between them.
const GAP: u32 = 1 << 10;

/// The files in force, and what was read of them since.
///
/// Files count in the order of their paths. Of an object that is defined twice, the first definition is
/// in force.
#[derive(Debug, Default)]
pub struct Catalogue {
    files: BTreeMap<Arc<str>, File>,
    staged: BTreeMap<Arc<str>, Staged>,
    definitions: Definitions,
}

/// A file in force.
#[derive(Debug)]
struct File {
    /// Grows with the path; leaves gaps.
    rank: u32,
    manifest: Manifest,
}

/// What was read of a file and is not in force yet.
#[derive(Debug)]
enum Staged {
    Read(Manifest),
    Gone,
    Broken(Broken),
}

/// What changed among the objects in force.
#[derive(Debug, Default, PartialEq)]
pub struct Changes {
    /// New or changed objects, with a number that tells which of two was defined first.
    pub apply: Vec<(Object, u64)>,
    /// Objects that no file defines any more.
    pub delete: Vec<ObjectRef>,
}

/// What a file says, or why it cannot be read.
pub type Reading = Result<Manifest, Broken>;

/// Reads the text of a file.
///
/// # Errors
/// When it is no manifest.
pub fn read(file: &Arc<str>, text: &str) -> Reading {
    manifest::read(text).map_err(|unreadable| Broken::text(file, unreadable))
}

// === impl Catalogue ===

impl Catalogue {
    /// Takes note of what a file says now.
    pub fn stage(&mut self, file: &Arc<str>, reading: Reading) {
        let staged = reading.map_or_else(Staged::Broken, Staged::Read);
        self.staged.insert(Arc::clone(file), staged);
    }

    /// Takes note that a file is gone.
    pub fn stage_removal(&mut self, file: &Arc<str>) {
        self.staged.insert(Arc::clone(file), Staged::Gone);
    }

    /// Whether no file is in force.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Whether anything was noted that is not in force.
    pub fn is_staged(&self) -> bool {
        !self.staged.is_empty()
    }

    /// The files that cannot be read, in the order of their paths.
    pub fn broken(&self) -> impl Iterator<Item = Broken> {
        self.staged.values().filter_map(Staged::broken).cloned()
    }

    /// Forgets, and returns, the readings that failed; the last good ones of these files stay.
    pub fn forget_broken(&mut self) -> Vec<Broken> {
        let broken = self.broken().collect();
        self.staged.retain(|_, staged| staged.broken().is_none());
        broken
    }

    /// Puts everything that was noted in force, as one change; nothing, if a file is broken.
    pub fn commit(&mut self) -> Changes {
        if self.broken().next().is_some() {
            return Changes::default();
        }
        let mut touched = BTreeSet::new();
        for (file, staged) in std::mem::take(&mut self.staged) {
            self.replace(file, staged, &mut touched);
        }
        self.changes(touched)
    }

    /// Replaces a file and collects the objects that its old and its new text define.
    fn replace(&mut self, file: Arc<str>, staged: Staged, touched: &mut BTreeSet<ObjectRef>) {
        if let Some(old) = self.files.remove(&file) {
            for object in &old.manifest.objects {
                self.definitions.remove(&object.id(), &file);
                touched.insert(object.id());
            }
        }
        let Staged::Read(manifest) = staged else { return };
        for (index, object) in manifest.objects.iter().enumerate() {
            self.definitions.insert(object.id(), &file, index);
            touched.insert(object.id());
        }
        let rank = self.rank_for(&file, touched);
        self.files.insert(file, File { rank, manifest });
    }

    /// A rank between the neighbours. Where none is left, all files get new ones.
    fn rank_for(&mut self, file: &Arc<str>, touched: &mut BTreeSet<ObjectRef>) -> u32 {
        if let Some(rank) = self.free_rank(file) {
            return rank;
        }
        for (rank, file) in (1..).zip(self.files.values_mut()) {
            file.rank = rank * GAP;
        }
        touched.extend(self.definitions.ids().cloned());
        self.free_rank(file).unwrap_or(u32::MAX)
    }

    fn free_rank(&self, file: &Arc<str>) -> Option<u32> {
        let before = self.files.range(..Arc::clone(file)).next_back().map_or(0, |(_, file)| file.rank);
        let behind = (Bound::Excluded(Arc::clone(file)), Bound::Unbounded);
        let middle = match self.files.range(behind).next() {
            Some((_, next)) => u32::midpoint(before, next.rank),
            None => before.checked_add(GAP)?,
        };
        (middle > before).then_some(middle)
    }

    fn changes(&self, touched: BTreeSet<ObjectRef>) -> Changes {
        let mut changes = Changes::default();
        for id in touched {
            match self.definitions.first(&id) {
                Some((file, index)) => changes.apply.push(self.object(file, index)),
                None => changes.delete.push(id),
            }
        }
        changes
    }

    fn object(&self, file: &str, index: usize) -> (Object, u64) {
        let file = &self.files[file];
        let order = (u64::from(file.rank) << 32) + index as u64;
        (file.manifest.objects[index].clone(), order)
    }

    /// The objects in force, in the order of their files.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.files.iter().flat_map(move |(path, file)| {
            let in_force = move |object: &&Object| {
                self.definitions.first(&object.id()).is_some_and(|(first, _)| *first == **path)
            };
            file.manifest.objects.iter().filter(in_force)
        })
    }

    /// Every place where an object is defined, as `FILE:LINE`; the first is in force.
    pub fn places(&self, id: &ObjectRef) -> Vec<String> {
        let lines = |file: &Arc<str>| {
            let lines = self.files[file].manifest.lines_of(id);
            lines.map(|line| format!("{file}:{line}")).collect::<Vec<_>>()
        };
        self.definitions.files(id).flat_map(lines).collect()
    }

    /// What there is to say about the files in force and about objects that are defined twice.
    pub fn findings(&self) -> Vec<Finding> {
        let repeated = self.definitions.repeated().cloned().map(manifest::duplicate);
        self.files.values().flat_map(|file| &file.manifest.findings).cloned().chain(repeated).collect()
    }
}

impl Staged {
    fn broken(&self) -> Option<&Broken> {
        match self {
            Self::Broken(broken) => Some(broken),
            Self::Read(_) | Self::Gone => None,
        }
    }
}

#[cfg(test)]
mod tests;
