//! The data plane over real sockets, with both of its peers in this process.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bodies;
mod drain;
mod failure;
mod forwarding;
mod http2;
mod http2_backend;
mod limits;
mod offline;
mod release;
mod smuggling;
mod stickiness;
mod tls;
mod upgrade;
mod world;
