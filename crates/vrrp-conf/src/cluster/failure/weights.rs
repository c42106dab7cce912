//! Weights that cannot move the addresses, and failures that leave two members equal.

use std::collections::BTreeMap;

use vrrp_proto::Priority;

use super::Candidate;
use crate::cluster::health::{Tracker, clamp};
use crate::{Code, Diagnostic};

pub(super) fn check(all: &[Candidate<'_, '_>], found: &mut Vec<Diagnostic>) {
    let is_open = all.iter().any(|one| one.health.is_open());
    for own in all {
        let Some(next) = next_below(own, all) else { continue };
        let others = Reachable::by_others(own, all);
        let mut by_loss = BTreeMap::new();
        let mut is_idle = |tracker: &&Tracker<'_>| {
            let idle = || !can_move(own, tracker, &others);
            *by_loss.entry(tracker.loss()).or_insert_with(idle)
        };
        let idle: Vec<_> = own.health.weighted().filter(|tracker| is_idle(tracker)).collect();
        found.extend(match is_open {
            true => report_never(own, next, &idle),
            false => report_idle(own, next, &idle),
        });
        // Only the loss of the first one moves the addresses at once.
        let is_first =
            all.iter().all(|other| other.is(own) || other.health.healthy() < own.health.healthy());
        // Where a file's number counts, its writer sees to that.
        if is_first && !is_open {
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

/// The priorities that the other members can have. An owner's is out of reach.
///
/// For each number it has the highest of them up to there, and 0 where there is none.
struct Reachable([u8; 256]);

impl Reachable {
    fn by_others(own: &Candidate<'_, '_>, all: &[Candidate<'_, '_>]) -> Self {
        let mut up_to = [0; 256];
        for member in all.iter().filter(|other| !other.is(own) && !other.seat.is_owner()) {
            for sum in member.health.sums_without(None) {
                let priority = clamp(sum);
                up_to[usize::from(priority)] = priority;
            }
        }
        let mut highest = 0;
        Self(up_to.map(|priority| {
            highest = highest.max(priority);
            highest
        }))
    }

    fn has_between(&self, above: u8, up_to: u8) -> bool {
        self.0[usize::from(up_to)] > above
    }
}

/// Whether there is a case in which the failure of this tracker, and not of others, brings its
/// member below another one.
fn can_move(own: &Candidate<'_, '_>, tracker: &Tracker<'_>, others: &Reachable) -> bool {
    let loss = tracker.loss() as i32;
    let before = own.health.sums_without(Some(tracker));
    // An equal router takes nothing over.
    before.into_iter().any(|sum| others.has_between(clamp(sum - loss), clamp(sum)))
}

/// The names of trackers, as messages list them.
fn names(trackers: &[&Tracker<'_>]) -> String {
    const MAX_NAMES: usize = 3;
    let names: Vec<_> = trackers.iter().map(|tracker| format!("`{}`", tracker.name)).collect();
    match names.len().saturating_sub(MAX_NAMES) {
        0 => names.join(" and "),
        more => format!("{} and {more} more", names[..MAX_NAMES].join(", ")),
    }
}

/// Reports what changes nothing, whatever is written into the files whose numbers count.
fn report_never(
    own: &Candidate<'_, '_>,
    next: &Candidate<'_, '_>,
    idle: &[&Tracker<'_>],
) -> Option<Diagnostic> {
    let largest = idle.iter().max_by_key(|tracker| tracker.loss())?;
    let message = format!(
        "a failure of {} never brings {} below another member, whatever the tracked files say",
        names(idle),
        own.seat
    );
    let mine = own.priority();
    let finding = own
        .weight(largest)
        .finding(Code::ClusterWeight, message, next.priority())
        .also(mine.at, mine.text)
        .help("make the weight larger, or 0: then a failure means FAULT");
    Some(finding)
}

fn report_idle(
    own: &Candidate<'_, '_>,
    next: &Candidate<'_, '_>,
    idle: &[&Tracker<'_>],
) -> Option<Diagnostic> {
    let largest = idle.iter().max_by_key(|tracker| tracker.loss())?;
    let names = names(idle);
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
    // At the lower end nobody is fit, and no weight keeps an order.
    (best.2 == left && left > Priority::LOWEST.get()).then_some(best)
}
