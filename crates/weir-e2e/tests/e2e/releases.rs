//! Releases, from the first request of the new version to the old one being offline.

mod back;
mod follow;
mod gitops;
mod killed;
mod manifest;
mod people;
mod scenarios;
mod shares;
mod survives;
mod watched;

pub(crate) use back::{aborted, faulty};
pub(crate) use gitops::beside;
pub(crate) use killed::{often, sometimes};
pub(crate) use people::verbs;
pub(crate) use scenarios::{by_match, by_weight};
pub(crate) use shares::measured;
pub(crate) use survives::nonsense;
pub(crate) use watched::{by_gates, by_prometheus};
