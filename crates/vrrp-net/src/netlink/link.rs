//! Links: as the kernel has them, and as they are made and changed.

use std::os::fd::{AsRawFd, BorrowedFd};

use neli::consts::rtnl::{Iff, Ifla, IflaInfo, RtAddrFamily};
use neli::rtnl::{Ifinfomsg, IfinfomsgBuilder, Rtattr};
use neli::types::{Buffer, RtBuffer};

use super::message::{attribute, decode, number, payload, string};
use vrrp_proto::{InterfaceName, MacAddress};

use crate::words::{IfIndex, Interface};

/// linux/if_link.h: among what is said of IPv6 on a link, its settings.
const IFLA_INET6_CONF: u16 = 2;
/// linux/netconf.h.
const NETCONFA_IFINDEX: u16 = 1;
const NETCONFA_FORWARDING: u16 = 2;

/// The kernel's `IFF_*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct LinkFlags(u32);

impl LinkFlags {
    /// An administrator wants it to work (`IFF_UP`).
    pub const UP: Self = Self(0x1);
    /// It has a broadcast address.
    pub const BROADCAST: Self = Self(0x2);
    /// It is the loopback interface.
    pub const LOOPBACK: Self = Self(0x8);
    /// It has one other end only.
    pub const POINT_TO_POINT: Self = Self(0x10);
    /// It works: the operational state is up or unknown (`IFF_RUNNING`).
    pub const RUNNING: Self = Self(0x40);
    /// It has no ARP.
    pub const NO_ARP: Self = Self(0x80);
    /// It can send to multicast groups.
    pub const MULTICAST: Self = Self(0x1000);
    /// There is a carrier: a cable, and somebody at its other end (`IFF_LOWER_UP`).
    pub const LOWER_UP: Self = Self(0x1_0000);

    /// The flags in this number of the kernel's.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The kernel's number.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// These flags and those.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all those are among these.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The operational state of a link (RFC 2863, `IF_OPER_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OperationalState {
    /// The driver does not say.
    Unknown,
    /// Part of it is missing.
    NotPresent,
    /// It does not work.
    Down,
    /// The link below it does not work.
    LowerLayerDown,
    /// It is being tested.
    Testing,
    /// It waits for something outside, such as an authentication.
    Dormant,
    /// It works.
    Up,
    /// A number that this crate does not know.
    Other(u8),
}

impl From<u8> for OperationalState {
    fn from(number: u8) -> Self {
        match number {
            0 => Self::Unknown,
            1 => Self::NotPresent,
            2 => Self::Down,
            3 => Self::LowerLayerDown,
            4 => Self::Testing,
            5 => Self::Dormant,
            6 => Self::Up,
            other => Self::Other(other),
        }
    }
}

/// A link as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its index and its name.
    pub interface: Interface,
    /// Its hardware address, where that is an Ethernet one.
    pub mac: Option<MacAddress>,
    /// The largest packet that it carries, in bytes.
    pub mtu_bytes: u32,
    /// What it is and how it does.
    pub flags: LinkFlags,
    /// How it does, in more words than the flags have.
    pub operational_state: OperationalState,
    /// The driver's word for a virtual link, such as `veth` or `macvlan`.
    pub kind: Option<Box<str>>,
    /// The bridge, bond or VRF that it is in.
    pub master: Option<IfIndex>,
    /// The link below it or at its other end, which may be in another namespace.
    pub lower: Option<IfIndex>,
    /// Whether this host forwards IPv6 packets that arrive on it (`net.ipv6.conf.*.forwarding`).
    pub forwards_ipv6: bool,
}

impl Link {
    /// Whether an administrator wants it to work.
    pub const fn is_up(&self) -> bool {
        self.flags.contains(LinkFlags::UP)
    }

    /// Whether it works: wanted, and running.
    pub const fn is_running(&self) -> bool {
        self.flags.contains(LinkFlags::UP.with(LinkFlags::RUNNING))
    }

    /// Whether there is a carrier. A link that is not up has none.
    pub const fn has_carrier(&self) -> bool {
        self.flags.contains(LinkFlags::LOWER_UP)
    }

    /// Decodes the body of a link message.
    ///
    /// `None` if it is not about a link as such: when a port leaves a bridge, the bridge says
    /// "deleted" in its own family, and the link is still there.
    pub(super) fn decode(bytes: &[u8]) -> Result<Option<Self>, String> {
        let message: Ifinfomsg = decode(bytes)?;
        if *message.ifi_family() != RtAddrFamily::Unspecified {
            return Ok(None);
        }
        let attributes = message.rtattrs();
        let index = u32::try_from(*message.ifi_index()).ok().and_then(IfIndex::new);
        let name =
            string(attributes, Ifla::Ifname).and_then(|name| InterfaceName::from_bytes(name).ok());
        let (Some(index), Some(name)) = (index, name) else {
            return Err("a link without an index or a name".to_owned());
        };
        let link = |kind| number(attributes, kind).and_then(IfIndex::new);
        let mac = payload(attributes, Ifla::Address).and_then(|mac| mac.try_into().ok());
        Ok(Some(Self {
            interface: Interface { index, name },
            mac: mac.map(MacAddress),
            mtu_bytes: number(attributes, Ifla::Mtu).unwrap_or_default(),
            flags: LinkFlags(message.ifi_flags().bits()),
            operational_state: payload(attributes, Ifla::Operstate)
                .and_then(|state| state.first().copied())
                .unwrap_or_default()
                .into(),
            kind: kind_of(attributes)?,
            master: link(Ifla::Master),
            lower: link(Ifla::Link),
            forwards_ipv6: forwards_ipv6(attributes)?,
        }))
    }
}

