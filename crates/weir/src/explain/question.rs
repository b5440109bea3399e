//! A request as a person describes it.

use std::net::{IpAddr, Ipv4Addr};

/// The request to explain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The method.
    pub method: String,
    /// `http(s)://host[:port]/path?query`.
    pub url: String,
    /// Fields in order.
    pub headers: Vec<(String, String)>,
    /// Values of `Cookie`, to be joined.
    pub cookies: Vec<String>,
    /// Where the client connects from.
    pub client: IpAddr,
    /// Whether the data plane serves no HTTPS.
    pub http_only: bool,
}

/// The text describes no HTTP request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQuestion {
    /// The scheme is missing or another one.
    #[error("{0:?} is not a URL of a request: write http://host/path or https://host/path")]
    Scheme(String),
    /// No host stands behind the scheme, or more than a host and a port.
    #[error("{0:?} names no host: write http://host/path, without user or password")]
    Host(String),
}

/// The parts of the URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Url<'u> {
    pub(super) secure: bool,
    pub(super) authority: &'u str,
    /// Path and query; empty where the URL has none.
    pub(super) target: &'u str,
}

// === impl Question ===

impl Question {
    /// `GET` for a URL, from loopback.
    pub fn get(url: &str) -> Self {
        Self {
            method: "GET".into(),
            url: url.into(),
            headers: Vec::new(),
            cookies: Vec::new(),
            client: Ipv4Addr::LOCALHOST.into(),
            http_only: false,
        }
    }

    /// Splits the URL. A fragment is cut off, as every client does.
    pub(super) fn url(&self) -> Result<Url<'_>, InvalidQuestion> {
        let (scheme, rest) = self.url.split_once("://").unwrap_or_default();
        let secure = match &*scheme.to_ascii_lowercase() {
            "http" => false,
            "https" => true,
            _ => return Err(InvalidQuestion::Scheme(self.url.clone())),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.is_empty() || authority.contains('@') {
            return Err(InvalidQuestion::Host(self.url.clone()));
        }
        Ok(Url { secure, authority, target })
    }
}

/// Reads `Name: value`.
pub(super) fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write 'Name: value'")?;
    let name = weir_model::HeaderName::new(name).map_err(|invalid| invalid.to_string())?;
    Ok((name.to_string(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_split() {
        let cases = [
            ("http://a/b?c", (false, "a", "/b?c")),
            ("HTTPS://a:8443", (true, "a:8443", "")),
            ("http://a?c#d", (false, "a", "?c")),
            ("http://[::1]:80/#d", (false, "[::1]:80", "/")),
            ("http://a/b%2fc/..", (false, "a", "/b%2fc/..")),
        ];
        for (url, (secure, authority, target)) in cases {
            assert_eq!(Question::get(url).url(), Ok(Url { secure, authority, target }), "{url}");
        }
        for url in ["", "a/b", "ftp://a/", "http:///b", "http://u:p@a/"] {
            assert!(Question::get(url).url().is_err(), "{url}");
        }
    }

    #[test]
    fn headers_are_split() {
        assert_eq!(header("Foo: bar: baz "), Ok(("foo".into(), "bar: baz".into())));
        assert!(header("foo").is_err());
        assert!(header("f oo: bar").is_err());
    }
}
