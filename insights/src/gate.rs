//! Which calls have insights: those of more than one minute and less than three hours, by Aircall's `duration`.
//!
//! Both bounds are excluded, as in the official integration: 60 s and 10,800 s get none.

use std::ops::RangeInclusive;

const ELIGIBLE_S: RangeInclusive<u64> = 61..=10_799;

/// `Err` with the reason for the timeline when the call is too short or too long.
pub(crate) fn check(duration_s: u64) -> Result<(), String> {
    if ELIGIBLE_S.contains(&duration_s) {
        return Ok(());
    }
    let bound = if duration_s < *ELIGIBLE_S.start() { "more than 60 s" } else { "less than 10,800 s" };
    Err(format!("no insights: the call lasted {duration_s} s, and only calls of {bound} get them"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excludes_both_bounds() {
        for (duration, eligible) in [
            (0, false),
            (59, false),
            (60, false),
            (61, true),
            (125, true),
            (10_799, true),
            (10_800, false),
            (10_801, false),
        ] {
            assert_eq!(check(duration).is_ok(), eligible, "{duration} s");
        }
    }
}
