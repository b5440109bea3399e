//! A program of the user's that is called when a version is offline, where Weir itself scales nothing.

use std::process::{Command, Stdio};

use weir_model::{ReleaseKey, Role};
use weir_release::spec::Spec;

/// The program.
#[derive(Clone, Debug)]
pub(crate) struct Hook(pub(crate) String);

// === impl Hook ===

impl Hook {
    /// Starts the program; what it prints goes to the log, and nobody waits for it.
    pub(crate) fn offline(&self, key: &ReleaseKey, spec: &Spec, role: Role) {
        let service = &spec.version(role).service;
        let mut command = Command::new(&self.0);
        command
            .env("WEIR_NAMESPACE", &*key.namespace)
            .env("WEIR_RELEASE", &*key.name)
            .env("WEIR_VERSION", role.as_str())
            .env("WEIR_SERVICE", &*service.service)
            .stdin(Stdio::null());
        let hook = self.0.clone();
        match command.spawn() {
            Ok(mut child) => drop(std::thread::spawn(move || match child.wait() {
                Ok(status) if status.success() => {}
                ended => tracing::error!(hook, "the hook for a version that is offline failed: {ended:?}"),
            })),
            Err(error) => {
                tracing::error!(hook, "the hook for a version that is offline cannot be started: {error}");
            }
        }
    }
}
