//! How many messages a consumer holds at a time.
//!
//! When a worker dies, the broker redelivers every message that was in flight and counts one delivery more for each, whether
//! it killed the worker or not; after 20 deliveries it parks the message. So a redelivered message is a suspect: it is handled
//! while no other is in flight, and only the count of a message that kills workers keeps rising. Every session begins with one
//! message at a time, because the broker puts redelivered messages first, and switches to the full prefetch with the first
//! message that was never delivered before. See docs/decisions/0007.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prefetch {
    One,
    Full,
}

impl Prefetch {
    pub(super) fn count(self, concurrency: u16) -> u16 {
        match self {
            Prefetch::One => 1,
            Prefetch::Full => concurrency,
        }
    }

    /// The prefetch that a delivery requires, if it differs.
    pub(super) fn change(self, redelivered: bool) -> Option<Prefetch> {
        match (self, redelivered) {
            (Prefetch::One, false) => Some(Prefetch::Full),
            (Prefetch::Full, true) => Some(Prefetch::One),
            (Prefetch::One, true) | (Prefetch::Full, false) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redelivered_messages_come_alone_and_new_ones_at_full_prefetch() {
        for (prefetch, redelivered, expected) in [
            (Prefetch::One, true, None),
            (Prefetch::One, false, Some(Prefetch::Full)),
            (Prefetch::Full, false, None),
            (Prefetch::Full, true, Some(Prefetch::One)),
        ] {
            assert_eq!(prefetch.change(redelivered), expected, "{prefetch:?} {redelivered}");
        }
        assert_eq!((Prefetch::One.count(8), Prefetch::Full.count(8)), (1, 8));
    }
}
