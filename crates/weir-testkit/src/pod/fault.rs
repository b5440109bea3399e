//! What goes wrong in a pod, when a test says so.

use std::sync::{
    PoisonError, RwLock,
    atomic::{AtomicU64, Ordering},
};

/// What a whole is, in which shares are told.
const WHOLE: u8 = 100;

/// What goes wrong, until it is set anew. Probes and control requests are always answered as they should be.
#[derive(Debug, Default)]
pub(super) struct Fault {
    /// How many of a hundred requests are answered 500.
    errors: AtomicU64,
    /// What `/metrics` shows as `origin_fault`, as Prometheus writes numbers: what no status tells.
    shown: RwLock<String>,
}

/// A value that can't be obeyed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidFault {
    #[error("errors={0}: a number up to {WHOLE} is expected")]
    Errors(String),
    #[error("shown={0}: a number, NaN or +Inf is expected")]
    Shown(String),
}

impl Fault {
    /// Obeys a query, such as `errors=30&shown=7`. What it does not name stays as it is.
    pub(super) fn set(&self, query: &str) -> Result<(), InvalidFault> {
        for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let text = || value.to_owned();
            match key {
                "errors" => {
                    let percent = value.parse::<u8>().ok().filter(|percent| *percent <= WHOLE);
                    let percent = percent.ok_or_else(|| InvalidFault::Errors(text()))?;
                    self.errors.store(percent.into(), Ordering::Relaxed);
                }
                "shown" => {
                    value.parse::<f64>().map_err(|_| InvalidFault::Shown(text()))?;
                    *self.shown.write().unwrap_or_else(PoisonError::into_inner) = text();
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether this request is one of those that fail.
    pub(super) fn strikes(&self) -> bool {
        u64::from(fastrand::u8(..WHOLE)) < self.errors.load(Ordering::Relaxed)
    }

    /// What is shown; 0 unless it was set.
    pub(super) fn shown(&self) -> String {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        if shown.is_empty() { "0".to_owned() } else { shown.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_set_one_by_one() {
        let fault = Fault::default();
        assert!(!fault.strikes());
        assert_eq!(fault.shown(), "0");
        fault.set("errors=100").unwrap();
        fault.set("shown=NaN").unwrap();
        assert!(fault.strikes());
        assert_eq!(fault.shown(), "NaN");
        fault.set("errors=0").unwrap();
        assert!(!fault.strikes());
    }

    #[test]
    fn mistakes_are_told() {
        for query in ["errors=101", "errors=-1", "errors=x", "shown=much"] {
            let error = Fault::default().set(query).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{query}: ")), "{error}");
        }
    }
}
