//! Whether all members move the same addresses.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::seat::{Place, Seat};
use crate::model::VirtualAddress;
use crate::{Code, Diagnostic, Span, Spanned};

/// An address of a member.
#[derive(Clone, Copy)]
struct Moved<'c> {
    address: &'c Spanned<VirtualAddress>,
    is_advertised: bool,
}

impl Moved<'_> {
    fn list(&self) -> &'static str {
        if self.is_advertised { "virtual_ipaddress" } else { "virtual_ipaddress_excluded" }
    }

    fn with_prefix(&self) -> String {
        format!("{}/{}", self.address.address, self.address.prefix_len)
    }
}

type Addresses<'c> = BTreeMap<IpAddr, Moved<'c>>;

fn addresses<'c>(seat: &Seat<'c>) -> Addresses<'c> {
    let instance = seat.instance;
    let moved = |is_advertised| move |address| Moved { address, is_advertised };
    let all = instance.excluded_addresses.iter().map(moved(false));
    all.chain(instance.addresses.iter().map(moved(true)))
        .map(|moved| (moved.address.address, moved))
        .collect()
}

pub(super) fn check(seats: &[Seat<'_>], found: &mut Vec<Diagnostic>) {
    let all: Vec<_> = seats.iter().map(|seat| (seat, addresses(seat))).collect();
    for (seat, own) in &all {
        // Each difference is told once: at the member that lacks an address, or comes later.
        let others = || all.iter().filter(|(other, _)| !core::ptr::eq(*other, *seat));
        let earlier = || all.iter().take_while(|(other, _)| !core::ptr::eq(*other, *seat));
        let mut missing: BTreeMap<IpAddr, (&Seat<'_>, Moved<'_>)> = BTreeMap::new();
        for (other, theirs) in others() {
            for (ip, moved) in theirs.iter().filter(|(ip, _)| !own.contains_key(ip)) {
                missing.entry(*ip).or_insert((other, *moved));
            }
        }
        found.extend(report_missing(seat, &missing.into_values().collect::<Vec<_>>()));
        let pairs = |differ: fn(&Moved<'_>, &Moved<'_>) -> bool| {
            earlier().find_map(move |(other, theirs)| {
                let same = |(ip, moved)| Some((moved, theirs.get(ip)?));
                let mut both = own.iter().filter_map(same);
                both.find(|(own, theirs)| differ(own, theirs)).map(|(own, t)| (own, *other, t))
            })
        };
        let listed = pairs(|own, theirs| own.is_advertised != theirs.is_advertised);
        found.extend(listed.map(|(own, other, theirs)| report_list(seat, own, other, theirs)));
        let prefixes = pairs(|own, theirs| own.address.prefix_len != theirs.address.prefix_len);
        found.extend(prefixes.map(|(own, other, theirs)| report_prefix(seat, own, other, theirs)));
    }
}

/// The end of a list, where one would add to it.
fn end_of_list(seat: &Seat<'_>, is_advertised: bool) -> Span {
    let instance = seat.instance;
    let lists = match is_advertised {
        true => [&instance.addresses, &instance.excluded_addresses],
        false => [&instance.excluded_addresses, &instance.addresses],
    };
    let last = lists.into_iter().find_map(|list| list.last());
    last.map_or(instance.name.span, |address| address.span)
}

fn report_missing(seat: &Seat<'_>, missing: &[(&Seat<'_>, Moved<'_>)]) -> Option<Diagnostic> {
    let [(other, first), more @ ..] = missing else { return None };
    let ip = first.address.address;
    let and_more = match more.len() {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    let message = format!("{seat} lacks the address {ip}{and_more} of {other}");
    let at = end_of_list(seat, first.is_advertised);
    let there = Place { at: first.address.span, text: "the address".into() };
    let finding = Place { at, text: format!("{ip} is not among these") }
        .finding(Code::ClusterAddresses, message, there)
        .help(format!(
            "add `{}` to `{}` in {}, or remove it from the others",
            first.with_prefix(),
            first.list(),
            seat.file
        ));
    Some(finding)
}

fn report_list(
    seat: &Seat<'_>,
    own: &Moved<'_>,
    other: &Seat<'_>,
    theirs: &Moved<'_>,
) -> Diagnostic {
    let message = format!(
        "{} is in another list of {seat} than of {other}, so the adverts differ",
        own.address.address
    );
    let text = |moved: &Moved<'_>| format!("in `{}`", moved.list());
    let there = Place { at: theirs.address.span, text: text(theirs) };
    Place { at: own.address.span, text: text(own) }
        .finding(Code::ClusterAddresses, message, there)
        .help(format!("put it into `{}` on all members", theirs.list()))
}

fn report_prefix(
    seat: &Seat<'_>,
    own: &Moved<'_>,
    other: &Seat<'_>,
    theirs: &Moved<'_>,
) -> Diagnostic {
    let message = format!("{} has another prefix in {seat} than in {other}", own.address.address);
    let text = |moved: &Moved<'_>| format!("the prefix has {} bits", moved.address.prefix_len);
    let there = Place { at: theirs.address.span, text: text(theirs) };
    Place { at: own.address.span, text: text(own) }
        .finding(Code::ClusterAddresses, message, there)
        .help(format!("write `{}` on all members", theirs.with_prefix()))
}
