//! Overrides that an earlier one leaves nothing to.

use weir_model::{Condition, Test};
use weir_release::spec::Override;

use crate::refusal::{At, Refusals};

/// Refuses what never decides, because an earlier override sends all such requests to the other version. What an earlier
/// one sends to the same version does no harm.
pub(super) fn refuse(overrides: &[Override], at: &At<'_>, refusals: &mut Refusals) -> Option<()> {
    let mut fine = Some(());
    for (index, one) in overrides.iter().enumerate() {
        let others = || overrides[..index].iter().filter(|earlier| earlier.to != one.to);
        for (place, predicate) in one.any.iter().enumerate() {
            let Some(earlier) = others().find(|earlier| leaves_nothing(earlier, &predicate.all)) else {
                continue;
            };
            let message = format!(
                "it never decides: override {:?} comes first and sends all such requests to {}; put this one before it, or take it out",
                earlier.name,
                earlier.to.as_str()
            );
            refusals.add(&at.index(index).field("match").index(place), message);
            fine = None;
        }
    }
    fine
}

/// Whether an override holds for every request for which all conditions hold.
fn leaves_nothing(earlier: &Override, conditions: &[Condition]) -> bool {
    let implied = |wanted: &Condition| conditions.iter().any(|condition| implies(condition, wanted));
    earlier.any.iter().any(|predicate| predicate.all.iter().all(implied))
}

/// Whether what passes one condition passes the other one, as far as can be told.
fn implies(one: &Condition, other: &Condition) -> bool {
    one.subject == other.subject
        && match (&one.test, &other.test) {
            (_, Test::Present) => true,
            (Test::Equals(value), test) => test.accepts(value.as_bytes()),
            (test, other) => test == other,
        }
}
