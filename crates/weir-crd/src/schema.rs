//! The definitions of both kinds, for `apiextensions.k8s.io/v1`.

mod status;
mod structural;

use std::sync::LazyLock;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Value, json};

use crate::{
    action::{ReleaseActionSpec, ReleaseActionStatus},
    release::ReleaseSpec,
};

static CRDS: LazyLock<[Value; 2]> = LazyLock::new(|| [release(), release_action()]);

/// The definitions (`CustomResourceDefinition`) of `Release` and `ReleaseAction`.
pub fn crds() -> [Value; 2] {
    CRDS.clone()
}

/// The schema of a kind.
pub(crate) fn of(kind: &str) -> &'static Value {
    let [release, action] = &*CRDS;
    let crd = if kind == "Release" { release } else { action };
    &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
}

fn release() -> Value {
    let columns = json!([
        {"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
        {"name": "Step", "type": "string", "jsonPath": ".status.step.name"},
        {"name": "Weight", "type": "string", "jsonPath": ".status.weight",
         "description": "How much goes to the new version"},
        {"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"},
        {"name": "Waiting-For", "type": "string", "jsonPath": ".status.waitingFor"},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]);
    let names = json!({
        "kind": "Release", "listKind": "ReleaseList", "plural": "releases", "singular": "release",
        "shortNames": ["rel"], "categories": ["weir"],
    });
    let about = "A release of a new version: which routes it changes, by which steps, what the new version is judged \
                 by, and how the old one goes offline.";
    definition(&names, &columns, &root(about, &schema::<ReleaseSpec>(), &status::release()))
}

fn release_action() -> Value {
    let columns = json!([
        {"name": "Release", "type": "string", "jsonPath": ".spec.release"},
        {"name": "Verb", "type": "string", "jsonPath": ".spec.verb"},
        {"name": "Result", "type": "string", "jsonPath": ".status.result"},
        {"name": "Message", "type": "string", "jsonPath": ".status.message"},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]);
    let names = json!({
        "kind": "ReleaseAction", "listKind": "ReleaseActionList", "plural": "releaseactions",
        "singular": "releaseaction", "shortNames": ["relact"], "categories": ["weir"],
    });
    let about =
        "Something that somebody asks of a Release, once. It is looked at once and says what came of it.";
    let root = root(about, &schema::<ReleaseActionSpec>(), &schema::<ReleaseActionStatus>());
    definition(&names, &columns, &root)
}

fn root(about: &str, spec: &Value, status: &Value) -> Value {
    json!({
        "type": "object",
        "description": about,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
    })
}

fn definition(names: &Value, columns: &Value, schema: &Value) -> Value {
    let plural = names["plural"].as_str().unwrap_or_default();
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.weir.dev")},
        "spec": {
            "group": "weir.dev",
            "names": names,
            "scope": "Namespaced",
            "versions": [{
                "name": "v1alpha1",
                "served": true,
                "storage": true,
                "subresources": {"status": {}},
                "additionalPrinterColumns": columns,
                "schema": {"openAPIV3Schema": schema},
            }],
        },
    })
}

/// The schema of a type, as the API server wants it.
fn schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    structural::rewrite(settings.into_generator().into_root_schema_for::<T>().to_value())
}

#[cfg(test)]
mod tests;
