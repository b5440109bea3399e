//! The cases of `weir-translate` hold for `weir explain` too: manifests and requests in, decisions out.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::{
    collections::BTreeMap,
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use weir::explain::{Question, explain};
use weir_route::Explanation;
use weir_translate::{Config, Translator, manifest};

/// One file. What is not read here is read by the crate that the cases belong to.
#[derive(Deserialize)]
struct Case {
    name: String,
    #[serde(default)]
    adopt: BTreeMap<String, String>,
    manifests: String,
    requests: Vec<Probe>,
}

#[derive(Deserialize)]
struct Probe {
    #[serde(default = "get")]
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<String>,
    #[serde(default = "anybody")]
    client: IpAddr,
    expect: Expect,
}

/// What is not named is not compared.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Expect {
    outcome: String,
    status: Option<u16>,
    location: Option<String>,
    shares: Option<BTreeMap<String, f64>>,
    decided_by: Option<String>,
}

fn get() -> String {
    "GET".into()
}

fn anybody() -> IpAddr {
    [192, 0, 2, 7].into()
}

#[test]
fn cases_hold() {
    let mut files = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../weir-translate/tests/cases"), &mut files);
    assert!(files.len() > 20, "the cases are there");
    let wrong: Vec<String> = files.iter().flat_map(|file| check(file)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check(file: &Path) -> Vec<String> {
    let case: Case = serde_saphyr::from_str(&fs::read_to_string(file).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let translator = translate(&case);
    let look = |probe: &Probe| {
        let explanation = explain(translator.blueprint(), &question(probe)).unwrap();
        let difference = difference(&probe.expect, &explanation)?;
        Some(format!("{}: {:?} {}: {difference}", file.display(), case.name, probe.url))
    };
    case.requests.iter().filter_map(look).collect()
}

fn translate(case: &Case) -> Translator {
    let adopt = case.adopt.iter().map(|(name, dialect)| (name.clone(), dialect.parse().unwrap()));
    let mut translator = Translator::new(Config { adopt: adopt.collect(), ..Config::default() });
    for (order, object) in (0..).zip(manifest::read(&case.manifests).unwrap().objects) {
        translator.apply(object, order);
    }
    translator.translate();
    translator
}

fn question(probe: &Probe) -> Question {
    let split = |header: &String| {
        let (name, value) = header.split_once(':').unwrap();
        (name.to_ascii_lowercase(), value.trim().to_owned())
    };
    Question {
        method: probe.method.clone(),
        url: probe.url.clone(),
        headers: probe.headers.iter().map(split).collect(),
        cookies: Vec::new(),
        client: probe.client,
        http_only: false,
    }
}

fn difference(expect: &Expect, explanation: &Explanation) -> Option<String> {
    let differs = explanation.outcome != expect.outcome
        || expect.status.is_some_and(|status| explanation.status != Some(status))
        || expect.location.as_ref().is_some_and(|location| explanation.location.as_ref() != Some(location))
        || expect.shares.as_ref().is_some_and(|shares| !same_shares(shares, explanation))
        || expect
            .decided_by
            .as_ref()
            .is_some_and(|word| explanation.decided_by.is_none_or(|decided_by| decided_by.as_str() != word));
    differs.then(|| format!("expected {expect:?}, got {explanation:#?}"))
}

fn same_shares(expected: &BTreeMap<String, f64>, explanation: &Explanation) -> bool {
    let mut shares: BTreeMap<&str, f64> = BTreeMap::new();
    for arm in explanation.arms.iter().filter(|arm| arm.share > 0.0) {
        *shares.entry(&arm.service).or_default() += arm.share;
    }
    let near =
        |(name, share): (&String, &f64)| shares.get(&**name).is_some_and(|got| (got - share).abs() < 1e-6);
    shares.len() == expected.len() && expected.iter().all(near)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|end| end == "yaml") {
            files.push(path);
        }
    }
}
