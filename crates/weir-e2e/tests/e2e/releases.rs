//! Releases, from the first request of the new version to the old one being offline.

mod back;
mod follow;
mod manifest;
mod scenarios;

pub(crate) use back::{aborted, faulty};
pub(crate) use scenarios::{by_match, by_weight};
