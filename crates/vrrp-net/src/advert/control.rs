//! What the kernel says of a datagram beside its bytes.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// struct cmsghdr: the length, which includes this header, the level and the kind.
const HEADER_BYTES: usize = size_of::<usize>() + 2 * size_of::<i32>();
/// Where struct sockaddr_in6 has the address.
const NAME_ADDRESS: std::ops::Range<usize> = 8..24;

/// What the control messages of one datagram say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Control {
    /// When the kernel took it from the interface, by the wall clock since 1970.
    pub(super) stamp: Option<Duration>,
    /// IPv6: where it was sent.
    pub(super) destination: Option<IpAddr>,
    /// IPv6: its hop limit.
    pub(super) hop_limit: Option<u8>,
}

impl Control {
    /// Reads the messages, as far as they are whole.
    pub(super) fn read(mut rest: &[u8]) -> Self {
        let mut control = Self::default();
        while let Some((level, kind, data)) = take(&mut rest) {
            match (level, kind) {
                (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => control.stamp = time(data),
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => control.destination = address(data),
                (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) => {
                    let number = data.first_chunk().copied().map(i32::from_ne_bytes);
                    control.hop_limit = number.and_then(|number| number.try_into().ok());
                }
                _ => {}
            }
        }
        control
    }
}

/// The address in a struct sockaddr_in6.
pub(super) fn sender(name: &[u8]) -> Option<IpAddr> {
    address(name.get(NAME_ADDRESS)?)
}

/// Takes the first message: its level, kind and data.
fn take<'a>(rest: &mut &'a [u8]) -> Option<(i32, i32, &'a [u8])> {
    let header = rest.get(..HEADER_BYTES)?;
    let (len, words) = header.split_first_chunk()?;
    let (level, words) = words.split_first_chunk()?;
    let (kind, _) = words.split_first_chunk()?;
    let len = usize::from_ne_bytes(*len);
    let data = rest.get(HEADER_BYTES..len)?;
    let next = len.checked_next_multiple_of(size_of::<usize>())?;
    *rest = rest.get(next..).unwrap_or_default();
    Some((i32::from_ne_bytes(*level), i32::from_ne_bytes(*kind), data))
}

/// struct timespec: seconds and nanoseconds, of the size that this architecture gives them.
fn time(data: &[u8]) -> Option<Duration> {
    let (secs, nanos) = data.split_at_checked(data.len() / 2)?;
    let number = |bytes: &[u8]| match bytes.len() {
        4 => bytes.try_into().ok().map(|bytes| i64::from(i32::from_ne_bytes(bytes))),
        8 => bytes.try_into().ok().map(i64::from_ne_bytes),
        _ => None,
    };
    let (secs, nanos) = (number(secs)?.try_into().ok()?, number(nanos)?.try_into().ok()?);
    Some(Duration::from_secs(secs) + Duration::from_nanos(nanos))
}

/// The address at the beginning, as struct in6_pktinfo has it.
fn address(data: &[u8]) -> Option<IpAddr> {
    let octets: [u8; 16] = *data.first_chunk()?;
    Some(Ipv6Addr::from(octets).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(level: i32, kind: i32, data: &[u8]) -> Vec<u8> {
        let len = HEADER_BYTES + data.len();
        let mut bytes =
            [&len.to_ne_bytes()[..], &level.to_ne_bytes(), &kind.to_ne_bytes(), data].concat();
        bytes.resize(len.next_multiple_of(size_of::<usize>()), 0);
        bytes
    }

    fn all() -> Vec<u8> {
        let time = [3_i64.to_ne_bytes(), 5_000_i64.to_ne_bytes()].concat();
        let group = "ff02::12".parse::<Ipv6Addr>().unwrap().octets();
        [
            message(libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS, &time),
            message(libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT, &255_i32.to_ne_bytes()),
            message(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &[&group[..], &[0; 4]].concat()),
        ]
        .concat()
    }

    #[test]
    fn each_message_is_found() {
        let control = Control::read(&all());
        let expected = Control {
            stamp: Some(Duration::new(3, 5_000)),
            destination: Some("ff02::12".parse().unwrap()),
            hop_limit: Some(255),
        };
        assert_eq!(control, expected);
    }

    #[test]
    fn no_control_message_makes_the_reader_panic() {
        let all = all();
        for len in 0..all.len() {
            Control::read(&all[..len]);
        }
        for position in 0..all.len() {
            for byte in [0, 1, 0x7f, 0xff] {
                let mut garbled = all.clone();
                garbled[position] = byte;
                Control::read(&garbled);
            }
        }
        assert_eq!(Control::read(&[]), Control::default());
    }
}
