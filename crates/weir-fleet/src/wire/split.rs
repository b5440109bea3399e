//! Splits and what they consist of.

use std::time::Duration;

use weir_model::{
    Affinity, Arm, ArmIndex, Assignment, BackendKey, CanaryAffinity, Condition, Fallback, HeaderEdits,
    HeaderName, Override, Predicate, SameSite, SessionCookie, Split, StickyKey,
};

use super::{InvalidValue, Wire, decode_all, encode_all, milliseconds, required};
use crate::proto::{self, split::Assignment as Assignments};

impl Wire for Split {
    type Message = proto::Split;

    fn encode(&self) -> proto::Split {
        proto::Split {
            arms: encode_all(self.arms()),
            overrides: self.overrides().iter().map(encode_override).collect(),
            audience: self.audience.as_ref().map(Predicate::encode),
            assignment: Some(self.assignment.encode()),
            affinity: self.affinity.as_ref().map(Affinity::encode),
            fallback: match self.fallback {
                Fallback::ToBase => proto::Fallback::ToBase,
                Fallback::ToAny => proto::Fallback::ToAny,
            }
            .into(),
        }
    }

    fn decode(message: proto::Split) -> Result<Self, InvalidValue> {
        let fallback = match message.fallback() {
            proto::Fallback::ToBase => Fallback::ToBase,
            proto::Fallback::ToAny => Fallback::ToAny,
            proto::Fallback::Unspecified => return Err(InvalidValue::Missing("fallback")),
        };
        let mut arms = decode_all::<Arm>(message.arms)?.into_iter();
        let base = required(arms.next(), "base")?;
        let mut split = Self::only(base.backend.clone());
        *split.base_mut() = base;
        for arm in arms {
            split.add_arm(arm);
        }
        for entry in message.overrides {
            let arm = index(&split, entry.arm)?;
            split.add_override(Predicate { all: decode_all::<Condition>(entry.conditions)? }, arm);
        }
        split.audience = message.audience.map(Predicate::decode).transpose()?;
        split.assignment = Assignment::decode(required(message.assignment, "assignment")?)?;
        split.affinity = message.affinity.map(Affinity::decode).transpose()?;
        split.fallback = fallback;
        Ok(split)
    }
}

fn encode_override(entry: &Override) -> proto::Override {
    let arm = u32::try_from(entry.arm.get()).unwrap_or(u32::MAX);
    proto::Override { conditions: encode_all(&entry.predicate.all), arm }
}

fn index(split: &Split, number: u32) -> Result<ArmIndex, InvalidValue> {
    let position = usize::try_from(number).unwrap_or(usize::MAX);
    split.indices().nth(position).ok_or(InvalidValue::Arm(number))
}

impl Wire for Arm {
    type Message = proto::Arm;

    fn encode(&self) -> proto::Arm {
        let HeaderEdits { request, response } = &self.headers;
        let (request, response) = (encode_all(request), encode_all(response));
        proto::Arm { backend: Some(self.backend.encode()), weight: self.weight, request, response }
    }

    fn decode(message: proto::Arm) -> Result<Self, InvalidValue> {
        let backend = BackendKey::decode(required(message.backend, "backend")?)?;
        let headers =
            HeaderEdits { request: decode_all(message.request)?, response: decode_all(message.response)? };
        Ok(Self { backend, weight: message.weight, headers })
    }
}

impl Wire for Assignment {
    type Message = Assignments;

    fn encode(&self) -> Assignments {
        match self {
            Self::Random => Assignments::Random(true),
            Self::Sticky(StickyKey::Header(name)) => Assignments::StickyHeader(name.to_string()),
            Self::Sticky(StickyKey::Cookie(name)) => Assignments::StickyCookie(name.to_string()),
            Self::Sticky(StickyKey::Address) => Assignments::StickyAddress(true),
            Self::Sticky(StickyKey::Issued) => Assignments::StickyIssued(true),
        }
    }

    fn decode(message: Assignments) -> Result<Self, InvalidValue> {
        Ok(match message {
            Assignments::Random(_) => Self::Random,
            Assignments::StickyHeader(name) => Self::Sticky(StickyKey::Header(HeaderName::new(&name)?)),
            Assignments::StickyCookie(name) => Self::Sticky(StickyKey::Cookie(name.into())),
            Assignments::StickyAddress(_) => Self::Sticky(StickyKey::Address),
            Assignments::StickyIssued(_) => Self::Sticky(StickyKey::Issued),
        })
    }
}

impl Wire for Affinity {
    type Message = proto::Affinity;

    fn encode(&self) -> proto::Affinity {
        let cookie = &self.cookie;
        let same_site = match cookie.same_site {
            None => proto::SameSite::Unspecified,
            Some(SameSite::Strict) => proto::SameSite::Strict,
            Some(SameSite::Lax) => proto::SameSite::Lax,
            Some(SameSite::None) => proto::SameSite::None,
        };
        proto::Affinity {
            name: cookie.name.to_string(),
            path: cookie.path.as_deref().map(str::to_owned),
            domain: cookie.domain.as_deref().map(str::to_owned),
            max_age: cookie.max_age.map(milliseconds),
            expires: cookie.expires.map(milliseconds),
            same_site: same_site.into(),
            secure: cookie.secure,
            change_on_failure: cookie.change_on_failure,
            legacy_canary: self.canary == CanaryAffinity::Legacy,
        }
    }

    fn decode(message: proto::Affinity) -> Result<Self, InvalidValue> {
        let same_site = match message.same_site() {
            proto::SameSite::Unspecified => None,
            proto::SameSite::Strict => Some(SameSite::Strict),
            proto::SameSite::Lax => Some(SameSite::Lax),
            proto::SameSite::None => Some(SameSite::None),
        };
        let cookie = SessionCookie {
            name: message.name.into(),
            path: message.path.map(Into::into),
            domain: message.domain.map(Into::into),
            max_age: message.max_age.map(Duration::from_millis),
            expires: message.expires.map(Duration::from_millis),
            same_site,
            secure: message.secure,
            change_on_failure: message.change_on_failure,
        };
        let canary = if message.legacy_canary { CanaryAffinity::Legacy } else { CanaryAffinity::Sticky };
        Ok(Self { cookie, canary })
    }
}
