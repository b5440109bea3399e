//! How long translation takes. Run with
//! `cargo test --release -p weir-translate --test scale -- --ignored --nocapture`.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "this is a measurement"
)]

use std::time::Instant;

use weir_translate::{Config, Translator, manifest, object::Object};

const INGRESSES: usize = 100_000;

fn read(text: &str) -> Object {
    manifest::read(text).unwrap().objects.remove(0)
}

fn ingress(number: usize, weight: usize) -> Object {
    let canary = number % 2 == 1;
    let pair = number / 2;
    let annotations = if canary {
        format!(
            r#""nginx.ingress.kubernetes.io/canary":"true","nginx.ingress.kubernetes.io/canary-weight":"{weight}","nginx.ingress.kubernetes.io/canary-by-header":"x-canary""#
        )
    } else {
        r#""nginx.ingress.kubernetes.io/proxy-body-size":"8m","nginx.ingress.kubernetes.io/proxy-read-timeout":"30""#.to_owned()
    };
    read(&format!(
        r#"{{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{{"name":"i{number}","namespace":"n{}","annotations":{{{annotations}}}}},
        "spec":{{"rules":[{{"host":"h{pair}.example.com","http":{{"paths":[{{"path":"/","pathType":"Prefix","backend":{{"service":{{"name":"s{}","port":{{"number":80}}}}}}}},
        {{"path":"/api","pathType":"Prefix","backend":{{"service":{{"name":"s{}","port":{{"number":80}}}}}}}}]}}}}]}}}}"#,
        pair % 100,
        number % 1000,
        (number + 2) % 1000
    ))
}

fn service(number: usize, namespace: usize) -> Object {
    read(&format!(
        r#"{{"apiVersion":"v1","kind":"Service","metadata":{{"name":"s{number}","namespace":"n{namespace}","annotations":{{"weir.dev/endpoints":"10.0.0.1:80"}}}},"spec":{{"ports":[{{"port":80}}]}}}}"#
    ))
}

#[test]
#[ignore = "takes a while and says nothing in a debug build"]
fn hundred_thousand_ingresses() {
    let mut translator = Translator::new(Config::default());
    for namespace in 0..100 {
        for number in 0..1000 {
            translator.apply(service(number, namespace), 0);
        }
    }
    for number in 0..INGRESSES {
        translator.apply(ingress(number, 10), number as u64);
    }
    let start = Instant::now();
    let delta = translator.translate();
    eprintln!("translate {INGRESSES} ingresses: {:?} ({} hosts)", start.elapsed(), delta.hosts.len());
    for round in 0..5 {
        let start = Instant::now();
        translator.apply(ingress(1001, 20 + round), 1001);
        let delta = translator.translate();
        eprintln!("one change: {:?} ({} hosts)", start.elapsed(), delta.hosts.len());
        assert_eq!(delta.hosts.len(), 1);
    }
    let start = Instant::now();
    let findings = translator.findings();
    eprintln!("findings: {} in {:?}", findings.len(), start.elapsed());
}

#[test]
#[ignore = "takes a while and says nothing in a debug build"]
fn one_host_of_many_ingresses() {
    const PATHS: usize = 10_000;
    let path = |number: usize, port: u16| {
        read(&format!(
            r#"{{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{{"name":"p{number}"}},"spec":{{"rules":[{{"host":"h","http":{{"paths":[{{"path":"/p{number}","pathType":"Prefix","backend":{{"service":{{"name":"s","port":{{"number":{port}}}}}}}}}]}}}}]}}}}"#
        ))
    };
    let mut translator = Translator::new(Config::default());
    for number in 0..PATHS {
        translator.apply(path(number, 80), number as u64);
    }
    let start = Instant::now();
    translator.translate();
    eprintln!("one host of {PATHS} ingresses: {:?}", start.elapsed());
    for port in 81..101 {
        let start = Instant::now();
        translator.apply(path(77, port), 77);
        let delta = translator.translate();
        eprintln!("one change on it: {:?}", start.elapsed());
        assert_eq!(delta.hosts.len(), 1);
    }
}
