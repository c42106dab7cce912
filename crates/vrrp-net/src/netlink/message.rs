//! Netlink messages to and from bytes: what neli does for one message, done for many.

use std::io::Cursor;

use neli::consts::nl::{NlmF, Nlmsg};
use neli::consts::rtnl::{RtaType, Rtm};
use neli::nl::{NlPayload, NlmsghdrBuilder};
use neli::rtnl::{Rtattr, RtattrBuilder};
use neli::types::{Buffer, RtBuffer};
use neli::{FromBytesWithInput, Size, ToBytes, TypeSize};

use crate::words::Errno;

/// struct nlmsghdr.
const HEADER_BYTES: usize = 16;
/// What messages and attributes begin at a multiple of.
const ALIGNMENT: usize = 4;
/// linux/netlink.h: the attribute of an acknowledgement that holds a sentence.
const NLMSGERR_ATTR_MSG: u16 = 1;

/// Requests one behind the other, as one datagram to the kernel.
#[derive(Default)]
pub(crate) struct Requests(Cursor<Vec<u8>>);

impl Requests {
    /// Appends a request; its answer will carry `sequence`.
    pub(crate) fn push<P>(&mut self, kind: Rtm, flags: NlmF, sequence: u32, payload: P)
    where
        P: Size + ToBytes,
    {
        NlmsghdrBuilder::default()
            .nl_type(kind)
            .nl_flags(NlmF::REQUEST | flags)
            .nl_seq(sequence)
            .nl_payload(NlPayload::Payload(payload))
            .build()
            .expect("every field is set")
            .to_bytes(&mut self.0)
            .expect("a vector takes any number of bytes");
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.get_ref()
    }
}

/// An attribute with this payload.
pub(crate) fn attribute<T, P>(kind: T, payload: P) -> Rtattr<T, Buffer>
where
    T: RtaType + TypeSize + Size,
    P: Size + ToBytes,
{
    RtattrBuilder::default()
        .rta_type(kind)
        .rta_payload(payload)
        .build()
        .expect("both fields are set, and a vector takes any number of bytes")
}

/// Attributes as they stand in a message.
pub(crate) fn bytes<T>(attributes: &RtBuffer<T, Buffer>) -> Buffer
where
    RtBuffer<T, Buffer>: ToBytes,
{
    let mut buffer = Cursor::new(Vec::new());
    attributes.to_bytes(&mut buffer).expect("a vector takes any number of bytes");
    Buffer::from(buffer.into_inner())
}

/// The payload of the first attribute of this kind.
pub(crate) fn payload<T: PartialEq>(attributes: &RtBuffer<T, Buffer>, kind: T) -> Option<&[u8]> {
    let found = attributes.iter().find(|attribute| *attribute.rta_type() == kind)?;
    Some(found.rta_payload().as_ref())
}

/// The payload of the first attribute of this kind, if it is a number in the host's order.
pub(crate) fn number<T: PartialEq>(attributes: &RtBuffer<T, Buffer>, kind: T) -> Option<u32> {
    payload(attributes, kind)?.try_into().ok().map(u32::from_ne_bytes)
}

/// The payload of an attribute that ends with a NUL, without it.
pub(crate) fn string<T: PartialEq>(attributes: &RtBuffer<T, Buffer>, kind: T) -> Option<&[u8]> {
    let bytes = payload(attributes, kind)?;
    Some(bytes.strip_suffix(&[0]).unwrap_or(bytes))
}

/// Decodes a payload; the words are neli's if it cannot be.
pub(crate) fn decode<P>(bytes: &[u8]) -> Result<P, String>
where
    P: FromBytesWithInput<Input = usize>,
{
    P::from_bytes_with_input(&mut Cursor::new(bytes), bytes.len()).map_err(|e| e.to_string())
}

/// A message from the kernel whose body is still bytes.
///
/// Taken apart here and not by neli, which subtracts the lengths that an acknowledgement claims:
/// nothing that arrives may make this crate panic.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Message<'a> {
    kind: u16,
    flags: u16,
    pub(crate) sequence: u32,
    pub(crate) body: &'a [u8],
}

