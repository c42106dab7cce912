//! A router's way to the kernel: its prepared advert, its objects, its announcements.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use vrrp_fsm::Instant;
use vrrp_net::{
    Announcement, Change, Errno, IfIndex, Interface, InterfaceName, Kernel, NetError, Object,
    ObjectKey, ObjectKind, Outcome, Packet,
};
use vrrp_proto::{EncodeError, Family, Priority, Sequence, UnixTime};

use crate::holdings::{HolderId, Holdings};
use crate::outgoing::{Outgoing, Signing};
use crate::safeguard::{LastWill, RouterSafeguard};
use crate::settings::{OnFailure, Settings, VirtualAddress, VirtualRoute};
use crate::view::{Carrier, InterfaceView};

/// How many announcements go out before anything else is looked at again.
const ANNOUNCE_CHUNK: usize = 64;
/// How many objects change before another router may change its own.
const CHANGE_CHUNK: usize = 64;
/// How long announcements wait when the interface takes no more of them for now.
const CONGESTION_PAUSE: Duration = Duration::from_millis(1);

/// Why something did not reach the kernel, or came back from it.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum PortError {
    /// The kernel refused, or did not answer.
    #[error(transparent)]
    Net(#[from] NetError),
    /// An advert did not get out to some of its peers.
    #[error("no advert got out to {failed} of {all} peers, to {peer} because: {first}")]
    Peers {
        /// To how many it did not.
        failed: usize,
        /// Of how many.
        all: usize,
        /// The first of them.
        peer: IpAddr,
        /// Why.
        first: NetError,
    },
    /// The advert cannot be written.
    #[error("the advert cannot be written: {0}")]
    Encode(#[from] EncodeError),
    /// Objects could not be added or removed.
    #[error("{failed} of {all} address(es) could not be {verb}, the first because: {first}")]
    Objects {
        /// `added` or `removed`.
        verb: &'static str,
        /// How many could not.
        failed: usize,
        /// Of how many.
        all: usize,
        /// Why the first could not.
        first: NetError,
    },
    /// There is no such interface.
    #[error("the interface {0} of an address or a route does not exist")]
    NoDevice(InterfaceName),
    /// Nobody knows what other processes hold: addresses that are theirs may have been removed as
    /// leftovers.
    #[error("cannot find out which addresses other processes hold: {0}")]
    Others(Errno),
    /// Other processes that hold addresses do not answer.
    #[error(
        "{0} other process(es) that may hold addresses do not answer: if a predecessor left \
         addresses behind, they stay"
    )]
    OthersSilent(usize),
}

/// The way to the kernel.
pub(crate) struct Port {
    settings: Arc<Settings>,
    kernel: Box<dyn Kernel>,
    holdings: Holdings,
    holder: HolderId,
    at: Option<Attachment>,
    /// Whether a peer was heard that knows the old checksum of unicast adverts alone.
    has_old_peer: bool,
    signing: Signing,
    /// By which adverts are signed.
    time_of_day: UnixTime,
    carriers: HashMap<InterfaceName, Carrier>,
    /// What this router has put there, on the interfaces where it was put: those may have other
    /// names by now.
    held: Vec<Object>,
    announcing: Option<Announcing>,
    announced: u64,
    safeguard: Option<Arc<dyn RouterSafeguard>>,
    /// Whether a will is in force.
    is_entrusted: bool,
}

/// What depends on how the interface of the adverts is at the moment.
struct Attachment {
    interface: Option<Interface>,
    source: Option<IpAddr>,
    /// This machine's addresses: nothing is sent to them.
    own: Vec<IpAddr>,
    /// One for each destination: the checksum may cover it.
    adverts: Vec<Outgoing>,
}

/// An announcement under way: so many rounds over all addresses.
struct Announcing {
    round: Vec<Announcement>,
    position: usize,
    rounds_left: u8,
    next_at: Instant,
}

