//! The release machine: what happens next to a new version, and the statistics that judge it.
//!
//! ```text
//!  Spec (what is asked for) ─┐
//!  State (where it stands) ──┼─► plan ─► next State ─► (stored) ─► Actions: scale, ask a gate, tell people
//!  Observation (what is seen)┘                └─► Routing ─► overlay ─► the splits that proxies obey
//! ```
//!
//! Everything is a pure function of plain data: there is no clock, no socket and no random number here, so a
//! simulator can drive it through any accident. Whoever runs it stores the next state before it acts.

pub mod action;
mod clock;
pub mod evidence;
mod keeper;
pub mod observation;
mod overlay;
mod plan;
mod population;
pub mod spec;
pub mod state;
pub mod stats;
mod tally;
pub mod text;
mod thresholds;
pub mod verb;
pub mod view;

pub use clock::Passed;
pub use keeper::{Keeper, Next};
pub use overlay::{overlap, overlay};

pub use plan::{Plan, Report, plan};
pub use population::Population;
pub use tally::Tally;
pub use thresholds::{FailAt, Thresholds};
