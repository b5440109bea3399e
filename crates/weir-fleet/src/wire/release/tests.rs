//! Splits of releases on the wire, and what proxies that do not know them are told.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message as _;
use weir_model::{
    Absent, Assignment, Condition, HeaderName, HostName, PortRef, Predicate, Split, Sticky, StickyKey,
    Subject, Test,
};

use super::*;
use crate::key::Key;

fn backend(service: &str) -> BackendKey {
    BackendKey { namespace: "a".into(), service: service.into(), port: PortRef::Number(80) }
}

fn arbitrary_role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Stable), Just(Role::Canary)]
}

fn arbitrary_errors() -> impl Strategy<Value = ErrorRule> {
    let statuses = proptest::collection::vec((any::<u16>(), any::<u16>()), 0..3);
    (statuses, any::<Vec<u8>>(), any::<bool>(), any::<bool>()).prop_map(
        |(statuses, grpc, resets, timeouts)| {
            let statuses = statuses.into_iter().map(|(first, last)| first..=last).collect();
            ErrorRule { statuses, grpc, resets, timeouts }
        },
    )
}

fn arbitrary_mark() -> impl Strategy<Value = ReleaseMark> {
    let retiring = ("[a-z]{1,5}", arbitrary_role(), any::<Option<u32>>()).prop_map(
        |(service, role, close_per_second)| Retiring { backend: backend(&service), role, close_per_second },
    );
    let retiring = proptest::option::of(retiring);
    ("[a-z]{1,5}", "[a-z]{1,5}", any::<u64>(), any::<u64>(), arbitrary_errors(), retiring).prop_map(
        |(namespace, name, attempt, epoch, errors, retiring)| {
            let (namespace, name) = (namespace.into(), name.into());
            ReleaseMark { namespace, name, attempt, epoch, errors, retiring }
        },
    )
}

fn arbitrary_key() -> impl Strategy<Value = StickyKey> {
    prop_oneof![
        "[a-z]{1,5}".prop_map(|name| StickyKey::Header(HeaderName::new(&name).unwrap())),
        "[a-z]{1,5}".prop_map(|name| StickyKey::Cookie(name.into())),
        Just(StickyKey::Address),
        Just(StickyKey::Issued),
    ]
}

fn arbitrary_assignment() -> impl Strategy<Value = Assignment> {
    let salt = proptest::option::of("[a-z/]{0,9}").prop_map(|salt| salt.map(Into::into));
    let sticky = (proptest::collection::vec(arbitrary_key(), 0..4), salt)
        .prop_map(|(keys, salt)| Assignment::Sticky(Sticky { keys, salt }));
    prop_oneof![Just(Assignment::Random), sticky]
}

fn belongs(value: &str) -> Predicate {
    let subject = Subject::Header(HeaderName::new("beta").unwrap());
    Condition { subject, test: Test::Equals(value.into()), absent: Absent::Fails }.into()
}

fn arbitrary_split() -> impl Strategy<Value = Split> {
    let audience = proptest::collection::vec("[a-z]{1,3}", 0..3);
    (
        arbitrary_mark(),
        proptest::option::of(0..=10_000_u32),
        arbitrary_role(),
        arbitrary_assignment(),
        audience,
    )
        .prop_map(|(mark, weight, role, assignment, audience)| {
            let mark = Arc::new(mark);
            let mut split = match weight {
                Some(weight) => Split::versions(mark, backend("v1"), backend("v2"), weight).0,
                None => Split::version(mark, role, backend("v1")),
            };
            split.assignment = assignment;
            split.audience = audience.iter().map(|value| belongs(value)).collect();
            split
        })
}

fn needs(split: &Split) -> u32 {
    let key = Key::Split(HostName::Any, 1);
    key.needs(Some(&Bytes::from(split.encode().encode_to_vec())))
}

proptest! {
    #[test]
    fn a_split_of_a_release_arrives_as_it_was_sent(split in arbitrary_split()) {
        let bytes = split.encode().encode_to_vec();
        let decoded = Split::decode(proto::Split::decode(&*bytes).unwrap()).unwrap();
        prop_assert_eq!(decoded, split);
    }

    #[test]
    fn proxies_that_do_not_know_releases_refuse_them(split in arbitrary_split()) {
        prop_assert_eq!(needs(&split), 2);
    }
}

/// An older proxy would serve these wrongly, but every other split rightly.
#[test]
fn only_what_is_new_needs_a_later_revision() {
    let plain = Split::only(backend("v1"));
    let with = |change: fn(&mut Split)| {
        let mut split = plain.clone();
        change(&mut split);
        needs(&split)
    };
    let one_key = with(|split| split.assignment = Assignment::sticky(StickyKey::Cookie("uid".into())));
    let one_predicate = with(|split| split.audience = vec![belongs("1")]);
    assert_eq!((needs(&plain), one_key, one_predicate), (1, 1, 1));
    let two_predicates = with(|split| split.audience = vec![belongs("1"), belongs("2")]);
    let two_keys = with(|split| {
        let keys = vec![StickyKey::Cookie("uid".into()), StickyKey::Issued];
        split.assignment = Assignment::Sticky(Sticky { keys, salt: None });
    });
    let a_salt = with(|split| {
        split.assignment =
            Assignment::Sticky(Sticky { keys: vec![StickyKey::Issued], salt: Some("s".into()) });
    });
    assert_eq!((two_predicates, two_keys, a_salt), (2, 2, 2));
}

#[test]
fn a_version_of_no_release_is_refused() {
    let mark = ReleaseMark {
        namespace: "a".into(),
        name: "b".into(),
        attempt: 1,
        epoch: 1,
        errors: ErrorRule::default(),
        retiring: None,
    };
    let message = Split::version(Arc::new(mark), Role::Stable, backend("v1")).encode();
    assert!(Split::decode(message.clone()).is_ok());
    let orphan = proto::Split { release: None, ..message.clone() };
    assert!(matches!(Split::decode(orphan), Err(InvalidValue::Missing("release"))));
    let mut unknown = message;
    unknown.arms[0].role = 9;
    assert!(matches!(Split::decode(unknown), Err(InvalidValue::Missing("role"))));
}
