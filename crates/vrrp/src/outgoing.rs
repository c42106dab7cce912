//! The adverts that a router has ready to send, one for each destination.

use std::net::IpAddr;

use vrrp_proto::{
    Advert, ChecksumForm, EncodeError, Family, HOP_LIMIT, IpMeta, PreparedAdvert, Version,
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
    /// machine's `own` addresses.
    #[inline(never)]
    pub(crate) fn prepare(
        settings: &Settings,
        source: IpAddr,
        own: &[IpAddr],
        has_old_peer: bool,
    ) -> Result<Vec<Self>, EncodeError> {
        let Settings { machine, vrid, advertised, authentication, .. } = settings;
        let addresses = advertised.as_addresses();
        let mut advert =
            Advert::new(machine.version, *vrid, machine.priority, machine.interval, addresses);
        advert.authentication = authentication.as_proto();
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
