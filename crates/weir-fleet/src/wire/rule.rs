//! Rules without their splits, which are resources of their own.

use std::collections::HashSet;

use prost::Message as _;
use weir_model::{
    Filters, Host, Kind, MatchPath, ObjectRef, PathType, Pattern, Predicate, Rule, RuleOrigin, Split,
    Timeouts,
};

use super::{InvalidValue, Wire, decode_all, encode_all, required};
use crate::proto::{self, path::Path as Paths};

/// The rules of a host, and the split of each by its rule's id.
pub(crate) fn encode_host(host: &Host) -> (proto::Routes, Vec<(u64, proto::Split)>) {
    let mut taken = HashSet::new();
    let mut routes = proto::Routes::default();
    let mut splits = Vec::with_capacity(host.rules.len());
    for rule in &host.rules {
        let mut message = encode_rule(rule);
        message.id = fingerprint(&message.encode_to_vec());
        // Rules may say the same.
        while !taken.insert(message.id) {
            message.id = message.id.wrapping_add(1);
        }
        splits.push((message.id, rule.split.encode()));
        routes.rules.push(message);
    }
    (routes, splits)
}

fn encode_rule(rule: &Rule) -> proto::Rule {
    proto::Rule {
        id: 0,
        origin: Some(rule.origin.encode()),
        path: Some(rule.path.encode()),
        precedence: rule.precedence as u64,
        conditions: encode_all(&rule.conditions.all),
        filters: Some(rule.filters.encode()),
        timeouts: Some(rule.timeouts.encode()),
    }
}

/// A rule with its split.
pub(crate) fn decode_rule(message: proto::Rule, split: Split) -> Result<Rule, InvalidValue> {
    Ok(Rule {
        origin: RuleOrigin::decode(required(message.origin, "origin")?)?,
        path: MatchPath::decode(required(message.path, "path")?)?,
        precedence: usize::try_from(message.precedence).map_err(|_| InvalidValue::Range("precedence"))?,
        conditions: Predicate { all: decode_all(message.conditions)? },
        filters: Filters::decode(required(message.filters, "filters")?)?,
        timeouts: Timeouts::decode(message.timeouts.unwrap_or_default())?,
        split,
    })
}

/// FNV-1a with 64 bits: equal in every process and version, and good enough among the rules of one host.
fn fingerprint(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

impl Wire for RuleOrigin {
    type Message = proto::Origin;

    fn encode(&self) -> proto::Origin {
        let path_type = match self.path_type {
            PathType::Exact => proto::PathType::Exact,
            PathType::Prefix => proto::PathType::Prefix,
            PathType::ImplementationSpecific => proto::PathType::ImplementationSpecific,
        };
        proto::Origin {
            namespace: self.object.namespace.to_string(),
            name: self.object.name.to_string(),
            host: self.host.to_string(),
            path: self.path.to_string(),
            path_type: path_type.into(),
            field: self.field.to_string(),
        }
    }

    fn decode(message: proto::Origin) -> Result<Self, InvalidValue> {
        let path_type = match message.path_type() {
            proto::PathType::Exact => PathType::Exact,
            proto::PathType::Prefix => PathType::Prefix,
            proto::PathType::ImplementationSpecific => PathType::ImplementationSpecific,
            proto::PathType::Unspecified => return Err(InvalidValue::Missing("path type")),
        };
        Ok(Self {
            object: ObjectRef::new(Kind::Ingress, message.namespace, message.name),
            host: message.host.into(),
            path: message.path.into(),
            path_type,
            field: message.field.into(),
        })
    }
}

impl Wire for MatchPath {
    type Message = proto::Path;

    fn encode(&self) -> proto::Path {
        let path = match self {
            Self::Exact(path) => Paths::Exact(path.to_string()),
            Self::Prefix(path) => Paths::Prefix(path.to_string()),
            Self::Regex(pattern) => Paths::Regex(pattern.encode()),
        };
        proto::Path { path: Some(path) }
    }

    fn decode(message: proto::Path) -> Result<Self, InvalidValue> {
        Ok(match required(message.path, "path")? {
            Paths::Exact(path) => Self::Exact(path.into()),
            Paths::Prefix(path) => Self::Prefix(path.into()),
            Paths::Regex(pattern) => Self::Regex(Pattern::decode(pattern)?),
        })
    }
}