impl<'a> Message<'a> {
    /// Takes the first message off a datagram.
    fn take(rest: &mut &'a [u8]) -> Result<Self, String> {
        let (header, _) = rest.split_first_chunk::<HEADER_BYTES>().ok_or("cut off in a header")?;
        let &[a, b, c, d, kind_0, kind_1, flags_0, flags_1, e, f, g, h, ..] = header;
        let len = u32::from_ne_bytes([a, b, c, d]) as usize;
        let body = rest
            .get(HEADER_BYTES..len)
            .ok_or_else(|| format!("a length of {len} with {} bytes left", rest.len()))?;
        // The last message of a datagram need not be padded.
        *rest = rest.get(len.next_multiple_of(ALIGNMENT)..).unwrap_or_default();
        Ok(Self {
            kind: u16::from_ne_bytes([kind_0, kind_1]),
            flags: u16::from_ne_bytes([flags_0, flags_1]),
            sequence: u32::from_ne_bytes([e, f, g, h]),
            body,
        })
    }

    /// What rtnetlink says with it.
    pub(crate) fn kind(&self) -> Rtm {
        Rtm::from(self.kind)
    }

    /// Whether what is being listed has changed since the list was begun.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.flags & libc::NLM_F_DUMP_INTR as u16 != 0
    }

    /// What it says about a request, if it is not itself what was asked for.
    pub(crate) fn answer(&self) -> Option<Result<Answer, String>> {
        match Nlmsg::from(self.kind) {
            Nlmsg::Error | Nlmsg::Done => Some(self.acknowledgement()),
            _ => None,
        }
    }

    /// A number, in an error message a copy of the request or of its header, and attributes.
    fn acknowledgement(&self) -> Result<Answer, String> {
        let (code, after) = self.body.split_first_chunk().ok_or("no error number")?;
        match i32::from_ne_bytes(*code) {
            0 => Ok(Answer::Done),
            code => {
                let errno = Errno::from_raw(code.saturating_neg());
                Ok(Answer::Refused(errno, self.explanation(after)))
            }
        }
    }

    /// The kernel's own words, which it adds to some refusals.
    fn explanation(&self, after_number: &[u8]) -> Option<Box<str>> {
        if self.flags & libc::NLM_F_ACK_TLVS as u16 == 0 {
            return None;
        }
        let copied = match (Nlmsg::from(self.kind), self.flags & libc::NLM_F_CAPPED as u16) {
            (Nlmsg::Done, _) => 0,
            (_, 0) => u32::from_ne_bytes(*after_number.first_chunk()?) as usize,
            _ => HEADER_BYTES,
        };
        let attributes = after_number.get(copied.next_multiple_of(ALIGNMENT)..)?;
        let attributes: RtBuffer<u16, Buffer> = decode(attributes).ok()?;
        let words = String::from_utf8_lossy(string(&attributes, NLMSGERR_ATTR_MSG)?);
        Some(words.trim_end_matches('.').into())
    }
}

/// The messages of one datagram from the kernel.
pub(crate) fn messages(datagram: &[u8]) -> impl Iterator<Item = Result<Message<'_>, String>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let message = Message::take(&mut rest);
        if message.is_err() {
            rest = &[];
        }
        Some(message)
    })
}

