//! The few rtnetlink requests that wires are made of.
//!
//! The lab has its own, and does not borrow those of the daemon under test: a fault there must
//! not be able to hide itself here. For the same reason interfaces and addresses are read with
//! `getifaddrs`.

use std::io;
use std::net::IpAddr;

use neli::consts::nl::NlmF;
use neli::consts::rtnl::{Ifa, IfaF, Iff, Ifla, IflaInfo, RtAddrFamily, RtScope, RtaType, Rtm};
use neli::consts::socket::NlFamily;
use neli::err::SocketError;
use neli::nl::{NlPayload, Nlmsghdr, NlmsghdrBuilder};
use neli::rtnl::{Ifaddrmsg, IfaddrmsgBuilder, Ifinfomsg, IfinfomsgBuilder, Rtattr, RtattrBuilder};
use neli::socket::synchronous::NlSocketHandle;
use neli::types::{Buffer, RtBuffer};
use neli::utils::Groups;
use neli::{FromBytesWithInput, Size, ToBytes};
use nix::errno::Errno;
use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::{LinkAddr, SockaddrStorage};
use vrrp_proto::MacAddress;

use crate::words::{Cidr, Interface};

/// `IFLA_BR_FORWARD_DELAY`, `IFLA_BR_STP_STATE`, `IFLA_BR_MCAST_SNOOPING` (linux/if_link.h).
const BRIDGE_FORWARD_DELAY: u16 = 1;
const BRIDGE_STP_STATE: u16 = 5;
const BRIDGE_MULTICAST_SNOOPING: u16 = 23;
/// `IFLA_BRPORT_UNICAST_FLOOD`, `IFLA_BRPORT_MCAST_FLOOD`, `IFLA_BRPORT_BCAST_FLOOD`.
const PORT_FLOODING: [u16; 3] = [9, 27, 30];
/// `VETH_INFO_PEER` (linux/veth.h).
const VETH_PEER: u16 = 1;

/// Makes a bridge that forwards at once, floods multicast to every port, and shows every frame
/// to a capture on the bridge itself.
pub(crate) fn add_bridge(name: &str) -> io::Result<()> {
    let settings = buffer([
        attribute(BRIDGE_FORWARD_DELAY, 0u32),
        attribute(BRIDGE_STP_STATE, 0u32),
        attribute(BRIDGE_MULTICAST_SNOOPING, 0u8),
    ]);
    let flags = Iff::UP | Iff::PROMISC;
    let link = link_message(0, flags, flags, [named(name), kind("bridge", settings)]);
    request(Rtm::Newlink, NlmF::CREATE | NlmF::EXCL, link)
}

/// Makes the two ends of a cable: `port` in the bridge, and `interface` in the network
/// namespace of process `host_pid`. The port is up, the interface is still down.
pub(crate) fn add_cable(
    bridge: &str,
    port: &str,
    interface: &str,
    mac: MacAddress,
    host_pid: i32,
) -> io::Result<()> {
    let peer = link_message(
        0,
        Iff::empty(),
        Iff::empty(),
        [
            named(interface),
            attribute(Ifla::Address, mac.0.as_slice()),
            attribute(Ifla::NetNsPid, host_pid),
        ],
    );
    let link = link_message(
        0,
        Iff::UP,
        Iff::UP,
        [
            named(port),
            attribute(Ifla::Master, index_of(bridge)?),
            kind("veth", buffer([attribute(VETH_PEER, peer)])),
        ],
    );
    request(Rtm::Newlink, NlmF::CREATE | NlmF::EXCL, link)
}

/// Whether a bridge port passes on frames that are for everyone or for nobody known.
pub(crate) fn set_port_flooding(port: &str, on: bool) -> io::Result<()> {
    let settings = buffer(PORT_FLOODING.map(|kind| attribute(kind, u8::from(on))));
    let info = buffer([
        attribute(IflaInfo::SlaveKind, "bridge"),
        attribute(IflaInfo::SlaveData, settings),
    ]);
    let none = Iff::empty();
    let link = link_message(index_of(port)?, none, none, [attribute(Ifla::Linkinfo, info)]);
    request(Rtm::Newlink, NlmF::empty(), link)
}

/// Sets an interface up or down.
pub(crate) fn set_link(interface: &str, up: bool) -> io::Result<()> {
    let flags = if up { Iff::UP } else { Iff::empty() };
    request(Rtm::Newlink, NlmF::empty(), link_message(index_of(interface)?, flags, Iff::UP, []))
}

/// Removes an interface, and with one end of a cable the other.
pub(crate) fn delete_link(interface: &str) -> io::Result<()> {
    let none = Iff::empty();
    request(Rtm::Dellink, NlmF::empty(), link_message(index_of(interface)?, none, none, []))
}

/// Puts an address on an interface; IPv6 without duplicate address detection.
pub(crate) fn add_address(interface: &str, address: Cidr) -> io::Result<()> {
    request(Rtm::Newaddr, NlmF::CREATE | NlmF::EXCL, address_message(interface, address)?)
}

/// Takes an address off an interface.
pub(crate) fn remove_address(interface: &str, address: Cidr) -> io::Result<()> {
    request(Rtm::Deladdr, NlmF::empty(), address_message(interface, address)?)
}

