//! What the query of a request asks for.

use std::time::Duration;

use http::StatusCode;

/// The most bytes that an answer may have, since it's held in memory.
const LARGEST: usize = 64 * 1024 * 1024;

/// How to answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) delay: Duration,
    pub(super) status: StatusCode,
    pub(super) size: Option<usize>,
}

/// A value that can't be obeyed. Keys that mean nothing here belong to the test and are no mistake.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidQuery {
    #[error("delay={0}: milliseconds are expected")]
    Delay(String),
    #[error("status={0}: a number from 200 to 999 is expected")]
    Status(String),
    #[error("size={0}: a number of bytes up to {LARGEST} is expected")]
    Size(String),
}

impl Asked {
    pub(super) fn of(query: &str) -> Result<Self, InvalidQuery> {
        let mut asked = Self::default();
        for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let text = || value.to_owned();
            match key {
                "delay" => asked.delay = delay(value).ok_or_else(|| InvalidQuery::Delay(text()))?,
                "status" => asked.status = status(value).ok_or_else(|| InvalidQuery::Status(text()))?,
                "size" => asked.size = Some(size(value).ok_or_else(|| InvalidQuery::Size(text()))?),
                _ => {}
            }
        }
        Ok(asked)
    }
}

fn delay(value: &str) -> Option<Duration> {
    value.parse().ok().map(Duration::from_millis)
}

/// An interim status would not be an answer.
fn status(value: &str) -> Option<StatusCode> {
    let number = value.parse().ok().filter(|number| *number >= 200)?;
    StatusCode::from_u16(number).ok()
}

fn size(value: &str) -> Option<usize> {
    value.parse().ok().filter(|size| *size <= LARGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_can_be_asked_at_once() {
        let asked = Asked::of("foo=bar&delay=20&status=503&size=10&x").unwrap();
        let status = StatusCode::SERVICE_UNAVAILABLE;
        assert_eq!(asked, Asked { delay: Duration::from_millis(20), status, size: Some(10) });
        assert_eq!(Asked::of("").unwrap(), Asked::default());
    }

    #[test]
    fn mistakes_are_told() {
        for query in ["delay=soon", "delay=-1", "status=100", "status=1000", "size=x", "size=99999999"] {
            let error = Asked::of(&format!("a=b&{query}")).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{query}: ")), "{error}");
        }
    }
}
