//! What is served, as JSON. Certificates are named; keys never leave the data plane.

use serde_json::{Value, json};
use weir_model::Blueprint;

use crate::runtime::status::Status;

/// Revision, hosts, backends and TLS names.
pub(super) fn render(status: &Status) -> Value {
    let Some(proxy) = status.proxy() else {
        return json!({ "revision": 0, "hosts": {}, "backends": {}, "tls": {} });
    };
    let Blueprint { hosts, backends, tls, .. } = &proxy.blueprint();
    let keyed = |error: serde_json::Error| json!({ "error": error.to_string() });
    let hosts = serde_json::to_value(hosts).unwrap_or_else(keyed);
    let backends = serde_json::to_value(backends).unwrap_or_else(keyed);
    let tls = serde_json::to_value(tls).unwrap_or_else(keyed);
    json!({ "revision": proxy.revision().number, "hosts": hosts, "backends": backends, "tls": tls })
}
