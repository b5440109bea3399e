//! Ingresses, written as their authors write them.

use std::fmt::Write as _;

use super::quoted;

/// One path of a host.
#[derive(Clone, Debug)]
struct Route {
    path: String,
    path_type: &'static str,
    service: String,
}

/// An Ingress in the making, of class `weir` and in the default namespace unless said otherwise.
#[derive(Clone, Debug)]
pub struct Ingress {
    name: String,
    class: String,
    namespace: Option<String>,
    annotations: Vec<(String, String)>,
    hosts: Vec<(String, Vec<Route>)>,
    tls: Vec<(String, Vec<String>)>,
}

impl Ingress {
    /// An Ingress without rules.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            class: "weir".to_owned(),
            namespace: None,
            annotations: Vec::new(),
            hosts: Vec::new(),
            tls: Vec::new(),
        }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sets the IngressClass.
    #[must_use]
    pub fn class(mut self, class: &str) -> Self {
        class.clone_into(&mut self.class);
        self
    }

    /// Sets the namespace.
    #[must_use]
    pub fn namespace(mut self, namespace: &str) -> Self {
        self.namespace = Some(namespace.to_owned());
        self
    }

    /// Adds an annotation.
    #[must_use]
    pub fn annotation(mut self, key: &str, value: &str) -> Self {
        self.annotations.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Adds an annotation of ingress-nginx: the key without its prefix.
    #[must_use]
    pub fn nginx(self, key: &str, value: &str) -> Self {
        self.annotation(&format!("nginx.ingress.kubernetes.io/{key}"), value)
    }

    /// Begins a host; the paths that follow are its own. An empty name is any host.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.hosts.push((host.to_owned(), Vec::new()));
        self
    }

    /// Adds a path of type Prefix that leads to port 80 of a Service.
    #[must_use]
    pub fn path(self, path: &str, service: &str) -> Self {
        self.path_of_type("Prefix", path, service)
    }

    /// Adds a path of a type.
    #[must_use]
    pub fn path_of_type(mut self, path_type: &'static str, path: &str, service: &str) -> Self {
        if self.hosts.is_empty() {
            self = self.host("");
        }
        if let Some((_, paths)) = self.hosts.last_mut() {
            paths.push(Route { path: path.to_owned(), path_type, service: service.to_owned() });
        }
        self
    }

    /// Serves hosts with the certificate in a Secret.
    #[must_use]
    pub fn tls(mut self, secret: &str, hosts: &[&str]) -> Self {
        self.tls.push((secret.to_owned(), hosts.iter().map(|host| (*host).to_owned()).collect()));
        self
    }

    /// The Ingress as YAML.
    pub fn yaml(&self) -> String {
        let mut yaml = String::from("apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n");
        self.write(&mut yaml);
        yaml
    }

    fn write(&self, out: &mut String) {
        let _infallible = writeln!(out, "  name: {}", self.name);
        if let Some(namespace) = &self.namespace {
            let _infallible = writeln!(out, "  namespace: {namespace}");
        }
        if !self.annotations.is_empty() {
            out.push_str("  annotations:\n");
        }
        for (key, value) in &self.annotations {
            let _infallible = writeln!(out, "    {key}: {}", quoted(value));
        }
        let _infallible = writeln!(out, "spec:\n  ingressClassName: {}", self.class);
        self.write_tls(out);
        out.push_str("  rules:\n");
        self.hosts.iter().for_each(|(host, paths)| write_rule(out, host, paths));
    }

    fn write_tls(&self, out: &mut String) {
        if !self.tls.is_empty() {
            out.push_str("  tls:\n");
        }
        for (secret, hosts) in &self.tls {
            let hosts: Vec<String> = hosts.iter().map(|host| quoted(host)).collect();
            let _infallible =
                writeln!(out, "    - secretName: {secret}\n      hosts: [{}]", hosts.join(", "));
        }
    }
}

fn write_rule(out: &mut String, host: &str, paths: &[Route]) {
    match host {
        "" => out.push_str("    - http:\n        paths:\n"),
        host => {
            let _infallible = writeln!(out, "    - host: {}\n      http:\n        paths:", quoted(host));
        }
    }
    for Route { path, path_type, service } in paths {
        let _infallible = writeln!(
            out,
            "          - path: {}\n            pathType: {path_type}\n            \
             backend: {{ service: {{ name: {service}, port: {{ number: 80 }} }} }}",
            quoted(path)
        );
    }
}
