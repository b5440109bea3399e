//! What shells have to do. Everything is derived from a state that is stored before, and can be done twice.

use crate::spec::{Gate, Side};

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Let a side's workload have so many replicas.
    Scale {
        /// Whose.
        side: Side,
        /// How many.
        replicas: u32,
    },
    /// Give up the say over a workload's replicas.
    LetGo {
        /// Whose.
        side: Side,
    },
    /// Mark a workload as no longer needed.
    MarkRetired {
        /// Whose.
        side: Side,
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
