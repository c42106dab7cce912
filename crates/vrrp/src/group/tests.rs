//! A group whose members hear something at the wrong moment.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::OnceLock;
use std::time::Duration;

use vrrp_net::{
    AddressSpec, Announcement, Change, Datagram, Filter, IfIndex, Interface, InterfaceAddress,
    InterfaceName, Kernel, Link, LinkFlags, NetError, OperationalState, Outcome, Recorder,
    Snapshot, Timestamp,
};
use vrrp_proto::{Advert, Family, HOP_LIMIT, IpMeta, Priority, TableName, group};

use super::*;
use crate::core::{Core, Mode};
use crate::holdings::Holdings;
use crate::platform::{AdvertSource, LinkSource};
use crate::receiver::Receiver;
use crate::settings::{Settings, VirtualRouter};

const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const BETTER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

/// A recorder with a clock that stands, and another router on `eth0`.
#[derive(Clone)]
struct Stage {
    recorder: Recorder,
    now: Arc<Mutex<Instant>>,
    /// What receives on `eth0`.
    receiver: Arc<OnceLock<Arc<Receiver>>>,
    /// Whether the other router speaks as soon as a member does.
    interrupts: Arc<Mutex<bool>>,
}

impl Stage {
    fn new() -> Self {
        let recorder = Recorder::new();
        for (index, name) in [(2, "eth0"), (3, "eth1")] {
            let interface = interface(index, name);
            let flags = LinkFlags::UP.with(LinkFlags::RUNNING).with(LinkFlags::LOWER_UP);
            recorder.set_link(Link {
                interface,
                mac: None,
                mtu_bytes: 1500,
                flags,
                operational_state: OperationalState::Up,
                kind: None,
                master: None,
                lower: None,
                forwards_ipv6: false,
            });
            let own = AddressSpec::new(interface, OWN, 24);
            recorder.set_address(InterfaceAddress::of(&own));
        }
        let now = Arc::new(Mutex::new(Instant::from_micros(1_000_000)));
        Self { recorder, now, receiver: Arc::default(), interrupts: Arc::default() }
    }

    fn pass(&self, time: Duration) {
        let mut now = self.now.lock().unwrap();
        *now = *now + time;
    }

    /// The other router's advert arrives, and is received.
    fn hear_better(&self) {
        let settings = router("out").build().unwrap();
        let Settings { vrid, machine, advertised, .. } = &settings;
        let (priority, addresses) = (Priority::new(200), advertised.as_addresses());
        let advert = Advert::new(machine.version, *vrid, priority, machine.interval, addresses);
        let ip = IpMeta::new(BETTER, group(Family::V4), HOP_LIMIT);
        let mut message = [0; 64];
        let len = advert.write(&ip, &mut message).unwrap();
        let arrived = Timestamp::from_micros(self.now().as_micros());
        let datagram = Datagram::new(ip, &message[..len], arrived);
        self.recorder.deliver(interface(2, "eth0"), Ok(datagram));
        self.receiver.get().unwrap().drain();
    }
}

fn interface(index: u32, name: &str) -> Interface {
    Interface { index: IfIndex::new(index).unwrap(), name: name.parse().unwrap() }
}

fn router(name: &str) -> VirtualRouter {
    let interface = if name == "out" { "eth0" } else { "eth1" };
    VirtualRouter::new(interface, 51).name(name).address("192.0.2.100/24")
}

impl Platform for Stage {
    fn now(&self) -> Instant {
        *self.now.lock().unwrap()
    }

    fn open_kernel(&self, _: Family) -> Result<Box<dyn Kernel>, NetError> {
        Ok(Box::new(StageKernel { stage: self.clone(), kernel: self.recorder.kernel() }))
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

struct StageKernel {
    stage: Stage,
    kernel: Box<dyn Kernel>,
}

impl Kernel for StageKernel {
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
        self.kernel.apply(changes)
    }

    fn filters(&mut self, table: TableName) -> Result<Vec<Filter>, NetError> {
        self.kernel.filters(table)
    }

    fn send_advert(&mut self, ip: &IpMeta, message: &[u8]) -> Result<(), NetError> {
        if std::mem::take(&mut *self.stage.interrupts.lock().unwrap()) {
            self.stage.hear_better();
        }
        self.kernel.send_advert(ip, message)
    }

    fn announce(&mut self, announcements: &[Announcement]) -> Result<usize, NetError> {
        self.kernel.announce(announcements)
    }
}

#[test]
fn an_advert_that_comes_while_the_group_takes_over_takes_all_back_at_once() {
    let stage = Stage::new();
    let platform: Arc<dyn Platform> = Arc::new(stage.clone());
    let (mut core, _links, _events) = Core::open(platform, None, Holdings::default()).unwrap();
    let setup = ["out", "in"]
        .iter()
        .fold(Setup::default(), |setup, name| setup.with(&router(name)).unwrap());
    let setup = setup.with_group("site", ["out", "in"]);
    let prepared = core.prepare(setup, Mode::AllOrNothing).unwrap();
    let mut committed = core.commit(prepared);
    let mut driven = core.arrange(std::mem::take(&mut committed.units));
    core.finish(committed);
    let on_eth0 =
        |receiver: &Arc<Receiver>| receiver.key().0.is_some_and(|name| name.to_string() == "eth0");
    let receiver = core.receivers().into_iter().find(on_eth0).unwrap();
    assert!(stage.receiver.set(receiver).is_ok());
    let site = &mut driven[0];

    // The first advert makes the template, which the second one fits.
    for _ in 0..2 {
        site.turn();
        stage.pass(Duration::from_millis(500));
        stage.hear_better();
    }
    site.turn();
    assert_eq!(core.observer().routers()[0].adverts_parked, 1);
    stage.pass(Duration::from_secs(10));
    *stage.interrupts.lock().unwrap() = true;
    site.turn();

    let observer = core.observer();
    assert_eq!(observer.routers()[0].adverts_parked, 2, "it came after the decision");
    let states: Vec<_> = observer.routers().iter().map(|router| router.state).collect();
    assert_eq!(states, [State::Backup; 2]);
    assert_eq!(observer.groups()[0].state, State::Backup);
    assert!(stage.recorder.objects().is_empty());
}
