//! How many messages a consumer has in hand at a time.
//!
//! When a worker dies, every message that it had in hand comes again and counts one delivery more, the guilty one and
//! its neighbours alike, and after 20 of them the broker parks it. So a message that comes again is a suspect: it is
//! handled while nothing else is in hand, and then the count of a message that kills rises alone. Every session
//! begins one by one, because the broker puts what comes again in front, and goes on at full pace with the first
//! message that nobody had before. See docs/decisions/0007.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    OneByOne,
    Full,
}

impl Pace {
    pub(super) fn prefetch(self, concurrency: u16) -> u16 {
        match self {
            Pace::OneByOne => 1,
            Pace::Full => concurrency,
        }
    }

    /// The pace that a delivery calls for, if it is another one.
    pub(super) fn after(self, redelivered: bool) -> Option<Pace> {
        match (self, redelivered) {
            (Pace::OneByOne, false) => Some(Pace::Full),
            (Pace::Full, true) => Some(Pace::OneByOne),
            (Pace::OneByOne, true) | (Pace::Full, false) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_again_slows_down_and_what_is_new_speeds_up() {
        for (pace, redelivered, expected) in [
            (Pace::OneByOne, true, None),
            (Pace::OneByOne, false, Some(Pace::Full)),
            (Pace::Full, false, None),
            (Pace::Full, true, Some(Pace::OneByOne)),
        ] {
            assert_eq!(pace.after(redelivered), expected, "{pace:?} {redelivered}");
        }
        assert_eq!((Pace::OneByOne.prefetch(8), Pace::Full.prefetch(8)), (1, 8));
    }
}
