//! What a pass that has read everything may conclude.
//!
//! Records that a pass has not seen are removed, because nothing reports deletions. But a pass also sees too little when
//! Sellsy answers a short page, when a right is missing that makes records visible, or when a row cannot be read. So the
//! pass is compared with the total that Sellsy reports, and with the records that are known. Only an operator can know that most
//! records really are gone, and says so for one pass.

use std::fmt;

/// Fewer unseen records than this are believed to be deleted, however few there are in all.
const FEW: i64 = 10;

/// What a pass has seen, for one kind of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Rows that were read.
    pub rows: i64,
    /// Rows that are there, but could not be read. They have no usable id, so they are no records that are known.
    pub unreadable: i64,
    /// Rows that there are, according to Sellsy's last page.
    pub total: Option<i64>,
    /// Records in the directory.
    pub known: i64,
}

/// Why a pass removes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooFew {
    /// Sellsy reports more rows than were read.
    OfTotal { rows: i64, total: i64 },
    /// Most of the records that are known are missing, or all of them.
    OfKnown { rows: i64, known: i64 },
    /// The same, but the rows that could not be read may be these records.
    OfReadable { rows: i64, unreadable: i64, known: i64 },
}

impl Seen {
    /// Whether a first pass has loaded the kind: rows that cannot be read do not prevent it, a list that ends far too early
    /// does.
    pub fn is_load(self) -> bool {
        self.total.is_none_or(|total| total - self.rows - self.unreadable <= (total / 10).max(FEW))
    }

    /// Why the pass may not remove what it has not seen; `None` if it may. `accepted`: an operator has said for this pass that far
    /// fewer records are right.
    pub fn too_few_unless(self, accepted: bool) -> Option<TooFew> {
        self.too_few().filter(|too_few| !(accepted && too_few.can_be_accepted()))
    }

    /// `None` if the pass may remove what it has not seen.
    pub fn too_few(self) -> Option<TooFew> {
        let Self { rows, unreadable, total, known } = self;
        if let Some(total) = total.filter(|total| rows + unreadable < *total) {
            return Some(TooFew::OfTotal { rows, total });
        }
        if !is_far_less(rows, known) {
            None
        } else if is_far_less(rows + unreadable, known) {
            Some(TooFew::OfKnown { rows, known })
        } else {
            Some(TooFew::OfReadable { rows, unreadable, known })
        }
    }
}

fn is_far_less(rows: i64, known: i64) -> bool {
    let unseen = known - rows;
    rows == 0 && unseen > 1 || unseen > FEW && unseen > known / 2
}

impl TooFew {
    /// More than some rows that cannot be read: what is missing is worth an operator's attention now.
    pub fn is_serious(self) -> bool {
        match self {
            Self::OfTotal { rows, total } => !Seen { rows, unreadable: 0, total: Some(total), known: 0 }.is_load(),
            Self::OfKnown { .. } | Self::OfReadable { .. } => true,
        }
    }

    /// Whether an operator's word settles it. Otherwise it is the reading that is incomplete, and what it lacks is still there.
    pub fn can_be_accepted(self) -> bool {
        matches!(self, Self::OfKnown { .. })
    }
}

impl fmt::Display for TooFew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OfTotal { rows, total } => {
                write!(f, "the last pass could read {rows} of {total} rows; nothing was removed")
            }
            Self::OfKnown { rows, known } => {
                write!(f, "the last pass found {rows} rows, but {known} records are known; nothing was removed")
            }
            Self::OfReadable { rows, unreadable, known } => {
                write!(
                    f,
                    "the last pass could read {rows} of {} rows, but {known} records are known; nothing was removed",
                    rows + unreadable
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_that_saw_too_little_removes_nothing() {
        for (rows, total, known, few) in [
            (35, Some(35), 35, false),
            (34, Some(34), 35, false),
            (35, None, 35, false),
            (36, Some(35), 35, false),
            // A first load, an empty account, the only record deleted.
            (35, Some(35), 0, false),
            (0, Some(0), 0, false),
            (0, Some(0), 1, false),
            // Ten deleted at once, half of many.
            (4, Some(4), 14, false),
            (50, Some(50), 100, false),
            // Less than Sellsy reports.
            (34, Some(35), 35, true),
            (0, Some(35), 0, true),
            (1, Some(35), 35, true),
            // Far less than is known.
            (0, Some(0), 2, true),
            (0, None, 35, true),
            (1, None, 35, true),
            (49, Some(49), 100, true),
        ] {
            let seen = Seen { rows, unreadable: 0, total, known };
            assert_eq!(seen.too_few().is_some(), few, "{seen:?}");
        }
    }

    #[test]
    fn a_row_that_cannot_be_read_was_seen_and_is_no_known_record() {
        for (rows, unreadable, total, known, few) in [
            (34, 1, Some(35), 35, false),
            (34, 1, Some(36), 34, true),
            // Sellsy's rows have another shape today.
            (0, 35, Some(35), 35, true),
            (0, 35, None, 35, true),
        ] {
            let seen = Seen { rows, unreadable, total, known };
            assert_eq!(seen.too_few().is_some(), few, "{seen:?}");
        }
    }

    #[test]
    fn an_operator_can_accept_what_was_read_completely() {
        for (rows, unreadable, total, known, accepted) in [
            (0, 0, Some(0), 35, true),
            (1, 0, None, 35, true),
            (1, 0, Some(1), 35, true),
            // One odd row is not the 34 that are missing.
            (0, 1, Some(1), 35, true),
            (4, 2, Some(6), 100, true),
            // Sellsy reports more than it lists.
            (1, 0, Some(35), 35, false),
            (34, 0, Some(35), 35, false),
            (1, 3, Some(5), 35, false),
            // The missing records may be those that could not be read.
            (0, 35, Some(35), 35, false),
            (0, 35, None, 35, false),
            (5, 50, Some(55), 100, false),
        ] {
            let seen = Seen { rows, unreadable, total, known };
            assert!(seen.too_few_unless(false).is_some(), "{seen:?}");
            assert_eq!(seen.too_few_unless(true).is_none(), accepted, "{seen:?}");
        }
    }

    #[test]
    fn some_odd_rows_do_not_keep_a_kind_unloaded() {
        for (rows, total, is_load) in [
            (0, None, true),
            (0, Some(0), true),
            (5, Some(6), true),
            (950, Some(1000), true),
            (1, Some(35), false),
            (0, Some(35), false),
            (100, Some(1000), false),
        ] {
            assert_eq!(Seen { rows, unreadable: 0, total, known: 0 }.is_load(), is_load, "{rows} of {total:?}");
        }
    }
}
