//! Which release, and where: at a Weir that serves files, or in a cluster.

use std::{fmt, str::FromStr};

use anyhow::{anyhow, bail};
use axum::http::Uri;
use clap::Args;
use weir_cluster::Cluster;
use weir_model::ReleaseKey;

use super::{
    desk::{Desk, Found, Told},
    server::Server,
};

/// Where `weir serve` has its admin listener unless it is told otherwise.
const SERVER: &str = "http://127.0.0.1:9901";
/// The namespace of objects that name none.
const NAMESPACE: &str = "default";

/// Where releases are.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Place {
    /// Ask a Weir outside of a cluster, at its admin listener: that of this machine, 127.0.0.1:9901, unless a URL
    /// follows. Without it the cluster of the kubeconfig is asked.
    #[arg(
        long, value_name = "URL", num_args = 0..=1, default_missing_value = SERVER, value_parser = base,
        conflicts_with = "context"
    )]
    server: Option<Uri>,

    /// The context of the kubeconfig; the current one unless given.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,

    /// The namespace of the release; that of the context unless given, and "default" with --server.
    #[arg(short = 'n', long, value_name = "NAMESPACE", value_parser = label)]
    namespace: Option<String>,
}

/// A release as it is named on the command line: `NAME`, or `NAMESPACE/NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    namespace: Option<String>,
    name: String,
}

/// One release.
#[derive(Clone, Debug, Args)]
pub(super) struct One {
    /// The release, as NAME or NAMESPACE/NAME.
    #[arg(value_name = "RELEASE")]
    name: Name,

    #[command(flatten)]
    pub(super) place: Place,
}

// === impl Place ===

impl Place {
    /// Opens the way there. Nothing is asked yet.
    ///
    /// # Errors
    /// When the kubeconfig cannot be used.
    pub(super) async fn open(&self) -> anyhow::Result<Desk> {
        if let Some(url) = &self.server {
            return Ok(Desk::Server(Box::new(Server::new(url))));
        }
        // The namespace of Weir's own installation does not matter here.
        let cluster = Cluster::connect(self.context.as_deref(), NAMESPACE).await;
        let cluster = cluster.map_err(|error| unusable(&error))?;
        Ok(Desk::Cluster(Box::new(cluster)))
    }

    /// The namespace to look in when a release is named without one.
    pub(super) fn namespace<'a>(&'a self, desk: &'a Desk) -> &'a str {
        match (&self.namespace, desk) {
            (Some(namespace), _) => namespace,
            (None, Desk::Server(_)) => NAMESPACE,
            (None, Desk::Cluster(cluster)) => cluster.default_namespace(),
        }
    }

    /// The namespace that was asked for in so many words.
    pub(super) fn given_namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// Whether a Weir outside of a cluster is meant.
    pub(super) fn is_server(&self) -> bool {
        self.server.is_some()
    }
}

// === impl One ===

impl One {
    /// The release that is meant.
    ///
    /// # Errors
    /// When the kubeconfig cannot be used, or two namespaces are given.
    pub(super) async fn open(&self) -> anyhow::Result<(Desk, ReleaseKey)> {
        let desk = self.place.open().await?;
        let key = self.name.key(&self.place, &desk)?;
        Ok((desk, key))
    }

    /// The release, as it is now.
    ///
    /// # Errors
    /// When it is not there, or nobody answers.
    pub(super) async fn find(&self) -> anyhow::Result<(Desk, Found)> {
        let (desk, key) = self.open().await?;
        let found = desk.find(&key).await?;
        Ok((desk, found))
    }

    /// The release, as it is now, and what happened to it, the latest last.
    ///
    /// # Errors
    /// When it is not there, or nobody answers.
    pub(super) async fn story(&self) -> anyhow::Result<(Found, Vec<Told>)> {
        let (desk, found) = self.find().await?;
        let events = desk.events(&found.key()).await?;
        Ok((found, events))
    }
}

// === impl Name ===

