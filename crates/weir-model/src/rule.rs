//! Rules: which requests of a host, and what becomes of them.

use std::{fmt, sync::Arc};

use serde::{Serialize, Serializer};

use crate::{Filters, ObjectRef, Pattern, Predicate, Split, Timeouts};

/// The path types of the Ingress API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum PathType {
    /// The whole path.
    Exact,
    /// Whole segments from the start.
    Prefix,
    /// Left to the controller: a prefix here, as in ingress-nginx, unless regular expressions are on.
    ImplementationSpecific,
}

/// What a path is compared with. Paths are canonical on both sides (see `weir_route::path`).
#[derive(Clone, Debug, PartialEq)]
pub enum MatchPath {
    /// The whole path.
    Exact(Box<str>),
    /// Whole segments from the start; without a trailing `/`, so the root is the empty text.
    Prefix(Box<str>),
    /// A pattern; see [`Rule::precedence`] for its rank among prefixes.
    Regex(Pattern),
}

/// Where a rule was written, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleOrigin {
    /// The Ingress that serves the path.
    #[serde(flatten)]
    pub object: ObjectRef,
    /// The host as served; `*` for any.
    pub host: Arc<str>,
    /// The path as it was written.
    pub path: Arc<str>,
    /// The path type as it was written.
    pub path_type: PathType,
    /// The field of the object: `spec.rules[0].http.paths[1]`.
    #[serde(skip)]
    pub field: Arc<str>,
}

/// What becomes of the requests that match.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Where it was written.
    pub origin: RuleOrigin,
    /// What the path has to be.
    pub path: MatchPath,
    /// Rank of a [`MatchPath::Regex`]: it is tried before every prefix that is shorter than this many
    /// bytes (written without a trailing `/`), after the others; patterns among themselves by falling
    /// rank. An exact path always wins. Unused for other paths.
    pub precedence: usize,
    /// What else the request must have; rules of equal path are tried in the order of their host.
    pub conditions: Predicate,
    /// Redirects, rewrites, limits.
    pub filters: Filters,
    /// Bounds on waiting.
    pub timeouts: Timeouts,
    /// Who serves it.
    pub split: Split,
}

impl fmt::Display for MatchPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(path) => write!(f, "exact {path}"),
            Self::Prefix(path) => write!(f, "prefix {path}/"),
            Self::Regex(pattern) => write!(f, "regex {pattern}"),
        }
    }
}

impl Serialize for MatchPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut rule = serializer.serialize_struct("Rule", 6)?;
        rule.serialize_field("origin", &self.origin)?;
        rule.serialize_field("match", &self.path)?;
        rule.serialize_field("conditions", &self.conditions)?;
        rule.serialize_field("filters", &self.filters)?;
        rule.serialize_field("timeouts", &self.timeouts)?;
        rule.serialize_field("split", &self.split)?;
        rule.end()
    }
}
