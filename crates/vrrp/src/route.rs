//! The way of an advert to the virtual router that it is for, and what that demands of it.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vrrp_fsm::{Heard, Instant};
use vrrp_net::Datagram;
use vrrp_proto::{
    Advert, Cast, ChecksumForm, DecodeError, Family, HopLimits, IpMeta, REPLAY_SLOTS, Remark,
    Replay, ReplaySlot, Rules, UnixTime, Version, peek_vrid,
};

use crate::counters::{Counter, Drops, RemarkCounts};
use crate::destination::{Destination, OldChecksum, Unicast};
use crate::events::{EventKind, EventSender};
use crate::inbox::{Delivery, Mailbox, Outlet};
use crate::input::Input;
use crate::order::Order;
use crate::settings::Settings;
use crate::snapshot::{RouteSnapshot, by_name};
use crate::view::InterfaceView;

/// What a router demands of its adverts: [`Rules`] borrow from it.
#[derive(Debug)]
struct Demands {
    settings: Arc<Settings>,
    /// The addresses that the interface has now, and that of the router's own adverts.
    own_sources: Vec<IpAddr>,
    /// The address of the router's own adverts.
    source: Option<IpAddr>,
    /// The peers of a unicast router.
    peers: Vec<IpAddr>,
    /// Whether the router was told of a peer with the old checksum of unicast adverts.
    has_told_old_peer: bool,
    /// With which numbers signed adverts were heard last.
    replay: Replay<Vec<ReplaySlot>>,
    /// The checksum that the last sound advert had: version 3 over IPv4 has two dialects.
    seen_checksum: Option<ChecksumForm>,
}

impl Demands {
    fn new(settings: Arc<Settings>) -> Self {
        let unicast = settings.destination.unicast();
        let peers = unicast.into_iter().flat_map(|unicast| &unicast.peers);
        let peers: Vec<_> = peers.map(|peer| peer.address).collect();
        let slots = peers.len().max(REPLAY_SLOTS);
        Self {
            own_sources: Vec::new(),
            source: None,
            replay: Replay::new(vec![ReplaySlot::default(); slots]),
            peers,
            has_told_old_peer: false,
            seen_checksum: None,
            settings,
        }
    }

    /// The rules for what comes from there at this time of day.
    fn rules(&self, source: IpAddr, now: UnixTime) -> Rules<'_> {
        let Settings { machine, vrid, advertised, .. } = &*self.settings;
        let (cast, hop_limits) = match &self.settings.destination {
            Destination::Multicast(group) => {
                (Cast::Multicast { group: *group }, HopLimits::SAME_LINK)
            }
            Destination::Unicast(unicast) => {
                let sources = self.settings.hears_peers_alone().then_some(&self.peers[..]);
                let accept_old_checksum = unicast.old_checksum != OldChecksum::Never;
                (Cast::Unicast { sources, accept_old_checksum }, unicast.hop_limits(source))
            }
        };
        Rules {
            own_sources: &self.own_sources,
            authentication: self.settings.authentication.as_proto(now),
            cast,
            hop_limits,
            accept_no_addresses: self.settings.accept_no_addresses,
            ..Rules::new(machine.version, *vrid, machine.interval, advertised.as_addresses())
        }
    }

    /// How well a message suits a unicast router whose number it has: first by its sender, then by
    /// where it was sent, last by whether strangers are heard at all.
    fn fitness(&self, ip: &IpMeta) -> (bool, bool, bool) {
        (
            self.peers.contains(&ip.source),
            self.source == Some(ip.destination),
            self.settings.destination.unicast().is_some() && !self.settings.hears_peers_alone(),
        )
    }

    /// Takes over what was learnt by the demands before.
    fn succeed(&mut self, before: &Self) {
        self.seen_checksum = before.seen_checksum;
        // Where no key stays nobody can repeat what was signed, and whoever has a new one may begin
        // anew.
        if self.settings.authentication.shares_key(&before.settings.authentication) {
            let is_heard =
                |source| !self.settings.hears_peers_alone() || self.peers.contains(&source);
            self.replay.take_over(&before.replay, is_heard);
        }
    }

    /// Whether the router has to be told that a peer may know the old checksum alone.
    fn is_news(&mut self, checksum: ChecksumForm) -> bool {
        let detects = |unicast: &Unicast| unicast.old_checksum == OldChecksum::Detect;
        let is_wanted = checksum == ChecksumForm::OldUnicast
            && self.settings.destination.unicast().is_some_and(detects);
        is_wanted && !std::mem::replace(&mut self.has_told_old_peer, true)
    }
}

