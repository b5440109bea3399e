//! Strict HTTP/1.1 (RFC 9112) for both sides of a proxy, without input or output.
//!
//! ```text
//! client bytes ──► RequestHead::parse ──► BodyReader::{next, scan} ──► payload, trailers
//!                        │ spans, Known, framing
//!                        ▼
//!   routing, filters ── write::{request_line, copy_fields, …} ──► bytes for the backend
//! backend bytes ─► ResponseHead::parse ─► BodyReader ─► write::{status_line, …} ─► client
//! ```
//!
//! Bytes go in and facts come out; bytes go out into a caller's vector. Heads are indexes of [`Span`]s into
//! the read buffer: they are reused from message to message and then allocate nothing.
//!
//! Whatever two parsers could read differently is refused, not repaired: that is the defence against
//! request smuggling. This crate does not know sockets, time, routes or path rules.
//!
//! ```
//! use weir_http1::{BodyEvent, BodyReader, Known, Limits, RequestFraming, RequestHead, write};
//!
//! let input = b"POST /cart?x=1 HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi";
//! let mut head = RequestHead::new();
//! let len = head.parse(input, &Limits::default())?.expect("the head is complete");
//! assert_eq!(head.path(input), b"/cart");
//! assert_eq!(head.framing, RequestFraming::Length(2));
//! assert_eq!(head.known(input, Known::Host).next(), Some(&b"shop"[..]));
//! assert!(!head.persistent);
//!
//! let mut body = BodyReader::new(head.framing);
//! assert_eq!(body.next(&input[len..]), Ok(BodyEvent::Data { skip: 0, data: 2 }));
//! assert!(body.is_done());
//!
//! let mut out = Vec::new();
//! write::request_line(&mut out, head.method.of(input), head.target.of(input));
//! write::copy_fields(&mut out, input, &head.fields);
//! write::end(&mut out);
//! assert_eq!(out, b"POST /cart?x=1 HTTP/1.1\r\nHost: shop\r\nContent-Length: 2\r\n\r\n");
//! # Ok::<(), weir_http1::BadRequest>(())
//! ```

mod authority;
mod body;
mod bytes;
mod connection;
mod error;
mod field;
mod framing;
mod known;
mod limits;
mod request;
mod response;
mod span;
mod target;
mod version;
pub mod write;

pub use crate::authority::split_authority;
pub use crate::body::{BodyEvent, BodyReader, End, Scan};
pub use crate::error::{BadBody, BadField, BadFraming, BadHost, BadRequest, BadResponse};
pub use crate::field::Field;
pub use crate::known::Known;
pub use crate::limits::Limits;
pub use crate::request::{Builder, RequestFraming, RequestHead};
pub use crate::response::{ForMethod, ResponseFraming, ResponseHead};
pub use crate::span::Span;
pub use crate::version::Version;
