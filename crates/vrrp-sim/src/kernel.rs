//! A router's kernel: a recorder that also refuses what it is told to refuse.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrayvec::ArrayVec;
use rustix::io::Errno;
use vrrp::Settings;
use vrrp_net::{
    AddressSpec, Announcement, Call, Change, Filter, IfIndex, Interface, InterfaceAddress,
    InterfaceName, Kernel, Link, LinkFlags, MacAddress, NetError, Object, Operation,
    OperationalState, Outcome, RecordedMonitor, Recorder, Snapshot,
};
use vrrp_proto::{IpMeta, Priority, TableName};

use crate::packet::MESSAGE_LEN_MAX;
use crate::scenario::{InterfaceState, NodeId};

/// Where the priority stands in an advert of either version (RFC 9568 §5.1, RFC 3768 §5.1).
const PRIORITY_OFFSET: usize = 2;

/// The kernel of one simulated machine. It outlives the programs that use it.
#[derive(Debug)]
pub(crate) struct SimKernel {
    id: NodeId,
    recorder: Recorder,
    faults: Arc<Mutex<Faults>>,
    name: InterfaceName,
    /// The highest index that an interface had.
    last_index: u32,
    pub(crate) interface: InterfaceState,
    pub(crate) address: Option<IpAddr>,
    pub(crate) held: Held,
}

/// What is wrong with it, and what a recorder does not record.
#[derive(Debug, Default)]
struct Faults {
    refuses_addresses: bool,
    refuses_sending: bool,
    added: Vec<IpAddr>,
    refused: u32,
}

/// Which of its virtual addresses a kernel has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// None.
    Nothing,
    /// All of the router's settings, and no others.
    Everything,
    /// Some of them, or others.
    Part,
}

/// An advert that the kernel was asked to send.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The priority in it.
    pub priority: Priority,
    /// What the IP header says.
    pub ip: IpMeta,
    pub(crate) message: ArrayVec<u8, MESSAGE_LEN_MAX>,
}

/// What was asked of the kernel in one turn.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The adverts, in order.
    pub sent: Vec<Sent>,
    /// The addresses that were not there and are now.
    pub added: Vec<IpAddr>,
    /// How many addresses it refused to add.
    pub refused: u32,
    /// The addresses that were announced.
    pub announced: Vec<IpAddr>,
    /// Whether it was asked to change addresses.
    pub(crate) is_changed: bool,
}

impl SimKernel {
    pub(crate) fn new(id: NodeId, name: InterfaceName, address: IpAddr) -> Self {
        let mut this = Self {
            id,
            recorder: Recorder::new(),
            faults: Arc::default(),
            name,
            last_index: 1,
            interface: InterfaceState::Missing,
            address: Some(address),
            held: Held::Nothing,
        };
        this.set_interface(InterfaceState::Running);
        this
    }

    /// A way to this kernel for one more program.
    pub(crate) fn open(&self) -> Box<dyn Kernel> {
        Box::new(KernelHandle {
            recorder: self.recorder.clone(),
            kernel: self.recorder.kernel(),
            faults: Arc::clone(&self.faults),
        })
    }

    /// What happens to its interface and addresses from now on, and how they are.
    pub(crate) fn monitor(&self) -> (RecordedMonitor, Snapshot) {
        self.recorder.monitor().expect("there is a descriptor for it")
    }

