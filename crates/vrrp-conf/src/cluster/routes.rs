//! Whether all members move routes to the same destinations. By which gateway and interface is
//! each machine's own affair.

use super::seat::{Place, Seat};
use crate::model::{Instance, Route};
use crate::{Code, Diagnostic, Spanned};

pub(super) fn check(seats: &[Seat<'_>], found: &mut Vec<Diagnostic>) {
    for seat in seats {
        let lacks = |route: &&Spanned<Route>| !has(seat, route);
        found.extend(seats.iter().find_map(|other| {
            let missing: Vec<_> = other.instance.routes.iter().filter(lacks).collect();
            report(seat, other, &missing)
        }));
    }
}

/// Whether a member moves such a route, be it with another instance.
fn has(seat: &Seat<'_>, route: &Route) -> bool {
    let is_same = |own: &Spanned<Route>| {
        own.destination.masked() == route.destination.masked() && own.family == route.family
    };
    let moves = |instance: &Instance| instance.routes.iter().any(is_same);
    moves(seat.instance) || seat.config.instances.iter().any(moves)
}

fn report(seat: &Seat<'_>, other: &Seat<'_>, missing: &[&Spanned<Route>]) -> Option<Diagnostic> {
    let [first, more @ ..] = missing else { return None };
    let and_more = match more.len() {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    let destination = first.destination;
    let message = format!("{seat} lacks the route to {destination}{and_more} of {other}");
    let there = Place { at: first.span, text: "the route".into() };
    let (at, text) = match seat.instance.routes.last() {
        Some(last) => (last.span, "it is not among these"),
        None => (seat.instance.name.span, "it moves no routes"),
    };
    let finding = Place { at, text: text.into() }
        .finding(Code::ClusterRoutes, message, there)
        .help(format!("add a route to {destination} to `virtual_routes` in {}", seat.file));
    Some(finding)
}
