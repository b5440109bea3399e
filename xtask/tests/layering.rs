//! Pure crates know nothing of shells: no normal dependency leads from one to a runtime, a socket or a shell crate.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;

/// Crates that decide and never act.
const PURE: &[&str] =
    &["weir-model", "weir-translate", "weir-route", "weir-http1", "weir-release", "weir-sim", "weir-crd"];
/// What a pure crate must not reach. rustls may be reached: it does no I/O of its own, and `weir-translate`
/// asks it whether a key belongs to its certificate.
const SHELL: &[&str] = &[
    "weir",
    "weir-proxy",
    "weir-fleet",
    "weir-cluster",
    "weir-console",
    "weir-testkit",
    "tokio",
    "hyper",
    "h2",
    "mio",
    "kube",
    "socket2",
    "tonic",
    "axum",
    "notify",
];
/// The most outside crates that a pure crate names itself.
const MOST_OUTSIDE: usize = 9;

/// Normal dependencies, by name.
type Graph = BTreeMap<String, BTreeSet<String>>;

fn graph() -> Graph {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let args = ["metadata", "--format-version", "1"];
    let output = Command::new(cargo).args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let output = output.expect("cargo metadata runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    read(&metadata)
}

fn read(metadata: &Value) -> Graph {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let packages = list(&metadata["packages"]);
    let names: BTreeMap<_, _> = packages.iter().map(|one| (text(&one["id"]), text(&one["name"]))).collect();
    let is_normal = |edge: &Value| list(&edge["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
    let edges = |node: &Value| {
        let normal = list(&node["deps"]).into_iter().filter(is_normal);
        normal.map(|edge| names[&text(&edge["pkg"])].clone()).collect()
    };
    let nodes = list(&metadata["resolve"]["nodes"]);
    nodes.iter().map(|node| (names[&text(&node["id"])].clone(), edges(node))).collect()
}

/// Everything that a crate reaches, with the crate it was reached through.
fn reached<'a>(graph: &'a Graph, from: &'a str) -> BTreeMap<&'a str, &'a str> {
    let mut via = BTreeMap::new();
    let mut open = vec![from];
    while let Some(name) = open.pop() {
        for next in graph.get(name).into_iter().flatten() {
            if !via.contains_key(next.as_str()) {
                via.insert(next.as_str(), name);
                open.push(next);
            }
        }
    }
    via
}

#[test]
fn pure_crates_reach_no_shell() {
    let graph = graph();
    let mut problems = Vec::new();
    for pure in PURE.iter().filter(|name| graph.contains_key(**name)) {
        let via = reached(&graph, pure);
        for shell in SHELL.iter().filter(|name| via.contains_key(**name)) {
            problems.push(format!("{pure} reaches {shell} through {}", via[shell]));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn pure_crates_stay_small_in_dependencies() {
    let graph = graph();
    for pure in PURE.iter().filter(|name| graph.contains_key(**name)) {
        let outside = graph[*pure].iter().filter(|name| !name.starts_with("weir"));
        let outside: Vec<_> = outside.collect();
        assert!(outside.len() <= MOST_OUTSIDE, "{pure} names {outside:?}");
    }
}

#[test]
fn the_walk_sees_shells() {
    let graph = graph();
    assert!(reached(&graph, "weir-testkit").contains_key("tokio"));
}
