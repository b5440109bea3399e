//! What people ask for, everywhere: it is done, or refused with a sentence.

use weir_model::Role;
use weir_release::{state::Phase, verb::Verb};
use weir_sim::{chance::Chance, histories, places::Place};

use super::{HISTORIES, assert_lawful, is_over, run_until};

fn verbs() -> Vec<Verb> {
    let promote = |to: Option<&str>, full| Verb::Promote { to: to.map(str::to_owned), full };
    vec![
        promote(None, false),
        promote(None, true),
        promote(Some("10000 bp"), false),
        promote(Some("elsewhere"), false),
        Verb::Approve,
        Verb::Reject,
        Verb::Pause,
        Verb::Resume,
        Verb::Abort,
        Verb::Retry { from: None },
        Verb::Retry { from: Some("3000 bp".into()) },
        Verb::Retry { from: Some("elsewhere".into()) },
        Verb::Undo,
        Verb::Offline,
    ]
}

#[test]
fn everything_is_done_or_refused_everywhere() {
    for place in Place::all() {
        for verb in verbs() {
            let which = (place, verb.clone());
            let mut world = place.reach(10);
            let before = world.state().clone();
            let id = world.ask(verb);
            world.round();
            let after = world.state().clone();
            let acted = after
                .last_action
                .clone()
                .filter(|acted| acted.id == id)
                .unwrap_or_else(|| panic!("{which:?}: nothing is done"));
            match &acted.refused {
                Some(refused) => assert!(
                    refused.len() > 10 && refused.contains(' '),
                    "{which:?}: {refused:?} is no sentence"
                ),
                None if before.hold.is_some() && which.1 == Verb::Pause => {}
                None => assert!(
                    before.phase != after.phase || before.hold != after.hold,
                    "{which:?}: nothing came of it"
                ),
            }
            world.until(100, |_| false);
            let answer = world.answers.get(&id).unwrap_or_else(|| panic!("{which:?}: no answer"));
            assert_eq!(answer, &acted.refused, "{which:?}");
            assert_lawful(&world, &which);
        }
    }
}

#[test]
fn whoever_asks_for_much_breaks_nothing() {
    for seed in 0..HISTORIES {
        let mut world = histories::rough(seed);
        let mut chance = Chance::new(seed);
        for _ in 0..12 {
            let wait = chance.below(40);
            world.until(wait, |_| false);
            world.ask(chance.one_of(&verbs()).clone());
            assert_lawful(&world, &seed);
        }
        world.until(300, is_over);
        assert_lawful(&world, &seed);
    }
}

#[test]
fn what_is_held_keeps_its_weight() {
    for place in [Place::Routing, Place::Baking, Place::Approving, Place::Promoting] {
        let mut world = place.reach(11);
        let before = world.state().routing.clone();
        world.ask(Verb::Pause);
        world.until(1_000, |_| false);
        assert_eq!(world.state().routing, before, "{place:?}");
        world.ask(Verb::Resume);
        run_until(&mut world, &place, |world| {
            matches!(world.state().phase, Phase::Completed { .. }) || place == Place::Approving
        });
    }
}

#[test]
fn nothing_is_promoted_to_a_version_that_is_not_there() {
    for full in [true, false] {
        let mut world = Place::RolledBack.reach(12);
        world.ask(Verb::Retry { from: Some("10000 bp".into()) });
        world.ask(Verb::Promote { to: None, full });
        world.until(200, |_| false);
        assert_lawful(&world, &full);
    }
}

#[test]
fn a_pause_outlives_other_reasons_to_wait() {
    let mut world = Place::Offlining(Role::Stable, weir_release::state::OfflineStage::VerifyZero).reach(13);
    world.ask(Verb::Pause);
    world.until(5, |_| false);
    let others = vec!["Ingress legacy".to_owned()];
    world.routes.others.insert(Role::Stable, others);
    world.until(20, |_| false);
    world.routes.others.clear();
    world.until(60, |_| false);
    assert!(world.state().hold.is_some(), "the pause is lost: {:?}", world.state().phase);
}
