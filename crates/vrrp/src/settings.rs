//! What a virtual router is, and how one says so.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use vrrp_fsm::{Config, Weight};
use vrrp_net::{
    AddressFlags, AddressSpec, Broadcast, Filter, Interface, InterfaceName, Label, Preferred,
    RouteSpec, RuleSpec, Scope, TableName, WordError,
};
use vrrp_proto::{
    AddressList, AddressListError, Addresses, ChecksumForm, Family, HmacKeyError, Interval,
    Password, Priority, Version, Vrid, group,
};
use vrrp_track::interface::Delays;

use crate::authentication::{Authentication, HmacError};
use crate::destination::{Destination, RouterKey, Unicast};
use crate::key_file::KeyFileError;
use crate::tracker::TrackerKey;

/// Why a virtual router cannot be what it is said to be.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A name that the kernel would not take.
    #[error("`{text}`: {error}")]
    Name {
        /// The name.
        text: String,
        /// What is wrong with it.
        error: WordError,
    },
    /// The addresses do not fit one advert.
    #[error(transparent)]
    Addresses(#[from] AddressListError),
    /// The number is none of a virtual router.
    #[error("{0} is no virtual router: the number (VRID) is 1 to 255")]
    Vrid(u8),
    /// The text is no address.
    #[error("`{0}` is no address: it is written like 192.0.2.100/24 or 2001:db8::1/64")]
    Address(String),
    /// Nothing to move.
    #[error("it has no virtual address")]
    NoAddress,
    /// VRRPv2 is IPv4's alone.
    #[error("VRRPv2 has no IPv6: it takes version 3")]
    Version,
    /// The version cannot carry the interval.
    #[error(
        "an interval of {0:?} cannot be advertised: VRRPv2 has 1 to 255 whole seconds, VRRPv3 \
         hundredths of a second from 0.01 to 40.95 s"
    )]
    Interval(Duration),
    /// The group is none, or of the other family.
    #[error("{0} is no multicast group of the addresses' family")]
    Group(IpAddr),
    /// The peer is none, or of the other family.
    #[error("{0} is no single address of the addresses' family, as a peer is")]
    Peer(IpAddr),
    /// The same peer twice.
    #[error("{0} is a peer twice")]
    PeerTwice(IpAddr),
    /// The source of adverts is none, or of the other family.
    #[error("{0} is no single address of the addresses' family, as the source of adverts is")]
    Source(IpAddr),
    /// Adverts cannot follow the routing table.
    #[error("without an interface for its adverts it takes {0}")]
    Unbound(&'static str),
    /// Two trackers would go by one name.
    #[error("two different trackers are called {0}")]
    Tracker(TrackerKey),
    /// A key of `auth_hmac` that is none.
    #[error("the key {number} of auth_hmac: {error}")]
    Key {
        /// Its number.
        number: u8,
        /// What is wrong with it.
        error: HmacKeyError,
    },
    /// A key of `auth_hmac` cannot be had from its file.
    #[error("the key {number} of auth_hmac: {error}")]
    KeyFile {
        /// Its number.
        number: u8,
        /// Why not.
        error: KeyFileError,
    },
    /// The keys of `auth_hmac` do not go together.
    #[error("auth_hmac: {0}")]
    Hmac(#[from] HmacError),
    /// A setting that this version of the library does not carry out.
    #[error("{0} is not supported yet")]
    Unsupported(&'static str),
    /// A name that stands for a number, and for none on this machine.
    #[error("{name} is in no file {file} of this machine")]
    UnknownName {
        /// The name.
        name: Arc<str>,
        /// The files that were looked in, as iproute2 calls them.
        file: &'static str,
    },
    /// A number beyond what is possible.
    #[error("{0} is out of range")]
    Range(&'static str),
}

/// What becomes of a router's addresses when its process is killed, crashes or hangs, if it has a
/// [`Safeguard`](crate::Safeguard).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// They are removed, after a resignation in the router's name if its process is gone.
    #[default]
    Release,
    /// They stay, though another router has them too then, until a successor of the process
    /// removes them.
    Keep,
}

/// One tracker that a router goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// Which tracker.
    pub tracker: TrackerKey,
    /// What its verdict is worth.
    pub weight: Weight,
}

/// Everything that one virtual router does by, checked: [`VirtualRouter::build`] makes it, or
/// the reader of a configuration.
///
/// Two that are equal behave alike.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// The name by which it goes in events and status.
    pub name: Arc<str>,
    /// The interface that adverts are sent and received on. A unicast router can do without: its
    /// adverts follow the routing table, and those of its peers may arrive anywhere.
    pub interface: Option<InterfaceName>,
    /// The interface of the addresses that name none of their own.
    pub carrier: InterfaceName,
    /// Its number.
    pub vrid: Vrid,
    /// The family of its adverts.
    pub family: Family,
    /// What its state machine goes by.
    pub machine: Config,
    /// How VRRPv2 adverts are authenticated.
    pub authentication: Authentication,
    /// The checksum of VRRPv3 adverts over IPv4, which has two dialects.
    pub checksum: ChecksumForm,
    /// The addresses in its adverts.
    pub advertised: Advertised,
    /// Every address that moves with it, those in its adverts among them.
    pub addresses: Vec<VirtualAddress>,
    /// The routes that move with it. Where the kernel refuses one, the addresses stay, and it is
    /// tried again.
    pub routes: Vec<VirtualRoute>,
    /// The policy rules that move with it, as the routes do.
    pub rules: Vec<VirtualRule>,
    /// Whether VRRPv3 adverts without addresses are accepted.
    pub accept_no_addresses: bool,
    /// Where adverts are sent.
    pub destination: Destination,
    /// The source of its adverts, where that is not the interface's primary address. A unicast
    /// router takes no part while no interface has it.
    pub source: Option<IpAddr>,
    /// Whether a multicast router, too, takes no part while no interface has that source.
    pub track_source: bool,
    /// Whether an interface that is down, or without a carrier, is a fault.
    pub track_interface: bool,
    /// How long interfaces that it uses must be down, or up, to count as that (keepalived's
    /// `interface_up_down_delays`). What is longer than its peers would wait for its adverts is cut.
    pub link_delays: BTreeMap<InterfaceName, Delays>,
    /// Whether packets to its addresses are taken although it does not own them (Accept_Mode, RFC
    /// 9568 §6.1). Otherwise it routes for them alone.
    pub accept: bool,
    /// The table of nftables in which packets that are not taken are dropped.
    pub filter_table: TableName,
    /// What becomes of its addresses when this process does not run any more.
    pub on_failure: OnFailure,
    /// The pause between two announcements on an interface, whichever router of the host they are
    /// of; zero for as fast as they go.
    pub announce_pace: Duration,
    /// The name of the interfaces that have one pace together, as they lead to the same switch
    /// (keepalived's `garp_group`); without it each interface has its own.
    pub announce_together: Option<Arc<str>>,
    /// While it is Active, how often to announce an address on each interface of addresses that is not
    /// the one of its adverts: nothing else tells switches there where its MAC address is. `None` for
    /// never.
    pub announce_elsewhere: Option<Duration>,
    /// What it goes by beyond its interface.
    pub tracks: Vec<Track>,
}

