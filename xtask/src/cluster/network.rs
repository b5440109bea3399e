//! The node's network: a namespace of its own, joined to the machine by a pair of interfaces.

use std::{path::Path, process::Command};

use crate::run;

/// The namespace of the node.
const NAMESPACE: &str = "weir-node";
/// The machine's end of the pair, and the node's.
const HOST_LINK: &str = "weir-h";
const NODE_LINK: &str = "weir-n";
/// Where pods reach this machine.
pub(crate) const HOST_ADDRESS: &str = "10.77.0.1";
/// Where the API server and the node are.
pub(super) const NODE_ADDRESS: &str = "10.77.0.2";
/// The addresses of pods, and of Services.
pub(super) const PODS: &str = "10.244.0.0/24";
pub(super) const CLUSTER_PODS: &str = "10.244.0.0/16";
pub(super) const SERVICES: &str = "10.96.0.0/16";

/// Makes the namespace, and routes from the machine to its pods and Services.
pub(super) fn make() -> anyhow::Result<()> {
    ip(&["netns", "add", NAMESPACE])?;
    ip(&["link", "add", HOST_LINK, "type", "veth", "peer", "name", NODE_LINK, "netns", NAMESPACE])?;
    ip(&["addr", "add", &format!("{HOST_ADDRESS}/24"), "dev", HOST_LINK])?;
    ip(&["link", "set", HOST_LINK, "up"])?;
    inside(&["ip", "link", "set", "lo", "up"])?;
    inside(&["ip", "addr", "add", &format!("{NODE_ADDRESS}/24"), "dev", NODE_LINK])?;
    inside(&["ip", "link", "set", NODE_LINK, "up"])?;
    inside(&["ip", "route", "add", "default", "via", HOST_ADDRESS])?;
    inside(&["sysctl", "-qw", "net.ipv4.ip_forward=1"])?;
    ip(&["route", "add", PODS, "via", NODE_ADDRESS])?;
    ip(&["route", "add", SERVICES, "via", NODE_ADDRESS])
}

/// Removes all of it; routes go with their interface, the interfaces of pods with their pods.
pub(super) fn remove() -> anyhow::Result<()> {
    if Path::new("/sys/class/net").join(HOST_LINK).exists() {
        ip(&["link", "del", HOST_LINK])?;
    }
    if exists() {
        ip(&["netns", "del", NAMESPACE])?;
    }
    Ok(())
}

/// Whether there is a namespace of a node.
pub(super) fn exists() -> bool {
    Path::new("/run/netns").join(NAMESPACE).exists()
}

/// The processes that live in the namespace.
pub(super) fn residents() -> Vec<i32> {
    let pids = run::output(Command::new("ip").args(["netns", "pids", NAMESPACE])).unwrap_or_default();
    pids.lines().filter_map(|pid| pid.trim().parse().ok()).collect()
}

/// A command that runs in the namespace. Not by `ip netns exec`, which mounts /sys anew and hides the
/// control groups.
pub(super) fn command(program: &Path) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/run/netns/{NAMESPACE}")).arg(program);
    command
}

fn inside(command_line: &[&str]) -> anyhow::Result<()> {
    run::output(command(Path::new(command_line[0])).args(&command_line[1..])).map(drop)
}

fn ip(args: &[&str]) -> anyhow::Result<()> {
    run::output(Command::new("ip").args(args)).map(drop)
}
