//! What is written into the folder: the same YAML that a person would apply.

use std::net::SocketAddr;

use super::fault::Fault;

/// The host that is served.
pub(super) const HOST: &str = "shop.demo";
/// The Release.
pub(super) const RELEASE: &str = "shop";

/// Where the two versions listen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Endpoints {
    pub(super) old: SocketAddr,
    pub(super) new: SocketAddr,
}

/// What is there before the release and never changes: an Ingress that knows the old version only.
pub(super) fn base(endpoints: &Endpoints, service: &str) -> String {
    format!(
        "\
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {{name: weir, annotations: {{weir.dev/dialect: nginx}}}}
spec: {{controller: weir.dev/ingress}}
---
apiVersion: v1
kind: Service
metadata: {{name: {service}, annotations: {{weir.dev/endpoints: '{old}'}}}}
spec: {{ports: [{{port: 80}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: {service}-new, annotations: {{weir.dev/endpoints: '{new}'}}}}
spec: {{ports: [{{port: 80}}]}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: shop}}
spec:
  ingressClassName: weir
  rules:
  - host: {HOST}
    http: {{paths: [{{path: /, pathType: Prefix, backend: {{service: {{name: {service}, port: {{number: 80}}}}}}}}]}}
",
        old = endpoints.old,
        new = endpoints.new,
    )
}

/// Scenario 1: who carries foo=bar, then everybody.
pub(super) fn by_match(service: &str, speed: f64) -> String {
    let [bake, all, offline] = [5.0, 4.0, 2.0].map(|seconds| period(seconds, speed));
    let head = head(service);
    format!(
        "\
{head}  overrides:
  - {{name: insiders, match: [{{header: {{name: foo, exact: bar}}}}, {{cookie: {{name: foo, exact: bar}}}}], to: canary}}
  steps:
  - {{name: insiders, weight: 0, bake: {{duration: {bake}, clean: true}}}}
  - {{name: everybody, weight: 100, bake: {{duration: {all}, clean: true}}}}
  offline: {{rollbackHold: {offline}, longLived: {{grace: {offline}, closeRate: 10}}, verifyZero: {offline}}}
"
    )
}

/// Scenario 2: 20 %, then more and more; with a fault, what is watched and how long a faulty version stays.
pub(super) fn by_weight(service: &str, fault: Option<Fault>, speed: f64) -> String {
    let [bake, hold, offline] = [6.0, 2.0, 2.0].map(|seconds| period(seconds, speed));
    let head = head(service);
    let slow = match fault {
        Some(Fault::Latency) => {
            "  analysis:\n    guardrails:\n    - {name: errors, errors: {}}\n    - {name: slow, latency: {quantiles: [p50, p90, p99]}, action: Rollback}\n"
        }
        _ => "",
    };
    let keep =
        if fault.is_some() { format!("  rollback: {{keepCanary: {offline}}}\n") } else { String::new() };
    format!(
        "\
{head}  steps:
  - {{name: fifth, weight: 20, bake: {{duration: {bake}, clean: true, minRequests: 1000}}}}
  - {{name: ramp, ramp: {{from: 40, to: 100, stages: 4, hold: {hold}}}}}
{slow}{keep}  offline: {{rollbackHold: {offline}, longLived: {{grace: {offline}}}, verifyZero: {offline}}}
"
    )
}

fn head(service: &str) -> String {
    format!(
        "\
apiVersion: weir.dev/v1alpha1
kind: Release
metadata: {{name: {RELEASE}}}
spec:
  routes: [{{kind: Ingress, name: shop}}]
  stable: {{service: {{name: {service}, port: 80}}}}
  canary: {{service: {{name: {service}-new, port: 80}}}}
"
    )
}

/// As manifests write it.
fn period(seconds: f64, speed: f64) -> String {
    let millis = (seconds * 1_000.0 / speed).round().max(1.0);
    if millis % 1_000.0 == 0.0 { format!("{}s", millis / 1_000.0) } else { format!("{millis}ms") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_whole() {
        assert_eq!([period(6.0, 1.0), period(5.0, 2.0), period(2.0, 3.0)], ["6s", "2500ms", "667ms"]);
    }
}
