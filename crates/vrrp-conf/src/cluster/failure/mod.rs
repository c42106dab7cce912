//! What the loss of a tracker leads to: who takes over, who does not, and whether anybody is
//! left.

mod held_back;
mod shared;
mod weights;

use super::health::{Health, Tracker};
use super::seat::{Place, Seat};
use crate::Diagnostic;

/// A member and its health.
struct Candidate<'s, 'c> {
    seat: &'s Seat<'c>,
    health: Health<'c>,
}

pub(super) fn check(seats: &[Seat<'_>], found: &mut Vec<Diagnostic>) {
    let candidate = |seat| Candidate { seat, health: Health::of(seat) };
    let all: Vec<_> = seats.iter().map(candidate).collect();
    weights::check(&all, found);
    held_back::check(&all, found);
    found.extend(shared::check(&all));
}

impl<'s, 'c> Candidate<'s, 'c> {
    fn is(&self, other: &Self) -> bool {
        core::ptr::eq(self.seat, other.seat)
    }

    /// The priority while nothing is wrong, and where it is set.
    fn priority(&self) -> Place {
        self.health.place(self.seat)
    }

    /// A tracker's weight.
    fn weight(&self, tracker: &Tracker<'c>) -> Place {
        let loss = tracker.loss();
        // Where a process has no weight, the name of its definition stands for it.
        let definition = self.seat.config.processes.get(&*tracker.name);
        let is_default = definition.is_some_and(|process| process.name.span == tracker.weight.span);
        let text = match is_default {
            true => format!("a failure takes {loss} away by default"),
            false => format!("a failure takes {loss} away"),
        };
        Place { at: tracker.weight.span, text }
    }
}
