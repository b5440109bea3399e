//! Lists.

use std::collections::BTreeSet;

use crate::refusal::{At, Refusals};

/// Reads every item, also after one that cannot be read.
pub(super) fn each<T, U>(
    items: &[T],
    at: &At<'_>,
    refusals: &mut Refusals,
    mut read: impl FnMut(&T, &At<'_>, &mut Refusals) -> Option<U>,
) -> Option<Vec<U>> {
    let items = items.iter().enumerate().map(|(index, item)| read(item, &at.index(index), refusals));
    let read: Vec<_> = items.collect();
    read.into_iter().collect()
}

/// Refuses lists that are longer than anybody needs.
pub(super) fn at_most<T>(items: &[T], most: usize, at: &At<'_>, refusals: &mut Refusals) -> Option<()> {
    let count = items.len();
    refusals.require(count <= most, at, || format!("{count} are too many; write at most {most}"))
}

/// Refuses lists that say nothing.
pub(super) fn not_empty<T>(items: &[T], what: &str, at: &At<'_>, refusals: &mut Refusals) -> Option<()> {
    refusals.require(!items.is_empty(), at, || format!("the list is empty; name at least one {what}"))
}

/// Refuses a name that an earlier item has.
pub(super) fn unique<'n>(
    names: impl Iterator<Item = Option<&'n str>>,
    what: &str,
    at: &At<'_>,
    refusals: &mut Refusals,
) -> Option<()> {
    let mut seen = BTreeSet::new();
    let mut unique = Some(());
    for (index, name) in names.enumerate() {
        if let Some(name) = name.filter(|name| !seen.insert(*name)) {
            let message = format!("another {what} is called {name:?}, too; give each a name of its own");
            refusals.add(&at.index(index).field("name"), message);
            unique = None;
        }
    }
    unique
}
