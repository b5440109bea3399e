//! A Release as people write it.

/// A Release `app` from the Service and Deployment `app` to `next`, in the making.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    routes: Vec<&'static str>,
    steps: Vec<String>,
    more: Vec<String>,
    offline: &'static str,
}

impl Manifest {
    /// With these steps, each as in YAML's flow style.
    pub(crate) fn new(steps: &[&str]) -> Self {
        let steps = steps.iter().map(ToString::to_string).collect();
        let offline =
            "{rollbackHold: 3s, inFlightTimeout: 20s, longLived: {grace: 2s, closeRate: 20}, verifyZero: 3s}";
        Self { routes: vec!["app"], steps, more: Vec::new(), offline }
    }

    /// Lies over another Ingress as well.
    pub(crate) fn route(mut self, ingress: &'static str) -> Self {
        self.routes.push(ingress);
        self
    }

    /// Requests with `foo=bar` in a header or a cookie get the new version.
    pub(crate) fn insiders(self) -> Self {
        self.with(
            "overrides: [{name: insiders, match: [{header: {name: foo, exact: bar}}, {cookie: {name: foo, exact: bar}}], to: canary}]",
        )
    }

    /// Tells users apart by their header.
    pub(crate) fn keyed(self) -> Self {
        self.with("assignment: {keys: [{header: x-user-id}, {cookie: weir-cohort, issue: true}]}")
    }

    /// One more field of the spec.
    pub(crate) fn with(mut self, field: impl Into<String>) -> Self {
        self.more.push(field.into());
        self
    }

    pub(crate) fn yaml(&self) -> String {
        let routes: Vec<_> =
            self.routes.iter().map(|name| format!("{{kind: Ingress, name: {name}}}")).collect();
        let steps: Vec<_> = self.steps.iter().map(|step| format!("  - {step}")).collect();
        let more: Vec<_> = self.more.iter().map(|field| format!("  {field}")).collect();
        format!(
            "apiVersion: weir.dev/v1alpha1
kind: Release
metadata: {{name: app}}
spec:
  routes: [{}]
  stable: {{service: {{name: app, port: 80}}, workload: {{kind: Deployment, name: app}}}}
  canary: {{service: {{name: next, port: 80}}, workload: {{kind: Deployment, name: next}}}}
  steps:
{}
{}
  rollback: {{keepCanary: 2s}}
  offline: {}
",
            routes.join(", "),
            steps.join("\n"),
            more.join("\n"),
            self.offline
        )
    }
}