impl Settings {
    /// The settings of a virtual router with these addresses, and with defaults for all the rest.
    ///
    /// # Errors
    /// [`SettingsError`] if version, addresses and number do not go together.
    pub fn new(
        name: impl Into<Arc<str>>,
        interface: InterfaceName,
        vrid: Vrid,
        version: Version,
        addresses: Vec<VirtualAddress>,
    ) -> Result<Self, SettingsError> {
        let first = addresses.first().ok_or(SettingsError::NoAddress)?;
        let family = Family::of(first.address);
        let of_family = addresses.iter().map(|address| address.address);
        let advertised = Advertised::from_addresses(family, of_family)?;
        if version == Version::V2 && family == Family::V6 {
            return Err(SettingsError::Version);
        }
        Ok(Self {
            name: name.into(),
            interface: Some(interface),
            carrier: interface,
            vrid,
            family,
            machine: Config::new(version),
            authentication: Authentication::None,
            checksum: ChecksumForm::usual(version),
            advertised,
            addresses,
            routes: Vec::new(),
            rules: Vec::new(),
            accept_no_addresses: false,
            destination: Destination::Multicast(group(family)),
            source: None,
            track_source: false,
            track_interface: true,
            link_delays: BTreeMap::new(),
            accept: true,
            filter_table: TableName::default(),
            on_failure: OnFailure::default(),
            announce_pace: Duration::ZERO,
            announce_together: None,
            announce_elsewhere: None,
            tracks: Vec::new(),
        })
    }

