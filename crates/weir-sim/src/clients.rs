//! Clients: a few of them send much, most of them little, and each stays with its version.

use crate::chance::Chance;

/// Hash buckets, of which a weight in basis points takes the first.
const BUCKETS: u64 = 10_000;

/// A client.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Client {
    /// Where the hash of its key falls, below 10,000.
    pub bucket: u16,
    /// Whether its key is even, which has nothing to do with the bucket.
    pub even: bool,
    /// How much it sends, beside others.
    pub activity: f64,
}

/// All clients.
#[derive(Clone, Debug)]
pub struct Clients(Vec<Client>);

/// The clients that a version has at some weight.
#[derive(Clone, Debug, Default)]
pub struct Arm {
    /// Which, as positions among all.
    members: Vec<u32>,
    /// Sums of their activities, from the first on.
    sums: Vec<f64>,
    /// The share of those whose keys are even in the activity.
    even: f64,
}

// === impl Clients ===

impl Clients {
    /// So many clients, whose activity falls like 1 / rank^`skew`.
    pub fn new(count: u32, skew: f64, chance: &mut Chance) -> Self {
        let client = |rank: u32| Client {
            bucket: u16::try_from(chance.below(BUCKETS)).unwrap_or(0),
            even: chance.happens(0.5),
            activity: f64::from(rank).powf(-skew),
        };
        Self((1..=count.max(1)).map(client).collect())
    }

    /// How much one of them sends, by its position.
    pub fn activity(&self, position: u32) -> f64 {
        self.0.get(position as usize).map_or(0.0, |client| client.activity)
    }

    /// Those with buckets below a weight in basis points, and the others.
    pub fn divided(&self, weight: u16) -> (Arm, Arm) {
        let (mut canary, mut stable) = (Arm::default(), Arm::default());
        for (position, client) in (0..).zip(&self.0) {
            let arm = if client.bucket < weight { &mut canary } else { &mut stable };
            arm.add(position, client);
        }
        (canary, stable)
    }
}

// === impl Arm ===

impl Arm {
    fn add(&mut self, position: u32, client: &Client) {
        let sum = self.activity() + client.activity;
        self.members.push(position);
        self.sums.push(sum);
        if client.even {
            self.even += client.activity;
        }
    }

    /// How much all of them send.
    pub fn activity(&self) -> f64 {
        self.sums.last().copied().unwrap_or(0.0)
    }

    /// The share of those whose keys are even in what is sent.
    pub fn even_share(&self) -> f64 {
        if self.members.is_empty() { 0.0 } else { self.even / self.activity() }
    }

    /// Whose request one is, and how much that client sends.
    pub fn draw(&self, chance: &mut Chance) -> Option<(u32, f64)> {
        let at = chance.share() * self.activity();
        let member = self.sums.partition_point(|sum| *sum <= at).min(self.members.len().saturating_sub(1));
        let before = member.checked_sub(1).map_or(0.0, |before| self.sums[before]);
        Some((*self.members.get(member)?, self.sums[member] - before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_weight_only_moves_clients_to_the_canary() {
        let clients = Clients::new(500, 0.8, &mut Chance::new(1));
        let members = |weight| clients.divided(weight).0.members;
        for weights in [0, 100, 500, 2_000, 5_000, 10_000].windows(2) {
            let (few, many) = (members(weights[0]), members(weights[1]));
            assert!(few.iter().all(|member| many.contains(member)), "{weights:?}");
        }
        assert_eq!((members(0).len(), members(10_000).len()), (0, 500));
    }

    #[test]
    fn busy_clients_are_drawn_more_often() {
        let mut chance = Chance::new(2);
        let clients = Clients::new(100, 1.0, &mut chance);
        let (all, nobody) = clients.divided(10_000);
        let first =
            (0..5_000).filter(|_| all.draw(&mut chance).is_some_and(|(client, _)| client == 0)).count();
        assert!((800..1_200).contains(&first), "{first} of 5000, and 1/5.19 are expected");
        assert_eq!(nobody.draw(&mut chance), None);
    }
}