/// The interfaces with their addresses, in the kernel's order.
pub(crate) fn interfaces() -> io::Result<Vec<Interface>> {
    let mut interfaces: Vec<Interface> = Vec::new();
    for entry in getifaddrs()? {
        // An address goes by its label where it has one, such as `eth0:1`.
        let name = entry.interface_name.split(':').next().unwrap_or_default();
        let position =
            interfaces.iter().position(|known| known.name == name).unwrap_or_else(|| {
                interfaces.push(interface_without_addresses(&entry));
                interfaces.len() - 1
            });
        interfaces[position].addresses.extend(cidr_of(&entry));
    }
    Ok(interfaces)
}

/// The packet address that binds a socket to an interface.
pub(crate) fn link_address(interface: &str) -> io::Result<LinkAddr> {
    getifaddrs()?
        .filter(|entry| entry.interface_name == interface)
        .find_map(|entry| entry.address?.as_link_addr().copied())
        .ok_or_else(|| Errno::ENODEV.into())
}

fn interface_without_addresses(entry: &InterfaceAddress) -> Interface {
    Interface {
        name: entry.interface_name.clone(),
        up: entry.flags.contains(InterfaceFlags::IFF_UP),
        running: entry.flags.contains(InterfaceFlags::IFF_UP | InterfaceFlags::IFF_RUNNING),
        addresses: Vec::new(),
    }
}

fn cidr_of(entry: &InterfaceAddress) -> Option<Cidr> {
    let address = ip_of(entry.address.as_ref()?)?;
    let prefix_bits = match ip_of(entry.netmask.as_ref()?)? {
        IpAddr::V4(mask) => mask.to_bits().count_ones(),
        IpAddr::V6(mask) => mask.to_bits().count_ones(),
    };
    Some(Cidr { address, prefix_bits: u8::try_from(prefix_bits).ok()? })
}

fn ip_of(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
}

fn index_of(interface: &str) -> io::Result<i32> {
    let index = nix::net::if_::if_nametoindex(interface)?;
    i32::try_from(index).map_err(|_| Errno::ENODEV.into())
}

fn address_message(interface: &str, address: Cidr) -> io::Result<Ifaddrmsg> {
    let (family, bytes, flags) = match address.address {
        IpAddr::V4(v4) => (RtAddrFamily::Inet, v4.octets().to_vec(), IfaF::empty()),
        IpAddr::V6(v6) => (RtAddrFamily::Inet6, v6.octets().to_vec(), IfaF::NODAD),
    };
    Ok(IfaddrmsgBuilder::default()
        .ifa_family(family)
        .ifa_prefixlen(address.prefix_bits)
        .ifa_flags(flags)
        .ifa_scope(RtScope::Universe)
        .ifa_index(index_of(interface)?.unsigned_abs())
        .rtattrs(buffer([
            attribute(Ifa::Local, bytes.as_slice()),
            attribute(Ifa::Address, bytes.as_slice()),
        ]))
        .build()
        .expect("every field without a default is set"))
}

fn link_message<const N: usize>(
    index: i32,
    flags: Iff,
    changed: Iff,
    attributes: [Rtattr<Ifla, Buffer>; N],
) -> Ifinfomsg {
    IfinfomsgBuilder::default()
        .ifi_family(RtAddrFamily::Unspecified)
        .ifi_index(index)
        .ifi_flags(flags)
        .ifi_change(changed)
        .rtattrs(buffer(attributes))
        .build()
        .expect("every field without a default is set")
}

fn named(name: &str) -> Rtattr<Ifla, Buffer> {
    attribute(Ifla::Ifname, name)
}

fn kind(kind: &str, settings: RtBuffer<u16, Buffer>) -> Rtattr<Ifla, Buffer> {
    let info = buffer([attribute(IflaInfo::Kind, kind), attribute(IflaInfo::Data, settings)]);
    attribute(Ifla::Linkinfo, info)
}

fn attribute<T: RtaType, P: Size + ToBytes>(kind: T, payload: P) -> Rtattr<T, Buffer> {
    RtattrBuilder::default()
        .rta_type(kind)
        .rta_payload(payload)
        .build()
        .expect("both fields are set and every payload here has a size")
}

fn buffer<T, const N: usize>(attributes: [Rtattr<T, Buffer>; N]) -> RtBuffer<T, Buffer> {
    attributes.into_iter().collect()
}

/// Sends one request and waits for the kernel's acknowledgement.
fn request<M>(kind: Rtm, flags: NlmF, message: M) -> io::Result<()>
where
    M: Size + ToBytes + FromBytesWithInput<Input = usize> + std::fmt::Debug,
{
    let socket =
        NlSocketHandle::connect(NlFamily::Route, None, Groups::empty()).map_err(socket_error)?;
    let header: Nlmsghdr<Rtm, M> = NlmsghdrBuilder::default()
        .nl_type(kind)
        .nl_flags(NlmF::REQUEST | NlmF::ACK | flags)
        .nl_payload(NlPayload::Payload(message))
        .build()
        .expect("every field without a default is set");
    socket.send(&header).map_err(socket_error)?;
    let (replies, _) = socket.recv::<Rtm, M>().map_err(socket_error)?;
    for reply in replies {
        match reply.map_err(socket_error)?.nl_payload() {
            NlPayload::Ack(_) => return Ok(()),
            NlPayload::Err(error) => {
                return Err(io::Error::from_raw_os_error(error.error().saturating_neg()));
            }
            _ => (),
        }
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

fn socket_error(error: SocketError) -> io::Error {
    match error {
        SocketError::Io(error) => match error.raw_os_error() {
            Some(number) => io::Error::from_raw_os_error(number),
            None => error.kind().into(),
        },
        other => io::Error::other(other.to_string()),
    }
}
