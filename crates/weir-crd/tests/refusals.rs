//! Everything that is refused, with the field and what is said; most cases are in `fixtures/refusals.yaml`.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use serde::Deserialize;
use serde_json::{Value, json};
use weir_crd::{Refusal, Release, ReleaseAction, parse};

/// Fields that replace those of the shortest spec, and what is said of one of them.
#[derive(Debug, Deserialize)]
struct Case {
    spec: Value,
    field: String,
    says: String,
}

fn refusals(fields: &Value) -> Vec<Refusal> {
    let mut manifest = json!({
        "apiVersion": "weir.dev/v1alpha1",
        "kind": "Release",
        "metadata": {"name": "shop"},
        "spec": {
            "routes": [{"kind": "Ingress", "name": "shop"}],
            "stable": {"service": {"name": "web-v1", "port": 80}},
            "canary": {"service": {"name": "web-v2", "port": 80}},
        },
    });
    for (field, value) in fields.as_object().unwrap() {
        manifest["spec"][field] = value.clone();
    }
    read(&manifest).err().unwrap_or_default()
}

fn read(manifest: &Value) -> Result<(), Vec<Refusal>> {
    let release = Release::read(manifest)?;
    parse("shop", &release.spec).map(drop)
}

impl Case {
    /// What is wrong with the case itself: it is to be refused for one reason only.
    fn fault(&self) -> Option<String> {
        let refusals = refusals(&self.spec);
        let fits =
            matches!(&refusals[..], [only] if only.field == self.field && only.message.contains(&self.says));
        (!fits).then(|| format!("{self:?}\n  gets {refusals:#?}"))
    }
}

