//! The `weir` program: one module per verb, each from arguments to a wired runtime and nothing else.
//!
//! ```text
//! serve ──► runtime ──► source (files ─► objects ─► Delta) ──► weir_proxy::Proxy
//!   │         ▲  └────► admin (health, metrics, table, findings)
//! demo ───────┘
//! explain, lint ──► source, once ──► weir_route::explain, findings
//! ```
//!
//! What is absent on purpose: any meaning of an annotation (`weir-translate`), any routing decision
//! (`weir-route`), and any byte of a request (`weir-proxy`).

mod admin;
mod arguments;
mod cli;
mod controller;
mod demo;
mod duration;
pub mod explain;
mod findings;
mod lint;
mod output;
mod proxy;
mod release;
mod releases;
mod runtime;
mod serve;
mod signals;
pub mod source;
mod status;
mod subject;

pub use cli::main;

/// How many threads can run at a time.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
