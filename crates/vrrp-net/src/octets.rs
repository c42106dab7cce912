//! Objects and packets as octets, for another process of this program on the same host: numbers are
//! in the machine's order, and whoever writes and reads is of one version.

use std::net::IpAddr;

use vrrp_proto::{AuthHeader, Family, InterfaceName, IpMeta};

use crate::address::AddressSpec;
use crate::filter::Filter;
use crate::object::Object;
use crate::route::{Hop, Prefix, RouteKind, RouteSpec};
use crate::rule::{RuleAction, RuleSpec};
use crate::words::{IfIndex, Interface};

/// A packet with a VRRP message, and where it is to leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// The interface; without one it follows the routing table.
    pub interface: Option<Interface>,
    /// Its addresses, its hop limit and what proves it.
    pub ip: IpMeta,
    /// The VRRP message and what stands behind it.
    pub message: Vec<u8>,
}

const ADDRESS: u8 = 1;
const FILTER: u8 = 2;
const ROUTE: u8 = 3;
const RULE: u8 = 4;
const V4: u8 = 4;
const V6: u8 = 6;
const NONE: u8 = 0;
const SOME: u8 = 1;

impl Object {
    /// Appends what [`Change::Remove`](crate::Change::Remove) needs to know of it.
    pub fn write_octets(&self, into: &mut Vec<u8>) {
        match self {
            Self::Address(spec) => {
                into.push(ADDRESS);
                write_interface(spec.interface, into);
                write_address(spec.address, into);
                into.push(spec.prefix_len);
                write_option(spec.peer, into, write_address);
            }
            Self::Filter(filter) => {
                into.push(FILTER);
                write_name(filter.table.as_bytes(), into);
                write_address(filter.address, into);
                write_option(filter.interface, into, |index, into| write_u32(index.get(), into));
            }
            Self::Route(route) => {
                into.push(ROUTE);
                into.extend([route.kind.0, route.protocol, route.type_of_service]);
                write_prefix(route.destination, into);
                write_option(route.source, into, write_prefix);
                write_u32(route.table, into);
                write_option(route.metric, into, write_u32);
                write_u32(route.hops.len() as u32, into);
                route.hops.iter().for_each(|hop| write_hop(*hop, into));
            }
            Self::Rule(rule) => {
                into.push(RULE);
                write_rule(rule, into);
            }
        }
    }

    /// Takes what [`write_octets`](Self::write_octets) has appended off the front; `None` if it is
    /// something else. Only its [`key`](Self::key) is as it was.
    pub fn read_octets(from: &mut &[u8]) -> Option<Self> {
        match read_u8(from)? {
            ADDRESS => {
                let (interface, address) = (read_interface(from)?, read_address(from)?);
                let spec = AddressSpec::new(interface, address, read_u8(from)?);
                let peer = read_option(from, read_address)?;
                Some(Self::Address(AddressSpec { peer, ..spec }))
            }
            FILTER => {
                let table = std::str::from_utf8(read_name(from)?).ok()?.parse().ok()?;
                let address = read_address(from)?;
                let interface = read_option(from, |from| IfIndex::new(read_u32(from)?))?;
                Some(Self::Filter(Filter { table, address, interface }))
            }
            ROUTE => {
                let (kind, protocol) = (RouteKind(read_u8(from)?), read_u8(from)?);
                let type_of_service = read_u8(from)?;
                let to = RouteSpec::to(read_prefix(from)?);
                let source = read_option(from, read_prefix)?;
                let (table, metric) = (read_u32(from)?, read_option(from, read_u32)?);
                let hops = (0..read_u32(from)?).map(|_| read_hop(from)).collect::<Option<_>>()?;
                let route = RouteSpec {
                    kind,
                    protocol,
                    type_of_service,
                    source,
                    table,
                    metric,
                    hops,
                    ..to
                };
                Some(route.into())
            }
            RULE => read_rule(from).map(Self::from),
            _ => None,
        }
    }
}

impl Packet {
    /// Appends it as octets.
    pub fn write_octets(&self, into: &mut Vec<u8>) {
        let Self { interface, ip, message } = self;
        write_option(*interface, into, write_interface);
        write_address(ip.source, into);
        write_address(ip.destination, into);
        into.push(ip.hop_limit);
        into.extend(ip.identification.to_ne_bytes());
        let header = ip.auth_header.as_ref().map_or(&[][..], |header| header.as_octets());
        into.push(if header.is_empty() { NONE } else { SOME });
        write_u32((header.len() + message.len()) as u32, into);
        into.extend(header);
        into.extend(message);
    }

    /// Takes what [`write_octets`](Self::write_octets) has appended off the front; `None` if it is
    /// something else.
    pub fn read_octets(from: &mut &[u8]) -> Option<Self> {
        let interface = read_option(from, read_interface)?;
        let (source, destination) = (read_address(from)?, read_address(from)?);
        let mut ip = IpMeta::new(source, destination, read_u8(from)?);
        ip.identification = u16::from_ne_bytes(read_array(from)?);
        let is_proven = read_u8(from)? == SOME;
        let len = read_u32(from)? as usize;
        let mut message = from.split_off(..len)?;
        if is_proven {
            let (header, _, rest) = AuthHeader::split(message).ok()?;
            (ip.auth_header, message) = (Some(header), rest);
        }
        Some(Self { interface, ip, message: message.to_vec() })
    }
}

