//! What the end-to-end tests stand on: a cluster, installations of Weir in it, backends, and traffic that counts.
//!
//! ```text
//!   Suite ─► Case ─► Stage: Namespace ─► Backend, Ingresses (kubectl) ─┐
//!              │            Installation (helm)  ─► proxies ◄───────────┤
//!              └──────────► Traffic ─► each proxy, and their Service ───┘ ─► Tally: sent, failed, polite
//! ```
//!
//! It uses Weir as people do: the chart, `kubectl`, requests. What is absent on purpose: any knowledge of Weir's
//! own code, and the cluster itself, which `cargo xtask cluster` brings up.

mod backend;
mod cluster;
mod diary;
mod installation;
mod namespace;
mod processes;
mod prometheus;
mod route;
mod stage;
mod suite;
mod traffic;
mod users;
mod wait;

pub use backend::Backend;
pub use cluster::{Cluster, PATIENCE};
pub use diary::{Diary, Entry};
pub use installation::{Installation, Pod, Settings};
pub use namespace::Namespace;
pub use processes::{kill, process_of};
pub use prometheus::Prometheus;
pub use route::{Https, SECRET, web};
pub use stage::{Site, Stage};
pub use suite::{Case, Options, Suite, say};
pub use traffic::{Client, Count, Failure, Flow, Method, Running, Tally, Traffic, Via};
pub use users::{Story, USER, Users, Visits};
pub use wait::{ask, ask_with, until};