    /// How its interface and addresses are.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.recorder.snapshot()
    }

    pub(crate) fn refuse_addresses(&self, refuses: bool) {
        lock(&self.faults).refuses_addresses = refuses;
    }

    pub(crate) fn refuse_sending(&self, refuses: bool) {
        lock(&self.faults).refuses_sending = refuses;
    }

    pub(crate) fn refuses_sending(&self) -> bool {
        lock(&self.faults).refuses_sending
    }

    /// Lets the interface be like this. One that was missing has another index than before, its
    /// machine's address and no other.
    pub(crate) fn set_interface(&mut self, state: InterfaceState) {
        let before = std::mem::replace(&mut self.interface, state);
        if before == state {
            return;
        }
        let flags = match state {
            InterfaceState::Missing => {
                self.lose_addresses(true);
                self.recorder.remove_link(self.name);
                return;
            }
            InterfaceState::Down => LinkFlags::BROADCAST,
            InterfaceState::NoCarrier => LinkFlags::UP,
            InterfaceState::Running => {
                LinkFlags::UP.with(LinkFlags::RUNNING).with(LinkFlags::LOWER_UP)
            }
        };
        self.last_index += u32::from(before == InterfaceState::Missing);
        let interface = self.at();
        self.recorder.set_link(Link {
            interface,
            mac: Some(MacAddress([2, 0, 0, 0, self.id as u8, interface.index.get() as u8])),
            mtu_bytes: 1500,
            flags,
            operational_state: OperationalState::Up,
            kind: None,
            master: None,
            lower: None,
            forwards_ipv6: false,
        });
        if before == InterfaceState::Missing {
            self.add_own_address();
        }
    }

    /// Lets its machine have this address, or none. Over IPv4 the virtual ones are secondaries of
    /// the one before, and Linux removes those first.
    pub(crate) fn set_address(&mut self, address: Option<IpAddr>) {
        let before = std::mem::replace(&mut self.address, address);
        if before == address || self.interface == InterfaceState::Missing {
            return;
        }
        // The new one is there before the old one goes, as on a machine that is renumbered.
        self.add_own_address();
        if let Some(before) = before {
            if before.is_ipv4() {
                self.lose_addresses(true);
            }
            self.recorder.remove_address(&self.own(before).key());
        }
    }

    fn add_own_address(&self) {
        if let Some(address) = self.address {
            self.recorder.set_address(InterfaceAddress::of(&self.own(address)));
        }
    }

    fn own(&self, address: IpAddr) -> AddressSpec {
        AddressSpec::new(self.at(), address, if address.is_ipv4() { 24 } else { 64 })
    }

    fn at(&self) -> Interface {
        let index = IfIndex::new(self.last_index).expect("a number above 0");
        Interface { index, name: self.name }
    }

    /// Takes virtual addresses away as somebody else would: the first one, or all.
    pub(crate) fn lose_addresses(&self, all: bool) {
        let there = self.recorder.addresses();
        for address in there.iter().take(if all { usize::MAX } else { 1 }) {
            self.recorder.remove_address(&address.key());
        }
    }

    /// What was asked of it since the last time.
    pub(crate) fn take_asked(&mut self, settings: &Settings) -> Asked {
        let mut asked = Asked::default();
        for call in self.recorder.take() {
            match call {
                Call::SendAdvert { source, destination, hop_limit, message, .. } => {
                    asked.sent.push(Sent {
                        priority: Priority::new(message[PRIORITY_OFFSET]),
                        ip: IpMeta::new(source, destination, hop_limit),
                        message: message.into_iter().collect(),
                    });
                }
                Call::Announce(announcements) => {
                    asked.announced.extend(announcements.iter().map(|one| one.address));
                }
                Call::Apply(_) => asked.is_changed = true,
                _ => {}
            }
        }
        if asked.is_changed {
            let mut faults = lock(&self.faults);
            asked.added = std::mem::take(&mut faults.added);
            asked.refused = std::mem::take(&mut faults.refused);
            drop(faults);
            self.look(settings);
        }
        asked
    }

    /// Finds out which virtual addresses are there.
    pub(crate) fn look(&mut self, settings: &Settings) {
        let there = self.recorder.addresses();
        let at = self.at();
        let is_there = |wanted: &vrrp::VirtualAddress| {
            let key = wanted.on(at).key();
            there.iter().any(|address| address.key() == key)
        };
        let wanted = settings.addresses.iter().filter(|wanted| is_there(wanted)).count();
        self.held = match there.len() {
            0 => Held::Nothing,
            len if len == wanted && len == settings.addresses.len() => Held::Everything,
            _ => Held::Part,
        };
    }
}

/// One program's way to a kernel.
struct KernelHandle {
    recorder: Recorder,
    kernel: Box<dyn Kernel>,
    faults: Arc<Mutex<Faults>>,
}

impl KernelHandle {
    /// Why this change cannot be made, as Linux would say.
    fn refusal(&self, change: &Change, faults: &Faults) -> Option<NetError> {
        let Change::Add(Object::Address(address)) = change else { return None };
        let refusal = |errno: Errno| Some(refused(Operation::AddAddress, errno));
        let is_new = || !self.recorder.objects().iter().any(|it| it.key() == change.object().key());
        if faults.refuses_addresses && is_new() {
            return refusal(Errno::NOBUFS);
        }
        let links = self.recorder.snapshot().links;
        let exists = links.iter().any(|link| link.interface.index == address.interface.index);
        if exists { None } else { refusal(Errno::NODEV) }
    }
}

impl Kernel for KernelHandle {
    fn attach(&mut self, interface: Option<Interface>) -> Result<(), NetError> {
        self.kernel.attach(interface)
    }

    fn detach(&mut self) {
        self.kernel.detach();
    }

    fn link(&mut self, name: InterfaceName) -> Result<Option<Link>, NetError> {
        self.kernel.link(name)
    }

    fn apply(&mut self, changes: &[Change]) -> Vec<Result<Outcome, NetError>> {
        let faults = Arc::clone(&self.faults);
        let mut faults = lock(&faults);
        let mut outcomes = Vec::with_capacity(changes.len());
        for change in changes {
            if let Some(error) = self.refusal(change, &faults) {
                self.recorder.refuse_next(error);
            }
            let outcome = self.kernel.apply(std::slice::from_ref(change)).remove(0);
            if let Object::Address(address) = change.object() {
                match &outcome {
                    Ok(Outcome::Added) => faults.added.push(address.address),
                    Err(_) => faults.refused += 1,
                    Ok(_) => {}
                }
            }
            outcomes.push(outcome);
        }
        outcomes
    }

    fn filters(&mut self, table: TableName) -> Result<Vec<Filter>, NetError> {
        self.kernel.filters(table)
    }

    fn send_advert(&mut self, ip: &IpMeta, message: &[u8]) -> Result<(), NetError> {
        if lock(&self.faults).refuses_sending {
            let error = refused(Operation::SendAdvert, Errno::NOBUFS);
            self.recorder.refuse_next(error);
        }
        self.kernel.send_advert(ip, message)
    }

    fn announce(&mut self, announcements: &[Announcement]) -> Result<usize, NetError> {
        self.kernel.announce(announcements)
    }
}

fn refused(operation: Operation, errno: Errno) -> NetError {
    NetError::Refused { operation, interface: None, errno: errno.into(), explanation: None }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds this.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
