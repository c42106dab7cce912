//! Which word was probably meant.

use core::cmp::Reverse;

/// The candidate nearest to a misspelt word, if one is near enough to be worth naming.
pub(crate) fn closest<'c>(
    word: &str,
    candidates: impl Iterator<Item = &'c str>,
) -> Option<&'c str> {
    // Words of unusual length are no typing errors, and not worth the time.
    if word.len() > 64 {
        return None;
    }
    let word = plain(word);
    let limit = (word.chars().count() / 3).clamp(1, 4);
    let distances = candidates.map(|candidate| {
        let plain = plain(candidate);
        // What is cut short, or too long, is near too.
        let longer = word.len().max(plain.len());
        let same = same_ends(&word, &plain);
        let begins = word.len().min(plain.len()) >= 4
            && (plain.starts_with(&*word) || word.starts_with(&*plain));
        match begins {
            true => (limit.min(distance(&word, &plain, limit)), Reverse(same), longer, candidate),
            false => (distance(&word, &plain, limit), Reverse(same), longer, candidate),
        }
    });
    let near = distances.filter(|&(distance, ..)| distance <= limit);
    near.min().map(|(.., candidate)| candidate)
}

/// How many bytes two words have in common at their beginnings and ends: a letter that is missing
/// leaves more than one that is wrong.
fn same_ends(a: &str, b: &str) -> usize {
    let same = |(a, b): &(u8, u8)| a == b;
    let start = a.bytes().zip(b.bytes()).take_while(same).count();
    start + a.bytes().rev().zip(b.bytes().rev()).take_while(same).count()
}

/// A word in small letters, with `_` for `-`.
fn plain(word: &str) -> String {
    word.to_ascii_lowercase().replace('-', "_")
}

/// Insertions, deletions, replacements and swaps of neighbours between two words; any number
/// beyond `limit` if there are more.
fn distance(a: &str, b: &str, limit: usize) -> usize {
    // Most candidates differ too much in length alone.
    let difference = a.chars().count().abs_diff(b.chars().count());
    if difference > limit { difference } else { strsim::osa_distance(a, b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let keywords = || ["priority", "preempt", "nopreempt", "state"].into_iter();
        assert_eq!(closest("prioritty", keywords()), Some("priority"));
        assert_eq!(closest("pirority", keywords()), Some("priority"));
        assert_eq!(closest("no_preempt", keywords()), Some("nopreempt"));
        assert_eq!(closest("sttae", keywords()), Some("state"));
        let similar = ["virtual_rules", "virtual_routes"].into_iter();
        assert_eq!(closest("virtual_rutes", similar), Some("virtual_routes"));
        assert_eq!(closest("banana", keywords()), None);
        assert_eq!(closest("PRIORITY", keywords()), Some("priority"));
        assert_eq!(closest("prio", keywords()), Some("priority"));
        assert_eq!(closest("MASTR", ["MASTER", "BACKUP"].into_iter()), Some("MASTER"));
    }
}
