//! The laws of a release (design/release.md), in worlds where everything else goes wrong. Every history is known by
//! its seed, which a failure names.

mod abort;
mod acknowledge;
mod crash;
mod delete;
mod flaws;
mod foreign;
mod manifest;
mod revision;
mod time;
mod verbs;

use weir_release::state::Phase;
use weir_sim::{histories::LONG, world::World};

/// How many histories each law is asked for.
const HISTORIES: u64 = 200;

/// Whether nothing more happens by itself.
fn is_over(world: &World) -> bool {
    world.state().phase.is_over() || world.forgotten
}

fn is_completed(world: &World) -> bool {
    matches!(world.state().phase, Phase::Completed { .. })
}

fn is_rolled_back(world: &World) -> bool {
    matches!(world.state().phase, Phase::RolledBack { .. })
}

/// Fails if a law was broken.
fn assert_lawful(world: &World, which: &dyn std::fmt::Debug) {
    let broken = world.monitor.broken();
    assert!(broken.is_empty(), "{which:?}:\n{}", broken.join("\n"));
}

/// Runs a history until something is so, and fails if it never is, or a law is broken.
fn run_until(world: &mut World, which: &dyn std::fmt::Debug, is_so: impl Fn(&World) -> bool) {
    let done = world.until(LONG, is_so);
    assert_lawful(world, which);
    let (phase, hold) = (&world.state().phase, &world.state().hold);
    assert!(done, "{which:?}: it stays at {phase:?}, {hold:?}; waiting for {}", world.waiting_for);
}
