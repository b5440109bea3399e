//! Tests that may be looked at at any time.
//!
//! Every test here is an *e-process*: a number that starts at 1 and that, as long as the hypothesis under
//! test holds, is expected never to grow. By Ville's inequality it then ever reaches 1/α with probability at
//! most α, however often somebody looks and whenever somebody stops. Evidence is therefore never spent by
//! looking, an aborted release is wrong at most in a share α of releases, and a test read back from storage
//! goes on where it was. Evidence is kept and reported as a natural logarithm ("nats"); it convinces at
//! [`threshold`]`(α)` = ln(1/α).
//!
//! ```text
//! counts ─ Filling ─> Bucket ─┬─> RateTest        is the canary's error rate worse than ρ0 × stable's?
//!                             ├─> AbsoluteTest    is one arm's error rate above a limit?
//! histograms ─> SlowTail ─────┼─> TailTest        are more of the canary's requests slow?
//!                             ├─> AllocationTest  did each arm get its share of the clients?
//!                             └─> ControlTest     do two halves of stable differ, as they never should?
//! ```
//!
//! What makes a guarantee wrong is correlation inside an arm: one client that retries for ever is one event,
//! not a thousand. Count clients with an error rather than errors wherever clients are known.
//!
//! Left out: deciding. The release machine compares evidence with thresholds and acts.

mod absolute;
mod allocation;
mod bucket;
mod control;
mod detect;
mod histogram;
mod hypergeometric;
mod latency;
mod levels;
mod nats;
mod rate;
mod tail;

#[cfg(test)]
pub(crate) mod simulation;

pub use self::{
    absolute::{AbsoluteTest, clean_requests_needed},
    allocation::AllocationTest,
    bucket::{Bucket, Counts, Filling},
    control::ControlTest,
    detect::Scenario,
    histogram::Histogram,
    latency::{LatencyWindow, SlowTail, Tail},
    levels::{Family, Verdict, threshold},
    rate::{RateTest, RatioInterval},
    tail::TailTest,
};
