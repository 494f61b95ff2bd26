//! Which spellings to search with: the fewest that find all that any finds.

use base::phone::Spelling;

/// For each record that was searched for, the spellings that found it. One that nothing finds says nothing about the others. More than
/// `most` are more requests for a caller than finding a rare spelling is worth.
pub(super) fn fewest(found_by: &[Vec<Spelling>], most: usize) -> Vec<Spelling> {
    let found: Vec<_> = found_by.iter().filter(|by| !by.is_empty()).collect();
    let covers = |chosen: &[Spelling]| found.iter().filter(|by| by.iter().any(|one| chosen.contains(one))).count();
    let mut best: Vec<Spelling> = Vec::new();
    // By their number first, so that the first of the best is the shortest; within a number in the order of [`Spelling::ALL`].
    for size in 1..=most {
        for chosen in subsets(size) {
            if covers(&chosen) > covers(&best) {
                best = chosen;
            }
        }
    }
    best
}

fn subsets(size: usize) -> impl Iterator<Item = Vec<Spelling>> {
    let all = Spelling::ALL;
    // Reversed bits: the first spelling weighs most, so that sets with it come first.
    let mut sets: Vec<u32> = (0..1_u32 << all.len()).filter(|set| set.count_ones() as usize == size).collect();
    sets.sort_by_key(|set| std::cmp::Reverse(set.reverse_bits()));
    sets.into_iter().map(move |set| {
        all.iter().enumerate().filter(|(n, _)| set & 1 << n != 0).map(|(_, spelling)| *spelling).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use Spelling::{E164, International, National, NationalSpaced, Significant};

    #[test]
    fn the_fewest_that_find_all_are_chosen() {
        let any = vec![Significant, E164, International, National, NationalSpaced];
        for (found_by, expected) in [
            (vec![], vec![]),
            (vec![vec![], vec![]], vec![]),
            (vec![any.clone(), any], vec![Significant]),
            // Records that contain what is searched for, as it is written.
            (
                vec![vec![Significant, E164], vec![International], vec![Significant, National]],
                vec![Significant, International],
            ),
            // Records that are written exactly so.
            (vec![vec![E164], vec![International], vec![National]], vec![E164, International, National]),
            // What nothing finds does not count.
            (vec![vec![E164], vec![]], vec![E164]),
            (vec![vec![E164, International], vec![International]], vec![International]),
            // No more than three: the fourth is not worth its requests.
            (
                vec![vec![E164], vec![International], vec![National], vec![NationalSpaced]],
                vec![E164, International, National],
            ),
        ] {
            assert_eq!(fewest(&found_by, 3), expected, "{found_by:?}");
        }
    }
}
