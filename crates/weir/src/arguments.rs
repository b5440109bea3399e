//! Arguments that several verbs have.

mod traffic;

use std::path::PathBuf;

use clap::Args;
use weir_cluster::Cluster;
use weir_translate::{CONTROLLER, Config, Dialect};

pub(crate) use traffic::{Traffic, address};

/// Bad usage, or input that cannot be read.
pub(crate) const UNUSABLE: u8 = 2;

/// How objects are read, the same for every verb.
#[derive(Debug, Default, Args)]
pub(crate) struct Reading {
    /// Serve this IngressClass as well, reading its annotations as ack, nginx, higress or mse; for
    /// moving from another controller without touching its manifests. Repeatable.
    #[arg(long = "adopt-class", value_name = "NAME=DIALECT", value_parser = adopted)]
    adopt: Vec<(String, Dialect)>,

    /// What the IngressClasses that are Weir's name as their controller; for two installations in one cluster.
    #[arg(long, value_name = "NAME")]
    controller_class: Option<String>,

    /// Serve Services of type ExternalName. Off by default: they let whoever writes a Service reach any
    /// address that Weir can reach.
    #[arg(long)]
    allow_external_name: bool,
}

/// Where one-off verbs read from.
#[derive(Debug, Args)]
pub(crate) struct Origin {
    /// A file, or a folder with all .yaml, .yml and .json files below it; - is standard input. Repeatable,
    /// and more paths may follow: -f *.yaml. Without it the cluster of the kubeconfig is read.
    #[arg(short = 'f', long = "file", value_name = "PATH", conflicts_with_all = ["context", "namespace", "name"])]
    pub(crate) paths: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) reading: Reading,

    #[command(flatten)]
    pub(crate) installation: Installation,
}

/// Which Weir in which cluster.
#[derive(Debug, Args)]
pub(crate) struct Installation {
    /// The context of the kubeconfig; the current one unless given.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,

    /// The namespace that Weir is installed in.
    #[arg(short = 'n', long, value_name = "NAMESPACE", default_value = "weir-system")]
    pub(crate) namespace: String,

    /// The installation whose objects begin with this name; all of the namespace unless given.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
}

/// For people, or for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs; the fields are stable.
    Json,
}

// === impl Reading ===

impl Reading {
    /// Whether the controller of Weir's classes was named.
    pub(crate) fn names_controller(&self) -> bool {
        self.controller_class.is_some()
    }

    /// What the translator has to know.
    pub(crate) fn config(&self) -> Config {
        Config {
            adopt: self.adopt.iter().cloned().collect(),
            controller: self.controller_class.as_deref().unwrap_or(CONTROLLER).into(),
            allow_external_name: self.allow_external_name,
            ..Config::default()
        }
    }
}

impl Installation {
    /// # Errors
    /// When the kubeconfig cannot be used.
    pub(crate) async fn connect(&self) -> anyhow::Result<Cluster> {
        Cluster::connect(self.context.as_deref(), &self.namespace).await
    }
}

fn adopted(text: &str) -> Result<(String, Dialect), String> {
    let (name, dialect) = text.split_once('=').ok_or("write NAME=DIALECT, such as nginx=nginx")?;
    if name.is_empty() {
        return Err("the class has no name; write NAME=DIALECT, such as nginx=nginx".into());
    }
    let dialect = dialect.parse().map_err(|unknown: weir_translate::UnknownDialect| unknown.to_string())?;
    Ok((name.to_owned(), dialect))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_adopted_with_a_dialect() {
        assert_eq!(adopted("my=mse"), Ok(("my".into(), Dialect::Mse)));
        for text in ["my", "=nginx", "my=traefik", "my="] {
            assert!(adopted(text).is_err(), "{text}");
        }
    }
}
