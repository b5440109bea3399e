//! Weir and the Kubernetes API.
//!
//! ```text
//!  API server ─► watch (one LIST and WATCH per kind) ─► Index (a thread: Translator) ─ Delta ─► weir_fleet::Hub
//!             ─► secrets (only those named) ─────────────┘        └─ View ─► leader: status, events
//!             ◄─ lease, authority (the controllers' certificates), tokens (who is a proxy)
//! ```
//!
//! What is decided here is decided by pure functions over plain data: what a new list means (`relist`), who
//! leads (`lease`), which authority signs (`authority`), what a status should say (`status`). The
//! rest is I/O.
//!
//! What is absent on purpose: any meaning of an annotation (`weir-translate`), and anything about traffic.

mod admission;
mod authority;
mod claims;
mod client;
mod controller;
mod events;
mod index;
mod inquiries;
mod keep;
mod lead;
mod lease;
mod publish;
mod published;
mod read;
mod record;
mod releases;
mod relist;
mod secrets;
mod status;
mod tokens;
mod trust;
mod watch;
mod watched;

pub use controller::{Config, Controller};
pub use index::{IngressView, ReleaseView, Served, View};
pub use inquiries::{Inquiries, about};
pub use publish::Publish;
pub use read::{Cluster, ReleaseEvent, Unread};
pub use watched::Address;
