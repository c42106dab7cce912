//! Weights that cannot move the addresses, and failures that leave two members equal.

use super::Candidate;
use crate::cluster::health::{Tracker, clamp};
use crate::{Code, Diagnostic};

pub(super) fn check(all: &[Candidate<'_, '_>], found: &mut Vec<Diagnostic>) {
    // Where a file's number counts, any weight may.
    if all.iter().any(|one| one.health.is_open()) {
        return;
    }
    for own in all {
        let Some(next) = next_below(own, all) else { continue };
        let others = reachable(own, all);
        let idle = own.health.weighted().filter(|tracker| !can_move(own, tracker, &others));
        let idle: Vec<_> = idle.collect();
        found.extend(report_idle(own, next, &idle));
        // Only the loss of the first one moves the addresses at once.
        if all.iter().all(|other| other.is(own) || other.health.healthy() < own.health.healthy()) {
            check_ties(own, next, &idle, all, found);
        }
    }
}

/// The member that is to take over from this one.
fn next_below<'a, 's, 'c>(
    own: &Candidate<'s, 'c>,
    all: &'a [Candidate<'s, 'c>],
) -> Option<&'a Candidate<'s, 'c>> {
    let below = all.iter().filter(|other| other.health.healthy() < own.health.healthy());
    below.max_by_key(|other| other.health.healthy())
}

/// The priorities that the other members can have, by number. An owner's is out of reach.
fn reachable(own: &Candidate<'_, '_>, all: &[Candidate<'_, '_>]) -> [bool; 256] {
    let mut reachable = [false; 256];
    for member in all.iter().filter(|other| !other.is(own) && !other.seat.is_owner()) {
        for sum in member.health.sums_without(None) {
            reachable[usize::from(clamp(sum))] = true;
        }
    }
    reachable
}

/// Whether there is a case in which the failure of this tracker, and not of others, brings its
/// member below another one.
fn can_move(own: &Candidate<'_, '_>, tracker: &Tracker<'_>, others: &[bool; 256]) -> bool {
    let before = own.health.sums_without(Some(tracker));
    before.into_iter().any(|sum| {
        let after = clamp(sum.saturating_sub(tracker.loss()));
        // An equal router takes nothing over.
        (usize::from(after) + 1..=usize::from(clamp(sum))).any(|other| others[other])
    })
}

fn report_idle(
    own: &Candidate<'_, '_>,
    next: &Candidate<'_, '_>,
    idle: &[&Tracker<'_>],
) -> Option<Diagnostic> {
    let largest = idle.iter().max_by_key(|tracker| tracker.loss())?;
    let names: Vec<_> = idle.iter().map(|tracker| format!("`{}`", tracker.name)).collect();
    let names = names.join(" and ");
    let verb = if idle.len() == 1 { "fails" } else { "fail" };
    let left = own.health.after(idle.iter().map(|tracker| tracker.loss()).sum());
    let bar = next.health.healthy();
    let (seat, other) = (own.seat, next.seat);
    let message = format!(
        "when {names} {verb}, {seat} still has priority {left}, and {other} has {bar}: it stays \
         master"
    );
    let mine = own.priority();
    let mut finding = own
        .weight(largest)
        .finding(Code::ClusterWeight, message, next.priority())
        .also(mine.at, mine.text)
        .help(help(own, next, idle));
    if left == bar {
        finding = finding.note("a router does not take over from one of the same priority");
    }
    Some(finding)
}

/// Which weight would be enough.
fn help(own: &Candidate<'_, '_>, next: &Candidate<'_, '_>, idle: &[&Tracker<'_>]) -> String {
    let bar = u32::from(next.health.healthy());
    let bonus: u32 = idle.iter().filter(|t| t.is_bonus()).map(|t| t.loss()).sum();
    // As if what is a bonus now were subtracted in a failure instead.
    let needed = (own.health.sum() - bonus + 1).saturating_sub(bar);
    let beyond_reach = bar == 1 || needed > 253;
    match (idle, beyond_reach, bonus) {
        (_, true, _) => format!("raise the priority of {}", next.seat),
        (_, _, 1..) => format!(
            "a weight above 0 is only not added any more: subtract at least {needed} in a failure \
             (`weight -{needed}`), or lower the `priority` below {bar}"
        ),
        ([_], ..) => format!("it needs to take at least {needed} to fall below {bar}"),
        _ => format!("together they need to take at least {needed} to fall below {bar}"),
    }
}

/// Failures after which the first two members are equal: of one tracker of the first one, or of
/// one that all members have.
fn check_ties(
    own: &Candidate<'_, '_>,
    next: &Candidate<'_, '_>,
    idle: &[&Tracker<'_>],
    all: &[Candidate<'_, '_>],
    found: &mut Vec<Diagnostic>,
) {
    let is_idle = |tracker: &Tracker<'_>| idle.iter().any(|idle| core::ptr::eq(*idle, tracker));
    for tracker in own.health.weighted().filter(|tracker| !is_idle(tracker)) {
        let left = own.health.after(tracker.loss());
        if left == next.health.healthy() {
            let message = format!(
                "when `{}` fails, {} has priority {left}, as {} has: it stays master",
                tracker.name, own.seat, next.seat
            );
            let finding = own
                .weight(tracker)
                .finding(Code::ClusterTie, message, next.priority())
                .help(format!("it needs to take at least {}", tracker.loss() + 1));
            found.push(finding);
        } else if let Some((other, theirs, left)) = common_tie(own, tracker, all) {
            let message = format!(
                "when `{}` fails on all members, {} and {} have priority {left} both",
                tracker.name, own.seat, other.seat
            );
            let finding = own
                .weight(tracker)
                .finding(Code::ClusterTie, message, other.weight(theirs))
                .help("use one weight on all members, which keeps their order");
            found.push(finding);
        }
    }
}

/// The best other member, if it is equal to this one when a tracker that all have fails on all.
fn common_tie<'a, 's, 'c>(
    own: &Candidate<'s, 'c>,
    tracker: &Tracker<'c>,
    all: &'a [Candidate<'s, 'c>],
) -> Option<(&'a Candidate<'s, 'c>, &'a Tracker<'c>, u8)> {
    let left = own.health.after(tracker.loss());
    let others = all.iter().filter(|other| !other.is(own));
    let losing = others.map(|other| {
        let theirs = other.health.weighted().find(|theirs| theirs.is_same(tracker))?;
        Some((other, theirs, other.health.after(theirs.loss())))
    });
    let losing: Option<Vec<_>> = losing.collect();
    let best = losing?.into_iter().max_by_key(|(_, _, priority)| *priority)?;
    (best.2 == left).then_some(best)
}
