//! A folder of manifests that a test writes and rewrites.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

mod ingress;

pub use ingress::Ingress;

/// What an EndpointSlice says of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// Takes new requests.
    Ready,
    /// Terminating, but still serving.
    Terminating,
    /// Neither ready nor serving.
    NotReady,
}

/// A folder of manifests, removed when dropped. Files are replaced by rename, never half written.
#[derive(Debug)]
pub struct Manifests {
    folder: TempDir,
}

impl Manifests {
    /// An empty folder.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn new() -> io::Result<Self> {
        Ok(Self { folder: tempfile::Builder::new().prefix("weir-manifests-").tempdir()? })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes `NAME.yaml`, whole or not at all.
    ///
    /// # Errors
    /// When the folder can't be written.
    pub fn write(&self, name: &str, yaml: impl AsRef<str>) -> io::Result<PathBuf> {
        let path = self.folder.path().join(format!("{name}.yaml"));
        let mut draft = tempfile::NamedTempFile::new()?;
        io::Write::write_all(&mut draft, yaml.as_ref().as_bytes())?;
        draft.persist(&path)?;
        Ok(path)
    }

    /// Removes `NAME.yaml`.
    ///
    /// # Errors
    /// When it isn't there.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.folder.path().join(format!("{name}.yaml")))
    }

    /// Writes a Service, port 80, whose endpoints stand in its `weir.dev/endpoints` annotation.
    ///
    /// # Errors
    /// When the folder can't be written.
    pub fn service(&self, name: &str, endpoints: &[SocketAddr]) -> io::Result<PathBuf> {
        self.write(&format!("service-{name}"), service_annotated(name, endpoints))
    }

    /// Writes a Service, port 80, with EndpointSlices.
    ///
    /// # Errors
    /// When the folder can't be written.
    pub fn service_with_slices(
        &self,
        name: &str,
        endpoints: &[(SocketAddr, Condition)],
    ) -> io::Result<PathBuf> {
        let yaml = format!("{}---\n{}", service(name), endpoint_slices(name, endpoints));
        self.write(&format!("service-{name}"), yaml)
    }

    /// Writes the IngressClass `weir`, read with a dialect: `nginx`, `ack`, `higress` or `mse`.
    ///
    /// # Errors
    /// When the folder can't be written.
    pub fn class(&self, dialect: &str) -> io::Result<PathBuf> {
        self.write("class", ingress_class("weir", dialect))
    }

    /// Writes an Ingress to `ingress-NAME.yaml`.
    ///
    /// # Errors
    /// When the folder can't be written.
    pub fn ingress(&self, ingress: &Ingress) -> io::Result<PathBuf> {
        self.write(&format!("ingress-{}", ingress.name()), ingress.yaml())
    }
}

/// A text as a YAML scalar, whatever is in it.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// An IngressClass that Weir serves.
pub fn ingress_class(name: &str, dialect: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata:\n  name: {name}\n  annotations:\n    \
         weir.dev/dialect: {dialect}\nspec:\n  controller: weir.dev/ingress\n"
    )
}

/// A Service with port 80, named `http`.
pub fn service(name: &str) -> String {
    service_with(name, "")
}

/// A Service with port 80 whose endpoints stand in its annotation.
pub fn service_annotated(name: &str, endpoints: &[SocketAddr]) -> String {
    let list: Vec<String> = endpoints.iter().map(SocketAddr::to_string).collect();
    service_with(name, &format!("  annotations:\n    weir.dev/endpoints: {}\n", quoted(&list.join(","))))
}

fn service_with(name: &str, annotations: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\n{annotations}\
         spec:\n  ports:\n    - name: http\n      port: 80\n"
    )
}

/// EndpointSlices of a Service: one for each port number, since a slice's ports hold for all its addresses.
pub fn endpoint_slices(service: &str, endpoints: &[(SocketAddr, Condition)]) -> String {
    let mut by_port: BTreeMap<u16, Vec<(SocketAddr, Condition)>> = BTreeMap::new();
    for (address, condition) in endpoints {
        by_port.entry(address.port()).or_default().push((*address, *condition));
    }
    let slices: Vec<String> = by_port.iter().map(|(port, list)| slice(service, *port, list)).collect();
    slices.join("---\n")
}

fn slice(service: &str, port: u16, endpoints: &[(SocketAddr, Condition)]) -> String {
    let mut yaml = format!(
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: {service}-{port}\n  \
         labels:\n    kubernetes.io/service-name: {service}\naddressType: IPv4\n\
         ports:\n  - name: http\n    port: {port}\nendpoints:\n"
    );
    for (address, condition) in endpoints {
        let (ready, serving, terminating) = match condition {
            Condition::Ready => (true, true, false),
            Condition::Terminating => (false, true, true),
            Condition::NotReady => (false, false, false),
        };
        let conditions = format!("{{ ready: {ready}, serving: {serving}, terminating: {terminating} }}");
        let address = quoted(&address.ip().to_string());
        let _infallible = writeln!(yaml, "  - addresses: [{address}]\n    conditions: {conditions}");
    }
    yaml
}
