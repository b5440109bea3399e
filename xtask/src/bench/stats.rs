//! Medians and paired ratios.

use serde::Serialize;

/// The middle of some figures with their extremes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// The spread of some figures, unless there are none.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = match sorted.len() % 2 {
            1 => sorted[middle],
            _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
        };
        Some(Self { median, min, max })
    }
}

/// The ratio of two figures of the same round, for every round that has both.
pub(crate) fn ratios(ours: &[(u32, f64)], theirs: &[(u32, f64)]) -> Vec<f64> {
    let paired = ours.iter().filter_map(|(round, our)| {
        let (_, their) = theirs.iter().find(|(other, _)| other == round)?;
        Some(our / their)
    });
    paired.collect()
}

/// The lowest figure of each round.
pub(crate) fn cheapest(peers: &[Vec<(u32, f64)>]) -> Vec<(u32, f64)> {
    let mut lowest: Vec<(u32, f64)> = Vec::new();
    for (round, figure) in peers.iter().flatten() {
        match lowest.iter_mut().find(|(known, _)| known == round) {
            Some((_, least)) => *least = least.min(*figure),
            None => lowest.push((*round, *figure)),
        }
    }
    lowest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Some(Spread { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(Spread::of([4.0, 1.0]).map(|spread| spread.median), Some(2.5));
    }

    #[test]
    fn pairs_stay_within_a_round() {
        let (ours, a) = (vec![(1, 2.0), (2, 3.0)], vec![(2, 6.0), (1, 2.0)]);
        assert_eq!(ratios(&ours, &a), [1.0, 0.5]);
        assert_eq!(cheapest(&[a, vec![(1, 1.0)]]), [(2, 6.0), (1, 1.0)]);
    }
}
