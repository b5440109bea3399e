//! `Release` and `ReleaseAction` of `weir.dev/v1alpha1`: what people write, and how it is read.
//!
//! ```text
//! YAML, API server ──► Value ── read ──► Release ── parse ──► weir_release::spec::Spec
//!                        ▲ schema           │
//!                        └──── crds() ◄─────┘ the same types
//! ```
//!
//! Two passes, each of which names everything that is wrong, with its field. [`Release::read`] looks at the
//! shape: unknown fields, missing fields, wrong types, as an API server does that has the definitions of
//! [`crds`]. [`parse()`] looks at the meaning: durations, weights that fall, names that stand for nothing.
//! What is absent in a manifest gets its default in [`parse()`] and not in the schema, so that an object
//! stays as it was written and tools that compare it with Git find no difference.
//!
//! What is absent on purpose: clients of the API server, clocks, and files.

pub mod action;
mod object;
mod parse;
mod refusal;
pub mod release;
mod schema;
mod shape;
pub mod text;

/// The group and version of both kinds.
pub const API_VERSION: &str = "weir.dev/v1alpha1";

pub use self::{
    action::{ReleaseAction, ReleaseActionSpec},
    object::{Condition, Metadata},
    parse::parse,
    refusal::Refusal,
    release::{Accepted, Release, ReleaseSpec, ReleaseStatus},
    schema::crds,
};
