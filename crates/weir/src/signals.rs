//! SIGTERM and SIGINT: the first ends politely, the second at once.

use std::{io, time::Duration};

use tokio::signal::unix::{Signal, SignalKind, signal};
use weir_proxy::Proxy;

/// The exit code of a program that a second signal ended.
const IMPATIENT: i32 = 130;

/// The signals that end the program.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

// === impl Signals ===

impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Shuts the data plane down, as the first signal asks for.
    pub(crate) async fn shutdown(mut self, proxy: &Proxy, delay: Duration) {
        tracing::info!(
            "shutting down: accepting for another {delay:?} (--shutdown-delay), then finishing what is in flight; a second signal ends at once"
        );
        tokio::select! {
            () = proxy.shutdown() => tracing::info!("everything in flight is finished"),
            () = self.next() => std::process::exit(IMPATIENT),
        }
    }

    /// Waits for a signal.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
