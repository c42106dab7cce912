//! Adverts as a hostile neighbour makes them.

use std::net::{IpAddr, Ipv4Addr};

use vrrp_lab::MacAddress;
use vrrp_proto::{
    AddressList, Advert, Authentication, Family, GROUP_V4, HOP_LIMIT, Interval, IpMeta, PROTOCOL,
    Password, Priority, Version, Vrid,
};

/// The neighbour's address.
pub(crate) const INTRUDER: Ipv4Addr = Ipv4Addr::new(192, 168, 122, 9);
/// Where all its frames come from.
pub(crate) const INTRUDER_MAC: MacAddress = MacAddress([2, 0, 0, 0, 0, 0x99]);
/// The first server's address, and the second one's.
pub(crate) const SERVERS: [Ipv4Addr; 2] =
    [Ipv4Addr::new(192, 168, 122, 101), Ipv4Addr::new(192, 168, 122, 102)];

const SERVER1_MAC: [u8; 6] = [2, 0, 0, 0, 1, 1];
const IP_HEADER_BYTES: usize = 20;
/// What fits into an Ethernet frame behind an IP header, in whole units of a fragment's offset.
const FRAGMENT_BYTES: usize = 1480;
const MORE_FRAGMENTS: u16 = 0x2000;

/// What a virtual router speaks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Speech {
    pub(crate) version: Version,
    pub(crate) vrid: u8,
    pub(crate) password: Option<&'static str>,
    pub(crate) interval: Interval,
}

impl Speech {
    pub(crate) const fn v3(vrid: u8, interval: Interval) -> Self {
        Self { version: Version::V3, vrid, password: None, interval }
    }

    pub(crate) fn v2(vrid: u8, password: &'static str) -> Self {
        let password = Some(password);
        Self { version: Version::V2, vrid, password, interval: Interval::DEFAULT }
    }

    /// A sound advert.
    pub(crate) fn advert(self, source: Ipv4Addr, priority: u8) -> Vec<u8> {
        let address = "192.168.122.200".parse().unwrap();
        let addresses = AddressList::from_addresses(Family::V4, [address]).unwrap();
        let vrid = Vrid::try_from(u32::from(self.vrid)).unwrap();
        let (priority, addresses) = (Priority::new(priority), addresses.as_addresses());
        let mut advert = Advert::new(self.version, vrid, priority, self.interval, addresses);
        let password = self.password.map(Password::from_text);
        advert.authentication =
            password.as_ref().map_or(Authentication::None, Authentication::Password);
        let mut message = vec![0; advert.buffer_len()];
        advert.write(&IpMeta::multicast(source.into()), &mut message).unwrap();
        message
    }

    /// A sound advert of the intruder's that would win: whatever is done to it must be seen before
    /// it counts.
    pub(crate) fn winning(self) -> Vec<u8> {
        self.advert(INTRUDER, 254)
    }

    /// The same with these bytes changed, and a checksum that fits again.
    pub(crate) fn changed(self, changes: &[(usize, u8)]) -> Vec<u8> {
        let mut message = self.winning();
        for &(at, byte) in changes {
            message[at] = byte;
        }
        summed(message)
    }
}

/// The message with a checksum that fits.
pub(crate) fn summed(mut message: Vec<u8>) -> Vec<u8> {
    message[6..8].fill(0);
    let sum = checksum(&message);
    message[6..8].copy_from_slice(&sum.to_be_bytes());
    message
}

/// The Internet checksum.
fn checksum(bytes: &[u8]) -> u16 {
    let words =
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

/// A message on its way, from the intruder to the group unless something else is said.
#[derive(Debug, Clone)]
pub(crate) struct Packet {
    message: Vec<u8>,
    source: Ipv4Addr,
    destination: Ipv4Addr,
    ttl: u8,
}

impl Packet {
    pub(crate) fn new(message: impl Into<Vec<u8>>) -> Self {
        let message = message.into();
        Self { message, source: INTRUDER, destination: GROUP_V4, ttl: HOP_LIMIT }
    }

    /// From somebody else, it says.
    pub(crate) fn claiming(self, source: Ipv4Addr) -> Self {
        Self { source, ..self }
    }

    /// To the first server alone.
    pub(crate) fn for_server1(self) -> Self {
        Self { destination: SERVERS[0], ..self }
    }

    pub(crate) fn with_ttl(self, ttl: u8) -> Self {
        Self { ttl, ..self }
    }

    /// Its frames: one, or one for each fragment.
    pub(crate) fn frames(&self) -> Vec<Vec<u8>> {
        let parts = self.message.chunks(FRAGMENT_BYTES);
        let count = parts.len();
        let is_last = |nth| nth + 1 == count;
        parts.enumerate().map(|(nth, part)| self.frame(nth, part, is_last(nth))).collect()
    }

    fn frame(&self, nth: usize, part: &[u8], is_last: bool) -> Vec<u8> {
        let mut offset = u16::try_from(nth * FRAGMENT_BYTES / 8).unwrap();
        if !is_last {
            offset |= MORE_FRAGMENTS;
        }
        let total_len = u16::try_from(IP_HEADER_BYTES + part.len()).unwrap();
        let mut ip = vec![0x45, 0xc0, 0, 0, 0, 1, 0, 0, self.ttl, PROTOCOL, 0, 0];
        ip.extend(self.source.octets());
        ip.extend(self.destination.octets());
        ip[2..4].copy_from_slice(&total_len.to_be_bytes());
        ip[6..8].copy_from_slice(&offset.to_be_bytes());
        let sum = checksum(&ip);
        ip[10..12].copy_from_slice(&sum.to_be_bytes());

        let group_mac = [0x01, 0, 0x5e, 0, 0, 0x12];
        let to_group = IpAddr::from(self.destination).is_multicast();
        let mut frame = if to_group { group_mac } else { SERVER1_MAC }.to_vec();
        frame.extend(INTRUDER_MAC.0);
        frame.extend([0x08, 0x00]);
        frame.extend(ip);
        frame.extend(part);
        frame.resize(frame.len().max(60), 0);
        frame
    }
}
