//! What the readers of canary policies share.

use std::fmt::Display;

use weir_model::{Absent, Code, Condition, HeaderName, Pattern, Predicate, Subject, Test};

use crate::{
    Dialect,
    draft::CanaryOverride,
    notes::{Notes, quote},
    settings::{Setting, Settings},
};

/// Above this a weight or total is taken for a mistake.
const MAX_TOTAL: u32 = 1_000_000_000;

/// The policy is invalid; what was wrong has been noted.
#[derive(Debug)]
pub(crate) struct Refused;

/// The weight: invalid and negative ones count 0.
pub(crate) fn weight(settings: &Settings<'_>, notes: &mut Notes) -> u32 {
    let Some(setting) = settings.get("canary-weight") else { return 0 };
    number(setting).unwrap_or_else(|| {
        let value = quote(setting.value);
        let message = format!(
            "{value} is not a whole number from 0 on; the weight is 0. Write one without sign or unit, such as 20."
        );
        notes.annotation(Code::InvalidAnnotation, setting.key, message);
        0
    })
}

/// The total that a weight is a part of, if it is set and valid.
pub(crate) fn total(settings: &Settings<'_>, notes: &mut Notes) -> Option<u32> {
    let setting = settings.get("canary-weight-total")?;
    let total = number(setting);
    if total.is_none() {
        let value = quote(setting.value);
        let message = format!("{value} is not a whole number from 0 on; the total is 100. Correct it.");
        notes.annotation(Code::InvalidAnnotation, setting.key, message);
    }
    total
}

fn number(setting: Setting<'_>) -> Option<u32> {
    setting.value.parse().ok().filter(|number| *number <= MAX_TOTAL)
}

/// The header that nginx's variable of that name stands for. It has `_` for `-`, and fields with `_` in their
/// name never arrive.
pub(crate) fn variable(name: &str) -> String {
    name.replace('_', "-")
}

/// A header name in a gray policy.
pub(crate) fn header(setting: Setting<'_>, dialect: Dialect, notes: &mut Notes) -> Result<Subject, Refused> {
    let name = if dialect.is_nginx() { variable(setting.value) } else { setting.value.to_owned() };
    HeaderName::new(&name).map(Subject::Header).map_err(|error| refuse(setting, error, notes))
}

/// A pattern in a gray policy.
pub(crate) fn pattern(
    setting: Setting<'_>,
    pattern: Result<Pattern, weir_model::InvalidPattern>,
    notes: &mut Notes,
) -> Result<Test, Refused> {
    pattern.map(Test::Matches).map_err(|error| {
        let value = quote(setting.value);
        let message = format!(
            "The pattern {value} cannot be used: {error}. The canary gets no requests. Correct the pattern."
        );
        notes.annotation(Code::InvalidPattern, setting.key, message);
        Refused
    })
}

/// Notes why a gray policy is off.
pub(crate) fn refuse(setting: Setting<'_>, why: impl Display, notes: &mut Notes) -> Refused {
    let value = quote(setting.value);
    let message =
        format!("The value {value} is invalid: {why}. The canary gets no requests. Correct the value.");
    notes.annotation(Code::InvalidGrayPolicy, setting.key, message);
    Refused
}

/// A setting without effect beside another.
pub(crate) fn inert(settings: &Settings<'_>, name: &str, why: &str, notes: &mut Notes) {
    if let Some(setting) = settings.filled(name) {
        notes.annotation(Code::InertAnnotation, setting.key, format!("It has no effect: {why}."));
    }
}

/// A condition that fails where its subject is missing.
pub(crate) fn condition(subject: Subject, test: Test) -> Condition {
    Condition { subject, test, absent: Absent::Fails }
}

/// An override to the canary (`always`) or away from it.
pub(crate) fn override_to(always: bool, tier: u8, condition: Condition) -> CanaryOverride {
    CanaryOverride { predicate: Predicate::from(condition), always, tier }
}
