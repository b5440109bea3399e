//! Prints what it costs to bring many Ingresses into force, and one change among them. A measurement, not a
//! test: `cargo run --release -p weir --example reconfigure`.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a program that prints its measurements")]

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir_model::Delta;
use weir_proxy::{Config, Proxy};
use weir_translate::{Translator, manifest, object::Object};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NAMESPACES: usize = 100;
const SERVICES: usize = 1_000;
const CHANGES: usize = 50;

fn object(value: &Value) -> Object {
    manifest::read(&value.to_string()).expect("a valid object").objects.remove(0)
}

fn service(namespace: usize, number: usize) -> Object {
    object(&json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {
            "name": format!("s{number}"), "namespace": format!("n{namespace}"),
            "annotations": {"weir.dev/endpoints": "10.0.0.1:80"},
        },
        "spec": {"ports": [{"port": 80}]},
    }))
}

fn path(path: &str, service: usize) -> Value {
    let backend = json!({"service": {"name": format!("s{service}"), "port": {"number": 80}}});
    json!({"path": path, "pathType": "Prefix", "backend": backend})
}

/// Every second Ingress is the canary of the one before it.
fn ingress(number: usize, weight: usize) -> Object {
    let pair = number / 2;
    let annotations = if number % 2 == 1 {
        json!({
            "nginx.ingress.kubernetes.io/canary": "true",
            "nginx.ingress.kubernetes.io/canary-weight": weight.to_string(),
            "nginx.ingress.kubernetes.io/canary-by-header": "x-canary",
        })
    } else {
        json!({"nginx.ingress.kubernetes.io/proxy-read-timeout": "30"})
    };
    let paths = [path("/", number % SERVICES), path("/api", (number + 2) % SERVICES)];
    object(&json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {
            "name": format!("i{number}"), "namespace": format!("n{}", pair % NAMESPACES),
            "annotations": annotations,
        },
        "spec": {"rules": [{"host": format!("h{pair}.example.com"), "http": {"paths": paths}}]},
    }))
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn measure(count: usize) {
    let proxy =
        Proxy::start(Config { threads: 1, ..Config::default() }, &Delta::default()).expect("a thread");
    let mut translator = Translator::new(weir_translate::Config::default());
    for namespace in 0..NAMESPACES {
        (0..SERVICES.min(count)).for_each(|number| translator.apply(service(namespace, number), 0));
    }
    (0..count).for_each(|number| translator.apply(ingress(number, 10), number as u64));
    let start = Instant::now();
    let delta = translator.translate();
    let translated = start.elapsed();
    proxy.apply(&delta);
    let in_force = start.elapsed();
    drop(delta);
    let mut changes: Vec<Duration> =
        (0..CHANGES).map(|round| change(&proxy, &mut translator, count, round)).collect();
    changes.sort_unstable();
    println!(
        "{count:>9} {:>12.0} {:>12.0} {:>16.3} {:>10.3}",
        milliseconds(translated),
        milliseconds(in_force),
        milliseconds(changes[CHANGES / 2]),
        milliseconds(changes[CHANGES - 1]),
    );
}

/// From the changed object to its being in force.
fn change(proxy: &Proxy, translator: &mut Translator, count: usize, round: usize) -> Duration {
    let number = (2 * round + 1) % count;
    let changed = ingress(number, 20 + round);
    let start = Instant::now();
    translator.apply(changed, number as u64);
    let delta = translator.translate();
    assert_eq!(delta.hosts.len(), 1, "only one host changes");
    proxy.apply(&delta);
    start.elapsed()
}

fn main() {
    println!("Ingresses translate ms  in force ms  change: median ms     max ms");
    [10, 1_000, 10_000, 100_000].into_iter().for_each(measure);
}
