//! Between the model and its messages, both ways. What was encoded decodes to an equal value.

mod backend;
mod filter;
mod predicate;
mod release;
mod rule;
mod split;

pub(crate) use backend::{decode_certificate, encode_certificate};
pub(crate) use rule::{decode_rule, encode_host};
pub(crate) use split::split_needs;
use weir_model::{InvalidHeaderName, InvalidHost, InvalidPattern, InvalidTemplate};

/// The revision of the schema that this program knows. Whoever adds a field raises it, and makes
/// [`crate::key::Key::needs`] tell which values use the field.
///
/// 2 has releases, audiences of several predicates, and sticky assignment by several keys or a shared salt.
pub(crate) const REVISION: u32 = 2;

/// Why a message is not a value that can be served.
#[derive(Debug, thiserror::Error)]
pub enum InvalidValue {
    /// The bytes are no message of the schema.
    #[error("it is not a message of the schema: {0}")]
    Message(#[from] prost::DecodeError),
    /// A field that every value has is not there, or holds a variant that this program does not know.
    #[error("its {0} is missing or of a kind that this version does not know; upgrade the proxy")]
    Missing(&'static str),
    /// The value needs a later revision of the schema.
    #[error("it needs revision {0} of the schema, and this proxy knows {REVISION}; upgrade the proxy")]
    Later(u32),
    /// A number does not fit.
    #[error("its {0} is out of range")]
    Range(&'static str),
    /// A pattern does not compile.
    #[error("its pattern cannot be used: {0}")]
    Pattern(#[from] InvalidPattern),
    /// A template cannot be read.
    #[error("its template cannot be used: {0}")]
    Template(#[from] InvalidTemplate),
    /// A header name is none.
    #[error("its header name cannot be used: {0}")]
    Header(#[from] InvalidHeaderName),
    /// A host name is none.
    #[error("its host cannot be used: {0}")]
    Host(#[from] InvalidHost),
    /// A network is none.
    #[error("its network cannot be used: {0}")]
    Network(#[from] ipnet::AddrParseError),
    /// A split names an arm that it does not have.
    #[error("it names arm {0}, which it does not have")]
    Arm(u32),
    /// The rules of a host came without the split of one of them.
    #[error("the split of rule {0:016x} is missing")]
    Split(u64),
}

/// A part of the model that has a message.
pub(crate) trait Wire: Sized {
    /// Its message.
    type Message;

    /// As a message.
    fn encode(&self) -> Self::Message;

    /// From a message.
    fn decode(message: Self::Message) -> Result<Self, InvalidValue>;
}

fn encode_all<T: Wire>(values: &[T]) -> Vec<T::Message> {
    values.iter().map(T::encode).collect()
}

fn decode_all<T: Wire>(messages: Vec<T::Message>) -> Result<Vec<T>, InvalidValue> {
    messages.into_iter().map(T::decode).collect()
}

/// A field that every value has.
fn required<T>(field: Option<T>, name: &'static str) -> Result<T, InvalidValue> {
    field.ok_or(InvalidValue::Missing(name))
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
