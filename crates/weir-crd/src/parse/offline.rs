//! How a version goes offline.

use std::time::Duration;

use weir_release::spec;

use super::value;
use crate::{
    refusal::{At, Refusals},
    release::{LongLived, ReleaseSpec, ScaleDown, ScaleMode},
};

const ROLLBACK_HOLD: Duration = Duration::from_mins(15);
const IN_FLIGHT: Duration = Duration::from_mins(1);
const GRACE: Duration = Duration::from_mins(30);
const CLOSE_RATE: u32 = 50;
const MOST_CLOSE_RATE: u32 = 100_000;
const VERIFY_ZERO: Duration = Duration::from_mins(1);

/// Reads how a version goes offline.
pub(super) fn offline(spec: &ReleaseSpec, at: &At<'_>, refusals: &mut Refusals) -> Option<spec::Offline> {
    let written = &spec.offline;
    let hold =
        value::period(written.rollback_hold.as_ref(), ROLLBACK_HOLD, &at.field("rollbackHold"), refusals);
    let in_flight = written.in_flight_timeout.as_ref();
    let in_flight = value::positive(in_flight, IN_FLIGHT, &at.field("inFlightTimeout"), refusals);
    let long_lived = long_lived(&written.long_lived, &at.field("longLived"), refusals);
    let verify_zero = written.verify_zero.as_ref();
    let verify_zero = value::positive(verify_zero, VERIFY_ZERO, &at.field("verifyZero"), refusals);
    let has_workload = spec.stable.workload.is_some() || spec.canary.workload.is_some();
    let scale_down = scale_down(&written.scale_down, has_workload, &at.field("scaleDown"), refusals);
    let (long_lived, close_rate) = long_lived?;
    Some(spec::Offline {
        rollback_hold: hold?,
        in_flight: in_flight?,
        long_lived,
        close_rate,
        verify_zero: verify_zero?,
        scale_down: scale_down?,
    })
}

fn long_lived(written: &LongLived, at: &At<'_>, refusals: &mut Refusals) -> Option<(Duration, u32)> {
    let grace = value::period(written.grace.as_ref(), GRACE, &at.field("grace"), refusals);
    let close_rate = written.close_rate.unwrap_or(CLOSE_RATE);
    refusals.require((1..=MOST_CLOSE_RATE).contains(&close_rate), &at.field("closeRate"), || {
        format!(
            "{close_rate} a second cannot be; write 1 to {MOST_CLOSE_RATE}: with 0 nothing would ever end"
        )
    })?;
    Some((grace?, close_rate))
}

fn scale_down(
    written: &ScaleDown,
    has_workload: bool,
    at: &At<'_>,
    refusals: &mut Refusals,
) -> Option<spec::ScaleDown> {
    let default = if has_workload { ScaleMode::Scale } else { ScaleMode::None };
    let mode = written.mode.unwrap_or(default);
    let named = refusals.require(mode == ScaleMode::None || has_workload, &at.field("mode"), || {
        "neither version names what runs it; name spec.stable.workload, or write mode: None".to_owned()
    });
    let keeps = refusals.require(
        mode == ScaleMode::Scale || written.keep_replicas.is_none(),
        &at.field("keepReplicas"),
        || "it has no effect, since only mode Scale keeps replicas; leave it out".to_owned(),
    );
    named.and(keeps)?;
    Some(match mode {
        ScaleMode::Scale => spec::ScaleDown::Scale { keep: written.keep_replicas.unwrap_or(0) },
        ScaleMode::Annotate => spec::ScaleDown::Annotate,
        ScaleMode::None => spec::ScaleDown::None,
    })
}
