//! Instances that get in each other's way on this machine.

use core::net::IpAddr;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use vrrp_proto::{Family, Vrid};

use super::Reader;
use crate::model::{Destination, Instance, InterfaceName};
use crate::{Code, Diagnostic, Spanned};

/// A group or a peer, and who sends to it.
type Reached = (Family, Vrid, IpAddr);

/// What the instances so far have taken, and the one that has it, where it says so.
#[derive(Default)]
pub(super) struct Taken {
    /// By the group or, for unicast, by each peer.
    routers: HashMap<(Option<InterfaceName>, Reached), Spanned<Arc<str>>>,
    /// The first that has a peer, on whatever interface.
    peers: HashMap<Reached, Spanned<Arc<str>>>,
    addresses: HashMap<(InterfaceName, IpAddr), Spanned<Arc<str>>>,
}

impl Reader<'_> {
    pub(super) fn check_clashes(&mut self, instance: &Instance) {
        // Who copies an instance and forgets the VRID is told so, and no more.
        if !self.is_taken(instance) {
            self.check_addresses(instance);
        }
    }

    /// Reports a virtual router that another instance is already.
    fn is_taken(&mut self, instance: &Instance) -> bool {
        let addresses = match &instance.destination {
            Destination::Multicast(group) => vec![group.value],
            Destination::Unicast(unicast) => unicast.peers.iter().map(|it| it.address).collect(),
        };
        let mut first = None;
        let interface = instance.interface.or(instance.vrf).map(|name| name.value);
        for address in addresses {
            let reached = (instance.family, instance.vrid.value, address);
            let taken = &mut self.taken;
            // One that listens everywhere hears what those on an interface hear.
            let other = match interface {
                Some(_) => taken.routers.get(&(None, reached)),
                None => taken.peers.get(&reached),
            };
            let other = other.or(taken.routers.get(&(interface, reached)));
            if let Some(other) = other {
                first = first.or(Some((other.clone(), address)));
                continue;
            }
            let own = Spanned::new(Arc::clone(&instance.name.value), instance.vrid.span);
            taken.routers.insert((interface, reached), own.clone());
            if !address.is_multicast() {
                taken.peers.entry(reached).or_insert(own);
            }
        }
        let Some((first, address)) = first else { return false };
        let place = interface.map_or("any interface".to_owned(), |name| format!("`{name}`"));
        let message = format!(
            "`{}` and `{first}` are both the {} virtual router {} on {place}",
            instance.name, instance.family, instance.vrid
        );
        let mut diagnostic = Diagnostic::new(Code::SameRouter, instance.vrid.span, message)
            .also(first.span, format!("the one of `{first}`"))
            .help("give one of them another `virtual_router_id`");
        if !address.is_multicast() {
            diagnostic = diagnostic.note(format!("{address} is a peer of both"));
        }
        self.push(diagnostic);
        true
    }

    /// Warns of an address that another instance puts on the same interface.
    fn check_addresses(&mut self, instance: &Instance) {
        // On an interface of their own they are nobody else's.
        if instance.vmac.is_some() || instance.ipvlan.is_some() {
            return;
        }
        let name = &instance.name.value;
        for address in instance.addresses.iter().chain(&instance.excluded_addresses) {
            let key = (instance.device_of(address), address.address);
            let first = match self.taken.addresses.entry(key) {
                Entry::Occupied(first) => first.get().clone(),
                Entry::Vacant(free) => {
                    free.insert(Spanned::new(Arc::clone(name), address.span));
                    continue;
                }
            };
            // Within an instance it is an error already.
            if first.value == *name {
                continue;
            }
            let message = format!("{} is an address of `{first}` too", address.address);
            let diagnostic = Diagnostic::new(Code::SharedAddress, address.span, message)
                .also(first.span, "here")
                .note("when one of the two is no longer master, it takes the address off")
                .help("leave it to one of them");
            self.push(diagnostic);
        }
    }
}
