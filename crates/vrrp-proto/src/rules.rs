//! What a virtual router demands of the adverts that it listens to.

use core::net::IpAddr;

use crate::addresses::Addresses;
use crate::auth::Authentication;
use crate::ip::IpMeta;
use crate::numbers::group;
use crate::words::{Family, HopLimits, Interval, Version, Vrid};

/// What [`Advert::parse`](crate::Advert::parse) demands: the virtual router's own settings, and
/// what this router knows about itself.
///
/// The rules borrow what can change while a router runs, so they are put together for each
/// packet, at the price of copying a few words. Start from [`Rules::new`] and change the fields
/// that differ:
///
/// ```
/// use vrrp_proto::{AddressList, Authentication, Family, Interval, Password, Rules, Version, Vrid};
///
/// let addresses = AddressList::from_addresses(Family::V4, ["192.0.2.100".parse()?])?;
/// let own_sources = ["192.0.2.1".parse()?];
/// let password = Password::from_text("s3cr3t");
/// let rules = Rules {
///     authentication: Authentication::Password(&password),
///     own_sources: &own_sources,
///     ..Rules::new(Version::V2, Vrid::try_from(51)?, Interval::DEFAULT, addresses.as_addresses())
/// };
/// assert_eq!(rules.family(), Family::V4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// The version that the virtual router speaks. VRRPv2 is IPv4's alone.
    pub version: Version,
    /// The virtual router's number.
    pub vrid: Vrid,
    /// The own interval. VRRPv2 drops adverts with another one, VRRPv3 remarks on it.
    pub interval: Interval,
    /// How adverts must be authenticated. A password or an authentication header is VRRPv2's
    /// alone: in VRRPv3 there is nothing to check then.
    pub authentication: Authentication<'a>,
    /// The own virtual addresses. Adverts with others are remarked on; their family is the
    /// virtual router's.
    pub addresses: Addresses<'a>,
    /// The addresses of the interface: adverts that claim to come from one are dropped.
    pub own_sources: &'a [IpAddr],
    /// Where adverts are sent to, and by whom.
    pub cast: Cast<'a>,
    /// The hop limits with which adverts may arrive.
    pub hop_limits: HopLimits,
    /// Whether a VRRPv3 advert without addresses is accepted (keepalived's
    /// `no_virtual_ipaddress`). RFC 9568 §5.2.5 wants it dropped.
    pub accept_no_addresses: bool,
}

impl<'a> Rules<'a> {
    /// The RFC's rules for this virtual router: multicast with hop limit 255, no authentication.
    pub const fn new(
        version: Version,
        vrid: Vrid,
        interval: Interval,
        addresses: Addresses<'a>,
    ) -> Self {
        Self {
            version,
            vrid,
            interval,
            authentication: Authentication::None,
            addresses,
            own_sources: &[],
            cast: Cast::Multicast { group: group(addresses.family()) },
            hop_limits: HopLimits::SAME_LINK,
            accept_no_addresses: false,
        }
    }

    /// The virtual router's family: that of its addresses.
    pub const fn family(&self) -> Family {
        self.addresses.family()
    }
}

/// Where adverts are sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cast<'a> {
    /// To a group, by anyone on the link.
    Multicast {
        /// The group, by default [`group`]'s.
        group: IpAddr,
    },
    /// To each peer by itself.
    Unicast {
        /// The peers from which adverts are accepted; `None` accepts all.
        sources: Option<&'a [IpAddr]>,
        /// Whether IPv4 VRRPv3 peers may send the checksum that keepalived did up to 1.3.6
        /// ([`ChecksumForm::OldUnicast`](crate::ChecksumForm::OldUnicast)).
        accept_old_checksum: bool,
    },
}

impl Cast<'_> {
    /// Whether an advert in this packet may be for the virtual router, as far as source and
    /// destination tell.
    ///
    /// That, and not the VRID alone, says which virtual router a packet belongs to: one number
    /// may be in use on one interface with several groups, and with several sets of peers.
    ///
    /// ```
    /// use vrrp_proto::{Cast, IpMeta};
    ///
    /// let (peer, own) = ("192.0.2.2".parse()?, "192.0.2.1".parse()?);
    /// let sources = [peer];
    /// let to_peers = Cast::Unicast { sources: Some(&sources), accept_old_checksum: false };
    /// let to_group = Cast::Multicast { group: "224.0.0.18".parse()? };
    ///
    /// // As a socket tells it: source, destination, hop limit.
    /// let packet = IpMeta::new(peer, own, 255);
    /// assert!(to_peers.admits(&packet) && !to_group.admits(&packet));
    /// let packet = IpMeta::multicast(peer);
    /// assert!(to_group.admits(&packet) && !to_peers.admits(&packet));
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    pub fn admits(&self, ip: &IpMeta) -> bool {
        self.admits_destination(ip.destination) && self.admits_source(ip.source)
    }

    /// Whether adverts may be sent to this address.
    pub(crate) fn admits_destination(&self, destination: IpAddr) -> bool {
        match *self {
            Self::Multicast { group } => destination == group,
            Self::Unicast { .. } => !destination.is_multicast(),
        }
    }

    /// Whether adverts may come from this address.
    pub(crate) fn admits_source(&self, source: IpAddr) -> bool {
        match *self {
            Self::Multicast { .. } | Self::Unicast { sources: None, .. } => true,
            Self::Unicast { sources: Some(sources), .. } => sources.contains(&source),
        }
    }

    /// Whether the old unicast checksum is accepted.
    pub(crate) const fn admits_old_checksum(&self) -> bool {
        matches!(self, Self::Unicast { accept_old_checksum: true, .. })
    }
}
