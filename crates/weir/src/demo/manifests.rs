//! What is written into the folder, phase by phase: the same YAML that a person would apply.

use std::{fmt::Write as _, net::SocketAddr};

/// Where the two versions listen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Endpoints {
    pub(super) old: SocketAddr,
    pub(super) new: SocketAddr,
}

/// Scenario 1: who carries foo=bar gets the new version.
pub(super) fn matched(endpoints: &Endpoints) -> String {
    let service_match = |key: &str| format!("service-match: 'new: {key}(\"foo\", \"bar\")'");
    let mut yaml = classes() + &services(endpoints);
    for key in ["header", "cookie", "query"] {
        let host = format!("{key}.ack.demo");
        yaml += &ingress(key, "ack", &host, &[&service_match(key)], &["old", "new"]);
    }
    yaml += &ingress("either", "mse", "either.mse.demo", &[], &["old"]);
    let header = ["canary: 'true'", "canary-by-header: foo", "canary-by-header-value: bar"];
    yaml += &ingress("either-header", "mse", "either.mse.demo", &header, &["new"]);
    let cookie = ["canary: 'true'", "canary-by-cookie: foo", "canary-by-cookie-value: bar"];
    yaml += &ingress("either-cookie", "mse", "either.mse.demo", &cookie, &["new"]);
    yaml
}

/// Scenario 1: everybody gets the new version; the old one still runs.
pub(super) fn matched_done(endpoints: &Endpoints) -> String {
    matched_new(&services(endpoints))
}

/// Scenario 1: only the new version is left.
pub(super) fn matched_alone(endpoints: &Endpoints) -> String {
    matched_new(&service("new", endpoints.new))
}

fn matched_new(services: &str) -> String {
    let mut yaml = classes() + services;
    for key in ["header", "cookie", "query"] {
        yaml += &ingress(key, "ack", &format!("{key}.ack.demo"), &[], &["new"]);
    }
    yaml + &ingress("either", "mse", "either.mse.demo", &[], &["new"])
}

/// Scenario 2: one request in five gets the new version.
pub(super) fn weighed(endpoints: &Endpoints) -> String {
    let ack = ["service-weight: 'new: 20, old: 80'"];
    let canary = ["canary: 'true'", "canary-weight: '20'"];
    classes()
        + &services(endpoints)
        + &ingress("ack", "ack", "weight.ack.demo", &ack, &["old", "new"])
        + &ingress("nginx", "nginx", "weight.nginx.demo", &[], &["old"])
        + &ingress("nginx-canary", "nginx", "weight.nginx.demo", &canary, &["new"])
}

/// Scenario 2: everybody gets the new version; the old one still runs.
pub(super) fn weighed_done(endpoints: &Endpoints) -> String {
    let ack = ["service-weight: 'new: 100, old: 0'"];
    let canary = ["canary: 'true'", "canary-weight: '100'"];
    classes()
        + &services(endpoints)
        + &ingress("ack", "ack", "weight.ack.demo", &ack, &["old", "new"])
        + &ingress("nginx", "nginx", "weight.nginx.demo", &[], &["old"])
        + &ingress("nginx-canary", "nginx", "weight.nginx.demo", &canary, &["new"])
}

/// Scenario 2: only the new version is left.
pub(super) fn weighed_alone(endpoints: &Endpoints) -> String {
    classes()
        + &service("new", endpoints.new)
        + &ingress("ack", "ack", "weight.ack.demo", &[], &["new"])
        + &ingress("nginx", "nginx", "weight.nginx.demo", &[], &["new"])
}

fn classes() -> String {
    let class = |dialect| {
        format!(
            "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata:\n  name: {dialect}\n  \
             annotations:\n    weir.dev/dialect: {dialect}\nspec:\n  controller: weir.dev/ingress\n---\n"
        )
    };
    ["ack", "mse", "nginx"].map(class).concat()
}

fn services(endpoints: &Endpoints) -> String {
    service("old", endpoints.old) + &service("new", endpoints.new)
}

fn service(name: &str, endpoint: SocketAddr) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\n  annotations:\n    \
         weir.dev/endpoints: {endpoint}\nspec:\n  ports:\n    - port: 80\n---\n"
    )
}

/// `class` is also the dialect.
fn ingress(name: &str, class: &str, host: &str, annotations: &[&str], services: &[&str]) -> String {
    let prefix = if class == "mse" { "mse" } else { "nginx" };
    let mut yaml = format!(
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: {name}\n  annotations:\n"
    );
    for annotation in annotations {
        let _infallible = writeln!(yaml, "    {prefix}.ingress.kubernetes.io/{annotation}");
    }
    let _infallible = write!(
        yaml,
        "spec:\n  ingressClassName: {class}\n  rules:\n    - host: {host}\n      http:\n        paths:\n"
    );
    for service in services {
        let backend = format!("{{ service: {{ name: {service}, port: {{ number: 80 }} }} }}");
        let _infallible = writeln!(
            yaml,
            "          - path: /\n            pathType: Prefix\n            backend: {backend}"
        );
    }
    yaml + "---\n"
}