impl Announcing {
    /// The same, but with so many rounds over all addresses to come at least.
    fn prolonged(self, rounds: u8) -> Self {
        let whole = rounds.saturating_add(u8::from(self.position > 0));
        Self { rounds_left: self.rounds_left.max(whole), ..self }
    }
}

/// What bringing a set of objects about has changed.
#[derive(Debug, Default)]
pub(crate) struct Reconciled {
    /// What was not there before.
    pub(crate) added: Vec<ObjectKey>,
    /// An interface that does not exist, of addresses or routes that may do without.
    pub(crate) missing: Option<InterfaceName>,
    /// Why routes are not there: they are no reason to give up the addresses.
    pub(crate) refused: Option<PortError>,
}

/// What it takes to get from one set of objects to another.
struct Difference {
    /// Those that have to make room for the same with other properties.
    others: Vec<Object>,
    /// Those that are not wanted any more, the reverse of the order of their kinds.
    gone: Vec<Object>,
    /// Those that are to come, in the order of their kinds.
    new: Vec<Object>,
}

/// What a predecessor had left, and what is no more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Leftovers {
    pub(crate) addresses: usize,
    pub(crate) filters: usize,
    pub(crate) routes: usize,
}

impl Leftovers {
    fn count(&mut self, object: &Object, outcome: Outcome) {
        match object {
            Object::Filter(_) => self.filters += usize::from(outcome.is_change()),
            Object::Route(_) | Object::Rule(_) => self.routes += usize::from(outcome.is_change()),
            _ => self.addresses += usize::from(outcome.is_change()),
        }
    }
}

impl Port {
    pub(crate) fn new(
        settings: Arc<Settings>,
        kernel: Box<dyn Kernel>,
        holdings: Holdings,
        holder: HolderId,
        signing: Signing,
        safeguard: Option<Arc<dyn RouterSafeguard>>,
    ) -> Self {
        Self {
            settings,
            kernel,
            holdings,
            holder,
            at: None,
            has_old_peer: false,
            signing,
            time_of_day: UnixTime { secs: 0, fraction: 0 },
            carriers: HashMap::new(),
            held: Vec::new(),
            announcing: None,
            announced: 0,
            safeguard,
            is_entrusted: false,
        }
    }

    /// Goes by other settings from now on: what is sent changes at once, what is held with the
    /// next [`reconcile`](Self::reconcile), on the interfaces that these settings name.
    pub(crate) fn reconfigure(
        &mut self,
        settings: Arc<Settings>,
        view: &InterfaceView,
    ) -> Result<(), EncodeError> {
        self.settings = settings;
        self.carriers = view.carriers.iter().copied().collect();
        self.prepare()?;
        self.renew_will()
    }

    /// Whether there are peers that know the old checksum of unicast adverts alone, from now on.
    pub(crate) fn has_old_peer(&mut self, has_old_peer: bool) -> Result<(), EncodeError> {
        self.has_old_peer = has_old_peer;
        self.prepare()?;
        self.renew_will()
    }

    /// Continues from the number that another router's authentication header was heard with.
    pub(crate) fn heard(&mut self, sequence: Sequence) {
        self.signing.signer.heard(sequence);
    }

    /// What the signatures of whoever comes after it have to continue from.
    pub(crate) const fn signing(&self) -> Signing {
        self.signing
    }

    /// The time of day is this.
    pub(crate) fn tell_time(&mut self, time_of_day: UnixTime) {
        self.time_of_day = time_of_day;
    }

    /// Follows the interfaces: another index needs another socket, another address or MAC another
    /// advert or announcement.
    pub(crate) fn follow(&mut self, view: &InterfaceView) -> Result<(), PortError> {
        self.carriers = view.carriers.iter().copied().collect();
        let interface = view.interface;
        if interface.is_none() && !view.is_routed {
            self.kernel.detach();
            self.at = None;
            self.announcing = None;
            return Ok(self.renew_will()?);
        }
        let index = |interface: Option<Interface>| interface.map(|it| it.index);
        if self.at.as_ref().is_none_or(|at| index(at.interface) != index(interface)) {
            self.at = None;
            self.kernel.attach(interface)?;
        }
        let (source, own) = (view.primary, view.addresses.clone());
        self.at = Some(Attachment { interface, source, own, adverts: Vec::new() });
        self.prepare()?;
        Ok(self.renew_will()?)
    }

