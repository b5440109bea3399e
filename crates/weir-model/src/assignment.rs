//! How the requests of an audience are given to arms.

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use crate::HeaderName;

/// How a request of the audience is given to an arm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Assignment {
    /// Independently per request.
    Random,
    /// By a bucket of a hash of the client's key: raising a canary's weight only adds clients to it.
    Sticky(Sticky),
}

/// What clients are recognised by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sticky {
    /// The first that a request has is its key. A request without any gets a new cohort cookie where
    /// [`StickyKey::Issued`] is among them; otherwise its client address counts.
    pub keys: Vec<StickyKey>,
    /// Rules with the same salt put a client into the same bucket. Without one each rule has its own.
    pub salt: Option<Box<str>>,
}

/// What a client is recognised by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum StickyKey {
    /// A request header.
    Header(HeaderName),
    /// A cookie.
    Cookie(Box<str>),
    /// The client address, which every request has.
    Address,
    /// A random cookie that Weir issues.
    Issued,
}

// === impl Assignment ===

impl Assignment {
    /// By one key, with the rule's own salt.
    pub fn sticky(key: StickyKey) -> Self {
        Self::Sticky(Sticky::from(key))
    }
}

// === impl Sticky ===

impl From<StickyKey> for Sticky {
    fn from(key: StickyKey) -> Self {
        Self { keys: vec![key], salt: None }
    }
}

/// One key with the rule's own salt is shown as just that.
impl Serialize for Sticky {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let (None, [key]) = (&self.salt, &*self.keys) {
            return key.serialize(serializer);
        }
        let mut fields = serializer.serialize_struct("Sticky", 2)?;
        fields.serialize_field("keys", &self.keys)?;
        fields.serialize_field("salt", &self.salt)?;
        fields.end()
    }
}
