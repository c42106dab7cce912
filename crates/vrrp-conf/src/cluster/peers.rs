//! Whether the members' adverts reach each other.

use std::collections::HashSet;
use std::net::IpAddr;

use super::seat::{Place, Seat, odd_ones};
use crate::model::{Destination, Instance, Unicast, UnicastPeer};
use crate::{Code, Diagnostic, Span, Spanned};

pub(super) fn check(seats: &[Seat<'_>], found: &mut Vec<Diagnostic>) {
    check_sources(seats, found);
    let group = |instance: &Instance| match &instance.destination {
        Destination::Multicast(group) => Some(group.value),
        Destination::Unicast(_) => None,
    };
    found.extend(odd_ones(seats, group).into_iter().map(report_destination));
    for (at, seat) in seats.iter().enumerate() {
        for earlier in &seats[..at] {
            found.extend(report_deaf(earlier, seat, seats));
            found.extend(report_deaf(seat, earlier, seats));
        }
    }
    if seats.iter().all(|seat| source(seat).is_none()) {
        found.extend(report_unreached(seats));
    }
}

/// Reports that there are fewer peers than members, so that some member is nobody's peer: most
/// often one file was copied to the other machine.
fn report_unreached(seats: &[Seat<'_>]) -> Option<Diagnostic> {
    let lists = seats.iter().map(|seat| Some(&unicast(seat)?.peers));
    let lists: Vec<_> = lists.collect::<Option<_>>()?;
    let peers: HashSet<_> = lists.iter().copied().flatten().map(|peer| peer.address).collect();
    if peers.len() >= seats.len() {
        return None;
    }
    let [(_, theirs), .., (last, own)] = *seats.iter().zip(lists).collect::<Vec<_>>() else {
        return None;
    };
    let place = |peer: &Spanned<UnicastPeer>| Place {
        at: peer.span,
        text: format!("it sends to {}", peer.address),
    };
    let message = format!(
        "{last} and the others name {} peers in all, so one of the {} members hears nothing",
        peers.len(),
        seats.len()
    );
    let finding = place(own.last()?)
        .finding(Code::ClusterUnicast, message, place(theirs.last()?))
        .help("list the addresses of the other members, not its own, in each file");
    Some(finding)
}

fn unicast<'c>(seat: &Seat<'c>) -> Option<&'c Unicast> {
    match &seat.instance.destination {
        Destination::Unicast(unicast) => Some(unicast),
        Destination::Multicast(_) => None,
    }
}

fn source(seat: &Seat<'_>) -> Option<(IpAddr, Span)> {
    seat.instance.source.as_ref().map(|source| (source.value, source.span))
}

/// Members that both claim one address.
fn check_sources(seats: &[Seat<'_>], found: &mut Vec<Diagnostic>) {
    for (index, seat) in seats.iter().enumerate() {
        let Some((address, at)) = source(seat) else { continue };
        let same = |earlier: &&Seat<'_>| source(earlier).is_some_and(|(own, _)| own == address);
        let Some(earlier) = seats[..index].iter().find(same) else { continue };
        let Some((_, first_at)) = source(earlier) else { continue };
        let message = format!("{seat} sends from {address}, as {earlier} does");
        let other = Place { at: first_at, text: "the same address".into() };
        let finding = Place { at, text: "an address is one machine's".into() }
            .finding(Code::ClusterSource, message, other)
            .help("give each member an address of its own");
        found.push(finding);
    }
}

fn report_destination((odd, usual): (&Seat<'_>, &Seat<'_>)) -> Diagnostic {
    fn place<'s, 'c>(seat: &'s Seat<'c>) -> Place {
        match &seat.instance.destination {
            Destination::Multicast(group) => seat.place(group.span, format!("to {}", group.value)),
            Destination::Unicast(unicast) => {
                let at = unicast.peers.first().map_or(seat.instance.name.span, |peer| peer.span);
                Place { at, text: "to each peer".into() }
            }
        }
    }
    let message = format!("{odd} sends its adverts elsewhere than {usual}");
    let help = match (unicast(odd), unicast(usual)) {
        (None, None) => "use one multicast group on all members",
        _ => "use `unicast_peer` on all members, or on none",
    };
    place(odd).finding(Code::ClusterUnicast, message, place(usual)).help(help)
}

/// Reports that `sender` does not send to `receiver`, if the receiver's address is known.
fn report_deaf(sender: &Seat<'_>, receiver: &Seat<'_>, seats: &[Seat<'_>]) -> Option<Diagnostic> {
    let (from, _) = (unicast(sender)?, unicast(receiver)?);
    let (address, at) = source(receiver)?;
    let is_peer = |address: IpAddr| from.peers.iter().any(|peer| peer.address == address);
    if is_peer(address) {
        return None;
    }
    // If all addresses are known, a peer that is none of them is a slip.
    let all_known = seats.iter().all(|seat| source(seat).is_some());
    let is_member = |peer: IpAddr| seats.iter().filter_map(source).any(|(own, _)| own == peer);
    let stranger = from.peers.iter().find(|peer| all_known && !is_member(peer.address));
    let message = format!("{sender} does not send to {address} of {}", receiver.file);
    let (place, text, help) = match stranger {
        Some(peer) => (
            peer.span,
            "this is the address of no member".to_owned(),
            format!("write `{address}` instead of `{}`", peer.address),
        ),
        None => (
            from.peers.last().map_or(sender.instance.name.span, |peer| peer.span),
            format!("{address} is not among these"),
            format!("add `{address}` to `unicast_peer` in {}", sender.file),
        ),
    };
    let other = Place { at, text: "this member sends from here".into() };
    let finding = Place { at: place, text }
        .finding(Code::ClusterUnicast, message, other)
        .note(format!("{} hears nothing from {}, and becomes master", receiver.file, sender.file))
        .help(help);
    Some(finding)
}