    /// Gets the adverts ready for the source and the settings of now.
    fn prepare(&mut self) -> Result<(), EncodeError> {
        let Some(at) = &mut self.at else { return Ok(()) };
        let Some(source) = at.source else { return Ok(()) };
        let (has_old_peer, now) = (self.has_old_peer, self.time_of_day);
        at.adverts = Outgoing::prepare(&self.settings, source, &at.own, has_old_peer, now)?;
        Ok(())
    }

    /// Sends one advert with this priority, to every peer if it is unicast. Says how many
    /// packets got out: none if its [safeguard has acted](Self::was_relieved).
    pub(crate) fn send_advert(&mut self, priority: Priority) -> Result<usize, PortError> {
        if self.safeguard.as_ref().is_some_and(|safeguard| !safeguard.advertising()) {
            return Ok(0);
        }
        self.prepare_resignation()?;
        let Some(Attachment { source: Some(_), adverts, .. }) = &mut self.at else {
            return Err(NetError::Detached { operation: vrrp_net::Operation::SendAdvert }.into());
        };
        let authentication = self.settings.authentication.as_proto(self.time_of_day);
        let sequence = self.signing.signer.next(&authentication)?;
        let (all, mut failed, mut first) = (adverts.len(), 0, None);
        for advert in adverts {
            let (ip, message) =
                advert.packet(priority, &authentication, sequence, &mut self.signing)?;
            if let Err(error) = self.kernel.send_advert(&ip, message) {
                failed += 1;
                first = first.or(Some((ip.destination, error)));
            }
        }
        match first {
            None => Ok(all),
            Some((_, error)) if all == 1 => Err(error.into()),
            Some((peer, first)) => Err(PortError::Peers { failed, all, peer, first }),
        }
    }
}

/// What is left to its safeguard.
impl Port {
    /// Whether its safeguard has removed its objects because it did not advertise for too long.
    pub(crate) fn was_relieved(&self) -> bool {
        self.safeguard.as_ref().is_some_and(|safeguard| safeguard.has_acted())
    }

    /// Goes on after its safeguard has acted: nothing is left to that until the objects are there
    /// again.
    pub(crate) fn revoke_will(&mut self) {
        self.is_entrusted = false;
        self.safeguard.iter().for_each(|safeguard| safeguard.revoke());
    }

