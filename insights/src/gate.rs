//! Which calls have insights: those of more than one minute and less than three hours, by Aircall's `duration`.
//!
//! Both bounds are excluded, as in the official integration: 60 s and 10,800 s get none.

use ledger::timeline::Reason;

pub const MORE_THAN_S: u32 = 60;
pub const LESS_THAN_S: u32 = 10_800;

/// `Err` with the reason for the timeline when the call is too short or too long.
pub(crate) fn check(lasted_s: u64) -> Result<(), Reason> {
    if lasted_s <= MORE_THAN_S.into() {
        return Err(Reason::TooShort { lasted_s, more_than_s: MORE_THAN_S });
    }
    if lasted_s >= LESS_THAN_S.into() {
        return Err(Reason::TooLong { lasted_s, less_than_s: LESS_THAN_S });
    }
    Ok(())
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