/// The counters of what a router received.
#[derive(Debug, Default)]
pub(crate) struct Received {
    /// Adverts that passed every check.
    pub(crate) accepted: Counter,
    /// Adverts that passed and found the inbox full.
    pub(crate) crowded_out: Counter,
    pub(crate) drops: Drops,
    pub(crate) remarks: RemarkCounts,
    last_drop: Mutex<Option<Dropped>>,
}

/// An advert that was dropped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropped {
    /// When it arrived.
    pub at: Instant,
    /// Its sender.
    pub source: IpAddr,
    /// Why.
    pub error: DecodeError,
}

/// The way to one router.
#[derive(Debug)]
pub(crate) struct Route {
    router: Arc<str>,
    /// The group that its adverts are sent to; none for unicast.
    group: Option<IpAddr>,
    demands: Mutex<Demands>,
    pub(crate) outlet: Outlet,
    events: EventSender,
    pub(crate) mailbox: Mailbox,
    pub(crate) received: Received,
}

impl Route {
    pub(crate) fn new(settings: &Arc<Settings>, outlet: Outlet, events: EventSender) -> Self {
        let demands = Demands::new(Arc::clone(settings));
        Self {
            router: Arc::clone(&settings.name),
            group: settings.destination.group(),
            demands: Mutex::new(demands),
            outlet,
            events,
            mailbox: Mailbox::default(),
            received: Received::default(),
        }
    }

    fn demands(&self) -> MutexGuard<'_, Demands> {
        self.demands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Judges by other settings from now on, and with the interface's addresses of now.
    pub(crate) fn demand(&self, settings: &Arc<Settings>, view: &InterfaceView) {
        let mut demands = self.demands();
        let mut wanted = Demands::new(Arc::clone(settings));
        wanted.succeed(&demands);
        *demands = wanted;
        demands.source = view.primary;
        demands.own_sources.clone_from(&view.addresses);
        demands.own_sources.extend(view.primary.filter(|own| !view.addresses.contains(own)));
    }

    /// What was heard, for another process to go on from.
    pub(crate) fn snapshot(&self) -> RouteSnapshot {
        let (demands, received) = (self.demands(), &self.received);
        RouteSnapshot {
            accepted: received.accepted.get(),
            crowded_out: received.crowded_out.get(),
            parked: self.mailbox.parked_total(),
            drops: by_name(received.drops.by_name()),
            remarks: by_name(received.remarks.by_name()),
            replay: demands.replay.clone(),
            seen_checksum: demands.seen_checksum,
        }
    }

    /// Goes on from what was heard by another process.
    pub(crate) fn resume(&self, before: &RouteSnapshot) {
        let (mut demands, received) = (self.demands(), &self.received);
        received.accepted.add(before.accepted);
        received.crowded_out.add(before.crowded_out);
        self.mailbox.resume(before.parked);
        received.drops.add_all(&before.drops);
        received.remarks.add_all(&before.remarks);
        demands.replay.take_over(&before.replay, |_| true);
        demands.seen_checksum = before.seen_checksum;
    }

    /// Which of the checksums of version 3 over IPv4 the last sound advert had.
    pub(crate) fn seen_checksum(&self) -> Option<ChecksumForm> {
        let demands = self.demands();
        let Settings { machine, family, .. } = &*demands.settings;
        let has_dialects = machine.version == Version::V3 && *family == Family::V4;
        demands.seen_checksum.filter(|_| has_dialects)
    }

