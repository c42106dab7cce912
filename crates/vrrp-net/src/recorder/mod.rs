//! A kernel that does nothing but remember, for tests of what drives one.

mod inbound;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use vrrp_proto::{AuthHeader, DecodeError, Family, InterfaceName, IpMeta, TableName};

use inbound::{Inbox, Queue};
pub use inbound::{RecordedMonitor, RecordedReceiver};

use crate::address::{AddressKey, AddressSpec, InterfaceAddress};
use crate::advert::Datagram;
use crate::error::{NetError, Operation};
use crate::filter::Filter;
use crate::frame::Announcement;
use crate::kernel::Kernel;
use crate::monitor::{NetEvent, Snapshot};
use crate::netlink::Link;
use crate::object::{Change, Object, ObjectKey, Outcome};
use crate::words::Interface;

/// One call of a [`Recorder`]'s kernel, failed ones included.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Call {
    /// [`Kernel::attach`].
    Attach(Option<Interface>),
    /// [`Kernel::detach`].
    Detach,
    /// [`Kernel::link`].
    Link(InterfaceName),
    /// [`Recorder::receiver`].
    OpenReceiver {
        /// The interface that it listens on, if it is one.
        interface: Option<Interface>,
        /// The family that it listens to.
        family: Family,
    },
    /// [`RecordedReceiver::set_groups`].
    SetGroups {
        /// The interface of the receiver, if it has one.
        interface: Option<Interface>,
        /// The groups.
        groups: Vec<IpAddr>,
    },
    /// [`Recorder::monitor`].
    OpenMonitor,
    /// [`Kernel::apply`].
    Apply(Vec<Change>),
    /// [`Kernel::send_advert`].
    SendAdvert {
        /// The source address.
        source: IpAddr,
        /// The destination address.
        destination: IpAddr,
        /// The hop limit.
        hop_limit: u8,
        /// The identification; 0 where it is left to the sender.
        identification: u16,
        /// The authentication header, if there is one.
        auth_header: Option<AuthHeader>,
        /// The VRRP message, and what stands behind it.
        message: Vec<u8>,
    },
    /// [`Kernel::announce`].
    Announce(Vec<Announcement>),
}

/// Records what is asked of a kernel, and plays one that does it.
///
/// Clones share one record, so that a test keeps one and gives the thread that it tests
/// [`Recorder::kernel`]. It answers as Linux would: an object that is there is
/// [`Outcome::AlreadyThere`], an advert of one that is not attached is [`NetError::Detached`]. For the
/// rest there is [`Recorder::refuse_next`].
///
/// A program can run on it: [`Recorder::receiver`] yields what the test delivers, and what happens to
/// links and addresses, by the test or by the program, is heard on [`Recorder::monitor`]. A look at
/// the packet filters is not written down, and never refused.
///
/// ```
/// use vrrp_net::{AddressSpec, Call, Change, IfIndex, Interface, Outcome, Recorder};
///
/// let eth0 = Interface { index: IfIndex::new(2).unwrap(), name: "eth0".parse()? };
/// let address = AddressSpec::host(eth0, "192.0.2.100".parse()?);
/// let add = Change::Add(address.clone().into());
///
/// let recorder = Recorder::new();
/// let mut kernel = recorder.kernel();
/// assert_eq!(kernel.apply(&[add.clone()]), [Ok(Outcome::Added)]);
///
/// assert_eq!(recorder.take(), [Call::Apply(vec![add])]);
/// assert_eq!(recorder.objects(), [address.into()]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Recorder(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    calls: Vec<Call>,
    links: Vec<Link>,
    /// The host's own, which no kernel of this record has added.
    own_addresses: Vec<InterfaceAddress>,
    objects: Vec<Object>,
    receivers: Vec<Weak<Inbox>>,
    monitors: Vec<Weak<Queue<NetEvent>>>,
    attached: Option<Option<Interface>>,
    refusals: VecDeque<NetError>,
}

impl Recorder {
    /// An empty record, and a kernel that keeps nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A kernel that writes into this record.
    pub fn kernel(&self) -> Box<dyn Kernel> {
        Box::new(self.clone())
    }

    /// The calls since the last time, in their order.
    pub fn take(&self) -> Vec<Call> {
        std::mem::take(&mut self.lock().calls)
    }