    /// What makes it this virtual router and no other.
    pub fn key(&self) -> RouterKey {
        let Self { interface, family, vrid, .. } = *self;
        RouterKey { interface, family, vrid, group: self.destination.group() }
    }

    /// Whether a unicast router drops the adverts of all but its peers.
    pub fn hears_peers_alone(&self) -> bool {
        let is_signed = self.authentication.is_hmac();
        self.destination.unicast().is_some_and(|unicast| is_signed || unicast.checks_source())
    }

    /// Checks that source and destination of adverts are what they can be.
    pub(crate) fn check_destination(&self) -> Result<(), SettingsError> {
        let is_host = |address: IpAddr| {
            let is_none = address.is_multicast() || address.is_unspecified();
            !is_none && Family::of(address) == self.family
        };
        if let Some(source) = self.source.filter(|source| !is_host(*source)) {
            return Err(SettingsError::Source(source));
        }
        if self.interface.is_none() {
            self.check_unbound()?;
        }
        match &self.destination {
            Destination::Multicast(group) => {
                let fits = group.is_multicast() && Family::of(*group) == self.family;
                if fits { Ok(()) } else { Err(SettingsError::Group(*group)) }
            }
            Destination::Unicast(unicast) => {
                let mut seen = HashSet::new();
                for peer in unicast.peers.iter().map(|peer| peer.address) {
                    if !is_host(peer) {
                        return Err(SettingsError::Peer(peer));
                    }
                    if !seen.insert(peer) {
                        return Err(SettingsError::PeerTwice(peer));
                    }
                }
                Ok(())
            }
        }
    }

    /// Checks that adverts can do without an interface: a packet needs a source, and a link-local
    /// address means nothing without a link.
    fn check_unbound(&self) -> Result<(), SettingsError> {
        let unicast = self.destination.unicast().ok_or(SettingsError::Unbound("unicast peers"))?;
        let source = self.source.ok_or(SettingsError::Unbound("a source of adverts"))?;
        let is_local = |address: IpAddr| match address {
            IpAddr::V6(address) => address.is_unicast_link_local(),
            IpAddr::V4(_) => false,
        };
        let mut all = unicast.peers.iter().map(|peer| peer.address).chain([source]);
        match all.any(is_local) {
            true => Err(SettingsError::Unbound("peers and a source that are not link-local")),
            false => Ok(()),
        }
    }

    /// Whether this router owns the addresses (priority 255).
    pub fn is_owner(&self) -> bool {
        self.machine.priority.is_owner()
    }

    /// Whether packets to its addresses are to be dropped while it is Active.
    pub fn is_filtered(&self) -> bool {
        !self.accept && !self.is_owner()
    }

    /// What drops packets to an address that is on this interface.
    pub(crate) fn filter_of(&self, address: &VirtualAddress, on: Interface) -> Filter {
        Filter::new(self.filter_table, address.address, on)
    }

    /// The interface that an address goes on.
    pub fn device_of(&self, address: &VirtualAddress) -> InterfaceName {
        address.device.unwrap_or(self.carrier)
    }

    /// The other interfaces that its addresses and routes need, each once.
    pub fn devices(&self) -> BTreeSet<InterfaceName> {
        let tracked = self.addresses.iter().filter(|address| address.is_tracked);
        let devices = tracked.map(|address| self.device_of(address));
        let routes = self.routes.iter().filter(|route| route.is_tracked);
        let devices = devices.chain(routes.flat_map(VirtualRoute::devices));
        devices.filter(|device| Some(*device) != self.interface).collect()
    }

    /// The names by which its trackers are known to the state machine: a tracker's own, unless
    /// another kind has one of that name. Then the kind is added.
    pub fn shown_names(&self) -> impl Iterator<Item = (&Track, Arc<str>)> {
        self.tracks.iter().map(|track| {
            let name = &track.tracker.name;
            let uses = self.tracks.iter().filter(|other| other.tracker.name == *name).count();
            let shown = match uses {
                2.. => track.tracker.to_string().into(),
                _ => Arc::clone(name),
            };
            (track, shown)
        })
    }
}

