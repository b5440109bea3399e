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
    /// The first line of the document that each of these stands in, from 1.
    pub lines: Vec<usize>,
    /// Objects that the text defines again, and the line of each. They have no effect.
    pub repeated: Vec<(ObjectRef, usize)>,
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
    if let Some(peek) = document.read(typed::PeekSeed)? {
        document.read(typed::ObjectSeed { peek: &peek, sink })?;
    }
    sink.lines.resize(sink.objects.len(), document.line());
    Ok(())
}

fn deduplicate(sink: Sink) -> Manifest {
    let Sink { objects, lines, findings } = sink;
    let mut manifest = Manifest { findings, ..Manifest::default() };
    let mut seen = BTreeSet::new();
    for (object, line) in objects.into_iter().zip(lines) {
        if seen.insert(object.id()) {
            manifest.objects.push(object);
            manifest.lines.push(line);
        } else {
            manifest.findings.push(duplicate(object.id()));
            manifest.repeated.push((object.id(), line));
        }
    }
    manifest
}

/// The finding for an object that is defined a second time.
pub fn duplicate(id: ObjectRef) -> Finding {
    let message = format!("{id} is defined twice; the first definition is served. Remove one of them.");
    Finding::new(Code::DuplicateObject, id, "metadata.name", message)
}

// === impl Manifest ===

impl Manifest {
    /// The lines where an object is defined, in the order of the text. Looks at every object.
    pub fn lines_of<'a>(&'a self, id: &'a ObjectRef) -> impl Iterator<Item = usize> {
        let objects = self.objects.iter().zip(&self.lines).filter(move |(object, _)| object.id() == *id);
        let repeated = self.repeated.iter().filter(move |(again, _)| again == id);
        objects.map(|(_, line)| *line).chain(repeated.map(|(_, line)| *line))
    }
}

#[cfg(test)]
mod tests;
