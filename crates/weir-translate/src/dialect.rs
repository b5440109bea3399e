//! One file per family of gray annotations.

pub(crate) mod ack;
pub(crate) mod canary;
pub(crate) mod higress;
pub(crate) mod nginx;
pub(crate) mod policy;
