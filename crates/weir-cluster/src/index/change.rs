//! What watches tell the index.

use std::sync::Arc;

use weir_model::ObjectRef;
use weir_translate::object::{Object, Secret};

use crate::watched::Address;

/// What watches tell.
#[derive(Debug)]
pub(crate) enum Change {
    /// An object is as here.
    Seen(Seen),
    /// An object is gone, as of a version; 0 if only a list told, which has none.
    Gone(ObjectRef, u64),
    /// An object is there but says what no API server should let pass.
    Unreadable(ObjectRef, String),
    /// All objects of a kind have been listed, as of a version of the store or a later one.
    Listed(&'static str, u64),
    /// One of the ConfigMaps with the record of claims is as here, or gone, as of a version.
    Recorded(u32, Option<String>, u64),
    /// The administrator's permissions are as here, or gone, as of a version.
    Granted(Option<String>, u64),
    /// What became of reading a Secret.
    Secret(ObjectRef, Reading),
}

/// An object with what matters beside the translation.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) object: Object,
    pub(crate) uid: Arc<str>,
    pub(crate) version: Arc<str>,
    pub(crate) addresses: Vec<Address>,
}

/// What became of reading a Secret.
#[derive(Debug)]
pub(crate) enum Reading {
    There(Box<Secret>),
    Missing,
    /// The API server does not let us.
    Refused(String),
    /// It may be tried again.
    Failed(String),
}