    /// Its sockets that take time to close.
    pub(crate) fn slow_sockets(&self) -> Vec<BorrowedFd<'_>> {
        self.kernel.slow_sockets()
    }

    /// What the router has put into the kernel.
    pub(crate) fn held(&self) -> Vec<ObjectKey> {
        self.held.iter().map(Object::key).collect()
    }

    /// The same, whole.
    pub(crate) fn objects_held(&self) -> &[Object] {
        &self.held
    }

    /// Brings the will to what is held and sent now.
    fn renew_will(&mut self) -> Result<(), EncodeError> {
        if self.is_entrusted { self.entrust(self.held.clone()) } else { Ok(()) }
    }

    /// Leaves these objects to the safeguard, or revokes the will if there are none.
    #[inline(never)]
    fn entrust(&mut self, objects: Vec<Object>) -> Result<(), EncodeError> {
        let Some(safeguard) = self.safeguard.clone() else { return Ok(()) };
        let is_wanted = self.settings.on_failure == OnFailure::Release;
        self.is_entrusted = !objects.is_empty() && is_wanted;
        if !self.is_entrusted {
            safeguard.revoke();
            return Ok(());
        }
        let next = self.resignation(0)?;
        let is_numbered = self.settings.authentication.is_numbered();
        if is_numbered {
            safeguard.resignation(&next);
        }
        let resignation = (!is_numbered).then_some(next);
        let silence_max = self.settings.machine.silence_max();
        safeguard.entrust(LastWill { objects, resignation, silence_max });
        Ok(())
    }

    /// Has the resignation ready that may follow the advert that is sent next.
    fn prepare_resignation(&mut self) -> Result<(), EncodeError> {
        if self.is_entrusted
            && self.settings.authentication.is_numbered()
            && let Some(safeguard) = self.safeguard.clone()
        {
            safeguard.resignation(&self.resignation(1)?);
        }
        Ok(())
    }

    /// What it would resign with after so many adverts more.
    fn resignation(&mut self, after: usize) -> Result<Vec<Packet>, EncodeError> {
        let Some(at) = &mut self.at else { return Ok(Vec::new()) };
        let authentication = self.settings.authentication.as_proto(self.time_of_day);
        let mut signing = self.signing;
        for _ in 0..after {
            signing.signer.next(&authentication)?;
        }
        let sequence = signing.signer.next(&authentication)?;
        let interface = at.interface;
        let packet = |advert: &mut Outgoing| {
            let (ip, message) =
                advert.packet(Priority::RESIGN, &authentication, sequence, &mut signing)?;
            Ok(Packet { interface, ip, message: message.to_vec() })
        };
        at.adverts.iter_mut().map(packet).collect()
    }
}

/// What the router has in the kernel.
impl Port {
    /// Brings about that the kernel has all addresses of the settings and their filters, by the
    /// difference alone: what is there stays untouched, what is not wanted any more goes last.
    pub(crate) fn install(&mut self) -> Result<Reconciled, PortError> {
        let (wanted, missing) = self.wanted()?;
        let reconciled = self.reconcile(&wanted)?;
        Ok(Reconciled { missing, ..reconciled })
    }

    /// Goes on from where another process was: with these objects, and these numbers.
    pub(crate) fn resume(&mut self, held: Vec<Object>, signing: Signing) {
        let mut table = self.holdings.lock();
        held.iter().for_each(|object| table.hold(self.holder, object));
        drop(table);
        (self.held, self.signing) = (held, signing);
    }

    /// Takes everything away that the router has put there.
    pub(crate) fn remove(&mut self) -> Result<(), PortError> {
        self.reconcile(&[]).map(drop)
    }

    /// Brings about that the kernel has these objects of the router and no others. Says which
    /// are new.
    #[inline(never)]
    fn reconcile(&mut self, wanted: &[Object]) -> Result<Reconciled, PortError> {
        self.entrust_change(wanted)?;
        let Difference { others, gone, new } = self.difference(wanted);
        let made_room = self.take_away(others);
        let added = self.put_there(new);
        let taken = self.take_away(gone);
        self.renew_will()?;
        made_room?;
        let reconciled = added?;
        taken?;
        Ok(reconciled)
    }

    /// What is there is entrusted at any moment: before it comes, until it has gone.
    #[inline(never)]
    fn entrust_change(&mut self, wanted: &[Object]) -> Result<(), EncodeError> {
        if !wanted.is_empty() {
            let keys: HashSet<_> = wanted.iter().map(Object::key).collect();
            let is_gone = |object: &&Object| !keys.contains(&object.key());
            let gone: Vec<_> = self.held.iter().filter(is_gone).cloned().collect();
            self.entrust([wanted, &gone].concat())?;
        }
        Ok(())
    }