/// A route that moves with a virtual router.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VirtualRoute {
    /// The route, without the interfaces of its hops.
    pub route: RouteSpec,
    /// The interface of each hop; where there is none, the kernel finds it by the gateway.
    pub devices: Vec<Option<InterfaceName>>,
    /// Whether it is put back if someone else removes it, and whether the router only takes part
    /// while the interfaces that it names are running.
    pub is_tracked: bool,
}

impl VirtualRoute {
    /// A route whose hops have no interfaces.
    pub fn new(route: RouteSpec) -> Self {
        let devices = vec![None; route.hops.len()];
        Self { route, devices, is_tracked: true }
    }

    /// The interfaces that it names.
    pub fn devices(&self) -> impl Iterator<Item = InterfaceName> {
        self.devices.iter().flatten().copied()
    }

    /// The route on the interfaces of now, or the name of one that there is not.
    pub(crate) fn on(
        &self,
        interface: impl Fn(InterfaceName) -> Option<Interface>,
    ) -> Result<RouteSpec, InterfaceName> {
        let mut route = self.route.clone();
        for (hop, device) in route.hops.iter_mut().zip(&self.devices) {
            if let Some(name) = *device {
                hop.interface = Some(interface(name).ok_or(name)?);
            }
        }
        Ok(route)
    }
}

/// A policy rule that moves with a virtual router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct VirtualRule {
    /// The rule.
    pub rule: RuleSpec,
    /// Whether it is put back if someone else removes it.
    pub is_tracked: bool,
}

impl VirtualRule {
    /// A rule that is put back.
    pub const fn new(rule: RuleSpec) -> Self {
        Self { rule, is_tracked: true }
    }
}

/// The addresses in a router's adverts, as they stand there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertised {
    family: Family,
    octets: Box<[u8]>,
}

impl Advertised {
    /// These addresses, in this order.
    ///
    /// # Errors
    /// If one is of another family, or there are more than an advert holds.
    pub fn from_addresses(
        family: Family,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> Result<Self, AddressListError> {
        let list = AddressList::from_addresses(family, addresses)?;
        Ok(Self { family, octets: list.as_addresses().as_octets().into() })
    }

    /// The same, as an advert takes it.
    pub fn as_addresses(&self) -> Addresses<'_> {
        Addresses::from_octets(self.family, &self.octets).unwrap_or(Addresses::none(self.family))
    }
}

/// An address that moves with a virtual router.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VirtualAddress {
    /// The address.
    pub address: IpAddr,
    /// The length of its prefix.
    pub prefix_len: u8,
    /// The interface, where it is not that of the router's addresses.
    pub device: Option<InterfaceName>,
    /// Whether it is put back if someone else removes it, and whether the router only takes part
    /// while the interface that it names is running.
    pub is_tracked: bool,
    /// IPv4: the broadcast address.
    pub broadcast: Broadcast,
    /// How far it is valid.
    pub scope: Scope,
    /// IPv4: its label.
    pub label: Option<Label>,
    /// The other end of a point-to-point link.
    pub peer: Option<IpAddr>,
    /// How long it may be chosen as a source; `None` is the default of its kind.
    pub preferred: Option<Preferred>,
    /// How it behaves.
    pub flags: AddressFlags,
}

impl VirtualAddress {
    /// An address with the defaults of a virtual one.
    pub const fn new(address: IpAddr, prefix_len: u8) -> Self {
        Self {
            address,
            prefix_len,
            device: None,
            is_tracked: true,
            broadcast: Broadcast::None,
            scope: Scope::GLOBAL,
            label: None,
            peer: None,
            preferred: None,
            flags: AddressFlags::NONE,
        }
    }

    /// The address as a request about this interface.
    pub fn on(&self, interface: Interface) -> AddressSpec {
        let defaults = AddressSpec::new(interface, self.address, self.prefix_len);
        AddressSpec {
            peer: self.peer,
            broadcast: self.broadcast,
            // The default scope of a loopback address is the host's.
            scope: if self.scope == Scope::GLOBAL { defaults.scope } else { self.scope },
            label: self.label,
            preferred: self.preferred.unwrap_or(defaults.preferred),
            flags: defaults.flags.with(self.flags),
            ..defaults
        }
    }
}

