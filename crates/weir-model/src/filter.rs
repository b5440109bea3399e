//! What happens to a request and its response besides choosing a backend.

use std::time::Duration;

use ipnet::IpNet;
use serde::Serialize;

use crate::{HeaderName, Template};

/// When a plain-text request is answered with a redirect to HTTPS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum HttpsRedirect {
    /// Never.
    #[default]
    Never,
    /// When Weir has an HTTPS listener with a certificate for the host (ingress-nginx `ssl-redirect`).
    WithCertificate,
    /// Always, also when TLS ends before Weir (ingress-nginx `force-ssl-redirect`).
    Always,
}

/// Whether a client has to prove who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Authentication {
    /// Everybody is served.
    #[default]
    NotAsked,
    /// The manifest asks for it in a way that Weir does not implement: nobody is served, since serving
    /// everybody would open what its author meant to close.
    Unsupported,
}

/// A fixed answer that points elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Redirect {
    /// 300 to 308.
    pub status: u16,
    /// The `Location`.
    pub location: Template,
}

/// Replaces the path before the request is forwarded.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rewrite {
    /// The new path; groups refer to the rule's path pattern. The request's query stays.
    pub target: Template,
}

/// How large a request body may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum BodyLimit {
    /// Streamed without a limit.
    #[default]
    Unlimited,
    /// 413 above this many bytes.
    Bytes(u64),
}

/// One change of one header field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum HeaderEdit {
    /// Appends a field line.
    Add(HeaderName, Box<str>),
    /// Replaces every field of that name.
    Set(HeaderName, Box<str>),
    /// Removes every field of that name.
    Remove(HeaderName),
}

/// Changes of request and response headers that belong to an arm.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HeaderEdits {
    /// Applied before the request is forwarded.
    pub request: Vec<HeaderEdit>,
    /// Applied before the response is returned.
    pub response: Vec<HeaderEdit>,
}

/// What the backend speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum UpstreamProtocol {
    /// HTTP/1.1 in plain text.
    #[default]
    Http1,
    /// HTTP/1.1 over TLS; the backend's certificate is not verified, as ingress-nginx does by default.
    Https1,
    /// HTTP/2 in plain text with prior knowledge: gRPC.
    Http2,
    /// HTTP/2 over TLS: gRPC.
    Https2,
}

// === impl UpstreamProtocol ===

impl UpstreamProtocol {
    /// Whether it is HTTP/2.
    pub fn is_http2(self) -> bool {
        matches!(self, Self::Http2 | Self::Https2)
    }

    /// Whether it runs over TLS.
    pub fn is_tls(self) -> bool {
        matches!(self, Self::Https1 | Self::Https2)
    }
}

/// Everything of a rule that is neither matching nor splitting.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Filters {
    /// Evaluated before all else.
    pub https_redirect: HttpsRedirect,
    /// Only these client networks are served; others get 403. `None` serves all.
    pub allow_sources: Option<Vec<IpNet>>,
    /// Evaluated with `allow_sources`.
    pub authentication: Authentication,
    /// Answers instead of a backend.
    pub redirect: Option<Redirect>,
    /// Applied before forwarding.
    pub rewrite: Option<Rewrite>,
    /// Replaces `Host` towards the backend.
    pub upstream_host: Option<Box<str>>,
    /// Checked against `Content-Length` and while streaming.
    pub body_limit: BodyLimit,
    /// What the backend speaks.
    pub protocol: UpstreamProtocol,
}

/// Bounds on waiting for a backend. `None` takes the data plane's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Timeouts {
    /// To establish a connection.
    pub connect: Option<Duration>,
    /// Between two reads from the backend, the first of which is the response head.
    pub read: Option<Duration>,
    /// Between two writes to the backend.
    pub send: Option<Duration>,
}
