//! Objects as they are watched: the fields that are used, read by the same code as files.

use std::{borrow::Cow, sync::Arc};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, core::ClusterResourceScope};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;
use weir_model::{Kind, ObjectRef};
use weir_translate::object::{EndpointSlice, Ingress, IngressClass, Object, Release, Service};

/// A kind that is watched.
pub(crate) trait Watchable:
    DeserializeOwned + Clone + std::fmt::Debug + Send + Sync + 'static
{
    const KIND: Kind;
    const NAME: &'static str;
    const PLURAL: &'static str;
    const GROUP: &'static str;
    const VERSION: &'static str;

    /// For the translator.
    fn object(self) -> Object;
}

/// An object of the API. One that cannot be read is an object too: it must not stop the watch.
#[derive(Clone, Debug)]
pub(crate) struct Watched<T> {
    /// Name, namespace and version alone.
    metadata: ObjectMeta,
    /// Where clients reach it, as its status says.
    pub(crate) addresses: Vec<Address>,
    pub(crate) object: Result<T, String>,
}

/// An entry of `status.loadBalancer.ingress`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, serde::Serialize)]
pub struct Address {
    /// An IP address.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ip: String,
    /// Or a DNS name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hostname: String,
}

// === impl Watched ===

impl<T: Watchable> Watched<T> {
    pub(crate) fn id(&self) -> ObjectRef {
        let text = |text: &Option<String>| Arc::<str>::from(text.as_deref().unwrap_or_default());
        ObjectRef::new(T::KIND, text(&self.metadata.namespace), text(&self.metadata.name))
    }

    pub(crate) fn uid(&self) -> Arc<str> {
        self.metadata.uid.as_deref().unwrap_or_default().into()
    }
}

impl<T: Watchable> Watched<T> {
    pub(crate) fn version(&self) -> Arc<str> {
        self.metadata.resource_version.as_deref().unwrap_or_default().into()
    }
}

impl<'de, T: Watchable> Deserialize<'de> for Watched<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let text = |field: &str| value["metadata"][field].as_str().map(str::to_owned);
        let metadata = ObjectMeta {
            name: text("name"),
            namespace: text("namespace"),
            resource_version: text("resourceVersion"),
            uid: text("uid"),
            ..ObjectMeta::default()
        };
        let addresses = Vec::deserialize(&value["status"]["loadBalancer"]["ingress"]).unwrap_or_default();
        let object = T::deserialize(&value).map_err(|error| error.to_string());
        Ok(Self { metadata, addresses, object })
    }
}

impl<T: Watchable> Resource for Watched<T> {
    type DynamicType = ();
    // Namespaces do not matter to who watches all of them.
    type Scope = ClusterResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        T::NAME.into()
    }

    fn group((): &()) -> Cow<'_, str> {
        T::GROUP.into()
    }

    fn version((): &()) -> Cow<'_, str> {
        T::VERSION.into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        T::PLURAL.into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

macro_rules! watchable {
    ($($kind:ident $plural:literal $group:literal $version:literal)*) => {
        $(impl Watchable for $kind {
            const KIND: Kind = Kind::$kind;
            const NAME: &'static str = stringify!($kind);
            const PLURAL: &'static str = $plural;
            const GROUP: &'static str = $group;
            const VERSION: &'static str = $version;

            fn object(self) -> Object {
                Object::$kind(Arc::new(self))
            }
        })*
    };
}

watchable! {
    Ingress "ingresses" "networking.k8s.io" "v1"
    IngressClass "ingressclasses" "networking.k8s.io" "v1"
    Service "services" "" "v1"
    EndpointSlice "endpointslices" "discovery.k8s.io" "v1"
    Release "releases" "weir.dev" "v1alpha1"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_that_cannot_be_read_is_still_an_object() {
        let text =
            r#"{ "metadata": { "name": "a", "namespace": "b", "uid": "u" }, "spec": { "ports": "many" } }"#;
        let service: Watched<Service> = serde_json::from_str(text).unwrap();
        assert_eq!(service.id(), ObjectRef::new(Kind::Service, "b", "a"));
        assert!(service.object.is_err());
    }

    #[test]
    fn addresses_are_read_from_the_status() {
        let text = r#"{ "metadata": { "name": "a", "namespace": "b" },
            "status": { "loadBalancer": { "ingress": [{ "ip": "10.0.0.1" }, { "hostname": "a.example" }] } } }"#;
        let ingress: Watched<Ingress> = serde_json::from_str(text).unwrap();
        assert_eq!(ingress.addresses[0].ip, "10.0.0.1");
        assert_eq!(ingress.addresses[1].hostname, "a.example");
        assert!(ingress.object.is_ok());
    }
}
