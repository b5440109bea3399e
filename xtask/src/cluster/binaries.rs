//! The programs of Kubernetes, built from their Go modules.
//!
//! `go` keeps what it has compiled, so a second build takes seconds. Nothing is downloaded but modules.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;

use super::{dns, place::Place};
use crate::{out, run};

const KUBERNETES: &str = "1.36.3";
const CONTAINERD: &str = "2.4.2";
const COREDNS: &str = "1.15.0";
const HELM: &str = "4.3.1";
const GO: &str = "1.26.0";
/// Programs of the module `k8s.io/kubernetes`.
const PROGRAMS: &[&str] =
    &["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl"];
const ETCD: &str = "go.etcd.io/etcd/server/v3";
const CONTAINERD_PROGRAMS: &[&str] = &["containerd", "ctr", "containerd-shim-runc-v2"];
const HELM_PROGRAM: &str = "helm.sh/helm/v4/cmd/helm";
/// What says which builds are complete, and of which versions.
const STAMP: &str = "versions";

/// Programs that are built together.
struct Part {
    /// Its line in the stamp.
    versions: String,
    build: fn(&Place) -> anyhow::Result<()>,
}

/// Builds what is not built yet.
pub(super) fn build(place: &Place) -> anyhow::Result<()> {
    let stamp = place.build.join(STAMP);
    let mut built = read(&fs::read_to_string(&stamp).unwrap_or_default());
    fs::create_dir_all(place.bin())?;
    for Part { versions, build } in parts() {
        if built.contains(&versions) {
            continue;
        }
        out::note(format_args!("building {versions} from Go modules; the first time takes some minutes"));
        build(place).with_context(|| format!("building {versions}"))?;
        let name = versions.split(' ').next().map(str::to_owned);
        built.retain(|old| old.split(' ').next() != name.as_deref());
        built.push(versions);
        fs::write(&stamp, built.join("\n"))?;
    }
    Ok(())
}

fn parts() -> [Part; 3] {
    [
        Part { versions: format!("kubernetes {KUBERNETES}"), build: kubernetes },
        Part { versions: format!("containerd {CONTAINERD}"), build: containerd },
        Part { versions: format!("coredns {COREDNS} helm {HELM}"), build: addons },
    ]
}

/// The lines of a stamp; it was one line with commas once.
fn read(stamp: &str) -> Vec<String> {
    stamp.split([',', '\n']).map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn kubernetes(place: &Place) -> anyhow::Result<()> {
    let module = module(place, "kubernetes", &kubernetes_module()?)?;
    let version = "k8s.io/component-base/version";
    let flags = format!(
        "-s -w -X {version}.gitVersion=v{KUBERNETES} -X {version}.gitMajor=1 -X {version}.gitMinor={}",
        KUBERNETES.split('.').nth(1).unwrap_or_default()
    );
    let packages = PROGRAMS.iter().map(|program| format!("k8s.io/kubernetes/cmd/{program}"));
    go_build(&module, &flags, &place.bin(), packages)?;
    go_build(&module, "-s -w", &place.program("etcd"), [ETCD.to_owned()])
}

/// A module that names the programs as tools. Kubernetes' own staging modules stand in its source tree and
/// are published under another number, so each needs a replacement.
fn kubernetes_module() -> anyhow::Result<String> {
    let download = Command::new("go")
        .args(["mod", "download", "-json", &format!("k8s.io/kubernetes@v{KUBERNETES}")])
        .output()?;
    let download: serde_json::Value = serde_json::from_slice(&download.stdout)?;
    let file = download["GoMod"].as_str().context("go mod download names no go.mod")?;
    let staging = fs::read_to_string(file)?;
    let staged = staging.lines().filter_map(|line| line.split_once(" => ./staging/src"));
    let number = KUBERNETES.split_once('.').map_or(KUBERNETES, |(_, rest)| rest);
    let replacements = staged.map(|(module, _)| format!("\t{0} => {0} v0.{number}\n", module.trim()));
    let tools = PROGRAMS.iter().map(|program| format!("\tk8s.io/kubernetes/cmd/{program}\n"));
    Ok(format!(
        "module cluster/kubernetes\n\ngo {GO}\n\ntool (\n{}\t{ETCD}\n)\n\nrequire k8s.io/kubernetes v{KUBERNETES}\n\nreplace (\n{})\n",
        tools.collect::<String>(),
        replacements.collect::<String>(),
    ))
}

fn containerd(place: &Place) -> anyhow::Result<()> {
    let path = "github.com/containerd/containerd/v2";
    let tools = CONTAINERD_PROGRAMS.iter().map(|program| format!("\t{path}/cmd/{program}\n"));
    let text = format!(
        "module cluster/containerd\n\ngo {GO}\n\ntool (\n{})\n\nrequire {path} v{CONTAINERD}\n",
        tools.collect::<String>()
    );
    let module = module(place, "containerd", &text)?;
    let packages = CONTAINERD_PROGRAMS.iter().map(|program| format!("{path}/cmd/{program}"));
    go_build(&module, "-s -w", &place.bin(), packages)
}

/// CoreDNS and Helm, in one module so that they share one client of Kubernetes: it is most of what there is to
/// compile.
fn addons(place: &Place) -> anyhow::Result<()> {
    let text = format!(
        "module cluster/addons\n\ngo {GO}\n\ntool {HELM_PROGRAM}\n\n\
         require (\n\tgithub.com/coredns/coredns v{COREDNS}\n\thelm.sh/helm/v4 v{HELM}\n)\n"
    );
    let source = place.build.join("addons").join(dns::PROGRAM);
    fs::create_dir_all(&source)?;
    fs::write(source.join("main.go"), dns::SOURCE)?;
    let module = module(place, "addons", &text)?;
    go_build(&module, "-s -w", &place.program(dns::PROGRAM), [format!("./{}", dns::PROGRAM)])?;
    let version = format!("-s -w -X helm.sh/helm/v4/internal/version.version=v{HELM}");
    go_build(&module, &version, &place.program("helm"), [HELM_PROGRAM.to_owned()])
}

/// Writes a module and settles what it depends on.
fn module(place: &Place, name: &str, text: &str) -> anyhow::Result<PathBuf> {
    let folder = place.build.join(name);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("go.mod"), text)?;
    run::output(go(&folder).args(["mod", "tidy", "-e"]))?;
    Ok(folder)
}

fn go_build(
    module: &Path,
    flags: &str,
    to: &Path,
    packages: impl IntoIterator<Item = String>,
) -> anyhow::Result<()> {
    let mut command = go(module);
    command.args(["build", "-ldflags", flags, "-o"]).arg(to).args(packages);
    run::output(&mut command).map(drop)
}

/// Without C, so that programs also run in images without a C library.
fn go(folder: &Path) -> Command {
    let mut command = Command::new("go");
    command.current_dir(folder).env("CGO_ENABLED", "0");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_old_and_new() {
        assert_eq!(read("kubernetes 1.36.3, containerd 2.4.2"), ["kubernetes 1.36.3", "containerd 2.4.2"]);
        assert_eq!(read("kubernetes 1.36.3\ncoredns 1 helm 2\n"), ["kubernetes 1.36.3", "coredns 1 helm 2"]);
        assert!(read("").is_empty());
    }
}
