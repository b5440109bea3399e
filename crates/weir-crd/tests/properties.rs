//! Whatever is written, it is read or refused with a field; nothing panics.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Map, Value, json};
use weir_crd::{Release, ReleaseAction, crds, parse};

/// Texts and numbers that stand somewhere in manifests, and others.
fn scalar() -> impl Strategy<Value = Value> {
    let texts = vec![
        "",
        "30m",
        "0s",
        "99999999999999999999d",
        "1%",
        "0.5%",
        "100%",
        "5xx",
        "500-504",
        "p99",
        "Ingress",
        "canary",
        "shop",
        "http://a",
        "Count(3)",
        "(",
        "^(1|yes)$",
        "Hold",
        "Deployment",
        "…",
        "weir-cohort",
        "UNKNOWN",
        "/",
    ];
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-2_i64..102).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        select(texts).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ]
}

/// A value for a schema: mostly one that fits, so that the inside is reached.
fn fitting(schema: &Value) -> BoxedStrategy<Value> {
    let fits = match schema["type"].as_str() {
        Some("object") => fields(schema),
        Some("array") => vec(fitting(&schema["items"]), 0..4).prop_map(Value::from).boxed(),
        Some("string") => text(schema),
        Some("integer" | "number") => (0_i64..200).prop_map(Value::from).boxed(),
        Some("boolean") => any::<bool>().prop_map(Value::from).boxed(),
        _ => {
            prop_oneof![(0_i64..110).prop_map(Value::from), Just(json!("0.5%")), Just(json!("http"))].boxed()
        }
    };
    prop_oneof![80 => fits, 1 => scalar()].boxed()
}

fn text(schema: &Value) -> BoxedStrategy<Value> {
    if let Some(choices) = schema["enum"].as_array() {
        return select(choices.clone()).boxed();
    }
    let example = schema.get("example").cloned().unwrap_or_else(|| json!("a"));
    let text = scalar().prop_map(|value| value.as_str().map_or_else(|| json!("b"), Value::from));
    prop_oneof![3 => Just(example), 1 => text].boxed()
}

fn fields(schema: &Value) -> BoxedStrategy<Value> {
    let Some(properties) = schema["properties"].as_object() else {
        return Just(json!({"name": "a"})).boxed();
    };
    let required: Vec<_> = schema["required"].as_array().into_iter().flatten().cloned().collect();
    let mut all = Just(Map::new()).boxed();
    for (name, schema) in properties {
        let share = if required.contains(&json!(name)) { 0.98 } else { 0.3 };
        let field = proptest::option::weighted(share, fitting(schema));
        let name = name.clone();
        let add = move |(mut fields, value): (Map<String, Value>, Option<Value>)| {
            fields.extend(value.map(|value| (name.clone(), value)));
            fields
        };
        all = (all, field).prop_map(add).boxed();
    }
    all.prop_map(Value::from).boxed()
}

fn schema_of(index: usize) -> Value {
    crds()[index]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].clone()
}

fn object(kind: &str, spec: &Value) -> Value {
    json!({"apiVersion": "weir.dev/v1alpha1", "kind": kind, "metadata": {"name": "a"}, "spec": spec})
}

fn release() -> impl Strategy<Value = Value> {
    let schema = schema_of(0);
    let fields: Vec<_> = schema["properties"].as_object().unwrap().keys().cloned().collect();
    let some = proptest::sample::subsequence(fields, 0..4);
    (fitting(&schema), some, any::<bool>()).prop_map(|(spec, some, whole)| {
        let spec = if whole { spec } else { shortest(&spec, &some) };
        object("Release", &spec)
    })
}

fn action() -> impl Strategy<Value = Value> {
    fitting(&schema_of(1)).prop_map(|spec| object("ReleaseAction", &spec))
}

/// The shortest spec with some fields of another, which is more often one that makes sense.
fn shortest(other: &Value, fields: &[String]) -> Value {
    let mut spec = json!({
        "routes": [{"kind": "Ingress", "name": "shop"}],
        "stable": {"service": {"name": "web-v1", "port": 80}},
        "canary": {"service": {"name": "web-v2", "port": 80}},
    });
    for field in fields {
        if let Some(value) = other.get(field) {
            spec[field] = value.clone();
        }
    }
    spec
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn releases_are_read_or_refused(manifest in release()) {
        match Release::read(&manifest) {
            Ok(release) => {
                let stored = serde_json::to_value(&release).unwrap();
                prop_assert_eq!(&Release::read(&stored).unwrap(), &release);
                match parse("shop", &release.spec) {
                    Ok(spec) => prop_assert!((1..=100).contains(&spec.steps.len())),
                    Err(refusals) => prop_assert!(!refusals.is_empty()),
                }
            }
            Err(refusals) => {
                prop_assert!(!refusals.is_empty());
                // Whatever has the right shape can be read: no field is refused without its path.
                prop_assert!(refusals.iter().all(|refusal| refusal.field.starts_with("spec")), "{:?}", refusals);
            }
        }
    }

    #[test]
    fn actions_are_read_or_refused(manifest in action()) {
        if let Ok(action) = ReleaseAction::read(&manifest) {
            let refused = action.spec.request("a".into(), None).err();
            prop_assert!(refused.is_none_or(|refusals| !refusals.is_empty()));
        }
    }

    #[test]
    fn anything_at_all(spec in fitting(&Value::Null), status in scalar()) {
        let _ = Release::read(&json!({"spec": spec, "status": status}));
    }
}
