//! Annotations about requests and responses rather than backends.

use std::{net::IpAddr, time::Duration};

use ipnet::IpNet;
use weir_model::{
    BodyLimit, Code, Filters, HostName, HttpsRedirect, Redirect, Rewrite, Template, Timeouts,
    UpstreamProtocol,
};

use crate::{
    notes::{Notes, quote},
    settings::{Setting, Settings},
};

/// Both names of the list of allowed networks.
const SOURCES: &[&str] = &["whitelist-source-range", "allowlist-source-range"];

/// Reads everything except what depends on the host.
pub(crate) fn read(settings: &Settings<'_>, notes: &mut Notes) -> Filters {
    let forced = settings.switch("force-ssl-redirect", notes) == Some(true);
    Filters {
        https_redirect: if forced { HttpsRedirect::Always } else { HttpsRedirect::Never },
        allow_sources: allow_sources(settings, notes),
        authentication: settings.authentication(notes),
        redirect: redirect(settings, notes),
        rewrite: rewrite(settings, notes),
        upstream_host: upstream_host(settings, notes),
        body_limit: body_limit(settings, notes),
        protocol: protocol(settings, notes),
    }
}

/// Whether plain-text requests are redirected on hosts with TLS. Off by default in Higress.
pub(crate) fn ssl_redirect(settings: &Settings<'_>, notes: &mut Notes) -> bool {
    let default = settings.dialect != crate::Dialect::Higress;
    settings.switch("ssl-redirect", notes).unwrap_or(default)
}

/// Reads the `proxy-*-timeout`s.
pub(crate) fn timeouts(settings: &Settings<'_>, notes: &mut Notes) -> Timeouts {
    Timeouts {
        connect: timeout(settings, "proxy-connect-timeout", notes),
        read: timeout(settings, "proxy-read-timeout", notes),
        send: timeout(settings, "proxy-send-timeout", notes),
    }
}

fn timeout(settings: &Settings<'_>, name: &str, notes: &mut Notes) -> Option<Duration> {
    let setting = settings.filled(name)?;
    let seconds = setting.value.parse().ok().filter(|seconds: &u32| *seconds > 0);
    if seconds.is_none() {
        invalid(setting, "the default applies", "a number of seconds above 0, without a unit", notes);
    }
    seconds.map(|seconds| Duration::from_secs(seconds.into()))
}

/// Entries that can't be read are left out; what remains is the list, even if nothing remains.
fn allow_sources(settings: &Settings<'_>, notes: &mut Notes) -> Option<Vec<IpNet>> {
    if settings.poisoned(SOURCES).is_some() {
        return Some(Vec::new());
    }
    let (first, second) = (settings.filled(SOURCES[0]), settings.filled(SOURCES[1]));
    if let (Some(_), Some(second)) = (first, second) {
        let message = "whitelist-source-range is the same setting and is read instead. Remove one of them.";
        notes.annotation(Code::InertAnnotation, second.key, message);
    }
    let setting = first.or(second)?;
    let mut networks = Vec::new();
    for entry in setting.value.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        match parse_network(entry) {
            Some(network) => networks.push(network),
            None => note_network(setting, entry, notes),
        }
    }
    Some(networks)
}

fn parse_network(text: &str) -> Option<IpNet> {
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.ok().map(|network: IpNet| network.trunc())
}

fn note_network(setting: Setting<'_>, entry: &str, notes: &mut Notes) {
    let entry = quote(entry);
    let message =
        format!("{entry} is neither an address nor a network; it lets nobody in. Write it as 10.0.0.0/8.");
    notes.annotation(Code::InvalidAnnotation, setting.key, message);
}

fn redirect(settings: &Settings<'_>, notes: &mut Notes) -> Option<Redirect> {
    redirect_as(settings, "temporal-redirect", 302, notes)
        .or_else(|| redirect_as(settings, "permanent-redirect", 301, notes))
}

