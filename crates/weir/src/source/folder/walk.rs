//! Finds the manifests below a path.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::STANDARD_INPUT;
use crate::source::Broken;

/// Deeper folders are taken for a loop of symbolic links.
const DEEPEST: usize = 32;

/// Every manifest by the name that people know it by. What cannot be listed goes to `broken`.
pub(super) fn files(roots: &[PathBuf], broken: &mut Vec<Broken>) -> BTreeMap<Arc<str>, PathBuf> {
    let mut files = BTreeMap::new();
    for root in roots {
        if root == Path::new(STANDARD_INPUT) {
            files.insert(name(root), root.clone());
        } else if let Err(error) = add(root, 0, &mut files) {
            broken.push(error);
        }
    }
    files
}

/// Adds a root, whatever its name is, or everything below it.
fn add(path: &Path, depth: usize, files: &mut BTreeMap<Arc<str>, PathBuf>) -> Result<(), Broken> {
    let failed = |error: io::Error| Broken::file(&name(path), reason(&error));
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        files.insert(name(path), path.to_owned());
        return Ok(());
    }
    if depth > DEEPEST {
        return Err(Broken::file(&name(path), "folders are nested too deeply; is a symbolic link a loop?"));
    }
    for entry in fs::read_dir(path).map_err(failed)? {
        add_entry(&entry.map_err(failed)?.path(), depth + 1, files)?;
    }
    Ok(())
}

/// What vanishes between listing and looking was not there.
fn add_entry(path: &Path, depth: usize, files: &mut BTreeMap<Arc<str>, PathBuf>) -> Result<(), Broken> {
    if is_hidden(path) {
        return Ok(());
    }
    let Ok(metadata) = fs::metadata(path) else { return Ok(()) };
    if metadata.is_dir() {
        let added = add(path, depth, files);
        return if path.exists() { added } else { Ok(()) };
    }
    if is_manifest(path) {
        files.insert(name(path), path.to_owned());
    }
    Ok(())
}

/// Kubernetes keeps the versions of a mounted `ConfigMap` in hidden folders, editors their drafts.
fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn is_manifest(path: &Path) -> bool {
    path.extension().and_then(OsStr::to_str).is_some_and(|end| matches!(end, "yaml" | "yml" | "json"))
}

fn name(path: &Path) -> Arc<str> {
    match path.to_str() {
        Some(STANDARD_INPUT) => "<stdin>".into(),
        _ => path.to_string_lossy().into(),
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or folder".into(),
        io::ErrorKind::PermissionDenied => "it may not be read (permission denied)".into(),
        _ => error.to_string(),
    }
}
