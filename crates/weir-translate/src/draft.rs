//! What one Ingress contributes, as far as it can be told without looking at any other object.

use std::{cmp::Reverse, sync::Arc};

use weir_model::{
    Affinity, Assignment, Filters, Finding, HeaderEdits, HostName, MatchPath, ObjectRef, PathType, PortRef,
    Predicate, Timeouts,
};

use crate::{Dialect, object::Ingress};

/// The contribution of one Ingress.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) id: ObjectRef,
    pub(crate) age: Age,
    pub(crate) dialect: Dialect,
    /// Sorted by host; within a host in the order of the manifest.
    pub(crate) routes: Vec<RouteDraft>,
    pub(crate) tls: Vec<TlsDraft>,
    /// Set if this is a canary Ingress.
    pub(crate) canary: Option<CanaryPolicy>,
    pub(crate) common: Common,
    pub(crate) findings: Vec<Finding>,
    /// For comparing the annotations of a canary with those of its main.
    pub(crate) source: Arc<Ingress>,
}

/// Orders objects from the oldest to the youngest.
///
/// Objects with a creation time come first; among the others the order of files and documents counts. Of equal age,
/// the greater name goes first, because ingress-nginx sorts them so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Age {
    unknown: bool,
    created: Option<Box<str>>,
    order: u64,
    name: Reverse<(Arc<str>, Arc<str>)>,
}

/// What applies to every path of an Ingress.
#[derive(Clone, Debug)]
pub(crate) struct Common {
    pub(crate) filters: Filters,
    /// Whether `ssl-redirect` is on; it takes effect on hosts with TLS.
    pub(crate) ssl_redirect: bool,
    pub(crate) timeouts: Timeouts,
    pub(crate) affinity: Option<Affinity>,
    pub(crate) assignment: Assignment,
    pub(crate) conditions: Predicate,
    /// `use-regex`.
    pub(crate) patterns: bool,
    pub(crate) headers: HeaderEdits,
}

/// How a route ranks against others of the same path, before age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// A path of a rule.
    Rule,
    /// The default backend of an Ingress without rules.
    CatchAll,
    /// The default backend beside rules.
    Default,
}

/// One path of one host.
#[derive(Debug)]
pub(crate) struct RouteDraft {
    pub(crate) host: HostName,
    pub(crate) rank: Rank,
    /// The path as it was written; `/` if empty.
    pub(crate) written: Arc<str>,
    pub(crate) path_type: PathType,
    /// `spec.rules[0].http.paths[1]` or `spec.defaultBackend`.
    pub(crate) field: Arc<str>,
    pub(crate) path: MatchPath,
    pub(crate) precedence: usize,
    /// Whether the Ingress's rewrite applies.
    pub(crate) rewrites: bool,
    /// The base is the first.
    pub(crate) arms: Vec<ArmDraft>,
    /// The services are split by a policy of this very Ingress.
    pub(crate) gray: bool,
    pub(crate) audience: Option<Predicate>,
    /// Requests for arms by index, in order.
    pub(crate) overrides: Vec<(Predicate, usize)>,
}

/// A backend with its share.
#[derive(Clone, Debug)]
pub(crate) struct ArmDraft {
    pub(crate) backend: BackendDraft,
    pub(crate) weight: u32,
}

/// A backend as the manifest names it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BackendDraft {
    pub(crate) namespace: Arc<str>,
    pub(crate) service: Arc<str>,
    pub(crate) port: PortRef,
    pub(crate) place: Place,
}

/// Where a backend is named.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Place {
    /// Below the field of a path.
    Path(Arc<str>),
    /// In `spec.defaultBackend`.
    Default,
    /// In an annotation.
    Annotation(Arc<str>),
}

/// A host of `spec.tls`.
#[derive(Debug)]
pub(crate) struct TlsDraft {
    pub(crate) host: HostName,
    pub(crate) secret: Arc<str>,
    /// `spec.tls[0].secretName`.
    pub(crate) field: Arc<str>,
}

/// What a canary Ingress asks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct CanaryPolicy {
    /// In the order in which they are tried.
    pub(crate) overrides: Vec<CanaryOverride>,
    pub(crate) weight: u32,
    pub(crate) total: u32,
    /// The canary keeps no clients by cookie.
    pub(crate) legacy_affinity: bool,
    pub(crate) headers: HeaderEdits,
    /// The annotation that carries the weight, or the one that makes it a canary.
    pub(crate) key: Box<str>,
}

/// Requests that go to the canary, or stay away from it, whatever the weight.
#[derive(Clone, Debug)]
pub(crate) struct CanaryOverride {
    pub(crate) predicate: Predicate,
    /// Whether it sends to the canary.
    pub(crate) always: bool,
    /// Lower goes first among all canaries of a rule (MSE: header and query before cookie).
    pub(crate) tier: u8,
}

// === impl Age ===

impl Age {
    pub(crate) fn new(ingress: &Ingress, order: u64) -> Self {
        let created = ingress.metadata.creation_timestamp.clone();
        let name = Reverse((ingress.metadata.namespace(), ingress.metadata.name.clone()));
        let order = if created.is_some() { 0 } else { order };
        Self { unknown: created.is_none(), created, order, name }
    }
}

// === impl Place ===

impl Place {
    /// The field with the Service's name.
    pub(crate) fn service(&self) -> String {
        self.below("service.name")
    }

    /// The field with the Service's port.
    pub(crate) fn port(&self) -> String {
        self.below("service.port")
    }

    /// A field of the backend.
    pub(crate) fn below(&self, field: &str) -> String {
        match self {
            Self::Path(path) => format!("{path}.backend.{field}"),
            Self::Default => format!("spec.defaultBackend.{field}"),
            Self::Annotation(annotation) => annotation.to_string(),
        }
    }
}

// === impl Draft ===

impl Draft {
    /// The routes of one host.
    pub(crate) fn routes_of(&self, host: &HostName) -> &[RouteDraft] {
        let start = self.routes.partition_point(|route| route.host < *host);
        let length = self.routes[start..].partition_point(|route| route.host == *host);
        &self.routes[start..start + length]
    }

    /// Every host that this contributes to; those with TLS twice.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = &HostName> {
        let routes = self.routes.chunk_by(|a, b| a.host == b.host).map(|routes| &routes[0].host);
        routes.chain(self.tls.iter().map(|tls| &tls.host))
    }
}

// === impl RouteDraft ===

impl RouteDraft {
    /// Whether the path is compared as a whole.
    pub(crate) fn is_exact(&self) -> bool {
        self.path_type == PathType::Exact
    }
}
