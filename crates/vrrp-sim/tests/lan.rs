//! Programs as an embedder writes them, on a simulated network.
#![allow(clippy::unwrap_used, reason = "a test's helpers may panic")]

use std::sync::Arc;
use std::time::Duration;

use vrrp::{Host, Instant, Setup, State, VirtualRouter};
use vrrp_net::{Call, Change};
use vrrp_sim::{Lan, LanHost};

const VIP: &str = "192.0.2.200/24";

fn machine(lan: &Lan, last: u8) -> (LanHost, Host) {
    let machine = lan.add_host();
    machine.set_interface("eth0".parse().unwrap(), [192, 0, 2, last].into(), 24);
    let host = Host::on(Arc::new(machine.clone())).unwrap();
    (machine, host)
}

fn router(priority: u8) -> VirtualRouter {
    VirtualRouter::new("eth0", 51).priority(priority).address(VIP)
}

fn setup(router: &VirtualRouter) -> Setup {
    Setup::default().with(router).unwrap()
}

fn state(host: &Host) -> State {
    host.observer().routers()[0].state
}

/// When its router came into the state that it is in.
fn since(host: &Host) -> Instant {
    host.observer().routers()[0].since.unwrap()
}

fn objects(machine: &LanHost) -> Vec<String> {
    machine.objects().iter().map(ToString::to_string).collect()
}

/// The priorities of the adverts among these calls: the third byte of a VRRP message.
fn priorities(calls: &[Call]) -> Vec<u8> {
    let priority = |call: &Call| match call {
        Call::SendAdvert { message, .. } => Some(message[2]),
        _ => None,
    };
    calls.iter().filter_map(priority).collect()
}

fn removals(calls: &[Call]) -> usize {
    let changes = calls.iter().filter_map(|call| match call {
        Call::Apply(changes) => Some(changes),
        _ => None,
    });
    changes.flatten().filter(|change| matches!(change, Change::Remove(_))).count()
}

/// RFC 9568 §6.1 with an interval of a second and three adverts: 3 s and (256 - priority) / 256.
fn active_down(priority: u64) -> Duration {
    Duration::from_micros(3_000_000 + (256 - priority) * 1_000_000 / 256)
}

#[test]
fn the_backup_takes_over_at_the_time_that_the_formula_gives() {
    let lan = Lan::new();
    let ((first_machine, mut first), (second_machine, mut second)) =
        (machine(&lan, 1), machine(&lan, 2));
    first.add(router(200)).unwrap();
    second.add(router(100)).unwrap();
    let started_at = lan.now();
    lan.run(&mut [&mut first, &mut second], Duration::from_secs(10)).unwrap();
    assert_eq!((state(&first), state(&second)), (State::Active, State::Backup));
    assert_eq!(since(&first), started_at + active_down(200));
    assert_eq!((objects(&first_machine).len(), objects(&second_machine).len()), (1, 0));

    // Nothing happens to the first one any more, but the last advert has arrived.
    let sent = Duration::from_micros(
        (lan.now().saturating_since(since(&first)).as_micros() / 1_000_000 * 1_000_000) as u64,
    );
    let last_arrival = since(&first) + sent + vrrp_sim::DEFAULT_DELAY;
    lan.run(&mut [&mut second], Duration::from_secs(10)).unwrap();
    assert_eq!(state(&second), State::Active);
    assert_eq!(since(&second), last_arrival + active_down(100));
    assert_eq!(objects(&second_machine).len(), 1);
}

#[test]
fn other_settings_come_into_force_without_a_resignation() {
    let lan = Lan::new();
    let ((first_machine, mut first), (_, mut second)) = (machine(&lan, 1), machine(&lan, 2));
    first.add(router(200)).unwrap();
    second.add(router(100)).unwrap();
    lan.run(&mut [&mut first, &mut second], Duration::from_secs(10)).unwrap();
    first_machine.recorder().take();

    let other = router(150).address("192.0.2.201/24");
    let plan = first.apply(setup(&other)).unwrap();
    assert_eq!(plan.len(), 1);
    second.apply(setup(&router(100).address("192.0.2.201/24"))).unwrap();
    lan.run(&mut [&mut first, &mut second], Duration::from_secs(5)).unwrap();
    let calls = first_machine.recorder().take();
    assert_eq!(removals(&calls), 0, "{calls:?}");
    let priorities = priorities(&calls);
    assert!(priorities.len() >= 5 && priorities.iter().all(|it| *it == 150), "{priorities:?}");
    assert_eq!((state(&first), state(&second)), (State::Active, State::Backup));
    assert_eq!(objects(&first_machine).len(), 2);
}

