//! The definitions in the Helm chart are those of the crate; `BLESS=1 cargo test -p weir-crd --test crds` rewrites
//! them. Every example fits them.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests read files and may panic")]

#[path = "common/yaml.rs"]
mod yaml;

use std::{fs, path::Path};

use serde_json::{Map, Value, json};
use weir_crd::crds;
use weir_model::Pattern;

#[test]
fn the_chart_has_these_definitions() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/helm/weir/crds");
    let mut wrong = Vec::new();
    let mut known = Vec::new();
    for crd in crds() {
        let name = format!("{}.yaml", crd["metadata"]["name"].as_str().unwrap());
        let file = folder.join(&name);
        let text = write(&crd);
        if std::env::var_os("BLESS").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&file, &text).unwrap();
        } else if fs::read_to_string(&file).ok().as_deref() != Some(&*text) {
            wrong.push(name.clone());
        }
        known.push(name);
    }
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    wrong.extend(files.filter(|name| !known.contains(name)));
    assert!(wrong.is_empty(), "missing, outdated or extra (BLESS=1 rewrites): {wrong:#?}");
}

fn write(crd: &Value) -> String {
    let yaml = serde_saphyr::to_string(&sorted(crd)).unwrap();
    let text =
        format!("# Generated from crates/weir-crd: BLESS=1 cargo test -p weir-crd --test crds\n{yaml}");
    assert_eq!(yaml::documents(&text), std::slice::from_ref(crd), "it can be read back");
    text
}

/// With the fields in alphabetical order, however JSON keeps them.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            fields
                .into_iter()
                .map(|(name, value)| (name.clone(), sorted(value)))
                .collect::<Map<_, _>>()
                .into()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

#[test]
fn examples_fit() {
    let schema = &crds()[0]["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let manifests = yaml::manifests();
    assert!(manifests.len() > 5);
    for (path, manifest) in manifests {
        let mut faults = Vec::new();
        check(&manifest, schema, "", &mut faults);
        assert!(faults.is_empty(), "{path}: {faults:#?}");
    }
}

#[test]
fn the_check_of_examples_sees_faults() {
    let schema = &crds()[0]["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let broken = json!({"spec": {
        "routes": [], "stable": {"service": {"name": "", "port": 80.5}}, "paused": 1, "speps": [],
        "rollback": {"keepCanary": "soon"}, "analysis": {"onNoData": "Panic"}, "offline": {"longLived": {"closeRate": 0}},
    }});
    let mut faults = Vec::new();
    check(&broken, schema, "", &mut faults);
    let fields: Vec<_> = faults.iter().map(|fault| fault.split(' ').next().unwrap()).collect();
    let expected = [
        ".spec.analysis.onNoData",
        ".spec.offline.longLived.closeRate",
        ".spec.paused",
        ".spec.rollback.keepCanary",
        ".spec.routes",
        ".spec.speps",
        ".spec.stable.service.name",
        ".spec.stable.service.port",
        ".spec.canary",
    ];
    assert_eq!(fields, expected, "{faults:#?}");
}

/// What the API server checks, without rules.
fn check(value: &Value, schema: &Value, at: &str, faults: &mut Vec<String>) {
    let mut require = |holds: bool, what: &str| {
        if !holds {
            faults.push(format!("{at} {what}: {value}"));
        }
    };
    let number = |keyword: &str| schema[keyword].as_f64();
    let limit = |keyword: &str| schema[keyword].as_u64().and_then(|limit| usize::try_from(limit).ok());
    match (schema["type"].as_str().unwrap_or("int-or-string"), value) {
        ("object", Value::Object(fields)) => check_fields(fields, schema, at, faults),
        ("array", Value::Array(items)) => {
            require(limit("minItems").is_none_or(|least| items.len() >= least), "is too short");
            require(limit("maxItems").is_none_or(|most| items.len() <= most), "is too long");
            for (index, item) in items.iter().enumerate() {
                check(item, &schema["items"], &format!("{at}[{index}]"), faults);
            }
        }
        ("string" | "int-or-string", Value::String(text)) => {
            let length = text.chars().count();
            require(limit("minLength").is_none_or(|least| length >= least), "is too short");
            require(limit("maxLength").is_none_or(|most| length <= most), "is too long");
            let matches = |pattern: &str| Pattern::search(pattern).unwrap().is_match(text.as_bytes());
            require(schema["pattern"].as_str().is_none_or(matches), "does not match");
            require(schema["enum"].as_array().is_none_or(|choices| choices.contains(value)), "is not known");
        }
        ("integer" | "number" | "int-or-string", Value::Number(written)) => {
            require(schema["type"] == "number" || !written.is_f64(), "is not whole");
            let written = written.as_f64().unwrap();
            require(number("minimum").is_none_or(|least| written >= least), "is too little");
            require(number("maximum").is_none_or(|most| written <= most), "is too much");
        }
        ("boolean", Value::Bool(_)) => {}
        (expected, _) => require(false, expected),
    }
}

fn check_fields(fields: &Map<String, Value>, schema: &Value, at: &str, faults: &mut Vec<String>) {
    let Some(properties) = schema["properties"].as_object() else { return };
    for (name, value) in fields {
        let at = format!("{at}.{name}");
        match properties.get(name) {
            Some(schema) => check(value, schema, &at, faults),
            None => faults.push(format!("{at} is unknown")),
        }
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !fields.contains_key(name) {
            faults.push(format!("{at}.{name} is missing"));
        }
    }
}
