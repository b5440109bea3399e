//! Findings: everything that the author of a manifest should know, with a stable code.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::ObjectRef;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Served as written; worth knowing.
    Info,
    /// Served, but not all of what was written takes effect.
    Warning,
    /// Something that was asked for is not served.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One thing to know about one field of one object: what it is, where it stands and what to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Finding {
    /// Stable; documented in `docs/findings.md`.
    pub code: Code,
    /// Follows from the code.
    pub severity: Severity,
    /// The object that has to change.
    pub object: ObjectRef,
    /// The field in it, as `kubectl explain` would spell it; annotations as `metadata.annotations[KEY]`.
    pub field: String,
    /// A full sentence: what is wrong, what Weir does instead, and the remedy.
    pub message: String,
}

impl Finding {
    /// A finding with the severity that belongs to its code.
    pub fn new(code: Code, object: ObjectRef, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code, severity: code.severity(), object, field: field.into(), message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}: {}", self.severity, self.code, self.object, self.field, self.message)
    }
}

macro_rules! codes {
    ($($variant:ident $text:literal $severity:ident $meaning:literal)*) => {
        /// The stable codes of findings.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $meaning] $variant,)*
        }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The code as users see it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// How much a finding with this code matters.
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// What the code means, in one sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

codes! {
    UnreadableDocument "WR-UNREADABLE" Error "A document is not valid YAML or JSON, or not a valid object of its kind."
    UnknownKind "WR-UNKNOWN-KIND" Warning "An object is of a kind that Weir does not read."
    UnknownField "WR-UNKNOWN-FIELD" Warning "A field is not part of the API and has no effect."
    DuplicateObject "WR-DUPLICATE-OBJECT" Error "The same object is defined twice; the first definition is served."
    ClassNotServed "WR-CLASS-NOT-SERVED" Warning "The Ingress belongs to a class that Weir does not serve."
    InvalidDialect "WR-INVALID-DIALECT" Error "The dialect named on an IngressClass does not exist."
    InvalidHost "WR-INVALID-HOST" Error "A host name cannot be served."
    InvalidPath "WR-INVALID-PATH" Error "A path cannot be served."
    InvalidBackend "WR-INVALID-BACKEND" Error "A backend is not a Service with a port."
    Shadowed "WR-SHADOWED" Warning "An older Ingress, or an earlier path of the same one, already serves this host and path."
    Claimed "WR-CLAIMED" Error "The host and path belong to another namespace, which served them first."
    MissingService "WR-MISSING-SERVICE" Error "The Service that a path names does not exist."
    MissingPort "WR-MISSING-PORT" Error "The Service exists but has no such port."
    NoEndpoints "WR-NO-ENDPOINTS" Warning "The Service has no endpoint that can serve."
    ExternalNameRefused "WR-EXTERNAL-NAME" Error "A Service of type ExternalName is not served unless it is allowed."
    InvalidEndpoint "WR-INVALID-ENDPOINT" Error "An endpoint address cannot be used."
    MissingSecret "WR-MISSING-SECRET" Error "The TLS Secret does not exist."
    InvalidSecret "WR-INVALID-SECRET" Error "The TLS Secret does not hold a certificate and its key."
    UnknownAnnotation "WR-UNKNOWN-ANNOTATION" Warning "Weir does not know the annotation; it has no effect."
    UnsupportedAnnotation "WR-UNSUPPORTED-ANNOTATION" Warning "The annotation exists upstream, but Weir does not implement it; it has no effect."
    UnsupportedAuthentication "WR-UNSUPPORTED-AUTH" Error "The Ingress asks for authentication that Weir does not implement: its paths answer 403."
    InvalidAnnotation "WR-INVALID-ANNOTATION" Error "The value of an annotation is invalid; its safe default is used."
    InvalidGrayPolicy "WR-INVALID-GRAY-POLICY" Error "A gray policy is invalid: all traffic goes to the stable service."
    InertAnnotation "WR-INERT-ANNOTATION" Warning "The annotation is valid but has no effect where it stands."
    InvalidPattern "WR-INVALID-PATTERN" Error "A regular expression is invalid, too large, or needs look-around or back-references."
    CanaryWithoutMain "WR-CANARY-WITHOUT-MAIN" Error "A canary path has no main path with the same host, path and path type."
    CanaryDisabled "WR-CANARY-DISABLED" Error "Canary settings stand on an Ingress that does not say canary: \"true\"; it is served as a normal Ingress."
    WeightsCapped "WR-WEIGHTS-CAPPED" Warning "The canary weights add up to more than the total and are capped."
    InvalidRelease "WR-INVALID-RELEASE" Error "A Release cannot be read; what it said before stays in force."
    Deviation "WR-DEVIATION" Info "Weir does more here than the upstream controller did; the deviation table says why."
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
