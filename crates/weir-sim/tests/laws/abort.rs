//! Law 3: going back is possible everywhere, is decided in one write, and is in force within a second.

use weir_model::Role;
use weir_release::{state::OfflineStage, verb::Verb};
use weir_sim::{chance::Chance, histories, places::Place};

use super::{HISTORIES, assert_lawful, is_over, is_rolled_back, run_until};

#[test]
fn everything_goes_back_from_everywhere() {
    for place in Place::all() {
        let mut world = place.reach(3);
        let id = world.ask(Verb::Abort);
        world.round();
        let acted = world.state().last_action.clone().unwrap_or_else(|| panic!("{place:?}: nothing is done"));
        assert_eq!(acted.id, id, "{place:?}: it comes before everything else");
        assert_eq!(acted.refused.is_some(), place.goes_back(), "{place:?}: {acted:?}");
        let restores = Place::Aborting(weir_release::state::AbortStage::Restoring).is_at(world.state());
        let weight = world
            .state()
            .routing
            .as_ref()
            .map_or(0, |routing| routing.split.weight(Role::Canary).basis_points());
        assert!(weight == 0 || restores, "{place:?}: {weight} bp are stored");
        world.tick();
        let obeyed = world.proxies.values().map(weir_sim::proxies::Proxy::canary_weight).max();
        assert!(obeyed == Some(0) || restores, "{place:?}: {obeyed:?} bp are in force after a second");
        run_until(&mut world, &place, is_rolled_back);
    }
}

#[test]
fn the_old_version_answers_from_everywhere_where_it_can() {
    for place in Place::all() {
        let mut world = place.reach(4);
        let gone = match place {
            Place::Completed => true,
            Place::Offlining(role, stage) => role == Role::Stable && stage >= OfflineStage::ScaleDown,
            _ => false,
        };
        world.ask(Verb::Abort);
        world.round();
        let restores = Place::Aborting(weir_release::state::AbortStage::Restoring).is_at(world.state());
        assert!(!restores || gone || place.goes_back(), "{place:?}: it waits for a version that is there");
    }
}

#[test]
fn everything_goes_back_whenever_somebody_says_so() {
    for seed in 0..HISTORIES {
        let mut world = histories::connected(seed);
        let at = Chance::new(seed).below(250);
        world.until(at, is_over);
        let id = world.ask(Verb::Abort);
        run_until(&mut world, &seed, |world| world.answers.contains_key(&id));
        run_until(&mut world, &seed, is_rolled_back);
    }
}

#[test]
fn a_bad_version_goes_back_by_itself() {
    for seed in 0..HISTORIES {
        let mut world = histories::connected(seed);
        world.load.canary = 0.6;
        run_until(&mut world, &seed, is_rolled_back);
        assert!(world.state().failure.is_some(), "seed {seed}");
        assert_lawful(&world, &seed);
    }
}
