//! A virtual router's configuration.

use core::fmt;
use core::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use vrrp_proto::{Family, Interval, Priority, Version, Vrid};

use super::json::{perhaps, plain};
use super::{InterfaceName, MacAddress, Notify, Route, Rule, TableName, Tracks, VirtualAddress};
use crate::Spanned;

/// The word after `state`: what the operator expects at start.
///
/// Below priority 255 it changes nothing in time; it decides the default of the priority,
/// and `MASTER` switches `nopreempt` and `preempt_delay` off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FirstState {
    /// `state MASTER`.
    Master,
    /// `state BACKUP`.
    Backup,
}

/// `on_failure`: what becomes of an instance's addresses when the daemon is killed, crashes or hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// `release`: they are removed at once.
    #[default]
    Release,
    /// `keep`: they stay, though another router has them too then.
    Keep,
}

/// A VRRPv2 password: up to 8 bytes, padded with NUL. `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AuthPass([u8; 8]);

impl AuthPass {
    /// How many bytes of a password count.
    pub const LEN: usize = 8;

    /// The password made of the first 8 of these bytes.
    pub fn truncating(password: &[u8]) -> Self {
        let mut bytes = [0; Self::LEN];
        let len = password.len().min(Self::LEN);
        bytes[..len].copy_from_slice(&password[..len]);
        Self(bytes)
    }

    /// The password without the padding.
    pub fn trimmed(&self) -> &[u8] {
        let len = self.0.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        &self.0[..len]
    }

    /// The bytes as they stand in the packet, padded with NUL.
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Debug for AuthPass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthPass(…)")
    }
}

/// A key of `auth_hmac`. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct HmacKey {
    /// Its number, 1–255.
    pub id: u8,
    /// It as configured: a text, `hex:` and digits, or `file:` and a path.
    pub secret: String,
}

/// Where the bytes of an [`HmacKey`] are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum HmacKeyValue<'a> {
    /// They are those of a text.
    Text(&'a str),
    /// They are written in hexadecimal digits, two for each.
    Hex(&'a str),
    /// They are in a file with this path.
    File(&'a str),
}

impl HmacKey {
    /// Where its bytes are, by its prefix.
    pub fn value(&self) -> HmacKeyValue<'_> {
        match (self.secret.strip_prefix("hex:"), self.secret.strip_prefix("file:")) {
            (Some(digits), _) => HmacKeyValue::Hex(digits),
            (_, Some(path)) => HmacKeyValue::File(path),
            _ => HmacKeyValue::Text(&self.secret),
        }
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HmacKey({}, …)", self.id)
    }
}

/// How repeated packets are recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AntiReplay {
    /// By a clock that sender and receiver share.
    #[default]
    Time,
    /// By a number that only grows.
    Monotonic,
}

/// What is asked of received packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HmacMode {
    /// Signs, and accepts signed ones only.
    #[default]
    Enforce,
    /// Signs, and accepts unsigned ones too.
    Permissive,
    /// Does not sign, and accepts unsigned ones too.
    ReceiveOnly,
}

/// `auth_hmac`: adverts with a signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HmacAuth {
    /// The keys that are accepted.
    pub keys: Vec<HmacKey>,
    /// The number of the one that signs.
    pub active_key: u8,
    /// How repeated packets are recognised.
    pub anti_replay: AntiReplay,
    /// How far the clocks may differ; three intervals and at least 5 s where none is given.
    #[serde(serialize_with = "plain")]
    pub time_window: Option<Duration>,
    /// What is asked of received packets.
    pub mode: HmacMode,
}

/// How adverts are authenticated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Authentication {
    /// A password in clear (VRRPv2, RFC 2338).
    Password(AuthPass),
    /// The IP authentication header (VRRPv2, RFC 2338).
    Header(AuthPass),
    /// A signature after the message.
    Hmac(HmacAuth),
}

/// The checksum of VRRPv3 over IPv4 that is sent; both are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Checksum {
    /// With the pseudo-header: RFC 5798 as commonly read, and the installed base.
    #[default]
    PseudoHeader,
    /// The message alone: RFC 9568 §5.2.8, `v3_checksum_as_v2`.
    MessageOnly,
}

/// The unicast checksum of very old peers (a pseudo-header with the multicast group).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OldChecksum {
    /// Used towards a peer that uses it.
    #[default]
    Detect,
    /// Always used.
    Always,
    /// Never accepted.
    Never,
}

