//! What an attempt says about its version, where a release compares two.

use std::{cell::Cell, time::Instant};

use weir_model::ErrorRule;

use super::{Failure, Try};
use crate::{release::Attempt, wire::WireError};

/// gRPC's UNKNOWN: what a call without a status is taken for.
pub(super) const GRPC_UNKNOWN: u8 = 2;

/// How far an attempt has come.
#[derive(Debug)]
pub(super) struct Progress {
    /// When it began.
    since: Cell<Instant>,
    /// When its response began, where that says how long it took: of a response that goes on.
    pub(super) head_at: Cell<Option<Instant>>,
    /// Whether it is a call of gRPC, and how that ended.
    pub(super) is_call: Cell<bool>,
    pub(super) grpc: Cell<Option<u8>>,
    /// Whether it has been judged already.
    judged: Cell<bool>,
    /// Whether Weir ended the response before the endpoint did.
    pub(super) left: Cell<bool>,
}

// === impl Progress ===

impl Progress {
    pub(super) fn new(begin: Instant) -> Self {
        Self {
            since: Cell::new(begin),
            head_at: Cell::new(None),
            is_call: Cell::new(false),
            grpc: Cell::new(None),
            judged: Cell::new(false),
            left: Cell::new(false),
        }
    }
}

impl Try<'_> {
    /// Counts an attempt that has ended with a status or a failure, once, and begins the next.
    pub(super) fn judge(&self, outcome: Result<u16, &Failure>, now: Instant) {
        let Some(version) = &self.job.live().version else { return };
        let since = self.progress.since.replace(now);
        if self.progress.judged.get() {
            return;
        }
        let Some(error) = self.is_error(outcome) else { return };
        let ended = self.progress.head_at.get().unwrap_or(now);
        let decision = &self.job.decision;
        let attempt = Attempt {
            compared: decision.compared,
            even: decision.is_even(),
            key: decision.key,
            took: ended.saturating_duration_since(since),
            error,
        };
        version.ended(self.worker.index, &attempt, now);
    }

    /// Counts an attempt whose response says all by its head, however long it goes on.
    pub(super) fn judge_early(&self, status: u16, now: Instant) {
        self.judge(Ok(status), now);
        self.progress.judged.set(true);
    }

    /// Whether it is the version's error; nothing where it says nothing about the version.
    fn is_error(&self, outcome: Result<u16, &Failure>) -> Option<bool> {
        let rule = &self.job.rule.rule.split.release.as_ref()?.errors;
        match outcome {
            Ok(status) => {
                let grpc = self.progress.grpc.get();
                Some(rule.is_status(status) || grpc.is_some_and(|code| rule.is_grpc(code)))
            }
            Err(failure) => failure.is_of_endpoint(rule),
        }
    }
}

impl Failure {
    fn is_of_endpoint(&self, rule: &ErrorRule) -> Option<bool> {
        match self {
            Self::Connect(WireError::Io(_)) | Self::Reset | Self::BadResponse(_) => Some(rule.resets),
            Self::Connect(WireError::Timeout) | Self::ResponseTimeout | Self::SendTimeout => {
                Some(rule.timeouts)
            }
            Self::Exhausted
            | Self::BadBody(_)
            | Self::BodyTimeout
            | Self::BodyTooLarge
            | Self::ClientGone => None,
        }
    }
}
