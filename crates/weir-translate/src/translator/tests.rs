use std::fmt::Write;

use proptest::prelude::*;
use weir_model::Code;

use super::*;
use crate::{Claim, Dialect, Grant, manifest};

/// A step of a history: apply a variant of an object, delete it, or record claims.
#[derive(Clone, Copy, Debug)]
enum Step {
    Apply(usize, usize),
    Delete(usize),
    /// Replaces what is recorded of the owners of paths.
    Claim(usize),
    /// Holds what a host serves for those who serve it.
    Hold(usize),
    Translate,
}

const OBJECTS: usize = 14;
/// Two Secrets with key pairs, `one` and `two`.
const SECRETS: &str = include_str!("../../tests/golden/tls/two-secrets.in.yaml");
const VARIANTS: usize = 6;

/// A manifest for each object and variant; small ranges make them meet.
fn text(object: usize, variant: usize) -> String {
    match object {
        0..6 => ingress(object, variant),
        6..8 => service(object - 6, variant),
        8 | 9 => slice(object - 8, variant),
        10 => class(variant),
        11 => secret("cert", variant),
        12 => secret("other", variant),
        _ => ingress(6, variant).replace("name: i6", "name: i6, namespace: shop"),
    }
}

fn ingress(object: usize, variant: usize) -> String {
    let prefix = "nginx.ingress.kubernetes.io";
    let annotations = match (object, variant % 4) {
        (0 | 1, 0) => format!("{prefix}/canary: 'true', {prefix}/canary-weight: '2{object}'"),
        (0 | 1, 1) => format!("{prefix}/canary: 'true', {prefix}/canary-by-header: x{object}"),
        (2, 0) => format!("{prefix}/service-weight: 's0: 1, s1: 2'"),
        (_, 2) => format!("{prefix}/use-regex: 'true'"),
        (3, 3) => "kubernetes.io/ingress.class: other".to_owned(),
        (4, 3) => "higress.io/match-method: GET".to_owned(),
        (6, 0) => format!("{prefix}/canary: 'true', {prefix}/canary-weight: '10'"),
        _ => String::new(),
    };
    let mut text = format!(
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{ name: i{object}, annotations: {{ {annotations} }} }}\nspec:\n"
    );
    if variant == 5 {
        text.push_str("  defaultBackend: { service: { name: s1, port: { number: 80 } } }\n");
    }
    if variant > 3 {
        let secret = if object.is_multiple_of(2) { "cert" } else { "other" };
        writeln!(text, "  tls: [ {{ hosts: [ h0, '*.h' ], secretName: {secret} }} ]").unwrap();
    }
    let second = (object + variant) % 3;
    write!(
        text,
        "  rules:\n  - host: h{}\n    http: {{ paths: [ {}, {} ] }}\n",
        variant % 2,
        path(0, variant),
        path(1, second)
    )
    .unwrap();
    text
}

fn path(number: usize, service: usize) -> String {
    let port = if number == 0 { "number: 80" } else { "name: web" };
    format!(
        "{{ path: /a, pathType: Prefix, backend: {{ service: {{ name: s{}, port: {{ {port} }} }} }} }}",
        service % 3
    )
}

fn service(object: usize, variant: usize) -> String {
    let annotations = if variant == 0 { "weir.dev/endpoints: '10.0.0.1:80, bad'" } else { "" };
    let name = if variant.is_multiple_of(2) { "web" } else { "other" };
    let kind = if variant == 3 { "ExternalName" } else { "ClusterIP" };
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{ name: s{object}, annotations: {{ {annotations} }} }}\nspec: {{ type: {kind}, ports: [ {{ name: {name}, port: 80 }} ] }}\n"
    )
}

fn slice(object: usize, variant: usize) -> String {
    format!(
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{ name: e{object}, labels: {{ kubernetes.io/service-name: s{} }} }}\nendpoints: [ {{ addresses: [ 10.1.0.{variant} ], conditions: {{ ready: {} }} }} ]\nports: [ {{ name: web, port: 8080 }} ]\n",
        variant % 2,
        variant < 4
    )
}

fn class(variant: usize) -> String {
    let dialect = ["ack", "higress", "nope"][variant % 3];
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {{ name: other, annotations: {{ weir.dev/dialect: {dialect}, ingressclass.kubernetes.io/is-default-class: '{}' }} }}\nspec: {{ controller: weir.dev/ingress }}\n",
        variant > 3
    )
}

