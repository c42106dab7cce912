//! What matters to a router of the interfaces of this machine.

use std::net::IpAddr;
use std::sync::Arc;

use vrrp_fsm::FaultReason;
use vrrp_net::{Interface, InterfaceName, MacAddress};

/// An interface that carries addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carrier {
    /// The interface.
    pub interface: Interface,
    /// Its hardware address, if it has one.
    pub mac: Option<MacAddress>,
    /// Whether it is up and has a carrier.
    pub is_running: bool,
    /// Whether this host forwards IPv6 packets that arrive on it.
    pub forwards_ipv6: bool,
}

/// A router's interfaces, as far as they matter to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct InterfaceView {
    /// The interface of its adverts; none while there is no interface of that name, or where they
    /// follow the routing table.
    pub interface: Option<Interface>,
    /// Whether its adverts follow the routing table: no interface can fail them.
    pub is_routed: bool,
    /// Whether an administrator wants it to work.
    pub is_up: bool,
    /// Whether it works.
    pub is_running: bool,
    /// Whether it is the port of a bridge, which takes every packet away from it.
    pub is_bridge_port: bool,
    /// The address to send adverts from.
    pub primary: Option<IpAddr>,
    /// The own addresses of the interface, or of all of them, in the router's family, without those that routers move:
    /// these come and go, and adverts are not sent from them.
    pub addresses: Vec<IpAddr>,
    /// Whether the source that its settings name is needed, and on no interface.
    pub is_source_missing: bool,
    /// Those of the interfaces of its addresses that exist, by the names that its settings have.
    pub carriers: Vec<(InterfaceName, Carrier)>,
}

impl InterfaceView {
    /// The reasons that an interface can be for not taking part, and whether each holds. A worse
    /// one covers the lesser ones.
    pub(crate) fn faults(&self, is_tracked: bool) -> [(FaultReason, bool); 5] {
        let missing = self.interface.is_none() && !self.is_routed;
        let down = is_tracked && !missing && !self.is_up;
        let no_carrier = is_tracked && !missing && self.is_up && !self.is_running;
        [
            (FaultReason::InterfaceMissing, missing),
            (FaultReason::InterfaceDown, down),
            (FaultReason::NoCarrier, no_carrier),
            (
                FaultReason::Other(Arc::from("the interface is the port of a bridge")),
                self.is_bridge_port,
            ),
            (
                FaultReason::Other(Arc::from("no interface has the source of its adverts")),
                !missing && self.is_source_missing,
            ),
        ]
    }

    /// Whether this is an address that adverts are sent from, or another one of the interface.
    pub(crate) fn is_own(&self, address: IpAddr) -> bool {
        self.primary == Some(address) || self.addresses.contains(&address)
    }

    /// The interface that carries addresses, by the name that the settings have.
    pub(crate) fn carrier(&self, name: InterfaceName) -> Option<&Carrier> {
        self.carriers.iter().find(|(known, _)| *known == name).map(|(_, carrier)| carrier)
    }
}