fn write_hop(hop: Hop, into: &mut Vec<u8>) {
    write_option(hop.gateway, into, write_address);
    write_option(hop.interface, into, write_interface);
    into.extend([hop.is_on_link.into(), hop.weight]);
    write_option(hop.realms, into, write_u32);
}

fn read_hop(from: &mut &[u8]) -> Option<Hop> {
    let (gateway, interface) =
        (read_option(from, read_address)?, read_option(from, read_interface)?);
    let [is_on_link, weight] = read_array(from)?;
    let realms = read_option(from, read_u32)?;
    Some(Hop { gateway, interface, is_on_link: is_on_link != 0, weight, realms })
}

/// All of a rule: the kernel knows it by nothing less.
fn write_rule(rule: &RuleSpec, into: &mut Vec<u8>) {
    let name = |name: InterfaceName, into: &mut Vec<u8>| write_name(name.as_bytes(), into);
    let pair = |(from, to): (u32, u32), into: &mut Vec<u8>| {
        write_u32(from, into);
        write_u32(to, into);
    };
    let ports = |range: Option<(u16, u16)>| range.map(|(from, to)| (from.into(), to.into()));
    into.push(match rule.family {
        Family::V4 => V4,
        Family::V6 => V6,
    });
    write_u32(rule.preference, into);
    into.extend([rule.is_inverted.into(), rule.type_of_service, rule.protocol]);
    write_option(rule.from, into, write_prefix);
    write_option(rule.to, into, write_prefix);
    write_option(rule.input, into, name);
    write_option(rule.output, into, name);
    write_option(rule.mark, into, pair);
    write_option(rule.ip_protocol, into, |number, into| into.push(number));
    write_option(ports(rule.source_ports), into, pair);
    write_option(ports(rule.destination_ports), into, pair);
    write_option(rule.users, into, pair);
    write_option(rule.tunnel, into, |key, into| into.extend(key.to_ne_bytes()));
    let (kind, number) = match rule.action {
        RuleAction::Table(table) => (1, table),
        RuleAction::L3Mdev => (2, 0),
        RuleAction::Goto(preference) => (3, preference),
        RuleAction::Nop => (4, 0),
        RuleAction::Blackhole => (5, 0),
        RuleAction::Unreachable => (6, 0),
        RuleAction::Prohibit => (7, 0),
    };
    into.push(kind);
    write_u32(number, into);
    write_option(rule.suppress_prefix_len, into, |len, into| into.push(len));
    write_option(rule.suppress_group, into, write_u32);
    write_option(rule.realms, into, write_u32);
}

fn read_rule(from: &mut &[u8]) -> Option<RuleSpec> {
    let name = |from: &mut &[u8]| std::str::from_utf8(read_name(from)?).ok()?.parse().ok();
    let pair = |from: &mut &[u8]| Some((read_u32(from)?, read_u32(from)?));
    let ports = |from: &mut &[u8]| -> Option<(u16, u16)> {
        Some((read_u32(from)?.try_into().ok()?, read_u32(from)?.try_into().ok()?))
    };
    let family = match read_u8(from)? {
        V4 => Family::V4,
        V6 => Family::V6,
        _ => return None,
    };
    let preference = read_u32(from)?;
    let [is_inverted, type_of_service, protocol] = read_array(from)?;
    let mut rule = RuleSpec {
        is_inverted: is_inverted != 0,
        type_of_service,
        protocol,
        from: read_option(from, read_prefix)?,
        to: read_option(from, read_prefix)?,
        input: read_option(from, name)?,
        output: read_option(from, name)?,
        mark: read_option(from, pair)?,
        ip_protocol: read_option(from, read_u8)?,
        source_ports: read_option(from, ports)?,
        destination_ports: read_option(from, ports)?,
        users: read_option(from, pair)?,
        tunnel: read_option(from, |from| read_array(from).map(u64::from_ne_bytes))?,
        ..RuleSpec::new(family, preference, RuleAction::Nop)
    };
    let (kind, number) = (read_u8(from)?, read_u32(from)?);
    rule.action = match kind {
        1 => RuleAction::Table(number),
        2 => RuleAction::L3Mdev,
        3 => RuleAction::Goto(number),
        4 => RuleAction::Nop,
        5 => RuleAction::Blackhole,
        6 => RuleAction::Unreachable,
        7 => RuleAction::Prohibit,
        _ => return None,
    };
    rule.suppress_prefix_len = read_option(from, read_u8)?;
    rule.suppress_group = read_option(from, read_u32)?;
    rule.realms = read_option(from, read_u32)?;
    Some(rule)
}

fn write_u32(number: u32, into: &mut Vec<u8>) {
    into.extend(number.to_ne_bytes());
}

/// A name: it has far less than 256 octets.
fn write_name(name: &[u8], into: &mut Vec<u8>) {
    into.push(name.len() as u8);
    into.extend(name);
}

