//! Host names and what is served under them.

use std::{fmt, sync::Arc};

use serde::{Serialize, Serializer};

use crate::Rule;

/// What a request's host is compared with.
///
/// A wildcard covers one or more labels (`*.example.com` serves `a.b.example.com`), as nginx and Envoy do;
/// an exact name wins over every wildcard, a longer wildcard over a shorter one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostName {
    /// A full name in lower case, without port or trailing dot.
    Exact(Arc<str>),
    /// The part behind the `*`, in lower case, with its leading dot: `.example.com`.
    Wildcard(Arc<str>),
    /// Every host that no other name covers.
    Any,
}

/// Why a text is not a host name that can be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHost {
    /// Longer than 253 bytes (RFC 1035 §2.3.4), or a label longer than 63.
    #[error("it is longer than a DNS name may be (253 bytes, 63 a label)")]
    TooLong,
    /// A label is empty or holds something else than letters, digits, `-` and `_`.
    #[error("label {0:?} is not a DNS label (letters, digits and inner hyphens)")]
    Label(String),
    /// A `*` stands somewhere else than as the whole first label.
    #[error("a wildcard must be the whole first label, as in *.example.com")]
    Wildcard,
}

// === impl HostName ===

impl HostName {
    /// Reads the host of an Ingress rule or TLS entry. The empty text is [`HostName::Any`].
    ///
    /// # Errors
    /// When the text is not a DNS name, or a DNS name below one wildcard label.
    pub fn parse(text: &str) -> Result<Self, InvalidHost> {
        if text.is_empty() || text == "*" {
            return Ok(Self::Any);
        }
        let lower = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if lower.len() > 253 {
            return Err(InvalidHost::TooLong);
        }
        if let Some(rest) = lower.strip_prefix("*.") {
            check_labels(rest)?;
            Ok(Self::Wildcard(lower[1..].into()))
        } else {
            check_labels(&lower)?;
            Ok(Self::Exact(lower.into()))
        }
    }

    /// Whether a request for `host` (lower case, no port) is covered.
    pub fn covers(&self, host: &str) -> bool {
        match self {
            Self::Exact(name) => &**name == host,
            Self::Wildcard(suffix) => {
                host.len() > suffix.len() && !host.starts_with('.') && host.ends_with(&**suffix)
            }
            Self::Any => true,
        }
    }
}

fn check_labels(name: &str) -> Result<(), InvalidHost> {
    name.split('.').try_for_each(check_label)
}

fn check_label(label: &str) -> Result<(), InvalidHost> {
    if label.contains('*') {
        return Err(InvalidHost::Wildcard);
    }
    if label.len() > 63 {
        return Err(InvalidHost::TooLong);
    }
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let hyphen_outside = label.starts_with('-') || label.ends_with('-');
    if label.is_empty() || hyphen_outside || !label.bytes().all(inner) {
        return Err(InvalidHost::Label(label.to_owned()));
    }
    Ok(())
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Wildcard(suffix) => write!(f, "*{suffix}"),
            Self::Any => f.write_str("*"),
        }
    }
}

impl Serialize for HostName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Everything served under one host name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Host {
    /// The name that requests are compared with.
    pub name: HostName,
    /// In order of precedence among rules of equal path: earlier wins.
    pub rules: Vec<Arc<Rule>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_hosts() {
        let exact = |text: &str| Ok(HostName::Exact(text.into()));
        let cases = [
            ("", Ok(HostName::Any)),
            ("Foo.Example.COM", exact("foo.example.com")),
            ("foo.", exact("foo")),
            ("*.Example.com", Ok(HostName::Wildcard(".example.com".into()))),
            ("a.*.com", Err(InvalidHost::Wildcard)),
            ("*a.com", Err(InvalidHost::Wildcard)),
            ("a..b", Err(InvalidHost::Label(String::new()))),
            ("a b", Err(InvalidHost::Label("a b".into()))),
            ("a\nb", Err(InvalidHost::Label("a\nb".into()))),
            ("-a", Err(InvalidHost::Label("-a".into()))),
        ];
        for (text, expected) in cases {
            assert_eq!(HostName::parse(text), expected, "{text:?}");
        }
        assert_eq!(HostName::parse(&"a.".repeat(200)), Err(InvalidHost::TooLong));
    }

    #[test]
    fn wildcard_covers_one_label_or_more() {
        let wildcard = HostName::parse("*.example.com").unwrap();
        assert!(wildcard.covers("a.example.com"));
        assert!(wildcard.covers("a.b.example.com"));
        assert!(!wildcard.covers("example.com"));
        assert!(!wildcard.covers("aexample.com"));
        assert!(!wildcard.covers(".example.com"));
    }
}