impl Name {
    /// Which release that is.
    ///
    /// # Errors
    /// When it says another namespace than `-n`.
    pub(super) fn key(&self, place: &Place, desk: &Desk) -> anyhow::Result<ReleaseKey> {
        if let (Some(own), Some(given)) = (self.namespace.as_deref(), place.given_namespace())
            && own != given
        {
            bail!("{self} is in namespace {own}, and -n says {given}; leave one of them out");
        }
        let namespace = self.namespace.as_deref().unwrap_or_else(|| place.namespace(desk));
        Ok(ReleaseKey::new(namespace, self.name.as_str()))
    }

    /// Whether an object of this namespace and name is meant.
    pub(super) fn is(&self, namespace: &str, name: &str) -> bool {
        self.name == name && self.namespace.as_deref().is_none_or(|own| own == namespace)
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (namespace, name) = match text.split_once('/') {
            Some((namespace, name)) => (Some(label(namespace)?), name),
            None => (None, text),
        };
        if name.split('.').all(is_label) {
            return Ok(Self { namespace, name: name.to_owned() });
        }
        Err("a release is named as NAME or NAMESPACE/NAME, in lower-case letters, digits, - and .".into())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        f.write_str(&self.name)
    }
}

/// Why there is no cluster: of a long chain, what the last but one says names the file or the context.
fn unusable(error: &anyhow::Error) -> anyhow::Error {
    let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
    let cause = chain.iter().rev().nth(1).or_else(|| chain.last()).cloned().unwrap_or_default();
    anyhow!(
        "no cluster can be asked: {cause}; --context names one of the kubeconfig, --server asks a Weir outside of a cluster"
    )
}

/// A namespace.
fn label(text: &str) -> Result<String, String> {
    let error = || "a namespace is named in lower-case letters, digits and -".to_owned();
    is_label(text).then(|| text.to_owned()).ok_or_else(error)
}

fn is_label(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
}

/// The base of a server's URLs.
fn base(text: &str) -> Result<Uri, String> {
    let remedy = format!("write http://HOST:PORT, such as {SERVER}");
    let url: Uri = text.parse().map_err(|_| remedy.clone())?;
    match url.scheme_str() {
        Some("http") if url.path() == "/" && url.query().is_none() => Ok(url),
        Some("https") => Err(format!("the admin listener speaks no TLS; {remedy}")),
        _ => Err(remedy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_named_with_or_without_a_namespace() {
        let name = |text: &str| Name::from_str(text);
        assert_eq!(name("shop"), Ok(Name { namespace: None, name: "shop".into() }));
        assert_eq!(name("a-1/shop.v2"), Ok(Name { namespace: Some("a-1".into()), name: "shop.v2".into() }));
        for text in ["", "/", "a/", "/b", "a/b/c", "Shop", "a b", "../b", "shop.", "a.b/c", "a?b"] {
            assert!(name(text).is_err(), "{text:?}");
        }
        assert_eq!(name("a/b").unwrap().to_string(), "a/b");
    }

    #[test]
    fn a_namespace_is_said_once() {
        let desk = Desk::Server(Box::new(Server::new(&base(SERVER).unwrap())));
        let place =
            |namespace: Option<&str>| Place { namespace: namespace.map(Into::into), ..Place::default() };
        let key = |name: &str, namespace| Name::from_str(name).unwrap().key(&place(namespace), &desk);
        assert_eq!(key("b", None).unwrap(), ReleaseKey::new("default", "b"));
        assert_eq!(key("b", Some("a")).unwrap(), ReleaseKey::new("a", "b"));
        assert_eq!(key("a/b", Some("a")).unwrap(), ReleaseKey::new("a", "b"));
        assert!(key("a/b", Some("c")).unwrap_err().to_string().contains("leave one of them out"));
    }

    #[test]
    fn servers_are_named_by_url() {
        assert_eq!(base("http://10.0.0.1:9901/").unwrap().authority().unwrap().as_str(), "10.0.0.1:9901");
        for (text, remedy) in [("shop", "http://HOST:PORT"), ("https://a", "no TLS"), ("http://a/v1", "HOST")]
        {
            assert!(base(text).unwrap_err().contains(remedy), "{text}");
        }
    }
}
