//! A namespace of a test's own.

use std::process::{Command, Stdio};

use crate::Cluster;

/// What tells the tests' namespaces from others.
pub(crate) const LABEL: &str = "weir.dev/e2e=true";

/// A namespace. Dropping it deletes it, with everything in it.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

// === impl Namespace ===

impl Namespace {
    /// Makes one whose name begins with a text and is new.
    ///
    /// # Errors
    /// When the API refuses it.
    pub async fn create(cluster: &Cluster, prefix: &str) -> anyhow::Result<Self> {
        let name = format!("{prefix}-{:06x}", fastrand::u32(..1 << 24));
        cluster.kubectl(&["create", "namespace", &name]).await?;
        // From here on it is deleted, whatever fails.
        let made = Self { name };
        cluster.kubectl(&["label", "namespace", &made.name, LABEL]).await?;
        Ok(made)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Not waited for: pods may take their time to end.
        delete(&["namespace", &self.name]);
    }
}

/// Deletes objects without waiting until they are gone. Who cannot do that has no cluster any more.
fn delete(what: &[&str]) {
    let mut kubectl = Command::new("kubectl");
    kubectl.arg("delete").args(what).args(["--wait=false", "--ignore-not-found"]);
    let _no_cluster = kubectl.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
}