/// A peer of a unicast instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct UnicastPeer {
    /// Its address.
    pub address: IpAddr,
    /// The smallest hop limit accepted from it.
    pub min_ttl: Option<u8>,
    /// The largest hop limit accepted from it.
    pub max_ttl: Option<u8>,
}

/// Adverts to each peer instead of to a group.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct Unicast {
    /// The peers.
    pub peers: Vec<Spanned<UnicastPeer>>,
    /// The hop limit of adverts sent; 255 where none is given.
    pub ttl: Option<u8>,
    /// Accept adverts of peers only.
    pub check_source: bool,
    /// The checksum of very old peers.
    pub old_checksum: OldChecksum,
}

/// Where adverts go.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// To a multicast group.
    Multicast(Spanned<IpAddr>),
    /// To peers.
    Unicast(Unicast),
}

/// When a better router takes over from a worse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Preempt {
    /// It does at all.
    pub enabled: Spanned<bool>,
    /// So long after it first heard the worse one.
    #[serde(serialize_with = "plain")]
    pub delay: Spanned<Duration>,
}

/// How a router that has become Active makes itself known: gratuitous ARP, or unsolicited
/// neighbour advertisements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Announce {
    /// Rounds at the transition; 5 by default.
    pub repeat: u32,
    /// The time to a second burst; zero for none; 5 s by default.
    #[serde(serialize_with = "plain")]
    pub delay: Duration,
    /// The time between rounds while Active; zero for none, the default.
    #[serde(serialize_with = "plain")]
    pub refresh: Duration,
    /// Rounds at each refresh; 1 by default.
    pub refresh_repeat: u32,
    /// Rounds after an advert of a lower priority; `repeat` by default.
    pub lower_prio_repeat: u32,
    /// The time from there to a second burst; `delay` by default.
    #[serde(serialize_with = "plain")]
    pub lower_prio_delay: Duration,
    /// The time between two gratuitous ARPs; zero by default.
    #[serde(serialize_with = "plain")]
    pub garp_interval: Duration,
    /// The time between two neighbour advertisements; zero by default.
    #[serde(serialize_with = "plain")]
    pub na_interval: Duration,
    /// The time between announcements on interfaces other than the instance's, if any.
    #[serde(serialize_with = "plain")]
    pub extra_interfaces: Option<Duration>,
    /// Announce there even without a virtual MAC.
    pub extra_interfaces_all: bool,
}

impl Default for Announce {
    fn default() -> Self {
        Self {
            repeat: 5,
            delay: Duration::from_secs(5),
            refresh: Duration::ZERO,
            refresh_repeat: 1,
            lower_prio_repeat: 5,
            lower_prio_delay: Duration::from_secs(5),
            garp_interval: Duration::ZERO,
            na_interval: Duration::ZERO,
            extra_interfaces: None,
            extra_interfaces_all: false,
        }
    }
}

/// A virtual MAC: a macvlan interface with an address made from the VRID.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct Vmac {
    /// The name of the interface, where one is given.
    pub name: Option<InterfaceName>,
    /// Another MAC address than the protocol's.
    pub mac: Option<MacAddress>,
    /// Adverts go through the underlying interface.
    pub xmit_base: bool,
    /// Addresses on other interfaces get a virtual MAC there.
    pub for_addresses: bool,
}

/// How ipvlan interfaces on one device reach each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IpvlanMode {
    /// Directly.
    #[default]
    Bridge,
    /// Not at all.
    Private,
    /// Through the switch.
    Vepa,
}

/// An ipvlan interface for the instance.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct Ipvlan {
    /// The name of the interface, where one is given.
    pub name: Option<InterfaceName>,
    /// Its address, and prefix length.
    pub address: Option<(IpAddr, u8)>,
    /// How it reaches its siblings.
    pub mode: IpvlanMode,
}

