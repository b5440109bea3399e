//! The control plane: etcd, API server, controller manager, scheduler, names.

use std::{path::Path, process::Command, time::Duration};

use anyhow::Context as _;

use super::{
    dns,
    network::{self, CLUSTER_PODS, NODE_ADDRESS, SERVICES},
    place::Place,
    processes,
};

/// How long a program may take to be ready.
const READY: Duration = Duration::from_mins(1);

/// Starts it and waits for the API.
pub(super) fn start(place: &Place) -> anyhow::Result<()> {
    processes::start(place, "etcd", &etcd(place))?;
    processes::start(place, "kube-apiserver", &api_server(place))?;
    ready(place, "kube-apiserver")?;
    processes::start(place, "kube-controller-manager", &controller_manager(place))?;
    processes::start(place, "kube-scheduler", &scheduler(place))?;
    dns::start(place)
}

/// Waits until a program says that it is ready. One that says nothing about that is.
pub(super) fn ready(place: &Place, program: &str) -> anyhow::Result<()> {
    let Some(url) = health(program) else { return Ok(()) };
    let asked = || {
        let mut curl = network::command(Path::new("curl"));
        // The certificates of some are their own.
        curl.args(["--silent", "--show-error", "--fail", "--insecure", "--max-time", "2", &url]);
        curl
    };
    let ready = processes::wait(program, READY, asked);
    ready.with_context(|| format!("{program} is not ready; {} may tell why", place.log(program).display()))
}

/// Where a program says it, as seen by the node.
fn health(program: &str) -> Option<String> {
    Some(match program {
        "etcd" => "http://127.0.0.1:2379/readyz".into(),
        "kube-apiserver" => format!("https://{NODE_ADDRESS}:6443/readyz"),
        "kube-controller-manager" => "https://127.0.0.1:10257/healthz".into(),
        "kube-scheduler" => "https://127.0.0.1:10259/healthz".into(),
        "kubelet" => "http://127.0.0.1:10248/healthz".into(),
        "kube-proxy" => "http://127.0.0.1:10256/healthz".into(),
        dns::PROGRAM => format!("http://{}/ready", dns::HEALTH),
        _ => return None,
    })
}

/// kubectl as the administrator.
pub(super) fn kubectl(place: &Place, args: &[&str]) -> Command {
    let mut command = Command::new(place.program("kubectl"));
    command.arg(format!("--kubeconfig={}", place.kubeconfig().display())).args(args);
    command
}

fn etcd(place: &Place) -> Vec<String> {
    vec![
        format!("--data-dir={}", place.run.join("etcd").display()),
        // A cluster for tests may lose its data.
        "--unsafe-no-fsync".into(),
        "--listen-client-urls=http://127.0.0.1:2379".into(),
        "--advertise-client-urls=http://127.0.0.1:2379".into(),
        "--listen-peer-urls=http://127.0.0.1:2380".into(),
    ]
}

fn api_server(place: &Place) -> Vec<String> {
    let pki = |file: &str| place.pki(file).display().to_string();
    vec![
        "--etcd-servers=http://127.0.0.1:2379".into(),
        format!("--service-cluster-ip-range={SERVICES}"),
        format!("--bind-address={NODE_ADDRESS}"),
        format!("--advertise-address={NODE_ADDRESS}"),
        "--secure-port=6443".into(),
        format!("--tls-cert-file={}", pki("api.crt")),
        format!("--tls-private-key-file={}", pki("api.key")),
        format!("--client-ca-file={}", pki("ca.crt")),
        "--service-account-issuer=https://kubernetes.default.svc".into(),
        format!("--service-account-signing-key-file={}", pki("tokens.key")),
        format!("--service-account-key-file={}", pki("tokens.pub")),
        "--authorization-mode=Node,RBAC".into(),
        "--allow-privileged=true".into(),
        format!("--kubelet-client-certificate={}", pki("admin.crt")),
        format!("--kubelet-client-key={}", pki("admin.key")),
        "--kubelet-preferred-address-types=InternalIP".into(),
    ]
}

fn controller_manager(place: &Place) -> Vec<String> {
    vec![
        kubeconfig(place),
        format!("--service-account-private-key-file={}", place.pki("tokens.key").display()),
        format!("--root-ca-file={}", place.pki("ca.crt").display()),
        "--use-service-account-credentials=true".into(),
        "--leader-elect=false".into(),
        // After a pause of the API server, one that had to win its lease again would count from then on. This
        // one would give up a node, and all endpoints with it, that had only nobody to report to.
        "--node-monitor-grace-period=1h".into(),
        "--allocate-node-cidrs=true".into(),
        format!("--cluster-cidr={CLUSTER_PODS}"),
        "--bind-address=127.0.0.1".into(),
    ]
}

fn scheduler(place: &Place) -> Vec<String> {
    vec![kubeconfig(place), "--leader-elect=false".into(), "--bind-address=127.0.0.1".into()]
}

pub(super) fn kubeconfig(place: &Place) -> String {
    format!("--kubeconfig={}", place.kubeconfig().display())
}
