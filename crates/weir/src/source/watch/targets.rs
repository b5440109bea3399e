//! What to watch in order to hear of every change of some paths.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use notify::RecursiveMode;

/// Folders to watch. Equal only if they are the same folders, not just of the same names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Targets(BTreeMap<PathBuf, Target>);

#[derive(Debug, PartialEq, Eq)]
struct Target {
    interest: Interest,
    identity: Option<(u64, u64)>,
}

/// What counts of a folder.
#[derive(Debug, PartialEq, Eq)]
enum Interest {
    /// Everything below it.
    Tree,
    /// What stands in it.
    Entries,
    /// Of what stands in it, these: other programs may be busy beside them.
    Named(BTreeSet<OsString>),
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
            let tree = target.interest == Interest::Tree;
            (&**path, if tree { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive })
        })
    }

    /// Whether a change of this path may be one of the manifests.
    pub(super) fn concern(&self, path: &Path) -> bool {
        self.0.iter().any(|(folder, target)| match &target.interest {
            Interest::Tree => path.starts_with(folder),
            Interest::Entries => path.parent() == Some(folder) || path == folder,
            Interest::Named(names) => {
                path.parent() == Some(folder) && path.file_name().is_some_and(|name| names.contains(name))
            }
        })
    }

    /// A folder with everything in it. A file by its folder, because whoever replaces it by a rename
    /// touches only that; a folder, or a symbolic link to one, may be replaced likewise.
    fn add_root(&mut self, root: &Path) {
        let is_folder = fs::metadata(root).is_ok_and(|metadata| metadata.is_dir());
        if let (true, Ok(real)) = (is_folder, fs::canonicalize(root)) {
            self.add(real, Interest::Tree);
        }
        let parent = root.parent().filter(|parent| !parent.as_os_str().is_empty());
        let name = root.file_name().filter(|_| is_folder);
        let interest = name.map_or(Interest::Entries, |name| Interest::Named([name.to_owned()].into()));
        self.add(parent.map_or_else(|| PathBuf::from("."), Path::to_owned), interest);
    }

    fn add(&mut self, path: PathBuf, interest: Interest) {
        let Ok(metadata) = fs::metadata(&path) else { return };
        match self.0.entry(path) {
            Entry::Vacant(entry) => drop(entry.insert(Target { interest, identity: identity(&metadata) })),
            Entry::Occupied(mut entry) => entry.get_mut().interest.join(interest),
        }
    }
}

// === impl Interest ===

impl Interest {
    /// Takes the greater interest.
    fn join(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Tree, _) | (Self::Entries, Self::Entries | Self::Named(_)) => {}
            (Self::Named(names), Self::Named(more)) => names.extend(more),
            (_, other) => *self = other,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_a_folder_do_not_count_but_those_of_a_file_do() -> std::io::Result<()> {
        let home = tempfile::tempdir()?;
        let home = fs::canonicalize(home.path())?;
        let folder = home.join("manifests");
        fs::create_dir_all(folder.join("a"))?;
        let targets = Targets::of(std::slice::from_ref(&folder));
        assert!(targets.concern(&folder.join("a/b.yaml")) && targets.concern(&folder));
        assert!(!targets.concern(&home.join("other")));
        // A mounted file is a link through a neighbour, which is what the kubelet replaces.
        let targets = Targets::of(&[home.join("one.yaml")]);
        assert!(targets.concern(&home.join("..data")) && !targets.concern(&folder.join("a")));
        Ok(())
    }
}
