//! Conditions on requests, as plain data. `weir-route` evaluates them.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::{HeaderName, Pattern};

/// Whether a name minds the case of ASCII letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Case {
    /// `foo` and `Foo` are two names (Envoy, and so Higress and MSE).
    Sensitive,
    /// `foo` and `Foo` are one name (nginx variables, and so ACK and ingress-nginx).
    Insensitive,
}

/// The part of a request that a condition looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A header field. Of repeated fields the values count joined with `", "` (RFC 9110 §5.3).
    Header(HeaderName),
    /// The first line of a header field that repeats: what nginx before 1.23, and so ACK, compares.
    FirstHeader(HeaderName),
    /// The first cookie of that name; where the name minds the case, any.
    Cookie(Box<str>, Case),
    /// The first query parameter of that name, not decoded.
    Query(Box<str>, Case),
    /// The request method.
    Method,
    /// The path and the query as they arrived.
    Target,
    /// The host, lower case, without port.
    Authority,
    /// `http` or `https`.
    Scheme,
}

/// What a missing subject is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// The condition fails (ingress-nginx, Envoy).
    Fails,
    /// The condition is tested on the empty text (ACK `service-match`).
    Empty,
}

/// What the value has to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// Anything, also empty.
    Present,
    /// Equal, byte for byte.
    Equals(Box<str>),
    /// Equal to one of these.
    OneOf(Vec<Box<str>>),
    /// Begins with this.
    StartsWith(Box<str>),
    /// Matches the pattern.
    Matches(Pattern),
}

/// One test of one part of the request.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// What is looked at.
    pub subject: Subject,
    /// What it has to be.
    pub test: Test,
    /// What its absence means.
    pub absent: Absent,
}

/// Conditions that must all hold. Without any it always holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Predicate {
    /// Evaluated in this order; `explain` names the first that fails.
    pub all: Vec<Condition>,
}

// === impl Test ===

impl Test {
    /// Whether a value passes.
    pub fn accepts(&self, value: &[u8]) -> bool {
        match self {
            Self::Present => true,
            Self::Equals(text) => value == text.as_bytes(),
            Self::OneOf(texts) => texts.iter().any(|text| value == text.as_bytes()),
            Self::StartsWith(text) => value.starts_with(text.as_bytes()),
            Self::Matches(pattern) => pattern.is_match(value),
        }
    }
}

// === impl Predicate ===

impl From<Condition> for Predicate {
    fn from(condition: Condition) -> Self {
        Self { all: vec![condition] }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) | Self::FirstHeader(name) => write!(f, "header {name}"),
            Self::Cookie(name, _) => write!(f, "cookie {name}"),
            Self::Query(name, _) => write!(f, "query {name}"),
            Self::Method => f.write_str("method"),
            Self::Target => f.write_str("target"),
            Self::Authority => f.write_str("host"),
            Self::Scheme => f.write_str("scheme"),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present => f.write_str("is present"),
            Self::Equals(text) => write!(f, "= {text:?}"),
            Self::OneOf(texts) => write!(f, "in {texts:?}"),
            Self::StartsWith(text) => write!(f, "starts with {text:?}"),
            Self::Matches(pattern) => write!(f, "matches {pattern}"),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.subject, self.test)
    }
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, condition) in self.all.iter().enumerate() {
            let and = if index == 0 { "" } else { " and " };
            write!(f, "{and}{condition}")?;
        }
        if self.all.is_empty() { f.write_str("every request") } else { Ok(()) }
    }
}

impl Serialize for Predicate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
