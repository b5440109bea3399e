//! Which annotation names exist, and which of them Weir reads.

use crate::{Dialect, suggest};

use super::{Setting, WEIR};

/// What is known about a name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Weir reads it.
    Read,
    /// It exists, but Weir does not read it, for this reason.
    Unsupported(&'static str),
    /// It asks for authentication, which Weir does not implement.
    Authentication,
    /// Nobody reads it; perhaps the full key was meant.
    Unknown(Option<String>),
}

/// Gray settings of ingress-nginx and everything compatible.
pub(crate) const CANARY: &[&str] = &[
    "canary",
    "canary-by-header",
    "canary-by-header-value",
    "canary-by-header-pattern",
    "canary-by-cookie",
    "canary-weight",
    "canary-weight-total",
    "affinity-canary-behavior",
];

/// Gray settings of MSE. OpenKruise writes them with the nginx prefix.
pub(crate) const MSE_CANARY: &[&str] =
    &["canary-by-query", "canary-by-query-value", "canary-by-query-pattern", "canary-by-cookie-value"];

/// Gray settings of ACK.
pub(crate) const ACK: &[&str] = &["service-match", "service-weight"];

/// Settings that every dialect reads.
const COMMON: &[&str] = &[
    "rewrite-target",
    "use-regex",
    "ssl-redirect",
    "force-ssl-redirect",
    "backend-protocol",
    "proxy-body-size",
    "proxy-connect-timeout",
    "proxy-read-timeout",
    "proxy-send-timeout",
    "affinity",
    "session-cookie-name",
    "session-cookie-path",
    "session-cookie-domain",
    "session-cookie-max-age",
    "session-cookie-expires",
    "session-cookie-samesite",
    "session-cookie-secure",
    "session-cookie-change-on-failure",
    "whitelist-source-range",
    "allowlist-source-range",
    "upstream-vhost",
    "permanent-redirect",
    "permanent-redirect-code",
    "temporal-redirect",
    "temporal-redirect-code",
];

/// Settings that only Higress and MSE have.
const HIGRESS: &[&str] = &[
    "request-header-control-add",
    "request-header-control-update",
    "request-header-control-remove",
    "response-header-control-add",
    "response-header-control-update",
    "response-header-control-remove",
    "destination",
    "match-method",
];

/// Conditions of Higress: the rest of the name is that of a header or parameter.
pub(crate) const CONDITION_PREFIXES: &[&str] = &[
    "exact-match-header-",
    "prefix-match-header-",
    "regex-match-header-",
    "exact-match-query-",
    "prefix-match-query-",
    "regex-match-query-",
    "exact-match-pseudo-header-",
    "prefix-match-pseudo-header-",
    "regex-match-pseudo-header-",
];

/// Weir's own, on an Ingress.
const OWN: &[&str] = &["sticky"];

/// Names of ingress-nginx that Weir does not read.
const NGINX_UNSUPPORTED: &[&str] = &[
    "affinity-mode",
    "app-root",
    "auth-always-set-cookie",
    "auth-cache-duration",
    "auth-cache-key",
    "auth-keepalive",
    "auth-keepalive-requests",
    "auth-keepalive-share-vars",
    "auth-keepalive-timeout",
    "auth-method",
    "auth-proxy-set-headers",
    "auth-realm",
    "auth-request-redirect",
    "auth-response-headers",
    "auth-secret",
    "auth-secret-type",
    "auth-signin",
    "auth-signin-redirect-param",
    "auth-snippet",
    "auth-tls-error-page",
    "auth-tls-match-cn",
    "auth-tls-pass-certificate-to-upstream",
    "auth-tls-secret",
    "auth-tls-verify-client",
    "auth-tls-verify-depth",
    "auth-type",
    "auth-url",
    "client-body-buffer-size",
    "configuration-snippet",
    "connection-proxy-header",
    "cors-allow-credentials",
    "cors-allow-headers",
    "cors-allow-methods",
    "cors-allow-origin",
    "cors-expose-headers",
    "cors-max-age",
    "custom-headers",
    "custom-http-errors",
    "default-backend",
    "denylist-source-range",
    "disable-proxy-intercept-errors",
    "enable-access-log",
    "enable-cors",
    "enable-global-auth",
    "enable-modsecurity",
    "enable-opentelemetry",
    "enable-opentracing",
    "enable-owasp-core-rules",
    "enable-rewrite-log",
    "fastcgi-index",
    "fastcgi-params-configmap",
    "from-to-www-redirect",
    "global-rate-limit",
    "global-rate-limit-ignored-cidrs",
    "global-rate-limit-key",
    "global-rate-limit-window",
    "http2-push-preload",
    "limit-allowlist",
    "limit-burst-multiplier",
    "limit-connections",
    "limit-rate",
    "limit-rate-after",
    "limit-rpm",
    "limit-rps",
    "limit-whitelist",
    "load-balance",
    "mirror-host",
    "mirror-request-body",
    "mirror-target",
    "modsecurity-snippet",
    "modsecurity-transaction-id",
    "opentelemetry-operation-name",
    "opentelemetry-trust-incoming-span",
    "opentracing-trust-incoming-span",
    "preserve-trailing-slash",
    "proxy-buffer-size",
    "proxy-buffering",
    "proxy-buffers-number",
    "proxy-busy-buffers-size",
    "proxy-cookie-domain",
    "proxy-cookie-path",
    "proxy-http-version",
    "proxy-max-temp-file-size",
    "proxy-next-upstream",
    "proxy-next-upstream-timeout",
    "proxy-next-upstream-tries",
    "proxy-redirect-from",
    "proxy-redirect-to",
    "proxy-request-buffering",
    "proxy-ssl-ciphers",
    "proxy-ssl-name",
    "proxy-ssl-protocols",
    "proxy-ssl-secret",
    "proxy-ssl-server-name",
    "proxy-ssl-verify",
    "proxy-ssl-verify-depth",
    "relative-redirects",
    "satisfy",
    "server-alias",
    "server-snippet",
    "service-upstream",
    "session-cookie-conditional-samesite-none",
    "ssl-ciphers",
    "ssl-passthrough",
    "ssl-prefer-server-ciphers",
    "stream-snippet",
    "upstream-hash-by",
    "upstream-hash-by-subset",
    "upstream-hash-by-subset-size",
    "x-forwarded-prefix",
];

