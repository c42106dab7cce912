//! The Internet checksum (RFC 1071) over the forms that senders of adverts use.

use core::fmt;
use core::net::IpAddr;

use etherparse::checksum::Sum16BitWords;

use crate::ip::IpMeta;
use crate::numbers::{GROUP_V4, PROTOCOL};
use crate::words::ChecksumForm;

impl ChecksumForm {
    /// The checksum of `message` in this form. Zero if it already holds the right one; the right
    /// one if its checksum field is zero.
    pub(crate) fn sum(self, message: &[u8], ip: &IpMeta) -> u16 {
        let sum = match self {
            Self::MessageOnly => Sum16BitWords::new(),
            Self::PseudoHeader => pseudo_header(ip.source, ip.destination, message.len()),
            Self::OldUnicast => pseudo_header(ip.source, GROUP_V4.into(), message.len()),
        };
        // The words were summed up in the machine's own order.
        u16::from_be(sum.add_slice(message).ones_complement())
    }
}

impl fmt::Display for ChecksumForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MessageOnly => "message only",
            Self::PseudoHeader => "with pseudo-header",
            Self::OldUnicast => "with pseudo-header to 224.0.0.18",
        })
    }
}

/// The sum over the pseudo-header of a message: RFC 793's for IPv4, RFC 8200 §8.1's for IPv6.
///
/// Both end in the length and the protocol number; that IPv6 gives the length 32 bits does not
/// show in the sum.
fn pseudo_header(source: IpAddr, destination: IpAddr, message_len: usize) -> Sum16BitWords {
    let sum = add_address(add_address(Sum16BitWords::new(), source), destination);
    let message_len = message_len as u32;
    sum.add_2bytes(u16::from(PROTOCOL).to_be_bytes()).add_4bytes(message_len.to_be_bytes())
}

fn add_address(mut sum: Sum16BitWords, address: IpAddr) -> Sum16BitWords {
    match address {
        IpAddr::V4(address) => sum.add_4bytes(address.octets()),
        IpAddr::V6(address) => sum.add_16bytes(address.octets()),
    }
}

/// The checksum of a message in which the 16-bit word `old` became `new` (RFC 1624, equation 3).
pub(crate) fn updated(checksum: u16, old: u16, new: u16) -> u16 {
    let sum = u32::from(!checksum) + u32::from(!old) + u32::from(new);
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) as u16 + (folded >> 16) as u16)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use core::net::{Ipv4Addr, Ipv6Addr};

    use super::*;
    use crate::numbers::GROUP_V6;

    /// VRRPv3, VRID 51, priority 100, 1 s, 192.0.2.100; checksum zero.
    const MESSAGE: [u8; 12] = [0x31, 0x33, 0x64, 0x01, 0x00, 0x64, 0, 0, 0xc0, 0x00, 0x02, 0x64];

    #[test]
    fn each_form_gives_its_own_sum() {
        let source = IpAddr::from([192, 0, 2, 1]);
        let multicast = IpMeta::multicast(source);
        let unicast = IpMeta::new(source, IpAddr::from([192, 0, 2, 3]), 255);
        assert_eq!(ChecksumForm::PseudoHeader.sum(&MESSAGE, &multicast), 0x0572);
        assert_eq!(ChecksumForm::MessageOnly.sum(&MESSAGE, &multicast), 0xa802);
        assert_eq!(ChecksumForm::OldUnicast.sum(&MESSAGE, &unicast), 0x0572);
        assert_ne!(ChecksumForm::PseudoHeader.sum(&MESSAGE, &unicast), 0x0572);
    }

    /// RFC 1071 §4.1, word by word.
    fn reference(octets: &[u8]) -> u16 {
        let words = octets.chunks(2).map(|word| u32::from(word[0]) << 8 | u32::from(word[1]));
        let sum: u32 = words.sum();
        let folded = (sum & 0xffff) + (sum >> 16);
        !(((folded & 0xffff) + (folded >> 16)) as u16)
    }

    #[test]
    fn sums_are_those_of_the_written_out_pseudo_header() {
        let source = Ipv4Addr::new(198, 51, 100, 255);
        let mut v4 = source.octets().to_vec();
        v4.extend_from_slice(&GROUP_V4.octets());
        v4.extend_from_slice(&[0, PROTOCOL, 0, MESSAGE.len() as u8]);
        v4.extend_from_slice(&MESSAGE);
        let ip = IpMeta::multicast(source.into());
        assert_eq!(ChecksumForm::PseudoHeader.sum(&MESSAGE, &ip), reference(&v4));
        assert_eq!(ChecksumForm::MessageOnly.sum(&MESSAGE, &ip), reference(&MESSAGE));

        let source = Ipv6Addr::new(0xfe80, 0, 0, 0, 1, 2, 3, 0xffff);
        let mut v6 = source.octets().to_vec();
        v6.extend_from_slice(&GROUP_V6.octets());
        v6.extend_from_slice(&[0, 0, 0, MESSAGE.len() as u8, 0, 0, 0, PROTOCOL]);
        v6.extend_from_slice(&MESSAGE);
        let ip = IpMeta::multicast(source.into());
        assert_eq!(ChecksumForm::PseudoHeader.sum(&MESSAGE, &ip), reference(&v6));
    }

    #[test]
    fn an_updated_checksum_is_the_one_of_the_changed_message() {
        let ip = IpMeta::multicast(IpAddr::from([192, 0, 2, 1]));
        let word = |priority: u8| u16::from_be_bytes([priority, MESSAGE[3]]);
        let sum = |priority: u8| {
            let mut message = MESSAGE;
            message[2] = priority;
            ChecksumForm::PseudoHeader.sum(&message, &ip)
        };
        for old in 0..=255 {
            for new in 0..=255 {
                assert_eq!(updated(sum(old), word(old), word(new)), sum(new), "{old} to {new}");
            }
        }
    }
}
