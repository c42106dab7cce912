//! Which instances of different members are evidently one virtual router.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use vrrp_proto::Vrid;

use super::Member;
use super::seat::{Seat, VirtualRouter};
use crate::model::{Instance, InterfaceName};

/// The virtual routers of a cluster, in the order in which the members name them.
pub(super) fn virtual_routers(members: &[Member]) -> Vec<VirtualRouter<'_>> {
    let mut routers = Routers::default();
    for member in members {
        routers.seat_all(member);
    }
    routers.found
}

/// A feature that more routers have tells nothing, and is not looked at in all of them.
const MAX_ALIKE: usize = 64;

#[derive(Default)]
struct Routers<'c> {
    found: Vec<VirtualRouter<'c>>,
    /// Which of them may be meant, so that thousands need not all be compared.
    by_feature: HashMap<Feature<'c>, Vec<usize>>,
}

/// Something that the instances of one virtual router may have in common.
#[derive(PartialEq, Eq, Hash)]
enum Feature<'c> {
    Address(IpAddr),
    VridAndName(Vrid, &'c str),
    VridAndInterface(Vrid, InterfaceName),
    NameAndInterface(&'c str, InterfaceName),
}

fn features(instance: &Instance) -> Vec<Feature<'_>> {
    let (vrid, name, interface) = (instance.vrid.value, &**instance.name, instance.carrier);
    let addresses = instance.addresses.iter().map(|address| Feature::Address(address.address));
    let others = [
        Feature::VridAndName(vrid, name),
        Feature::VridAndInterface(vrid, interface),
        Feature::NameAndInterface(name, interface),
    ];
    addresses.chain(others).collect()
}

impl<'c> Routers<'c> {
    /// Finds each instance of a member its virtual router; what is most alike goes first.
    fn seat_all(&mut self, member: &'c Member) {
        let Some(config) = &member.config else { return };
        let mut pairs: Vec<(u8, usize, usize)> = Vec::new();
        for (at, instance) in config.instances.iter().enumerate() {
            for router in self.candidates(instance) {
                let seats = self.found[router].seats.iter();
                let alike = seats.map(|seat| likeness(seat.instance, instance)).max();
                let alike = alike.unwrap_or_default();
                pairs.extend((alike > 0).then_some((alike, at, router)));
            }
        }
        pairs.sort_by_key(|&(alike, at, router)| (core::cmp::Reverse(alike), at, router));
        let mut seated = vec![false; config.instances.len()];
        let mut taken = vec![false; self.found.len()];
        let seat = |at: usize| Seat { file: &member.name, config, instance: &config.instances[at] };
        for (_, at, router) in pairs {
            if !seated[at] && !taken[router] {
                (seated[at], taken[router]) = (true, true);
                self.found[router].seats.push(seat(at));
                self.remember(&config.instances[at], router);
            }
        }
        for at in (0..seated.len()).filter(|&at| !seated[at]) {
            self.remember(&config.instances[at], self.found.len());
            self.found.push(VirtualRouter { seats: vec![seat(at)] });
        }
    }

    fn remember(&mut self, instance: &'c Instance, router: usize) {
        for feature in features(instance) {
            let alike = self.by_feature.entry(feature).or_default();
            if alike.len() < MAX_ALIKE && !alike.contains(&router) {
                alike.push(router);
            }
        }
    }

    fn candidates(&self, instance: &Instance) -> BTreeSet<usize> {
        let features = features(instance);
        let known = features.iter().filter_map(|feature| self.by_feature.get(feature));
        known.flatten().copied().collect()
    }
}

/// How much two instances look like one virtual router; 0 if they are none.
fn likeness(own: &Instance, other: &Instance) -> u8 {
    let vrid = own.vrid == other.vrid;
    let name = own.name == other.name;
    let interface = own.interface == other.interface;
    if own.family != other.family {
        return u8::from(vrid && name && interface);
    }
    let addresses = &other.addresses;
    let has_it = |address: IpAddr| addresses.iter().any(|other| other.address == address);
    let shares_address = own.addresses.iter().any(|address| has_it(address.address));
    // What has the same addresses is more evidently the same than what has a name, and
    // interfaces may have other names on other machines.
    match (shares_address, vrid, name, interface) {
        (true, ..) => 8 + 4 * u8::from(vrid) + 2 * u8::from(name) + u8::from(interface),
        (false, true, true, _) => 6 + u8::from(interface),
        (false, true, false, true) => 4,
        (false, false, true, true) => 2,
        _ => 0,
    }
}
