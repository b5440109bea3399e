//! Files that cannot be read.

use std::{fmt, sync::Arc};

use weir_model::{Code, Finding, Kind, ObjectRef};
use weir_translate::manifest::Unreadable;

/// A file that stands in the way of a change: which, where in it, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Broken {
    /// The path as it was given, with the rest of the way below a folder.
    pub file: Arc<str>,
    /// Line and column, both from 1, where the text itself is at fault.
    pub at: Option<(usize, usize)>,
    /// What is wrong.
    pub reason: String,
}

// === impl Broken ===

impl Broken {
    /// A file that cannot even be opened or is no text.
    pub(crate) fn file(file: &Arc<str>, reason: impl fmt::Display) -> Self {
        Self { file: Arc::clone(file), at: None, reason: reason.to_string() }
    }

    /// A text that is no manifest.
    pub(crate) fn text(file: &Arc<str>, unreadable: Unreadable) -> Self {
        let Unreadable { line, column, reason } = unreadable;
        Self { file: Arc::clone(file), at: Some((line, column)), reason }
    }

    /// The same as a finding.
    pub(crate) fn finding(&self) -> Finding {
        let object = ObjectRef::new(Kind::File, "", Arc::clone(&self.file));
        let field =
            self.at.map_or_else(String::new, |(line, column)| format!("line {line}, column {column}"));
        let message = format!(
            "{self}. Until it is mended, nothing new of it is read; a running Weir keeps serving what it read last."
        );
        Finding::new(Code::UnreadableDocument, object, field, message)
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some((line, column)) = self.at {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.reason)
    }
}
