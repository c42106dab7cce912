//! A simulated network with a simulated clock that whole programs run on: whatever is written for
//! [`vrrp::Host`] runs here as it does on a machine.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use vrrp::{AdvertSource, Host, HostError, Instant, LinkSource, Platform};
use vrrp_net::{
    AddressSpec, Announcement, Change, Datagram, Filter, IfIndex, Interface, InterfaceAddress,
    InterfaceName, Kernel, Link, LinkFlags, MacAddress, NetError, Object, Operation,
    OperationalState, Outcome, Recorder, Snapshot, TableName, Timestamp,
};
use vrrp_proto::{Family, IpMeta, UnixTime};

use crate::wire::is_lost;

/// How long a packet is on its way unless somebody says otherwise.
pub const DEFAULT_DELAY: Duration = Duration::from_micros(100);

/// The right time of day at the zero of a network's clock, since 1970.
const EPOCH: Duration = Duration::from_secs(1_800_000_000);

/// How often a host may have something to do at one point in time.
const TURNS_MAX: usize = 1_000;

/// Why a simulation cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LanError {
    /// A host does not work any more.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A host always has something to do.
    #[error("a host does not come to rest at {0}")]
    Restless(Instant),
    /// It cannot be asked whether a host has something to do.
    #[error("cannot look at a host's descriptor: {0}")]
    Descriptor(std::io::Error),
}

/// Hosts on a network, and one clock for all of them. Interfaces of the same name are on the same
/// wire. Clones are one and the same.
///
/// Time passes in [`run`](Self::run) alone, and jumps from one thing that happens to the next.
#[derive(Debug, Clone)]
pub struct Lan(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    now: Instant,
    delay: Duration,
    hosts: Vec<Recorder>,
    cut: Vec<usize>,
    /// Who is not heard by whom, and where.
    closed: Vec<(usize, usize, InterfaceName)>,
    /// Per mille of the packets to each host, and what decides which.
    loss: (u16, u64),
    lost: u64,
    in_flight: BTreeMap<(Instant, u64), Packet>,
    packets: u64,
    /// How many seconds each host's clock of day is ahead.
    ahead_secs: Vec<i64>,
}

#[derive(Debug)]
struct Packet {
    from: usize,
    interface: InterfaceName,
    ip: IpMeta,
    message: Vec<u8>,
}

impl Default for Lan {
    fn default() -> Self {
        Self::new()
    }
}

