//! Files: multi-document YAML or JSON to objects.
//!
//! A text that can't be read in full gives an error with line and column and no objects, so that the
//! caller can keep serving what it had. What can be read but means nothing gives findings.

mod document;
mod field;
mod typed;

use std::collections::BTreeSet;

use weir_model::{Code, Finding, ObjectRef};

use crate::object::Object;
use document::Document;
use typed::Sink;

/// The content of one file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifest {
    /// In the order of the text.
    pub objects: Vec<Object>,
    /// Unknown kinds, unknown fields, repeated objects.
    pub findings: Vec<Finding>,
}

/// Where and why a text can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {reason}")]
pub struct Unreadable {
    /// 1 is the first line of the file; 0 if unknown.
    pub line: usize,
    /// 1 is the first column; 0 if unknown.
    pub column: usize,
    /// What is wrong, with the field where one is known.
    pub reason: String,
}

/// Reads the text of one file: YAML documents or JSON, with `List` objects unfolded.
///
/// # Errors
/// When any part of the text is neither, or an object has a value of the wrong type.
pub fn read(text: &str) -> Result<Manifest, Unreadable> {
    let mut sink = Sink::default();
    for document in document::split(text) {
        read_document(&document, &mut sink)?;
    }
    Ok(deduplicate(sink))
}

fn read_document(document: &Document<'_>, sink: &mut Sink) -> Result<(), Unreadable> {
    if document.is_blank() {
        return Ok(());
    }
    match document.read(typed::PeekSeed)? {
        Some(peek) => document.read(typed::ObjectSeed { peek: &peek, sink }),
        None => Ok(()),
    }
}

fn deduplicate(sink: Sink) -> Manifest {
    let Sink { objects, mut findings } = sink;
    let mut seen = BTreeSet::new();
    let keep = |object: &Object| {
        let first = seen.insert(object.id());
        if !first {
            findings.push(duplicate(object.id()));
        }
        first
    };
    let objects = objects.into_iter().filter(keep).collect();
    Manifest { objects, findings }
}

/// The finding for an object that is defined a second time.
pub fn duplicate(id: ObjectRef) -> Finding {
    let message = format!("{id} is defined twice; the first definition is served. Remove one of them.");
    Finding::new(Code::DuplicateObject, id, "metadata.name", message)
}

#[cfg(test)]
mod tests;
