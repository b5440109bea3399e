//! Two passes over a document: the first reads kinds, the second the objects of the kinds that count.

use std::{fmt, sync::Arc};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use weir_model::{Code, Finding, Kind, ObjectRef};

use super::field;
use crate::{
    object::{EndpointSlice, Ingress, IngressClass, Object, Release, Secret, Service, null_default},
    suggest,
};

/// What reading yields.
#[derive(Debug, Default)]
pub(super) struct Sink {
    pub(super) objects: Vec<Object>,
    /// The line of each object's document.
    pub(super) lines: Vec<usize>,
    pub(super) findings: Vec<Finding>,
}

/// What an object says it is.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Peek {
    #[serde(default, deserialize_with = "null_default")]
    api_version: String,
    #[serde(default, deserialize_with = "null_default")]
    kind: String,
    #[serde(default, deserialize_with = "null_default")]
    metadata: PeekMetadata,
    #[serde(default)]
    items: Option<Vec<Self>>,
}

#[derive(Debug, Default, Deserialize)]
struct PeekMetadata {
    #[serde(default, deserialize_with = "null_default")]
    namespace: String,
    #[serde(default, deserialize_with = "null_default")]
    name: String,
}

/// Reads a [`Peek`], or nothing from an empty document.
#[derive(Debug)]
pub(super) struct PeekSeed;

/// Reads the object that a [`Peek`] announces.
#[derive(Debug)]
pub(super) struct ObjectSeed<'p> {
    pub(super) peek: &'p Peek,
    pub(super) sink: &'p mut Sink,
}

// === impl PeekSeed ===

impl<'de> DeserializeSeed<'de> for PeekSeed {
    type Value = Option<Peek>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Peek>, D::Error> {
        Option::deserialize(deserializer)
    }
}

// === impl Peek ===

impl Peek {
    fn id(&self, kind: Kind) -> ObjectRef {
        ObjectRef::new(kind, &*self.metadata.namespace, &*self.metadata.name)
    }

    fn is_list(&self) -> bool {
        self.kind.ends_with("List") && self.items.is_some()
    }

    fn unknown_kind(&self) -> Finding {
        let Self { api_version, kind, .. } = self;
        if kind.is_empty() {
            let message =
                "The document names no kind and has no effect. Add apiVersion and kind, or remove it.";
            return Finding::new(Code::UnknownKind, self.id(Kind::Other), "kind", message);
        }
        let message =
            format!("Weir does not read {api_version} {kind}; the object has no effect. {}", self.remedy());
        Finding::new(Code::UnknownKind, self.id(Kind::Other), "kind", message)
    }

    fn remedy(&self) -> &'static str {
        match &*self.kind {
            "Ingress" | "IngressClass" => "Write it as networking.k8s.io/v1.",
            "EndpointSlice" => "Write it as discovery.k8s.io/v1.",
            "Release" => "Write it as weir.dev/v1alpha1.",
            _ => "Leave it out of the manifests given to Weir if it is not meant for Weir.",
        }
    }
}

// === impl ObjectSeed ===

impl<'de> DeserializeSeed<'de> for ObjectSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<(), D::Error> {
        if self.peek.is_list() {
            return deserializer.deserialize_map(ListVisitor(self));
        }
        match self.read(deserializer)? {
            Some(object) => self.sink.objects.push(object),
            None => self.sink.findings.push(self.peek.unknown_kind()),
        }
        Ok(())
    }
}

impl ObjectSeed<'_> {
    fn read<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<Option<Object>, D::Error> {
        Ok(Some(match (&*self.peek.api_version, &*self.peek.kind) {
            ("networking.k8s.io/v1", "Ingress") => Object::Ingress(Arc::new(self.ingress(deserializer)?)),
            ("networking.k8s.io/v1", "IngressClass") => {
                Object::IngressClass(Arc::new(IngressClass::deserialize(deserializer)?))
            }
            ("v1", "Service") => Object::Service(Arc::new(Service::deserialize(deserializer)?)),
            ("v1", "Secret") => Object::Secret(Arc::new(Secret::deserialize(deserializer)?)),
            ("discovery.k8s.io/v1", "EndpointSlice") => {
                Object::EndpointSlice(Arc::new(EndpointSlice::deserialize(deserializer)?))
            }
            (weir_crd::API_VERSION, "Release") => {
                Object::Release(Arc::new(Release::deserialize(deserializer)?))
            }
            _ => {
                IgnoredAny::deserialize(deserializer)?;
                return Ok(None);
            }
        }))
    }

    fn ingress<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<Ingress, D::Error> {
        let mut unknown = Vec::new();
        let ingress: Ingress = serde_ignored::deserialize(deserializer, |path| {
            let field = field::path(&path);
            if !is_api_field(&field) {
                unknown.push(field);
            }
        })?;
        let id = ingress.metadata.id(Kind::Ingress);
        self.sink.findings.extend(unknown.into_iter().map(|field| unknown_field(&id, field)));
        Ok(ingress)
    }
}

struct ListVisitor<'p>(ObjectSeed<'p>);

impl<'de> Visitor<'de> for ListVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a List with items")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let peeks = self.0.peek.items.as_deref().unwrap_or_default();
        while let Some(key) = map.next_key::<String>()? {
            if key == "items" {
                map.next_value_seed(ItemsSeed { peeks, sink: self.0.sink })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

struct ItemsSeed<'p> {
    peeks: &'p [Peek],
    sink: &'p mut Sink,
}

impl<'de> DeserializeSeed<'de> for ItemsSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ItemsSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut items: S) -> Result<(), S::Error> {
        for peek in self.peeks {
            items.next_element_seed(ObjectSeed { peek, sink: self.sink })?;
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

/// Fields that are part of the API but do not matter here.
fn is_api_field(field: &str) -> bool {
    match field.split_once('.') {
        None => matches!(field, "apiVersion" | "kind" | "status"),
        Some(("metadata", rest)) => METADATA.contains(&rest.split(['.', '[']).next().unwrap_or(rest)),
        Some((first, _)) => first == "status" || field.ends_with("ackend.resource"),
    }
}

/// Fields of `ObjectMeta`.
const METADATA: &[&str] = &[
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Fields of an Ingress, for suggestions.
const INGRESS: &[&str] = &[
    "metadata",
    "spec",
    "ingressClassName",
    "defaultBackend",
    "rules",
    "host",
    "http",
    "paths",
    "path",
    "pathType",
    "backend",
    "service",
    "resource",
    "name",
    "port",
    "number",
    "tls",
    "hosts",
    "secretName",
];

fn unknown_field(id: &ObjectRef, field: String) -> Finding {
    let last = field.rsplit('.').next().unwrap_or(&field);
    let known = if field.starts_with("metadata.") { METADATA } else { INGRESS };
    let remedy = suggest::closest(last, known.iter().copied())
        .map_or_else(|| "Remove it.".to_owned(), |known| format!("Did you mean {known}?"));
    let message =
        format!("The field is not part of networking.k8s.io/v1 Ingress and has no effect. {remedy}");
    Finding::new(Code::UnknownField, id.clone(), field, message)
}
