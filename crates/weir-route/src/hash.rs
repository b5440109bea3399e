//! The hash behind sticky cohorts and session cookies.
//!
//! It has to be the same in every replica and in every version of Weir, because a client keeps its cohort
//! by it; so it is written out here: FNV-1a over 64 bits with the finaliser of `MurmurHash3`, which spreads
//! the low bits that buckets are taken from. It is not a defence against chosen keys: who chooses a key
//! may choose a cohort.

use std::net::SocketAddr;

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// Buckets of sticky assignment: one is 0.01 %.
pub(crate) const BUCKETS: u64 = 10_000;

/// A stable 64-bit hash of a text under a salt.
pub fn hash(salt: u64, text: &[u8]) -> u64 {
    let step = |state: u64, byte: &u8| (state ^ u64::from(*byte)).wrapping_mul(PRIME);
    mix(text.iter().fold(OFFSET ^ salt, step))
}

/// What a session cookie calls an endpoint.
pub fn endpoint_hash(address: SocketAddr) -> u64 {
    hash(0, address.to_string().as_bytes())
}

fn mix(mut state: u64) -> u64 {
    state ^= state >> 33;
    state = state.wrapping_mul(0xff51_afd7_ed55_8ccd);
    state ^= state >> 33;
    state = state.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    state ^ (state >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_same_in_every_version() {
        assert_eq!(hash(0, b""), mix(OFFSET));
        assert_eq!(hash(0, b"user-1"), 0x41a2_fca5_c684_01c5);
        assert_eq!(hash(7, b"user-1"), 0xcd3b_9e66_0de5_d08a);
    }

    #[test]
    fn spreads_over_buckets() {
        let in_canary =
            (0..100_000).filter(|user| hash(42, format!("user-{user}").as_bytes()) % BUCKETS < 2_000);
        let share = in_canary.count();
        assert!((19_500..20_500).contains(&share), "{share} of 100000 in a 20 % cohort");
    }
}
