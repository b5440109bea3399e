//! Small rules about files that no other tool checks.

use std::{fs, path::Path};

use anyhow::bail;
use weir_model::Code;

use crate::{out, run};

/// The longest file, counted without its tests.
const LONGEST: usize = 600;
/// Folders that exist on one machine only; spelt without their slashes so that this file passes.
const MACHINE_FOLDERS: [&str; 3] = ["work", "root", "home"];
/// Macros that stand for code that is not there yet.
const UNFINISHED: [&str; 2] = ["todo", "unimplemented"];

/// Checks every file that is, or could be, committed.
pub(crate) fn check() -> anyhow::Result<()> {
    let list = ["ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate"];
    let files = run::output(std::process::Command::new("git").args(list).current_dir(run::root()))?;
    let read = |path: &str| fs::read_to_string(run::root().join(path)).ok();
    let texts = files.lines().filter_map(|path| Some((path, read(path)?)));
    let mut problems: Vec<_> = texts.flat_map(|(path, text)| file(path, &text)).collect();
    problems.extend(undocumented_codes(&read("docs/findings.md").unwrap_or_default()));
    problems.iter().for_each(out::note);
    match problems.len() {
        0 => Ok(()),
        count => bail!("{count} untidy things"),
    }
}

fn file(path: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if path.ends_with("/mod.rs") {
        problems.push(format!("{path}: name it after its module, beside the folder"));
    }
    if path != "Cargo.lock" {
        let lines = text.lines().enumerate().filter(|(_, line)| names_a_machine(line));
        problems.extend(lines.map(|(at, _)| format!("{path}:{}: a path of one machine", at + 1)));
    }
    if Path::new(path).extension().is_some_and(|kind| kind == "rs") {
        problems.extend(source(path, text));
    }
    problems
}

fn source(path: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let length = text.lines().take_while(|line| line.trim() != "#[cfg(test)]").count();
    let in_tests = path.contains("/tests/") || path.ends_with("/tests.rs");
    if length > LONGEST && !in_tests {
        problems.push(format!("{path}: {length} lines without tests; split it by idea"));
    }
    for (at, line) in text.lines().enumerate() {
        if UNFINISHED.iter().any(|name| line.contains(&format!("{name}!("))) {
            problems.push(format!("{path}:{}: unfinished", at + 1));
        }
    }
    problems
}

/// Whether a line holds an absolute path below a folder that only one machine has.
fn names_a_machine(line: &str) -> bool {
    MACHINE_FOLDERS.iter().any(|folder| {
        let prefix = format!("/{folder}/");
        line.match_indices(&prefix).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + prefix.len()..].chars().next();
            // `a/work/b` and a URL's path are not absolute paths of a file system.
            let absolute = !before.is_some_and(|c| c.is_alphanumeric() || "._-}~$".contains(c));
            absolute && after.is_some_and(|c| c.is_ascii_lowercase() || c == '.')
        })
    })
}

fn undocumented_codes(findings: &str) -> Vec<String> {
    let missing = Code::ALL.iter().filter(|code| !findings.contains(code.as_str()));
    missing.map(|code| format!("docs/findings.md: {code} is not there")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_paths() {
        for (line, expected) in [
            (format!("see /{}/main", "work"), true),
            (format!("`/{}/.cache`", "root"), true),
            ("https://host.test/a".to_owned(), false),
            (format!("net/{}/main", "work"), false),
            (format!("the folder /{}/", "home"), false),
        ] {
            assert_eq!(names_a_machine(&line), expected, "{line}");
        }
    }

    #[test]
    fn long_files_and_unfinished_code() {
        let long = "x\n".repeat(LONGEST + 1);
        assert_eq!(source("a/src/b.rs", &long).len(), 1);
        assert_eq!(source("a/tests/b.rs", &long).len(), 0);
        assert_eq!(source("a/src/b.rs", &format!("#[cfg(test)]\n{long}")).len(), 0);
        assert_eq!(source("a/src/b.rs", &format!("{}!()", UNFINISHED[0])).len(), 1);
    }

    #[test]
    fn module_files() {
        assert_eq!(file("a/src/b/mod.rs", "").len(), 1);
        assert_eq!(file("a/src/mode.rs", "").len(), 0);
    }
}
