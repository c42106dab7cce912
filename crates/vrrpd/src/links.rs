//! The interfaces as the kernel has them, and who is told when they change.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use vrrp_fsm::{FaultReason, Influence, Verdict, Weight};
use vrrp_net::{
    AddressFlags, IfIndex, Interface, InterfaceAddress, InterfaceName, Link, MacAddress, Monitor,
    NetError, NetEvent, Snapshot, Wake, Waker,
};
use vrrp_proto::Family;

use crate::inbox::Outlet;
use crate::instance::Order;
use crate::receiver::Listener;
use crate::status::TrackerStatus;

const STACK_BYTES: usize = 512 << 10;
/// How long to leave a socket alone that could not be read.
const READ_RETRY: Duration = Duration::from_millis(200);

/// An instance's interface, as far as it matters to it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct LinkView {
    /// None while there is no interface of that name.
    pub(crate) interface: Option<Interface>,
    pub(crate) mac: Option<MacAddress>,
    is_up: bool,
    is_running: bool,
    /// The address to send adverts from.
    pub(crate) primary: Option<IpAddr>,
    /// The interface's own addresses in the instance's family, without those that instances move:
    /// these come and go, and adverts are not sent from them.
    pub(crate) addresses: Vec<IpAddr>,
}

impl LinkView {
    /// The reasons that an interface can be for not taking part, and whether each holds. A worse
    /// one covers the lesser ones.
    pub(crate) fn faults(&self, is_tracked: bool) -> [(FaultReason, bool); 3] {
        let missing = self.interface.is_none();
        let down = is_tracked && !missing && !self.is_up;
        let no_carrier = is_tracked && !missing && self.is_up && !self.is_running;
        [
            (FaultReason::InterfaceMissing, missing),
            (FaultReason::InterfaceDown, down),
            (FaultReason::NoCarrier, no_carrier),
        ]
    }
}

/// What an instance wants to know of the interfaces.
#[derive(Debug)]
pub(crate) struct Watcher {
    pub(crate) outlet: Outlet,
    pub(crate) interface: InterfaceName,
    pub(crate) family: Family,
    /// The source of adverts, where the configuration names one.
    pub(crate) source: Option<IpAddr>,
    /// Whether the interface's own address may be a virtual one: the owner's.
    pub(crate) is_owner: bool,
    /// The addresses that the instance puts on interfaces.
    pub(crate) vips: Vec<(InterfaceName, IpAddr)>,
    /// The interfaces that it tracks, under the names that it knows them by.
    pub(crate) tracked: Vec<(InterfaceName, Arc<str>, Weight)>,
    told: Told,
}

/// What a watcher was told last.
#[derive(Debug, Default)]
struct Told {
    view: LinkView,
    influences: Vec<Influence>,
    /// The interfaces of its addresses, in their order.
    carriers: Vec<Option<IfIndex>>,
}

impl Watcher {
    pub(crate) fn new(outlet: Outlet, interface: InterfaceName, family: Family) -> Self {
        Self {
            outlet,
            interface,
            family,
            source: None,
            is_owner: false,
            vips: Vec::new(),
            tracked: Vec::new(),
            told: Told::default(),
        }
    }

    /// What the instance begins with.
    pub(crate) fn first_view(&self) -> LinkView {
        self.told.view.clone()
    }

    /// What the tracked interfaces mean to it at the beginning.
    pub(crate) fn first_influences(&self) -> impl Iterator<Item = (Arc<str>, Influence)> {
        let names = self.tracked.iter().map(|(_, name, _)| Arc::clone(name));
        names.zip(self.told.influences.iter().copied())
    }
}

/// Links and addresses as they are, and everybody who wants to know.
#[derive(Debug, Default)]
pub(crate) struct World {
    links: HashMap<IfIndex, Link>,
    addresses: HashMap<IfIndex, Vec<InterfaceAddress>>,
    watchers: HashMap<Arc<str>, Watcher>,
    listeners: HashMap<InterfaceName, Arc<Listener>>,
}

impl World {
    /// Lets an instance watch, and fills in what it begins with.
    pub(crate) fn watch(&mut self, name: Arc<str>, mut watcher: Watcher) -> &Watcher {
        let moving = moving(self.watchers.values().chain([&watcher]));
        watcher.told = self.told_to(&watcher, &moving);
        self.watchers.entry(name).insert_entry(watcher).into_mut()
    }

    /// Tells an instance nothing any more.
    pub(crate) fn forget(&mut self, name: &str) {
        self.watchers.remove(name);
    }

