//! The last good configuration of a proxy, on disk, so that it restarts while no controller answers.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use prost::Message as _;
use weir_model::Delta;

use crate::{Assembly, ledger::Position, proto::FromController};

/// The file in the folder.
const FILE: &str = "configuration";

/// A folder that outlives the process. It holds private keys: give it memory, not a disk.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

// === impl Store ===

impl Store {
    /// A store in a folder, which has to exist.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// What was saved last, and the change that turns an empty Blueprint into it. `None` if nothing was, or
    /// if it cannot be read any more, which is logged.
    pub fn load(&self) -> Option<(Assembly, Delta)> {
        let path = self.folder.join(FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return unreadable(&path, &error),
        };
        let saved = match FromController::decode(&*bytes) {
            Ok(saved) => saved,
            Err(error) => return unreadable(&path, &error),
        };
        let mut assembly = Assembly::default();
        let position = saved.position.map(Position::from)?;
        let (delta, refused) = assembly.apply(position, true, saved.resources);
        assembly.made_from(&saved.horizon.unwrap_or_default().into());
        for one in refused {
            tracing::warn!(resource = one.resource, "not served from {}: {}", path.display(), one.reason);
        }
        Some((assembly, delta))
    }

    /// Replaces what was saved, as a whole. Its group may read it: a proxy that starts as root, without the
    /// right to read everything, finds again what it wrote as somebody else.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn save(&self, assembly: &Assembly) -> io::Result<()> {
        let position = assembly.position().cloned().map(Into::into);
        let resources = assembly.resources();
        let horizon = Some(assembly.horizon().clone().into());
        let saved =
            FromController { position, complete: true, resources, horizon, ..FromController::default() };
        let next = self.folder.join(format!("{FILE}.next"));
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o640).open(&next)?;
        file.write_all(&saved.encode_to_vec())?;
        file.sync_all()?;
        fs::rename(next, self.folder.join(FILE))
    }
}

fn unreadable<T>(path: &Path, error: &dyn std::error::Error) -> Option<T> {
    tracing::warn!("{} cannot be read ({error}); waiting for a controller instead", path.display());
    None
}
