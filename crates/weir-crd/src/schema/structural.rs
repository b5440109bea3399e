//! From a JSON schema to a structural schema, the only kind that the API server takes: no references, no unions of
//! types, no `null`.

use serde_json::{Map, Value, json};

/// Keywords that the API server does not know, or that would change what people wrote.
const DROPPED: [&str; 5] = ["$schema", "title", "default", "nullable", "additionalProperties"];
/// Formats that the API server knows.
const FORMATS: [&str; 4] = ["int32", "int64", "double", "date-time"];

/// Rewrites a schema and everything in it.
pub(super) fn rewrite(schema: Value) -> Value {
    match schema {
        Value::Object(schema) => {
            let is_schema = !schema.contains_key("rule");
            let inner = schema.into_iter().map(|(key, value)| {
                let value = if is_schema && key == "properties" { properties(value) } else { rewrite(value) };
                (key, value)
            });
            let inner = inner.collect();
            if is_schema { rewrite_one(inner) } else { Value::Object(inner) }
        }
        Value::Array(schemas) => schemas.into_iter().map(rewrite).collect(),
        other => other,
    }
}

/// The keys of `properties` are names of fields and not keywords.
fn properties(fields: Value) -> Value {
    match fields {
        Value::Object(fields) => fields.into_iter().map(|(name, schema)| (name, rewrite(schema))).collect(),
        other => other,
    }
}

fn rewrite_one(mut schema: Map<String, Value>) -> Value {
    schema.retain(|key, _| !DROPPED.contains(&key.as_str()));
    unwrap_option(&mut schema);
    fold_variants(&mut schema);
    if let Some(Value::Array(types)) = schema.get("type") {
        let kind = types.iter().find(|kind| *kind != "null").cloned();
        schema.insert("type".into(), kind.unwrap_or_default());
    }
    keep_known_format(&mut schema);
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = reflow(text);
    }
    Value::Object(schema)
}

/// `anyOf: [X, null]` is an `X` that may be left out, and so it says nothing.
fn unwrap_option(schema: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = schema.get("anyOf") else { return };
    let choices: Vec<_> = choices.iter().filter(|choice| choice["type"] != "null").cloned().collect();
    if let [Value::Object(only)] = &choices[..] {
        schema.remove("anyOf");
        merge(schema, only.clone());
    }
}

/// What stands at the field itself counts more than what stands at its type.
fn merge(schema: &mut Map<String, Value>, inner: Map<String, Value>) {
    for (key, value) in inner {
        match (&*key, schema.get_mut(&key)) {
            ("description", Some(Value::String(outer))) => {
                append_choices(outer, value.as_str().unwrap_or_default());
            }
            (_, Some(_)) => {}
            (_, None) => drop(schema.insert(key, value)),
        }
    }
}

/// Keeps what the type says of its choices behind what the field says of itself.
fn append_choices(outer: &mut String, inner: &str) {
    if let Some(at) = inner.find(CHOICES) {
        outer.push_str("\n\n");
        outer.push_str(&inner[at..]);
    }
}

const CHOICES: &str = "One of:";
const ITEM: &str = "- ";

/// `oneOf: [{const, description}, …]` is an enum.
fn fold_variants(schema: &mut Map<String, Value>) {
    let Some(Value::Array(variants)) = schema.get("oneOf") else { return };
    let names: Option<Vec<_>> =
        variants.iter().map(|variant| variant["const"].as_str().map(str::to_owned)).collect();
    let Some(names) = names else { return };
    let about = variants.iter().zip(&names).map(|(variant, name)| {
        let about = reflow(variant["description"].as_str().unwrap_or_default());
        format!("\n{ITEM}{name}: {about}")
    });
    let choices = format!("{CHOICES}{}", about.collect::<String>());
    let own = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    let description = if own.is_empty() { choices } else { format!("{own}\n\n{choices}") };
    schema.remove("oneOf");
    schema.insert("type".into(), json!("string"));
    schema.insert("enum".into(), json!(names));
    schema.insert("description".into(), json!(description));
}

/// Unsigned numbers are numbers from 0.
fn keep_known_format(schema: &mut Map<String, Value>) {
    let Some(format) = schema.get("format").and_then(Value::as_str).map(str::to_owned) else { return };
    if format.starts_with("uint") {
        schema.entry("minimum").or_insert_with(|| json!(0));
        let small = matches!(&*format, "uint8" | "uint16");
        schema.insert("format".into(), json!(if small { "int32" } else { "int64" }));
    } else if !FORMATS.contains(&&*format) {
        schema.remove("format");
    }
}

/// Joins the lines of a paragraph, unless it is a list.
fn reflow(text: &str) -> String {
    let join = |paragraph: &str| {
        let is_list = paragraph.starts_with(CHOICES);
        if is_list { paragraph.to_owned() } else { paragraph.lines().collect::<Vec<_>>().join(" ") }
    };
    text.split("\n\n").map(join).collect::<Vec<_>>().join("\n\n")
}