/// Names of Higress, MSE and Tengine that Weir does not read.
const HIGRESS_UNSUPPORTED: &[&str] = &[
    "active-redirect",
    "auth-type",
    "backend-protocol-version",
    "canary-mod-divisor",
    "canary-mod-relational-operator",
    "canary-mod-remainder",
    "canary-request-add-header",
    "canary-request-add-query",
    "canary-request-append-header",
    "canary-response-add-header",
    "canary-response-append-header",
    "disable-exact-match",
    "domain-blacklist-source-range",
    "domain-whitelist-source-range",
    "enable-proxy-next-upstream",
    "fallback",
    "full-path-regex",
    "http2-push-preload",
    "ignore-path-case",
    "loadbalance",
    "local-rate-limit",
    "match-header",
    "mcp-server",
    "mirror-percentage",
    "mirror-target-service",
    "blacklist-source-range",
    "rewrite-path",
    "route-limit-burst-multiplier",
    "route-limit-rpm",
    "route-limit-rps",
    "service-subset",
    "subset-labels",
    "ssl-cipher",
    "timeout",
    "tls-min-protocol-version",
    "tls-max-protocol-version",
    "warmup",
];

/// Settings that switch authentication on; the other `auth-*` only shape it.
const AUTHENTICATION: &[&str] = &["auth-url", "auth-type", "auth-tls-secret"];

/// Classifies one annotation.
pub(crate) fn verdict(setting: Setting<'_>, dialect: Dialect) -> Verdict {
    let name = setting.name;
    if setting.key.starts_with(WEIR) {
        return own_verdict(name);
    }
    if is_canary(name) || COMMON.contains(&name) {
        return Verdict::Read;
    }
    if ACK.contains(&name) {
        return if dialect.is_nginx() { Verdict::Read } else { Verdict::Unsupported(ACK_ONLY) };
    }
    if HIGRESS.contains(&name) || is_condition(name) {
        return if dialect.is_nginx() { Verdict::Unsupported(HIGRESS_ONLY) } else { Verdict::Read };
    }
    if is_authentication(name) {
        return Verdict::Authentication;
    }
    if is_protection(name) {
        return Verdict::Unsupported(
            "Weir does not implement it, so requests are served without this protection.",
        );
    }
    if NGINX_UNSUPPORTED.contains(&name) || HIGRESS_UNSUPPORTED.contains(&name) {
        return Verdict::Unsupported("Weir does not implement it.");
    }
    Verdict::Unknown(suggestion(setting))
}

const ACK_ONLY: &str = "Weir reads it only with the dialects ack and nginx.";
const HIGRESS_ONLY: &str = "Weir reads it only with the dialects higress and mse.";

fn own_verdict(name: &str) -> Verdict {
    if OWN.contains(&name) {
        return Verdict::Read;
    }
    if name == "endpoints" {
        return Verdict::Unsupported("weir.dev/endpoints belongs on a Service.");
    }
    if name == "dialect" {
        return Verdict::Unsupported("weir.dev/dialect belongs on an IngressClass.");
    }
    Verdict::Unknown(suggest::closest(name, OWN.iter().copied()).map(|known| format!("{WEIR}{known}")))
}

fn suggestion(setting: Setting<'_>) -> Option<String> {
    let known = [CANARY, MSE_CANARY, ACK, COMMON, HIGRESS, NGINX_UNSUPPORTED].into_iter().flatten().copied();
    let prefix = setting.key.strip_suffix(setting.name)?;
    suggest::closest(setting.name, known).map(|known| format!("{prefix}{known}"))
}

/// Settings that keep requests out.
fn is_protection(name: &str) -> bool {
    const PREFIXES: &[&str] = &["auth-", "limit-", "global-rate-limit", "route-limit-", "domain-"];
    const NAMES: &[&str] =
        &["denylist-source-range", "blacklist-source-range", "satisfy", "enable-modsecurity"];
    let known = NGINX_UNSUPPORTED.contains(&name) || HIGRESS_UNSUPPORTED.contains(&name);
    known && (NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
}

fn is_condition(name: &str) -> bool {
    CONDITION_PREFIXES.iter().any(|prefix| name.len() > prefix.len() && name.starts_with(prefix))
}

/// Whether a value may have several lines.
pub(crate) fn is_multi_line(name: &str) -> bool {
    name == "service-match"
        || name == "service-weight"
        || name == "destination"
        || name.contains("header-control")
}

/// Whether the name belongs to a canary Ingress.
pub(crate) fn is_canary(name: &str) -> bool {
    CANARY.contains(&name) || MSE_CANARY.contains(&name)
}

/// Whether the name decides who gets the new version.
pub(crate) fn is_gray(name: &str) -> bool {
    is_canary(name) || ACK.contains(&name) || name == "destination"
}

/// Whether the name switches authentication on.
pub(crate) fn is_authentication(name: &str) -> bool {
    AUTHENTICATION.contains(&name)
}

/// Whether the name is a setting of the route rather than of the split.
pub(crate) fn is_common(name: &str) -> bool {
    COMMON.contains(&name)
}
