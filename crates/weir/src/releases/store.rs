//! States of releases in a folder: one file each, replaced as a whole.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use weir_model::ReleaseKey;
use weir_release::state::State;

/// States by release.
pub(crate) type States = BTreeMap<ReleaseKey, State>;

/// Where states are kept.
#[derive(Debug)]
pub(crate) struct Store {
    folder: Option<PathBuf>,
}

// === impl Store ===

impl Store {
    /// Opens a folder, and makes it where it is missing. Without one nothing is kept.
    ///
    /// # Errors
    /// When the folder cannot be used, or what is in it cannot be read: then nobody knows where releases stand.
    pub(crate) fn open(folder: Option<PathBuf>) -> anyhow::Result<(Self, States)> {
        let mut states = States::new();
        if let Some(folder) = &folder {
            let at = || format!("the state folder {} (--state)", folder.display());
            fs::create_dir_all(folder).with_context(at)?;
            for entry in fs::read_dir(folder).with_context(at)? {
                let path = entry.with_context(at)?.path();
                if path.extension().is_some_and(|extension| extension == "json") {
                    let (key, state) = read(&path)?;
                    states.insert(key, state);
                }
            }
        }
        Ok((Self { folder }, states))
    }

    /// Stores a state. Once it returns, not even a power failure takes it away.
    pub(crate) fn save(&self, key: &ReleaseKey, state: &State) -> io::Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let (path, next) = (file(folder, key), folder.join(format!(".{}.{}.next", key.namespace, key.name)));
        let mut text = serde_json::to_vec_pretty(state)?;
        text.push(b'\n');
        let mut out = File::create(&next)?;
        out.write_all(&text)?;
        out.sync_all()?;
        fs::rename(&next, &path)?;
        File::open(folder)?.sync_all()
    }

    /// Forgets a state.
    pub(crate) fn remove(&self, key: &ReleaseKey) -> io::Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        match fs::remove_file(file(folder, key)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }
}

/// Names of objects hold no `_`, so two releases never share a file.
fn file(folder: &Path, key: &ReleaseKey) -> PathBuf {
    folder.join(format!("{}_{}.json", key.namespace, key.name))
}

fn read(path: &Path) -> anyhow::Result<(ReleaseKey, State)> {
    let remedy = "mend it, or remove it to let the release begin again";
    let at = || format!("the state {} cannot be read; {remedy}", path.display());
    let text = fs::read(path).with_context(at)?;
    let state = serde_json::from_slice(&text).with_context(at)?;
    let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    let (namespace, name) = name.split_once('_').with_context(at)?;
    Ok((ReleaseKey::new(namespace, name), state))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_read_again() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = Some(folder.path().join("state"));
        let (store, states) = Store::open(path.clone())?;
        assert!(states.is_empty());
        let (key, state) = (ReleaseKey::new("shop", "web.v2"), State::default());
        store.save(&key, &state)?;
        assert_eq!(Store::open(path.clone())?.1, States::from([(key.clone(), state)]));
        store.remove(&key)?;
        store.remove(&key)?;
        assert!(Store::open(path)?.1.is_empty());
        Ok(())
    }

    #[test]
    fn a_spoilt_state_is_named_and_not_taken_for_none() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("shop_web.json"), "{")?;
        let error = Store::open(Some(folder.path().to_owned())).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("shop_web.json"), "{error:#}");
        Ok(())
    }
}
