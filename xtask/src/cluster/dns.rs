//! Names of Services, by CoreDNS. It runs beside kubelet rather than in a pod, so that it needs no image.

use std::path::Path;

use super::{
    network::NODE_ADDRESS,
    place::{Place, text},
    processes,
};

/// The program's name.
pub(super) const PROGRAM: &str = "coredns";
/// What names of the cluster end with.
pub(super) const DOMAIN: &str = "cluster.local";
/// Where it says whether it knows all Services.
pub(super) const HEALTH: &str = "127.0.0.1:8181";

/// The program: CoreDNS with the few plugins that a node needs. It keeps no answers, so that a test never waits
/// for an old one to expire.
pub(super) const SOURCE: &str = r#"package main

import (
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/file"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
)

func main() { coremain.Run() }
"#;

/// What is outside of the cluster: nothing, and a client is told so at once.
const OUTSIDE: &str = "@ 5 IN SOA ns.invalid. nobody.invalid. 1 5 5 5 5\n@ 5 IN NS ns.invalid.\n";

/// Starts it and does not wait for it.
pub(super) fn start(place: &Place) -> anyhow::Result<()> {
    let outside = place.write("outside.zone", OUTSIDE)?;
    let corefile = place.write("Corefile", &corefile(place, &outside))?;
    processes::start(place, PROGRAM, &["-conf".into(), text(&corefile)])
}

fn corefile(place: &Place, outside: &Path) -> String {
    format!(
        "{DOMAIN} in-addr.arpa ip6.arpa {{\n  bind {NODE_ADDRESS}\n  errors\n  ready {HEALTH}\n  \
         kubernetes {{\n    kubeconfig {kubeconfig:?}\n  }}\n}}\n\
         . {{\n  bind {NODE_ADDRESS}\n  errors\n  file {outside:?}\n}}\n",
        kubeconfig = text(&place.kubeconfig()),
        outside = text(outside),
    )
}
