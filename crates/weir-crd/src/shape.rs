//! The shape of an object: the same as the API server checks with the same schema, but every fault at once, with what
//! to do. What the schema says of lengths, patterns and rules is left to [`parse`](crate::parse()), which says it better.

use serde::{Deserialize as _, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    API_VERSION, Metadata,
    refusal::{At, Refusal, Refusals},
    schema,
};

/// Reads an object of a kind. What is empty counts as left out, as it does for the API server.
pub(crate) fn read<T: DeserializeOwned>(object: &Value, kind: &str) -> Result<T, Vec<Refusal>> {
    const ROOT: At<'static> = At::root("");
    let object = &without_empty(object);
    let mut refusals = Refusals::default();
    identify(object, kind, &mut refusals);
    let schema = schema::of(kind);
    let fields =
        [("spec", true), ("metadata", true), ("apiVersion", true), ("kind", true), ("status", false)];
    for (name, required) in fields {
        match object.get(name) {
            Some(value) if name != "status" => {
                check(value, &schema["properties"][name], &ROOT.field(name), &mut refusals);
            }
            None if required => missing(&schema["properties"][name], &ROOT.field(name), &mut refusals),
            _ => {}
        }
    }
    let known = |name: &String| fields.iter().any(|(known, _)| known == name);
    for name in object.as_object().into_iter().flat_map(Map::keys).filter(|name| !known(name)) {
        unknown(name, fields.iter().map(|(name, _)| *name), &ROOT, &mut refusals);
    }
    identify_metadata(object, &mut refusals);
    // Only a status that something else wrote can still have a shape that does not fit.
    let read =
        if refusals.is_empty() { refusals.keep(&At::root("status"), T::deserialize(object)) } else { None };
    refusals.finish(read, &At::root("spec"))
}

fn identify_metadata(object: &Value, refusals: &mut Refusals) {
    let Some(metadata) = object.get("metadata").filter(|metadata| metadata.is_object()) else { return };
    let read = refusals.keep(&At::root("metadata"), Metadata::deserialize(metadata));
    if read.is_some_and(|read| read.name.is_none_or(|name| name.is_empty())) {
        refusals.add(&At::root("metadata").field("name"), "it is missing; give the object a name");
    }
}

/// The same without fields that are `null`.
pub(crate) fn without_empty(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let given = fields.iter().filter(|(_, value)| !value.is_null());
            given.map(|(name, value)| (name.clone(), without_empty(value))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(without_empty).collect(),
        other => other.clone(),
    }
}

fn identify(object: &Value, kind: &str, refusals: &mut Refusals) {
    for (field, expected) in [("apiVersion", API_VERSION), ("kind", kind)] {
        let written = object.get(field).and_then(Value::as_str);
        if written.is_some_and(|written| written != expected) {
            refusals.add(&At::root(field), format!("write {expected}"));
        }
    }
}

/// Checks a value and everything in it.
fn check(value: &Value, schema: &Value, at: &At<'_>, refusals: &mut Refusals) {
    let expected = schema["type"].as_str().unwrap_or("int-or-string");
    match (expected, value) {
        ("object", Value::Object(fields)) => check_fields(fields, schema, at, refusals),
        ("array", Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                check(item, &schema["items"], &at.index(index), refusals);
            }
        }
        ("string", Value::String(text)) => check_choice(text, schema, at, refusals),
        ("integer", Value::Number(number)) if !number.is_f64() => check_range(value, schema, at, refusals),
        ("number", Value::Number(_)) => check_range(value, schema, at, refusals),
        ("int-or-string", Value::Number(number)) if number.is_i64() => {}
        ("boolean", Value::Bool(_)) | ("int-or-string", Value::String(_)) => {}
        _ => refusals.add(at, wrong_type(value, expected, schema)),
    }
}

fn check_fields(fields: &Map<String, Value>, schema: &Value, at: &At<'_>, refusals: &mut Refusals) {
    let Some(properties) = schema["properties"].as_object() else { return };
    for (name, value) in fields {
        match properties.get(name) {
            Some(schema) => check(value, schema, &at.field(name), refusals),
            None => unknown(name, properties.keys().map(String::as_str), at, refusals),
        }
    }
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    for name in required.filter(|name| !fields.contains_key(*name)) {
        missing(&properties[name], &at.field(name), refusals);
    }
}

fn unknown<'k>(name: &str, known: impl Iterator<Item = &'k str>, at: &At<'_>, refusals: &mut Refusals) {
    let known: Vec<_> = known.collect();
    let remedy = match closest(name, &known) {
        Some(known) => format!("did you mean {known}?"),
        None => format!("it is one of {}", known.join(", ")),
    };
    refusals.add(&at.field(name), format!("there is no such field; {remedy}"));
}

/// The known name that is most like a misspelt one, if any is like it.
fn closest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let likeness = |candidate: &&'k str| (strsim::damerau_levenshtein(name, candidate), *candidate);
    let (distance, candidate) = known.iter().map(likeness).min()?;
    (distance <= name.len().max(3) / 3).then_some(candidate)
}

fn missing(schema: &Value, at: &At<'_>, refusals: &mut Refusals) {
    let about = schema["description"].as_str().unwrap_or_default();
    let about = about.split("\n\n").next().unwrap_or_default();
    refusals.add(at, format!("it is missing. {about}").trim_end());
}

fn check_choice(text: &str, schema: &Value, at: &At<'_>, refusals: &mut Refusals) {
    let Some(choices) = schema["enum"].as_array() else { return };
    if choices.iter().all(|choice| choice != text) {
        refusals.add(at, format!("{text:?} is not known; write one of {}", one_of(choices)));
    }
}

fn one_of(choices: &[Value]) -> String {
    let choices: Vec<_> = choices.iter().filter_map(Value::as_str).collect();
    choices.join(", ")
}

fn check_range(value: &Value, schema: &Value, at: &At<'_>, refusals: &mut Refusals) {
    let bound = |name: &str| schema[name].as_f64();
    let Some(number) = value.as_f64() else { return };
    if bound("minimum").is_some_and(|least| number < least) {
        refusals.add(at, format!("{value} is too little; write {} or more", schema["minimum"]));
    }
    if bound("maximum").is_some_and(|most| number > most) {
        refusals.add(at, format!("{value} is too much; write {} or less", schema["maximum"]));
    }
}

fn wrong_type(value: &Value, expected: &str, schema: &Value) -> String {
    let expected = match expected {
        "object" => "fields",
        "array" => "a list",
        "string" => "a text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        _ => "a whole number or a text",
    };
    if let Some(choices) = schema["enum"].as_array() {
        return format!("{value} does not fit here; write one of {}", one_of(choices));
    }
    let example = schema["example"].as_str().map(|example| format!(" such as {example}")).unwrap_or_default();
    match value {
        Value::Null => format!("it is empty; write {expected}{example}, or remove it"),
        Value::Number(_) | Value::Bool(_) if expected == "a text" && example.is_empty() => {
            format!("write it in quotes, as a text: \"{value}\"")
        }
        Value::Number(_) | Value::Bool(_) => format!("{value} does not fit here; write {expected}{example}"),
        Value::String(_) => format!("a text does not fit here; write {expected}{example}"),
        Value::Array(_) => format!("a list does not fit here; write {expected}{example}"),
        Value::Object(_) => format!("fields do not fit here; write {expected}{example}"),
    }
}