impl Lan {
    /// A network without hosts, a second after its clock's zero.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            now: Instant::from_micros(1_000_000),
            delay: DEFAULT_DELAY,
            hosts: Vec::new(),
            cut: Vec::new(),
            closed: Vec::new(),
            loss: (0, 0),
            lost: 0,
            in_flight: BTreeMap::new(),
            packets: 0,
            ahead_secs: Vec::new(),
        })))
    }

    /// One more host, without interfaces.
    pub fn add_host(&self) -> LanHost {
        let mut state = self.lock();
        let (id, recorder) = (state.hosts.len(), Recorder::new());
        state.hosts.push(recorder.clone());
        state.ahead_secs.push(0);
        LanHost { lan: self.clone(), id, recorder }
    }

    /// The time now.
    pub fn now(&self) -> Instant {
        self.lock().now
    }

    /// How long packets are on their way from now on.
    pub fn set_delay(&self, delay: Duration) {
        self.lock().delay = delay;
    }

    /// Lets so many of a thousand packets get lost on their way to a host, from now on. The seed
    /// decides which.
    pub fn set_loss(&self, per_mille: u16, seed: u64) {
        self.lock().loss = (per_mille, seed);
    }

    /// How many packets were lost so.
    pub fn lost(&self) -> u64 {
        self.lock().lost
    }

    /// Lets so much time pass for these hosts. The others do nothing meanwhile, as if they were
    /// dead.
    ///
    /// # Errors
    /// [`LanError`] if a host does not work, or does not come to rest.
    pub fn run(&self, hosts: &mut [&mut Host], time: Duration) -> Result<(), LanError> {
        let until = self.now() + time;
        self.run_until(hosts, until)
    }

    /// Lets time pass for these hosts until then.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_until(&self, hosts: &mut [&mut Host], until: Instant) -> Result<(), LanError> {
        self.settle(hosts)?;
        while self.step(hosts, until)? {}
        Ok(())
    }

    /// Lets time pass for these hosts until the next arrival or deadline, and that happen; says
    /// whether there was one until then.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn step(&self, hosts: &mut [&mut Host], until: Instant) -> Result<bool, LanError> {
        let next = self.next_at(hosts).filter(|next| *next <= until);
        {
            let mut state = self.lock();
            state.now = next.unwrap_or(until).max(state.now);
        }
        self.settle(hosts)?;
        Ok(next.is_some())
    }

    /// Lets these hosts do all that there is to do for them at this time.
    pub(crate) fn settle(&self, hosts: &mut [&mut Host]) -> Result<(), LanError> {
        self.deliver();
        hosts.iter_mut().try_for_each(|host| self.turn(host))
    }

    /// Lets a host do all that there is to do for it at this time.
    fn turn(&self, host: &mut Host) -> Result<(), LanError> {
        let now = self.now();
        for _ in 0..TURNS_MAX {
            let is_due = host.deadline().is_some_and(|at| at <= now);
            if !is_due && !is_readable(host)? {
                return Ok(());
            }
            host.turn()?;
        }
        Err(LanError::Restless(now))
    }

    fn next_at(&self, hosts: &[&mut Host]) -> Option<Instant> {
        let arrival = self.lock().in_flight.keys().next().map(|(at, _)| *at);
        hosts.iter().filter_map(|host| host.deadline()).chain(arrival).min()
    }

    /// Hands over the packets whose time has come.
    fn deliver(&self) {
        let mut state = self.lock();
        while state.in_flight.keys().next().is_some_and(|(at, _)| *at <= state.now) {
            let Some(((at, _), packet)) = state.in_flight.pop_first() else { return };
            state.arrive(at, &packet);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that panicked elsewhere has its own message.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn send(&mut self, packet: Packet) {
        if self.cut.contains(&packet.from) {
            return;
        }
        self.packets += 1;
        let arrival = (self.now + self.delay, self.packets);
        self.in_flight.insert(arrival, packet);
    }

    fn arrive(&mut self, at: Instant, packet: &Packet) {
        let arrived = Timestamp::from_micros(at.as_micros());
        let datagram = Datagram::new(packet.ip, &packet.message, arrived);
        let is_cut = |id: usize| self.cut.contains(&id);
        let mut lost = 0;
        for (id, host) in self.hosts.iter().enumerate() {
            let way = (packet.from, id, packet.interface);
            if id == packet.from || is_cut(id) || is_cut(packet.from) || self.closed.contains(&way)
            {
                continue;
            }
            let Snapshot { links, addresses } = host.snapshot();
            let link = links.iter().find(|link| link.interface.name == packet.interface);
            let to = packet.ip.destination;
            if !to.is_multicast() && !addresses.iter().any(|address| address.address == to) {
                continue;
            }
            let Some(link) = link.filter(|link| link.is_running()) else { continue };
            let (per_mille, seed) = self.loss;
            let index = u64::from(link.interface.index.get());
            let which = [packet.from as u64, (id as u64) << 32 | index, at.as_micros()];
            if is_lost(seed, per_mille, which) {
                lost += 1;
            } else {
                host.deliver(link.interface, Ok(datagram));
            }
        }
        self.lost += lost;
    }
}

fn is_readable(host: &Host) -> Result<bool, LanError> {
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let fd = host.as_fd();
    poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&at_once))
        .map(|readable| readable > 0)
        .map_err(|errno| LanError::Descriptor(errno.into()))
}

/// A machine on a [`Lan`]: its interfaces and addresses, and the [`Platform`] of its programs.
/// Clones are one and the same.
#[derive(Debug, Clone)]
pub struct LanHost {
    lan: Lan,
    id: usize,
    recorder: Recorder,
}

impl LanHost {
    /// Gives it an interface that is up, with this address, and another index than any before.
    pub fn set_interface(&self, name: InterfaceName, address: IpAddr, prefix_len: u8) -> Interface {
        let links = self.recorder.snapshot().links;
        let known = links.iter().map(|link| link.interface.index.get()).max().unwrap_or(1);
        let index = IfIndex::new(known + 1).expect("a number above 1");
        let interface = Interface { index, name };
        let mac = MacAddress([2, 0, 0, 0, self.id as u8, index.get() as u8]);
        self.recorder.set_link(Link {
            interface,
            mac: Some(mac),
            mtu_bytes: 1500,
            flags: running(),
            operational_state: OperationalState::Up,
            kind: None,
            master: None,
            lower: None,
            forwards_ipv6: false,
        });
        let address = AddressSpec::new(interface, address, prefix_len);
        self.recorder.set_address(InterfaceAddress::of(&address));
        interface
    }

    /// Takes its interface's carrier away, or gives it back. Says whether there is one.
    pub fn set_carrier(&self, name: InterfaceName, has_carrier: bool) -> bool {
        let links = self.recorder.snapshot().links;
        let link = links.into_iter().find(|link| link.interface.name == name);
        let flags = if has_carrier { running() } else { LinkFlags::UP };
        link.map(|link| self.recorder.set_link(Link { flags, ..link })).is_some()
    }

