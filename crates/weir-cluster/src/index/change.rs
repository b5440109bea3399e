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
    /// An object is gone.
    Gone(ObjectRef),
    /// An object is there but says what no API server should let pass.
    Unreadable(ObjectRef, String),
    /// All objects of a kind have been listed.
    Listed(&'static str),
    /// One of the ConfigMaps with the record of claims is as here, or gone.
    Recorded(u32, Option<String>),
    /// The administrator's permissions are as here, or gone.
    Granted(Option<String>),
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