    /// What it takes to get from what is held to what is wanted.
    #[inline(never)]
    fn difference(&self, wanted: &[Object]) -> Difference {
        let target: HashMap<ObjectKey, &Object> =
            wanted.iter().map(|object| (object.key(), object)).collect();
        let held: HashMap<ObjectKey, &Object> =
            self.held.iter().map(|object| (object.key(), object)).collect();
        // The same object with other properties has to make room for itself.
        let is_other =
            |object: &&Object| target.get(&object.key()).is_some_and(|new| new != object);
        let is_gone = |object: &&Object| !target.contains_key(&object.key());
        let is_new = |object: &&Object| held.get(&object.key()).is_none_or(|old| old != object);
        let others: Vec<_> = self.held.iter().filter(is_other).cloned().collect();
        let mut gone: Vec<_> = self.held.iter().rev().filter(is_gone).cloned().collect();
        let mut new: Vec<_> = wanted.iter().filter(is_new).cloned().collect();
        gone.sort_by_key(|object| Reverse(object.kind()));
        new.sort_by_key(Object::kind);
        Difference { others, gone, new }
    }

    /// Puts objects there, which are in the order of their kinds: where one is refused that is no
    /// route or rule, none of the next kind follows. Those that were there already are none of the ones that
    /// it names.
    #[inline(never)]
    fn put_there(&mut self, objects: Vec<Object>) -> Result<Reconciled, PortError> {
        let (all, mut added, mut refusals) = (objects.len(), Vec::new(), Vec::new());
        let mut refused = None;
        for kind in objects.chunk_by(is_one_kind) {
            for chunk in kind.chunks(CHANGE_CHUNK) {
                let changes: Vec<_> = chunk.iter().cloned().map(Change::Add).collect();
                let mut table = self.holdings.lock();
                for (object, outcome) in chunk.iter().zip(self.kernel.apply(&changes)) {
                    match outcome {
                        Ok(outcome) => {
                            table.hold(self.holder, object);
                            self.held.push(object.clone());
                            if outcome == Outcome::Added {
                                added.push(object.key());
                            }
                        }
                        Err(error) => refusals.push(error),
                    }
                }
            }
            if kind[0].kind() >= ObjectKind::Route {
                let refusals = std::mem::take(&mut refusals);
                refused = refused.or(summarize("added", kind.len(), refusals).err());
            }
            if !refusals.is_empty() {
                break;
            }
        }
        summarize("added", all, refusals)?;
        Ok(Reconciled { added, missing: None, refused })
    }

    /// Takes objects away, which are in the reverse order of their kinds, unless another router
    /// holds them too. What the kernel keeps is still held, and so is what is of the next kinds:
    /// they are tried again with the next change.
    #[inline(never)]
    fn take_away(&mut self, objects: Vec<Object>) -> Result<(), PortError> {
        let (all, mut refusals) = (objects.len(), Vec::new());
        let mut leaving = HashSet::new();
        for kind in objects.chunk_by(is_one_kind) {
            for chunk in kind.chunks(CHANGE_CHUNK) {
                let mut table = self.holdings.lock();
                let is_free = |object: &&Object| table.release(self.holder, &object.key());
                let free: Vec<_> = chunk.iter().filter(is_free).collect();
                let changes: Vec<_> =
                    free.iter().map(|object| Change::Remove((*object).clone())).collect();
                leaving.extend(chunk.iter().map(Object::key));
                for (object, outcome) in free.into_iter().zip(self.kernel.apply(&changes)) {
                    let Err(error) = outcome else { continue };
                    table.hold(self.holder, object);
                    leaving.remove(&object.key());
                    refusals.push(error);
                }
            }
            if !refusals.is_empty() {
                break;
            }
        }
        self.held.retain(|object| !leaving.contains(&object.key()));
        self.announce_no_more(&leaving);
        summarize("removed", all, refusals)
    }

    /// Takes addresses out of an announcement under way: others answer for them now.
    fn announce_no_more(&mut self, leaving: &HashSet<ObjectKey>) {
        let Some(announcing) = &mut self.announcing else { return };
        let gone: HashSet<_> =
            leaving.iter().filter_map(|key| Some((interface_of(key)?, address_of(key)?))).collect();
        let stays = |one: &Announcement| !gone.contains(&(one.interface.index, one.address));
        let done = announcing.round[..announcing.position].iter().filter(|one| stays(one)).count();
        announcing.round.retain(stays);
        announcing.position = done;
        if announcing.round.is_empty() {
            self.announcing = None;
        }
    }

