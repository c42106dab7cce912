//! Routes in netlink's messages.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use neli::consts::rtnl::{RtAddrFamily, RtScope, RtTable, Rta, RtmF, Rtn, Rtprot};
use neli::rtnl::{Rtmsg, RtmsgBuilder};
use neli::types::{Buffer, RtBuffer};
use vrrp_proto::Family;

use super::message::{attribute, bytes, decode, number, payload};
use crate::address::Scope;
use crate::route::{Hop, Prefix, RouteKey, RouteSpec};

/// linux/rtnetlink.h: `RTAX_LOCK` and `RTAX_CC_ALGO`.
const RTAX_LOCK: u16 = 1;
const RTAX_CC_ALGO: u16 = 16;
/// linux/rtnetlink.h: `RTNH_F_ONLINK`.
const RTNH_F_ONLINK: u8 = 4;
/// struct rtnexthop.
const NEXT_HOP_BYTES: usize = 8;

impl RouteSpec {
    /// The request's body for adding it.
    pub(super) fn to_add(&self) -> Rtmsg {
        let mut attributes = self.identity();
        if let Some(source) = self.preferred_source {
            attributes.push(attribute(Rta::Prefsrc, octets(source)));
        }
        self.push_hops(&mut attributes);
        if let Some(metrics) = self.metrics() {
            attributes.push(attribute(Rta::Metrics, metrics));
        }
        if let Some(preference) = self.preference {
            attributes.push(attribute(Rta::Pref, preference));
        }
        if let Some(seconds) = self.expires_s {
            attributes.push(attribute(Rta::Expires, seconds));
        }
        self.message(attributes, self.effective_scope())
    }

    /// The request's body for removing it: only what tells it from other routes. In version 6 that
    /// is where it leads, too: the kernel makes one route with several next hops of all that have one
    /// destination and metric, whoever added them.
    pub(super) fn to_remove(&self) -> Rtmsg {
        let mut attributes = self.identity();
        if self.family() == Family::V6 {
            self.push_hops(&mut attributes);
        }
        // Of any scope.
        self.message(attributes, Scope::NOWHERE)
    }

    fn push_hops(&self, attributes: &mut RtBuffer<Rta, Buffer>) {
        match self.hops.as_slice() {
            [] => {}
            // Only in the list of several has a next hop flags that neli knows nothing of.
            [hop] if !hop.is_on_link => {
                let here = hop_attributes(self.family(), hop);
                here.into_iter().for_each(|it| attributes.push(it));
            }
            hops => attributes.push(attribute(Rta::Multipath, next_hops(self.family(), hops))),
        }
    }

    fn identity(&self) -> RtBuffer<Rta, Buffer> {
        let mut attributes = RtBuffer::new();
        if self.destination.len > 0 {
            attributes.push(attribute(Rta::Dst, octets(self.destination.address)));
        }
        if let Some(source) = self.source {
            attributes.push(attribute(Rta::Src, octets(source.address)));
        }
        attributes.push(attribute(Rta::Table, self.table));
        if let Some(metric) = self.metric {
            attributes.push(attribute(Rta::Priority, metric));
        }
        attributes
    }

    fn message(&self, attributes: RtBuffer<Rta, Buffer>, scope: Scope) -> Rtmsg {
        RtmsgBuilder::default()
            .rtm_family(match self.family() {
                Family::V4 => RtAddrFamily::Inet,
                Family::V6 => RtAddrFamily::Inet6,
            })
            .rtm_dst_len(self.destination.len)
            .rtm_src_len(self.source.map_or(0, |source| source.len))
            .rtm_tos(self.type_of_service)
            // The attribute has the number: the field is too small for some.
            .rtm_table(RtTable::Unspec)
            .rtm_protocol(Rtprot::from(self.protocol))
            .rtm_scope(RtScope::from(scope.0))
            .rtm_type(Rtn::from(self.kind.0))
            .rtattrs(attributes)
            .build()
            .expect("every field without a default is set")
    }

    /// What the kernel keeps for it; `None` is nothing.
    fn metrics(&self) -> Option<Buffer> {
        let mut metrics: RtBuffer<u16, Buffer> = RtBuffer::new();
        if self.locked_metrics != 0 {
            metrics.push(attribute(RTAX_LOCK, self.locked_metrics));
        }
        for (kind, value) in &self.metrics {
            metrics.push(attribute(*kind, *value));
        }
        if let Some(name) = &self.congestion_control {
            let text = [name.as_bytes(), &[0]].concat();
            metrics.push(attribute(RTAX_CC_ALGO, Buffer::from(text)));
        }
        (!metrics.is_empty()).then(|| bytes(&metrics))
    }
}

