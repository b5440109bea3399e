//! The node: containerd, kubelet, kube-proxy.

use std::{path::Path, process::Command, time::Duration};

use serde_json::json;

use super::{
    control::{self, kubeconfig, kubectl},
    dns,
    network::{CLUSTER_PODS, NODE_ADDRESS, PODS},
    pause,
    place::{Place, text},
    processes,
};
use crate::run;

/// The node's name.
pub(super) const NAME: &str = "node";
/// How long containerd may take to start, and the node to be ready.
const CONTAINERD: Duration = Duration::from_secs(20);
const READY: Duration = Duration::from_mins(1);

/// Starts it and waits until pods can run.
pub(super) fn start(place: &Place) -> anyhow::Result<()> {
    place.write("cni/10-pods.conflist", &pod_network().to_string())?;
    let config = place.write("containerd.toml", &containerd(place))?;
    processes::start(place, "containerd", &[format!("--config={}", config.display())])?;
    processes::wait("containerd", CONTAINERD, || ctr(place, &["version"]))?;
    import(place, &pause::tar(place)?)?;
    let config = place.write("kubelet.json", &kubelet(place).to_string())?;
    processes::start(place, "kubelet", &kubelet_flags(place, &config))?;
    processes::start(place, "kube-proxy", &kube_proxy(place))?;
    let node = format!("node/{NAME}");
    processes::wait("the node", READY, || {
        kubectl(place, &["wait", "--for=condition=Ready", &node, "--timeout=1s"])
    })?;
    control::ready(place, dns::PROGRAM)?;
    // Pods are refused until the controller manager has made it.
    processes::wait("the default service account", READY, || {
        kubectl(place, &["get", "serviceaccount", "default", "--namespace=default"])
    })
}

/// Imports an image, so that pods can use it without a registry.
pub(super) fn import(place: &Place, image: &Path) -> anyhow::Result<()> {
    run::output(ctr(place, &["--namespace=k8s.io", "images", "import"]).arg(image)).map(drop)
}

fn ctr(place: &Place, args: &[&str]) -> Command {
    let mut command = Command::new(place.program("ctr"));
    command.arg("--address").arg(place.containerd_socket()).args(args);
    command
}

fn pod_network() -> serde_json::Value {
    json!({
        "cniVersion": "1.0.0", "name": "pods",
        "plugins": [{
            "type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false, "hairpinMode": true,
            "ipam": { "type": "host-local", "ranges": [[{ "subnet": PODS }]], "routes": [{ "dst": "0.0.0.0/0" }] },
        }],
    })
}

/// `restrict_oom_score_adj`: machines for tests often lack `CAP_SYS_RESOURCE`.
fn containerd(place: &Place) -> String {
    let folder = |name: &str| text(&place.run.join(name));
    format!(
        "version = 3\nroot = {root:?}\nstate = {state:?}\n[grpc]\naddress = {socket:?}\n\
         [plugins.'io.containerd.nri.v1.nri']\ndisable = true\n\
         [plugins.'io.containerd.cri.v1.images']\nsnapshotter = \"overlayfs\"\n\
         [plugins.'io.containerd.cri.v1.images'.pinned_images]\nsandbox = {pause:?}\n\
         [plugins.'io.containerd.cri.v1.runtime']\nrestrict_oom_score_adj = true\n\
         netns_mounts_under_state_dir = true\n\
         [plugins.'io.containerd.cri.v1.runtime'.cni]\nbin_dirs = [\"/usr/lib/cni\"]\nconf_dir = {cni:?}\n",
        root = folder("containerd"),
        state = text(&place.containerd_state()),
        socket = text(&place.containerd_socket()),
        pause = pause::NAME,
        cni = folder("cni"),
    )
}

/// Without control groups per pod, which need more rights than a machine for tests may give.
fn kubelet(place: &Place) -> serde_json::Value {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": { "enabled": false }, "webhook": { "enabled": false },
            "x509": { "clientCAFile": place.pki("ca.crt") },
        },
        "authorization": { "mode": "AlwaysAllow" },
        "failCgroupV1": false, "cgroupDriver": "cgroupfs", "cgroupsPerQOS": false, "enforceNodeAllocatable": [],
        "failSwapOn": false,
        "containerRuntimeEndpoint": format!("unix://{}", place.containerd_socket().display()),
        "address": NODE_ADDRESS,
        // Names by CoreDNS alone: what the machine searches must not change what a test sees.
        "clusterDNS": [NODE_ADDRESS], "clusterDomain": dns::DOMAIN, "resolvConf": "",
        // Tests kill containers on purpose, and must not wait for them longer and longer.
        "crashLoopBackOff": { "maxContainerRestartPeriod": "1s" },
        "podLogsDir": place.run.join("pod-logs"), "volumePluginDir": place.run.join("kubelet-plugins"),
        "imageGCHighThresholdPercent": 100, "evictionHard": { "nodefs.available": "1%" },
    })
}

fn kubelet_flags(place: &Place, config: &Path) -> Vec<String> {
    vec![
        format!("--config={}", config.display()),
        format!("--kubeconfig={}", place.pki("node.kubeconfig").display()),
        format!("--hostname-override={NAME}"),
        format!("--node-ip={NODE_ADDRESS}"),
        format!("--root-dir={}", place.run.join("kubelet").display()),
        format!("--cert-dir={}", place.run.join("kubelet-pki").display()),
    ]
}

/// The limits of connection tracking belong to the machine, so they stay as they are.
fn kube_proxy(place: &Place) -> Vec<String> {
    vec![
        kubeconfig(place),
        format!("--hostname-override={NAME}"),
        "--proxy-mode=nftables".into(),
        format!("--cluster-cidr={CLUSTER_PODS}"),
        "--conntrack-max-per-core=0".into(),
        "--conntrack-min=0".into(),
        "--conntrack-tcp-timeout-established=0".into(),
        "--conntrack-tcp-timeout-close-wait=0".into(),
    ]
}
