use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*};
use weir_model::{Code, Kind};

use super::*;

/// A Service whose port tells the definitions apart.
fn service(name: &str, port: u16) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{ name: {name} }}\nspec: {{ ports: [{{ port: {port} }}] }}\n"
    )
}

fn stage(catalogue: &mut Catalogue, file: &str, text: &str) {
    let file = file.into();
    catalogue.stage(&file, read(&file, text));
}

fn port(object: &Object) -> u16 {
    match object {
        Object::Service(service) => service.spec.ports[0].port,
        other => panic!("no Service: {other:?}"),
    }
}

fn ports(changes: &Changes) -> Vec<u16> {
    changes.apply.iter().map(|(object, _)| port(object)).collect()
}

#[test]
fn a_change_is_what_differs() {
    let mut catalogue = Catalogue::default();
    stage(&mut catalogue, "a", &service("one", 1));
    stage(&mut catalogue, "b", &service("two", 2));
    assert_eq!(ports(&catalogue.commit()), [1, 2]);
    assert_eq!(catalogue.commit(), Changes::default());
    stage(&mut catalogue, "b", &service("three", 3));
    let changes = catalogue.commit();
    assert_eq!(ports(&changes), [3]);
    assert_eq!(changes.delete, [ObjectRef::new(Kind::Service, "default", "two")]);
}

#[test]
fn nothing_is_in_force_while_a_file_is_broken() {
    let mut catalogue = Catalogue::default();
    stage(&mut catalogue, "a", &service("one", 1));
    catalogue.commit();
    stage(&mut catalogue, "a", &service("one", 2));
    stage(&mut catalogue, "b", "kind: Service\nmetadata: [");
    assert_eq!(catalogue.commit(), Changes::default());
    let broken: Vec<Broken> = catalogue.broken().collect();
    assert_eq!((&*broken[0].file, broken.len()), ("b", 1));
    assert!(broken[0].at.is_some_and(|(line, _)| line >= 2), "{broken:?}");
    stage(&mut catalogue, "b", &service("two", 3));
    assert_eq!(ports(&catalogue.commit()), [2, 3]);
}

#[test]
fn a_broken_file_may_also_just_go() {
    let mut catalogue = Catalogue::default();
    stage(&mut catalogue, "a", "{");
    assert!(catalogue.commit().apply.is_empty());
    catalogue.stage_removal(&"a".into());
    assert_eq!(catalogue.broken().count(), 0);
    assert_eq!(catalogue.commit(), Changes::default());
}

#[test]
fn the_first_definition_is_in_force() {
    let mut catalogue = Catalogue::default();
    stage(&mut catalogue, "b", &service("one", 2));
    stage(&mut catalogue, "c", &service("one", 3));
    assert_eq!(ports(&catalogue.commit()), [2]);
    let findings = catalogue.findings();
    assert_eq!((findings.len(), findings[0].code), (1, Code::DuplicateObject));
    stage(&mut catalogue, "a", &format!("{}---\n{}", service("one", 1), service("one", 4)));
    assert_eq!(ports(&catalogue.commit()), [1]);
    let id = findings[0].object.clone();
    assert_eq!(catalogue.places(&id), ["a:1", "a:6", "b:1", "c:1"]);
    catalogue.stage_removal(&"a".into());
    catalogue.stage_removal(&"b".into());
    assert_eq!(ports(&catalogue.commit()), [3]);
    assert_eq!(catalogue.findings(), []);
    assert_eq!(catalogue.objects().map(port).collect::<Vec<_>>(), [3]);
}

#[test]
fn orders_follow_the_paths_without_end() {
    let mut catalogue = Catalogue::default();
    let mut orders: BTreeMap<String, u64> = BTreeMap::new();
    // Each file comes directly before the last one, until no rank is left between neighbours.
    for number in (0..40_u16).rev() {
        let file = format!("f{number:02}");
        stage(&mut catalogue, &file, &service(&file, number + 1));
        for (object, order) in catalogue.commit().apply {
            orders.insert(object.id().name.to_string(), order);
        }
    }
    let sorted: Vec<u64> = orders.values().copied().collect();
    assert!(sorted.is_sorted_by(|a, b| a < b), "{orders:?}");
}

/// What happens to a file: its objects from now on, or `None` when it goes.
type Step = (usize, Option<Vec<(usize, u16)>>);

fn text(objects: &[(usize, u16)]) -> String {
    objects.iter().map(|(name, port)| service(&format!("s{name}"), *port)).collect::<Vec<_>>().join("---\n")
}

proptest! {
    /// However it came to be, a catalogue is what reading its files afresh would give.
    #[test]
    fn changes_add_up(steps in vec((0..5_usize, proptest::option::of(vec((0..4_usize, 1..9_u16), 0..4))), 1..25)) {
        let (mut catalogue, mut files) = (Catalogue::default(), BTreeMap::new());
        let mut served: BTreeMap<ObjectRef, (Object, u64)> = BTreeMap::new();
        for (file, objects) in steps as Vec<Step> {
            let file = format!("f{file}");
            if let Some(objects) = objects {
                stage(&mut catalogue, &file, &text(&objects));
                files.insert(file, text(&objects));
            } else {
                catalogue.stage_removal(&file.as_str().into());
                files.remove(&file);
            }
            let changes = catalogue.commit();
            for id in &changes.delete {
                served.remove(id);
            }
            for (object, order) in changes.apply {
                served.insert(object.id(), (object, order));
            }
        }
        let mut fresh = Catalogue::default();
        for (file, text) in &files {
            stage(&mut fresh, file, text);
        }
        let expected: BTreeMap<ObjectRef, (Object, u64)> =
            fresh.commit().apply.into_iter().map(|(object, order)| (object.id(), (object, order))).collect();
        prop_assert_eq!(in_order(&served), in_order(&expected));
        prop_assert_eq!(catalogue.findings(), fresh.findings());
    }
}

/// Orders may differ in value, not in sequence.
fn in_order(served: &BTreeMap<ObjectRef, (Object, u64)>) -> Vec<&Object> {
    let mut all: Vec<&(Object, u64)> = served.values().collect();
    all.sort_by_key(|(_, order)| *order);
    all.into_iter().map(|(object, _)| object).collect()
}
