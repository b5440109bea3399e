use proptest::prelude::*;

use super::*;

const KINDS: [&str; 3] = ["Ingress", "Service", "EndpointSlice"];

fn reach(seen: [u64; 3], listed: [u64; 3]) -> Reach {
    let mut reach = Reach::default();
    for (kind, (seen, listed)) in KINDS.iter().zip(seen.into_iter().zip(listed)) {
        reach.see(kind, seen);
        reach.list(kind, listed);
    }
    reach
}

#[test]
fn who_is_behind_says_in_what() {
    let served = reach([5, 9, 0], [0; 3]);
    let behind = reach([5, 8, 4], [0; 3]).covers(served.seen()).unwrap_err();
    assert_eq!(
        behind.to_string(),
        "this controller has read Service objects up to version 8, and the proxy serves version 9"
    );
}

/// What was deleted before a controller began has left no object whose version would tell.
#[test]
fn what_was_listed_counts_as_read() {
    let served = reach([0, 9, 0], [0; 3]);
    assert!(reach([0, 5, 0], [0, 9, 0]).covers(served.seen()).is_ok());
    // The proxy of that controller serves what was seen: nobody else has to have listed as late.
    assert!(reach([0, 5, 0], [0; 3]).covers(reach([0, 5, 0], [0, 9, 0]).seen()).is_ok());
}

fn versions() -> impl Strategy<Value = [u64; 3]> {
    prop::array::uniform3(0..4u64)
}

proptest! {
    #[test]
    fn it_covers_what_is_nowhere_newer(mine in versions(), listed in versions(), theirs in versions()) {
        let ok = (0..3).all(|at| theirs[at] <= mine[at].max(listed[at]));
        prop_assert_eq!(reach(mine, listed).covers(reach(theirs, [0; 3]).seen()).is_ok(), ok);
    }

    #[test]
    fn joined_horizons_need_both(one in versions(), two in versions(), read in versions()) {
        let mut both = reach(one, [0; 3]).seen().clone();
        both.join(reach(two, [0; 3]).seen());
        let covers = |versions| reach(read, [0; 3]).covers(reach(versions, [0; 3]).seen()).is_ok();
        prop_assert_eq!(reach(read, [0; 3]).covers(&both).is_ok(), covers(one) && covers(two));
    }
}