    /// The last advert that was dropped for what it is.
    pub(crate) fn last_drop(&self) -> Option<Dropped> {
        *self.received.last_drop.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, at: Instant, now: UnixTime, ip: &IpMeta, message: &[u8]) {
        let mut guard = self.demands();
        let demands = &mut *guard;
        let advert = match Advert::parse(message, ip, &demands.rules(ip.source, now)) {
            Ok(advert) => advert,
            Err(error) => return self.drop_advert(Dropped { at, source: ip.source, error }),
        };
        let heard =
            Heard { source: ip.source, priority: advert.priority, interval: advert.interval };
        let Advert { checksum, sequence, remarks, .. } = advert;
        if let Some(sequence) = sequence
            && let Err(error) = demands.replay.admit(
                ip.source,
                sequence,
                &demands.settings.authentication.as_proto(now),
            )
        {
            return self.drop_advert(Dropped { at, source: ip.source, error });
        }
        self.received.accepted.add(1);
        for remark in remarks.iter() {
            self.remark(ip.source, remark);
        }
        demands.seen_checksum = Some(checksum);
        let is_old_peer = demands.is_news(checksum);
        drop(guard);
        if is_old_peer {
            self.outlet.order(Order::Input(Box::new(Input::OldPeer(ip.source))));
        }
        let delivery = match sequence {
            Some(sequence) => self.outlet.signed_advert(&self.mailbox, at, heard, sequence),
            None => self.outlet.advert(&self.mailbox, at, heard),
        };
        if delivery == Delivery::Full {
            self.received.crowded_out.add(1);
        }
    }

    fn drop_advert(&self, dropped: Dropped) {
        let Dropped { source, error, .. } = dropped;
        let count = self.received.drops.count(error.reason());
        self.received.last_drop.lock().unwrap_or_else(PoisonError::into_inner).replace(dropped);
        self.complain(count, EventKind::Dropped { source, error, count });
    }

    fn remark(&self, source: IpAddr, remark: Remark) {
        let count = self.received.remarks.count(remark);
        self.complain(count, EventKind::Odd { source, remark, count });
    }

    /// Tells of the first, and then of ever fewer: a neighbour must not fill the log.
    fn complain(&self, count: u64, complaint: EventKind) {
        if count.is_power_of_two() {
            self.events.send(Some(Arc::clone(&self.router)), complaint);
        }
    }
}

/// The routers of one receiver, by number. Several of one number differ in the group that their
/// adverts are sent to, or in their peers.
#[derive(Debug, Default)]
pub(crate) struct Routes(pub(crate) HashMap<u8, Vec<Arc<Route>>>);

impl Routes {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.0.values().flatten()
    }

    /// The groups that they listen to, each once.
    pub(crate) fn groups(&self) -> Vec<IpAddr> {
        let groups: BTreeSet<_> = self.iter().filter_map(|route| route.group).collect();
        groups.into_iter().collect()
    }

    /// Whether any of them wants adverts with an authentication header.
    pub(crate) fn hear_headers(&self) -> bool {
        self.iter().any(|route| route.demands().settings.authentication.is_header())
    }

    /// Leads one message to its router, at this time of day. An error is one that no router can be
    /// blamed for.
    pub(crate) fn deliver(
        &self,
        datagram: &Datagram<'_>,
        now: UnixTime,
    ) -> Result<(), DecodeError> {
        let vrid = peek_vrid(datagram.message)?.get();
        let routes = self.0.get(&vrid).map_or(&[][..], Vec::as_slice);
        let ip = datagram.ip();
        // One that is for none of them is told to the first, whose rules say what is wrong.
        let route = Self::meant(routes, &ip).or(routes.first());
        let route = route.ok_or(DecodeError::UnknownVrid(vrid))?;
        let at = Instant::from_micros(datagram.arrived.as_micros());
        route.take(at, now, &ip, datagram.message);
        Ok(())
    }

    /// Whom of the routers with its number a packet is for: the one of its group, or of the unicast
    /// ones that which it suits best.
    fn meant<'r>(routes: &'r [Arc<Route>], ip: &IpMeta) -> Option<&'r Arc<Route>> {
        if ip.destination.is_multicast() {
            return routes.iter().find(|route| route.group == Some(ip.destination));
        }
        let mut unicast = routes.iter().filter(|route| route.group.is_none());
        let first = unicast.next()?;
        // With one router of that kind there is nothing to compare.
        let Some(second) = unicast.next() else { return Some(first) };
        let others = [second].into_iter().chain(unicast);
        let best = others.fold((first.demands().fitness(ip), first), |best, route| {
            let fitness = route.demands().fitness(ip);
            if fitness > best.0 { (fitness, route) } else { best }
        });
        Some(best.1)
    }
}