impl fmt::Display for VirtualAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_len)
    }
}

impl std::str::FromStr for VirtualAddress {
    type Err = SettingsError;

    /// `192.0.2.100/24`; without a length it is the address alone (/32, /128).
    fn from_str(text: &str) -> Result<Self, SettingsError> {
        let wrong = || SettingsError::Address(text.to_owned());
        let (address, len) = match text.split_once('/') {
            Some((address, len)) => (address, Some(len)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let len = len.map_or(Ok(longest), str::parse).map_err(|_| wrong())?;
        if len > longest {
            return Err(wrong());
        }
        Ok(Self::new(address, len))
    }
}

/// A virtual router, described: what differs from the defaults is said call by call.
///
/// A mistake (a name that is none, an address that is none) is kept and comes out where the
/// description is used: [`build`](Self::build), [`Host::add`](crate::Host::add).
///
/// ```
/// use vrrp::VirtualRouter;
///
/// let router = VirtualRouter::new("eth0", 51).priority(244).address("192.0.2.100/24");
/// assert_eq!(router.build()?.vrid.get(), 51);
///
/// let wrong = VirtualRouter::new("eth0", 0).address("192.0.2.100/24").build().unwrap_err();
/// assert_eq!(wrong.to_string(), "0 is no virtual router: the number (VRID) is 1 to 255");
/// # Ok::<(), vrrp::SettingsError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "it is only a description: `Host::add` takes it"]
pub struct VirtualRouter {
    name: Option<Arc<str>>,
    interface: String,
    vrid: u8,
    version: Version,
    priority: u8,
    interval: Option<Duration>,
    preempt: bool,
    accept: bool,
    addresses: Vec<VirtualAddress>,
    password: Option<String>,
    destination: Option<Destination>,
    source: Option<IpAddr>,
    is_routed: bool,
    tracks: Vec<(Weight, vrrp_track::Source)>,
    first_mistake: Option<SettingsError>,
}

impl VirtualRouter {
    /// The virtual router with this number (VRID, 1 to 255) on this interface: VRRPv3, priority
    /// 100, an advert every second, preemption.
    pub fn new(interface: &str, vrid: u8) -> Self {
        Self {
            name: None,
            interface: interface.to_owned(),
            vrid,
            version: Version::V3,
            priority: Priority::DEFAULT.get(),
            interval: None,
            preempt: true,
            accept: true,
            addresses: Vec::new(),
            password: None,
            destination: None,
            source: None,
            is_routed: false,
            tracks: Vec::new(),
            first_mistake: None,
        }
    }

    /// The name in events and status; `INTERFACE/VRID` otherwise.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The protocol's version.
    pub fn version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// The priority, 1 to 254; 255 is for the owner of the addresses.
    pub fn priority(mut self, priority: u8) -> Self {
        self.priority = priority;
        self
    }

    /// The time between two adverts: 10 ms to 40.95 s in VRRPv3, whole seconds up to 255 in
    /// VRRPv2.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    /// Whether it takes over from a living router of lower priority.
    pub fn preempt(mut self, preempt: bool) -> Self {
        self.preempt = preempt;
        self
    }

    /// Whether packets to its addresses are taken although it does not own them: so it is unless
    /// said otherwise, as in keepalived. (RFC 9568's Accept_Mode is false by default.) Otherwise
    /// the addresses answer ARP and neighbour solicitations, and nftables drops all else that is
    /// sent *to* them.
    pub fn accept(mut self, accept: bool) -> Self {
        self.accept = accept;
        self
    }

    /// One more address that moves with it, as `192.0.2.100/24`. The first one's family is that
    /// of the adverts.
    pub fn address(mut self, address: &str) -> Self {
        match address.parse() {
            Ok(address) => self.addresses.push(address),
            Err(mistake) => self.first_mistake = self.first_mistake.or(Some(mistake)),
        }
        self
    }

    /// One more address, with all its details.
    pub fn virtual_address(mut self, address: VirtualAddress) -> Self {
        self.addresses.push(address);
        self
    }

    /// VRRPv2: the password of its adverts, of which 8 bytes count.
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self
    }

    /// The group that adverts are sent to, where it is not the protocol's.
    pub fn group(mut self, group: IpAddr) -> Self {
        self.destination = Some(Destination::Multicast(group));
        self
    }

    /// Sends adverts to each of these peers instead of to a group, from this address; without one
    /// from the interface's first. Peers may be behind routers.
    ///
    /// ```
    /// use vrrp::VirtualRouter;
    ///
    /// let own: std::net::IpAddr = "192.0.2.1".parse()?;
    /// let peers = ["192.0.2.2".parse()?, "198.51.100.2".parse()?];
    /// let router = VirtualRouter::new("eth0", 51).address("192.0.2.100/24").unicast(own, peers);
    /// assert_eq!(router.build()?.key().to_string(), "VRID 51 over IPv4 on eth0 (unicast)");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn unicast(
        self,
        source: impl Into<Option<IpAddr>>,
        peers: impl IntoIterator<Item = IpAddr>,
    ) -> Self {
        let unicast = Unicast::to(peers);
        Self { source: source.into(), ..self.destination(Destination::Unicast(unicast)) }
    }

