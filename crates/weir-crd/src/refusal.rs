//! What is wrong with an object: all of it, each with its field.

use std::fmt;

use serde::Serialize;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Refusal {
    /// The field, as `kubectl explain` users know it: `spec.steps[2].bake.duration`.
    pub field: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// A field, as a path from the root of the object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<'a> {
    parent: Option<&'a Self>,
    last: Part<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Part<'a> {
    Field(&'a str),
    Index(usize),
}

/// What was found to be wrong so far.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Vec<Refusal>);

// === impl At ===

impl<'a> At<'a> {
    /// A field of the object itself; the empty text is the object.
    pub(crate) const fn root(name: &'a str) -> Self {
        Self { parent: None, last: Part::Field(name) }
    }

    /// A field of this one.
    pub(crate) fn field(&'a self, name: &'a str) -> Self {
        Self { parent: Some(self), last: Part::Field(name) }
    }

    /// An item of this list.
    pub(crate) fn index(&'a self, index: usize) -> Self {
        Self { parent: Some(self), last: Part::Index(index) }
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parent = self.parent.map(ToString::to_string).unwrap_or_default();
        match self.last {
            Part::Field(name) if parent.is_empty() => f.write_str(name),
            Part::Field(name) => write!(f, "{parent}.{name}"),
            Part::Index(index) => write!(f, "{parent}[{index}]"),
        }
    }
}

// === impl Refusals ===

impl Refusals {
    /// Notes that a field is wrong.
    pub(crate) fn add(&mut self, at: &At<'_>, message: impl Into<String>) {
        self.0.push(Refusal { field: at.to_string(), message: message.into() });
    }

    /// Notes that a field is wrong unless something holds.
    pub(crate) fn require(
        &mut self,
        holds: bool,
        at: &At<'_>,
        message: impl FnOnce() -> String,
    ) -> Option<()> {
        if holds {
            return Some(());
        }
        self.add(at, message());
        None
    }

    /// Notes why a field could not be read.
    pub(crate) fn keep<T, E: fmt::Display>(&mut self, at: &At<'_>, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.add(at, error.to_string())).ok()
    }

    /// Whether nothing is wrong so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was read, if nothing is wrong with it.
    pub(crate) fn finish<T>(self, read: Option<T>, at: &At<'_>) -> Result<T, Vec<Refusal>> {
        match read {
            Some(read) if self.0.is_empty() => Ok(read),
            None if self.0.is_empty() => {
                let message = "it cannot be read; nothing more is known".to_owned();
                Err(vec![Refusal { field: at.to_string(), message }])
            }
            _ => Err(self.0),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}
