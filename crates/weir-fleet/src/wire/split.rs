//! Splits and what they consist of.

use std::{sync::Arc, time::Duration};

use weir_model::{
    Affinity, Arm, ArmIndex, Assignment, BackendKey, CanaryAffinity, Condition, Fallback, HeaderEdits,
    HeaderName, Override, Predicate, ReleaseMark, SameSite, SessionCookie, Split, Sticky, StickyKey,
};

use super::{
    InvalidValue, Wire, decode_all, encode_all, milliseconds,
    release::{decode_role, encode_role},
    required,
};
use crate::proto::{self, split::Assignment as Assignments, sticky_key::Key as Keys};

impl Wire for Split {
    type Message = proto::Split;

    fn encode(&self) -> proto::Split {
        proto::Split {
            arms: encode_all(self.arms()),
            overrides: self.overrides().iter().map(encode_override).collect(),
            audience: encode_all(&self.audience),
            assignment: Some(self.assignment.encode()),
            affinity: self.affinity.as_ref().map(Affinity::encode),
            fallback: match self.fallback {
                Fallback::ToBase => proto::Fallback::ToBase,
                Fallback::ToAny => proto::Fallback::ToAny,
            }
            .into(),
            release: self.release.as_deref().map(ReleaseMark::encode),
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
        split.audience = decode_all(message.audience)?;
        split.assignment = Assignment::decode(required(message.assignment, "assignment")?)?;
        split.affinity = message.affinity.map(Affinity::decode).transpose()?;
        split.fallback = fallback;
        split.release = message.release.map(ReleaseMark::decode).transpose()?.map(Arc::new);
        if split.release.is_none() && split.arms().iter().any(|arm| arm.role.is_some()) {
            return Err(InvalidValue::Missing("release"));
        }
        Ok(split)
    }
}

/// The revision of the schema that a split needs.
pub(crate) fn split_needs(split: &proto::Split) -> u32 {
    let has_release = split.release.is_some() || split.arms.iter().any(|arm| arm.role != 0);
    let is_sticky = matches!(split.assignment, Some(Assignments::Sticky(_)));
    if has_release || is_sticky || split.audience.len() > 1 { 2 } else { 1 }
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
        let (backend, role) = (Some(self.backend.encode()), encode_role(self.role).into());
        proto::Arm { backend, weight: self.weight, request, response, role }
    }

    fn decode(message: proto::Arm) -> Result<Self, InvalidValue> {
        let role = decode_role(message.role)?;
        let backend = BackendKey::decode(required(message.backend, "backend")?)?;
        let headers =
            HeaderEdits { request: decode_all(message.request)?, response: decode_all(message.response)? };
        Ok(Self { headers, role, ..Self::new(backend, message.weight) })
    }
}

impl Wire for Assignment {
    type Message = Assignments;

    fn encode(&self) -> Assignments {
        match self {
            Self::Random => Assignments::Random(true),
            Self::Sticky(Sticky { keys, salt: None }) if keys.len() == 1 => encode_key(&keys[0]),
            Self::Sticky(sticky) => Assignments::Sticky(sticky.encode()),
        }
    }

    fn decode(message: Assignments) -> Result<Self, InvalidValue> {
        Ok(match message {
            Assignments::Random(_) => Self::Random,
            Assignments::Sticky(sticky) => Self::Sticky(Sticky::decode(sticky)?),
            Assignments::StickyHeader(name) => Self::sticky(StickyKey::Header(HeaderName::new(&name)?)),
            Assignments::StickyCookie(name) => Self::sticky(StickyKey::Cookie(name.into())),
            Assignments::StickyAddress(_) => Self::sticky(StickyKey::Address),
            Assignments::StickyIssued(_) => Self::sticky(StickyKey::Issued),
        })
    }
}

/// What every revision knows: one key, with the rule's own salt.
fn encode_key(key: &StickyKey) -> Assignments {
    match key {
        StickyKey::Header(name) => Assignments::StickyHeader(name.to_string()),
        StickyKey::Cookie(name) => Assignments::StickyCookie(name.to_string()),
        StickyKey::Address => Assignments::StickyAddress(true),
        StickyKey::Issued => Assignments::StickyIssued(true),
    }
}

impl Wire for Sticky {
    type Message = proto::Sticky;

    fn encode(&self) -> proto::Sticky {
        let salt = self.salt.as_deref().map(str::to_owned);
        proto::Sticky { keys: encode_all(&self.keys), salt }
    }

    fn decode(message: proto::Sticky) -> Result<Self, InvalidValue> {
        Ok(Self { keys: decode_all(message.keys)?, salt: message.salt.map(Into::into) })
    }
}

impl Wire for StickyKey {
    type Message = proto::StickyKey;

    fn encode(&self) -> proto::StickyKey {
        let key = match self {
            Self::Header(name) => Keys::Header(name.to_string()),
            Self::Cookie(name) => Keys::Cookie(name.to_string()),
            Self::Address => Keys::Address(true),
            Self::Issued => Keys::Issued(true),
        };
        proto::StickyKey { key: Some(key) }
    }

    fn decode(message: proto::StickyKey) -> Result<Self, InvalidValue> {
        Ok(match required(message.key, "sticky key")? {
            Keys::Header(name) => Self::Header(HeaderName::new(&name)?),
            Keys::Cookie(name) => Self::Cookie(name.into()),
            Keys::Address(_) => Self::Address,
            Keys::Issued(_) => Self::Issued,
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
