//! What is said of weights, against an election by hand in every combination of failures.

use proptest::prelude::*;

use crate::{findings, member};

#[derive(Debug, Clone)]
struct Sketch {
    priority: u8,
    /// The weights of its trackers, and whether they are reversed.
    weights: Vec<(i32, bool)>,
    /// The weight of a file's number.
    file: Option<i32>,
}

fn sketch() -> impl Strategy<Value = Sketch> {
    let weight = (-30i32..=30, any::<bool>());
    // The range's end is near, so that sums go beyond it.
    let priority = prop_oneof![1u8..40, 90u8..130, 230u8..=254];
    let file = prop_oneof![3 => Just(None), 1 => (1i32..=254).prop_map(Some), 1 => Just(Some(-20))];
    let weights = prop::collection::vec(weight, 0..4);
    (priority, weights, file).prop_map(|(priority, weights, file)| Sketch {
        priority,
        weights,
        file,
    })
}

fn text(Sketch { priority, weights, file }: &Sketch) -> String {
    let mut lines = format!(" priority {priority}\n track_interface {{\n");
    for (at, (weight, reverse)) in weights.iter().enumerate() {
        let reverse = if *reverse { " reverse" } else { "" };
        lines += &format!("  link{at} weight {weight}{reverse}\n");
    }
    lines += " }";
    if let Some(weight) = file {
        lines += &format!("\n track_file {{\n  number weight {weight}\n }}");
    }
    member(&lines)
}

/// What the trackers make of the priority when these have failed, without limits; a reversed
/// tracker has when it is up.
fn sum(sketch: &Sketch, failed: usize) -> i32 {
    let sum: i32 = sketch
        .weights
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
    i32::from(sketch.priority) + sum
}

fn limited(sum: i32) -> i32 {
    sum.clamp(1, 254)
}

fn combinations(sketch: &Sketch) -> impl Iterator<Item = usize> + use<> {
    0..1 << sketch.weights.len()
}

/// What the file may add; −254 means FAULT, so that is no priority.
fn additions(sketch: &Sketch) -> Vec<i32> {
    let Some(weight) = sketch.file else { return vec![0] };
    let all = (-300..=300).map(|number: i32| (number * weight).clamp(-254, 253));
    all.filter(|added| *added > -254).collect()
}

/// Which priorities the members can have.
fn possible(members: &[&Sketch]) -> [bool; 255] {
    let mut possible = [false; 255];
    for member in members {
        for failed in combinations(member) {
            for added in additions(member) {
                possible[limited(sum(member, failed) + added) as usize] = true;
            }
        }
    }
    possible
}

/// Whether a member has a weight that never makes another one better, while there is one to
/// take over.
fn has_idle_weight(own: &Sketch, others: &[&Sketch]) -> bool {
    let is_next = |other: &&Sketch| limited(sum(other, 0)) < limited(sum(own, 0));
    if !others.iter().any(is_next) {
        return false;
    }
    let possible = possible(others);
    let additions = additions(own);
    let moves = |at: usize| {
        let without = combinations(own).filter(|failed| failed & (1 << at) == 0);
        without.into_iter().any(|failed| {
            let (before, after) = (sum(own, failed), sum(own, failed | 1 << at));
            additions.iter().any(|added| {
                (limited(after + added) + 1..=limited(before + added))
                    .any(|other| possible[other as usize])
            })
        })
    };
    (0..own.weights.len()).any(|at| own.weights[at].0 != 0 && !moves(at))
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
        let equal = |one: &Sketch, other: &Sketch| {
            one.file.is_none() && other.file.is_none() && limited(sum(one, 0)) == limited(sum(other, 0))
        };
        let mut pairs = (0..members.len()).flat_map(|one| (0..one).map(move |other| (one, other)));
        prop_assert_eq!(
            found.iter().any(|found| found.starts_with("W0654")),
            pairs.any(|(one, other)| equal(&members[one], &members[other]))
        );
    }
}
