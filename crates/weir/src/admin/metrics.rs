//! The counters in the Prometheus text format 0.0.4.

mod releases;

use std::time::SystemTime;

use weir_proxy::{LATENCY_BOUNDS, Proxy, RouteMetrics, Totals};

use super::encoder::{Encoder, Kind};
use crate::{findings::Counts, runtime::status::Status};

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// All counters as they are now.
pub(super) fn render(status: &Status) -> String {
    let mut out = Encoder::default();
    out.family("weir_build_info", Kind::Gauge, "The running version.");
    out.sample("", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    configuration(&mut out, status);
    if let Some(proxy) = status.proxy() {
        revision(&mut out, &proxy);
        totals(&mut out, proxy.metrics().totals());
        let routes = proxy.metrics().routes();
        requests(&mut out, &routes);
        durations(&mut out, &routes);
        releases::render(&mut out, &proxy.releases());
    }
    out.finish()
}

fn configuration(out: &mut Encoder, status: &Status) {
    out.family("weir_configuration_error", Kind::Gauge, "1 while a manifest cannot be read.");
    out.sample("", &[], u8::from(!status.broken().is_empty()));
    let Counts { errors, warnings, infos } = Counts::of(&status.findings());
    out.family("weir_findings", Kind::Gauge, "What there is to say about the manifests.");
    for (severity, count) in [("error", errors), ("warning", warnings), ("info", infos)] {
        out.sample("", &[("severity", severity)], count);
    }
}

fn revision(out: &mut Encoder, proxy: &Proxy) {
    let revision = proxy.revision();
    out.family("weir_configuration_revision", Kind::Gauge, "Changes put in force since the start.");
    out.sample("", &[], revision.number);
    let age = revision.since.and_then(|since| SystemTime::now().duration_since(since).ok());
    out.family("weir_configuration_age_seconds", Kind::Gauge, "Time since the last change.");
    out.sample("", &[], age.unwrap_or_default().as_secs_f64());
}

fn totals(out: &mut Encoder, totals: Totals) {
    let gauge = ("weir_connections_open", totals.open, "Client connections that are open.");
    let counters = [
        ("weir_connections_total", totals.connections, "Client connections accepted."),
        (
            "weir_connections_refused_total",
            totals.refused,
            "Client connections turned away for want of memory.",
        ),
        ("weir_tls_handshake_failures_total", totals.tls_failures, "TLS handshakes that failed."),
        ("weir_bad_requests_total", totals.bad_requests, "Requests refused before routing."),
        (
            "weir_header_underscore_dropped_total",
            totals.underscored,
            "Request fields dropped for an underscore in their name.",
        ),
        ("weir_upstream_connections_total", totals.upstream_connections, "Connections made to endpoints."),
        (
            "weir_upstream_connect_failures_total",
            totals.connect_failures,
            "Connections to endpoints that failed.",
        ),
        ("weir_retries_total", totals.retries, "Requests sent again after a failure."),
        (
            "weir_requests_force_closed_total",
            totals.force_closed,
            "Requests cut off by the end of the shutdown.",
        ),
    ];
    for (name, value, help) in counters {
        out.family(name, Kind::Counter, help);
        out.sample("", &[], value);
    }
    out.family(gauge.0, Kind::Gauge, gauge.2);
    out.sample("", &[], gauge.1);
}

fn requests(out: &mut Encoder, routes: &[RouteMetrics]) {
    out.family("weir_requests_total", Kind::Counter, "Requests by class of status.");
    for route in routes {
        for (class, count) in CLASSES.iter().zip(route.statuses) {
            let labels = [("route", &*route.route), ("service", &*route.service), ("class", *class)];
            if count > 0 {
                out.sample("", &labels, count);
            }
        }
    }
    let help = "Requests that ended without a complete response.";
    out.family("weir_request_failures_total", Kind::Counter, help);
    for route in routes {
        out.sample("", &[("route", &*route.route), ("service", &*route.service)], route.failures);
    }
}

fn durations(out: &mut Encoder, routes: &[RouteMetrics]) {
    let help = "Time from a request's head to the end of its response.";
    out.family("weir_request_duration_seconds", Kind::Histogram, help);
    for route in routes {
        duration(out, route);
    }
}

fn duration(out: &mut Encoder, route: &RouteMetrics) {
    let labels = [("route", &*route.route), ("service", &*route.service)];
    let bounds = LATENCY_BOUNDS.iter().map(|bound| seconds(*bound).to_string());
    let mut below = 0;
    for (bound, count) in bounds.chain(["+Inf".to_owned()]).zip(route.buckets) {
        below += count;
        out.sample("_bucket", &[labels[0], labels[1], ("le", &bound)], below);
    }
    out.sample("_sum", &labels, seconds(route.microseconds));
    out.sample("_count", &labels, below);
}

#[expect(clippy::cast_precision_loss, reason = "285 years of microseconds fit")]
fn seconds(microseconds: u64) -> f64 {
    microseconds as f64 / 1e6
}
