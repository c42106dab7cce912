//! Addresses: as they are wanted, and as the kernel has them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use vrrp_proto::Label;

use crate::words::{IfIndex, Interface};

/// How far an address is valid, the kernel's `RT_SCOPE_*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(pub u8);

impl Scope {
    /// Everywhere: `global`.
    pub const GLOBAL: Self = Self(0);
    /// In this site: `site` (IPv6 only, and deprecated).
    pub const SITE: Self = Self(200);
    /// On this link: `link`.
    pub const LINK: Self = Self(253);
    /// On this host: `host`.
    pub const HOST: Self = Self(254);
    /// Nowhere: `nowhere`.
    pub const NOWHERE: Self = Self(255);
}

/// Which broadcast address goes with an IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Broadcast {
    /// None, the default.
    #[default]
    None,
    /// The network's, with all host bits set: `brd +`. There is none with /31 and /32.
    AllOnes,
    /// The network's, with all host bits clear: `brd -`. There is none with /31 and /32.
    AllZeros,
    /// This one.
    Is(Ipv4Addr),
}

impl Broadcast {
    /// The address, for an interface address with this prefix length.
    ///
    /// ```
    /// use std::net::Ipv4Addr;
    /// use vrrp_net::Broadcast;
    ///
    /// let address = Ipv4Addr::new(192, 0, 2, 100);
    /// assert_eq!(Broadcast::AllOnes.with(address, 24), Some(Ipv4Addr::new(192, 0, 2, 255)));
    /// assert_eq!(Broadcast::AllZeros.with(address, 24), Some(Ipv4Addr::new(192, 0, 2, 0)));
    /// assert_eq!(Broadcast::AllOnes.with(address, 32), None);
    /// ```
    pub fn with(self, address: Ipv4Addr, prefix_len: u8) -> Option<Ipv4Addr> {
        let host_bits = || match prefix_len {
            0..=30 => Some(u32::MAX >> prefix_len),
            _ => None,
        };
        match self {
            Self::None => None,
            Self::Is(broadcast) => Some(broadcast),
            Self::AllOnes => Some((address.to_bits() | host_bits()?).into()),
            Self::AllZeros => Some((address.to_bits() & !host_bits()?).into()),
        }
    }
}

/// How long a new connection may use an address as its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Preferred {
    /// For ever.
    Forever,
    /// For so many seconds; with 0 it is never chosen by itself.
    Secs(u32),
}

impl Preferred {
    pub(crate) const INFINITE: u32 = u32::MAX;

    pub(crate) const fn secs(self) -> u32 {
        match self {
            Self::Forever => Self::INFINITE,
            Self::Secs(secs) => secs,
        }
    }
}

/// The kernel's `IFA_F_*`: how an address behaves, or what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct AddressFlags(pub(crate) u32);

impl AddressFlags {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// IPv4: not the first address of its subnet on the interface (IPv6: a temporary one).
    pub const SECONDARY: Self = Self(0x01);
    /// IPv6: in use at once, without asking the link whether somebody has it already.
    pub const NO_DAD: Self = Self(0x02);
    /// IPv6: somebody else has it already, so it is not in use.
    pub const DAD_FAILED: Self = Self(0x08);
    /// IPv6: a mobile node's home address (`home`).
    pub const HOME: Self = Self(0x10);
    /// Not chosen as a source by itself any more.
    pub const DEPRECATED: Self = Self(0x20);
    /// IPv6: the link is still being asked whether somebody has it already.
    pub const TENTATIVE: Self = Self(0x40);
    /// It does not expire.
    pub const PERMANENT: Self = Self(0x80);
    /// IPv6: the kernel makes temporary addresses from it (`mngtmpaddr`).
    pub const MANAGE_TEMPORARY: Self = Self(0x100);
    /// No route for its prefix is made (`noprefixroute`).
    pub const NO_PREFIX_ROUTE: Self = Self(0x200);
    /// The multicast group of that address is joined (`autojoin`).
    pub const AUTO_JOIN: Self = Self(0x400);

