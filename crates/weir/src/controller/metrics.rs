//! The controller's metrics in the Prometheus text format 0.0.4.

use crate::admin::encoder::{Encoder, Kind};

use super::report::Report;

/// All of them as they are now.
pub(super) fn render(report: &Report) -> String {
    let mut out = Encoder::default();
    out.family("weir_build_info", Kind::Gauge, "The running version.");
    out.sample("", &[("version", &report.version)], 1);
    let gauges = [
        ("weir_leader", u64::from(report.leader), "1 on the controller that writes status and events."),
        ("weir_ready", u64::from(report.ready), "1 once proxies get their configuration from it."),
        ("weir_epoch", report.epoch, "Changes published in this run."),
        ("weir_hosts", report.hosts as u64, "Host names that are served."),
        ("weir_rules", report.rules as u64, "Rules of all hosts."),
        ("weir_backends", report.backends as u64, "Service ports that rules name."),
        ("weir_claims", report.claims as u64, "Paths of hosts with a recorded owner."),
        ("weir_proxies", report.proxies.len() as u64, "Proxies that are connected to it."),
    ];
    for (name, value, help) in gauges {
        out.family(name, Kind::Gauge, help);
        out.sample("", &[], value);
    }
    out.family("weir_findings", Kind::Gauge, "What there is to say about the cluster's objects.");
    let counts = [("error", report.errors), ("warning", report.warnings), ("info", report.infos)];
    for (severity, count) in counts {
        out.sample("", &[("severity", severity)], count);
    }
    proxies(&mut out, report);
    out.finish()
}

fn proxies(out: &mut Encoder, report: &Report) {
    out.family("weir_proxy_epochs_behind", Kind::Gauge, "Changes that a proxy has not acknowledged.");
    for proxy in &report.proxies {
        let behind = report.epoch.saturating_sub(proxy.epoch.unwrap_or(0));
        out.sample("", &[("proxy", &proxy.identity)], behind);
    }
    out.family("weir_proxy_refused_resources", Kind::Gauge, "Resources that a proxy cannot serve.");
    for proxy in &report.proxies {
        out.sample("", &[("proxy", &proxy.identity)], proxy.refused.len());
    }
}