#[cfg(test)]
mod tests {
    use vrrp_proto::{AntiReplay, HmacKey, HmacMode, Sequence};

    use super::*;
    use crate::authentication::{Authentication, Hmac};
    use crate::destination::Destination;
    use crate::settings::VirtualRouter;

    const NOW: UnixTime = UnixTime { secs: 1000, fraction: 0 };

    fn peer(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    /// Demands with keys of these numbers, of which the first signs.
    fn demands(keys: &[u8], peers: &[u8]) -> Demands {
        let router = VirtualRouter::new("eth0", 51).address("192.0.2.100/24");
        let mut settings = router.build().unwrap();
        let made = keys.iter().map(|id| HmacKey::new(*id, &[*id; 32]).unwrap()).collect();
        let hmac = Hmac::new(made, keys[0], HmacMode::Enforce, AntiReplay::Monotonic).unwrap();
        settings.authentication = Authentication::Hmac(hmac);
        if !peers.is_empty() {
            let peers = Unicast::to(peers.iter().copied().map(peer));
            settings.destination = Destination::Unicast(peers);
        }
        Demands::new(Arc::new(settings))
    }

    impl Demands {
        fn admits(&mut self, from: u8, number: u64) -> bool {
            let authentication = self.settings.authentication.as_proto(NOW);
            self.replay.admit(peer(from), Sequence::Trailer(number), &authentication).is_ok()
        }

        fn after(mut self, before: &Self) -> Self {
            self.succeed(before);
            self
        }
    }

    #[test]
    fn what_was_heard_is_remembered_as_long_as_a_key_stays() {
        let mut first = demands(&[1], &[]);
        assert!(first.admits(2, 7));
        let mut both = demands(&[1, 2], &[]).after(&first);
        assert!(!both.admits(2, 7) && both.admits(2, 8));
        let mut second = demands(&[2], &[]).after(&demands(&[2, 1], &[]).after(&both));
        assert!(!second.admits(2, 8), "the key with which it was signed is gone, the other is not");
        assert!(demands(&[3], &[]).after(&second).admits(2, 7), "nobody can sign it again");
    }

    #[test]
    fn peers_that_come_and_go_make_none_of_the_others_forgotten() {
        let mut two = demands(&[1], &[2, 3]);
        assert!(two.admits(3, 7) && two.admits(2, 7));
        let mut one = demands(&[1], &[3, 4]).after(&two);
        assert!(!one.admits(3, 7) && one.admits(4, 7) && one.admits(2, 7));
        let others: Vec<u8> = (10..16).collect();
        let mut many = demands(&[1], &[&[3][..], &others].concat()).after(&one);
        for other in others {
            assert!(many.admits(other, 7));
        }
        assert!(!many.admits(3, 7), "each has its place");
    }

    #[test]
    fn a_signed_advert_comes_from_a_peer() {
        let signed = demands(&[1], &[2, 3]);
        let peers = [peer(2), peer(3)];
        let expected = Cast::Unicast { sources: Some(&peers), accept_old_checksum: true };
        assert_eq!(signed.rules(peer(9), NOW).cast, expected);
    }
}