    /// These flags and those.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These flags without those.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all those are among these.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The kernel's number.
    pub const fn bits(self) -> u32 {
        self.0
    }
}

/// Who put an address there, the kernel's `IFA_PROTO` (Linux 5.18): 0 says nothing, 1 to 3 are the
/// kernel's own. Other programs tell by it whose an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressProtocol(pub u8);

impl AddressProtocol {
    /// Nothing is said.
    pub const UNSPECIFIED: Self = Self(0);
    /// A virtual router: keepalived's number, which iproute2 and others know by that name.
    pub const VRRP: Self = Self(18);
}

/// An address that is to be added to an interface, or removed from it.
///
/// The fields are those of a line in keepalived.conf's `virtual_ipaddress`; [`AddressSpec::new`]
/// fills in that file's defaults.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AddressSpec {
    /// Where it goes.
    pub interface: Interface,
    /// The address.
    pub address: IpAddr,
    /// The length of its prefix: at most 32 for IPv4 and 128 for IPv6.
    pub prefix_len: u8,
    /// The other end of a point-to-point link.
    pub peer: Option<IpAddr>,
    /// IPv4: the broadcast address.
    pub broadcast: Broadcast,
    /// IPv4: how far it is valid. The kernel finds out by itself for IPv6.
    pub scope: Scope,
    /// IPv4: a label, which must begin with the interface's name to please old tools.
    pub label: Option<Label>,
    /// How long it is chosen as a source; then it is deprecated, but stays.
    pub preferred: Preferred,
    /// [`NO_DAD`](AddressFlags::NO_DAD), [`HOME`](AddressFlags::HOME),
    /// [`MANAGE_TEMPORARY`](AddressFlags::MANAGE_TEMPORARY),
    /// [`NO_PREFIX_ROUTE`](AddressFlags::NO_PREFIX_ROUTE),
    /// [`AUTO_JOIN`](AddressFlags::AUTO_JOIN).
    pub flags: AddressFlags,
    /// Whose it is. Kernels before Linux 5.18 do not keep it.
    pub protocol: AddressProtocol,
}

impl AddressSpec {
    /// An address with the defaults of a virtual one.
    ///
    /// No broadcast, no label, global scope (`host` for 127/8). IPv6: in use at once instead of
    /// after duplicate address detection, since the router before may still answer; and a /128
    /// is never chosen as a source by itself, since this router may lose it at any moment.
    pub fn new(interface: Interface, address: IpAddr, prefix_len: u8) -> Self {
        let is_v6_host = address.is_ipv6() && prefix_len == 128;
        Self {
            interface,
            address,
            prefix_len,
            peer: None,
            broadcast: Broadcast::None,
            scope: match address {
                IpAddr::V4(address) if address.is_loopback() => Scope::HOST,
                _ => Scope::GLOBAL,
            },
            label: None,
            preferred: if is_v6_host { Preferred::Secs(0) } else { Preferred::Forever },
            flags: if address.is_ipv6() { AddressFlags::NO_DAD } else { AddressFlags::NONE },
            protocol: AddressProtocol::VRRP,
        }
    }

    /// Like [`AddressSpec::new`], as a single address: /32 or /128.
    pub fn host(interface: Interface, address: IpAddr) -> Self {
        Self::new(interface, address, if address.is_ipv6() { 128 } else { 32 })
    }

    /// What tells it from other addresses.
    pub fn key(&self) -> AddressKey {
        let Self { interface, address, prefix_len, peer, .. } = *self;
        AddressKey::new(interface.index, address, prefix_len, peer)
    }

    /// Whether this is one and the same address to the kernel.
    pub fn is(&self, there: &InterfaceAddress) -> bool {
        self.key() == there.key()
    }
}

impl fmt::Display for AddressSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} dev {}", self.address, self.prefix_len, self.interface)
    }
}

