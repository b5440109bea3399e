//! A head as HTTP/2 fields.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header, uri::PathAndQuery};
use weir_http1::{Field, Known};
use weir_model::UpstreamProtocol;
use weir_route::Request;

use super::{Draft, Target};
use crate::view::View;

/// The fields so far.
#[derive(Default)]
pub(super) struct Fields {
    method: Option<Method>,
    target: Vec<u8>,
    authority: Vec<u8>,
    map: HeaderMap,
    name: Option<HeaderName>,
    value: Vec<u8>,
}

impl Fields {
    /// `None` if one of the pseudo-fields has no valid form.
    pub(super) fn into_parts(self, protocol: UpstreamProtocol) -> Option<http::request::Parts> {
        let scheme = if protocol.is_tls() { "https" } else { "http" };
        let uri = Uri::builder()
            .scheme(scheme)
            .authority(&self.authority[..])
            .path_and_query(PathAndQuery::from_maybe_shared(bytes::Bytes::from(self.target)).ok()?);
        let mut parts = http::Request::new(()).into_parts().0;
        parts.method = self.method?;
        parts.uri = uri.build().ok()?;
        parts.version = http::Version::HTTP_2;
        parts.headers = self.map;
        Some(parts)
    }

    fn append(&mut self, name: HeaderName, value: &[u8]) {
        // Values were validated when they were read.
        if let Ok(value) = HeaderValue::from_bytes(value) {
            self.map.append(name, value);
        }
    }
}

impl Draft for Fields {
    fn start(&mut self, view: &View<'_>, target: &Target<'_>, authority: &[u8]) {
        let (path, query) = target.parts();
        self.method = Method::from_bytes(view.method()).ok();
        self.authority = authority.to_vec();
        self.target = path.to_vec();
        if let Some(query) = query {
            self.target.push(b'?');
            self.target.extend_from_slice(query);
        }
    }

    /// Fields about the connection are none of HTTP/2's (RFC 9113 §8.2.2), nor is `Expect` answered there.
    fn copy(&mut self, buf: &[u8], fields: &[Field]) {
        for field in fields.iter().filter(|field| !field.dropped && field.known != Known::Expect) {
            if let Ok(name) = HeaderName::from_bytes(field.name.of(buf)) {
                self.append(name, field.value.of(buf));
            }
        }
    }

    fn open(&mut self, name: &[u8]) -> &mut Vec<u8> {
        self.name = HeaderName::from_bytes(name).ok();
        self.value.clear();
        &mut self.value
    }

    fn close(&mut self) {
        if let Some(name) = self.name.take() {
            let value = std::mem::take(&mut self.value);
            self.append(name, &value);
            self.value = value;
        }
    }

    /// The end of the body is where the stream ends.
    fn finish(&mut self, view: &View<'_>) {
        self.map.remove(header::TE);
        if view.head.te_trailers {
            self.map.insert(header::TE, HeaderValue::from_static("trailers"));
        }
    }
}
