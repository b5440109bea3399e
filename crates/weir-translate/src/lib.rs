//! Kubernetes objects in, [`weir_model::Blueprint`] and findings out.
//!
//! ```text
//! files, watches ─► object::Object ─► Translator ─► Blueprint + Delta + Findings
//!                    (slim types)      draft (per Ingress) ─► host (per host name) ─► backends, certificates
//! ```
//!
//! Translation never fails as a whole: what can't be served becomes a [`weir_model::Finding`] that names
//! object, field and remedy, and the neighbours keep serving. What each annotation means is decided in
//! `dialect`; what paths, filters and TLS mean, in `ingress`; who wins a path, in `host`.
//!
//! Absent on purpose: the network, files, clocks, and any text that another program would execute.

mod claims;
mod class;
mod config;
mod dialect;
mod draft;
mod host;
mod ingress;
pub mod manifest;
mod notes;
pub mod object;
mod overlays;
mod review;
mod secret;
mod service;
mod settings;
mod suggest;
mod translator;

pub use claims::{Claim, Claims, Grant};
pub use config::{CONTROLLER, Config, Dialect, UnknownDialect};
pub use overlays::Overlaid;
pub use review::{Review, review};
pub use translator::{Basis, Known, Translator};
