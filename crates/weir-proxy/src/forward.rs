//! The request head as the backend gets it.

use std::io::Write;

use weir_http1::{Field, Known, RequestFraming, write};
use weir_model::{Filters, HeaderEdit, HeaderName};
use weir_route::Request;

use crate::view::View;

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

/// Writes the whole head, with its empty line.
pub(crate) fn write_head(
    out: &mut Vec<u8>,
    view: &View<'_>,
    target: &Target<'_>,
    filters: &Filters,
    edits: &[HeaderEdit],
) {
    request_line(out, view, target);
    let authority = view.head.authority.of(view.buf);
    let host = filters.upstream_host.as_ref().map_or(authority, |host| host.as_bytes());
    write::field(out, b"host", host);
    copy_fields(out, view, edits);
    forwarded_fields(out, view, authority);
    framing_fields(out, view);
    add_fields(out, edits);
    write::end(out);
}

fn request_line(out: &mut Vec<u8>, view: &View<'_>, target: &Target<'_>) {
    let (path, query) = target.parts();
    out.extend_from_slice(view.method());
    out.push(b' ');
    // `OPTIONS *` asks about the server, not about a path (RFC 9112 §3.2.4).
    out.extend_from_slice(if view.raw_target() == b"*" { b"*" } else { path });
    if let Some(query) = query {
        out.push(b'?');
        out.extend_from_slice(query);
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
}

/// Copies the end-to-end fields, without those that Weir writes itself and those that edits replace.
fn copy_fields(out: &mut Vec<u8>, view: &View<'_>, edits: &[HeaderEdit]) {
    let mut fields: smallvec::SmallVec<[Field; 32]> = smallvec::SmallVec::from_slice(&view.head.fields);
    for field in &mut fields {
        field.dropped |= is_own(field.known) || is_edited(edits, field.name.of(view.buf));
    }
    write::copy_fields(out, view.buf, &fields);
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

pub(crate) fn add_fields(out: &mut Vec<u8>, edits: &[HeaderEdit]) {
    for edit in edits {
        if let HeaderEdit::Set(name, value) | HeaderEdit::Add(name, value) = edit {
            write::field(out, name.as_str().as_bytes(), value.as_bytes());
        }
    }
}

/// What the backend is told of the client. A trusted peer's list is continued, any other's replaced.
fn forwarded_fields(out: &mut Vec<u8>, view: &View<'_>, authority: &[u8]) {
    let peer = view.peer.address.ip().to_canonical();
    out.extend_from_slice(b"x-forwarded-for: ");
    if view.peer.trusted {
        for value in view.head.known(view.buf, Known::XForwardedFor) {
            out.extend_from_slice(value);
            out.extend_from_slice(b", ");
        }
    }
    address(out, peer);
    out.extend_from_slice(b"\r\nx-real-ip: ");
    address(out, view.client());
    write::end(out);
    trusted_or(out, view, Known::XForwardedHost, b"x-forwarded-host", authority);
    let scheme: &[u8] = if view.peer.secure { b"https" } else { b"http" };
    trusted_or(out, view, Known::XForwardedProto, b"x-forwarded-proto", scheme);
    match told(view, Known::XForwardedPort) {
        Some(port) => write::field(out, b"x-forwarded-port", port),
        None => write::field_number(out, b"x-forwarded-port", view.peer.local_port.into()),
    }
}

fn trusted_or(out: &mut Vec<u8>, view: &View<'_>, known: Known, name: &[u8], own: &[u8]) {
    write::field(out, name, told(view, known).unwrap_or(own));
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

/// `Content-Length` is an end-to-end field and was copied; the rest is between Weir and the backend.
fn framing_fields(out: &mut Vec<u8>, view: &View<'_>) {
    if view.head.framing == RequestFraming::Chunked {
        write::field(out, b"transfer-encoding", b"chunked");
    }
    if let Some(upgrade) = view.head.upgrade {
        write::field(out, b"connection", b"upgrade");
        write::field(out, b"upgrade", upgrade.of(view.buf));
    } else if view.head.te_trailers {
        write::field(out, b"connection", b"te");
    }
}
