//! Whether the members' priorities and states tell who is to be master.

use super::health::Health;
use super::seat::{Place, Seat};
use crate::model::FirstState;
use crate::{Code, Diagnostic};

pub(super) fn check(seats: &[Seat<'_>], found: &mut Vec<Diagnostic>) {
    let all: Vec<_> = seats.iter().map(|seat| (seat, Health::of(seat))).collect();
    for (at, (seat, health)) in all.iter().enumerate() {
        let earlier = &all[..at];
        let owner = earlier.iter().find(|(other, _)| seat.is_owner() && other.is_owner());
        if let Some((owner, _)) = owner {
            found.push(report_owners(seat, owner));
            continue;
        }
        // Where a file's number counts, its writer decides.
        let is_equal = |(_, other): &&(&Seat<'_>, Health<'_>)| {
            !health.is_open() && !other.is_open() && health.healthy() == other.healthy()
        };
        let equal = earlier.iter().find(is_equal);
        found.extend(equal.map(|(other, theirs)| report_equal((seat, health), (other, theirs))));
        let master = earlier.iter().find(|(other, _)| expects_master(other));
        if let Some((master, _)) = master.filter(|_| expects_master(seat)) {
            found.push(report_masters(seat, master));
        }
    }
    found.extend(check_master(&all));
}

/// Whether the only member with `state MASTER` is one that will not stay master.
fn check_master(all: &[(&Seat<'_>, Health<'_>)]) -> Option<Diagnostic> {
    let mut masters = all.iter().filter(|(seat, _)| expects_master(seat));
    let (Some((seat, health)), None) = (masters.next(), masters.next()) else { return None };
    let (best, theirs) = all.iter().max_by_key(|(_, health)| health.healthy())?;
    // Where a file's number counts, its writer decides.
    let is_open = all.iter().any(|(_, health)| health.is_open());
    (!is_open && theirs.healthy() > health.healthy())
        .then(|| report_outranked((seat, health), (best, theirs)))
}

/// Whether it has the line `state MASTER`.
fn expects_master(seat: &Seat<'_>) -> bool {
    let state = seat.instance.first_state;
    // An owner without a state expects it too, and has no such line.
    state.value == FirstState::Master && state.span != seat.instance.priority.span
}

fn report_owners(seat: &Seat<'_>, owner: &Seat<'_>) -> Diagnostic {
    let message = format!("{seat} owns the addresses, and {owner} does too");
    let place = |seat: &Seat<'_>| Health::of(seat).place(seat);
    let mut finding = place(seat)
        .finding(Code::ClusterOwners, message, place(owner))
        .help("give all but one a `priority` below 255");
    let deaf = [seat, owner].map(|seat| seat.instance.owner_ignore_adverts);
    if deaf.iter().all(|deaf| **deaf) {
        finding = finding
            .also(deaf[0].span, format!("{} does not listen", seat.file))
            .also(deaf[1].span, format!("{} does not listen", owner.file))
            .note("both stay master: neither gives way");
    }
    finding
}

fn report_equal(
    (seat, health): (&Seat<'_>, &Health<'_>),
    (other, theirs): (&Seat<'_>, &Health<'_>),
) -> Diagnostic {
    let message = format!("{seat} has the same priority as {other}, {}", health.healthy());
    let finding = health.place(seat).finding(Code::ClusterEqual, message, theirs.place(other));
    let beyond = [health, theirs].iter().any(|health| health.is_clamped());
    match beyond {
        true => finding
            .note("a sum beyond 254 counts as 254")
            .help("lower the priorities, so that all sums stay below 255"),
        false => finding.help(format!(
            "give {} another `priority`; to keep a router that returns from taking over, use \
             `nopreempt`",
            seat.file
        )),
    }
}

fn report_outranked(
    (seat, health): (&Seat<'_>, &Health<'_>),
    (best, theirs): (&Seat<'_>, &Health<'_>),
) -> Diagnostic {
    let (own, other) = (health.healthy(), theirs.healthy());
    let message =
        format!("{seat} expects to be master with priority {own}, and {best} has {other}");
    let at = seat.instance.first_state.span;
    Place { at, text: "this, or a priority, is mistaken".into() }
        .finding(Code::ClusterOutranked, message, theirs.place(best))
        .note("the priorities decide")
        .help("write `state MASTER` on the member with the highest priority, or nowhere")
}

fn report_masters(seat: &Seat<'_>, master: &Seat<'_>) -> Diagnostic {
    let at = |seat: &Seat<'_>| seat.instance.first_state.span;
    let message = format!("{seat} expects to be master, and {master} does too");
    let other = Place { at: at(master), text: "the other one".into() };
    Place { at: at(seat), text: "one of them is mistaken".into() }
        .finding(Code::ClusterMasters, message, other)
        .note("the priorities decide; `state MASTER` only switches `nopreempt` off")
        .help("write `state BACKUP` on all but the member with the highest priority")
}
