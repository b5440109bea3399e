//! What Weir serves, as plain data.
//!
//! ```text
//! Kubernetes objects ── weir-translate ──► Blueprint ── weir-route ──► table ── weir-proxy ──► traffic
//!                                             ▲ this crate
//! ```
//!
//! A [`Blueprint`] is a set of keyed resources: [`Host`]s with their [`Rule`]s, [`Backend`]s with their
//! endpoints, and [`Certificate`]s. A key says what a thing *is* (`namespace/service/port`), never where
//! it stands in a list, so reordering a manifest renames nothing. A change is a [`Delta`] of keys.
//!
//! What is absent on purpose: Kubernetes types (they end in `weir-translate`), compiled lookup structures
//! (they begin in `weir-route`), clocks, sockets and random numbers.

mod assignment;
mod backend;
mod blueprint;
mod certificate;
pub mod duration_bins;
mod filter;
mod finding;
mod host;
mod name;
mod overlay;
pub mod path;
mod pattern;
mod predicate;
mod reading;
mod release;
mod rule;
mod split;
mod template;

pub use assignment::{Assignment, Sticky, StickyKey};
pub use backend::{Backend, BackendKey, Condition as EndpointCondition, Endpoint, Endpoints, PortRef};
pub use blueprint::{Blueprint, Delta};
pub use certificate::{Certificate, CertificateKey};
pub use filter::{
    Authentication, BodyLimit, Filters, HeaderEdit, HeaderEdits, HttpsRedirect, Redirect, Rewrite, Timeouts,
    UpstreamProtocol,
};
pub use finding::{Code, Finding, Severity};
pub use host::{Host, HostName, InvalidHost};
pub use name::{HeaderName, InvalidHeaderName, Kind, ObjectRef};
pub use overlay::{OverlaidRoute, Overlay, ReleaseKey};
pub use pattern::{Cover, InvalidPattern, Pattern};
pub use predicate::{Absent, Case, Condition, Predicate, Subject, Test};
pub use reading::{ReleaseReading, VersionReading};
pub use release::{BASIS_POINTS, ErrorRule, ReleaseMark, Retiring, Role};
pub use rule::{MatchPath, PathType, Rule, RuleOrigin};
pub use split::{
    Affinity, Arm, ArmIndex, CanaryAffinity, Fallback, Override, SameSite, SessionCookie, Split,
};
pub use template::{InvalidTemplate, Segment, Template, Variable};