#[test]
fn cases() {
    let cases: Vec<Case> = serde_saphyr::from_str(include_str!("fixtures/refusals.yaml")).unwrap();
    assert!(cases.len() > 100);
    let faults: Vec<_> = cases.iter().filter_map(Case::fault).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn long_lists() {
    let matcher = json!({"header": {"name": "a", "present": true}});
    let override_of = |name: usize, count: usize| json!({"name": name.to_string(), "match": vec![&matcher; count], "to": "stable"});
    let overrides = |count| (0..count).map(|name| override_of(name, 32)).collect::<Vec<_>>();
    let steps = |count: i32| {
        (0..count).map(|name| json!({"name": name.to_string(), "weight": 100})).collect::<Vec<_>>()
    };
    let check = |spec: Value, field: &str, says: &str| {
        let case = Case { spec, field: field.to_owned(), says: says.to_owned() };
        assert_eq!(case.fault(), None);
    };
    assert_eq!(refusals(&json!({"overrides": overrides(32), "steps": steps(100)})), []);
    check(json!({"overrides": overrides(33)}), "spec.overrides", "33 are too many; write at most 32");
    check(
        json!({"overrides": [override_of(0, 33)]}),
        "spec.overrides[0].match",
        "33 are too many; write at most 32",
    );
    let pattern = json!({"header": {"name": "a", "regex": "b"}});
    let audience =
        |count: usize| json!({"name": count.to_string(), "weight": 5, "audience": vec![&pattern; count]});
    assert_eq!(refusals(&json!({"steps": [audience(32), audience(31), audience(1), {"weight": 100}]})), []);
    check(
        json!({"steps": [audience(32), audience(31), audience(2), {"weight": 100}]}),
        "spec",
        "65 regular expressions",
    );
    check(json!({"steps": steps(101)}), "spec.steps", "101 are too many; write at most 100");
}

#[test]
fn all_at_once() {
    let shape = refusals(&json!({"speps": [], "paused": 1, "routes": [{"name": "shop"}]}));
    let fields: Vec<_> = shape.iter().map(|refusal| &*refusal.field).collect();
    assert_eq!(fields, ["spec.paused", "spec.routes[0].kind", "spec.speps"]);
    let text = r"
        routes: [{kind: HTTPRoute, name: Shop, host: 'a b', path: x}]
        stable: {service: {name: Web, port: 0}, workload: {kind: Deployment, name: ''}}
        assignment: {keys: [{}]}
        overrides: [{name: '', match: [{header: {name: 'a b', regex: '('}}], to: stable}]
        steps: [{weight: 101, bake: {duration: soon, onError: Panic}}, {ramp: {from: 5, to: 1, stages: 3, hold: 0s}}]
        analysis: {falseAbort: 0%, guardrails: [{errors: {}, absoluteMax: 100%}, {pods: {}}]}
        gates: [{name: smoke, webhook: {url: ftp://x, timeout: 0s}, before: all}]
        rollback: {keepCanary: 31d}
        offline: {verifyZero: 0s, scaleDown: {mode: None, keepReplicas: 1}}
        limits: {stepDeadline: 0s}";
    let refusals = refusals(&serde_saphyr::from_str(text).unwrap());
    let fields: Vec<_> =
        refusals.iter().map(|refusal| refusal.field.strip_prefix("spec.").unwrap()).collect();
    let expected = [
        "routes[0].kind",
        "routes[0].name",
        "routes[0].host",
        "routes[0].path",
        "stable.service.name",
        "stable.service.port",
        "stable.workload.name",
        "assignment.keys[0]",
        "overrides[0].name",
        "overrides[0].match[0].header.name",
        "overrides[0].match[0].header.regex",
        "gates[0].webhook.url",
        "gates[0].webhook.timeout",
        "steps[0].weight",
        "steps[0].bake.duration",
        "steps[0].bake.onError",
        "steps[1].ramp.hold",
        "steps[1].ramp.to",
        "analysis.falseAbort",
        "analysis.guardrails[0].absoluteMax",
        "analysis.guardrails[1].pods",
        "rollback.keepCanary",
        "offline.verifyZero",
        "offline.scaleDown.keepReplicas",
        "limits.stepDeadline",
    ];
    assert_eq!(fields, expected, "{refusals:#?}");
}

#[test]
fn audience_steps_stand_apart() {
    let text =
        "steps: [{weight: 20}, {weight: 5, audience: [{header: {name: a, present: true}}]}, {weight: 100}]";
    assert_eq!(refusals(&serde_saphyr::from_str(text).unwrap()), []);
}

#[test]
fn empty_fields_are_left_out() {
    assert_eq!(refusals(&json!({"offline": null, "overrides": null, "rollback": {"keepCanary": null}})), []);
}

#[test]
fn other_objects() {
    let refused = |manifest: &Value| {
        let refusals = read(manifest).unwrap_err();
        refusals.into_iter().map(|refusal| refusal.to_string()).collect::<Vec<_>>().join("\n")
    };
    assert!(
        refused(&json!({"apiVersion": "weir.dev/v1", "kind": "Release"}))
            .contains("apiVersion: write weir.dev/v1alpha1")
    );
    let empty = refused(&json!({}));
    for field in
        ["spec: it is missing", "metadata: it is missing", "apiVersion: it is missing", "kind: it is missing"]
    {
        assert!(empty.contains(field), "{empty}");
    }
    for value in [json!(null), json!([]), json!("Release"), json!({"spec": []})] {
        assert!(!refused(&value).is_empty());
    }
    let spec = json!({
        "routes": [{"kind": "Ingress", "name": "shop"}],
        "stable": {"service": {"name": "web-v1", "port": 80}},
        "canary": {"service": {"name": "web-v2", "port": 80}},
    });
    let with = |metadata: Value| json!({"apiVersion": "weir.dev/v1alpha1", "kind": "Release", "metadata": metadata, "spec": spec, "extra": 1});
    assert!(refused(&with(json!({}))).contains("metadata.name: it is missing"));
    assert!(refused(&with(json!({"name": 1}))).contains("metadata: invalid type"));
    assert_eq!(
        refused(&with(json!({"name": "a"}))),
        "extra: there is no such field; it is one of spec, metadata, apiVersion, kind, status"
    );
}

#[test]
fn actions() {
    let read = |spec: Value| {
        let manifest = json!({
            "apiVersion": "weir.dev/v1alpha1", "kind": "ReleaseAction", "metadata": {"name": "a"}, "spec": spec,
        });
        let action = ReleaseAction::read(&manifest)?;
        action.spec.request("a".into(), None)
    };
    let refused =
        |spec| read(spec).unwrap_err().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let promote =
        read(json!({"release": "shop", "verb": "promote", "to": "fifth", "attempt": 2, "reason": "fine"}))
            .unwrap();
    assert_eq!(promote.attempt, Some(2));
    assert_eq!(promote.verb, weir_release::verb::Verb::Promote { to: Some("fifth".into()), full: false });
    for verb in weir_crd::action::Verb::ALL {
        let request = read(json!({"release": "shop", "verb": verb.as_str()})).unwrap();
        assert_eq!(request.verb.as_str(), verb.as_str());
    }
    assert!(
        refused(json!({"release": "shop", "verb": "explode"}))
            .starts_with("spec.verb: \"explode\" is not known")
    );
    assert!(refused(json!({"verb": "abort"})).starts_with("spec.release: it is missing"));
    let both = refused(json!({"release": "shop", "verb": "promote", "to": "fifth", "full": true}));
    assert_eq!(both, "spec.full: name a step in spec.to or ask for full, not both");
    let strange = refused(json!({"release": "shop", "verb": "abort", "to": "a", "full": true, "from": "b"}));
    for field in
        ["spec.to: it belongs to the verb promote", "spec.full: ", "spec.from: it belongs to the verb retry"]
    {
        assert!(strange.contains(field), "{strange}");
    }
}

/// What an earlier override leaves something to, or sends to the same version, is fine.
#[test]
fn overrides_that_decide() {
    let one =
        |name: &str, value: Value, to: &str| json!({"name": name, "match": [{"cookie": value}], "to": to});
    let exact = |value: &str| json!({"name": "user", "exact": value});
    let regex = |value: &str| json!({"name": "user", "regex": value});
    let any = json!({"name": "user", "present": true});
    let pairs = [
        (exact("alice"), any.clone(), "stable"),
        (exact("alice"), exact("bob"), "stable"),
        (regex("alice|bob"), exact("carol"), "stable"),
        (regex("alice|bob"), regex("bob|carol"), "stable"),
        (any, exact("alice"), "canary"),
    ];
    for (first, second, to) in pairs {
        let overrides = json!({"overrides": [one("first", first, "canary"), one("second", second, to)]});
        assert_eq!(refusals(&overrides), [], "{overrides}");
    }
}
