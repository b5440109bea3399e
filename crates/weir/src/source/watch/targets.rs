//! What to watch in order to hear of every change of some paths.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use notify::RecursiveMode;

/// Folders to watch. Equal only if they are the same folders, not just of the same names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Targets(BTreeMap<PathBuf, Target>);

#[derive(Debug, PartialEq, Eq)]
struct Target {
    recursive: bool,
    identity: Option<(u64, u64)>,
}

// === impl Targets ===

impl Targets {
    pub(super) fn of(roots: &[PathBuf]) -> Self {
        let mut targets = Self::default();
        for root in roots {
            targets.add_root(root);
        }
        targets
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Path, RecursiveMode)> {
        self.0.iter().map(|(path, target)| {
            let mode = if target.recursive { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
            (&**path, mode)
        })
    }

    /// A folder with everything in it. A file by its folder, because whoever replaces it by a rename
    /// touches only that; a symbolic link likewise.
    fn add_root(&mut self, root: &Path) {
        let is_folder = fs::metadata(root).is_ok_and(|metadata| metadata.is_dir());
        let is_link = fs::symlink_metadata(root).is_ok_and(|metadata| metadata.is_symlink());
        if let (true, Ok(real)) = (is_folder, fs::canonicalize(root)) {
            self.add(real, true);
        }
        if !is_folder || is_link {
            let parent = root.parent().filter(|parent| !parent.as_os_str().is_empty());
            self.add(parent.map_or_else(|| PathBuf::from("."), Path::to_owned), false);
        }
    }

    fn add(&mut self, path: PathBuf, recursive: bool) {
        let Ok(metadata) = fs::metadata(&path) else { return };
        let identity = identity(&metadata);
        let target = self.0.entry(path).or_insert(Target { recursive, identity });
        target.recursive |= recursive;
    }
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "there is none elsewhere")]
fn identity(metadata: &fs::Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(_: &fs::Metadata) -> Option<(u64, u64)> {
    None
}
