//! Whom a step divides: its audience, what overrides leave of it, and what tells its clients apart. Time that was
//! credited for one population says nothing of another.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::spec::{Spec, Step};

/// Whom the step divides that is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Population {
    /// The step, as it was called then: what the manifest says of its audience now is found by it.
    pub step: String,
    /// Whether it had an audience; otherwise everybody's requests are divided.
    pub limited: bool,
    /// Tells it from others.
    pub digest: String,
}

// === impl Population ===

impl Population {
    /// Of a step.
    pub fn of(spec: &Spec, step: &Step) -> Self {
        let mut text = String::new();
        let _infallible = write!(text, "{:?}", spec.keys);
        for predicate in &step.audience {
            let _infallible = write!(text, "\naudience {predicate}");
        }
        for over in &spec.overrides {
            for predicate in &over.any {
                let _infallible = write!(text, "\n{} {predicate}", over.to.as_str());
            }
        }
        let digest = format!("{:016x}", fnv1a(text.as_bytes()));
        Self { step: step.to_string(), limited: !step.audience.is_empty(), digest }
    }

    /// Whether both are the same people, whatever their step is called.
    pub fn is_same(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

/// The 64-bit FNV-1a hash, which stays the same from version to version.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
