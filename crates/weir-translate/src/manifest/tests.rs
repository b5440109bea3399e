use super::*;

fn ids(text: &str) -> Vec<String> {
    read(text).unwrap().objects.iter().map(|object| object.id().to_string()).collect()
}

const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: { name: a }\n";

#[test]
fn reads_documents() {
    let cases = [
        (String::new(), vec![]),
        ("---\n# nothing\n---\n".to_owned(), vec![]),
        (SERVICE.to_owned(), vec!["Service default/a"]),
        (
            format!("---\n{SERVICE}---\n{}", SERVICE.replace("name: a", "name: b, namespace: shop, creationTimestamp: 2024-01-01T00:00:00Z, labels: { version: 1.0 }")),
            vec!["Service default/a", "Service shop/b"],
        ),
        (
            format!("{SERVICE}...\n--- # next\n{}", SERVICE.replace(": a", ": c")),
            vec!["Service default/a", "Service default/c"],
        ),
        (SERVICE.replace('\n', "\r\n"), vec!["Service default/a"]),
    ];
    for (text, expected) in cases {
        assert_eq!(ids(&text), expected, "{text}");
    }
}

#[test]
fn reads_json_and_lists() {
    let json = r#"{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"}}"#;
    assert_eq!(ids(json), ["Service default/a"]);
    assert_eq!(
        ids(&format!(r#"{{"kind":"List","apiVersion":"v1","items":[{json}]}}"#)),
        ["Service default/a"]
    );
    let late =
        "items:\n- metadata: { name: a }\n  kind: Service\n  apiVersion: v1\nkind: List\napiVersion: v1\n";
    assert_eq!(ids(late), ["Service default/a"]);
    let nested = format!(r#"{{"kind":"List","items":[{{"kind":"ServiceList","items":[{json}]}}]}}"#);
    assert_eq!(ids(&nested), ["Service default/a"]);
}

#[test]
fn positions_count_from_the_first_line_of_the_file() {
    let cases = [
        (format!("{SERVICE}---\nkind: [\n"), 6),
        (format!("{SERVICE}---\n{SERVICE}spec: {{ ports: [ {{ port: web }} ] }}\n"), 8),
        (format!("{SERVICE}spec:\n  ports:\n  - port: 70000\n"), 6),
        ("{\"kind\":\n \"List\",\n \"items\": 5}".to_owned(), 3),
    ];
    for (text, line) in cases {
        let error = read(&text).unwrap_err();
        assert!(error.line.abs_diff(line) <= 1, "{text}: {error}");
    }
}

#[test]
fn every_definition_has_a_line() {
    let other = SERVICE.replace("name: a", "name: b");
    let manifest = read(&format!("# first\n\n{SERVICE}---\n{other}--- # again\n{SERVICE}")).unwrap();
    assert_eq!(manifest.lines, [3, 7]);
    let [a, b] = [0, 1].map(|index: usize| manifest.objects[index].id());
    assert_eq!(manifest.lines_of(&a).collect::<Vec<_>>(), [3, 10]);
    assert_eq!(manifest.lines_of(&b).collect::<Vec<_>>(), [7]);
}

#[test]
fn names_the_field_of_a_wrong_type() {
    let error = read(&format!("{SERVICE}spec:\n  ports:\n  - port: web\n")).unwrap_err();
    assert_eq!(error.to_string(), "line 6, column 11: invalid number from 0 to 65535 (in field `port`)");
}

#[test]
fn keeps_annotations_that_matter() {
    let text = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: a\n  annotations:\n    kubectl.kubernetes.io/last-applied-configuration: big\n    weir.dev/sticky: ip\n    typo.io/canary-weight: '1'\n";
    let manifest = read(text).unwrap();
    let Object::Ingress(ingress) = &manifest.objects[0] else { panic!("an Ingress") };
    let kept: Vec<_> = ingress.metadata.annotations.iter().collect();
    assert_eq!(kept, [("typo.io/canary-weight", "1"), ("weir.dev/sticky", "ip")]);
    assert_eq!(manifest.findings, []);
}

proptest::proptest! {
    #[test]
    fn never_panics(text in "([a-z{}:,\\[\\]\"' \n-]|kind: Ingress\n|apiVersion: networking.k8s.io/v1\n|---\n|metadata: ){0,30}") {
        let _ = read(&text);
    }
}