fn secret(name: &str, variant: usize) -> String {
    let pair = ["name: one", "name: two"].get(variant).map(|pair| {
        let document = SECRETS.split("\n---\n").find(|text| text.contains("Secret") && text.contains(pair));
        document.unwrap().replace(pair, &format!("name: {name}"))
    });
    pair.unwrap_or_else(|| {
        format!("apiVersion: v1\nkind: Secret\nmetadata: {{ name: {name} }}\nstringData: {{ tls.crt: 'c{variant}' }}\n")
    })
}

fn object(number: usize, variant: usize) -> Object {
    manifest::read(&text(number, variant)).unwrap().objects.remove(0)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..OBJECTS, 0..VARIANTS).prop_map(|(object, variant)| Step::Apply(object, variant)),
        2 => (0..OBJECTS).prop_map(Step::Delete),
        1 => (0..VARIANTS).prop_map(Step::Claim),
        1 => (0..2_usize).prop_map(Step::Hold),
        2 => Just(Step::Translate),
    ]
}

fn claims(variant: usize) -> Claims {
    let mut claims = Claims::default();
    for (index, host) in ["h0", "h1"].into_iter().enumerate() {
        let namespace = if (variant + index).is_multiple_of(2) { "shop" } else { "default" };
        let path = if variant < 3 { "/a" } else { "/" };
        let claim = Claim { path: path.into(), exact: false, pattern: None, namespace: namespace.into() };
        let recorded = if variant == 0 { None } else { Some(claim) };
        claims.set(HostName::parse(host).unwrap(), recorded.into_iter().collect());
    }
    if variant == 5 {
        claims.grant(vec![Grant { host: "h1".into(), namespaces: vec!["*".into()] }]);
    }
    claims
}

/// What is there after a history, as a translator sees it that never saw anything else.
fn from_scratch(state: &std::collections::BTreeMap<usize, usize>, claims: &Claims) -> Translator {
    let mut translator = Translator { claims: claims.clone(), ..Translator::default() };
    for (number, variant) in state {
        translator.apply(object(*number, *variant), *number as u64);
    }
    translator.translate();
    translator
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn increments_add_up(steps in prop::collection::vec(step(), 1..40)) {
        let mut translator = Translator::default();
        let mut mirror = Blueprint::default();
        let mut state = std::collections::BTreeMap::new();
        for step in steps.into_iter().chain([Step::Translate]) {
            match step {
                Step::Apply(number, variant) => {
                    state.insert(number, variant);
                    translator.apply(object(number, variant), number as u64);
                }
                Step::Delete(number) => {
                    state.remove(&number);
                    translator.delete(&object(number, 0).id());
                }
                Step::Claim(variant) => translator.claim(claims(variant)),
                Step::Hold(number) => {
                    translator.hold(&HostName::parse(["h0", "h1"][number]).unwrap());
                }
                Step::Translate => {
                    let before = mirror.clone();
                    let delta = translator.translate();
                    mirror.apply(&delta);
                    for key in delta.hosts.keys() {
                        prop_assert_ne!(before.hosts.get(key), mirror.hosts.get(key));
                    }
                    for key in delta.backends.keys() {
                        prop_assert_ne!(before.backends.get(key), mirror.backends.get(key));
                    }
                    for key in delta.tls.keys() {
                        prop_assert_ne!(before.tls.get(key), mirror.tls.get(key));
                    }
                    for key in delta.certificates.keys() {
                        prop_assert_ne!(before.certificates.get(key), mirror.certificates.get(key));
                    }
                }
            }
        }
        let scratch = from_scratch(&state, translator.claims());
        prop_assert_eq!(&mirror, scratch.blueprint());
        prop_assert_eq!(translator.blueprint(), scratch.blueprint());
        prop_assert_eq!(translator.findings(), scratch.findings());
        prop_assert!(translator.translate().is_empty());
    }
}

#[test]
fn age_decides_and_not_the_order_of_arrival() {
    let ingress = |name: &str, created: &str| {
        let text = format!(
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{ name: {name}, creationTimestamp: '{created}' }}\nspec: {{ rules: [ {{ host: h, http: {{ paths: [ {} ] }} }} ] }}\n",
            path(0, 0)
        );
        manifest::read(&text).unwrap().objects.remove(0)
    };
    let mut translator = Translator::default();
    translator.apply(ingress("young", "2024-02-01T00:00:00Z"), 0);
    translator.apply(ingress("old", "2024-01-01T00:00:00Z"), 0);
    translator.translate();
    let shadowed: Vec<_> =
        translator.findings().into_iter().filter(|finding| finding.code == Code::Shadowed).collect();
    assert_eq!(shadowed.len(), 1);
    assert_eq!(&*shadowed[0].object.name, "young");
}

