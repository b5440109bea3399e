//! Durations.

use std::{borrow::Cow, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Units with their milliseconds, in the order in which they may stand.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
/// The same as a regular expression.
const PATTERN: &str = "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$";

/// A duration as it is written: `30m`, `1h30m`, `45s`, `500ms`, `7d`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Period(pub String);

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPeriod {
    /// A number has no unit, a unit no number, or the order is another.
    #[error("{0:?} is not a duration; write whole numbers with d, h, m, s or ms, as in 30m, 1h30m or 7d")]
    Syntax(String),
    /// It does not fit.
    #[error("{0:?} is longer than anybody can wait; write at most 30d")]
    TooLong(String),
}

// === impl Period ===

impl Period {
    /// What it stands for.
    ///
    /// # Errors
    /// When it is anything but whole numbers with units, the largest unit first and each once.
    pub fn parse(&self) -> Result<Duration, InvalidPeriod> {
        let syntax = || InvalidPeriod::Syntax(self.0.clone());
        let long = || InvalidPeriod::TooLong(self.0.clone());
        let (mut rest, mut units, mut total) = (&*self.0, UNITS.iter(), 0_u64);
        if rest.is_empty() {
            return Err(syntax());
        }
        while !rest.is_empty() {
            let (number, unit, after) = piece(rest);
            let (_, millis) = units.find(|(name, _)| *name == unit).ok_or_else(syntax)?;
            if number.is_empty() {
                return Err(syntax());
            }
            let number = number.parse::<u64>().map_err(|_| long())?;
            let part = number.checked_mul(*millis).ok_or_else(long)?;
            total = total.checked_add(part).ok_or_else(long)?;
            rest = after;
        }
        Ok(Duration::from_millis(total))
    }
}

/// A number, its unit, and what stands behind them.
fn piece(text: &str) -> (&str, &str, &str) {
    let is_digit = |c: char| c.is_ascii_digit();
    let (number, rest) = text.split_at(text.find(|c| !is_digit(c)).unwrap_or(text.len()));
    let (unit, rest) = rest.split_at(rest.find(is_digit).unwrap_or(rest.len()));
    (number, unit, rest)
}

impl From<&str> for Period {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl JsonSchema for Period {
    fn schema_name() -> Cow<'static, str> {
        "Period".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "pattern": PATTERN, "minLength": 2, "maxLength": 32, "example": "30m",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_durations() {
        let cases = [
            ("30m", 1_800_000),
            ("1h30m", 5_400_000),
            ("45s", 45_000),
            ("500ms", 500),
            ("7d", 604_800_000),
            ("1d2h3m4s5ms", 93_784_005),
            ("0s", 0),
        ];
        for (text, millis) in cases {
            assert_eq!(Period::from(text).parse(), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "30", "m", "1.5h", "30m1h", "1m1m", "-1m", "1 m", "1w", "1M", "５m", "m5"] {
            assert_eq!(Period::from(text).parse(), Err(InvalidPeriod::Syntax(text.into())), "{text:?}");
        }
        for text in ["99999999999999999999s", "99999999999999999d"] {
            assert_eq!(Period::from(text).parse(), Err(InvalidPeriod::TooLong(text.into())), "{text:?}");
        }
    }
}