fn write_interface(interface: Interface, into: &mut Vec<u8>) {
    write_u32(interface.index.get(), into);
    write_name(interface.name.as_bytes(), into);
}

fn write_address(address: IpAddr, into: &mut Vec<u8>) {
    match address {
        IpAddr::V4(address) => {
            into.push(V4);
            into.extend(address.octets());
        }
        IpAddr::V6(address) => {
            into.push(V6);
            into.extend(address.octets());
        }
    }
}

fn write_prefix(prefix: Prefix, into: &mut Vec<u8>) {
    write_address(prefix.address, into);
    into.push(prefix.len);
}

fn write_option<T>(value: Option<T>, into: &mut Vec<u8>, write: impl Fn(T, &mut Vec<u8>)) {
    into.push(if value.is_some() { SOME } else { NONE });
    if let Some(value) = value {
        write(value, into);
    }
}

fn read_prefix(from: &mut &[u8]) -> Option<Prefix> {
    Some(Prefix { address: read_address(from)?, len: read_u8(from)? })
}

fn read_array<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    from.split_off(..N)?.try_into().ok()
}

fn read_u8(from: &mut &[u8]) -> Option<u8> {
    from.split_off_first().copied()
}

fn read_u32(from: &mut &[u8]) -> Option<u32> {
    read_array(from).map(u32::from_ne_bytes)
}

fn read_name<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::from(read_u8(from)?);
    from.split_off(..len)
}

fn read_interface(from: &mut &[u8]) -> Option<Interface> {
    let index = IfIndex::new(read_u32(from)?)?;
    Some(Interface { index, name: InterfaceName::from_bytes(read_name(from)?).ok()? })
}

fn read_address(from: &mut &[u8]) -> Option<IpAddr> {
    match read_u8(from)? {
        V4 => read_array::<4>(from).map(IpAddr::from),
        V6 => read_array::<16>(from).map(IpAddr::from),
        _ => None,
    }
}

fn read_option<T>(from: &mut &[u8], read: impl Fn(&mut &[u8]) -> Option<T>) -> Option<Option<T>> {
    match read_u8(from)? {
        NONE => Some(None),
        SOME => read(from).map(Some),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eth0() -> Interface {
        Interface { index: IfIndex::new(7).unwrap(), name: "eth0".parse().unwrap() }
    }

    fn objects() -> Vec<Object> {
        let v4 = AddressSpec::new(eth0(), [192, 0, 2, 1].into(), 24);
        let peer = Some(IpAddr::from([192, 0, 2, 9]));
        let v6: IpAddr = "fe80::1".parse().unwrap();
        let table = vrrp_proto::TableName::default();
        let hop = Hop { gateway: peer, interface: Some(eth0()), ..Hop::default() };
        let prefix = Prefix { address: [198, 51, 100, 0].into(), len: 24 };
        let action = RuleAction::Table(1000);
        vec![
            v4.clone().into(),
            AddressSpec { peer, ..v4 }.into(),
            AddressSpec::new(eth0(), v6, 64).into(),
            Filter::new(table, v6, eth0()).into(),
            Filter::new(table, [192, 0, 2, 1].into(), eth0()).into(),
            RouteSpec { hops: vec![hop], ..RouteSpec::to(prefix) }.into(),
            RuleSpec { from: Some(prefix), ..RuleSpec::new(Family::V4, 9, action) }.into(),
        ]
    }

    #[test]
    fn objects_come_back_by_their_keys_and_none_comes_out_of_a_part() {
        let mut octets = Vec::new();
        objects().iter().for_each(|object| object.write_octets(&mut octets));
        let mut left = &octets[..];
        for object in objects() {
            assert_eq!(Object::read_octets(&mut left).unwrap().key(), object.key());
        }
        assert!(left.is_empty());
        for object in objects() {
            let mut octets = Vec::new();
            object.write_octets(&mut octets);
            for len in 0..octets.len() {
                assert_eq!(Object::read_octets(&mut &octets[..len]), None);
            }
        }
    }

    #[test]
    fn packets_come_back_whole_and_none_comes_out_of_a_part() {
        let to = IpAddr::from([224, 0, 0, 18]);
        let mut ip = IpMeta::new([192, 0, 2, 1].into(), to, 254);
        let plain = Packet { interface: Some(eth0()), ip, message: vec![0x31; 20] };
        let mut header = [7; vrrp_proto::AUTH_HEADER_LEN];
        header[..4].copy_from_slice(&[vrrp_proto::PROTOCOL, 4, 0, 0]);
        (ip.identification, ip.auth_header) = (9, Some(AuthHeader::split(&header).unwrap().0));
        let proven = Packet { interface: None, ip, message: vec![0x21; 20] };
        for packet in [plain, proven] {
            let mut octets = Vec::new();
            packet.write_octets(&mut octets);
            for len in 0..octets.len() {
                assert_eq!(Packet::read_octets(&mut &octets[..len]), None);
            }
            assert_eq!(Packet::read_octets(&mut &octets[..]), Some(packet));
        }
    }
}
