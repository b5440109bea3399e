//! Nothing goes on before every proxy says that a change is in force. No timer stands in for that.

use super::Planner;
use crate::state::Division;

/// Proxies that are named in a sentence.
const NAMED: usize = 3;

impl Planner<'_> {
    /// Has requests divided like this, and says whether every proxy does.
    pub(super) fn in_force(&mut self, split: Division) -> bool {
        let before = self.next.routing.clone();
        self.route(split);
        // What is decided now has to be stored before anybody can have it.
        if self.next.routing != before {
            self.wait("the change to be stored");
            return false;
        }
        let Some(routing) = &before else { return false };
        if self.seen.proxies.is_empty() {
            self.wait("a proxy: none is connected");
            return false;
        }
        let without = self.seen.without(routing.attempt, routing.epoch);
        if without.is_empty() {
            return true;
        }
        // Nothing lies over a route that is not there, so no proxy could have it.
        if let Some(fault) = self.seen.routes.faults.first().cloned() {
            self.wait(fault);
            return false;
        }
        let (some, more) = without.split_at(without.len().min(NAMED));
        let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        let (acknowledged, all) = (self.seen.proxies.len() - without.len(), self.seen.proxies.len());
        let sentence =
            format!("{acknowledged} of {all} proxies have the change; not {}{more}", some.join(", "));
        self.wait(sentence);
        false
    }
}