    /// The interfaces that somebody tracks, for the operator.
    pub(crate) fn trackers(&self) -> Vec<TrackerStatus> {
        let tracked = self.watchers.values().flat_map(|watcher| &watcher.tracked);
        let names: BTreeSet<_> = tracked.map(|(name, _, _)| name.to_string()).collect();
        names.into_iter().map(|name| self.tracker(name)).collect()
    }

    fn tracker(&self, name: String) -> TrackerStatus {
        let link = self.links.values().find(|link| link.interface.name.to_string() == name);
        let (verdict, detail) = match link {
            None => ("down", "it does not exist"),
            Some(link) if link.is_running() => ("up", "running"),
            Some(link) if link.is_up() => ("down", "no carrier"),
            Some(_) => ("down", "set down"),
        };
        let (verdict, detail) = (verdict.to_owned(), detail.to_owned());
        TrackerStatus { kind: "interface".to_owned(), name, verdict, detail }
    }

    /// Keeps a receiver on its interface, whatever becomes of that.
    pub(crate) fn attach(&mut self, name: InterfaceName, listener: Arc<Listener>) {
        listener.follow(self.by_name(name).map(|link| link.interface));
        self.listeners.insert(name, listener);
    }

    /// Leaves a receiver alone.
    pub(crate) fn detach(&mut self, name: InterfaceName) {
        self.listeners.remove(&name);
    }

    fn by_name(&self, name: InterfaceName) -> Option<&Link> {
        self.links.values().find(|link| link.interface.name == name)
    }

    fn told_to(&self, watcher: &Watcher, moving: &HashSet<IpAddr>) -> Told {
        let influences = watcher.tracked.iter().map(|(name, _, weight)| {
            let is_well = self.by_name(*name).is_some_and(Link::is_running);
            weight.judge(if is_well { Verdict::Up } else { Verdict::Down })
        });
        let carriers =
            watcher.vips.iter().map(|(name, _)| Some(self.by_name(*name)?.interface.index));
        Told {
            view: self.view(watcher, moving),
            influences: influences.collect(),
            carriers: carriers.collect(),
        }
    }

    fn view(&self, watcher: &Watcher, moving: &HashSet<IpAddr>) -> LinkView {
        let Some(link) = self.by_name(watcher.interface) else { return LinkView::default() };
        let all = self.addresses.get(&link.interface.index).map_or(&[][..], Vec::as_slice);
        let is_own = |there: &&InterfaceAddress| {
            Family::of(there.address) == watcher.family
                && there.is_usable()
                && !moving.contains(&there.address)
        };
        let own: Vec<_> = all.iter().filter(is_own).collect();
        LinkView {
            interface: Some(link.interface),
            mac: link.mac,
            is_up: link.is_up(),
            is_running: link.is_running(),
            primary: watcher.source.or_else(|| primary(watcher, &own)),
            addresses: own.into_iter().map(|there| there.address).collect(),
        }
    }

    fn take(&mut self, event: NetEvent) {
        match event {
            NetEvent::LinkChanged(link) => {
                self.links.insert(link.interface.index, link);
            }
            NetEvent::LinkGone(interface) => {
                self.links.remove(&interface.index);
                self.addresses.remove(&interface.index);
            }
            NetEvent::AddressAdded(address) => self.add(address),
            NetEvent::AddressRemoved(address) => self.remove(&address),
            NetEvent::Resync(snapshot) => self.resync(snapshot),
            _ => {}
        }
    }

    fn add(&mut self, address: InterfaceAddress) {
        let known = self.addresses.entry(address.interface).or_default();
        match known.iter_mut().find(|there| is_same(there, &address)) {
            Some(there) => *there = address,
            None => known.push(address),
        }
    }

    fn remove(&mut self, address: &InterfaceAddress) {
        if let Some(known) = self.addresses.get_mut(&address.interface) {
            known.retain(|there| !is_same(there, address));
        }
        if let Some(link) = self.links.get(&address.interface) {
            self.tell_removed(link.interface.name, address.address);
        }
    }

    fn tell_removed(&self, interface: InterfaceName, address: IpAddr) {
        for watcher in self.watchers.values() {
            if watcher.vips.contains(&(interface, address)) {
                watcher.outlet.order(Order::AddressRemoved(address));
            }
        }
    }

