//! What shells have to do. Everything is derived from a state that is stored before, and can be done twice.

use weir_model::Role;

use crate::spec::Gate;

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Let a version's workload have so many replicas.
    Scale {
        /// Whose.
        role: Role,
        /// How many.
        replicas: u32,
    },
    /// Give up the say over a workload's replicas.
    LetGo {
        /// Whose.
        role: Role,
    },
    /// Mark a workload as no longer needed.
    MarkRetired {
        /// Whose.
        role: Role,
    },
    /// Ask a gate.
    Ask(Gate),
    /// Tell people what happened.
    Event(Event),
    /// Answer a request.
    Answer {
        /// Which.
        id: String,
        /// Why it is refused, if it is.
        refused: Option<String>,
    },
    /// Nothing of the release is needed any more.
    Forget,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Whether somebody should look.
    pub warning: bool,
    /// One word.
    pub reason: &'static str,
    /// A sentence.
    pub message: String,
}
