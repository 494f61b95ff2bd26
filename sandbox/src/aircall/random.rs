//! Repeatable randomness: a mixing function instead of a generator with state.
//!
//! Whether a delivery is doubled, swapped or late depends on the seed and on the delivery itself, not on the order in which
//! concurrent calls reach a shared generator. So the same scenario with the same seed has the same faults.

/// The finaliser of SplitMix64: every bit of the input reaches every bit of the output.
pub(super) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Hashes a text into a number, for use as part of a key.
pub(super) fn fold(text: &str) -> u64 {
    text.bytes().fold(0, |sum, byte| mix(sum ^ u64::from(byte)))
}

/// True for the given share of all keys.
pub(super) fn chance(share: f64, key: u64) -> bool {
    // A double holds 53 bits exactly.
    let unit = (mix(key) >> 11) as f64 / (1u64 << 53) as f64;
    unit < share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_keeps_to_the_share() {
        let hits = (0..10_000).filter(|key| chance(0.2, *key)).count();
        assert!((1_800..2_200).contains(&hits), "{hits}");
        assert!((0..1_000).all(|key| chance(1.0, key) && !chance(0.0, key)));
    }

    #[test]
    fn fold_distinguishes_texts() {
        assert_ne!(fold("call.ended"), fold("call.hungup"));
    }
}
