//! The request head as the backend gets it.

mod fields;
mod text;

use std::io::Write;

use weir_http1::{Field, Known, write};
use weir_model::{Filters, HeaderEdit, HeaderName};
use weir_route::Request;

use self::{fields::Fields, text::Text};
use crate::{buffer::Pool, view::View};

/// Path and query towards the backend.
#[derive(Debug)]
pub(crate) enum Target<'v> {
    /// As the client asked, in canonical form.
    Same { path: &'v [u8], query: Option<&'v [u8]> },
    /// As the rule asks.
    Rewritten { path: Vec<u8>, query: Option<Vec<u8>> },
}

impl Target<'_> {
    fn parts(&self) -> (&[u8], Option<&[u8]>) {
        match self {
            Self::Same { path, query } => (path, *query),
            Self::Rewritten { path, query } => (path, query.as_deref()),
        }
    }
}

/// The head for a backend, complete.
#[derive(Debug)]
pub(crate) enum BackendHead {
    /// As text, with its empty line.
    Http1(Vec<u8>),
    /// As fields and pseudo-fields.
    Http2(Box<http::request::Parts>),
}

/// A head in the making.
trait Draft {
    /// Writes what comes before the fields, and the authority.
    fn start(&mut self, view: &View<'_>, target: &Target<'_>, authority: &[u8]);
    /// Copies fields that are not dropped.
    fn copy(&mut self, buf: &[u8], fields: &[Field]);
    /// Begins a field; its value goes to the end of the vector.
    fn open(&mut self, name: &[u8]) -> &mut Vec<u8>;
    /// Ends that field.
    fn close(&mut self);
    /// Writes the fields that are between Weir and the backend only.
    fn finish(&mut self, view: &View<'_>);

    fn field(&mut self, name: &[u8], value: &[u8]) {
        self.open(name).extend_from_slice(value);
        self.close();
    }
}

// === impl BackendHead ===

impl BackendHead {
    /// Writes the head in the backend's protocol. `None` if HTTP/2 cannot carry it.
    pub(crate) fn new(
        pool: &Pool,
        view: &View<'_>,
        target: &Target<'_>,
        filters: &Filters,
        edits: &[HeaderEdit],
    ) -> Option<Self> {
        if filters.protocol.is_http2() {
            let mut fields = Fields::default();
            write(&mut fields, view, target, filters, edits);
            return fields.into_parts(filters.protocol).map(|parts| Self::Http2(Box::new(parts)));
        }
        let mut text = Text(pool.output());
        write(&mut text, view, target, filters, edits);
        Some(Self::Http1(text.0))
    }

    /// Gives the memory back.
    pub(crate) fn recycle(self, pool: &Pool) {
        if let Self::Http1(text) = self {
            pool.put_output(text);
        }
    }
}

fn write(
    out: &mut impl Draft,
    view: &View<'_>,
    target: &Target<'_>,
    filters: &Filters,
    edits: &[HeaderEdit],
) {
    let authority = view.head.authority.of(view.buf);
    let host = filters.upstream_host.as_ref().map_or(authority, |host| host.as_bytes());
    out.start(view, target, host);
    copy_fields(out, view, edits);
    forwarded_fields(out, view, authority);
    for (name, value) in added(edits) {
        out.field(name, value);
    }
    out.finish(view);
}

/// Copies the end-to-end fields, without those that Weir writes itself and those that edits replace.
fn copy_fields(out: &mut impl Draft, view: &View<'_>, edits: &[HeaderEdit]) {
    let mut fields: smallvec::SmallVec<[Field; 32]> = smallvec::SmallVec::from_slice(&view.head.fields);
    for field in &mut fields {
        field.dropped |= is_own(field.known) || is_edited(edits, field.name.of(view.buf));
    }
    out.copy(view.buf, &fields);
}

fn is_own(known: Known) -> bool {
    matches!(
        known,
        Known::Host
            | Known::Forwarded
            | Known::XForwardedFor
            | Known::XForwardedHost
            | Known::XForwardedPort
            | Known::XForwardedProto
            | Known::XRealIp
    )
}

/// Whether an edit replaces or removes the fields of that name.
pub(crate) fn is_edited(edits: &[HeaderEdit], name: &[u8]) -> bool {
    let same = |wanted: &HeaderName| wanted.as_str().as_bytes().eq_ignore_ascii_case(name);
    edits.iter().any(|edit| match edit {
        HeaderEdit::Set(wanted, _) | HeaderEdit::Remove(wanted) => same(wanted),
        HeaderEdit::Add(..) => false,
    })
}

/// Fields that edits set or add.
pub(crate) fn added(edits: &[HeaderEdit]) -> impl Iterator<Item = (&[u8], &[u8])> {
    edits.iter().filter_map(|edit| match edit {
        HeaderEdit::Set(name, value) | HeaderEdit::Add(name, value) => {
            Some((name.as_str().as_bytes(), value.as_bytes()))
        }
        HeaderEdit::Remove(_) => None,
    })
}

/// What the backend is told of the client. A trusted peer's list is continued, any other's replaced.
fn forwarded_fields(out: &mut impl Draft, view: &View<'_>, authority: &[u8]) {
    let list = out.open(b"x-forwarded-for");
    if view.peer.trusted {
        for value in view.head.known(view.buf, Known::XForwardedFor) {
            list.extend_from_slice(value);
            list.extend_from_slice(b", ");
        }
    }
    address(list, view.peer.address.ip().to_canonical());
    out.close();
    address(out.open(b"x-real-ip"), view.client());
    out.close();
    out.field(b"x-forwarded-host", told(view, Known::XForwardedHost).unwrap_or(authority));
    let scheme: &[u8] = if view.peer.secure { b"https" } else { b"http" };
    out.field(b"x-forwarded-proto", told(view, Known::XForwardedProto).unwrap_or(scheme));
    let port = out.open(b"x-forwarded-port");
    match told(view, Known::XForwardedPort) {
        Some(told) => port.extend_from_slice(told),
        None => write::number(port, view.peer.local_port.into()),
    }
    out.close();
}

/// What a trusted peer says.
fn told<'v>(view: &View<'v>, known: Known) -> Option<&'v [u8]> {
    view.peer.trusted.then(|| view.head.known(view.buf, known).next()).flatten()
}

fn address(out: &mut Vec<u8>, address: std::net::IpAddr) {
    if let std::net::IpAddr::V4(address) = address {
        let [a, b, c, d] = address.octets();
        for (octet, end) in [(a, &b"."[..]), (b, b"."), (c, b"."), (d, b"")] {
            write::number(out, octet.into());
            out.extend_from_slice(end);
        }
        return;
    }
    // Writing to memory does not fail.
    let _ = write!(out, "{address}");
}