/// Where a single next hop is.
fn hop_attributes(family: Family, hop: &Hop) -> RtBuffer<Rta, Buffer> {
    let mut attributes = RtBuffer::new();
    if let Some(gateway) = hop.gateway {
        attributes.push(gateway_attribute(family, gateway));
    }
    if let Some(interface) = hop.interface {
        attributes.push(attribute(Rta::Oif, interface.index.get()));
    }
    if let Some(realms) = hop.realms {
        attributes.push(attribute(Rta::Flow, realms));
    }
    attributes
}

fn gateway_attribute(family: Family, gateway: IpAddr) -> neli::rtnl::Rtattr<Rta, Buffer> {
    if Family::of(gateway) == family {
        return attribute(Rta::Gateway, octets(gateway));
    }
    // struct rtvia: the family, then the address.
    let number = match Family::of(gateway) {
        Family::V4 => libc::AF_INET as u16,
        Family::V6 => libc::AF_INET6 as u16,
    };
    let via = [&number.to_ne_bytes()[..], octets(gateway).as_ref()].concat();
    attribute(Rta::Via, Buffer::from(via))
}

/// struct rtnexthop for each, with its attributes behind it.
fn next_hops(family: Family, hops: &[Hop]) -> Buffer {
    let mut all = Vec::new();
    for hop in hops {
        let mut inner = RtBuffer::new();
        if let Some(gateway) = hop.gateway {
            inner.push(gateway_attribute(family, gateway));
        }
        if let Some(realms) = hop.realms {
            inner.push(attribute(Rta::Flow, realms));
        }
        let inner = bytes(&inner);
        let len = (NEXT_HOP_BYTES + inner.as_ref().len()) as u16;
        all.extend(len.to_ne_bytes());
        all.extend([if hop.is_on_link { RTNH_F_ONLINK } else { 0 }, hop.weight]);
        all.extend(hop.interface.map_or(0, |it| it.index.get()).to_ne_bytes());
        all.extend(inner.as_ref());
    }
    Buffer::from(all)
}

pub(super) fn octets(address: IpAddr) -> Buffer {
    match address {
        IpAddr::V4(address) => Buffer::from(&address.octets()[..]),
        IpAddr::V6(address) => Buffer::from(&address.octets()[..]),
    }
}

impl RouteKey {
    /// Decodes the body of a route message. `None` if it is none of an IP family's, or a copy that
    /// the kernel made for itself.
    pub(crate) fn decode(message: &[u8]) -> Result<Option<Self>, String> {
        let message: Rtmsg = decode(message)?;
        let attributes = message.rtattrs();
        let family = match message.rtm_family() {
            RtAddrFamily::Inet => Family::V4,
            RtAddrFamily::Inet6 => Family::V6,
            _ => return Ok(None),
        };
        if message.rtm_flags().contains(RtmF::CLONED) {
            return Ok(None);
        }
        let prefix = |kind, len| {
            let address = payload(attributes, kind).and_then(ip_of);
            address.map_or(Prefix::all(family), |address| Prefix { address, len })
        };
        let source = prefix(Rta::Src, *message.rtm_src_len());
        let table = number(attributes, Rta::Table);
        Ok(Some(Self {
            table: table.unwrap_or(u8::from(*message.rtm_table()).into()),
            destination: prefix(Rta::Dst, *message.rtm_dst_len()),
            source: Some(source).filter(|source| source.len > 0),
            metric: number(attributes, Rta::Priority).unwrap_or(0),
            type_of_service: *message.rtm_tos(),
            protocol: u8::from(*message.rtm_protocol()),
        }))
    }
}

/// The body of a request about every route.
pub(super) fn every_route() -> Rtmsg {
    RtmsgBuilder::default()
        .rtm_family(RtAddrFamily::Unspecified)
        .rtm_dst_len(0)
        .rtm_src_len(0)
        .rtm_tos(0)
        .rtm_table(RtTable::Unspec)
        .rtm_protocol(Rtprot::Unspec)
        .rtm_scope(RtScope::Universe)
        .rtm_type(Rtn::Unspec)
        .build()
        .expect("every field without a default is set")
}

fn ip_of(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(|octets| Ipv4Addr::from(octets).into()),
        16 => <[u8; 16]>::try_from(bytes).ok().map(|octets| Ipv6Addr::from(octets).into()),
        _ => None,
    }
}
