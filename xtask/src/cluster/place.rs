//! Where everything of a cluster is.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::run;

/// The folders of a cluster.
#[derive(Debug)]
pub(super) struct Place {
    /// Go modules and binaries: they outlive clusters.
    pub(super) build: PathBuf,
    /// State of the running cluster.
    pub(super) run: PathBuf,
}

// === impl Place ===

impl Place {
    pub(super) fn new(run: Option<PathBuf>) -> Self {
        let cluster = run::cache().join("cluster");
        Self { run: run.unwrap_or_else(|| cluster.join("run")), build: cluster.join("build") }
    }

    pub(super) fn create(&self) -> io::Result<()> {
        ["args", "cni", "log", "pki"].iter().try_for_each(|folder| fs::create_dir_all(self.run.join(folder)))
    }

    pub(super) fn remove(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.run) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    /// Where the programs of Kubernetes are.
    pub(super) fn bin(&self) -> PathBuf {
        self.build.join("bin")
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.bin().join(name)
    }

    pub(super) fn pki(&self, file: &str) -> PathBuf {
        self.run.join("pki").join(file)
    }

    /// How the user reaches the API.
    pub(super) fn kubeconfig(&self) -> PathBuf {
        self.pki("admin.kubeconfig")
    }

    pub(super) fn containerd_socket(&self) -> PathBuf {
        self.run.join("containerd.sock")
    }

    /// What containerd knows of running containers.
    pub(super) fn containerd_state(&self) -> PathBuf {
        self.run.join("containerd-state")
    }

    /// The number of the node's first process.
    pub(super) fn init(&self) -> PathBuf {
        self.run.join("init")
    }

    /// What a program was started with.
    pub(super) fn args(&self, program: &str) -> PathBuf {
        self.run.join("args").join(program)
    }

    pub(super) fn log(&self, program: &str) -> PathBuf {
        self.run.join("log").join(format!("{program}.log"))
    }

    /// What a shell needs.
    pub(super) fn exports(&self) -> String {
        let (kubeconfig, bin) = (self.kubeconfig(), self.bin());
        format!("export KUBECONFIG={} PATH={}:$PATH", kubeconfig.display(), bin.display())
    }

    pub(super) fn write(&self, file: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.run.join(file);
        fs::write(&path, text)?;
        Ok(path)
    }
}

/// A path as configuration files have it.
pub(super) fn text(path: &Path) -> String {
    path.display().to_string()
}
