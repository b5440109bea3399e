//! What Weir's tests and benchmarks stand on: both peers of a proxy, on loopback.
//!
//! ```text
//!   load, client, h2, websocket ──► the proxy under test ──► Origin (recording), RawOrigin (byte-exact), H2Origin
//!                                     ▲ WeirProcess, Manifests, certs
//! ```
//!
//! Everything listens on a port of the system's choice, is bounded in count and time, and awaits events
//! rather than the clock. What is absent on purpose: any knowledge of Weir's own code. The kit talks
//! to sockets and writes YAML, so a test can't pass by sharing a mistake with the proxy.

pub mod certs;
pub mod client;
pub mod h2;
mod h2_origin;
pub mod load;
pub mod manifests;
mod origin;
pub mod pod;
mod process;
mod raw_origin;
pub mod websocket;
pub mod wire;

pub use h2_origin::H2Origin;
pub use manifests::Manifests;
pub use origin::{Origin, Recorded, Recording, pattern};
pub use process::WeirProcess;
pub use raw_origin::{Act, RawOrigin, Seen};
