//! Every `tests/golden/<group>/<case>.in.yaml` is translated and compared with its `.out.yaml`, which shows
//! the Blueprint and the findings. So are the manifests of `tests/cases/<group>/<case>.yaml`, with
//! `tests/golden/cases/<group>/<case>.out.yaml`. `BLESS=1 cargo test -p weir-translate --test golden`
//! rewrites them.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests read files and may panic")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use weir_model::{Blueprint, Code, Finding, Kind, ObjectRef};
use weir_translate::{Config, Translator, manifest};

/// What a golden file shows.
#[derive(Serialize)]
struct Shown<'a> {
    findings: Vec<String>,
    blueprint: &'a Blueprint,
    certificates: Vec<String>,
}

/// An input and where its output stands.
struct Golden {
    config: Config,
    text: String,
    output: PathBuf,
}

#[test]
fn golden_files_are_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let bless = std::env::var_os("BLESS").is_some();
    let goldens: Vec<_> = plain(&root).into_iter().chain(cases(&root)).collect();
    let mut wrong = Vec::new();
    for Golden { config, text, output } in &goldens {
        let shown = translate(config, text);
        if bless {
            fs::create_dir_all(output.parent().unwrap()).unwrap();
            fs::write(output, &shown).unwrap();
        } else if fs::read_to_string(output).ok().as_deref() != Some(&*shown) {
            wrong.push(output.display().to_string());
        }
    }
    let known: BTreeSet<_> = goldens.into_iter().map(|golden| golden.output).collect();
    for extra in files(&root.join("golden")).into_iter().filter(|path| has_suffix(path, ".out.yaml")) {
        if !known.contains(&extra) {
            wrong.push(extra.display().to_string());
        }
    }
    assert!(wrong.is_empty(), "missing, outdated or extra (BLESS=1 rewrites): {wrong:#?}");
}

fn plain(root: &Path) -> Vec<Golden> {
    let inputs = files(&root.join("golden")).into_iter().filter(|path| has_suffix(path, ".in.yaml"));
    let golden = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let output = with_suffix(&path, ".in.yaml", ".out.yaml");
        Golden { config: config(&text), text, output }
    };
    inputs.map(golden).collect()
}

/// The part of a case that matters here.
#[derive(Deserialize)]
struct Case {
    #[serde(default)]
    adopt: BTreeMap<String, String>,
    manifests: String,
}

fn cases(root: &Path) -> Vec<Golden> {
    let golden = |path: PathBuf| {
        let case: Case = serde_saphyr::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let adopt =
            case.adopt.into_iter().map(|(class, dialect)| (class, dialect.parse().unwrap())).collect();
        let output = root.join("golden/cases").join(path.strip_prefix(root.join("cases")).unwrap());
        Golden {
            config: Config { adopt, ..Config::default() },
            text: case.manifests,
            output: with_suffix(&output, ".yaml", ".out.yaml"),
        }
    };
    files(&root.join("cases")).into_iter().map(golden).collect()
}

/// The first comment lines of an input may set options: `# adopt: NAME=DIALECT`, `# cluster`,
/// `# allow-external-name`, `# serving`, `# admin: ADDRESS`.
fn config(text: &str) -> Config {
    let mut config = Config::default();
    for line in text.lines().map_while(|line| line.strip_prefix("# ")) {
        match line.split_once(": ") {
            Some(("adopt", class)) => {
                let (name, dialect) = class.split_once('=').unwrap();
                config.adopt.insert(name.to_owned(), dialect.parse().unwrap());
            }
            None if line == "cluster" => config.standalone = false,
            Some(("admin", address)) => config.admin = Some(address.parse().unwrap()),
            None if line == "serving" => config.serving = true,
            None if line == "allow-external-name" => config.allow_external_name = true,
            _ => {}
        }
    }
    config
}

fn translate(config: &Config, text: &str) -> String {
    let mut translator = Translator::new(config.clone());
    let mut findings = Vec::new();
    match manifest::read(text) {
        Ok(read) => {
            findings = read.findings;
            for (order, object) in (0..).zip(read.objects) {
                translator.apply(object, order);
            }
        }
        Err(error) => {
            let file = ObjectRef::new(Kind::File, "", "case.in.yaml");
            findings.push(Finding::new(Code::UnreadableDocument, file, "", error.to_string()));
        }
    }
    let delta = translator.translate();
    assert_eq!(delta, translator.blueprint().as_delta());
    findings.extend(translator.findings());
    show(translator.blueprint(), &findings)
}

fn show(blueprint: &Blueprint, findings: &[Finding]) -> String {
    let shown = Shown {
        findings: findings.iter().map(ToString::to_string).collect(),
        blueprint,
        certificates: blueprint.certificates.values().map(|certificate| format!("{certificate:?}")).collect(),
    };
    // Via JSON, so that map keys that are not strings become text.
    let mut value = serde_json::to_value(shown).unwrap();
    prune(&mut value);
    serde_saphyr::to_string(&value).unwrap()
}

/// Leaves out what is as it always is.
fn prune(value: &mut Value) {
    match value {
        Value::Object(entries) => {
            entries.values_mut().for_each(prune);
            entries.retain(|_, value| !is_default(value));
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        _ => {}
    }
}

fn is_default(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        Value::String(text) => {
            matches!(&**text, "Never" | "Unlimited" | "Http1" | "every request" | "Random" | "ToBase")
        }
        _ => false,
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

fn has_suffix(path: &Path, suffix: &str) -> bool {
    path.to_str().unwrap().ends_with(suffix)
}

fn with_suffix(path: &Path, from: &str, to: &str) -> PathBuf {
    PathBuf::from(format!("{}{to}", path.to_str().unwrap().strip_suffix(from).unwrap()))
}
