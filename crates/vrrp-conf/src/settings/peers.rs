//! Where adverts come from and go to, where that is not a group: source and peers.

use core::net::IpAddr;

use vrrp_proto::Family;

use super::Reader;
use crate::model::UnicastPeer;
use crate::{Code, Diagnostic, Span, Spanned};

impl Reader<'_> {
    /// The source of adverts, if it can be one.
    pub(super) fn source(
        &mut self,
        source: Option<Spanned<IpAddr>>,
        family: Family,
    ) -> Option<Spanned<IpAddr>> {
        source.filter(|source| self.is_host(source.value, source.span, family))
    }

    /// The peers that can be some: single addresses of the family, and not the router itself.
    pub(super) fn others(
        &mut self,
        mut peers: Vec<Spanned<UnicastPeer>>,
        source: Option<Spanned<IpAddr>>,
        family: Family,
    ) -> Vec<Spanned<UnicastPeer>> {
        peers.retain(|peer| {
            self.check_hop_limits(peer);
            self.is_host(peer.address, peer.span, family)
        });
        let Some(source) = source else { return peers };
        let own = peers.iter().position(|peer| peer.address == source.value);
        if let Some(own) = own {
            let message = format!("the peer {} is this router itself", source.value);
            let diagnostic = Diagnostic::new(Code::OwnPeer, peers[own].span, message)
                .label("left out")
                .also(source.span, "it sends from here");
            self.push(diagnostic);
            // One that lists nobody else is alone on purpose: it stays a unicast router.
            if peers.len() > 1 {
                peers.remove(own);
            }
        }
        peers
    }

    fn is_host(&mut self, address: IpAddr, at: Span, family: Family) -> bool {
        if Family::of(address) != family {
            let message = format!("`{address}` is not an {family} address");
            self.error(Code::MixedFamilies, at, message);
            return false;
        }
        let is_host = !address.is_multicast() && !address.is_unspecified();
        if !is_host {
            let message = format!("`{address}` is not the address of one machine");
            self.error(Code::NotAnAddress, at, message);
        }
        is_host
    }

    fn check_hop_limits(&mut self, peer: &Spanned<UnicastPeer>) {
        if let (Some(min), Some(max)) = (peer.min_ttl, peer.max_ttl)
            && min > max
        {
            let message = format!("no hop limit is at least {min} and at most {max}");
            self.error(Code::OutOfRange, peer.span, message);
        }
    }

    /// The peers of a unicast router. Without any, keepalived sends to the group unless it is told
    /// that this is a fault.
    pub(super) fn peers(
        &mut self,
        peers: Option<Spanned<Vec<Spanned<UnicastPeer>>>>,
        fault_without: bool,
        name: Span,
    ) -> Option<Vec<Spanned<UnicastPeer>>> {
        let Spanned { value: peers, span } =
            peers.or_else(|| fault_without.then(|| Spanned::new(Vec::new(), name)))?;
        if !peers.is_empty() || fault_without {
            return Some(peers);
        }
        self.nothing_listed("unicast_peer", span);
        None
    }
}