/// A `vrrp_instance`: one virtual router on one interface.
///
/// | field | is given by |
/// |---|---|
/// | `version` | `version`, else 3 for IPv6, else `vrrp_version` of `global_defs`, else 2 |
/// | `family` | the first of `addresses`, else `native_ipv6`, else IPv4 |
/// | `priority` | `priority`, else 255 with `state MASTER`, else 100 |
/// | `preempt` | off with `nopreempt`; on, without delay, with `state MASTER` or priority 255 |
/// | `announce` | the instance's settings over those of `global_defs` over the defaults |
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Instance {
    /// Its name.
    pub name: Spanned<Arc<str>>,
    /// The interface that it works on; none for a unicast instance whose adverts follow the routing
    /// table.
    pub interface: Option<Spanned<InterfaceName>>,
    /// The interface of the addresses that name none: its own, or without one
    /// `default_interface`.
    pub carrier: InterfaceName,
    /// Its virtual router identifier.
    #[serde(serialize_with = "plain")]
    pub vrid: Spanned<Vrid>,
    /// The family of its adverts and addresses.
    #[serde(serialize_with = "plain")]
    pub family: Family,
    /// The version of the protocol.
    #[serde(serialize_with = "plain")]
    pub version: Spanned<Version>,
    /// What the operator expects at start.
    pub first_state: Spanned<FirstState>,
    /// The priority before trackers, 1–255.
    #[serde(serialize_with = "plain")]
    pub priority: Spanned<Priority>,
    /// The time between adverts; one that `version` can carry.
    #[serde(serialize_with = "plain")]
    pub interval: Spanned<Interval>,
    /// The authentication of adverts, if any.
    pub authentication: Option<Spanned<Authentication>>,
    /// The addresses of the virtual router, all of one family, in the order of the adverts.
    pub addresses: Vec<Spanned<VirtualAddress>>,
    /// More addresses that move with it, but are not in the adverts.
    pub excluded_addresses: Vec<Spanned<VirtualAddress>>,
    /// No addresses on purpose.
    pub no_addresses: bool,
    /// Routes that move with it.
    pub routes: Vec<Spanned<Route>>,
    /// Rules that move with it.
    pub rules: Vec<Spanned<Rule>>,
    /// The source of adverts, where it is not the interface's primary address.
    pub source: Option<Spanned<IpAddr>>,
    /// FAULT while `source` is on no interface.
    pub track_source: bool,
    /// Where adverts go.
    pub destination: Destination,
    /// The checksum of VRRPv3 over IPv4.
    pub checksum: Spanned<Checksum>,
    /// When it takes over from a worse router.
    pub preempt: Preempt,
    /// Missed adverts that mean that the Active Router is gone, 1–100; 3 by default.
    pub down_timer_adverts: u8,
    /// How it announces itself.
    pub announce: Announce,
    /// No advert in answer to one that loses.
    pub lower_prio_no_advert: Spanned<bool>,
    /// A master that is followed and advertises a lower priority is replaced after Skew_Time.
    pub fast_handover: bool,
    /// One more advert before giving way to one that wins.
    pub higher_prio_send_advert: bool,
    /// With priority 255, received adverts are of no interest.
    pub owner_ignore_adverts: Spanned<bool>,
    /// Do not compare the addresses of adverts from the same router again and again.
    pub skip_check_adv_addr: bool,
    /// Hold to the protocol's letter.
    pub strict: bool,
    /// Packets to the addresses are accepted even if the router does not own them.
    pub accept: bool,
    /// The table of nftables in which others are dropped.
    #[serde(serialize_with = "plain")]
    pub filter_table: TableName,
    /// What becomes of the addresses when the daemon is killed, crashes or hangs.
    pub on_failure: OnFailure,
    /// The interface's link state matters.
    pub track_primary: bool,
    /// What else matters.
    pub tracks: Tracks,
    /// Keep the interface's other addresses when one of their subnet goes.
    pub promote_secondaries: bool,
    /// The VRF of a unicast instance without an interface.
    pub vrf: Option<Spanned<InterfaceName>>,
    /// A virtual MAC, if any.
    pub vmac: Option<Spanned<Vmac>>,
    /// An ipvlan interface, if any.
    pub ipvlan: Option<Spanned<Ipvlan>>,
    /// After running so late that another may have taken over, go to Backup with this
    /// priority (`None`: the configured one), with `nopreempt` only.
    #[serde(serialize_with = "perhaps")]
    pub timer_expired_backup: Option<Option<Priority>>,
    /// The socket receive buffer, in bytes.
    pub rx_buffer_bytes: Option<u32>,
    /// What to run when it changes its state.
    pub notify: Notify,
}

impl Instance {
    /// The interface that carries an address of this instance.
    pub fn device_of(&self, address: &VirtualAddress) -> InterfaceName {
        address.device.map_or(self.carrier, |device| device.value)
    }

    /// All addresses that it puts on interfaces: those of its adverts, then the excluded.
    pub fn all_addresses(&self) -> impl Iterator<Item = &VirtualAddress> {
        self.addresses.iter().chain(&self.excluded_addresses).map(|address| &address.value)
    }
}
