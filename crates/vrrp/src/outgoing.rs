//! The adverts that a router has ready to send, one for each destination.

use std::net::IpAddr;

use vrrp_proto::{
    Advert, Authentication, ChecksumForm, EncodeError, Family, HOP_LIMIT, IpMeta, PreparedAdvert,
    Priority, Sequence, Signer, UnixTime, Version,
};

use crate::destination::{Destination, OldChecksum};
use crate::settings::Settings;

/// An advert for one destination: its checksum may cover that.
pub(crate) struct Outgoing {
    pub(crate) ip: IpMeta,
    pub(crate) advert: PreparedAdvert<Vec<u8>>,
}

impl Outgoing {
    /// One for each destination of the settings, from this source. Nothing is sent to this
    /// machine's `own` addresses. The time of day does not matter before they are signed.
    #[inline(never)]
    pub(crate) fn prepare(
        settings: &Settings,
        source: IpAddr,
        own: &[IpAddr],
        has_old_peer: bool,
        now: UnixTime,
    ) -> Result<Vec<Self>, EncodeError> {
        let Settings { machine, vrid, advertised, authentication, .. } = settings;
        let addresses = advertised.as_addresses();
        let mut advert =
            Advert::new(machine.version, *vrid, machine.priority, machine.interval, addresses);
        advert.authentication = authentication.as_proto(now);
        advert.checksum = checksum(settings, has_old_peer);
        let outgoing = |ip: IpMeta| {
            let buffer = vec![0; advert.prepared_len()];
            Ok(Self { ip, advert: PreparedAdvert::new(&advert, &ip, buffer)? })
        };
        match &settings.destination {
            Destination::Multicast(group) => {
                outgoing(IpMeta::new(source, *group, HOP_LIMIT)).map(|one| vec![one])
            }
            Destination::Unicast(unicast) => {
                let peers = unicast.peers.iter().map(|peer| peer.address);
                let others = peers.filter(|peer| *peer != source && !own.contains(peer));
                others.map(|peer| outgoing(IpMeta::new(source, peer, unicast.hop_limit))).collect()
            }
        }
    }
}

/// What a router's signatures count by, from one advert to the next. It has to outlive what sends
/// them: peers refuse whoever begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Signing {
    pub(crate) signer: Signer,
    identification: u16,
}

impl Signing {
    /// The identification of the next packet, which an authentication header covers: 1 to 65535,
    /// and again. No other packet needs one: 0 leaves it to who sends.
    fn identification(&mut self, sequence: Option<Sequence>) -> u16 {
        if !matches!(sequence, Some(Sequence::Header(_))) {
            return 0;
        }
        self.identification = self.identification.checked_add(1).unwrap_or(1);
        self.identification
    }
}

impl Outgoing {
    /// The packet to send now, with this priority and whatever proves it.
    pub(crate) fn packet(
        &mut self,
        priority: Priority,
        authentication: &Authentication<'_>,
        sequence: Option<Sequence>,
        signing: &mut Signing,
    ) -> Result<(IpMeta, &[u8]), EncodeError> {
        let identification = signing.identification(sequence);
        let payload = self.advert.sign(priority, authentication, sequence, identification)?;
        let (auth_header, message) = payload.split();
        Ok((IpMeta { identification, auth_header, ..self.ip }, message))
    }
}

/// The checksum that is sent. Peers that know but the old one of unicast adverts are sent that,
/// unless the settings have a dialect of their own.
fn checksum(settings: &Settings, has_old_peer: bool) -> ChecksumForm {
    let has_dialects = settings.machine.version == Version::V3 && settings.family == Family::V4;
    let is_wanted =
        settings.destination.unicast().is_some_and(|unicast| match unicast.old_checksum {
            OldChecksum::Always => true,
            OldChecksum::Detect => has_old_peer,
            OldChecksum::Never => false,
        });
    match settings.checksum {
        ChecksumForm::PseudoHeader if has_dialects && is_wanted => ChecksumForm::OldUnicast,
        form => form,
    }
}
