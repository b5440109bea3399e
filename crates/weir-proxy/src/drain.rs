//! The stages of a polite shutdown.

use tokio::sync::watch;

/// Where a shutdown stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// No shutdown.
    #[default]
    Serving,
    /// Not ready any more, but connections are still accepted; responses end their connection.
    Leaving,
    /// Nothing is accepted; idle connections are closed, requests in flight are finished.
    Draining,
    /// Whatever is left is cut off.
    Closing,
}

/// Tells every connection of a thread about the shutdown.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    receiver: watch::Receiver<Phase>,
}

// === impl Stage ===

impl Stage {
    pub(crate) fn new(receiver: watch::Receiver<Phase>) -> Self {
        Self { receiver }
    }

    pub(crate) fn phase(&self) -> Phase {
        *self.receiver.borrow()
    }

    /// Returns when the shutdown has come to this phase.
    pub(crate) async fn reached(&self, phase: Phase) {
        let mut receiver = self.receiver.clone();
        // An error means that nobody is left to tell: as good as the end.
        let _ = receiver.wait_for(|now| *now >= phase).await;
    }
}
