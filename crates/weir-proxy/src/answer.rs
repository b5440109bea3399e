//! Answers that Weir gives itself: short, with a stable code, and without internals.

use weir_http1::{BadRequest, write};

macro_rules! refusals {
    ($($variant:ident $status:literal $code:literal $meaning:literal)*) => {
        /// Why Weir answers with an error. Documented in `docs/errors.md`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Refusal {
            $(#[doc = $meaning] $variant,)*
        }

        impl Refusal {
            /// Every refusal, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The HTTP status.
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// The stable code, in the header `weir-error` and in the access log.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// What it means, in one sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

refusals! {
    BadPath 400 "WR-400-PATH" "The path could be read in two ways, or leads above the root."
    BadBody 400 "WR-400-BODY" "The framing of the request body is broken."
    SourceNotAllowed 403 "WR-403-SOURCE" "The client's address is not in the allowed ranges."
    Authentication 403 "WR-403-AUTH" "The route asks for authentication that Weir does not implement."
    NoHost 404 "WR-404-HOST" "No Ingress serves this host."
    NoPath 404 "WR-404-PATH" "The host is served, but not this path."
    SlowHead 408 "WR-408-HEAD" "The request head did not arrive in time."
    SlowBody 408 "WR-408-BODY" "The request body stopped arriving."
    BodyTooLarge 413 "WR-413-BODY" "The request body is larger than the route allows."
    Misdirected 421 "WR-421-HOST" "The host does not belong to the certificate of this connection."
    Internal 500 "WR-500-INTERNAL" "A defect in Weir."
    ConnectFailed 502 "WR-502-CONNECT" "No endpoint accepted a connection."
    Reset 502 "WR-502-RESET" "The endpoint closed the connection without a response."
    BadResponse 502 "WR-502-RESPONSE" "The endpoint's response is not valid HTTP."
    NoEndpoint 503 "WR-503-ENDPOINT" "No backend of the route has an endpoint."
    ConnectTimeout 504 "WR-504-CONNECT" "No endpoint answered the attempt to connect in time."
    ResponseTimeout 504 "WR-504-RESPONSE" "The endpoint did not respond in time."
    SendTimeout 504 "WR-504-SEND" "The endpoint stopped reading the request."
}

/// A complete answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Empty for redirects.
    pub(crate) code: &'static str,
    pub(crate) location: Option<Vec<u8>>,
    /// Whether the connection cannot be used any further.
    pub(crate) close: bool,
}

impl Answer {
    pub(crate) fn redirect(status: u16, location: Vec<u8>) -> Self {
        Self { status, code: "", location: Some(location), close: false }
    }

    pub(crate) fn body(&self) -> String {
        let reason = reason(self.status);
        if self.code.is_empty() {
            format!("{} {reason}\n", self.status)
        } else {
            format!("{} {reason} ({})\n", self.status, self.code)
        }
    }

    /// The answer as an HTTP/1.1 message.
    pub(crate) fn write(&self, out: &mut Vec<u8>, head_only: bool, close: bool) {
        let body = self.body();
        write::status_line(out, self.status, reason(self.status).as_bytes());
        write::field(out, b"content-type", b"text/plain");
        write::field_number(out, b"content-length", body.len() as u64);
        if !self.code.is_empty() {
            write::field(out, b"weir-error", self.code.as_bytes());
        }
        if let Some(location) = &self.location {
            write::field(out, b"location", location);
        }
        if close {
            write::field(out, b"connection", b"close");
        }
        write::end(out);
        if !head_only {
            out.extend_from_slice(body.as_bytes());
        }
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        let close =
            matches!(refusal, Refusal::BadPath | Refusal::BadBody | Refusal::SlowHead | Refusal::SlowBody);
        Self { status: refusal.status(), code: refusal.code(), location: None, close }
    }
}

impl From<&BadRequest> for Answer {
    fn from(bad: &BadRequest) -> Self {
        Self { status: bad.status(), code: bad.code(), location: None, close: true }
    }
}

fn reason(status: u16) -> &'static str {
    http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("")
}