    /// Puts back which of these objects someone else has taken away, if the router has put them
    /// there. Names those that were missing.
    pub(crate) fn put_back(&mut self, removed: &[ObjectKey]) -> Result<Reconciled, PortError> {
        let removed: HashSet<_> = removed.iter().collect();
        let is_mine = |object: &&Object| removed.contains(&object.key());
        let mine: Vec<_> = self.held.iter().filter(is_mine).cloned().collect();
        if !mine.is_empty() {
            self.entrust(self.held.clone())?;
        }
        self.held.retain(|object| !removed.contains(&object.key()));
        self.put_there(mine)
    }

    /// Takes it that the routes and rules which are to be put back may have gone: whether they are
    /// there, the kernel says when they are put there again.
    pub(crate) fn forget_routes(&mut self) {
        let routes = self.settings.routes.iter().filter(|route| route.is_tracked);
        let rules = self.settings.rules.iter().filter(|rule| rule.is_tracked);
        let keys: HashSet<_> = routes
            .map(|route| ObjectKey::Route(route.route.key()))
            .chain(rules.map(|rule| ObjectKey::Rule(rule.rule.key())))
            .collect();
        self.held.retain(|object| !keys.contains(&object.key()));
    }

    /// Takes away what a dead predecessor left and nobody alive holds: every address of the settings
    /// that is there, unless this router owns them and is about to use them, and every packet
    /// filter of the table.
    #[inline(never)]
    pub(crate) fn remove_leftovers(&mut self) -> Result<Leftovers, PortError> {
        let (mut removed, mut refusals) = (Leftovers::default(), Vec::new());
        // What stands on an interface that does not exist is gone already.
        let mut objects: Vec<_> = match self.settings.is_owner() {
            true => Vec::new(),
            false => self.objects().into_iter().flatten().collect(),
        };
        let spec = |route: &VirtualRoute| route.on(|name| self.interface_of(name)).ok();
        objects.extend(self.settings.routes.iter().filter_map(spec).map(Object::from));
        objects.extend(self.settings.rules.iter().map(|rule| Object::from(rule.rule)));
        match self.kernel.filters(self.settings.filter_table) {
            Ok(filters) => objects.extend(filters.into_iter().map(Object::Filter)),
            Err(error) => refusals.push(error),
        }
        let all = objects.len().max(1);
        let (elsewhere, unknown) = match self.holdings.held_elsewhere() {
            Ok(elsewhere) if elsewhere.silent > 0 => {
                return Err(PortError::OthersSilent(elsewhere.silent));
            }
            Ok(elsewhere) => (elsewhere.keys, Ok(())),
            // Who puts back what is taken from it does less harm than two that answer for one
            // address.
            Err(error) => (HashSet::new(), Err(PortError::Others(Errno::from(&error)))),
        };
        for chunk in objects.chunks(CHANGE_CHUNK) {
            let table = self.holdings.lock();
            let is_left = |object: &&Object| {
                !table.is_held(&object.key()) && !elsewhere.contains(&object.key())
            };
            let changes: Vec<_> =
                chunk.iter().filter(is_left).cloned().map(Change::Remove).collect();
            for (change, outcome) in changes.iter().zip(self.kernel.apply(&changes)) {
                match outcome {
                    Ok(outcome) => removed.count(change.object(), outcome),
                    Err(error) => refusals.push(error),
                }
            }
        }
        summarize("removed", all, refusals).and(unknown).map(|()| removed)
    }

