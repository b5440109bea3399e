//! The part of `metadata` that is read.

use std::{fmt, sync::Arc};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use weir_model::{Kind, ObjectRef};

use super::null_default;

/// The label that ties an EndpointSlice to its Service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Annotations with these prefixes may decide about traffic; all others are dropped while reading.
const KEPT_PREFIXES: &[&str] = &[
    "nginx.ingress.kubernetes.io/",
    "mse.ingress.kubernetes.io/",
    "higress.ingress.kubernetes.io/",
    "higress.io/",
    "alb.ingress.kubernetes.io/",
    "weir.dev/",
    "kubernetes.io/ingress.class",
    "ingressclass.kubernetes.io/",
];

/// Name, age and annotations of an object.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Unique within kind and namespace.
    pub name: Arc<str>,
    /// Empty where the manifest names none; see [`Metadata::namespace`].
    #[serde(default, deserialize_with = "null_default")]
    namespace: Arc<str>,
    /// RFC 3339 in UTC with whole seconds, as the API server writes it.
    #[serde(default)]
    pub creation_timestamp: Option<Box<str>>,
    /// Only those of known prefixes.
    #[serde(default, deserialize_with = "null_default")]
    pub annotations: Annotations,
    /// The Service that an EndpointSlice belongs to.
    #[serde(default, rename = "labels", deserialize_with = "null_default")]
    pub(crate) service: ServiceLabel,
}

/// The value of the service-name label.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ServiceLabel(pub(crate) Option<Arc<str>>);

/// Annotations, sorted by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotations(Box<[(Box<str>, Box<str>)]>);

// === impl Metadata ===

impl Metadata {
    /// The namespace; `default` where the manifest names none.
    pub fn namespace(&self) -> Arc<str> {
        if self.namespace.is_empty() { Arc::from("default") } else { self.namespace.clone() }
    }

    pub(crate) fn id(&self, kind: Kind) -> ObjectRef {
        ObjectRef::new(kind, self.namespace(), self.name.clone())
    }

    pub(crate) fn cluster_id(&self, kind: Kind) -> ObjectRef {
        ObjectRef::new(kind, "", self.name.clone())
    }
}

// === impl Annotations ===

impl Annotations {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        let index = self.0.binary_search_by(|(candidate, _)| (**candidate).cmp(key)).ok()?;
        Some(&self.0[index].1)
    }

    /// All entries in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }
}

impl<'k> FromIterator<(&'k str, &'k str)> for Annotations {
    fn from_iter<I: IntoIterator<Item = (&'k str, &'k str)>>(entries: I) -> Self {
        let own = |(key, value): (&str, &str)| (key.into(), value.into());
        Self::sorted(entries.into_iter().filter(|(key, _)| is_kept(key)).map(own).collect())
    }
}

impl Annotations {
    fn sorted(mut entries: Vec<(Box<str>, Box<str>)>) -> Self {
        entries.sort_unstable();
        entries.dedup_by(|later, earlier| later.0 == earlier.0);
        Self(entries.into())
    }
}

/// Gray settings are kept under any prefix, so that a misspelt one is reported.
fn is_kept(key: &str) -> bool {
    let name = key.split_once('/').map_or(key, |(_, name)| name);
    KEPT_PREFIXES.iter().any(|prefix| key.starts_with(prefix))
        || name.starts_with("canary")
        || matches!(name, "service-match" | "service-weight")
}

impl<'de> Deserialize<'de> for Annotations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AnnotationsVisitor)
    }
}

struct AnnotationsVisitor;

impl<'de> Visitor<'de> for AnnotationsVisitor {
    type Value = Annotations;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of annotations with quoted values")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Annotations, M::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Box<str>>()? {
            if is_kept(&key) {
                entries.push((key, map.next_value()?));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Annotations::sorted(entries))
    }
}

impl<'de> Deserialize<'de> for ServiceLabel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ServiceLabelVisitor)
    }
}

struct ServiceLabelVisitor;

impl<'de> Visitor<'de> for ServiceLabelVisitor {
    type Value = ServiceLabel;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of labels")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<ServiceLabel, M::Error> {
        let mut service = None;
        while let Some(key) = map.next_key::<Box<str>>()? {
            if &*key == SERVICE_NAME {
                service = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(ServiceLabel(service))
    }
}
