//! Members that would be better when another one's weights fall, and do not take over, or
//! late.

use super::Candidate;
use crate::cluster::seat::Place;
use crate::{Code, Diagnostic};

pub(super) fn check(all: &[Candidate<'_, '_>], found: &mut Vec<Diagnostic>) {
    for heir in all {
        let preempt = heir.seat.instance.preempt;
        let held = |failing: &&Candidate<'_, '_>| match (*preempt.enabled, preempt.delay.is_zero())
        {
            (false, _) => holds_back(heir, failing, all),
            (true, false) => is_late(heir, failing, all),
            (true, true) => false,
        };
        let Some(failing) = all.iter().find(held) else { continue };
        found.extend(match *preempt.enabled {
            false => report_nopreempt(heir, failing),
            true => report_delay(heir, failing),
        });
    }
}

/// Whether a member is better than another one all of whose weights have fallen.
fn outranks(heir: &Candidate<'_, '_>, failing: &Candidate<'_, '_>) -> bool {
    let is_weighted = failing.health.weighted().next().is_some() || failing.health.is_open();
    !heir.is(failing) && is_weighted && heir.health.healthy() > failing.health.lowest()
}

/// Whether nobody at all takes over.
fn holds_back(
    heir: &Candidate<'_, '_>,
    failing: &Candidate<'_, '_>,
    all: &[Candidate<'_, '_>],
) -> bool {
    let takes_over = |other: &Candidate<'_, '_>| {
        *other.seat.instance.preempt.enabled && outranks(other, failing)
    };
    outranks(heir, failing) && !all.iter().any(takes_over)
}

/// Whether nobody takes over without a delay.
fn is_late(
    heir: &Candidate<'_, '_>,
    failing: &Candidate<'_, '_>,
    all: &[Candidate<'_, '_>],
) -> bool {
    let takes_over = |other: &Candidate<'_, '_>| {
        let preempt = other.seat.instance.preempt;
        *preempt.enabled && preempt.delay.is_zero() && outranks(other, failing)
    };
    // What is better anyway waits because it has returned, which is what the delay is for.
    let is_backup = heir.health.healthy() < failing.health.healthy();
    is_backup && outranks(heir, failing) && !all.iter().any(takes_over)
}

/// A weight that falls, or the file whose number does.
fn weight<'s, 'c>(failing: &Candidate<'s, 'c>, text: String) -> Option<Place> {
    let largest = failing.health.weighted().max_by_key(|tracker| tracker.loss());
    let file = failing.health.files.first().map(|weight| weight.span);
    let at = largest.map(|tracker| tracker.weight.span).or(file)?;
    Some(Place { at, text })
}

fn report_nopreempt(heir: &Candidate<'_, '_>, failing: &Candidate<'_, '_>) -> Option<Diagnostic> {
    let (seat, other) = (heir.seat, failing.seat);
    let message = format!("{seat} does not take over when the priority of {other} falls");
    let at = seat.instance.preempt.enabled.span;
    let weight = weight(failing, "this moves nothing while it is master".to_owned())?;
    let finding = Place { at, text: "it leaves a worse master alone".to_owned() }
        .finding(Code::ClusterNopreempt, message, weight)
        .help(format!(
            "use weight 0 in {}, with which a failure means FAULT, or `preempt_delay` instead of \
             `nopreempt`",
            other.file
        ));
    Some(finding)
}

fn report_delay(heir: &Candidate<'_, '_>, failing: &Candidate<'_, '_>) -> Option<Diagnostic> {
    let (seat, other) = (heir.seat, failing.seat);
    let delay = seat.instance.preempt.delay;
    let secs = delay.as_secs_f64();
    let message =
        format!("{seat} waits {secs} s before it takes over when the priority of {other} falls");
    let weight = weight(failing, "this moves the addresses, and late".to_owned())?;
    let finding = Place { at: delay.span, text: "the delay".to_owned() }
        .finding(Code::ClusterDelay, message, weight)
        .note("the delay is counted from the first advert with a lower priority")
        .help(format!(
            "use weight 0 in {}, with which a failure means FAULT, or keep the delay for the \
             member that is to be master",
            other.file
        ));
    Some(finding)
}
