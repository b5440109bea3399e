//! One document of a file, with positions that count from the file's first line.

use serde::de::DeserializeSeed;

use super::{Unreadable, field};

/// A part of the text between document markers.
#[derive(Debug)]
pub(super) struct Document<'t> {
    text: &'t str,
    /// Lines of the file before this document.
    offset: usize,
}

/// Cuts a text at its document markers.
pub(super) fn split(text: &str) -> Vec<Document<'_>> {
    let mut documents = Vec::new();
    let (mut start, mut first_line, mut position) = (0, 0, 0);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if is_marker(line) {
            documents.push(Document { text: &text[start..position], offset: first_line });
            (start, first_line) = (position, number);
        }
        position += line.len();
    }
    documents.push(Document { text: &text[start..], offset: first_line });
    documents
}

fn is_marker(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\n', '\r']))
}

// === impl Document ===

impl<'t> Document<'t> {
    /// Whether it holds nothing but comments and its marker.
    pub(super) fn is_blank(&self) -> bool {
        self.blank_lines() == self.text.lines().count()
    }

    /// The line of the file that its content begins on, from 1.
    pub(super) fn line(&self) -> usize {
        self.offset + self.blank_lines() + 1
    }

    /// The lines in front of its content.
    fn blank_lines(&self) -> usize {
        let is_blank = |line: &&str| {
            let line = line.trim();
            line.is_empty() || line.starts_with('#') || line == "---" || line == "..."
        };
        self.text.trim_start_matches('\u{feff}').lines().take_while(is_blank).count()
    }

    /// Deserialises it, as JSON if it begins like an object of JSON.
    pub(super) fn read<S: DeserializeSeed<'t>>(&self, seed: S) -> Result<S::Value, Unreadable> {
        if self.is_json() {
            let mut json = serde_json::Deserializer::from_str(self.text);
            let value = seed.deserialize(&mut json).map_err(|error| self.json_error(&error))?;
            json.end().map_err(|error| self.json_error(&error))?;
            return Ok(value);
        }
        serde_saphyr::with_deserializer_from_str_with_options(self.text, options(), |yaml| {
            seed.deserialize(yaml)
        })
        .map_err(|error| self.yaml_error(&error))
    }

    fn is_json(&self) -> bool {
        let inside = self.text.trim_start().strip_prefix('{').map(str::trim_start);
        inside.is_some_and(|inside| inside.starts_with('"'))
    }

    fn json_error(&self, error: &serde_json::Error) -> Unreadable {
        let text = error.to_string();
        let reason = text.rsplit_once(" at line ").map_or(&*text, |(reason, _)| reason);
        self.unreadable(error.line(), error.column(), reason)
    }

    fn yaml_error(&self, error: &serde_saphyr::Error) -> Unreadable {
        let text = error.to_string();
        let at = error.location();
        let (line, column) = at.map_or((0, 0), |at| (to_usize(at.line()), to_usize(at.column())));
        self.unreadable(line, column, strip_position(&text))
    }

    fn unreadable(&self, line: usize, column: usize, reason: &str) -> Unreadable {
        let text = line.checked_sub(1).and_then(|index| self.text.lines().nth(index));
        let reason = match text.and_then(|text| field::before(text, column)) {
            Some(field) => format!("{reason} (in field `{field}`)"),
            None => reason.to_owned(),
        };
        let reason = reason.replace("u16", "number from 0 to 65535");
        Unreadable { line: self.offset + line.max(1), column, reason }
    }
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The YAML reader puts its own position into the message; ours is counted from the file's start.
fn strip_position(text: &str) -> &str {
    let line = text.lines().next().unwrap_or(text);
    let line = match line.strip_prefix("error: line ").and_then(|rest| rest.split_once(": ")) {
        Some((_, reason)) => reason,
        None => line,
    };
    line.find(" at line ").map_or(line, |end| &line[..end])
}

/// As strict as the API server about types; unbounded in size, because files are the operator's own.
fn options() -> serde_saphyr::Options {
    let mut options = serde_saphyr::Options::default();
    options.budget = None;
    options.with_snippet = false;
    options.no_schema = true;
    options.legacy_octal_numbers = true;
    options
}
