//! Whether an Ingress is a canary, and whose reading of its policy applies.

use weir_model::Code;

use super::policy::{Refused, inert};
use crate::{
    Dialect,
    draft::CanaryPolicy,
    notes::{Notes, quote},
    settings::{Setting, Settings, catalogue},
};

/// What an Ingress is.
#[derive(Debug)]
pub(crate) enum Role {
    /// It serves its own paths.
    Main,
    /// It adds to the paths of another.
    Canary(CanaryPolicy),
}

/// Decides whether the Ingress is a canary and reads its policy. An invalid policy gets no traffic.
pub(crate) fn read(settings: &Settings<'_>, notes: &mut Notes) -> Role {
    if settings.switch("canary", notes) != Some(true) {
        note_disabled(settings, notes);
        return Role::Main;
    }
    let policy = match settings.dialect {
        _ if settings.poisoned(&gray_names()).is_some() => Err(Refused),
        Dialect::Mse => super::higress::read(settings, true, notes),
        Dialect::Higress => super::higress::read(settings, false, notes),
        Dialect::Ack | Dialect::Nginx if has_mse(settings) => super::higress::read(settings, true, notes),
        Dialect::Ack | Dialect::Nginx => super::nginx::read(settings, notes),
    };
    let mut policy = policy.unwrap_or_else(|Refused| CanaryPolicy { total: 100, ..CanaryPolicy::default() });
    policy.key =
        ["canary-weight", "canary"].iter().find_map(|name| settings.get(name)).map_or("", |s| s.key).into();
    policy.legacy_affinity = legacy_affinity(settings, notes);
    Role::Canary(policy)
}

fn gray_names() -> Vec<&'static str> {
    catalogue::CANARY.iter().chain(catalogue::MSE_CANARY).copied().collect()
}

fn has_mse(settings: &Settings<'_>) -> bool {
    catalogue::MSE_CANARY.iter().any(|name| settings.get(name).is_some())
}

/// Gray settings without `canary: "true"`.
fn note_disabled(settings: &Settings<'_>, notes: &mut Notes) {
    for setting in settings.iter() {
        match setting.name {
            "canary" => {}
            "affinity-canary-behavior" | "canary-weight-total" => {
                let message =
                    "It has no effect without canary: \"true\" on the same Ingress. Remove it or add that.";
                notes.annotation(Code::InertAnnotation, setting.key, message);
            }
            "canary-weight" if setting.value.parse::<i64>().unwrap_or(0) <= 0 => {}
            name if catalogue::is_canary(name) => note_not_canary(setting, notes),
            _ => {}
        }
    }
}

fn note_not_canary(setting: Setting<'_>, notes: &mut Notes) {
    let message = "The Ingress does not say canary: \"true\", so it is served as a normal Ingress. Add canary: \"true\", or remove the canary settings.";
    notes.annotation(Code::CanaryDisabled, setting.key, message);
}

fn legacy_affinity(settings: &Settings<'_>, notes: &mut Notes) -> bool {
    let Some(setting) = settings.filled("affinity-canary-behavior") else { return false };
    if !settings.dialect.is_nginx() {
        inert(settings, setting.name, "Higress keeps no client on a canary, as if it said legacy", notes);
    } else if !matches!(setting.value, "sticky" | "legacy") {
        let value = quote(setting.value);
        let message = format!("{value} is neither sticky nor legacy; sticky applies. Write one of them.");
        notes.annotation(Code::InvalidAnnotation, setting.key, message);
    }
    setting.value == "legacy"
}