#[test]
fn a_class_is_served_in_the_dialect_that_was_configured() {
    let mut config = Config::default();
    config.adopt.insert("other".to_owned(), Dialect::Ack);
    let mut translator = Translator::new(config);
    translator.apply(object(3, 3), 0);
    translator.translate();
    assert_eq!(translator.blueprint().hosts.len(), 1);
}

/// Every annotation that is read.
fn any_key() -> impl Strategy<Value = String> {
    let names: Vec<&'static str> = [
        "canary",
        "canary-by-header",
        "canary-by-header-value",
        "canary-by-header-pattern",
        "canary-by-cookie",
        "canary-by-cookie-value",
        "canary-by-query",
        "canary-by-query-pattern",
        "canary-weight",
        "canary-weight-total",
        "service-match",
        "service-weight",
        "rewrite-target",
        "use-regex",
        "upstream-vhost",
        "permanent-redirect",
        "whitelist-source-range",
        "affinity",
        "session-cookie-name",
        "session-cookie-path",
        "destination",
        "match-method",
        "regex-match-header-x",
        "request-header-control-add",
        "proxy-body-size",
    ]
    .to_vec();
    let prefixes = ["nginx.ingress.kubernetes.io", "higress.io", "mse.ingress.kubernetes.io"];
    (prop::sample::select(prefixes.to_vec()), prop::sample::select(names))
        .prop_map(|(prefix, name)| format!("{prefix}/{name}"))
}

fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("true".to_owned()),
        Just("cookie".to_owned()),
        "[0-9]{1,11}",
        "(s0|s1|header|query|[(:\",/)&| ]|\n){0,16}",
        "/?[$a-z0-9\u{1}\r\n\u{7f} ]{0,8}",
        ".{0,12}",
    ]
}

fn with_annotations(name: &str, entries: &[(String, String)]) -> Object {
    let annotations: serde_json::Map<_, _> =
        entries.iter().map(|(key, value)| (key.clone(), value.clone().into())).collect();
    let backend =
        |service: &str| serde_json::json!({ "service": { "name": service, "port": { "number": 80 } } });
    let paths = serde_json::json!([
        { "path": "/a", "pathType": "Prefix", "backend": backend("s0") },
        { "path": "/a", "pathType": "Prefix", "backend": backend("s1") },
    ]);
    let ingress = serde_json::json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": { "name": name, "annotations": annotations },
        "spec": { "rules": [{ "host": "h", "http": { "paths": paths } }] },
    });
    manifest::read(&ingress.to_string()).unwrap().objects.remove(0)
}

proptest! {
    /// Whatever an annotation says, nothing panics, arms keep a positive sum, and no control character gets
    /// into what is served.
    #[test]
    fn any_annotation_is_survived(
        main in prop::collection::vec((any_key(), any_value()), 0..6),
        canary in prop::collection::vec((any_key(), any_value()), 0..6),
    ) {
        let mut canary = canary;
        canary.push(("nginx.ingress.kubernetes.io/canary".to_owned(), "true".to_owned()));
        let mut translator = Translator::default();
        translator.apply(with_annotations("main", &main), 0);
        translator.apply(with_annotations("canary", &canary), 1);
        translator.translate();
        for rule in translator.blueprint().hosts.values().flat_map(|host| &host.rules) {
            let total: u64 = rule.split.arms().iter().map(|arm| u64::from(arm.weight)).sum();
            prop_assert!(total > 0);
            let shown = format!("{:?} {:?} {:?}", rule.filters, rule.split.affinity, rule.split.arms());
            let escapes = ["\\n", "\\r", "\\t", "\\0", "\\u{1}", "\\u{7f}"];
            prop_assert!(!escapes.iter().any(|escape| shown.contains(escape)), "{shown}");
        }
        for finding in translator.findings() {
            prop_assert!(!finding.message.contains(char::is_control), "{finding}");
            prop_assert!(finding.message.ends_with(['.', '?']), "{finding}");
        }
    }
}
