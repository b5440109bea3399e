//! Higress and MSE: a second Ingress with `canary: "true"`, read more narrowly than in ingress-nginx.
//!
//! A header or cookie on an object disables its weight; there is no `never`; a header value is a regular
//! expression beside `always`. MSE adds query parameters, which are joined with the header by AND, and
//! cookie values.

pub(crate) mod conditions;
pub(crate) mod destination;
pub(crate) mod headers;

use weir_model::{Case, Condition, Pattern, Predicate, Subject, Test};

use super::policy::{self, Refused, condition, inert};
use crate::{
    draft::{CanaryOverride, CanaryPolicy},
    notes::Notes,
    settings::Settings,
};

const DEFAULT_TOTAL: u32 = 100;
const BY_QUERY: &[&str] = &["canary-by-query", "canary-by-query-value", "canary-by-query-pattern"];
const ONLY_MSE: &str = "only the dialect mse reads it";
const BY_WEIGHT: &[&str] = &["canary-weight", "canary-weight-total"];

/// Reads the policy; `mse` turns query parameters and cookie values on.
pub(crate) fn read(settings: &Settings<'_>, mse: bool, notes: &mut Notes) -> Result<CanaryPolicy, Refused> {
    let headers = headers::read(settings, notes);
    let mut first = Vec::from_iter(header(settings, notes)?);
    if mse {
        first.extend(query(settings, notes)?);
    } else {
        for name in BY_QUERY {
            inert(settings, name, ONLY_MSE, notes);
        }
    }
    let cookie = cookie(settings, mse, notes)?;
    let overrides = match (first.is_empty(), cookie) {
        (false, cookie) => {
            note_cookie(settings, cookie.is_some(), notes);
            vec![to_canary(Predicate { all: first }, 0)]
        }
        (true, Some(cookie)) => vec![to_canary(Predicate::from(cookie), u8::from(mse))],
        (true, None) => Vec::new(),
    };
    let policy = CanaryPolicy { headers, overrides, total: DEFAULT_TOTAL, ..CanaryPolicy::default() };
    Ok(with_weight(policy, settings, notes))
}

fn to_canary(predicate: Predicate, tier: u8) -> CanaryOverride {
    CanaryOverride { predicate, always: true, tier }
}

fn note_cookie(settings: &Settings<'_>, set: bool, notes: &mut Notes) {
    if set {
        inert(
            settings,
            "canary-by-cookie",
            "a header or query parameter on the same Ingress wins over it",
            notes,
        );
    }
}

fn with_weight(mut policy: CanaryPolicy, settings: &Settings<'_>, notes: &mut Notes) -> CanaryPolicy {
    let dangling =
        settings.filled("canary-by-header-value").or_else(|| settings.filled("canary-by-header-pattern"));
    if policy.overrides.is_empty() && dangling.is_none() {
        policy.weight = policy::weight(settings, notes);
        policy.total = total(settings, notes);
    } else {
        for name in BY_WEIGHT {
            let idle = settings.get(name).is_some_and(|setting| setting.value == "0");
            if !idle {
                inert(
                    settings,
                    name,
                    "conditions on the same Ingress disable its weight; write a second canary Ingress",
                    notes,
                );
            }
        }
    }
    policy
}

fn total(settings: &Settings<'_>, notes: &mut Notes) -> u32 {
    let total = policy::total(settings, notes);
    if total == Some(0) {
        inert(settings, "canary-weight-total", "a total of 0 counts as none; 100 applies", notes);
    }
    total.filter(|total| *total > 0).unwrap_or(DEFAULT_TOTAL)
}

/// `always`; with a value, `always` or the value as a pattern; with a pattern, anything containing it.
fn header(settings: &Settings<'_>, notes: &mut Notes) -> Result<Option<Condition>, Refused> {
    let value = settings.filled("canary-by-header-value");
    let pattern = settings.filled("canary-by-header-pattern");
    let Some(name) = settings.filled("canary-by-header") else {
        for name in ["canary-by-header-value", "canary-by-header-pattern"] {
            inert(settings, name, "canary-by-header names no header, so the canary gets nothing", notes);
        }
        return Ok(None);
    };
    let test = match (value, pattern) {
        (Some(value), _) => {
            inert(settings, "canary-by-header-pattern", "canary-by-header-value wins over it", notes);
            policy::pattern(value, Pattern::whole(&format!("always|{}", value.value)), notes)?
        }
        (None, Some(setting)) => {
            policy::pattern(setting, Pattern::whole(&format!(".*{}.*", setting.value)), notes)?
        }
        (None, None) => Test::Equals("always".into()),
    };
    Ok(Some(condition(policy::header(name, settings.dialect, notes)?, test)))
}

fn query(settings: &Settings<'_>, notes: &mut Notes) -> Result<Option<Condition>, Refused> {
    let Some(name) = settings.filled("canary-by-query") else {
        for name in ["canary-by-query-value", "canary-by-query-pattern"] {
            inert(settings, name, "canary-by-query names no parameter", notes);
        }
        return Ok(None);
    };
    let value = settings.filled("canary-by-query-value");
    let pattern = settings.filled("canary-by-query-pattern");
    let test = match (value, pattern) {
        (Some(value), _) => {
            inert(settings, "canary-by-query-pattern", "canary-by-query-value wins over it", notes);
            Test::Equals(value.value.into())
        }
        (None, Some(setting)) => policy::pattern(setting, Pattern::whole(setting.value), notes)?,
        (None, None) => Test::Equals("always".into()),
    };
    Ok(Some(condition(Subject::Query(name.value.into(), Case::Sensitive), test)))
}

fn cookie(settings: &Settings<'_>, mse: bool, notes: &mut Notes) -> Result<Option<Condition>, Refused> {
    let value = settings.filled("canary-by-cookie-value");
    let Some(name) = settings.filled("canary-by-cookie") else {
        inert(settings, "canary-by-cookie-value", "canary-by-cookie names no cookie", notes);
        return Ok(None);
    };
    if !is_cookie_name(name.value) {
        return Err(policy::refuse(name, "it is not a cookie name", notes));
    }
    if !mse {
        inert(settings, "canary-by-cookie-value", ONLY_MSE, notes);
    }
    let expected = value.filter(|_| mse).map_or("always", |value| value.value);
    let subject = Subject::Cookie(name.value.into(), Case::Sensitive);
    Ok(Some(condition(subject, Test::Equals(expected.into()))))
}

/// An RFC 6265 §4.1.1 name, which is a token.
pub(crate) fn is_cookie_name(text: &str) -> bool {
    weir_model::HeaderName::new(text).is_ok()
}
