//! Netlink messages to and from bytes: what neli does for one message, done for many.

use std::io::Cursor;

use neli::consts::nl::{NlmF, Nlmsg, NlmsgerrAttr};
use neli::consts::rtnl::{RtaType, Rtm};
use neli::err::{Nlmsgerr, NlmsghdrErr};
use neli::nl::{NlPayload, Nlmsghdr, NlmsghdrBuilder};
use neli::rtnl::{Rtattr, RtattrBuilder};
use neli::types::{Buffer, GenlBuffer, RtBuffer};
use neli::{FromBytes, FromBytesWithInput, Size, ToBytes, TypeSize};

use crate::words::Errno;

/// A message whose payload is still bytes.
pub(crate) type RawMessage = Nlmsghdr<u16, Buffer>;

/// struct nlmsghdr.
const HEADER_BYTES: usize = 16;
/// The error number in front of an acknowledgement's copy of the request's header.
const ERRNO_BYTES: usize = 4;

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

/// The messages of one datagram from the kernel.
///
/// neli subtracts the lengths that a message claims, so they are looked at first: nothing that
/// arrives makes it count below zero.
pub(crate) fn messages(datagram: &[u8]) -> impl Iterator<Item = Result<RawMessage, String>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let message = take_message(&mut rest);
        if message.is_err() {
            rest = &[];
        }
        Some(message)
    })
}

fn take_message(rest: &mut &[u8]) -> Result<RawMessage, String> {
    let (header, _) = rest.split_first_chunk::<HEADER_BYTES>().ok_or("cut off in a header")?;
    let [a, b, c, d, kind_a, kind_b, ..] = *header;
    let len = u32::from_ne_bytes([a, b, c, d]) as usize;
    if len < least_len(u16::from_ne_bytes([kind_a, kind_b])) || len > rest.len() {
        return Err(format!("a length of {len} with {} bytes left", rest.len()));
    }
    // The last message of a datagram need not be padded.
    let padded = len.next_multiple_of(4).min(rest.len());
    let (message, after) = rest.split_at(padded);
    *rest = after;
    RawMessage::from_bytes(&mut Cursor::new(message)).map_err(|e| e.to_string())
}

fn least_len(kind: u16) -> usize {
    match Nlmsg::from(kind) {
        Nlmsg::Error => HEADER_BYTES + ERRNO_BYTES + HEADER_BYTES,
        Nlmsg::Done => HEADER_BYTES + ERRNO_BYTES,
        _ => HEADER_BYTES,
    }
}

/// What the kernel says about one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is done.
    Done,
    /// It is not, and why.
    Refused(Errno, Option<Box<str>>),
}

impl Answer {
    /// The answer that a message is, if it is one.
    pub(crate) fn of(message: &RawMessage) -> Option<Self> {
        match message.nl_payload() {
            NlPayload::Ack(_) => Some(Self::Done),
            NlPayload::Err(error) => Some(Self::refusal(error)),
            NlPayload::DumpExtAck(end) => Some(match errno(*end.error()) {
                None => Self::Done,
                Some(errno) => Self::Refused(errno, None),
            }),
            _ => None,
        }
    }

    fn refusal(error: &Nlmsgerr<NlmsghdrErr<u16, Buffer>>) -> Self {
        match errno(*error.error()) {
            None => Self::Done,
            Some(errno) => Self::Refused(errno, explanation(error.ext_ack())),
        }
    }
}

/// Zero is no error, and the kernel counts errors below it.
fn errno(code: i32) -> Option<Errno> {
    (code != 0).then(|| Errno::from_raw(code.saturating_neg()))
}

/// The kernel's own words, which it adds to some refusals.
fn explanation(attributes: &GenlBuffer<NlmsgerrAttr, Buffer>) -> Option<Box<str>> {
    let is_text = |kind: &NlmsgerrAttr| matches!(kind, NlmsgerrAttr::Msg);
    let text = attributes.iter().find(|attribute| is_text(attribute.nla_type().nla_type()))?;
    let bytes = text.nla_payload().as_ref();
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    Some(String::from_utf8_lossy(bytes).trim_end_matches('.').into())
}
