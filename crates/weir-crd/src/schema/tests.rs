use schemars::schema_for;
use weir_release::state::State;

use super::*;

/// Every schema in a schema, with its path.
fn walk(schema: &Value, path: &str, visit: &mut impl FnMut(&Value, &str)) {
    visit(schema, path);
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        walk(inner, &format!("{path}.{name}"), visit);
    }
    if let Some(items) = schema.get("items") {
        walk(items, &format!("{path}[]"), visit);
    }
}

#[test]
fn schemas_are_structural() {
    const KNOWN: [&str; 23] = [
        "description",
        "enum",
        "example",
        "format",
        "items",
        "maxItems",
        "maxLength",
        "maximum",
        "minItems",
        "minLength",
        "minimum",
        "pattern",
        "properties",
        "required",
        "type",
        "x-kubernetes-int-or-string",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-map-type",
        "x-kubernetes-list-type",
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-validations",
        "maxProperties",
        "minProperties",
    ];
    for kind in ["Release", "ReleaseAction"] {
        walk(of(kind), kind, &mut |schema, path| {
            let schema = schema.as_object().unwrap();
            for keyword in schema.keys() {
                assert!(KNOWN.contains(&&**keyword), "{path}: {keyword}");
            }
            let has_type = schema.get("type").is_some_and(Value::is_string);
            assert!(has_type != schema.contains_key("x-kubernetes-int-or-string"), "{path} has one type");
        });
    }
}

#[test]
fn every_field_is_explained_and_limited() {
    for kind in ["Release", "ReleaseAction"] {
        let root = of(kind);
        for part in ["spec", "status"] {
            walk(&root["properties"][part], part, &mut |schema, path| {
                let explained = schema["description"].as_str().is_some_and(|text| text.ends_with('.'));
                assert!(explained || path.ends_with("[]"), "{kind} {path} is not explained");
                let limited = |limit: &str| part == "status" || schema.get(limit).is_some();
                match schema["type"].as_str() {
                    Some("array") => assert!(limited("maxItems"), "{kind} {path} has no limit"),
                    Some("string") => {
                        assert!(
                            limited("maxLength") || schema.get("enum").is_some(),
                            "{kind} {path} has no limit"
                        );
                    }
                    _ => {}
                }
            });
        }
    }
}

#[test]
fn the_status_describes_what_the_release_machine_stores() {
    let described = &of("Release")["properties"]["status"]["properties"];
    let state = schema_for!(State).to_value();
    let phases = state["oneOf"].as_array().into_iter().flatten();
    let stored = std::iter::once(&state).chain(phases).filter_map(|one| one["properties"].as_object());
    let stored: Vec<_> = stored.flat_map(serde_json::Map::keys).collect();
    assert!(stored.len() > 5, "{state:#}");
    for field in stored {
        assert!(described.get(field).is_some(), "status.{field} is not described");
    }
}
