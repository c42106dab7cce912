//! What is seen on the wire: adverts, and announcements of the address.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use vrrp_lab::{Frame, MacAddress};
use vrrp_proto::{
    AddressList, Advert, Authentication, Family, Interval, PROTOCOL, Password, Priority, Rules,
    Version, Vrid, split_ipv4,
};

const ETHERNET_HEADER_BYTES: usize = 14;
const ETHERTYPE_IPV4: [u8; 2] = [0x08, 0x00];
const ETHERTYPE_ARP: [u8; 2] = [0x08, 0x06];
/// Where an ARP packet for IPv4 over Ethernet has its addresses (RFC 826).
const ARP_SENDER: std::ops::Range<usize> = 14..18;
const ARP_TARGET: std::ops::Range<usize> = 24..28;

/// The virtual router as its configuration describes it.
#[derive(Debug)]
pub(super) struct VirtualRouter {
    pub(super) vrid: Vrid,
    pub(super) password: Password,
    pub(super) address: Ipv4Addr,
    pub(super) interval: Interval,
}

/// Something that the story is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// A valid advert for the virtual router.
    Advert { source: IpAddr, priority: Priority },
    /// "The virtual address is at this Ethernet address": a gratuitous ARP.
    Announcement { mac: MacAddress },
}

/// What was seen, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sighting {
    pub(super) at: Instant,
    pub(super) seen: Seen,
}

impl VirtualRouter {
    /// What a frame tells of this virtual router, if it does.
    pub(super) fn sight(&self, frame: &Frame) -> Option<Sighting> {
        let (header, packet) = frame.bytes.split_at_checked(ETHERNET_HEADER_BYTES)?;
        let ethertype = header.get(12..)?;
        let seen = if ethertype == ETHERTYPE_IPV4 {
            self.advert(packet)?
        } else if ethertype == ETHERTYPE_ARP {
            self.announcement(header, packet)?
        } else {
            return None;
        };
        Some(Sighting { at: frame.at, seen })
    }

    fn advert(&self, packet: &[u8]) -> Option<Seen> {
        let (ip, protocol, message) = split_ipv4(packet).ok()?;
        let addresses = AddressList::from_addresses(Family::V4, [IpAddr::V4(self.address)]).ok()?;
        let rules = Rules {
            authentication: Authentication::Password(&self.password),
            ..Rules::new(Version::V2, self.vrid, self.interval, addresses.as_addresses())
        };
        let advert = Advert::parse(message, &ip, &rules).ok()?;
        (protocol == PROTOCOL)
            .then_some(Seen::Advert { source: ip.source, priority: advert.priority })
    }

    fn announcement(&self, header: &[u8], packet: &[u8]) -> Option<Seen> {
        let address = self.address.octets();
        let is_ours = packet.get(ARP_SENDER)? == address && packet.get(ARP_TARGET)? == address;
        let mac = MacAddress(header.get(6..12)?.try_into().ok()?);
        is_ours.then_some(Seen::Announcement { mac })
    }
}

#[cfg(test)]
mod tests {
    use vrrp_proto::IpMeta;

    use super::*;

    const SOURCE: Ipv4Addr = Ipv4Addr::new(192, 168, 122, 101);

    fn router() -> VirtualRouter {
        VirtualRouter {
            vrid: Vrid::new(51).unwrap(),
            password: Password::from_text("12345"),
            address: Ipv4Addr::new(192, 168, 122, 200),
            interval: Interval::DEFAULT,
        }
    }

    fn frame(ethertype: [u8; 2], packet: &[u8]) -> Frame {
        let bytes = [&[0xff; 6][..], &[2, 0, 0, 0, 1, 1], &ethertype, packet].concat();
        Frame { at: Instant::now(), outgoing: false, bytes }
    }

    fn advert(password: &str) -> Frame {
        let VirtualRouter { vrid, address, interval, .. } = router();
        let addresses = AddressList::from_addresses(Family::V4, [address.into()]).unwrap();
        let priority = Priority::new(244);
        let password = Password::from_text(password);
        let mut advert =
            Advert::new(Version::V2, vrid, priority, interval, addresses.as_addresses());
        advert.authentication = Authentication::Password(&password);
        let mut packet = vec![0x45, 0xc0, 0, 40, 0, 0, 0, 0, 255, PROTOCOL, 0, 0];
        packet.extend(SOURCE.octets());
        packet.extend([224, 0, 0, 18]);
        packet.resize(20 + advert.buffer_len(), 0);
        advert.write(&IpMeta::multicast(SOURCE.into()), &mut packet[20..]).unwrap();
        frame(ETHERTYPE_IPV4, &packet)
    }

    fn arp(sender: [u8; 4], target: [u8; 4]) -> Frame {
        let head = [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 1, 1];
        frame(ETHERTYPE_ARP, &[&head[..], &sender, &[0xff; 6], &target].concat())
    }

    #[test]
    fn an_advert_is_seen_with_its_source_and_priority() {
        let seen = router().sight(&advert("12345")).unwrap().seen;
        let priority = Priority::new(244);
        assert_eq!(seen, Seen::Advert { source: SOURCE.into(), priority });
    }

    #[test]
    fn what_the_daemons_would_drop_is_not_seen() {
        assert_eq!(router().sight(&advert("wrong")), None);
        assert_eq!(router().sight(&frame(ETHERTYPE_IPV4, &[])), None);
        assert_eq!(router().sight(&frame([0x88, 0xb5], &[])), None);
    }

    #[test]
    fn an_announcement_is_seen_with_its_ethernet_address() {
        let address = router().address.octets();
        let seen = router().sight(&arp(address, address)).unwrap().seen;
        assert_eq!(seen, Seen::Announcement { mac: MacAddress([2, 0, 0, 0, 1, 1]) });
        assert_eq!(router().sight(&arp(address, [192, 168, 122, 9])), None, "a question");
        assert_eq!(router().sight(&arp([0; 4], address)), None, "a probe");
    }
}
