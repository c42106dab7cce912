//! What the daemon tells its guard.

use std::time::Duration;

use vrrp::LastWill;
use vrrp_net::{Object, Packet};

use crate::slots::SLOTS;

/// A will goes in parts that are not much longer.
const PART_BYTES: usize = 8 << 10;
/// The longest part: one item may come on top, and an advert of 255 IPv6 addresses has some 4,100
/// octets.
pub(crate) const PART_BYTES_MAX: usize = PART_BYTES + (8 << 10);

const REVOKE: u8 = 0;
const PART: u8 = 1;
/// Properties of a part.
const FIRST: u8 = 2;
const LAST: u8 = 4;

const NAME: u8 = 1;
const SILENCE: u8 = 2;
const NUMBERED: u8 = 3;
const OBJECT: u8 = 4;
const PACKET: u8 = 5;

/// A will as the guard has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Will {
    /// Whose it is, for people.
    pub(crate) name: String,
    pub(crate) objects: Vec<Object>,
    pub(crate) resignation: Vec<Packet>,
    /// Whether the resignation changes with each advert, and is in the slot.
    pub(crate) is_numbered: bool,
    pub(crate) silence_max: Duration,
}

/// One message.
#[derive(Debug, PartialEq)]
pub(crate) enum Message<'a> {
    Revoke {
        slot: u32,
    },
    /// A part of a will: whether it begins anew with it, and whether it is whole then.
    Part {
        slot: u32,
        items: &'a [u8],
        is_first: bool,
        is_last: bool,
    },
}

impl<'a> Message<'a> {
    /// `None` if it is none.
    pub(crate) fn read(octets: &'a [u8]) -> Option<Self> {
        let (slot, rest) = octets.split_first_chunk()?;
        let slot = u32::from_ne_bytes(*slot);
        let (kind, items) = rest.split_first()?;
        match *kind {
            _ if slot >= SLOTS => None,
            REVOKE => Some(Self::Revoke { slot }),
            kind if kind & !(FIRST | LAST) == PART => {
                let (is_first, is_last) = (kind & FIRST != 0, kind & LAST != 0);
                Some(Self::Part { slot, items, is_first, is_last })
            }
            _ => None,
        }
    }
}

/// That there is no will any more.
pub(crate) fn revocation(slot: u32) -> Vec<u8> {
    start(slot, REVOKE)
}

/// A will, in parts.
pub(crate) fn parts(slot: u32, name: &str, will: &LastWill) -> Vec<Vec<u8>> {
    let mut parts = vec![start(slot, PART | FIRST)];
    let mut add = |write: &dyn Fn(&mut Vec<u8>)| {
        if parts.last().is_none_or(|part| part.len() >= PART_BYTES) {
            parts.push(start(slot, PART));
        }
        parts.last_mut().into_iter().for_each(write);
    };
    // For people, who need no more of it.
    let name: String = name.chars().take(60).collect();
    add(&|part| {
        part.extend([NAME, name.len() as u8]);
        part.extend(name.as_bytes());
        part.push(SILENCE);
        part.extend((will.silence_max.as_micros() as u64).to_ne_bytes());
    });
    for packet in will.resignation.iter().flatten() {
        add(&|part| {
            part.push(PACKET);
            packet.write_octets(part);
        });
    }
    if will.resignation.is_none() {
        add(&|part| part.push(NUMBERED));
    }
    for object in &will.objects {
        add(&|part| {
            part.push(OBJECT);
            object.write_octets(part);
        });
    }
    parts.last_mut().into_iter().for_each(|part| part[size_of::<u32>()] |= LAST);
    parts
}

fn start(slot: u32, kind: u8) -> Vec<u8> {
    let mut octets = slot.to_ne_bytes().to_vec();
    octets.push(kind);
    octets
}

