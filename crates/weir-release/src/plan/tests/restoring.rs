//! The old version is to come back and cannot.

use super::*;

/// Completed, undone, and the old Deployment was deleted meanwhile.
fn stuck() -> World {
    let mut world = World::new(spec());
    world.until("completed", 300, phase("Completed"));
    world.seen.stable.workload = Lookup::Missing;
    world.seen.stable.ready = 0;
    world.ask(Verb::Undo).unwrap();
    for _ in 0..30 {
        world.tick();
    }
    world
}

#[test]
fn whoever_waits_for_a_version_that_is_gone_may_stay_with_the_new_one() {
    let mut world = stuck();
    assert!(world.waiting_for.contains("promote --full"), "{}", world.waiting_for);
    world.ask(Verb::Promote { to: None, full: true }).unwrap();
    assert_eq!((world.state.phase.as_str(), &world.state.failure), ("Promoting", &None));
    world.until("completed", 100, phase("Completed"));
    assert_eq!(world.weight(), Some(Weight::ALL));
}

#[test]
fn no_single_step_leads_out_of_it() {
    let refused = stuck().ask(Verb::Promote { to: None, full: false }).unwrap_err();
    assert!(refused.contains("no step is under way"), "{refused}");
}