/// What is said of IPv6 on a link is a list of numbers, of which the first is its forwarding.
fn forwards_ipv6(attributes: &RtBuffer<Ifla, Buffer>) -> Result<bool, String> {
    let Some(bytes) = payload(attributes, Ifla::AfSpec) else { return Ok(false) };
    let families: RtBuffer<u16, Buffer> = decode(bytes)?;
    let Some(bytes) = payload(&families, libc::AF_INET6 as u16) else { return Ok(false) };
    let of_ipv6: RtBuffer<u16, Buffer> = decode(bytes)?;
    let first = payload(&of_ipv6, IFLA_INET6_CONF).and_then(|numbers| numbers.first_chunk());
    Ok(first.is_some_and(|number| i32::from_ne_bytes(*number) > 0))
}

/// A link whose forwarding of IPv6 packets has changed, and to what, out of the body of a message
/// about the configuration of a family. `None` if it is about something else.
pub(super) fn decode_forwarding(bytes: &[u8]) -> Result<Option<(IfIndex, bool)>, String> {
    // struct netconfmsg: the family, and padding.
    let Some((&[family, ..], attributes)) = bytes.split_first_chunk::<4>() else {
        return Err("a configuration without a family".to_owned());
    };
    if i32::from(family) != libc::AF_INET6 {
        return Ok(None);
    }
    let attributes: RtBuffer<u16, Buffer> = decode(attributes)?;
    let index = number(&attributes, NETCONFA_IFINDEX);
    // Those of all links and of future ones have numbers that are no link's.
    let index = index.filter(|index| i32::try_from(*index).is_ok()).and_then(IfIndex::new);
    Ok(index.zip(number(&attributes, NETCONFA_FORWARDING).map(|number| number > 0)))
}

fn kind_of(attributes: &RtBuffer<Ifla, Buffer>) -> Result<Option<Box<str>>, String> {
    let Some(bytes) = payload(attributes, Ifla::Linkinfo) else { return Ok(None) };
    let info: RtBuffer<IflaInfo, Buffer> = decode(bytes)?;
    Ok(string(&info, IflaInfo::Kind).map(|kind| String::from_utf8_lossy(kind).into()))
}

/// A network namespace.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum NetNs<'a> {
    /// The one behind this descriptor.
    Fd(BorrowedFd<'a>),
    /// The one that this process (or thread) is in.
    Pid(u32),
}

impl NetNs<'_> {
    fn attribute(self) -> Rtattr<Ifla, Buffer> {
        match self {
            Self::Fd(fd) => attribute(Ifla::NetNsFd, fd.as_raw_fd()),
            Self::Pid(pid) => attribute(Ifla::NetNsPid, pid),
        }
    }
}

/// How the macvlans of one link reach each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MacvlanMode {
    /// Not at all.
    Private,
    /// Through a switch outside that sends frames back.
    Vepa,
    /// Directly.
    Bridge,
    /// There is one, and it has the whole link.
    Passthru,
}

impl MacvlanMode {
    const fn number(self) -> u32 {
        match self {
            Self::Private => 1,
            Self::Vepa => 2,
            Self::Bridge => 4,
            Self::Passthru => 8,
        }
    }
}

/// The other end of a new veth pair.
#[derive(Debug, Clone, Copy)]
pub struct VethPeer<'a> {
    /// Its name.
    pub name: InterfaceName,
    /// Its hardware address; `None`: a random one.
    pub mac: Option<MacAddress>,
    /// The namespace that it is made in; `None`: this one.
    pub netns: Option<NetNs<'a>>,
}

/// What a new link is.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum NewLinkKind<'a> {
    /// One end of a cable.
    Veth(VethPeer<'a>),
    /// A switch.
    Bridge,
    /// A second hardware address on another link.
    Macvlan {
        /// That link.
        parent: IfIndex,
        /// How its macvlans reach each other.
        mode: MacvlanMode,
    },
}

/// A link that is to be made. It is down at first.
#[derive(Debug, Clone, Copy)]
pub struct NewLink<'a> {
    /// Its name.
    pub name: InterfaceName,
    /// What it is.
    pub kind: NewLinkKind<'a>,
    /// Its hardware address; `None`: a random one.
    pub mac: Option<MacAddress>,
}

/// linux/if_link.h: the attributes inside a kind's own data.
const VETH_INFO_PEER: u16 = 1;
const IFLA_MACVLAN_MODE: u16 = 1;

