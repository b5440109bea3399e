//! Files on disk: which there are, and which have changed since the last look.

mod walk;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Broken,
    stamp::{self, Stamp},
};

/// The path that stands for standard input.
pub(crate) const STANDARD_INPUT: &str = "-";

/// The files below some roots.
#[derive(Debug)]
pub(crate) struct Folder {
    roots: Vec<PathBuf>,
    known: BTreeMap<Arc<str>, Known>,
    unsettled: bool,
}

/// A file as it was when it was last read.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// `None` where the file has to be read again.
    stamp: Option<Stamp>,
    digest: u64,
}

/// What a look at the files has brought.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// New and changed files.
    pub(crate) changed: Vec<(Arc<str>, Result<String, Broken>)>,
    /// Files that were there before.
    pub(crate) gone: Vec<Arc<str>>,
    /// Roots and folders that cannot be listed.
    pub(crate) broken: Vec<Broken>,
}

// === impl Folder ===

impl Folder {
    pub(crate) fn new(roots: Vec<PathBuf>) -> Self {
        Self { roots, known: BTreeMap::new(), unsettled: false }
    }

    /// Looks at all files, and reads those that are not as they were.
    pub(crate) fn scan(&mut self) -> Scan {
        let mut scan = Scan::default();
        let files = walk::files(&self.roots, &mut scan.broken);
        self.unsettled = false;
        if scan.broken.is_empty() {
            scan.gone = self.known.keys().filter(|name| !files.contains_key(*name)).cloned().collect();
            self.known.retain(|name, _| files.contains_key(name));
        }
        for (name, path) in files {
            self.look(&name, &path, &mut scan);
        }
        scan
    }

    /// Whether a file was being written while it was read.
    pub(crate) fn is_unsettled(&self) -> bool {
        self.unsettled
    }

    fn look(&mut self, name: &Arc<str>, path: &Path, scan: &mut Scan) {
        let known = self.known.get(name).copied();
        if known.is_some_and(|known| known.stamp.is_some() && known.stamp == stamp(path)) {
            return;
        }
        match read(path) {
            Ok((content, stamp)) => {
                self.unsettled |= stamp.is_none();
                let digest = stamp::digest(&content);
                let stamp = stamp.filter(Stamp::is_settled);
                self.known.insert(Arc::clone(name), Known { stamp, digest });
                if known.is_none_or(|known| known.digest != digest) {
                    scan.changed.push((Arc::clone(name), text(name, content)));
                }
            }
            // It was there a moment ago; the next look tells whether it is gone.
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.unsettled = true,
            Err(error) => {
                // The digest of what cannot be read is that of nothing that can.
                self.known.insert(Arc::clone(name), Known { stamp: None, digest: u64::MAX });
                scan.changed.push((Arc::clone(name), Err(Broken::file(name, error))));
            }
        }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    fs::metadata(path).ok().as_ref().map(Stamp::of)
}

/// The content, and the stamp if it was the same before and after reading.
fn read(path: &Path) -> io::Result<(Vec<u8>, Option<Stamp>)> {
    let mut content = Vec::new();
    if path == Path::new(STANDARD_INPUT) {
        io::stdin().lock().read_to_end(&mut content)?;
        return Ok((content, None));
    }
    let mut file = File::open(path)?;
    let before = Stamp::of(&file.metadata()?);
    file.read_to_end(&mut content)?;
    let after = stamp(path);
    Ok((content, after.filter(|after| *after == before)))
}

fn text(name: &Arc<str>, content: Vec<u8>) -> Result<String, Broken> {
    String::from_utf8(content).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.split(|byte| *byte == b'\n').count();
        let column = valid.rsplit(|byte| *byte == b'\n').next().map_or(0, <[u8]>::len) + 1;
        Broken { file: Arc::clone(name), at: Some((line, column)), reason: "this is not UTF-8 text".into() }
    })
}

#[cfg(test)]
mod tests;
