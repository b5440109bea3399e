//! From a Blueprint to the answer for one request.
//!
//! ```text
//! Blueprint ── Table::compile ──► Table ── decide(request) ──► Decision: forward to an arm, redirect, reject
//!    Delta  ── Table::apply   ──►   │
//!                                   └── explain(request) ──► the same Decision with its trace
//! ```
//!
//! [`decide()`] and [`explain()`] are one code path; explaining only records what deciding does, so the
//! explanation cannot differ from the proxy. Deciding allocates nothing, takes no lock and costs the same
//! for the first and the last of a hundred thousand hosts.
//!
//! What is absent on purpose: sockets, clocks and random sources (the caller passes a random number), and
//! the choice of an endpoint inside a backend, which depends on live connections.

mod decide;
mod explain;
mod extract;
mod hash;
mod host_table;
mod predicate;
mod render;
mod request;
mod shards;
mod split;
mod table;

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

pub use decide::{Context, DecidedBy, Decision, Forward, Outcome, RedirectTo, Reject, decide};
pub use explain::{Explanation, OfRelease, Share, Step, explain};
pub use extract::cookie;
pub use hash::{endpoint_hash, hash};
pub use host_table::CompiledRule;
pub use render::{location, rewrite};
pub use request::{Backing, Request};
pub use split::{Cookies, Session};
pub use table::Table;