#[test]
fn who_shuts_down_resigns_and_the_other_takes_over_after_its_skew_time() {
    let lan = Lan::new();
    let ((first_machine, mut first), (_, mut second)) = (machine(&lan, 1), machine(&lan, 2));
    first.add(router(200)).unwrap();
    second.add(router(100)).unwrap();
    lan.run(&mut [&mut first, &mut second], Duration::from_secs(10)).unwrap();
    let resigned_at = lan.now();
    first.shutdown().unwrap();
    assert_eq!(objects(&first_machine), [""; 0]);
    lan.run(&mut [&mut second], Duration::from_secs(1)).unwrap();
    let skew = Duration::from_micros((256 - 100) * 1_000_000 / 256);
    assert_eq!(since(&second), resigned_at + vrrp_sim::DEFAULT_DELAY + skew);
}

#[test]
fn an_address_that_someone_removes_is_put_back() {
    let lan = Lan::new();
    let (machine, mut host) = machine(&lan, 1);
    host.add(router(100)).unwrap();
    lan.run(&mut [&mut host], Duration::from_secs(5)).unwrap();
    let there = machine.recorder().addresses();
    assert!(machine.recorder().remove_address(&there[0].key()));
    lan.run(&mut [&mut host], Duration::ZERO).unwrap();
    assert_eq!(machine.recorder().addresses(), there);
}

/// The same program on a recorder, whose clock is this machine's.
#[test]
fn the_same_program_runs_on_a_recorder() {
    let lan = Lan::new();
    let (machine, _) = machine(&lan, 1);
    let recorder = machine.recorder();
    let mut host = Host::on(Arc::new(recorder.clone())).unwrap();
    host.add(router(254).interval(Duration::from_millis(10))).unwrap();
    let patience = std::time::Instant::now() + Duration::from_secs(20);
    while recorder.addresses().is_empty() && std::time::Instant::now() < patience {
        host.wait(Some(Duration::from_millis(100))).unwrap();
    }
    assert_eq!(state(&host), State::Active);
    host.shutdown().unwrap();
    assert_eq!(recorder.addresses(), []);
    assert_eq!(priorities(&recorder.take()).last(), Some(&0));
}

/// How many announcements went out in each 100 ms of two seconds, while six owners on two
/// interfaces begin with two rounds.
fn announcements(together: Option<&str>) -> Vec<usize> {
    let lan = Lan::new();
    let (machine, mut host) = machine(&lan, 1);
    machine.set_interface("eth1".parse().unwrap(), [198, 51, 100, 1].into(), 24);
    let router = |nth: u8| {
        let (interface, net) = if nth < 3 { ("eth0", "192.0.2") } else { ("eth1", "198.51.100") };
        let address = format!("{net}.{}/24", 200 + nth);
        let router = VirtualRouter::new(interface, 51 + nth).name(format!("VI_{nth}"));
        let mut settings = router.priority(255).address(&address).build().unwrap();
        settings.machine.announce.repeat = 2;
        settings.announce_pace = Duration::from_millis(100);
        settings.announce_together = together.map(Into::into);
        Arc::new(settings)
    };
    let setup = Setup { routers: (0..6).map(router).collect(), ..Setup::default() };
    host.apply(setup).unwrap();
    let announced = |_| {
        lan.run(&mut [&mut host], Duration::from_millis(100)).unwrap();
        let calls = machine.recorder().take();
        let sent = |call: &Call| match call {
            Call::Announce(announcements) => announcements.len(),
            _ => 0,
        };
        calls.iter().map(sent).sum()
    };
    (0..20).map(announced).collect()
}

#[test]
fn the_announcements_of_all_routers_on_an_interface_keep_one_pace() {
    let each_its_own = announcements(None);
    assert_eq!(each_its_own.iter().sum::<usize>(), 12);
    assert!(each_its_own.iter().all(|sent| *sent <= 2 * 2), "{each_its_own:?}");
    assert_eq!(each_its_own[7..], [0; 13], "two interfaces at once");
    let together = announcements(Some("switch"));
    assert_eq!(together.iter().sum::<usize>(), 12);
    assert!(together.iter().all(|sent| *sent <= 2), "{together:?}");
    assert!(together[..5].iter().sum::<usize>() <= 6, "{together:?}");
}
