//! Routers that die, and setups that cannot be put into force: nothing may be left of either.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use std::io::Write as _;
use std::net::IpAddr;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use vrrp::{
    AdvertSource, Authentication, EventKind, Events, Host, LinkSource, Platform, Service, Setup,
    State, System, VirtualAddress, VirtualRouter,
};
use vrrp_net::{
    Announcement, Change, Errno, Family, Filter, Interface, Kernel, Link, NetError, Netlink,
    Operation, Outcome, Snapshot, TableName,
};
use vrrp_proto::{HeaderKey, IpMeta, Version};

use crate::common::{PATIENCE, eventually, has, isolated, router, setup};

/// What goes wrong, by the test's will.
struct Trouble {
    /// So many adverts are sent, the next one panics; 0 is never.
    panic_after: AtomicUsize,
    /// So many kernels can still be opened.
    kernels: AtomicUsize,
    /// Whether each resignation panics.
    cannot_resign: AtomicBool,
    /// Whether each resignation takes its time.
    resigns_slowly: AtomicBool,
    /// How many changes to objects were asked for.
    changes: AtomicUsize,
    /// The numbers of all authentication headers that were to be sent.
    numbers: Mutex<Vec<u32>>,
}

impl Trouble {
    fn none() -> Arc<Self> {
        let (panic_after, cannot_resign, resigns_slowly, changes, numbers) = Default::default();
        Arc::new(Self {
            panic_after,
            kernels: AtomicUsize::new(usize::MAX),
            cannot_resign,
            resigns_slowly,
            changes,
            numbers,
        })
    }
}

/// This machine, but for the trouble.
struct Troubled(Arc<Trouble>);

struct TroubledKernel(Box<dyn Kernel>, Arc<Trouble>);

impl Platform for Troubled {
    fn now(&self) -> vrrp::Instant {
        System.now()
    }

    fn open_kernel(&self, family: Family) -> Result<Box<dyn Kernel>, NetError> {
        let left = self.0.kernels.load(Ordering::SeqCst);
        self.0.kernels.store(left.saturating_sub(1), Ordering::SeqCst);
        if left == 0 {
            return Err(NetError::Refused {
                operation: Operation::OpenNetlink,
                interface: None,
                errno: Errno::from_raw(24),
                explanation: None,
            });
        }
        Ok(Box::new(TroubledKernel(System.open_kernel(family)?, Arc::clone(&self.0))))
    }

    fn open_receiver(
        &self,
        interface: Option<Interface>,
        family: Family,
        groups: &[IpAddr],
    ) -> Result<Box<dyn AdvertSource>, NetError> {
        System.open_receiver(interface, family, groups)
    }

    fn open_links(&self) -> Result<(Box<dyn LinkSource>, Snapshot), NetError> {
        System.open_links()
    }
}

impl Kernel for TroubledKernel {
    fn attach(&mut self, interface: Option<Interface>) -> Result<(), NetError> {
        self.0.attach(interface)
    }

    fn detach(&mut self) {
        self.0.detach();
    }

    fn link(&mut self, name: vrrp_net::InterfaceName) -> Result<Option<Link>, NetError> {
        self.0.link(name)
    }

    fn apply(&mut self, changes: &[Change]) -> Vec<Result<Outcome, NetError>> {
        self.1.changes.fetch_add(changes.len(), Ordering::SeqCst);
        self.0.apply(changes)
    }

    fn filters(&mut self, table: TableName) -> Result<Vec<Filter>, NetError> {
        self.0.filters(table)
    }

    fn send_advert(&mut self, ip: &IpMeta, message: &[u8]) -> Result<(), NetError> {
        let is_resignation = message.get(2) == Some(&0);
        assert!(!(is_resignation && self.1.cannot_resign.load(Ordering::SeqCst)), "it cannot");
        if is_resignation && self.1.resigns_slowly.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(200));
        }
        let number = ip.auth_header.map(|header| header.sequence());
        self.1.numbers.lock().unwrap().extend(number);
        // Of VRID 51 alone: the byte after version and type.
        let is_meant = message.get(1) == Some(&51);
        let left = self.1.panic_after.load(Ordering::SeqCst);
        if is_meant && left > 0 {
            self.1.panic_after.store(left - 1, Ordering::SeqCst);
            assert!(left > 1, "a planted panic");
        }
        self.0.send_advert(ip, message)
    }

    fn announce(&mut self, announcements: &[Announcement]) -> Result<usize, NetError> {
        self.0.announce(announcements)
    }
}

