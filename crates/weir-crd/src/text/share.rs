//! Shares: of traffic in whole basis points, of requests, and quantiles.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use weir_release::spec::Weight;

use super::IntOrText;

/// A share of traffic as it is written: `20`, `"20%"` or `"0.5%"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Share(pub IntOrText);

/// A percentage as it is written: `1%`, `0.5%`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Percent(pub String);

/// A quantile as it is written: `p50` to `p99.9`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Quantile(pub String);

/// Why something is not a share.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidShare {
    /// It is neither a number of percent nor a text with one.
    #[error("{0} is not a weight; write whole percent such as 20, or a text such as \"0.5%\"")]
    Weight(String),
    /// It lies outside 0 to 100 %.
    #[error("{0} is not between 0 and 100 percent")]
    Range(String),
    /// It is finer than can be kept.
    #[error("{0} is finer than a hundredth of a percent, the smallest share that can be kept; round it")]
    Fine(String),
    /// It is not a number with a percent sign.
    #[error("{0:?} is not a percentage; write it as in 1% or 0.5%")]
    Percent(String),
    /// It is not a quantile.
    #[error("{0:?} is not a quantile; write p50, p90, p99, or anything between p50 and p99.9")]
    Quantile(String),
}

// === impl Share ===

impl Share {
    /// So many percent.
    pub fn percent(percent: i64) -> Self {
        Self(IntOrText::Int(percent))
    }

    /// What it stands for.
    ///
    /// # Errors
    /// When it is not a share between 0 and 100 % in whole basis points.
    pub fn parse(&self) -> Result<Weight, InvalidShare> {
        let basis_points = match &self.0 {
            IntOrText::Int(percent) => percent.checked_mul(100),
            IntOrText::Text(text) => self.hundredths(text)?,
        };
        let basis_points = basis_points.and_then(|number| u16::try_from(number).ok());
        let weight = basis_points.and_then(|number| Weight::new(number).ok());
        weight.ok_or_else(|| InvalidShare::Range(self.0.to_string()))
    }

    /// Hundredths of a percent; nothing if they are too many.
    fn hundredths(&self, text: &str) -> Result<Option<i64>, InvalidShare> {
        let (whole, part) = decimal(text).ok_or_else(|| InvalidShare::Weight(self.0.to_string()))?;
        let part = part.trim_end_matches('0');
        if part.len() > 2 {
            return Err(InvalidShare::Fine(self.0.to_string()));
        }
        Ok(format!("{whole}{part:0<2}").parse().ok())
    }
}

impl JsonSchema for Share {
    fn schema_name() -> Cow<'static, str> {
        "Share".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kubernetes-int-or-string": true, "minimum": 0, "maximum": 100,
            "pattern": r"^[0-9]{1,3}(\.[0-9]+)?%$", "maxLength": 32, "example": "20",
        })
    }
}

// === impl Percent ===

impl Percent {
    /// What it stands for, as a number of percent. It may be more than 100.
    ///
    /// # Errors
    /// When it is not a number with a percent sign.
    pub fn parse(&self) -> Result<f64, InvalidShare> {
        let invalid = || InvalidShare::Percent(self.0.clone());
        let (whole, part) = decimal(&self.0).ok_or_else(invalid)?;
        format!("{whole}.{part}0").parse().map_err(|_| invalid())
    }
}

impl From<&str> for Percent {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl JsonSchema for Percent {
    fn schema_name() -> Cow<'static, str> {
        "Percent".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]+)?%$", "maxLength": 32, "example": "1%",
        })
    }
}

/// Digits before and behind the point of a text that ends with a percent sign.
fn decimal(text: &str) -> Option<(&str, &str)> {
    let number = text.strip_suffix('%')?;
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(whole) && is_number(part)).then_some((whole, part))
}

// === impl Quantile ===

impl Quantile {
    /// What it stands for, in thousandths: 500 to 999.
    ///
    /// # Errors
    /// When it is anything but `p` and a number from 50 to 99.9.
    pub fn parse(&self) -> Result<u16, InvalidShare> {
        self.thousandths().ok_or_else(|| InvalidShare::Quantile(self.0.clone()))
    }

    fn thousandths(&self) -> Option<u16> {
        let number = self.0.strip_prefix('p')?;
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let is_digit = |byte: u8| byte.is_ascii_digit();
        let is_written =
            whole.len() == 2 && part.len() == 1 && whole.bytes().chain(part.bytes()).all(is_digit);
        let thousandths = format!("{whole}{part}").parse().ok()?;
        (is_written && (500..1000).contains(&thousandths)).then_some(thousandths)
    }
}

impl JsonSchema for Quantile {
    fn schema_name() -> Cow<'static, str> {
        "Quantile".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "pattern": r"^p[5-9][0-9](\.[0-9])?$", "maxLength": 5, "example": "p99",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Share {
        Share(IntOrText::Text(text.to_owned()))
    }

    #[test]
    fn reads_weights() {
        let cases =
            [("20%", 2000), ("0.5%", 50), ("0.05%", 5), ("100%", 10_000), ("12.340%", 1234), ("0%", 0)];
        for (written, expected) in cases {
            assert_eq!(text(written).parse().map(Weight::basis_points), Ok(expected), "{written}");
        }
        assert_eq!(Share::percent(7).parse().map(Weight::basis_points), Ok(700));
        for written in ["20", "", "%", ".5%", "5.%", "-1%", "1e1%", "2 %"] {
            assert!(matches!(text(written).parse(), Err(InvalidShare::Weight(_))), "{written}");
        }
        for share in [Share::percent(101), Share::percent(-1), Share::percent(i64::MAX), text("100.01%")] {
            assert!(matches!(share.parse(), Err(InvalidShare::Range(_))), "{share:?}");
        }
        assert!(matches!(text("0.001%").parse(), Err(InvalidShare::Fine(_))));
    }

    #[test]
    fn reads_percentages_and_quantiles() {
        for (written, expected) in [("1%", 1.0), ("0.5%", 0.5), ("250%", 250.0)] {
            let parsed = Percent::from(written).parse().unwrap();
            assert!((parsed - expected).abs() < 1e-9, "{written}");
        }
        assert!(Percent::from("0.05").parse().is_err());
        for (written, expected) in [("p50", 500), ("p90", 900), ("p99.9", 999)] {
            assert_eq!(Quantile(written.to_owned()).parse(), Ok(expected));
        }
        for written in ["p49", "p100", "99", "p99.99", "p9", "p+50", "p5.00", "p99."] {
            assert!(Quantile(written.to_owned()).parse().is_err(), "{written}");
        }
    }
}
