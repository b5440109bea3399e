//! Single values: durations, names, addresses.

use std::time::Duration;

use weir_model::HeaderName;

use crate::{
    refusal::{At, Refusals},
    text::Period,
};

/// The longest duration that makes sense in a release.
const LONGEST: Duration = Duration::from_hours(30 * 24);
/// The longest name that people give.
const LONGEST_NAME: usize = 63;
/// The longest address.
const LONGEST_URL: usize = 2048;

/// A duration, which may be 0.
pub(super) fn period(
    written: Option<&Period>,
    default: Duration,
    at: &At<'_>,
    refusals: &mut Refusals,
) -> Option<Duration> {
    let Some(written) = written else { return Some(default) };
    let duration = refusals.keep(at, written.parse())?;
    refusals.require(duration <= LONGEST, at, || {
        format!("{} is longer than anything in a release may take; write at most 30d", written.0)
    })?;
    Some(duration)
}

/// A duration that is more than 0.
pub(super) fn positive(
    written: Option<&Period>,
    default: Duration,
    at: &At<'_>,
    refusals: &mut Refusals,
) -> Option<Duration> {
    let duration = period(written, default, at, refusals)?;
    refusals.require(!duration.is_zero(), at, || "0 makes no sense here; write more than that".to_owned())?;
    Some(duration)
}

/// A name that people give and read.
pub(super) fn label(name: &str, at: &At<'_>, refusals: &mut Refusals) -> Option<Box<str>> {
    let is_readable = !name.is_empty() && name.trim() == name && !name.chars().any(char::is_control);
    let is_label = is_readable && name.chars().count() <= LONGEST_NAME;
    refusals.require(is_label, at, || {
        format!("{name:?} is not a name; write 1 to {LONGEST_NAME} letters, without a blank at either end")
    })?;
    Some(name.into())
}

/// The name of a Kubernetes object (RFC 1123 subdomain).
pub(super) fn object_name<'n>(name: &'n str, at: &At<'_>, refusals: &mut Refusals) -> Option<&'n str> {
    let is_name = name.len() <= 253 && name.split('.').all(is_dns_label);
    refusals.require(is_name, at, || {
        format!(
            "{name:?} is not the name of an object: lower-case letters, digits, inner hyphens and points only"
        )
    })?;
    Some(name)
}

/// Whether a text is a label of a DNS name in lower case.
pub(super) fn is_dns_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let edges = [text.bytes().next(), text.bytes().next_back()];
    text.len() <= 63
        && text.bytes().all(inner)
        && edges.iter().all(|edge| edge.is_some_and(|byte| byte != b'-'))
}

/// The name of a cookie (RFC 6265: a token, and so of the same bytes as the name of a header).
pub(super) fn cookie_name(name: &str, at: &At<'_>, refusals: &mut Refusals) -> Option<Box<str>> {
    refusals.require(HeaderName::new(name).is_ok(), at, || {
        format!(
            "{name:?} is not the name of a cookie: letters, digits and !#$%&'*+-.^_`|~ only, at least one"
        )
    })?;
    Some(name.into())
}

/// An `http` or `https` address.
pub(super) fn url(text: &str, at: &At<'_>, refusals: &mut Refusals) -> Option<Box<str>> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    let is_url = !host.is_empty() && !host.starts_with(':') && is_visible && text.len() <= LONGEST_URL;
    refusals.require(is_url, at, || {
        format!("{text:?} is not an address; write http:// or https:// with a host, as in http://checks.shop.svc/smoke")
    })?;
    Some(text.into())
}