    /// All objects of the settings that can be there, and an interface that is missing although
    /// its addresses may do without.
    #[inline(never)]
    fn wanted(&self) -> Result<(Vec<Object>, Option<InterfaceName>), PortError> {
        let (mut objects, mut missing) = (self.filters(), None);
        for (object, address) in self.objects().into_iter().zip(&self.settings.addresses) {
            match object {
                Err(PortError::NoDevice(name)) if !address.is_tracked => missing = Some(name),
                object => objects.push(object?),
            }
        }
        for route in &self.settings.routes {
            match route.on(|name| self.interface_of(name)) {
                Ok(spec) => objects.push(spec.into()),
                Err(name) if route.is_tracked => return Err(PortError::NoDevice(name)),
                Err(name) => missing = Some(name),
            }
        }
        objects.extend(self.settings.rules.iter().map(|rule| Object::from(rule.rule)));
        Ok((objects, missing))
    }

    fn interface_of(&self, name: InterfaceName) -> Option<Interface> {
        self.carriers.get(&name).map(|carrier| carrier.interface)
    }

    /// The packet filters of the addresses that can be there.
    fn filters(&self) -> Vec<Object> {
        let filter = |address: &VirtualAddress| {
            let carrier = self.carriers.get(&self.settings.device_of(address))?;
            Some(Object::Filter(self.settings.filter_of(address, carrier.interface)))
        };
        let addresses = self.settings.addresses.iter().filter(|_| self.settings.is_filtered());
        let mut filters: Vec<_> = addresses.filter_map(filter).collect();
        // One address on two interfaces has one filter.
        filters.sort_unstable_by_key(Object::key);
        filters.dedup();
        filters
    }

    /// The addresses as objects of the kernel's, or which interface there is none of.
    fn objects(&self) -> Vec<Result<Object, PortError>> {
        let object = |address: &VirtualAddress| {
            let device = self.settings.device_of(address);
            let carrier = self.carriers.get(&device).ok_or(PortError::NoDevice(device))?;
            Ok(Object::Address(address.on(carrier.interface)))
        };
        self.settings.addresses.iter().map(object).collect()
    }
}

/// Announcements.
impl Port {
    /// Begins to announce so many times every address, or of these alone. One under way goes on
    /// from where it is, and longer if that is needed: begun anew again and again, it would not
    /// come to the last address.
    pub(crate) fn announce(&mut self, now: Instant, rounds: u8, only: Option<&[ObjectKey]>) {
        let before = self.announcing.take();
        let round = self.announcements(only);
        if round.is_empty() || rounds == 0 {
            self.announcing = before;
            return;
        }
        self.announcing = Some(match before {
            Some(before) if before.round == round => before.prolonged(rounds),
            // What is under way has not been said yet: the new ones go first, all of it follows.
            Some(before) if only.is_some() => {
                let mut round = round;
                round.extend(before.round);
                let rounds_left = before.rounds_left.max(rounds);
                self.announcing(now, round, rounds_left)
            }
            _ => self.announcing(now, round, rounds),
        });
    }

    fn announcing(&self, now: Instant, round: Vec<Announcement>, rounds_left: u8) -> Announcing {
        let next_at = self.announce_time(now, &round[0]);
        Announcing { round, position: 0, rounds_left, next_at }
    }

    /// When this announcement may go out: at once, unless there is a pace to keep.
    fn announce_time(&self, now: Instant, announcement: &Announcement) -> Instant {
        let pace = self.settings.announce_pace;
        if pace.is_zero() {
            return now;
        }
        let together = self.settings.announce_together.clone();
        let who = together.unwrap_or_else(|| announcement.interface.to_string().into());
        let family = Family::of(announcement.address);
        self.holdings.pacer.reserve(now, (who, family), pace)
    }