    /// Lets nothing that it sends arrive, and nothing arrive there, or mends that.
    pub fn set_cut(&self, is_cut: bool) {
        let mut state = self.lan.lock();
        state.cut.retain(|id| *id != self.id);
        if is_cut {
            state.cut.push(self.id);
        }
    }

    /// Closes or opens the way from here to another host on the wire of this name. The way back is
    /// its own.
    pub fn set_way(&self, to: &Self, name: InterfaceName, is_open: bool) {
        let mut state = self.lan.lock();
        let way = (self.id, to.id, name);
        state.closed.retain(|closed| *closed != way);
        if !is_open {
            state.closed.push(way);
        }
    }

    /// Sets its clock of day so many seconds ahead of what is right, or behind. Timers go by another
    /// clock.
    pub fn set_clock(&self, ahead_secs: i64) {
        self.lan.lock().ahead_secs[self.id] = ahead_secs;
    }

    /// The objects that its kernel holds for its routers.
    pub fn objects(&self) -> Vec<Object> {
        self.recorder.objects()
    }

    /// What its programs have asked of its kernel, and all else that can happen there.
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }
}

fn running() -> LinkFlags {
    let flags = LinkFlags::UP.with(LinkFlags::RUNNING).with(LinkFlags::LOWER_UP);
    flags.with(LinkFlags::BROADCAST).with(LinkFlags::MULTICAST)
}

impl Platform for LanHost {
    fn now(&self) -> Instant {
        self.lan.now()
    }

    fn is_real_time(&self) -> bool {
        false
    }

    fn time_of_day(&self) -> UnixTime {
        let ahead_secs = self.lan.lock().ahead_secs[self.id];
        let right = EPOCH + Duration::from_micros(self.now().as_micros());
        let ahead = Duration::from_secs(ahead_secs.unsigned_abs());
        let shown = if ahead_secs < 0 { right.saturating_sub(ahead) } else { right + ahead };
        UnixTime::new(shown)
    }

    fn open_kernel(&self, _: Family) -> Result<Box<dyn Kernel>, NetError> {
        Ok(Box::new(LanKernel {
            host: self.clone(),
            kernel: self.recorder.kernel(),
            attached: None,
        }))
    }

    fn open_receiver(
        &self,
        interface: Option<Interface>,
        family: Family,
        groups: &[IpAddr],
    ) -> Result<Box<dyn AdvertSource>, NetError> {
        Platform::open_receiver(&self.recorder, interface, family, groups)
    }

    fn open_links(&self) -> Result<(Box<dyn LinkSource>, Snapshot), NetError> {
        self.recorder.open_links()
    }
}

/// One router's way to its host's kernel, with a socket of its own.
struct LanKernel {
    host: LanHost,
    kernel: Box<dyn Kernel>,
    attached: Option<Interface>,
}

impl Kernel for LanKernel {
    /// There are no routes: without an interface nothing can be sent.
    fn attach(&mut self, interface: Option<Interface>) -> Result<(), NetError> {
        self.attached = None;
        self.kernel.attach(interface)?;
        self.attached = interface;
        Ok(())
    }

    fn detach(&mut self) {
        self.attached = None;
    }

    fn link(&mut self, name: InterfaceName) -> Result<Option<Link>, NetError> {
        self.kernel.link(name)
    }

    fn apply(&mut self, changes: &[Change]) -> Vec<Result<Outcome, NetError>> {
        self.kernel.apply(changes)
    }

    fn filters(&mut self, table: TableName) -> Result<Vec<Filter>, NetError> {
        self.kernel.filters(table)
    }

    fn send_advert(&mut self, ip: &IpMeta, message: &[u8]) -> Result<(), NetError> {
        let detached = NetError::Detached { operation: Operation::SendAdvert };
        let interface = self.attached.ok_or(detached)?;
        // The record has one socket for all: it is that of the sender at each time.
        if self.host.recorder.attached() != Some(interface) {
            self.kernel.attach(Some(interface))?;
        }
        self.kernel.send_advert(ip, message)?;
        let links = self.host.recorder.snapshot().links;
        let link = links.iter().find(|link| link.interface.index == interface.index);
        if link.is_some_and(Link::is_running) {
            let (from, interface) = (self.host.id, interface.name);
            let packet = Packet { from, interface, ip: *ip, message: message.to_vec() };
            self.host.lan.lock().send(packet);
        }
        Ok(())
    }

    fn announce(&mut self, announcements: &[Announcement]) -> Result<usize, NetError> {
        self.kernel.announce(announcements)
    }
}