#[track_caller]
fn wait_for_event(events: &Events, what: &str, is_it: impl Fn(&EventKind) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    let left = || deadline.saturating_duration_since(Instant::now());
    while let Some(event) = events.next_within(left()) {
        if is_it(&event.kind) {
            return;
        }
    }
    panic!("{what}: not within {PATIENCE:?}");
}

fn states(service: &Service) -> Vec<State> {
    service.observer().routers().iter().map(|router| router.state).collect()
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn start(trouble: &Arc<Trouble>, vrids: &[u8]) -> Service {
    let mut service = Host::on(Arc::new(Troubled(Arc::clone(trouble)))).unwrap().spawn().unwrap();
    service.start(setup(vrids)).unwrap();
    service
}

#[test]
fn a_router_that_panics_is_cleaned_up_after_and_started_again() {
    isolated(|netlink| {
        let trouble = Trouble::none();
        let service = start(&trouble, &[51, 52]);
        eventually("both are Active", || states(&service) == [State::Active; 2]);
        let sent = || service.observer().routers()[1].adverts_sent;
        let events = service.events();
        trouble.panic_after.store(2, Ordering::SeqCst);
        wait_for_event(&events, "it dies", |kind| matches!(kind, EventKind::Died { .. }));
        eventually("status says why", || {
            // Should it run again already, it dies again.
            trouble.panic_after.store(1, Ordering::SeqCst);
            let told = service.observer().routers().swap_remove(0);
            told.died.is_some_and(|why| why.contains("a planted panic"))
        });
        eventually("its address goes", || !has(netlink, "192.0.2.151"));
        trouble.panic_after.store(0, Ordering::SeqCst);
        assert!(has(netlink, "192.0.2.152"));
        let before = sent();
        eventually("the other one runs on", || sent() > before + 2);
        wait_for_event(&events, "it runs again", |kind| matches!(kind, EventKind::Restarted));
        eventually("both are Active again", || states(&service) == [State::Active; 2]);
        eventually("it has its address", || has(netlink, "192.0.2.151"));
        service.shutdown(PATIENCE).unwrap();
        assert!(!has(netlink, "192.0.2.151") && !has(netlink, "192.0.2.152"));
    });
}

/// Peers refuse whoever begins anew, the resignation of a dead router too.
#[test]
fn a_router_that_panics_goes_on_with_its_numbers() {
    isolated(|_| {
        let trouble = Trouble::none();
        let mut service = start(&trouble, &[]);
        let signed = router(51).version(Version::V2).interval(Duration::from_secs(1));
        let mut settings = signed.build().unwrap();
        settings.authentication = Authentication::Header(HeaderKey::from_text("s3cr3t"));
        let setup = Setup { routers: vec![Arc::new(settings)], ..Setup::default() };
        service.apply(setup).unwrap();
        let numbers = || trouble.numbers.lock().unwrap().clone();
        eventually("it is Active", || numbers().len() > 1);
        let events = service.events();
        trouble.panic_after.store(1, Ordering::SeqCst);
        wait_for_event(&events, "it dies", |kind| matches!(kind, EventKind::Died { .. }));
        let before = numbers().len();
        eventually("it runs again", || numbers().len() > before + 2);
        service.shutdown(PATIENCE).unwrap();
        let numbers = numbers();
        let expected: Vec<_> = (1..).take(numbers.len()).collect();
        assert_eq!(numbers, expected);
    });
}

#[test]
fn a_member_that_panics_is_its_groups_fault_until_it_runs_again() {
    isolated(|netlink| {
        let trouble = Trouble::none();
        let mut service = start(&trouble, &[51, 52]);
        eventually("both are Active", || states(&service) == [State::Active; 2]);
        service.apply(setup(&[51, 52]).with_group("site", ["VI_51", "VI_52"])).unwrap();
        let is_site = |state| service.observer().groups()[0].state == state;
        eventually("they are a group", || is_site(State::Active));
        let events = service.events();
        trouble.panic_after.store(2, Ordering::SeqCst);
        let failed = |kind: &EventKind| matches!(kind, EventKind::GroupTransition(how) if how.to == State::Fault);
        wait_for_event(&events, "it dies", |kind| matches!(kind, EventKind::Died { .. }));
        wait_for_event(&events, "none takes part", failed);
        assert!(!has(netlink, "192.0.2.151") && !has(netlink, "192.0.2.152"));
        wait_for_event(&events, "it runs again", |kind| matches!(kind, EventKind::Restarted));
        eventually("all are Active again", || {
            is_site(State::Active) && states(&service) == [State::Active; 2]
        });
        service.shutdown(PATIENCE).unwrap();
        assert!(!has(netlink, "192.0.2.151") && !has(netlink, "192.0.2.152"));
    });
}

#[test]
fn a_router_that_dies_of_its_end_has_ended() {
    isolated(|netlink| {
        let trouble = Trouble::none();
        let mut service = start(&trouble, &[51, 52]);
        eventually("both are Active", || states(&service) == [State::Active; 2]);
        trouble.cannot_resign.store(true, Ordering::SeqCst);
        let begun = Instant::now();
        service.apply(setup(&[52])).unwrap();
        assert!(!has(netlink, "192.0.2.151"));
        service.shutdown(PATIENCE).unwrap();
        assert!(begun.elapsed() < PATIENCE, "it was waited for");
        assert!(!has(netlink, "192.0.2.152"));
    });
}

#[test]
fn a_router_that_becomes_another_ends_before_its_successor_begins() {
    isolated(|netlink| {
        let trouble = Trouble::none();
        let mut service = start(&trouble, &[51]);
        eventually("it is Active", || states(&service) == [State::Active]);
        trouble.resigns_slowly.store(true, Ordering::SeqCst);
        let events = service.events();
        while events.next_within(Duration::ZERO).is_some() {}
        let successor = router(52).name("VI_51");
        service.apply(Setup::default().with(&successor).unwrap()).unwrap();
        eventually("the other is Active", || states(&service) == [State::Active]);
        let told = std::iter::from_fn(|| events.next_within(Duration::ZERO));
        let told: Vec<_> = told
            .filter_map(|event| match event.kind {
                EventKind::Stopped { .. } => Some("stopped".to_owned()),
                EventKind::Transition(transition) => Some(format!("{:?}", transition.to)),
                _ => None,
            })
            .collect();
        // The first one's last change, its end, and then the whole life of the second.
        assert_eq!(told, ["Initialize", "stopped", "Backup", "Active"]);
        assert!(!has(netlink, "192.0.2.151") && has(netlink, "192.0.2.152"));
    });
}

#[test]
fn a_router_whose_kernel_cannot_be_opened_is_tried_again() {
    isolated(|_| {
        let trouble = Trouble::none();
        trouble.kernels.store(0, Ordering::SeqCst);
        let service = start(&trouble, &[51]);
        let events = service.events();
        wait_for_event(&events, "it cannot run", |kind| matches!(kind, EventKind::Died { .. }));
        trouble.kernels.store(usize::MAX, Ordering::SeqCst);
        eventually("it is Active", || states(&service) == [State::Active]);
    });
}

#[test]
fn a_router_that_waits_is_tried_at_once_when_others_have_changed() {
    isolated(|_| {
        let trouble = Trouble::none();
        trouble.kernels.store(0, Ordering::SeqCst);
        let mut service = start(&trouble, &[51]);
        let restart_at = || service.observer().routers()[0].restart_at;
        let left = |at: vrrp::Instant| at.saturating_since(System.now());
        let is_long = |at| left(at) > Duration::from_secs(3);
        eventually("it waits for long", || restart_at().is_some_and(is_long));
        let due = restart_at().unwrap();
        trouble.kernels.store(usize::MAX, Ordering::SeqCst);
        service.apply(setup(&[51, 52])).unwrap();
        eventually("both are Active", || states(&service) == [State::Active; 2]);
        assert!(System.now() < due, "it waited for its time");
    });
}

#[test]
fn a_setup_that_is_refused_changes_nothing_and_leaks_nothing() {
    isolated(|netlink| {
        let trouble = Trouble::none();
        let mut service = start(&trouble, &[51]);
        eventually("it is Active", || states(&service) == [State::Active]);
        let (before, history) = (descriptors(), service.observer().routers()[0].history.clone());
        let in_force = service.setup().clone();
        let elsewhere = VirtualRouter::new("right", 53).name("A").address("192.0.2.153/24");
        for opened in 0..3 {
            // The new ones need two kernels; the first, on `right`, also a receiver.
            trouble.kernels.store(opened % 2, Ordering::SeqCst);
            service.apply(setup(&[52]).with(&elsewhere).unwrap()).unwrap_err();
        }
        assert_eq!(service.setup(), &in_force);
        assert_eq!(service.observer().routers()[0].history, history);
        assert!(has(netlink, "192.0.2.151"));
        assert_eq!(states(&service), [State::Active]);
        eventually("the descriptors are given back", || descriptors() == before);
        assert_eq!(service.observer().receivers().len(), 1);
    });
}

/// CPU that this process has used, in clock ticks of 10 ms.
fn cpu_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// The `nth` further address of router `vrid`.
fn further(vrid: u8, nth: u32) -> String {
    format!("10.{vrid}.{}.{}/32", nth / 250, nth % 250 + 1)
}

/// Takes every further address away once: `ip addr flush` would go on taking away what is back.
fn remove_each(routers: u8, addresses_each: u32) {
    let mut ip = Command::new("ip").args(["-batch", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut commands = ip.stdin.take().unwrap();
    for vrid in 1..=routers {
        for nth in 0..addresses_each {
            writeln!(commands, "addr del {} dev left", further(vrid, nth)).unwrap();
        }
    }
    drop(commands);
    assert!(ip.wait().unwrap().success());
}

/// Lets routers have addresses, takes all of these away by hand, and waits until all are back.
fn flush(routers: u8, addresses_each: u32) {
    isolated(|_| {
        let trouble = Trouble::none();
        let total = usize::from(routers) * addresses_each as usize;
        let router = |vrid: u8| {
            let router = VirtualRouter::new("left", vrid).name(format!("VI_{vrid}"));
            let router = router.address(&format!("192.0.2.{}/32", 100 + u16::from(vrid)));
            let mut settings = router.build().unwrap();
            // More than an advert carries.
            let parsed = |nth| further(vrid, nth).parse::<VirtualAddress>().unwrap();
            settings.addresses.extend((0..addresses_each).map(parsed));
            settings.machine.announce.repeat = 1;
            Arc::new(settings)
        };
        let setup = Setup { routers: (1..=routers).map(router).collect(), ..Setup::default() };
        let mut service =
            Host::on(Arc::new(Troubled(Arc::clone(&trouble)))).unwrap().spawn().unwrap();
        service.start(setup).unwrap();
        // While they change all the time the kernel may not come to the end of its list.
        let count = || {
            let all = Netlink::open().and_then(|mut netlink| netlink.addresses());
            let all = all.unwrap_or_default();
            all.iter().filter(|there| there.address.to_string().starts_with("10.")).count()
        };
        eventually("all addresses are there", || count() == total);
        let (ticks, changes) = (cpu_ticks(), trouble.changes.load(Ordering::SeqCst));
        let begun = Instant::now();
        remove_each(routers, addresses_each);
        eventually("all addresses are back", || {
            thread::sleep(Duration::from_millis(100));
            count() == total
        });
        let work = trouble.changes.load(Ordering::SeqCst) - changes;
        let cpu = Duration::from_millis((cpu_ticks() - ticks) * 10);
        println!("{total} addresses back after {:?}: {work} changes, {cpu:?} CPU", begun.elapsed());
        // An address is asked for again where the kernel refuses it at first.
        assert!((total..=2 * total).contains(&work), "{work} changes for {total} addresses");
        service.shutdown(PATIENCE).unwrap();
    });
}

#[test]
fn a_storm_of_removals_costs_what_it_takes_to_put_back_what_is_missing() {
    flush(1, 1_000);
    flush(50, 100);
}
