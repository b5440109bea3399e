//! Session affinity: `affinity: cookie`, its `session-cookie-*`, and `weir.dev/sticky`.

use std::time::Duration;

use weir_model::{
    Affinity, Assignment, CanaryAffinity, Code, HeaderName, SameSite, SessionCookie, StickyKey,
};

use crate::{
    dialect::higress::is_cookie_name,
    notes::{Notes, quote},
    settings::{Setting, Settings},
};

/// The cookie's name unless another is set.
const DEFAULT_COOKIE: &str = "INGRESSCOOKIE";

/// Reads the affinity of a main Ingress.
pub(crate) fn read(settings: &Settings<'_>, notes: &mut Notes) -> Option<Affinity> {
    let setting = settings.filled("affinity")?;
    if setting.value != "cookie" {
        note(setting, "there is no session affinity", "cookie", notes);
        return None;
    }
    // Higress reads no behaviour and acts as if it were legacy.
    let canary = if settings.dialect.is_nginx() { CanaryAffinity::Sticky } else { CanaryAffinity::Legacy };
    Some(Affinity { cookie: cookie(settings, notes), canary })
}

fn cookie(settings: &Settings<'_>, notes: &mut Notes) -> SessionCookie {
    SessionCookie {
        name: name(settings, notes),
        path: attribute(settings, "session-cookie-path", "a path without ;", notes),
        domain: attribute(settings, "session-cookie-domain", "a host name", notes),
        max_age: seconds(settings, "session-cookie-max-age", notes),
        expires: seconds(settings, "session-cookie-expires", notes),
        same_site: same_site(settings, notes),
        secure: settings.switch("session-cookie-secure", notes),
        change_on_failure: settings.switch("session-cookie-change-on-failure", notes).unwrap_or(false),
    }
}

fn name(settings: &Settings<'_>, notes: &mut Notes) -> Box<str> {
    let Some(setting) = settings.filled("session-cookie-name") else { return DEFAULT_COOKIE.into() };
    if is_cookie_name(setting.value) {
        return setting.value.into();
    }
    note(setting, "the cookie is called INGRESSCOOKIE", "a cookie name", notes);
    DEFAULT_COOKIE.into()
}

/// A cookie attribute as RFC 6265 §4.1.1 allows it.
fn attribute(settings: &Settings<'_>, name: &str, remedy: &str, notes: &mut Notes) -> Option<Box<str>> {
    let setting = settings.filled(name)?;
    if !is_attribute_value(setting.value) {
        note(setting, "the default applies", remedy, notes);
        return None;
    }
    Some(setting.value.into())
}

fn seconds(settings: &Settings<'_>, name: &str, notes: &mut Notes) -> Option<Duration> {
    let setting = settings.filled(name)?;
    let seconds = setting.value.parse().map(|seconds: u32| Duration::from_secs(seconds.into()));
    seconds.map_err(|_| note(setting, "the attribute is left out", "a number of seconds", notes)).ok()
}

fn same_site(settings: &Settings<'_>, notes: &mut Notes) -> Option<SameSite> {
    let setting = settings.filled("session-cookie-samesite")?;
    match &*setting.value.to_ascii_lowercase() {
        "strict" => Some(SameSite::Strict),
        "lax" => Some(SameSite::Lax),
        "none" => Some(SameSite::None),
        _ => {
            note(setting, "the attribute is left out", "Strict, Lax or None", notes);
            None
        }
    }
}

/// Reads `weir.dev/sticky`.
pub(crate) fn assignment(settings: &Settings<'_>, notes: &mut Notes) -> Assignment {
    let Some(setting) = settings.own("sticky") else { return Assignment::Random };
    if let Some(key) = sticky_key(setting.value) {
        Assignment::sticky(key)
    } else {
        note(setting, "requests are assigned at random", "header:NAME, cookie:NAME, ip or issue", notes);
        Assignment::Random
    }
}

fn sticky_key(text: &str) -> Option<StickyKey> {
    match text.split_once(':') {
        None if text == "ip" => Some(StickyKey::Address),
        None if text == "issue" => Some(StickyKey::Issued),
        Some(("header", name)) => HeaderName::new(name.trim()).map(StickyKey::Header).ok(),
        Some(("cookie", name)) if is_cookie_name(name.trim()) => Some(StickyKey::Cookie(name.trim().into())),
        _ => None,
    }
}

/// RFC 6265 §4.1.1: whatever ends no attribute. Control characters were refused before.
pub(crate) fn is_attribute_value(text: &str) -> bool {
    text.is_ascii() && !text.contains(';')
}

fn note(setting: Setting<'_>, instead: &str, remedy: &str, notes: &mut Notes) {
    let value = quote(setting.value);
    let message = format!("The value {value} is invalid; {instead}. Write {remedy}.");
    notes.annotation(Code::InvalidAnnotation, setting.key, message);
}
