//! Manifests of the tests.

use std::{fs, path::Path};

use serde_json::Value;

/// The documents of a text.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The manifests of the repository and the one of the design, with their paths.
pub(crate) fn manifests() -> Vec<(String, Value)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let examples = fs::read_dir(root.join("../../examples/releases")).unwrap();
    let mut files: Vec<_> = examples.map(|entry| entry.unwrap().path()).collect();
    files.push(root.join("tests/fixtures/design.yaml"));
    files.sort();
    let read = |path: std::path::PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        documents(&text).into_iter().map(move |document| (path.display().to_string(), document))
    };
    files.into_iter().flat_map(read).collect()
}