    /// Where adverts are sent, with all its details.
    pub fn destination(mut self, destination: Destination) -> Self {
        self.destination = Some(destination);
        self
    }

    /// The address that adverts are sent from, where it is not the interface's first.
    pub fn source(mut self, source: IpAddr) -> Self {
        self.source = Some(source);
        self
    }

    /// Unicast adverts follow the routing table, whatever interface that leads to, and those of
    /// peers are heard wherever they arrive. The interface carries the addresses alone, and its
    /// state does not matter to the adverts. It takes a source.
    pub fn routed(mut self) -> Self {
        self.is_routed = true;
        self
    }

    /// Goes by this health source: with a weight of 0 its failure is a fault, any other weight
    /// moves the priority ([`Weight`]).
    pub fn track(mut self, weight: Weight, source: impl Into<vrrp_track::Source>) -> Self {
        self.tracks.push((weight, source.into()));
        self
    }

    /// The settings that this makes.
    ///
    /// # Errors
    /// The first mistake in the description.
    pub fn build(&self) -> Result<Settings, SettingsError> {
        if let Some(mistake) = &self.first_mistake {
            return Err(mistake.clone());
        }
        let interface: InterfaceName = name(&self.interface)?;
        let vrid = Vrid::new(self.vrid).ok_or(SettingsError::Vrid(self.vrid))?;
        let name = self.name.clone().unwrap_or_else(|| format!("{interface}/{vrid}").into());
        let mut settings =
            Settings::new(name, interface, vrid, self.version, self.addresses.clone())?;
        settings.machine.priority = Priority::new(self.priority.max(Priority::LOWEST.get()));
        settings.machine.preempt = self.preempt;
        settings.accept = self.accept;
        settings.machine.interval = self.checked_interval()?;
        if let Some(password) = &self.password {
            settings.authentication = Authentication::Password(Password::from_text(password));
        }
        settings.source = self.source;
        if let Some(destination) = &self.destination {
            settings.destination = destination.clone();
        }
        settings.interface = settings.interface.filter(|_| !self.is_routed);
        settings.check_destination()?;
        settings.tracks = self
            .tracks
            .iter()
            .map(|(weight, source)| Track { tracker: TrackerKey::of(source), weight: *weight })
            .collect();
        Ok(settings)
    }

    /// The health sources that it goes by.
    pub fn sources(&self) -> impl Iterator<Item = &vrrp_track::Source> {
        self.tracks.iter().map(|(_, source)| source)
    }

    fn checked_interval(&self) -> Result<Interval, SettingsError> {
        let Some(asked) = self.interval else { return Ok(Interval::DEFAULT) };
        Interval::new(self.version, asked).map_err(|_| SettingsError::Interval(asked))
    }
}

/// The name that a text is.
pub(crate) fn name<T: FromStr<Err = WordError>>(text: &str) -> Result<T, SettingsError> {
    text.parse().map_err(|error| SettingsError::Name { text: text.to_owned(), error })
}