fn redirect_as(settings: &Settings<'_>, name: &str, default: u16, notes: &mut Notes) -> Option<Redirect> {
    let setting = settings.filled(name)?;
    let status = redirect_status(settings, &format!("{name}-code"), default, notes);
    if !setting.value.starts_with("http") {
        invalid(setting, "there is no redirect", "a URL that begins with http:// or https://", notes);
        return None;
    }
    match Template::parse(setting.value) {
        Ok(location) if location.max_group() == 0 => Some(Redirect { status, location }),
        Ok(_) => {
            invalid(setting, "there is no redirect", "a URL without groups such as $1", notes);
            None
        }
        Err(error) => {
            invalid(setting, "there is no redirect", &format!("it differently: {error}"), notes);
            None
        }
    }
}

fn redirect_status(settings: &Settings<'_>, name: &str, default: u16, notes: &mut Notes) -> u16 {
    let Some(setting) = settings.filled(name) else { return default };
    let status = setting.value.parse().ok().filter(|status| (300..=308).contains(status));
    if status.is_none() {
        invalid(setting, &format!("{default} is used"), "a number from 300 to 308", notes);
    }
    status.unwrap_or(default)
}

fn rewrite(settings: &Settings<'_>, notes: &mut Notes) -> Option<Rewrite> {
    let setting = settings.filled("rewrite-target")?;
    if !setting.value.starts_with('/') {
        invalid(setting, "paths are not rewritten", "a path that begins with /", notes);
        return None;
    }
    let target = Template::parse(setting.value);
    target
        .map(|target| Rewrite { target })
        .map_err(|error| {
            invalid(setting, "paths are not rewritten", &format!("it differently: {error}"), notes);
        })
        .ok()
}

fn upstream_host(settings: &Settings<'_>, notes: &mut Notes) -> Option<Box<str>> {
    let setting = settings.filled("upstream-vhost")?;
    let name = setting.value.rsplit_once(':').map_or(setting.value, |(name, _)| name);
    if let Ok(HostName::Exact(_)) = HostName::parse(name) {
        Some(setting.value.into())
    } else {
        invalid(setting, "Host is forwarded unchanged", "a host name without variables", notes);
        None
    }
}

fn body_limit(settings: &Settings<'_>, notes: &mut Notes) -> BodyLimit {
    let Some(setting) = settings.filled("proxy-body-size") else { return BodyLimit::Unlimited };
    match parse_size(setting.value) {
        Some(0) => BodyLimit::Unlimited,
        Some(bytes) => BodyLimit::Bytes(bytes),
        None => {
            invalid(setting, "bodies are not limited", "a size such as 8m, or 0 for no limit", notes);
            BodyLimit::Unlimited
        }
    }
}

/// nginx sizes: bytes, or with `k`, `m` or `g`.
fn parse_size(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match &text[digits.len()..] {
        "" | "b" | "B" => 1,
        "k" | "K" => 1 << 10,
        "m" | "M" => 1 << 20,
        "g" | "G" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

fn protocol(settings: &Settings<'_>, notes: &mut Notes) -> UpstreamProtocol {
    let Some(setting) = settings.filled("backend-protocol") else { return UpstreamProtocol::Http1 };
    match &*setting.value.to_ascii_uppercase() {
        "HTTP" => UpstreamProtocol::Http1,
        "HTTPS" => UpstreamProtocol::Https1,
        "GRPC" => UpstreamProtocol::Http2,
        "GRPCS" => UpstreamProtocol::Https2,
        "HTTP2" if !settings.dialect.is_nginx() => UpstreamProtocol::Http2,
        _ => {
            invalid(setting, "HTTP/1.1 is spoken", "HTTP, HTTPS, GRPC or GRPCS", notes);
            UpstreamProtocol::Http1
        }
    }
}

/// A value that can't be used, what happens instead, and what to write.
pub(crate) fn invalid(setting: Setting<'_>, instead: &str, remedy: &str, notes: &mut Notes) {
    let value = quote(setting.value);
    let message = format!("The value {value} cannot be used; {instead}. Write {remedy}.");
    notes.annotation(Code::InvalidAnnotation, setting.key, message);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sizes() {
        let cases = [
            ("8m", Some(8 << 20)),
            ("1K", Some(1024)),
            ("0", Some(0)),
            ("7", Some(7)),
            ("8mb", None),
            ("m", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_size(text), expected, "{text}");
        }
    }
}
