//! The control plane: etcd, API server, controller manager, scheduler.

use std::{process::Command, time::Duration};

use super::{
    network::{CLUSTER_PODS, NODE_ADDRESS, SERVICES},
    place::Place,
    processes,
};

/// How long the API server may take to be ready.
const READY: Duration = Duration::from_mins(1);

/// Starts it and waits for the API.
pub(super) fn start(place: &Place) -> anyhow::Result<()> {
    processes::start(place, "etcd", &etcd(place))?;
    processes::start(place, "kube-apiserver", &api_server(place))?;
    processes::wait("the API server", READY, || kubectl(place, &["get", "--raw", "/readyz"]))?;
    processes::start(place, "kube-controller-manager", &controller_manager(place))?;
    processes::start(place, "kube-scheduler", &scheduler(place))
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
