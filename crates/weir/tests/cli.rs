//! The program as scripts use it: exit codes, JSON shapes, error texts.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use weir_testkit::{
    Manifests,
    manifests::{Ingress, ingress_class, service},
};

fn weir(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_weir")).args(args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Two services, divided 20 to 80 by the ACK dialect.
fn shop() -> String {
    let ingress = Ingress::new("shop")
        .nginx("service-weight", "new: 20, old: 80")
        .host("shop.test")
        .path("/", "old")
        .path("/", "new");
    [ingress_class("weir", "ack"), service("old"), service("new"), ingress.yaml()].join("---\n")
}

#[test]
fn bad_usage_is_2_with_one_reason() {
    let folder = Manifests::new().unwrap();
    let manifests = path(folder.path());
    let cases: &[(&[&str], &str)] = &[
        (&["bogus"], "unrecognized subcommand 'bogus'"),
        (&["serve"], "--manifests"),
        (&["serve", "--manifests", manifests, "--adopt-class", "nginx"], "NAME=DIALECT"),
        (&["serve", "--manifests", manifests, "--adopt-class", "a=b"], "ack, nginx, higress or mse"),
        (&["serve", "--manifests", manifests, "--shutdown-delay", "soon"], "10s"),
        (&["serve", "--manifests", manifests, "--trusted-proxy", "10.0.0.0/99"], "10.0.0.0/8"),
        (&["serve", "--manifests", manifests, "--threads", "0"], "--threads"),
        (&["explain", "-f", manifests], "<URL>"),
        (&["explain", "-f", manifests, "ftp://a/"], "http://host/path"),
        (&["explain", "-f", manifests, "-H", "nonsense", "http://a/"], "'Name: value'"),
        (&["explain", "-f", "no-such-folder", "http://a/"], "no-such-folder: there is no such file"),
        (&["lint", "-f", "no-such-folder"], "no-such-folder: there is no such file"),
        (&["demo", "--speed", "0"], "above 0"),
    ];
    for (args, reason) in cases {
        let output = weir(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {output:?}");
        assert!(stderr(&output).contains(reason), "{args:?}: {}", stderr(&output));
    }
}

#[test]
fn every_verb_has_help_with_an_example() {
    for verb in ["serve", "explain", "lint", "demo", "release"] {
        let output = weir(&[verb, "--help"]);
        assert!(output.status.success());
        let help = stdout(&output);
        let example =
            help.split_once("Example").is_some_and(|(_, text)| text.contains(&format!("weir {verb}")));
        assert!(example, "{help}");
    }
}

#[test]
fn what_cannot_be_read_is_named_with_line_and_column() {
    let folder = Manifests::new().unwrap();
    folder.write("a", shop()).unwrap();
    let broken = folder.write("b", "kind: Service\nmetadata: {\n  name: [\n").unwrap();
    for args in [
        &["serve", "--manifests", path(folder.path()), "--admin", "127.0.0.1:0", "--http", "127.0.0.1:0"][..],
        &["explain", "-f", path(folder.path()), "http://shop.test/"],
        &["lint", "-f", path(folder.path())],
    ] {
        let output = weir(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {output:?}");
        let text = stderr(&output);
        let rest = text.split_once(path(&broken)).unwrap_or_else(|| panic!("{args:?}: {text}")).1;
        let numbers: Vec<&str> = rest.splitn(4, ':').collect();
        assert!(numbers[1].parse::<usize>().is_ok_and(|line| line >= 2), "{text}");
        assert!(numbers[2].parse::<usize>().is_ok(), "{text}");
    }
}

#[test]
fn lint_goes_on_behind_an_unreadable_file() {
    let folder = Manifests::new().unwrap();
    folder.write("a", "kind: [").unwrap();
    folder.ingress(&Ingress::new("shop").class("nobody").host("a.test").path("/", "x")).unwrap();
    let findings = json(&weir(&["lint", "-o", "json", "-f", path(folder.path())]));
    let codes: Vec<&str> =
        findings["findings"].as_array().unwrap().iter().map(|f| f["code"].as_str().unwrap()).collect();
    assert!(codes.contains(&"WR-UNREADABLE") && codes.contains(&"WR-CLASS-NOT-SERVED"), "{codes:?}");
}

#[test]
fn lint_says_1_for_errors_only() {
    let folder = Manifests::new().unwrap();
    folder.write("a", shop()).unwrap();
    let clean = weir(&["lint", "-f", path(folder.path())]);
    assert_eq!(clean.status.code(), Some(0), "{clean:?}");
    assert!(stdout(&clean).ends_with("0 errors, 0 warnings, 0 info\n"), "{clean:?}");
    let missing = Ingress::new("lost").host("lost.test").path("/", "nowhere");
    folder.ingress(&missing).unwrap();
    let output = weir(&["lint", "-f", path(folder.path())]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = stdout(&output);
    assert!(text.starts_with("error WR-MISSING-SERVICE Ingress default/lost spec.rules[0]"), "{text}");
    let findings = json(&weir(&["lint", "-o", "json", "-f", path(folder.path())]));
    let finding = &findings["findings"][0];
    assert_eq!(finding["code"], "WR-MISSING-SERVICE");
    assert_eq!(finding["severity"], "error");
    assert_eq!(finding["object"], "Ingress default/lost");
    assert!(finding["field"].is_string() && finding["message"].is_string());
}

#[test]
fn lint_can_be_stricter_and_needs_something_to_read() {
    let folder = Manifests::new().unwrap();
    let nothing = weir(&["lint", "-f", path(folder.path())]);
    assert_eq!(nothing.status.code(), Some(2), "{nothing:?}");
    assert!(stderr(&nothing).contains("no manifest found below"), "{nothing:?}");
    folder.write("a", shop()).unwrap();
    let typo = Ingress::new("typo").host("typo.test").path("/", "old").nginx("canary-wieght", "20");
    folder.ingress(&typo).unwrap();
    for (deny, code) in [("error", 0), ("warning", 1), ("info", 1)] {
        let output = weir(&["lint", "--deny", deny, "-f", path(folder.path())]);
        assert_eq!(output.status.code(), Some(code), "{deny}: {output:?}");
    }
}

#[test]
fn explain_has_stable_fields() {
    let folder = Manifests::new().unwrap();
    folder.write("a", shop()).unwrap();
    let output = weir(&["explain", "-o", "json", "-f", path(folder.path()), "http://shop.test/cart"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let answer = json(&output);
    assert_eq!(answer["outcome"], "forward");
    assert_eq!(answer.get("status"), None);
    assert_eq!(answer["decidedBy"], "weight");
    let rule = serde_json::json!({
        "kind": "Ingress", "namespace": "default", "name": "shop",
        "host": "shop.test", "path": "/", "pathType": "Prefix",
    });
    assert_eq!(answer["rule"], rule);
    let arms = answer["arms"].as_array().unwrap();
    assert_eq!(
        arms[0],
        serde_json::json!({"namespace": "default", "service": "old", "port": 80, "share": 0.8})
    );
    let sum: f64 = arms.iter().map(|arm| arm["share"].as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-9);
    assert!(answer["trace"].is_array() && answer["findings"].is_array());
}

#[test]
fn explain_rejects_like_the_data_plane() {
    let folder = Manifests::new().unwrap();
    folder.write("a", shop()).unwrap();
    let cases = [
        ("http://shop.test/a%2fb", 400, "WR-400-PATH"),
        ("http://shop.test/../x", 400, "WR-400-PATH"),
        ("http://other.test/", 404, "WR-404-HOST"),
    ];
    for (url, status, code) in cases {
        let answer = json(&weir(&["explain", "-o", "json", "-f", path(folder.path()), url]));
        assert_eq!((&answer["outcome"], &answer["status"]), (&"reject".into(), &status.into()), "{url}");
        assert_eq!(answer["code"], code, "{url}");
    }
}

#[test]
fn explain_reads_headers_cookies_and_standard_input() {
    let ingress = Ingress::new("shop")
        .nginx("service-match", r#"new: header("foo", "bar"), cookie("u", "1")"#)
        .host("shop.test")
        .path("/", "old")
        .path("/", "new");
    let yaml = [ingress_class("weir", "ack"), service("old"), service("new"), ingress.yaml()].join("---\n");
    let ask = |more: &[&str]| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_weir"))
            .args(["explain", "-o", "json", "-f", "-"])
            .args(more)
            .arg("http://shop.test/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(yaml.as_bytes()).unwrap();
        let answer = json(&child.wait_with_output().unwrap());
        let arms = answer["arms"].as_array().unwrap().clone();
        arms.iter().find(|arm| arm["share"] == 1.0).unwrap()["service"].as_str().unwrap().to_owned()
    };
    assert_eq!(ask(&[]), "old");
    assert_eq!(ask(&["-H", "Foo: bar", "-b", "u=1"]), "new");
}

#[test]
fn explain_shows_a_tree_with_near_misses_and_endpoints() {
    let folder = Manifests::new().unwrap();
    folder.write("a", shop()).unwrap();
    let other = Ingress::new("cart").host("shop.test").path("/cart", "old");
    folder.ingress(&other).unwrap();
    let output = weir(&["explain", "-f", path(folder.path()), "http://shop.test/x"]);
    let text = stdout(&output);
    for part in
        ["Ingress default/shop", "80.00 %", "endpoints unknown", "Ingress default/cart", "path /x is not"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = Manifests::new().unwrap();
    for index in 0..2_000 {
        let ingress = Ingress::new(&format!("i{index}")).host("lost.test").path("/", "nowhere");
        fs::write(folder.path().join(format!("{index}.yaml")), ingress.yaml()).unwrap();
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(["lint", "-f", path(folder.path())])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(stderr(&output), "", "{:?}", output.status);
}

#[test]
fn as_a_kubectl_plugin_it_says_so() {
    let folder = Manifests::new().unwrap();
    let plugin = folder.path().join("kubectl-weir");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_weir"), &plugin).unwrap();
    let help = Command::new(plugin).args(["lint", "--help"]).output().unwrap();
    assert!(stdout(&help).contains("Usage: kubectl weir lint"), "{}", stdout(&help));
}

#[test]
fn a_cluster_that_cannot_be_reached_is_2_with_its_reason() {
    let folder = Manifests::new().unwrap();
    let config = folder.path().join("config");
    let text = "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]\nusers: [{name: u, user: {}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n";
    fs::write(&config, text).unwrap();
    for verb in [&["lint"][..], &["explain", "http://a.example/"], &["status"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_weir")).args(verb).env("KUBECONFIG", &config).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(2), "{verb:?}");
        assert!(stderr(&output).contains("cannot list"), "{}", stderr(&output));
    }
}
