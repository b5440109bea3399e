//! What counts as an error: classes of HTTP status codes, and gRPC codes.

use std::{borrow::Cow, ops::RangeInclusive};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::IntOrText;

/// HTTP status codes as they are written: `5xx`, `503`, `500-504`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ErrorClass(pub IntOrText);

/// Why something is not a class of errors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidErrorClass {
    /// It is none of the three ways to write it.
    #[error("{0} is not a class of HTTP errors; write 5xx, 503 or 500-504")]
    Syntax(String),
    /// Not everything in it is an error.
    #[error("{0} is not within 400 to 599: nothing else is an error")]
    Range(String),
    /// The range runs backwards.
    #[error("{0} runs backwards; write the lower status first")]
    Backwards(String),
}

/// A gRPC status code that stands for an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names are those of the gRPC specification")]
pub enum GrpcCode {
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
}

// === impl ErrorClass ===

impl ErrorClass {
    /// What it stands for.
    ///
    /// # Errors
    /// When it is not a class, a status or a range of them, within 400 to 599.
    pub fn parse(&self) -> Result<RangeInclusive<u16>, InvalidErrorClass> {
        let range = self.range().ok_or_else(|| InvalidErrorClass::Syntax(self.0.to_string()))?;
        if range.is_empty() {
            return Err(InvalidErrorClass::Backwards(self.0.to_string()));
        }
        if *range.start() >= 400 && *range.end() < 600 {
            Ok(range)
        } else {
            Err(InvalidErrorClass::Range(self.0.to_string()))
        }
    }

    fn range(&self) -> Option<RangeInclusive<u16>> {
        let text = match &self.0 {
            IntOrText::Int(status) => return u16::try_from(*status).ok().map(one),
            IntOrText::Text(text) => &**text,
        };
        if let Some(class) = text.strip_suffix("xx") {
            let hundreds = status(class, 1)? * 100;
            return Some(hundreds..=hundreds + 99);
        }
        match text.split_once('-') {
            Some((from, to)) => Some(status(from, 3)?..=status(to, 3)?),
            None => status(text, 3).map(one),
        }
    }
}

fn one(status: u16) -> RangeInclusive<u16> {
    status..=status
}

/// A number of so many digits.
fn status(text: &str, digits: usize) -> Option<u16> {
    let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

impl JsonSchema for ErrorClass {
    fn schema_name() -> Cow<'static, str> {
        "ErrorClass".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        super::int_or_text("5xx")
    }
}

impl From<&str> for ErrorClass {
    fn from(text: &str) -> Self {
        Self(IntOrText::Text(text.to_owned()))
    }
}

// === impl GrpcCode ===

impl GrpcCode {
    /// As it stands in `grpc-status`.
    pub fn number(self) -> u8 {
        self as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_error_classes() {
        for (text, from, to) in
            [("5xx", 500, 599), ("503", 503, 503), ("500-504", 500, 504), ("4xx", 400, 499)]
        {
            assert_eq!(ErrorClass::from(text).parse(), Ok(from..=to), "{text}");
        }
        assert_eq!(ErrorClass(IntOrText::Int(503)).parse(), Ok(503..=503));
        for text in ["", "xx", "55xx", "5XX", "50", "500-", "500-5xx", "+500", "500 - 504"] {
            assert!(matches!(ErrorClass::from(text).parse(), Err(InvalidErrorClass::Syntax(_))), "{text:?}");
        }
        for text in ["3xx", "399-500", "500-600", "200"] {
            assert!(matches!(ErrorClass::from(text).parse(), Err(InvalidErrorClass::Range(_))), "{text:?}");
        }
        assert!(matches!(ErrorClass::from("504-500").parse(), Err(InvalidErrorClass::Backwards(_))));
    }
}
