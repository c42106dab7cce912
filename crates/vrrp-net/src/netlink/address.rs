//! Addresses in netlink's messages.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use neli::consts::rtnl::{Ifa, RtAddrFamily, RtScope};
use neli::rtnl::{Ifaddrmsg, IfaddrmsgBuilder};
use neli::types::{Buffer, RtBuffer};
use vrrp_proto::Label;

use super::message::{attribute, decode, number, payload, string};
use crate::address::{
    AddressFlags, AddressProtocol, AddressSpec, InterfaceAddress, Preferred, Scope,
};
use crate::words::IfIndex;

/// linux/if_addr.h: not among neli's.
const IFA_PROTO: u16 = 11;

impl AddressSpec {
    /// The request's body for adding it.
    pub(super) fn to_add(&self) -> Ifaddrmsg {
        let mut attributes = self.identity();
        if let IpAddr::V4(address) = self.address {
            if let Some(broadcast) = self.broadcast.with(address, self.prefix_len) {
                attributes.push(ip_attribute(Ifa::Broadcast, broadcast.into()));
            }
            if let Some(label) = self.label {
                let text = [label.as_bytes(), &[0]].concat();
                attributes.push(attribute(Ifa::Label, Buffer::from(text)));
            }
        }
        if self.flags != AddressFlags::NONE {
            attributes.push(attribute(Ifa::Flags, self.flags.bits()));
        }
        if self.protocol != AddressProtocol::UNSPECIFIED {
            // What an older kernel does not know, it passes over.
            attributes.push(attribute(Ifa::from(IFA_PROTO), self.protocol.0));
        }
        if self.preferred != Preferred::Forever {
            attributes.push(attribute(Ifa::Cacheinfo, self.lifetimes()));
        }
        self.message(attributes)
    }

    /// The request's body for removing it: only what tells it from other addresses.
    pub(super) fn to_remove(&self) -> Ifaddrmsg {
        self.message(self.identity())
    }

    fn identity(&self) -> RtBuffer<Ifa, Buffer> {
        let mut attributes = RtBuffer::new();
        attributes.push(ip_attribute(Ifa::Local, self.address));
        attributes.push(ip_attribute(Ifa::Address, self.peer.unwrap_or(self.address)));
        attributes
    }

    /// struct ifa_cacheinfo: preferred and valid time in seconds, then two times of the kernel's.
    fn lifetimes(&self) -> Buffer {
        let fields = [self.preferred.secs(), Preferred::INFINITE, 0, 0];
        Buffer::from(fields.map(u32::to_ne_bytes).concat())
    }

    fn message(&self, attributes: RtBuffer<Ifa, Buffer>) -> Ifaddrmsg {
        IfaddrmsgBuilder::default()
            .ifa_family(match self.address {
                IpAddr::V4(_) => RtAddrFamily::Inet,
                IpAddr::V6(_) => RtAddrFamily::Inet6,
            })
            .ifa_prefixlen(self.prefix_len)
            .ifa_scope(RtScope::from(self.scope.0))
            .ifa_index(self.interface.index.get())
            .rtattrs(attributes)
            .build()
            .expect("every field without a default is set")
    }
}

impl InterfaceAddress {
    /// Decodes the body of an address message. `None` if it is none of an IP family's.
    pub(super) fn decode(bytes: &[u8]) -> Result<Option<Self>, String> {
        let message: Ifaddrmsg = decode(bytes)?;
        let attributes = message.rtattrs();
        let ip = |kind| payload(attributes, kind).and_then(ip_of);
        let (local, remote) = (ip(Ifa::Local), ip(Ifa::Address));
        let (Some(interface), Some(address)) =
            (IfIndex::new(*message.ifa_index()), local.or(remote))
        else {
            return Ok(None);
        };
        let flags = number(attributes, Ifa::Flags);
        Ok(Some(Self {
            interface,
            address,
            prefix_len: *message.ifa_prefixlen(),
            peer: remote.filter(|remote| *remote != address),
            broadcast: match ip(Ifa::Broadcast) {
                Some(IpAddr::V4(broadcast)) => Some(broadcast),
                _ => None,
            },
            scope: Scope(u8::from(*message.ifa_scope())),
            flags: AddressFlags(flags.unwrap_or(message.ifa_flags().bits().into())),
            label: string(attributes, Ifa::Label).and_then(|label| Label::from_bytes(label).ok()),
            protocol: payload(attributes, Ifa::from(IFA_PROTO))
                .and_then(|bytes| bytes.first().copied())
                .map(AddressProtocol),
        }))
    }
}

fn ip_attribute(kind: Ifa, address: IpAddr) -> neli::rtnl::Rtattr<Ifa, Buffer> {
    let octets = match address {
        IpAddr::V4(address) => Buffer::from(&address.octets()[..]),
        IpAddr::V6(address) => Buffer::from(&address.octets()[..]),
    };
    attribute(kind, octets)
}

fn ip_of(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(|octets| Ipv4Addr::from(octets).into()),
        16 => <[u8; 16]>::try_from(bytes).ok().map(|octets| Ipv6Addr::from(octets).into()),
        _ => None,
    }
}
