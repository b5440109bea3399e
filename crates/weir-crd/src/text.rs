//! Values that are written as a text, or as a number where that is enough: kept as they are written, so that
//! an object is stored unchanged, and read by their `parse`.

mod code;
mod period;
mod share;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

pub use self::{
    code::{ErrorClass, GrpcCode, InvalidErrorClass},
    period::{InvalidPeriod, Period},
    share::{InvalidShare, Percent, Quantile, Share},
};

/// A whole number or a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum IntOrText {
    /// Written without quotes and without a unit.
    Int(i64),
    /// Everything else.
    Text(String),
}

/// What stands in a schema for a number or a text.
pub(crate) fn int_or_text(example: &str) -> Schema {
    json_schema!({"x-kubernetes-int-or-string": true, "maxLength": 32, "example": example})
}

// === impl IntOrText ===

impl std::fmt::Display for IntOrText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Int(number) => number.fmt(f),
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

/// A port of a Service: its number or its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Port(pub IntOrText);

// === impl Port ===

impl JsonSchema for Port {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Port".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        int_or_text("80")
    }
}
