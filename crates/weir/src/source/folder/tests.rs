use std::fs;

use tempfile::TempDir;

use super::*;

fn folder() -> (TempDir, Folder) {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::new(vec![place.path().to_owned()]);
    (place, folder)
}

/// The names of what changed, without the way to the folder, and of what went.
fn names(place: &TempDir, scan: &Scan) -> (Vec<String>, Vec<String>) {
    let prefix = format!("{}/", place.path().display());
    let short = |name: &Arc<str>| name.replace(&prefix, "");
    (scan.changed.iter().map(|(name, _)| short(name)).collect(), scan.gone.iter().map(short).collect())
}

fn write(place: &TempDir, name: &str, text: &str) {
    let path = place.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn manifests_are_found_at_any_depth() {
    let (place, mut folder) = folder();
    for name in ["b.yaml", "a/c.yml", "a/d/e.json", ".hidden.yaml", ".git/f.yaml", "g.txt", "yaml"] {
        write(&place, name, name);
    }
    let (changed, gone) = names(&place, &folder.scan());
    assert_eq!(changed, ["a/c.yml", "a/d/e.json", "b.yaml"]);
    assert!(gone.is_empty());
}

#[test]
fn only_changes_are_told() {
    let (place, mut folder) = folder();
    write(&place, "a.yaml", "1");
    write(&place, "b.yaml", "1");
    folder.scan();
    assert_eq!(names(&place, &folder.scan()), (vec![], vec![]));
    // Written again with the same content, and changed with the same length.
    write(&place, "a.yaml", "1");
    write(&place, "b.yaml", "2");
    assert_eq!(names(&place, &folder.scan()).0, ["b.yaml"]);
    fs::remove_file(place.path().join("a.yaml")).unwrap();
    assert_eq!(names(&place, &folder.scan()), (vec![], vec!["a.yaml".to_owned()]));
}

#[test]
fn a_root_that_is_gone_takes_nothing_with_it() {
    let (place, mut folder) = folder();
    write(&place, "a.yaml", "1");
    folder.scan();
    let path = place.path().to_owned();
    place.close().unwrap();
    let scan = folder.scan();
    assert!(scan.gone.is_empty() && scan.changed.is_empty());
    assert_eq!(&*scan.broken[0].file, path.to_str().unwrap());
}

#[test]
fn what_is_no_text_is_told_with_its_place() {
    let (place, mut folder) = folder();
    fs::write(place.path().join("a.yaml"), b"a: b\nc: \xff").unwrap();
    let scan = folder.scan();
    assert_eq!(scan.changed[0].1.as_ref().unwrap_err().at, Some((2, 4)));
}

#[cfg(unix)]
#[test]
fn a_loop_of_links_is_told() {
    let (place, mut folder) = folder();
    write(&place, "a.yaml", "1");
    std::os::unix::fs::symlink(place.path(), place.path().join("again")).unwrap();
    assert!(folder.scan().broken[0].reason.contains("loop"));
}