impl NewLink<'_> {
    /// The request's body.
    pub(super) fn message(&self) -> Ifinfomsg {
        let mut attributes = named(self.name, self.mac);
        if let NewLinkKind::Macvlan { parent, .. } = self.kind {
            attributes.push(attribute(Ifla::Link, parent.get()));
        }
        attributes.push(attribute(Ifla::Linkinfo, self.info()));
        link_message(None, Iff::empty(), Iff::empty(), attributes)
    }

    fn info(&self) -> RtBuffer<IflaInfo, Buffer> {
        let (kind, data) = match self.kind {
            NewLinkKind::Bridge => ("bridge", None),
            NewLinkKind::Veth(peer) => ("veth", Some(attribute(VETH_INFO_PEER, peer.message()))),
            NewLinkKind::Macvlan { mode, .. } => {
                ("macvlan", Some(attribute(IFLA_MACVLAN_MODE, mode.number())))
            }
        };
        let mut info = RtBuffer::new();
        info.push(attribute(IflaInfo::Kind, kind));
        if let Some(data) = data {
            info.push(attribute(IflaInfo::Data, data));
        }
        info
    }
}

impl VethPeer<'_> {
    fn message(&self) -> Ifinfomsg {
        let mut attributes = named(self.name, self.mac);
        if let Some(netns) = self.netns {
            attributes.push(netns.attribute());
        }
        link_message(None, Iff::empty(), Iff::empty(), attributes)
    }
}

/// What is to change about a link; what is `None` stays.
#[derive(Debug, Clone, Copy, Default)]
pub struct LinkChange<'a> {
    /// Up or down.
    pub up: Option<bool>,
    /// Another name. Older kernels demand that the link be down.
    pub name: Option<InterfaceName>,
    /// Another hardware address.
    pub mac: Option<MacAddress>,
    /// Another size of the largest packet, in bytes.
    pub mtu_bytes: Option<u32>,
    /// Into this bridge, or out of the one that it is in.
    pub master: Option<Option<IfIndex>>,
    /// Into this namespace, where it has another index and is down.
    pub netns: Option<NetNs<'a>>,
}

impl LinkChange<'_> {
    /// Brings it up.
    pub const UP: LinkChange<'static> = LinkChange { up: Some(true), ..LinkChange::NOTHING };
    /// Takes it down.
    pub const DOWN: LinkChange<'static> = LinkChange { up: Some(false), ..LinkChange::NOTHING };

    const NOTHING: LinkChange<'static> =
        LinkChange { up: None, name: None, mac: None, mtu_bytes: None, master: None, netns: None };

    /// The request's body.
    pub(super) fn message(&self, index: IfIndex) -> Ifinfomsg {
        let mut attributes = RtBuffer::new();
        if let Some(name) = self.name {
            attributes.push(name_attribute(name));
        }
        if let Some(mac) = self.mac {
            attributes.push(mac_attribute(mac));
        }
        if let Some(mtu_bytes) = self.mtu_bytes {
            attributes.push(attribute(Ifla::Mtu, mtu_bytes));
        }
        if let Some(master) = self.master {
            attributes.push(attribute(Ifla::Master, master.map_or(0, IfIndex::get)));
        }
        if let Some(netns) = self.netns {
            attributes.push(netns.attribute());
        }
        let (flags, mask) = match self.up {
            Some(true) => (Iff::UP, Iff::UP),
            Some(false) => (Iff::empty(), Iff::UP),
            None => (Iff::empty(), Iff::empty()),
        };
        link_message(Some(index), flags, mask, attributes)
    }
}

/// The body of a request about the link with this index, and about nothing of it.
pub(super) fn by_index(index: IfIndex) -> Ifinfomsg {
    link_message(Some(index), Iff::empty(), Iff::empty(), RtBuffer::new())
}

/// The body of a request about the link with this name.
pub(super) fn by_name(name: InterfaceName) -> Ifinfomsg {
    link_message(None, Iff::empty(), Iff::empty(), named(name, None))
}

/// The body of a request about every link.
pub(super) fn every_link() -> Ifinfomsg {
    link_message(None, Iff::empty(), Iff::empty(), RtBuffer::new())
}

pub(super) fn link_message(
    index: Option<IfIndex>,
    flags: Iff,
    mask: Iff,
    attributes: RtBuffer<Ifla, Buffer>,
) -> Ifinfomsg {
    IfinfomsgBuilder::default()
        .ifi_family(RtAddrFamily::Unspecified)
        .ifi_index(index.map_or(0, IfIndex::as_i32))
        .ifi_flags(flags)
        .ifi_change(mask)
        .rtattrs(attributes)
        .build()
        .expect("every field without a default is set")
}

fn named(name: InterfaceName, mac: Option<MacAddress>) -> RtBuffer<Ifla, Buffer> {
    [Some(name_attribute(name)), mac.map(mac_attribute)].into_iter().flatten().collect()
}

fn name_attribute(name: InterfaceName) -> Rtattr<Ifla, Buffer> {
    attribute(Ifla::Ifname, Buffer::from([name.as_bytes(), &[0]].concat()))
}

fn mac_attribute(mac: MacAddress) -> Rtattr<Ifla, Buffer> {
    attribute(Ifla::Address, Buffer::from(&mac.octets()[..]))
}