/// What tells an address from others on the same host.
///
/// The kernel tells two IPv4 addresses of one value apart by interface, prefix length and peer; of
/// IPv6 addresses one interface has each only once, whatever the prefix length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressKey {
    /// Where it is.
    pub interface: IfIndex,
    /// The address.
    pub address: IpAddr,
    /// The length of its prefix.
    pub prefix_len: u8,
    /// The other end of a point-to-point link; `None` also where that is the address itself.
    pub peer: Option<IpAddr>,
}

impl AddressKey {
    fn new(interface: IfIndex, address: IpAddr, prefix_len: u8, peer: Option<IpAddr>) -> Self {
        Self { interface, address, prefix_len, peer: peer.filter(|peer| *peer != address) }
    }
}

impl fmt::Display for AddressKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} dev #{}", self.address, self.prefix_len, self.interface)
    }
}

/// An address as the kernel has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InterfaceAddress {
    /// Where it is.
    pub interface: IfIndex,
    /// The address.
    pub address: IpAddr,
    /// The length of its prefix.
    pub prefix_len: u8,
    /// The other end of a point-to-point link.
    pub peer: Option<IpAddr>,
    /// IPv4: the broadcast address.
    pub broadcast: Option<Ipv4Addr>,
    /// How far it is valid.
    pub scope: Scope,
    /// What it is, and what became of it.
    pub flags: AddressFlags,
    /// IPv4: its label, the interface's name unless somebody said otherwise.
    pub label: Option<Label>,
    /// Who put it there; `None` if the kernel does not say, as before Linux 5.18.
    pub protocol: Option<AddressProtocol>,
}

impl InterfaceAddress {
    /// The address as the kernel has it after it was added, the first of its subnet.
    pub fn of(spec: &AddressSpec) -> Self {
        let deprecated = match spec.preferred {
            Preferred::Secs(0) => AddressFlags::DEPRECATED,
            _ => AddressFlags::NONE,
        };
        let key = spec.key();
        let v4 = match spec.address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        };
        Self {
            interface: key.interface,
            address: key.address,
            prefix_len: key.prefix_len,
            peer: key.peer,
            broadcast: v4.and_then(|address| spec.broadcast.with(address, spec.prefix_len)),
            scope: spec.scope,
            flags: spec.flags.with(AddressFlags::PERMANENT).with(deprecated),
            label: v4.and(spec.label.or(Some(spec.interface.name.into()))),
            protocol: Some(spec.protocol).filter(|it| *it != AddressProtocol::UNSPECIFIED),
        }
    }

    /// What tells it from other addresses.
    pub fn key(&self) -> AddressKey {
        AddressKey::new(self.interface, self.address, self.prefix_len, self.peer)
    }

    /// Whether packets can be sent from it now: it is neither tentative nor a duplicate.
    pub const fn is_usable(&self) -> bool {
        !self.flags.contains(AddressFlags::TENTATIVE)
            && !self.flags.contains(AddressFlags::DAD_FAILED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broadcast_address_is_computed_for_every_prefix_that_has_one() {
        let address = Ipv4Addr::new(203, 0, 113, 77);
        for (prefix_len, ones, zeros) in [
            (0, [255, 255, 255, 255], [0, 0, 0, 0]),
            (8, [203, 255, 255, 255], [203, 0, 0, 0]),
            (28, [203, 0, 113, 79], [203, 0, 113, 64]),
            (30, [203, 0, 113, 79], [203, 0, 113, 76]),
        ] {
            assert_eq!(Broadcast::AllOnes.with(address, prefix_len), Some(ones.into()));
            assert_eq!(Broadcast::AllZeros.with(address, prefix_len), Some(zeros.into()));
        }
        for prefix_len in 31..=255 {
            assert_eq!(Broadcast::AllOnes.with(address, prefix_len), None);
            assert_eq!(Broadcast::AllZeros.with(address, prefix_len), None);
        }
        assert_eq!(Broadcast::Is(address).with(address, 32), Some(address));
        assert_eq!(Broadcast::None.with(address, 24), None);
    }
}
