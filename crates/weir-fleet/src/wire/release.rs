//! The mark of a release on its splits.

use std::ops::RangeInclusive;

use weir_model::{BackendKey, ErrorRule, ReleaseMark, Retiring, Role};

use super::{InvalidValue, Wire, decode_all, encode_all, required};
use crate::proto;

impl Wire for ReleaseMark {
    type Message = proto::ReleaseMark;

    fn encode(&self) -> proto::ReleaseMark {
        proto::ReleaseMark {
            namespace: self.namespace.to_string(),
            name: self.name.to_string(),
            attempt: self.attempt,
            epoch: self.epoch,
            errors: Some(self.errors.encode()),
            retiring: self.retiring.as_ref().map(Retiring::encode),
        }
    }

    fn decode(message: proto::ReleaseMark) -> Result<Self, InvalidValue> {
        Ok(Self {
            namespace: message.namespace.into(),
            name: message.name.into(),
            attempt: message.attempt,
            epoch: message.epoch,
            errors: ErrorRule::decode(required(message.errors, "error rule")?)?,
            retiring: message.retiring.map(Retiring::decode).transpose()?,
        })
    }
}

impl Wire for ErrorRule {
    type Message = proto::ErrorRule;

    fn encode(&self) -> proto::ErrorRule {
        proto::ErrorRule {
            statuses: encode_all(&self.statuses),
            grpc: self.grpc.iter().map(|code| u32::from(*code)).collect(),
            resets: self.resets,
            timeouts: self.timeouts,
        }
    }

    fn decode(message: proto::ErrorRule) -> Result<Self, InvalidValue> {
        let code = |code: u32| u8::try_from(code).map_err(|_| InvalidValue::Range("gRPC status"));
        Ok(Self {
            statuses: decode_all(message.statuses)?,
            grpc: message.grpc.into_iter().map(code).collect::<Result<_, _>>()?,
            resets: message.resets,
            timeouts: message.timeouts,
        })
    }
}

impl Wire for RangeInclusive<u16> {
    type Message = proto::Statuses;

    fn encode(&self) -> proto::Statuses {
        proto::Statuses { first: (*self.start()).into(), last: (*self.end()).into() }
    }

    fn decode(message: proto::Statuses) -> Result<Self, InvalidValue> {
        let status = |status: u32| u16::try_from(status).map_err(|_| InvalidValue::Range("HTTP status"));
        Ok(status(message.first)?..=status(message.last)?)
    }
}

impl Wire for Retiring {
    type Message = proto::Retiring;

    fn encode(&self) -> proto::Retiring {
        proto::Retiring {
            backend: Some(self.backend.encode()),
            role: encode_role(Some(self.role)).into(),
            close_per_second: self.close_per_second,
        }
    }

    fn decode(message: proto::Retiring) -> Result<Self, InvalidValue> {
        Ok(Self {
            backend: BackendKey::decode(required(message.backend, "backend")?)?,
            role: required(decode_role(message.role)?, "role")?,
            close_per_second: message.close_per_second,
        })
    }
}

pub(super) fn encode_role(role: Option<Role>) -> proto::Role {
    match role {
        None => proto::Role::Unspecified,
        Some(Role::Stable) => proto::Role::Stable,
        Some(Role::Canary) => proto::Role::Canary,
    }
}

pub(super) fn decode_role(role: i32) -> Result<Option<Role>, InvalidValue> {
    match proto::Role::try_from(role) {
        Ok(proto::Role::Unspecified) => Ok(None),
        Ok(proto::Role::Stable) => Ok(Some(Role::Stable)),
        Ok(proto::Role::Canary) => Ok(Some(Role::Canary)),
        Err(_) => Err(InvalidValue::Missing("role")),
    }
}

#[cfg(test)]
mod tests;