    /// Takes over how things are now. Who misses an address is told: its removal was lost.
    fn resync(&mut self, snapshot: Snapshot) {
        self.links = snapshot.links.into_iter().map(|link| (link.interface.index, link)).collect();
        self.addresses.clear();
        for address in snapshot.addresses {
            self.add(address);
        }
        for watcher in self.watchers.values() {
            for &(interface, vip) in &watcher.vips {
                let index = self.by_name(interface).map(|link| link.interface.index);
                let there = index.and_then(|index| self.addresses.get(&index));
                if !there.is_some_and(|all| all.iter().any(|known| known.address == vip)) {
                    watcher.outlet.order(Order::AddressRemoved(vip));
                }
            }
        }
    }

    /// Tells everybody what has changed for them.
    fn tell(&mut self) {
        for (name, listener) in &self.listeners {
            listener.follow(self.by_name(*name).map(|link| link.interface));
        }
        let moving = moving(self.watchers.values());
        let news: Vec<_> = self
            .watchers
            .iter()
            .map(|(name, watcher)| (Arc::clone(name), self.told_to(watcher, &moving)))
            .collect();
        for (name, now) in news {
            if let Some(watcher) = self.watchers.get_mut(&name) {
                watcher.tell(now);
            }
        }
    }
}

impl Watcher {
    fn tell(&mut self, now: Told) {
        let before = std::mem::replace(&mut self.told, now);
        for (index, (_, name, _)) in self.tracked.iter().enumerate() {
            let influence = self.told.influences[index];
            if before.influences.get(index) != Some(&influence) {
                self.outlet.order(Order::Tracker { name: Arc::clone(name), influence });
            }
        }
        if before.view != self.told.view {
            self.outlet.order(Order::Link(self.told.view.clone()));
        }
        let mut carriers = before.carriers.iter().zip(&self.told.carriers);
        if carriers.any(|(before, now)| now.is_some() && before != now) {
            self.outlet.order(Order::CarrierCame);
        }
    }
}

/// The addresses that instances move. An owner's are its machine's own, and other instances there
/// may send from them.
fn moving<'a>(watchers: impl Iterator<Item = &'a Watcher>) -> HashSet<IpAddr> {
    let movers = watchers.filter(|watcher| !watcher.is_owner);
    movers.flat_map(|watcher| &watcher.vips).map(|(_, vip)| *vip).collect()
}

/// The address to send adverts from: the first of the interface's own. The owner of the addresses
/// may have none but these, and while it does not take part not even these.
fn primary(watcher: &Watcher, own: &[&InterfaceAddress]) -> Option<IpAddr> {
    let is_vip =
        |there: &&&InterfaceAddress| watcher.vips.iter().any(|(_, vip)| *vip == there.address);
    let is_first = |there: &&&InterfaceAddress| !there.flags.contains(AddressFlags::SECONDARY);
    let best = own.iter().filter(|there| !is_vip(there)).min_by_key(|there| !is_first(there));
    let owned = || watcher.vips.iter().find(|(on, _)| *on == watcher.interface);
    best.or(own.first())
        .map(|there| there.address)
        .or_else(|| owned().filter(|_| watcher.is_owner).map(|(_, vip)| *vip))
}

fn is_same(one: &InterfaceAddress, other: &InterfaceAddress) -> bool {
    (one.address, one.prefix_len, one.peer) == (other.address, other.prefix_len, other.peer)
}

/// The thread that watches the kernel.
pub(crate) struct Links {
    world: Arc<Mutex<World>>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

impl Links {
    /// Subscribes to the kernel's events and takes down how things are.
    pub(crate) fn start() -> Result<Self, StartError> {
        let (monitor, snapshot) = Monitor::open()?;
        let mut world = World::default();
        world.resync(snapshot);
        let world = Arc::new(Mutex::new(world));
        let waker = monitor.waker();
        let shared = Arc::clone(&world);
        let thread = thread::Builder::new()
            .name("links".into())
            .stack_size(STACK_BYTES)
            .spawn(move || follow(monitor, &shared))?;
        Ok(Self { world, waker, thread: Some(thread) })
    }

    /// How things are.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        self.waker.wake();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("the links thread has panicked");
        }
    }
}

/// Why the watch over the interfaces could not begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Net(#[from] NetError),
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
}

fn follow(mut monitor: Monitor, world: &Mutex<World>) {
    let mut events = Vec::new();
    loop {
        match monitor.wait(&mut events, None) {
            Ok(Wake::Woken) => return,
            Ok(Wake::Readable | Wake::TimedOut) => {}
            Err(error) => {
                log::error!("{error}");
                thread::sleep(READ_RETRY);
            }
        }
        let mut world = lock(world);
        for event in events.drain(..) {
            world.take(event);
        }
        world.tell();
    }
}

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}
