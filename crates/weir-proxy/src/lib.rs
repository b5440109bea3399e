//! The data plane: sockets on both sides of the pure crates.
//!
//! ```text
//!  client ─► listen ─► h1 │ h2 ─► phases (decide, filters) ─► exchange ─► balance, upstream ─► endpoint
//!                                    ▲ snapshot: table, certificates            ▲ backend: live endpoints
//!  apply(Delta) ─────────────────────┴──────────────────────────────────────────┘
//! ```
//!
//! One thread per core, each with its own listener, connections, upstream pools, health and counters;
//! threads share only immutable snapshots. A request takes no lock, writes no memory that another thread
//! writes, and sets no timer of the runtime.
//!
//! What is absent on purpose: Kubernetes, files, and any decision about routing (that is `weir-route`).

mod answer;
mod backend;
mod balance;
mod bridge;
mod buffer;
mod config;
mod drain;
mod exchange;
mod forward;
mod h1;
mod h2;
mod listen;
mod log;
mod memory;
mod metrics;
mod phases;
mod proxy;
mod release;
mod snapshot;
mod timer;
mod tls;
mod tunnel;
mod upkeep;
mod upstream;
mod view;
mod wire;
mod worker;

pub use answer::Refusal;
pub use config::{Config, DrainTimes, Limits, LogFormat};
pub use drain::Phase;
pub use metrics::{LATENCY_BOUNDS, Metrics, RouteMetrics, Totals};
pub use proxy::{Proxy, StartError};
pub use snapshot::Revision;
