//! An advert that is written once and sent many times.

use crate::advert::Advert;
use crate::auth::Authentication;
use crate::auth::header::HeaderKey;
use crate::auth::trailer::{HmacKey, TRAILER_LEN};
use crate::auth_header::AuthHeader;
use crate::checksum;
use crate::error::EncodeError;
use crate::ip::IpMeta;
use crate::message::Message;
use crate::numbers::{AUTH_HEADER_PROTOCOL, PROTOCOL};
use crate::sequence::Sequence;
use crate::words::{ChecksumForm, Family, Priority};

/// A message that is written once and sent many times: only the priority changes, and the
/// checksum with it (RFC 1624), and what proves it if it is signed.
///
/// It has to be prepared anew when anything else does: the source address, the interval, the
/// list of addresses, the kind of authentication.
///
/// ```
/// use vrrp_proto::{
///     AddressList, Advert, Authentication, Family, HeaderKey, Interval, IpMeta, PreparedAdvert,
///     Priority, Signer, Version, Vrid,
/// };
///
/// let key = HeaderKey::from_text("s3cr3t");
/// let addresses = AddressList::from_addresses(Family::V4, ["192.0.2.100".parse()?])?;
/// let addresses = addresses.as_addresses();
/// let (vrid, interval) = (Vrid::try_from(51)?, Interval::DEFAULT);
/// let advert = Advert {
///     authentication: Authentication::Header(&key),
///     ..Advert::new(Version::V2, vrid, Priority::DEFAULT, interval, addresses)
/// };
/// let ip = IpMeta::multicast("192.0.2.1".parse()?);
/// let mut prepared = PreparedAdvert::new(&advert, &ip, vec![0; advert.prepared_len()])?;
///
/// // Each time it is sent, in a packet of protocol 51 with the identification 1:
/// let mut signer = Signer::default();
/// let sequence = signer.next(&advert.authentication)?;
/// let payload = prepared.sign(Priority::DEFAULT, &advert.authentication, sequence, 1)?;
/// assert_eq!(payload.octets[..8], *b"\x70\x04\x00\x00\xc0\x00\x02\x01");
/// assert_eq!(payload.protocol, 51);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct PreparedAdvert<B> {
    /// What stands in front of the message, the message, and what stands behind it.
    buffer: B,
    ip: IpMeta,
    form: ChecksumForm,
    /// The octets of each.
    lens: (usize, usize, usize),
}

/// What an IP packet is to carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload<'a> {
    /// The number in the IP header: 112, or 51 with an authentication header.
    pub protocol: u8,
    /// What follows the IP header.
    pub octets: &'a [u8],
}

impl<'a> Payload<'a> {
    /// The authentication header in front, if there is one, and the rest: the message, and what
    /// stands behind it.
    pub fn split(self) -> (Option<AuthHeader>, &'a [u8]) {
        match AuthHeader::split(self.octets) {
            Ok((header, _, rest)) if self.protocol == AUTH_HEADER_PROTOCOL => (Some(header), rest),
            _ => (None, self.octets),
        }
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> PreparedAdvert<B> {
    /// Writes `advert` into `buffer`, which may be an array, a `Vec`, a box or a mutable slice
    /// of at least [`Advert::prepared_len`] octets.
    ///
    /// # Errors
    /// As [`Advert::write`].
    pub fn new(advert: &Advert<'_>, ip: &IpMeta, mut buffer: B) -> Result<Self, EncodeError> {
        advert.check_writable(ip)?;
        let (required_len, len) = (advert.prepared_len(), buffer.as_mut().len());
        let (before, behind) = advert.authentication.around();
        let room = buffer
            .as_mut()
            .get_mut(before..required_len)
            .ok_or(EncodeError::BufferTooSmall { required_len, len })?;
        let message_len = advert.write(ip, room)?;
        let (ip, form) = (*ip, advert.checksum);
        Ok(Self { buffer, ip, form, lens: (before, message_len, behind) })
    }

    /// The message with this priority, not signed.
    pub fn with_priority(&mut self, priority: Priority) -> &[u8] {
        let (ip, form, (_, _, behind)) = (self.ip, self.form, self.lens);
        let octets = self.message_mut();
        let mut message = Message::whole(&mut *octets);
        let old = message.priority_and_count();
        message.set_priority(priority);
        let new = message.priority_and_count();
        if behind == 0 {
            message.set_checksum(checksum::updated(message.checksum(), old, new));
        } else {
            // It may have covered a trailer.
            message.set_checksum(0);
            let checksum = form.sum(octets, &ip);
            Message::whole(&mut *octets).set_checksum(checksum);
        }
        octets
    }

    /// What an IP packet with this identification carries: the message with this priority, and
    /// what proves it. The authentication is the one that it was prepared for (its secrets, keys
    /// and time may be others), the sequence number comes from [`Signer::next`].
    ///
    /// [`Signer::next`]: crate::Signer::next
    ///
    /// # Errors
    /// [`EncodeError::Unprepared`] if it was prepared for another one.
    pub fn sign(
        &mut self,
        priority: Priority,
        authentication: &Authentication<'_>,
        sequence: Option<Sequence>,
        identification: u16,
    ) -> Result<Payload<'_>, EncodeError> {
        let (before, _, behind) = self.lens;
        if authentication.around() != (before, behind) {
            return Err(EncodeError::Unprepared);
        }
        self.with_priority(priority);
        match (authentication, sequence) {
            (Authentication::Header(key), Some(Sequence::Header(number))) => {
                Ok(self.with_header(key, number, identification))
            }
            (Authentication::Hmac(hmac), Some(Sequence::Trailer(number))) => {
                Ok(self.with_trailer(hmac.signing, number))
            }
            // Nobody accepts an authentication header's type without the header.
            (Authentication::Header(_), _) | (_, Some(_)) => Err(EncodeError::Unprepared),
            (_, None) => Ok(Payload { protocol: PROTOCOL, octets: self.as_octets() }),
        }
    }

    /// The message with the priority that it has now. Over IPv6 the checksum covers the trailer
    /// too, if it was signed since then.
    pub fn as_octets(&self) -> &[u8] {
        let (before, len, _) = self.lens;
        &self.buffer.as_ref()[before..before + len]
    }

    fn message_mut(&mut self) -> &mut [u8] {
        let (before, len, _) = self.lens;
        &mut self.buffer.as_mut()[before..before + len]
    }

    fn with_header(&mut self, key: &HeaderKey, number: u32, identification: u16) -> Payload<'_> {
        let (before, len, _) = self.lens;
        let ip = IpMeta { identification, ..self.ip };
        let header = key.sign(&ip, number, self.as_octets());
        self.buffer.as_mut()[..before].copy_from_slice(header.as_octets());
        Payload { protocol: AUTH_HEADER_PROTOCOL, octets: &self.buffer.as_ref()[..before + len] }
    }

    fn with_trailer(&mut self, key: &HmacKey, number: u64) -> Payload<'_> {
        let (ip, form, (_, len, _)) = (self.ip, self.form, self.lens);
        let trailer = key.sign(&ip, self.as_octets(), number);
        let octets = &mut self.buffer.as_mut()[..len + TRAILER_LEN];
        octets[len..].copy_from_slice(&trailer);
        // Over IPv6 the kernel of a receiver verifies the checksum of all that the packet carries.
        if Family::of(ip.source) == Family::V6 {
            Message::whole(&mut *octets).set_checksum(0);
            let checksum = form.sum(octets, &ip);
            Message::whole(&mut *octets).set_checksum(checksum);
        }
        Payload { protocol: PROTOCOL, octets }
    }
}
