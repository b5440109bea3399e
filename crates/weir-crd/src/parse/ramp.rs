//! Ramps, taken apart into their stages.

use std::time::Duration;

use weir_release::spec::{self, OnError, Stage, Weight};

use super::{step, value};
use crate::{
    refusal::{At, Refusals},
    release::{Curve, Ramp},
};

const MOST_STAGES: u16 = 100;

/// The stages, from the first weight to the last.
pub(super) fn stages(ramp: &Ramp, at: &At<'_>, refusals: &mut Refusals) -> Option<Vec<spec::Step>> {
    let from = refusals.keep(&at.field("from"), ramp.from.parse());
    let to = refusals.keep(&at.field("to"), ramp.to.parse());
    let hold = value::positive(Some(&ramp.hold), Duration::ZERO, &at.field("hold"), refusals);
    let stages = refusals.require((1..=MOST_STAGES).contains(&ramp.stages), &at.field("stages"), || {
        format!("{} stages cannot be; write 1 to {MOST_STAGES}", ramp.stages)
    });
    let (from, to) = (from?, to?);
    let rises = refusals.require(from < to, &at.field("to"), || {
        let (from, to) = (step::percent(from), step::percent(to));
        format!("{to} is not more than {from}, where the ramp begins; a ramp rises")
    });
    let can_grow = ramp.curve == Curve::Linear || from > Weight::NONE;
    let grows = refusals.require(can_grow, &at.field("from"), || {
        "an Exponential ramp multiplies its weight, so it cannot begin with 0; write \"1%\" or more"
            .to_owned()
    });
    stages.and(rises).and(grows)?;
    let (hold, name) =
        (hold?, format!("{}-{}", step::percent(from).trim_end_matches('%'), step::percent(to)));
    let stage = |number: u16| {
        let weight = weight(ramp.curve, from, to, number, ramp.stages);
        let stage = (ramp.stages > 1).then_some(Stage { number, of: ramp.stages });
        spec::Step { stage, ..step::bare(&name, weight, bake(hold, weight)) }
    };
    Some((1..=ramp.stages).map(stage).collect())
}

fn bake(hold: Duration, weight: Weight) -> spec::Bake {
    spec::Bake {
        duration: hold,
        clean: weight > Weight::NONE,
        min_requests: 0,
        on_error: OnError::ResetClock,
    }
}

/// The first stage has the first weight, the last stage the last; a single one has the last.
fn weight(curve: Curve, from: Weight, to: Weight, number: u16, of: u16) -> Weight {
    if number == of {
        return to;
    }
    match curve {
        Curve::Linear => Weight::between(from, to, number - 1, of - 1),
        Curve::Exponential => {
            let part = f64::from(number - 1) / f64::from(of - 1);
            let factor = (f64::from(to.basis_points()) / f64::from(from.basis_points())).powf(part);
            whole(f64::from(from.basis_points()) * factor).clamp(from, to)
        }
    }
}

/// Rounds a number of basis points.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "casts of floats keep to the range"
)]
fn whole(basis_points: f64) -> Weight {
    Weight::new(basis_points.round() as u16).unwrap_or(Weight::ALL)
}