impl Will {
    /// Adds what a part of it says; `None` if that cannot be understood.
    pub(crate) fn add(&mut self, mut items: &[u8]) -> Option<()> {
        while let Some(kind) = items.split_off_first() {
            match *kind {
                NAME => {
                    let len = usize::from(*items.split_off_first()?);
                    self.name = String::from_utf8_lossy(items.split_off(..len)?).into_owned();
                }
                SILENCE => {
                    let micros = items.split_off(..size_of::<u64>())?.try_into().ok()?;
                    self.silence_max = Duration::from_micros(u64::from_ne_bytes(micros));
                }
                NUMBERED => self.is_numbered = true,
                OBJECT => self.objects.push(Object::read_octets(&mut items)?),
                PACKET => self.resignation.push(Packet::read_octets(&mut items)?),
                _ => return None,
            }
        }
        Some(())
    }
}

/// A resignation by itself.
pub(crate) fn packets(packets: &[Packet]) -> Vec<u8> {
    let mut octets = Vec::new();
    packets.iter().for_each(|packet| packet.write_octets(&mut octets));
    octets
}

/// The packets of a resignation by itself.
pub(crate) fn read_packets(mut octets: &[u8]) -> Vec<Packet> {
    std::iter::from_fn(|| Packet::read_octets(&mut octets)).collect()
}

#[cfg(test)]
mod tests {
    use vrrp_net::{AddressSpec, IfIndex, Interface};
    use vrrp_proto::IpMeta;

    use super::*;

    fn will(objects: u32, resignation: Option<Vec<Packet>>) -> LastWill {
        let index = IfIndex::new(7).unwrap();
        let eth0 = Interface { index, name: "eth0".parse().unwrap() };
        let address = |number: u32| AddressSpec::new(eth0, number.to_be_bytes().into(), 24).into();
        let objects = (1..=objects).map(address).collect();
        LastWill { objects, resignation, silence_max: Duration::from_millis(3000) }
    }

    fn packet() -> Packet {
        let ip = IpMeta::new([192, 0, 2, 1].into(), [224, 0, 0, 18].into(), 255);
        Packet { interface: None, ip, message: vec![0x31; 12] }
    }

    #[test]
    fn a_will_of_many_objects_comes_together_from_its_parts() {
        for (count, resignation) in [(1, Some(vec![packet(); 2])), (5000, None), (1, Some(vec![]))]
        {
            let sent = will(count, resignation);
            let parts = parts(9, "VI_1", &sent);
            assert_eq!(parts.len() > 1, count > 1);
            let mut got = Will::default();
            for (number, part) in parts.iter().enumerate() {
                assert!(part.len() <= PART_BYTES_MAX);
                let Some(Message::Part { slot: 9, items, is_first, is_last }) = Message::read(part)
                else {
                    panic!("{number}");
                };
                assert_eq!(is_first, number == 0);
                assert_eq!(is_last, number + 1 == parts.len());
                got.add(items).unwrap();
            }
            assert_eq!((&*got.name, got.silence_max), ("VI_1", sent.silence_max));
            assert_eq!(got.is_numbered, sent.resignation.is_none());
            assert_eq!(got.resignation, sent.resignation.unwrap_or_default());
            assert_eq!(got.objects, sent.objects);
        }
    }

    #[test]
    fn what_makes_no_sense_is_no_message() {
        assert_eq!(Message::read(&revocation(3)), Some(Message::Revoke { slot: 3 }));
        assert_eq!(Message::read(&revocation(SLOTS)), None);
        assert_eq!(Message::read(&[0, 0, 0, 0]), None);
        assert_eq!(Message::read(&[0, 0, 0, 0, 9]), None);
        assert_eq!(Message::read(&[0, 0, 0, 0, LAST]), None);
        assert_eq!(Will::default().add(&[OBJECT, 0]), None);
        assert_eq!(Will::default().add(&[77]), None);
    }

    #[test]
    fn a_resignation_by_itself_comes_back() {
        let both = [packet(), packet()];
        assert_eq!(read_packets(&packets(&both)), both);
    }
}