/// What the kernel says about one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is done.
    Done,
    /// It is not, and why.
    Refused(Errno, Option<Box<str>>),
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use neli::consts::rtnl::{Ifa, RtAddrFamily, RtScope};
    use neli::rtnl::{Ifaddrmsg, IfaddrmsgBuilder};

    use super::*;
    use crate::netlink::{LinkChange, Notice};
    use crate::words::IfIndex;

    fn address_message() -> Ifaddrmsg {
        let address = Buffer::from(&Ipv4Addr::new(192, 0, 2, 100).octets()[..]);
        IfaddrmsgBuilder::default()
            .ifa_family(RtAddrFamily::Inet)
            .ifa_prefixlen(32)
            .ifa_scope(RtScope::Universe)
            .ifa_index(7)
            .rtattrs([attribute(Ifa::Local, address)].into_iter().collect())
            .build()
            .unwrap()
    }

    /// A refusal as the kernel writes it: the number, the request that it is about, a sentence.
    fn refusal(sequence: u32) -> Vec<u8> {
        let mut request = Requests::default();
        request.push(Rtm::Newaddr, NlmF::ACK, sequence, address_message());
        let text = b"No.\0";
        let body = [
            &(-libc::EINVAL).to_ne_bytes()[..],
            request.as_bytes(),
            &8_u16.to_ne_bytes(),
            &1_u16.to_ne_bytes(),
            text,
        ]
        .concat();
        let len = (HEADER_BYTES + body.len()) as u32;
        let kind_and_flags = [libc::NLMSG_ERROR as u16, libc::NLM_F_ACK_TLVS as u16];
        let kind_and_flags = kind_and_flags.map(u16::to_ne_bytes).concat();
        let (sequence, port) = (sequence.to_ne_bytes(), 0_u32.to_ne_bytes());
        [&len.to_ne_bytes(), &kind_and_flags[..], &sequence, &port, &body].concat()
    }

    fn datagram() -> Vec<u8> {
        let mut events = Requests::default();
        events.push(Rtm::Newaddr, NlmF::empty(), 1, address_message());
        events.push(Rtm::Deladdr, NlmF::empty(), 2, address_message());
        let name = "veth0".parse().unwrap();
        let change = LinkChange { name: Some(name), mtu_bytes: Some(1500), ..LinkChange::UP };
        events.push(Rtm::Newlink, NlmF::empty(), 3, change.message(IfIndex::new(7).unwrap()));
        [events.as_bytes(), &refusal(4)].concat()
    }

    #[test]
    fn messages_of_several_kinds_in_one_datagram_are_told_apart() {
        let datagram = datagram();
        let all: Vec<_> = messages(&datagram).collect::<Result<_, _>>().unwrap();
        assert_eq!(all.iter().map(|it| it.sequence).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert!(matches!(Notice::decode(&all[0]), Ok(Some(Notice::AddressAdded(_)))));
        assert!(matches!(Notice::decode(&all[1]), Ok(Some(Notice::AddressRemoved(_)))));
        let refused = Answer::Refused(Errno::from_raw(libc::EINVAL), Some("No".into()));
        let Ok(Some(Notice::LinkChanged(link))) = Notice::decode(&all[2]) else { panic!() };
        assert_eq!((link.interface.index.get(), link.mtu_bytes), (7, 1500));
        assert_eq!(all[3].answer(), Some(Ok(refused)));
        assert_eq!(all[0].answer(), None);
    }

    #[test]
    fn no_datagram_makes_the_decoder_panic() {
        let datagram = datagram();
        let decode_all = |bytes: &[u8]| {
            for message in messages(bytes).flatten() {
                // What comes out does not matter here; that something does, does.
                let _ = (Notice::decode(&message).is_ok(), message.answer());
            }
        };
        for len in 0..datagram.len() {
            decode_all(&datagram[..len]);
        }
        for position in 0..datagram.len() {
            for byte in 0..=u8::MAX {
                let mut garbled = datagram.clone();
                garbled[position] = byte;
                decode_all(&garbled);
            }
        }
    }

    #[test]
    fn a_message_that_is_cut_off_is_an_error() {
        let datagram = datagram();
        let whole = messages(&datagram).filter(Result::is_ok).count();
        for cut in 1..16 {
            let cut_off: Vec<_> = messages(&datagram[..datagram.len() - cut]).collect();
            assert_eq!(cut_off.iter().filter(|it| it.is_ok()).count(), whole - 1);
            assert!(cut_off.last().unwrap().is_err());
        }
    }
}
