//! A version on its way offline.

use super::*;

#[test]
fn nothing_is_scaled_down_while_nobody_else_could_serve() {
    let mut world = World::new(spec());
    world.until("verified", 300, stage(OfflineStage::VerifyZero));
    world.workload(Role::Canary).ready = 0;
    world.seen.canary.ready = 0;
    for _ in 0..60 {
        world.tick();
    }
    assert_eq!(world.workload(Role::Stable).desired, 4);
    assert!(world.waiting_for.contains("Deployment v2: 0 of 4 pods are ready"), "{}", world.waiting_for);
    world.ask(Verb::Undo).unwrap();
    assert_eq!(world.weight(), Some(Weight::NONE), "the old version takes everything back at once");
}

#[test]
fn who_was_left_is_kept_for_the_record() {
    let mut world = World::new(spec());
    world.proxies().for_each(|proxy| proxy.stable.closed = 2);
    world.until("completed", 300, phase("Completed"));
    assert_eq!(world.state.drained[&Role::Stable], crate::state::Drained { closed: 4, cut: 0 });
    let told = world.events.iter().find(|event| event.starts_with("Completed")).unwrap();
    assert!(told.contains("4 WebSockets or streams were asked to end; no request took too long."), "{told}");
}
