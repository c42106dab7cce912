//! What is said of weights, against an election by hand in every combination of failures.

use proptest::prelude::*;

use crate::{findings, member};

/// A member: its priority, and the weights of its trackers.
type Sketch = (u8, Vec<(i32, bool)>);

fn sketch() -> impl Strategy<Value = Sketch> {
    let weight = (-30i32..=30, any::<bool>());
    // The range's end is near, so that sums go beyond it.
    let priority = prop_oneof![1u8..40, 90u8..130, 230u8..=254];
    (priority, prop::collection::vec(weight, 0..4))
}

fn text((priority, weights): &Sketch) -> String {
    let mut lines = format!(" priority {priority}\n track_interface {{\n");
    for (at, (weight, reverse)) in weights.iter().enumerate() {
        let reverse = if *reverse { " reverse" } else { "" };
        lines += &format!("  eth{at} weight {weight}{reverse}\n");
    }
    member(&(lines + " }"))
}

/// The priority when these have failed; a reversed tracker has when it is up.
fn priority((base, weights): &Sketch, failed: usize) -> i32 {
    let sum: i32 = weights
        .iter()
        .enumerate()
        .map(|(at, &(weight, reverse))| {
            let has_failed = failed & (1 << at) != 0;
            let is_up = has_failed == reverse;
            let counts = if weight > 0 { is_up } else { !is_up };
            let signed = if reverse { -weight } else { weight };
            if counts { signed } else { 0 }
        })
        .sum();
    (i32::from(*base) + sum).clamp(1, 254)
}

fn combinations(sketch: &Sketch) -> impl Iterator<Item = usize> + use<> {
    0..1 << sketch.1.len()
}

/// Whether a member has a weight that never makes another one better, while there is one to
/// take over.
fn has_idle_weight(own: &Sketch, others: &[&Sketch]) -> bool {
    let is_next = |other: &&Sketch| priority(other, 0) < priority(own, 0);
    if !others.iter().any(is_next) {
        return false;
    }
    let moves = |at: usize| {
        let without = combinations(own).filter(|failed| failed & (1 << at) == 0);
        without.into_iter().any(|failed| {
            let (before, after) = (priority(own, failed), priority(own, failed | 1 << at));
            let is_between = |other: i32| after < other && other <= before;
            others
                .iter()
                .any(|other| combinations(other).any(|failed| is_between(priority(other, failed))))
        })
    };
    (0..own.1.len()).any(|at| own.1[at].0 != 0 && !moves(at))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_weight_is_reported_exactly_if_no_combination_of_failures_makes_it_count(
        members in prop::collection::vec(sketch(), 2..4),
    ) {
        let texts: Vec<_> = members.iter().map(text).collect();
        let found = findings(&texts);
        for (at, name) in ["a.conf", "b.conf", "c.conf"].iter().enumerate().take(members.len()) {
            let others = members.iter().enumerate().filter(|(other, _)| *other != at);
            let others: Vec<_> = others.map(|(_, member)| member).collect();
            let reported = found.iter().any(|found| found.starts_with(&format!("W0655 {name}")));
            prop_assert_eq!(reported, has_idle_weight(&members[at], &others), "{}: {:?}", name, found);
        }
        let equal = |one: &Sketch, other: &Sketch| priority(one, 0) == priority(other, 0);
        let mut pairs = (0..members.len()).flat_map(|one| (0..one).map(move |other| (one, other)));
        prop_assert_eq!(
            found.iter().any(|found| found.starts_with("W0654")),
            pairs.any(|(one, other)| equal(&members[one], &members[other]))
        );
    }
}
