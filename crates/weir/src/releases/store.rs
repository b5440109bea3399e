//! States of releases in a folder, each with the last spec that made sense: one file each, replaced as a whole.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use weir_crd::Accepted;
use weir_model::ReleaseKey;
use weir_release::state::State;

/// What is stored, by release.
pub(crate) type States = BTreeMap<ReleaseKey, Stored>;

/// What is stored of a release.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stored {
    /// Where it stands.
    #[serde(flatten)]
    pub(crate) state: State,
    /// The last spec that made sense.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) accepted: Option<Accepted>,
    /// Its place among the objects of all files; the smaller counts as the older.
    #[serde(default)]
    pub(crate) order: u64,
}

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
                    states.extend([read(&path)?]);
                }
            }
        }
        Ok((Self { folder }, states))
    }

    /// Stores a release. Once it returns, not even a power failure takes it away.
    pub(crate) fn save(&self, key: &ReleaseKey, stored: &Stored) -> io::Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let (path, next) = (file(folder, key), folder.join(format!(".{}.{}.next", key.namespace, key.name)));
        let mut text = serde_json::to_vec_pretty(stored)?;
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

fn read(path: &Path) -> anyhow::Result<(ReleaseKey, Stored)> {
    let remedy = "mend it, or remove it to let the release begin again";
    let at = || format!("the state {} cannot be read; {remedy}", path.display());
    let text = fs::read(path).with_context(at)?;
    let stored = serde_json::from_slice(&text).with_context(at)?;
    let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    let (namespace, name) = name.split_once('_').with_context(at)?;
    Ok((ReleaseKey::new(namespace, name), stored))
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
        let accepted = Accepted { generation: None, spec: serde_json::json!({ "routes": [] }) };
        let (key, order) = (ReleaseKey::new("shop", "web.v2"), 7 << 32);
        let stored = Stored { state: State::default(), accepted: Some(accepted), order };
        store.save(&key, &stored)?;
        assert_eq!(Store::open(path.clone())?.1, States::from([(key.clone(), stored)]));
        store.remove(&key)?;
        store.remove(&key)?;
        assert!(Store::open(path)?.1.is_empty());
        Ok(())
    }

    #[test]
    fn a_state_without_a_spec_is_a_state() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("shop_web.json"), r#"{ "phase": "Superseded" }"#)?;
        let states = Store::open(Some(folder.path().to_owned()))?.1;
        let stored = &states[&ReleaseKey::new("shop", "web")];
        assert_eq!((stored.state.phase.as_str(), &stored.accepted), ("Superseded", &None));
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
