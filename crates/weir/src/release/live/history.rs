//! The figures of the last minutes, for charts.

use std::collections::VecDeque;

use weir_release::view::Live;

/// Looks that are kept: five minutes.
const KEPT: usize = 300;

/// The figures of the last minutes.
#[derive(Clone, Debug, Default)]
pub(super) struct History(VecDeque<Live>);

// === impl History ===

impl History {
    /// Takes in what was seen.
    pub(super) fn push(&mut self, live: Live) {
        self.0.push_back(live);
        if self.0.len() > KEPT {
            self.0.pop_front();
        }
    }

    /// One figure, the latest last.
    pub(super) fn each(&self, figure: fn(&Live) -> f64) -> impl DoubleEndedIterator<Item = f64> {
        self.0.iter().map(figure)
    }

    /// Whether there is something to draw.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten() {
        let mut history = History::default();
        assert!(history.is_empty());
        for rps in 0..400_u16 {
            let mut live = Live::default();
            live.canary.rps = rps.into();
            history.push(live);
        }
        let rps: Vec<f64> = history.each(|live| live.canary.rps).collect();
        assert_eq!((rps.len(), rps.first(), rps.last()), (KEPT, Some(&100.0), Some(&399.0)));
    }
}
