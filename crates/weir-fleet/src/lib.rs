//! The stream between controllers and proxies.
//!
//! ```text
//!  controller: Translator ─ Delta ─► Ledger (encoded resources by key and epoch) ─► server ═╗ gRPC over TLS
//!  proxy:      Proxy ◄─ Delta ─ Assembly (resources by key) ◄─ client ◄═════════════════════╝
//!                                    └─► Store (the last good configuration, on disk)
//! ```
//!
//! A change is a set of keyed resources with an epoch. The controller sends what changed since the epoch that
//! the proxy has acknowledged, so a proxy that was away gets one change and not a history. Keys say what a
//! resource is; the rules of a host, their splits and the endpoints of a Service are resources of their own,
//! so a new weight or a new pod costs a few bytes.
//!
//! What is absent on purpose: Kubernetes (who a proxy is decides an [`Authenticate`]), and any decision about
//! what is served.

mod assembly;
mod client;
mod horizon;
mod incoming;
mod key;
mod ledger;
mod members;
mod reading;
mod server;
mod store;
mod wire;

#[allow(
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    clippy::or_fun_call,
    clippy::use_self,
    unreachable_pub,
    unnameable_types,
    unused_qualifications,
    reason = "generated from proto/fleet.proto"
)]
mod proto {
    include!(concat!(env!("OUT_DIR"), "/weir.fleet.v1.rs"));
}

pub use assembly::{Assembly, Refused};
pub use client::{Apply, Client, Link};
pub use horizon::{Behind, Horizon, Reach};
pub use incoming::incoming;
pub use ledger::{Ledger, Position};
pub use members::{Acknowledged, Member, Members};
pub use reading::{Reading, RouteReading};
pub use server::{Authenticate, Denied, Hub, Identity, Serving};
pub use store::Store;
pub use wire::InvalidValue;