    /// Waits until `is_there` holds for the calls that have not been taken, then takes them.
    /// `None` if it does not within `timeout`.
    pub fn take_when(
        &self,
        timeout: Duration,
        is_there: impl Fn(&[Call]) -> bool,
    ) -> Option<Vec<Call>> {
        let deadline = Instant::now() + timeout;
        let mut state = self.lock();
        while !is_there(&state.calls) {
            let left = deadline.checked_duration_since(Instant::now())?;
            let woken = self.0.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        Some(std::mem::take(&mut state.calls))
    }

    /// A receiver of what is [delivered](Self::deliver) at this interface, or at any, over this
    /// family.
    ///
    /// # Errors
    /// What [`Recorder::refuse_next`] was given; and if there is no descriptor left.
    pub fn receiver(
        &self,
        interface: impl Into<Option<Interface>>,
        family: Family,
    ) -> Result<RecordedReceiver, NetError> {
        let interface = interface.into();
        let inbox = Arc::new(Inbox::new(interface, family)?);
        self.call(Call::OpenReceiver { interface, family }, |state| {
            state.receivers.retain(|it| it.strong_count() > 0);
            state.receivers.push(Arc::downgrade(&inbox));
            Ok(())
        })?;
        RecordedReceiver::new(self.clone(), inbox)
    }

    /// Lets a datagram arrive, or one whose IP header is malformed. Says how many receivers hear it:
    /// those on that interface that are in the group, if it was sent to one.
    pub fn deliver(&self, at: Interface, datagram: Result<Datagram<'_>, DecodeError>) -> usize {
        let receivers = self.lock().receivers.clone();
        let open = receivers.iter().filter_map(Weak::upgrade);
        open.filter(|inbox| inbox.offer(at, datagram)).count()
    }

    /// A subscription to what happens to links and addresses, and how they are now.
    ///
    /// # Errors
    /// What [`Recorder::refuse_next`] was given; and if there is no descriptor left.
    pub fn monitor(&self) -> Result<(RecordedMonitor, Snapshot), NetError> {
        let queue = Arc::new(Queue::new()?);
        let snapshot = self.call(Call::OpenMonitor, |state| {
            state.monitors.push(Arc::downgrade(&queue));
            Ok(state.snapshot())
        })?;
        Ok((RecordedMonitor::new(queue)?, snapshot))
    }

    /// Lets every monitor hear of something, whatever is the case: a resync, for example.
    pub fn report(&self, event: &NetEvent) {
        self.lock().report(event);
    }

    /// How links and addresses are now.
    pub fn snapshot(&self) -> Snapshot {
        self.lock().snapshot()
    }

    /// Lets there be a link, in place of any other one of its name or index.
    pub fn set_link(&self, link: Link) {
        let mut state = self.lock();
        let Interface { index, name } = link.interface;
        state.links.retain(|it| it.interface.name != name && it.interface.index != index);
        state.report(&NetEvent::LinkChanged(link.clone()));
        state.links.push(link);
    }

    /// Takes a link away and its addresses with it. Says whether it was there.
    pub fn remove_link(&self, name: InterfaceName) -> bool {
        let mut state = self.lock();
        let of_name = |link: &Link| link.interface.name == name;
        let Some(position) = state.links.iter().position(of_name) else { return false };
        let interface = state.links.remove(position).interface;
        let there = state.snapshot().addresses;
        for address in there.into_iter().filter(|it| it.interface == interface.index) {
            state.remove_address(&address.key());
        }
        state.report(&NetEvent::LinkGone(interface));
        true
    }

    /// Lets the host have an address of its own.
    pub fn set_address(&self, address: InterfaceAddress) {
        let mut state = self.lock();
        state.own_addresses.retain(|it| it.key() != address.key());
        state.own_addresses.push(address);
        state.report(&NetEvent::AddressAdded(address));
    }

    /// Takes an address away, as another program would: the host's own or one that was added. Says
    /// whether it was there.
    pub fn remove_address(&self, key: &AddressKey) -> bool {
        self.lock().remove_address(key)
    }

    /// The objects that are there now, in the order in which they were added.
    pub fn objects(&self) -> Vec<Object> {
        self.lock().objects.clone()
    }

    /// The addresses among them.
    pub fn addresses(&self) -> Vec<AddressSpec> {
        let address = |object| match object {
            Object::Address(spec) => Some(spec),
            _ => None,
        };
        self.objects().into_iter().filter_map(address).collect()
    }

    /// Lets there be an object that nobody has asked this kernel for: what a predecessor left. An
    /// address is one of those that were added.
    pub fn set_object(&self, object: Object) {
        self.lock().make(&Change::Add(object));
    }

    /// The interface that is attached now.
    pub fn attached(&self) -> Option<Interface> {
        self.lock().attached.flatten()
    }

    /// Refuses the next thing that is asked for with this error: one call, or of several
    /// changes one change. Several refusals are used up in their order.
    pub fn refuse_next(&self, error: NetError) {
        self.lock().refusals.push_back(error);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that panicked elsewhere has its own message; the record is still a record.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a call down and carries it out, unless it is to be refused.
    fn call<T>(
        &self,
        call: Call,
        carry_out: impl FnOnce(&mut State) -> Result<T, NetError>,
    ) -> Result<T, NetError> {
        let mut state = self.lock();
        state.calls.push(call);
        self.0.changed.notify_all();
        match state.refusals.pop_front() {
            Some(error) => Err(error),
            None => carry_out(&mut state),
        }
    }
}

impl State {
    fn position(&self, key: &ObjectKey) -> Option<usize> {
        self.objects.iter().position(|there| there.key() == *key)
    }

    fn make(&mut self, change: &Change) -> Outcome {
        match (change, self.position(&change.object().key())) {
            (Change::Add(_), Some(_)) => Outcome::AlreadyThere,
            (Change::Add(object), None) => {
                self.objects.push(object.clone());
                if let Object::Address(spec) = object {
                    self.report(&NetEvent::AddressAdded(InterfaceAddress::of(spec)));
                }
                Outcome::Added
            }
            (Change::Remove(_), Some(position)) => {
                self.remove_object(position);
                Outcome::Removed
            }
            (Change::Remove(_), None) => Outcome::NotThere,
        }
    }

    fn remove_object(&mut self, position: usize) {
        match self.objects.remove(position) {
            Object::Address(spec) => {
                self.report(&NetEvent::AddressRemoved(InterfaceAddress::of(&spec)));
            }
            Object::Route(route) => self.report(&NetEvent::RouteRemoved(route.key())),
            Object::Rule(rule) => self.report(&NetEvent::RuleRemoved {
                family: rule.family,
                preference: rule.preference,
            }),
            _ => {}
        }
    }

    fn remove_address(&mut self, key: &AddressKey) -> bool {
        if let Some(position) = self.position(&ObjectKey::Address(*key)) {
            self.remove_object(position);
            return true;
        }
        let own = self.own_addresses.iter().position(|it| it.key() == *key);
        let removed = own.map(|position| self.own_addresses.remove(position));
        removed.map(|address| self.report(&NetEvent::AddressRemoved(address))).is_some()
    }

    fn snapshot(&self) -> Snapshot {
        let added = self.objects.iter().filter_map(|object| match object {
            Object::Address(spec) => Some(InterfaceAddress::of(spec)),
            _ => None,
        });
        let addresses = self.own_addresses.iter().copied().chain(added).collect();
        Snapshot { links: self.links.clone(), addresses }
    }

    fn report(&mut self, event: &NetEvent) {
        self.monitors.retain(|monitor| match monitor.upgrade() {
            Some(queue) => {
                queue.push(event.clone());
                true
            }
            None => false,
        });
    }
}

impl Kernel for Recorder {
    fn attach(&mut self, interface: Option<Interface>) -> Result<(), NetError> {
        self.lock().attached = None;
        self.call(Call::Attach(interface), |state| {
            state.attached = Some(interface);
            Ok(())
        })
    }

    fn detach(&mut self) {
        let mut state = self.lock();
        state.attached = None;
        state.calls.push(Call::Detach);
        self.0.changed.notify_all();
    }

    fn link(&mut self, name: InterfaceName) -> Result<Option<Link>, NetError> {
        self.call(Call::Link(name), |state| {
            Ok(state.links.iter().find(|link| link.interface.name == name).cloned())
        })
    }

    fn apply(&mut self, changes: &[Change]) -> Vec<Result<Outcome, NetError>> {
        let mut state = self.lock();
        state.calls.push(Call::Apply(changes.to_vec()));
        self.0.changed.notify_all();
        let outcome = |change| match state.refusals.pop_front() {
            Some(error) => Err(error),
            None => Ok(state.make(change)),
        };
        changes.iter().map(outcome).collect()
    }

    fn filters(&mut self, table: TableName) -> Result<Vec<Filter>, NetError> {
        let is_of = |object: &Object| match object {
            Object::Filter(filter) => (filter.table == table).then_some(*filter),
            _ => None,
        };
        Ok(self.lock().objects.iter().filter_map(is_of).collect())
    }

    fn send_advert(&mut self, ip: &IpMeta, message: &[u8]) -> Result<(), NetError> {
        let IpMeta { source, destination, hop_limit, identification, auth_header, .. } = *ip;
        let message = message.to_vec();
        let call = Call::SendAdvert {
            source,
            destination,
            hop_limit,
            identification,
            auth_header,
            message,
        };
        self.call(call, |state| match state.attached {
            Some(_) => Ok(()),
            None => Err(NetError::Detached { operation: Operation::SendAdvert }),
        })
    }

    fn announce(&mut self, announcements: &[Announcement]) -> Result<usize, NetError> {
        self.call(Call::Announce(announcements.to_vec()), |_| Ok(announcements.len()))
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::advert::Drained;
    use crate::netlink::{LinkFlags, OperationalState};
    use crate::time::Timestamp;
    use crate::wake::Wake;
    use crate::words::{Errno, IfIndex};

    fn eth0() -> Interface {
        Interface { index: IfIndex::new(2).unwrap(), name: "eth0".parse().unwrap() }
    }

    fn address(last: u8) -> AddressSpec {
        AddressSpec::host(eth0(), [192, 0, 2, last].into())
    }

    fn add(last: u8) -> Change {
        Change::Add(address(last).into())
    }

    fn remove(last: u8) -> Change {
        Change::Remove(address(last).into())
    }

    #[test]
    fn objects_come_and_go_as_in_a_kernel() {
        let recorder = Recorder::new();
        let mut kernel = recorder.kernel();
        let (added, there) = (Outcome::Added, Outcome::AlreadyThere);
        assert_eq!(kernel.apply(&[add(1), add(2), add(1)]), [Ok(added), Ok(added), Ok(there)]);
        let (removed, missing) = (Outcome::Removed, Outcome::NotThere);
        let changes = [remove(2), add(3), remove(1), remove(1)];
        let outcomes = kernel.apply(&changes);
        assert_eq!(outcomes, [Ok(removed), Ok(added), Ok(removed), Ok(missing)]);
        assert_eq!(recorder.objects(), [address(3).into()]);
        assert!(recorder.remove_address(&address(3).key()));
        assert_eq!(kernel.apply(&[remove(3)]), [Ok(missing)]);
    }

    #[test]
    fn refusals_hit_one_change_or_one_call_each() {
        let recorder = Recorder::new();
        let mut kernel = recorder.kernel();
        let error = NetError::refused(Operation::AddAddress, Errno::ENOBUFS);
        recorder.refuse_next(error.clone());
        let outcomes = kernel.apply(&[add(1), add(2)]);
        assert_eq!(outcomes, [Err(error.clone()), Ok(Outcome::Added)]);
        assert_eq!(recorder.addresses(), [address(2)]);

        recorder.refuse_next(error.clone());
        assert_eq!(kernel.attach(Some(eth0())), Err(error));
        assert_eq!(recorder.attached(), None);
    }

    #[test]
    fn an_advert_takes_an_attached_interface() {
        let recorder = Recorder::new();
        let mut kernel = recorder.kernel();
        let ip = IpMeta::multicast([192, 0, 2, 1].into());
        assert!(matches!(kernel.send_advert(&ip, b"x"), Err(NetError::Detached { .. })));
        kernel.attach(Some(eth0())).unwrap();
        assert_eq!(kernel.send_advert(&ip, b"y"), Ok(()));
        kernel.detach();
        assert!(kernel.send_advert(&ip, b"z").is_err());
        assert_eq!(recorder.take().len(), 5, "failed calls are calls, too");
        assert_eq!(recorder.take(), []);
    }

    #[test]
    fn a_test_can_wait_for_calls_of_another_thread() {
        let recorder = Recorder::new();
        let mut kernel = recorder.kernel();
        thread::scope(|scope| {
            scope.spawn(move || {
                kernel.attach(Some(eth0())).unwrap();
                kernel.detach();
            });
            let both = recorder.take_when(Duration::from_secs(20), |calls| calls.len() == 2);
            assert_eq!(both, Some(vec![Call::Attach(Some(eth0())), Call::Detach]));
        });
        assert_eq!(recorder.take_when(Duration::ZERO, |calls| !calls.is_empty()), None);
    }

    #[test]
    fn a_receiver_hears_what_is_delivered_to_its_interface_and_groups() {
        let recorder = Recorder::new();
        let eth1 = Interface { index: IfIndex::new(3).unwrap(), name: "eth1".parse().unwrap() };
        let mut receiver = recorder.receiver(eth0(), Family::V4).unwrap();
        let group = [224, 0, 0, 18].into();
        let ip = IpMeta::multicast([192, 0, 2, 1].into());
        let datagram = Datagram::new(ip, b"advert", Timestamp::from_micros(7));
        assert_eq!(recorder.deliver(eth0(), Ok(datagram)), 0, "it is in no group");
        receiver.set_groups(&[group]).unwrap();
        assert_eq!(recorder.deliver(eth1, Ok(datagram)), 0);
        assert_eq!(receiver.wait(Some(Duration::ZERO)), Ok(Wake::TimedOut));
        for _ in 0..33 {
            assert_eq!(recorder.deliver(eth0(), Ok(datagram)), 1);
        }
        assert_eq!(recorder.deliver(eth0(), Err(DecodeError::Fragment)), 1);

        assert_eq!(receiver.wait(Some(Duration::ZERO)), Ok(Wake::Readable));
        let drained = receiver.drain(|it| assert_eq!(it, Ok(datagram))).unwrap();
        assert_eq!(drained, Drained { datagrams: 32, is_more: true });
        let mut rest = Vec::new();
        let drained = receiver.drain(|it| rest.push(it.map(|it| it.arrived))).unwrap();
        assert_eq!(drained, Drained { datagrams: 2, is_more: false });
        assert_eq!(rest, [Ok(Timestamp::from_micros(7)), Err(DecodeError::Fragment)]);
        assert_eq!(receiver.wait(Some(Duration::ZERO)), Ok(Wake::TimedOut));
        let (open, set) = (
            Call::OpenReceiver { interface: Some(eth0()), family: Family::V4 },
            Call::SetGroups { interface: Some(eth0()), groups: vec![group] },
        );
        assert_eq!(recorder.take(), [open, set]);
    }

    #[test]
    fn a_monitor_hears_of_everything_that_happens_to_links_and_addresses() {
        let recorder = Recorder::new();
        let link = Link {
            interface: eth0(),
            mac: None,
            mtu_bytes: 1500,
            flags: LinkFlags::UP,
            operational_state: OperationalState::Up,
            kind: None,
            master: None,
            lower: None,
            forwards_ipv6: false,
        };
        let own = InterfaceAddress::of(&address(1));
        recorder.set_link(link.clone());
        recorder.set_address(own);
        let (mut monitor, snapshot) = recorder.monitor().unwrap();
        assert_eq!(snapshot, Snapshot { links: vec![link], addresses: vec![own] });
        let mut events = Vec::new();
        assert_eq!(monitor.wait(&mut events, Some(Duration::ZERO)), Ok(Wake::TimedOut));

        let added = InterfaceAddress::of(&address(2));
        recorder.kernel().apply(&[add(2), add(2)]);
        assert!(recorder.remove_link(eth0().name));
        assert_eq!(monitor.wait(&mut events, Some(Duration::ZERO)), Ok(Wake::Readable));
        let expected = [
            NetEvent::AddressAdded(added),
            NetEvent::AddressRemoved(own),
            NetEvent::AddressRemoved(added),
            NetEvent::LinkGone(eth0()),
        ];
        assert_eq!(events, expected);
        assert_eq!(recorder.snapshot(), Snapshot::default());
        assert_eq!(recorder.objects(), []);
    }
}
