//! Every `tests/cases/**/*.yaml` holds manifests and requests; each request is explained and compared with
//! what the case expects: the outcome, the share of every service, what decided.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests read files and may panic")]

use std::{
    collections::BTreeMap,
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use weir_model::{Arm, Blueprint, Endpoints, path::normalise};
use weir_route::{Context, Explanation, Request, Table, explain};
use weir_translate::{Config, Dialect, Translator, manifest};

/// One file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// Where the expectation comes from.
    origin: String,
    /// Adopted classes with their dialect.
    #[serde(default)]
    adopt: BTreeMap<String, String>,
    /// YAML, as in a file.
    manifests: String,
    requests: Vec<Probe>,
}

/// A request with what should become of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
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
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Expect {
    outcome: String,
    status: Option<u16>,
    location: Option<String>,
    /// Path and query as forwarded.
    target: Option<String>,
    /// Of services that get anything.
    shares: Option<BTreeMap<String, f64>>,
    decided_by: Option<String>,
}

fn get() -> String {
    "GET".to_owned()
}

fn anybody() -> IpAddr {
    [192, 0, 2, 7].into()
}

#[test]
fn cases_hold() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut failures = Vec::new();
    let files = files(&root);
    assert!(!files.is_empty());
    for file in files {
        let case: Case = serde_saphyr::from_str(&fs::read_to_string(&file).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let (table, findings) = compile(&case);
        for probe in &case.requests {
            let explanation = explain(&table, &Sent::new(probe), context(probe));
            if let Some(difference) = difference(probe, &explanation) {
                let Case { name, origin, .. } = &case;
                let (file, url, headers) = (file.display(), &probe.url, &probe.headers);
                failures.push(format!(
                    "{file}: {name} ({origin})\n  {url} {headers:?}\n  {difference}\n  {findings:#?}"
                ));
            }
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

fn context(probe: &Probe) -> Context {
    Context { random: 0, https_port: probe.url.starts_with("http:").then_some(443) }
}

fn compile(case: &Case) -> (Table<bool>, Vec<String>) {
    let dialect = |text: &String| text.parse::<Dialect>().unwrap();
    let adopt = case.adopt.iter().map(|(class, text)| (class.clone(), dialect(text))).collect();
    let mut translator = Translator::new(Config { adopt, ..Config::default() });
    for (order, object) in (0..).zip(manifest::read(&case.manifests).unwrap().objects) {
        translator.apply(object, order);
    }
    translator.translate();
    let blueprint = translator.blueprint();
    let table = Table::compile(blueprint, |_, arm| available(blueprint, arm));
    (table, translator.findings().iter().map(ToString::to_string).collect())
}

fn available(blueprint: &Blueprint, arm: &Arm) -> bool {
    match &blueprint.backends[&arm.backend].endpoints {
        Endpoints::Unknown => true,
        Endpoints::Known(endpoints) => !endpoints.is_empty(),
    }
}

/// What differs, if anything.
fn difference(probe: &Probe, got: &Explanation) -> Option<String> {
    let expect = &probe.expect;
    let mut shares: BTreeMap<String, f64> = BTreeMap::new();
    for arm in got.arms.iter().filter(|arm| arm.share > 0.0) {
        *shares.entry(arm.service.clone()).or_default() += arm.share;
    }
    let decided_by = got.decided_by.map(|by| serde_json::to_value(by).unwrap().as_str().unwrap().to_owned());
    let sent = probe.url.splitn(4, '/').nth(3).map(|target| format!("/{target}"));
    let same = expect.outcome == got.outcome
        && expect.status.is_none_or(|status| got.status == Some(status))
        && is_none_or_equal(expect.location.as_ref(), got.location.as_ref())
        && is_none_or_equal(expect.target.as_ref(), got.forwarded_target.as_ref().or(sent.as_ref()))
        && is_none_or_equal(expect.decided_by.as_ref(), decided_by.as_ref())
        && expect.shares.as_ref().is_none_or(|expected| equal_shares(expected, &shares));
    (!same).then(|| format!("expected {expect:?}\n  got {got:?}"))
}

fn is_none_or_equal(expected: Option<&String>, got: Option<&String>) -> bool {
    expected.is_none() || expected == got
}

fn equal_shares(expected: &BTreeMap<String, f64>, got: &BTreeMap<String, f64>) -> bool {
    expected.len() == got.len()
        && expected
            .iter()
            .all(|(service, share)| got.get(service).is_some_and(|other| (other - share).abs() < 1e-9))
}

/// A probe as the router sees requests.
struct Sent<'p> {
    probe: &'p Probe,
    host: String,
    path: Vec<u8>,
    target: &'p str,
}

impl<'p> Sent<'p> {
    fn new(probe: &'p Probe) -> Self {
        let (_, rest) = probe.url.split_once("://").unwrap();
        let (host, target) = rest.split_at(rest.find('/').unwrap());
        let path = target.split('?').next().unwrap();
        let path = normalise(path.as_bytes()).unwrap().into_owned();
        Self { probe, host: host.to_ascii_lowercase(), path, target }
    }
}

impl Request for Sent<'_> {
    fn method(&self) -> &[u8] {
        self.probe.method.as_bytes()
    }

    fn secure(&self) -> bool {
        self.probe.url.starts_with("https:")
    }

    fn host(&self) -> &str {
        &self.host
    }

    fn path(&self) -> &[u8] {
        &self.path
    }

    fn target(&self) -> &[u8] {
        self.target.as_bytes()
    }

    fn query(&self) -> Option<&[u8]> {
        self.target.split_once('?').map(|(_, query)| query.as_bytes())
    }

    fn header<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r [u8]> {
        let fields = self.probe.headers.iter().filter_map(|line| line.split_once(':'));
        fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().as_bytes())
    }

    fn client(&self) -> IpAddr {
        self.probe.client
    }
}

fn files(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}
