//! What deciding needs to know of a request and of the backends.

use std::net::IpAddr;

/// A request as matching sees it.
pub trait Request {
    /// The method, as sent.
    fn method(&self) -> &[u8];
    /// Whether it came over TLS.
    fn secure(&self) -> bool;
    /// The host in lower case, without port and trailing dot; empty if there is none.
    fn host(&self) -> &str;
    /// The canonical path (`weir_model::path`).
    fn path(&self) -> &[u8];
    /// The path and the query as they arrived.
    fn target(&self) -> &[u8];
    /// The query without its `?`.
    fn query(&self) -> Option<&[u8]>;
    /// The values of every field of that name (lower case), in order, one per line.
    fn header<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r [u8]>;
    /// The client's address, after trusted proxies.
    fn client(&self) -> IpAddr;
}

/// What a compiled table holds for each backend: in the proxy the live endpoint set.
pub trait Backing {
    /// Whether the backend has an endpoint that can serve.
    fn available(&self) -> bool;
}

impl Backing for bool {
    fn available(&self) -> bool {
        *self
    }
}
