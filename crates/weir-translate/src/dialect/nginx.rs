//! ingress-nginx: a second Ingress with `canary: "true"`.
//!
//! Header, then cookie, then weight. A setting that is present but does not match falls through to the
//! next one.

use weir_model::{Case, Pattern, Subject, Test};

use super::policy::{self, Refused, condition, inert, override_to};
use crate::{
    draft::{CanaryOverride, CanaryPolicy},
    notes::Notes,
    settings::{Setting, Settings},
};

/// The total that applies unless a greater one is set.
const DEFAULT_TOTAL: u32 = 100;

/// Reads the policy.
pub(crate) fn read(settings: &Settings<'_>, notes: &mut Notes) -> Result<CanaryPolicy, Refused> {
    let mut overrides = header(settings, notes)?;
    overrides.extend(cookie(settings, notes)?);
    let weight = policy::weight(settings, notes);
    let total = total(settings, notes);
    Ok(CanaryPolicy { overrides, weight, total, ..CanaryPolicy::default() })
}

fn header(settings: &Settings<'_>, notes: &mut Notes) -> Result<Vec<CanaryOverride>, Refused> {
    let Some(name) = settings.filled("canary-by-header") else {
        for name in ["canary-by-header-value", "canary-by-header-pattern"] {
            inert(settings, name, "canary-by-header names no header", notes);
        }
        return Ok(Vec::new());
    };
    let subject = policy::header(name, settings.dialect, notes)?;
    let tests = header_tests(settings, notes)?;
    let to_override = |(test, always)| override_to(always, 0, condition(subject.clone(), test));
    Ok(tests.into_iter().map(to_override).collect())
}

fn header_tests(settings: &Settings<'_>, notes: &mut Notes) -> Result<Vec<(Test, bool)>, Refused> {
    if let Some(value) = settings.filled("canary-by-header-value") {
        inert(settings, "canary-by-header-pattern", "canary-by-header-value wins over it", notes);
        let value = plain(value, "", notes)?;
        return Ok(vec![(Test::Equals(value.into()), true)]);
    }
    if let Some(text) = settings.filled("canary-by-header-pattern") {
        let pattern = Pattern::search(plain(text, "^$[](){}*+?|&=\\", notes)?);
        return Ok(vec![(policy::pattern(text, pattern, notes)?, true)]);
    }
    Ok(always_never())
}

fn cookie(settings: &Settings<'_>, notes: &mut Notes) -> Result<Vec<CanaryOverride>, Refused> {
    let Some(setting) = settings.filled("canary-by-cookie") else { return Ok(Vec::new()) };
    let name = plain(setting, "", notes)?;
    let subject = Subject::Cookie(name.into(), Case::Insensitive);
    let to_override = |(test, always)| override_to(always, 0, condition(subject.clone(), test));
    Ok(always_never().into_iter().map(to_override).collect())
}

fn always_never() -> Vec<(Test, bool)> {
    vec![(Test::Equals("always".into()), true), (Test::Equals("never".into()), false)]
}

fn total(settings: &Settings<'_>, notes: &mut Notes) -> u32 {
    let total = policy::total(settings, notes).unwrap_or(DEFAULT_TOTAL);
    if total < DEFAULT_TOTAL {
        inert(settings, "canary-weight-total", "a total counts only above 100; 100 applies", notes);
    }
    total.max(DEFAULT_TOTAL)
}

/// A value, if it consists of blanks and the characters that the upstream controller lets through.
fn plain<'a>(setting: Setting<'a>, extra: &str, notes: &mut Notes) -> Result<&'a str, Refused> {
    let allowed =
        |c: char| c == ' ' || c.is_ascii_alphanumeric() || "/._~:-".contains(c) || extra.contains(c);
    match setting.value.chars().find(|c| !allowed(*c)) {
        None => Ok(setting.value),
        Some(bad) => {
            let why = format!("the character {bad:?} is not allowed, as in ingress-nginx");
            Err(policy::refuse(setting, why, notes))
        }
    }
}
