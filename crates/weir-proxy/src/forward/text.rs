//! A head as HTTP/1.1 text.

use weir_http1::{Field, RequestFraming, write};
use weir_route::Request;

use super::{Draft, Target};
use crate::view::View;

/// The text so far.
pub(super) struct Text(pub(super) Vec<u8>);

impl Draft for Text {
    fn start(&mut self, view: &View<'_>, target: &Target<'_>, authority: &[u8]) {
        let Self(out) = self;
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
        write::field(out, b"host", authority);
    }

    fn copy(&mut self, buf: &[u8], fields: &[Field]) {
        write::copy_fields(&mut self.0, buf, fields);
    }

    fn open(&mut self, name: &[u8]) -> &mut Vec<u8> {
        self.0.extend_from_slice(name);
        self.0.extend_from_slice(b": ");
        &mut self.0
    }

    fn close(&mut self) {
        write::end(&mut self.0);
    }

    /// `Content-Length` is an end-to-end field and was copied.
    fn finish(&mut self, view: &View<'_>) {
        let Self(out) = self;
        if view.head.framing == RequestFraming::Chunked {
            write::field(out, b"transfer-encoding", b"chunked");
        }
        if let Some(upgrade) = view.head.upgrade {
            write::field(out, b"connection", b"upgrade");
            write::field(out, b"upgrade", upgrade.of(view.buf));
        } else if view.head.te_trailers {
            write::field(out, b"connection", b"te");
        }
        write::end(out);
    }
}
