//! What a new LIST means for what is known already.
//!
//! A watch that cannot be taken up again ends in a new LIST, and what it does not name is gone. An API server
//! that has lost sight of its store answers such lists too short. So one that is empty, or much smaller than
//! what is known, is not believed until another complete LIST of a newer version says the same.

use std::{collections::BTreeSet, mem};

use weir_model::ObjectRef;

/// A list may drop this share of the known objects without a second look.
const BELIEVED: f64 = 0.3;
/// And this many objects, whatever their share: clusters are small as well. Losing all of them never is.
const FEW: usize = 3;

/// The objects of one kind.
#[derive(Debug, Default)]
pub(crate) struct Known {
    names: BTreeSet<ObjectRef>,
    /// What the LIST in progress has named.
    listed: Option<BTreeSet<ObjectRef>>,
    /// What the last LIST did not name, and nobody has confirmed.
    held: BTreeSet<ObjectRef>,
}

/// What follows from a complete LIST.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// These are gone.
    Gone(Vec<ObjectRef>),
    /// So many would be gone that it has to be confirmed.
    Doubtful(usize),
}

// === impl Known ===

impl Known {
    /// A LIST begins.
    pub(crate) fn begin(&mut self) {
        self.listed = Some(BTreeSet::new());
    }

    /// An object is there.
    pub(crate) fn seen(&mut self, id: &ObjectRef) {
        if let Some(listed) = &mut self.listed {
            listed.insert(id.clone());
        }
        self.held.remove(id);
        self.names.insert(id.clone());
    }

    /// The watch says that an object is gone.
    pub(crate) fn gone(&mut self, id: &ObjectRef) {
        self.held.remove(id);
        self.names.remove(id);
    }

    /// The LIST is complete.
    pub(crate) fn complete(&mut self) -> Verdict {
        let listed = self.listed.take().unwrap_or_default();
        let missing: BTreeSet<_> = self.names.difference(&listed).cloned().collect();
        if is_believable(self.names.len(), missing.len()) {
            self.held.clear();
            return Verdict::Gone(self.remove(missing));
        }
        self.held = missing;
        Verdict::Doubtful(self.held.len())
    }

    /// Another complete LIST has named these. Returns what is gone.
    pub(crate) fn confirmed(&mut self, there: &BTreeSet<ObjectRef>) -> Vec<ObjectRef> {
        let held = mem::take(&mut self.held);
        self.remove(held.into_iter().filter(|id| !there.contains(id)).collect())
    }

    fn remove(&mut self, ids: BTreeSet<ObjectRef>) -> Vec<ObjectRef> {
        self.names.retain(|id| !ids.contains(id));
        ids.into_iter().collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share of a count that fits into memory")]
fn is_believable(known: usize, missing: usize) -> bool {
    missing == 0 || missing < known && (missing <= FEW || missing as f64 <= known as f64 * BELIEVED)
}

#[cfg(test)]
mod tests {
    use weir_model::Kind;

    use super::*;

    fn id(number: usize) -> ObjectRef {
        ObjectRef::new(Kind::Service, "a", format!("s{number}"))
    }

    /// What a LIST of the first few of so many known objects means.
    fn relist(known: usize, listed: usize) -> (Known, Verdict) {
        let mut objects = Known::default();
        objects.begin();
        (0..known).for_each(|number| objects.seen(&id(number)));
        assert_eq!(objects.complete(), Verdict::Gone(Vec::new()));
        objects.begin();
        (0..listed).for_each(|number| objects.seen(&id(number)));
        let verdict = objects.complete();
        (objects, verdict)
    }

    #[test]
    fn a_list_that_is_a_little_smaller_is_believed() {
        assert_eq!(relist(10, 9).1, Verdict::Gone(vec![id(9)]));
        assert_eq!(relist(2, 1).1, Verdict::Gone(vec![id(1)]));
        assert_eq!(
            relist(100, 70).1,
            Verdict::Gone((70..100).map(id).collect::<BTreeSet<_>>().into_iter().collect())
        );
    }

    #[test]
    fn a_list_that_is_empty_or_much_smaller_is_doubted() {
        assert_eq!(relist(1, 0).1, Verdict::Doubtful(1));
        assert_eq!(relist(5, 0).1, Verdict::Doubtful(5));
        assert_eq!(relist(100, 69).1, Verdict::Doubtful(31));
    }

    #[test]
    fn only_what_a_second_list_does_not_name_either_is_gone() {
        let (mut objects, _) = relist(10, 0);
        objects.seen(&id(1));
        objects.gone(&id(2));
        let there = BTreeSet::from([id(3)]);
        let gone = objects.confirmed(&there);
        assert_eq!(gone, [0, 4, 5, 6, 7, 8, 9].map(id));
        assert_eq!(objects.confirmed(&BTreeSet::new()), []);
    }
}
