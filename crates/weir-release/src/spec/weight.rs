//! Shares of traffic.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A share of traffic in basis points: 10,000 are all of it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "u16", into = "u16")]
#[schemars(with = "u16")]
pub struct Weight(u16);

/// Why a number is not a weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} basis points are more than everything (10000)")]
pub struct InvalidWeight(pub u16);

// === impl Weight ===

impl Weight {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Everything.
    pub const ALL: Self = Self(10_000);

    /// A number of basis points.
    ///
    /// # Errors
    /// When it is more than 10,000.
    pub fn new(basis_points: u16) -> Result<Self, InvalidWeight> {
        if basis_points > Self::ALL.0 { Err(InvalidWeight(basis_points)) } else { Ok(Self(basis_points)) }
    }

    /// In basis points.
    pub fn basis_points(self) -> u16 {
        self.0
    }

    /// What is left for the other version.
    #[must_use]
    pub fn rest(self) -> Self {
        Self(Self::ALL.0 - self.0)
    }

    /// Between 0 and 1.
    pub fn share(self) -> f64 {
        f64::from(self.0) / f64::from(Self::ALL.0)
    }

    /// Between two weights: `part` of `parts` on the way, whole basis points.
    pub fn between(from: Self, to: Self, part: u16, parts: u16) -> Self {
        let (from, to) = (i32::from(from.0), i32::from(to.0));
        let (part, parts) = (i32::from(part), i32::from(parts.max(1)));
        let weight = from + (to - from) * part / parts;
        Self(u16::try_from(weight).unwrap_or(0).min(Self::ALL.0))
    }
}

impl TryFrom<u16> for Weight {
    type Error = InvalidWeight;

    fn try_from(basis_points: u16) -> Result<Self, InvalidWeight> {
        Self::new(basis_points)
    }
}

impl From<Weight> for u16 {
    fn from(weight: Weight) -> Self {
        weight.0
    }
}

impl std::fmt::Display for Weight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, rest) = (self.0 / 100, self.0 % 100);
        match rest {
            0 => write!(f, "{whole} %"),
            _ if rest % 10 == 0 => write!(f, "{whole}.{} %", rest / 10),
            _ => write!(f, "{whole}.{rest:02} %"),
        }
    }
}
