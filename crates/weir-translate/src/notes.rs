//! Collects the findings of one object.

use weir_model::{Code, Finding, ObjectRef};

/// The object under translation with what there is to say about it.
#[derive(Debug)]
pub(crate) struct Notes {
    pub(crate) id: ObjectRef,
    pub(crate) findings: Vec<Finding>,
}

// === impl Notes ===

impl Notes {
    pub(crate) fn new(id: ObjectRef) -> Self {
        Self { id, findings: Vec::new() }
    }

    /// Notes something about a field.
    pub(crate) fn add(&mut self, code: Code, field: impl Into<String>, message: impl Into<String>) {
        self.findings.push(Finding::new(code, self.id.clone(), field, message));
    }

    /// Notes something about an annotation.
    pub(crate) fn annotation(&mut self, code: Code, key: &str, message: impl Into<String>) {
        self.add(code, annotation_field(key), message);
    }
}

/// How the field of an annotation is written.
pub(crate) fn annotation_field(key: &str) -> String {
    format!("metadata.annotations[{key}]")
}

/// A value as a message quotes it: control characters escaped, long texts cut.
pub(crate) fn quote(value: &str) -> String {
    const LIMIT: usize = 80;
    match value.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{:?}…", &value[..end]),
        None => format!("{value:?}"),
    }
}
