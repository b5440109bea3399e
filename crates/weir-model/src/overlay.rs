//! A release laid over rules: it changes how their requests are divided, and nothing else. The objects that the
//! rules come from stay as people wrote them.

use std::{fmt, sync::Arc};

use serde::Serialize;

use crate::{BackendKey, HostName, Rule, Split};

/// Which release: namespace and name of the object. Its routes and Services are in the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ReleaseKey {
    /// The namespace.
    pub namespace: Arc<str>,
    /// The name.
    pub name: Arc<str>,
}

/// What a release lays over rules.
#[derive(Clone, Debug, PartialEq)]
pub struct Overlay {
    /// Over which rules.
    pub routes: Vec<OverlaidRoute>,
    /// The old version. Only rules that go to it or to the new one are changed.
    pub stable: BackendKey,
    /// The new version.
    pub canary: BackendKey,
    /// How their requests are divided; as the rules say before the release has begun.
    pub split: Option<Split>,
}

/// An Ingress, or some of its paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverlaidRoute {
    /// The Ingress, in the release's namespace.
    pub ingress: Arc<str>,
    /// Only rules of this host.
    pub host: Option<HostName>,
    /// Only rules of this path, as it is written in the Ingress.
    pub path: Option<Arc<str>>,
}

// === impl ReleaseKey ===

impl ReleaseKey {
    /// Names a release.
    pub fn new(namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for ReleaseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

// === impl OverlaidRoute ===

impl OverlaidRoute {
    /// Whether a rule is meant, of an Ingress in the namespace.
    pub fn covers(&self, namespace: &str, rule: &Rule) -> bool {
        let origin = &rule.origin;
        *origin.object.namespace == *namespace
            && origin.object.name == self.ingress
            && self.host.as_ref().is_none_or(|host| host.to_string() == *origin.host)
            && self.path.as_ref().is_none_or(|path| *path == origin.path)
    }

    /// Whether both may mean the same rule.
    pub fn overlaps(&self, other: &Self) -> bool {
        let both = |a: Option<&str>, b: Option<&str>| a.zip(b).is_none_or(|(a, b)| a == b);
        let host = |route: &Self| route.host.as_ref().map(ToString::to_string);
        self.ingress == other.ingress
            && both(host(self).as_deref(), host(other).as_deref())
            && both(self.path.as_deref(), other.path.as_deref())
    }
}

// === impl Overlay ===

impl Overlay {
    /// Divides a rule's requests. What is said of the rule besides stays: changes of headers, and the cookie
    /// that keeps a client at one endpoint of the version it has.
    pub fn lay(&self, split: &mut Split) {
        let Some(overlay) = &self.split else { return };
        let headers = split.base().headers.clone();
        let affinity = split.affinity.take();
        *split = overlay.clone();
        split.affinity = affinity;
        split.set_headers(&headers);
    }
}