    /// One announcement for each address, or for these alone. What has no Ethernet address needs
    /// none.
    fn announcements(&self, only: Option<&[ObjectKey]>) -> Vec<Announcement> {
        let announcement = |address: &VirtualAddress| {
            let carrier = self.carriers.get(&self.settings.device_of(address))?;
            let object = Object::Address(address.on(carrier.interface));
            let is_meant = only.is_none_or(|only| only.contains(&object.key()));
            let (interface, mac) = (carrier.interface, carrier.mac.filter(|_| is_meant)?);
            let is_router = carrier.forwards_ipv6;
            Some(Announcement { interface, mac, address: address.address, is_router })
        };
        self.settings.addresses.iter().filter_map(announcement).collect()
    }

    /// Begins to announce one address on each interface of addresses that is not that of the adverts,
    /// unless an announcement is under way, which says more.
    pub(crate) fn announce_elsewhere(&mut self, now: Instant) {
        if self.announcing.is_some() {
            return;
        }
        let own = self.at.as_ref().and_then(|at| at.interface);
        let mut seen = HashSet::new();
        let mut is_first =
            |it: &&Announcement| Some(it.interface) != own && seen.insert(it.interface);
        let all = self.announcements(None);
        let firsts: Vec<_> = all.iter().filter(&mut is_first).copied().collect();
        if !firsts.is_empty() {
            self.announcing = Some(self.announcing(now, firsts, 1));
        }
    }

    /// Gives up an announcement under way.
    pub(crate) fn stop_announcing(&mut self) {
        self.announcing = None;
    }

    /// How many rounds an announcement under way still has.
    pub(crate) fn rounds_left(&self) -> u8 {
        self.announcing.as_ref().map_or(0, |announcing| announcing.rounds_left)
    }

    /// When the next part of an announcement is due.
    pub(crate) fn announce_deadline(&self) -> Option<Instant> {
        self.announcing.as_ref().map(|announcing| announcing.next_at)
    }

    /// Sends the part of an announcement that is due, and no more than a few frames: adverts and
    /// messages come before the rest.
    #[inline(never)]
    pub(crate) fn announce_some(&mut self, now: Instant) -> Result<(), PortError> {
        let Some(mut announcing) = self.announcing.take() else { return Ok(()) };
        let chunk = if self.settings.announce_pace.is_zero() { ANNOUNCE_CHUNK } else { 1 };
        let end = announcing.round.len().min(announcing.position + chunk);
        // On an error the announcement is over: the interface is gone or down.
        let sent = self.kernel.announce(&announcing.round[announcing.position..end])?;
        self.announced += sent as u64;
        announcing.position += sent;
        if announcing.position == announcing.round.len() {
            announcing.position = 0;
            announcing.rounds_left -= 1;
        }
        if announcing.rounds_left > 0 {
            announcing.next_at = match sent {
                0 => now + CONGESTION_PAUSE,
                _ => self.announce_time(now, &announcing.round[announcing.position]),
            };
            self.announcing = Some(announcing);
        }
        Ok(())
    }

    /// How many announcements were sent so far.
    pub(crate) fn announced(&self) -> u64 {
        self.announced
    }
}

/// The address that an object is, if it is one.
pub(crate) fn address_of(key: &ObjectKey) -> Option<IpAddr> {
    match key {
        ObjectKey::Address(address) => Some(address.address),
        _ => None,
    }
}

/// Whether it is a route or a rule.
pub(crate) fn is_routing(key: &ObjectKey) -> bool {
    matches!(key, ObjectKey::Route(_) | ObjectKey::Rule(_))
}

fn interface_of(key: &ObjectKey) -> Option<IfIndex> {
    match key {
        ObjectKey::Address(address) => Some(address.interface),
        _ => None,
    }
}

fn is_one_kind(one: &Object, other: &Object) -> bool {
    one.kind() == other.kind()
}

/// Nothing, or the first refusal and how many there were.
fn summarize(verb: &'static str, all: usize, refusals: Vec<NetError>) -> Result<(), PortError> {
    let failed = refusals.len();
    match refusals.into_iter().next() {
        Some(first) => Err(PortError::Objects { verb, failed, all, first }),
        None => Ok(()),
    }
}
