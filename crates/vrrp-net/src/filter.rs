//! A packet filter: an address of this host at which nothing may arrive.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use vrrp_proto::TableName;

use crate::words::{IfIndex, Interface};

/// Drops every packet to an address of this host, except what IPv6 finds neighbours with
/// (RFC 9568 §6.4.3, Accept_Mode false). What the host forwards is not touched, and ARP is none of
/// its business.
///
/// It needs no address to be there, so that it can be there before the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Filter {
    /// The table of nftables that it is in, of the family `inet`. What is in it is this crate's.
    pub table: TableName,
    /// The address.
    pub address: IpAddr,
    /// The interface, for a link-local IPv6 address alone: other interfaces may have the same.
    pub interface: Option<IfIndex>,
}

impl Filter {
    /// The filter of an address that is on this interface.
    pub fn new(table: TableName, address: IpAddr, on: Interface) -> Self {
        let is_of_link = |address: Ipv6Addr| address.is_unicast_link_local();
        let interface = match address {
            IpAddr::V6(address) if is_of_link(address) => Some(on.index),
            _ => None,
        };
        Self { table, address, interface }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, address, interface } = self;
        write!(f, "{address}")?;
        if let Some(interface) = interface {
            write!(f, " dev #{interface}")?;
        }
        write!(f, " (table inet {table})")
    }
}
