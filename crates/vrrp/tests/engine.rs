//! One engine on a kernel that records.
#![allow(clippy::unwrap_used, reason = "a test's helpers may panic")]

use std::sync::Arc;
use std::time::Duration;

use vrrp::track::interface::Delays;
use vrrp::{
    Authentication, Carrier, Engine, EventKind, Input, Instant, InterfaceView, Settings, State,
    VirtualRoute, VirtualRouter,
};
use vrrp_fsm::Heard;
use vrrp_net::{
    Call, Change, Hop, IfIndex, Interface, NetError, Operation, Prefix, Recorder, RouteSpec,
};
use vrrp_proto::{
    Advert, HeaderKey, Interval, IpMeta, Priority, Rules, Sequence, UnixTime, Version,
};

const NOW: Instant = Instant::from_micros(1_000_000);

fn settings(priority: u8) -> Arc<Settings> {
    let router = VirtualRouter::new("eth0", 51).priority(priority).address("192.0.2.100/24");
    Arc::new(router.build().unwrap())
}

fn view(is_running: bool) -> InterfaceView {
    let interface = Interface { index: IfIndex::new(2).unwrap(), name: "eth0".parse().unwrap() };
    let mut view = InterfaceView::default();
    view.interface = Some(interface);
    (view.is_up, view.is_running) = (true, is_running);
    view.primary = Some([192, 0, 2, 1].into());
    view.carriers =
        vec![(interface.name, Carrier { interface, mac: None, is_running, forwards_ipv6: false })];
    view
}

fn refusal() -> NetError {
    let errno = vrrp_net::Errno::from_raw(105);
    let operation = Operation::AddAddress;
    NetError::Refused { operation, interface: None, errno, explanation: None }
}

/// An owner, Active as soon as its interface works, whose kernel refuses its address then.
fn refused_when_it_becomes_active() -> (Engine, Recorder) {
    let recorder = Recorder::new();
    let mut engine = Engine::new(settings(255), recorder.kernel());
    engine.start(NOW, view(false), true, Vec::new());
    assert_eq!(engine.router().state(), State::Fault);
    recorder.take();
    (engine, recorder)
}

fn adverts(recorder: &Recorder) -> usize {
    let is_advert = |call: &Call| matches!(call, Call::SendAdvert { .. });
    recorder.take().iter().filter(|call| is_advert(call)).count()
}

#[test]
fn an_address_that_is_refused_as_the_interface_comes_up_is_not_tried_again_at_once() {
    let (mut engine, recorder) = refused_when_it_becomes_active();
    become_active_and_be_refused(&recorder, &mut engine, Input::Interfaces(view(true)));
    assert_eq!(engine.deadline(), Some(NOW + Duration::from_secs(30)));
}

#[test]
fn an_address_that_is_refused_by_new_settings_is_not_tried_again_at_once() {
    let recorder = Recorder::new();
    let mut engine = Engine::new(settings(100), recorder.kernel());
    engine.start(NOW, view(true), true, Vec::new());
    assert_eq!(engine.router().state(), State::Backup);
    recorder.take();
    let input =
        Input::Reconfigure { settings: settings(255), view: view(true), influences: Vec::new() };
    become_active_and_be_refused(&recorder, &mut engine, input);
    assert_eq!(engine.deadline(), Some(NOW + Duration::from_secs(30)));
}

#[test]
fn an_address_that_was_refused_is_tried_again_at_once_when_the_interface_changes() {
    let (mut engine, recorder) = refused_when_it_becomes_active();
    become_active_and_be_refused(&recorder, &mut engine, Input::Interfaces(view(true)));
    engine.handle(NOW, Input::Interfaces(view(false)));
    engine.handle(NOW, Input::Interfaces(view(true)));
    engine.timer(NOW);
    assert_eq!(engine.router().state(), State::Active);
    assert_eq!(recorder.addresses().len(), 1);
}

#[test]
fn a_link_that_is_down_shorter_than_its_delay_does_not_unseat_and_one_for_longer_does() {
    let millis = Duration::from_millis;
    let recorder = Recorder::new();
    let mut settings = Arc::unwrap_or_clone(settings(255));
    let delays = Delays { down: millis(1500), up: millis(100) };
    settings.link_delays.insert("eth0".parse().unwrap(), delays);
    let settings = Arc::new(settings);
    let mut engine = Engine::new(Arc::clone(&settings), recorder.kernel());
    engine.start(NOW, view(true), true, Vec::new());
    assert_eq!(engine.router().state(), State::Active);

    engine.handle(NOW, Input::Interfaces(view(false)));
    engine.handle(NOW + millis(900), Input::Interfaces(view(true)));
    engine.handle(NOW + millis(950), Input::Interfaces(view(false)));
    engine.timer(NOW + millis(2449));
    assert_eq!(engine.router().state(), State::Active);
    assert_eq!(engine.deadline(), Some(NOW + millis(2450)));
    engine.timer(NOW + millis(2450));
    assert_eq!(engine.router().state(), State::Fault);
    assert_eq!(recorder.addresses(), []);

    engine.handle(NOW + millis(3000), Input::Interfaces(view(true)));
    assert_eq!(engine.router().state(), State::Fault);
    // A reload changes nothing about what is under way, unless it is about that.
    let reload =
        |settings| Input::Reconfigure { settings, view: view(true), influences: Vec::new() };
    engine.handle(NOW + millis(3050), reload(Arc::clone(&settings)));
    assert_eq!(engine.router().state(), State::Fault);
    let mut at_once = Arc::unwrap_or_clone(settings);
    at_once.link_delays.clear();
    engine.handle(NOW + millis(3060), reload(Arc::new(at_once)));
    assert_eq!(engine.router().state(), State::Active);
}

#[test]
fn a_link_may_not_be_down_for_longer_than_a_backup_waits() {
    let recorder = Recorder::new();
    let mut settings = Arc::unwrap_or_clone(settings(255));
    let hour = Duration::from_secs(3600);
    settings.link_delays.insert("eth0".parse().unwrap(), Delays { down: hour, up: hour });
    let mut engine = Engine::new(Arc::new(settings), recorder.kernel());
    engine.start(NOW, view(true), true, Vec::new());
    engine.handle(NOW, Input::Interfaces(view(false)));
    let mut now = NOW;
    while engine.router().state() == State::Active {
        now = engine.deadline().unwrap();
        engine.timer(now);
    }
    assert_eq!(now.saturating_since(NOW), Duration::from_micros(1_996_093));
}

/// Tells the engine something by which it becomes Active, with a kernel that refuses the first two
/// things that it is asked: an advert, and the address.
fn become_active_and_be_refused(recorder: &Recorder, engine: &mut Engine, input: Input) {
    recorder.refuse_next(refusal());
    recorder.refuse_next(refusal());
    engine.handle(NOW, input);
    assert_eq!(adverts(recorder), 2, "it becomes Active and resigns");
    assert_eq!(engine.router().state(), State::Fault);
    assert_eq!(recorder.addresses(), []);
}

/// A router with authentication headers of this key.
fn with_header(key: &str) -> Arc<Settings> {
    let router = VirtualRouter::new("eth0", 51).version(Version::V2).address("192.0.2.100/24");
    let mut settings = router.build().unwrap();
    settings.authentication = Authentication::Header(HeaderKey::from_text(key));
    Arc::new(settings)
}

/// The numbers of the adverts that were sent, each of which passes every check with this key.
fn numbers(recorder: &Recorder, settings: &Settings) -> Vec<u32> {
    let number = |call| {
        let Call::SendAdvert { source, hop_limit, identification, auth_header, message, .. } = call
        else {
            return None;
        };
        assert!(hop_limit == 255 && identification != 0);
        let ip = IpMeta { identification, auth_header, ..IpMeta::multicast(source) };
        let rules = Rules {
            authentication: settings.authentication.as_proto(UnixTime { secs: 0, fraction: 0 }),
            ..Rules::new(
                Version::V2,
                settings.vrid,
                settings.machine.interval,
                settings.advertised.as_addresses(),
            )
        };
        match Advert::parse(&message, &ip, &rules).unwrap().sequence {
            Some(Sequence::Header(number)) => Some(number),
            other => panic!("{other:?}"),
        }
    };
    recorder.take().into_iter().filter_map(number).collect()
}

#[test]
fn whoever_takes_over_continues_the_numbers_that_it_heard_also_with_another_key() {
    let (recorder, old) = (Recorder::new(), with_header("s3cr3t"));
    let mut engine = Engine::new(Arc::clone(&old), recorder.kernel());
    engine.start(NOW, view(true), true, Vec::new());
    let heard = |priority| Heard {
        source: [192, 0, 2, 2].into(),
        priority: Priority::new(priority),
        interval: Interval::DEFAULT,
    };
    engine.handle(NOW, Input::SignedAdvert(heard(200), Sequence::Header(41)));
    engine.handle(NOW, Input::SignedAdvert(heard(0), Sequence::Header(42)));
    let now = engine.deadline().unwrap();
    engine.timer(now);
    assert_eq!(engine.router().state(), State::Active);
    assert_eq!(numbers(&recorder, &old), [43]);

    let new = with_header("0ther");
    let settings = Arc::clone(&new);
    let input = Input::Reconfigure { settings, view: view(true), influences: Vec::new() };
    engine.handle(now, input);
    assert_eq!(next_numbers(&recorder, &mut engine, &new), [44]);
    assert_eq!(engine.router().state(), State::Active);

    // A master that was cut off and has counted further is answered with numbers that it takes in.
    engine.handle(now, Input::SignedAdvert(heard(50), Sequence::Header(1000)));
    assert_eq!(next_numbers(&recorder, &mut engine, &new), [1001]);
}

/// The numbers of what is sent next, with or without a timer.
fn next_numbers(recorder: &Recorder, engine: &mut Engine, settings: &Settings) -> Vec<u32> {
    loop {
        let sent = numbers(recorder, settings);
        if !sent.is_empty() {
            return sent;
        }
        engine.timer(engine.deadline().unwrap());
    }
}

/// A hung daemon's addresses may be taken away by somebody else; when it goes on, the news of that
/// and the timer wait for it, and it does not matter which comes first.
#[test]
fn whoever_hung_until_others_took_over_gives_the_addresses_up_and_says_nothing() {
    let key = {
        let interface = view(true).interface.unwrap();
        vrrp_net::Object::from(settings(100).addresses[0].on(interface)).key()
    };
    for news_first in [true, false] {
        let recorder = Recorder::new();
        let mut engine = Engine::new(settings(100), recorder.kernel());
        engine.start(NOW, view(true), true, Vec::new());
        let active_since = engine.deadline().unwrap();
        engine.timer(active_since);
        assert_eq!(engine.router().state(), State::Active);
        recorder.take();

        let late_at = engine.router().late_at().unwrap();
        assert_eq!(late_at, active_since + Duration::from_secs(3));
        assert!(!engine.must_listen_first(late_at), "it is not to answer what it hears");
        if news_first {
            engine.handle(late_at, Input::Removed(vec![key]));
        }
        engine.timer(late_at);
        engine.handle(late_at, Input::Removed(vec![key]));
        assert_eq!(engine.router().state(), State::Backup);
        let calls = recorder.take();
        let says = |call: &Call| matches!(call, Call::SendAdvert { .. } | Call::Announce { .. });
        assert!(!calls.iter().any(says), "{calls:?}");
        assert!(recorder.objects().is_empty());
    }
}

#[test]
fn a_master_announces_one_address_on_each_other_interface_again_and_again() {
    let recorder = Recorder::new();
    let address = |address: &str, device: Option<&str>| {
        let mut address: vrrp::VirtualAddress = address.parse().unwrap();
        address.device = device.map(|name| name.parse().unwrap());
        address
    };
    let router = VirtualRouter::new("eth0", 51).priority(255).address("192.0.2.100/24");
    let router = router.virtual_address(address("198.51.100.7/24", Some("eth1")));
    let router = router.virtual_address(address("198.51.100.8/24", Some("eth1")));
    let mut settings = router.build().unwrap();
    settings.announce_elsewhere = Some(Duration::from_secs(60));
    settings.machine.announce.delay = Duration::ZERO;
    let mac = Some(vrrp_net::MacAddress([2, 0, 0, 0, 0, 1]));
    let mut view = view(true);
    view.carriers[0].1.mac = mac;
    let interface = Interface { index: IfIndex::new(3).unwrap(), name: "eth1".parse().unwrap() };
    view.carriers
        .push((interface.name, Carrier { interface, mac, is_running: true, forwards_ipv6: false }));
    let mut engine = Engine::new(Arc::new(settings), recorder.kernel());
    engine.start(NOW, view.clone(), true, Vec::new());
    let run_to = |engine: &mut Engine, secs: u64| {
        let until = NOW + Duration::from_secs(secs);
        while let Some(at) = engine.deadline().filter(|at| *at <= until) {
            engine.timer(at);
        }
        let announced = recorder.take().into_iter().filter_map(|call| match call {
            Call::Announce(all) => Some(all),
            _ => None,
        });
        announced.flatten().map(|it| it.address.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(run_to(&mut engine, 59).len(), 15, "five rounds of three");
    assert_eq!(run_to(&mut engine, 121), ["198.51.100.7"; 2]);

    view.is_running = false;
    engine.handle(NOW + Duration::from_secs(130), Input::Interfaces(view));
    assert_eq!(run_to(&mut engine, 300), [""; 0], "it is no master");
}

#[test]
fn losing_adverts_are_told_of_once_a_second_and_none_is_forgotten() {
    let millis = Duration::from_millis;
    let recorder = Recorder::new();
    let mut engine = Engine::new(settings(200), recorder.kernel());
    engine.start(NOW, view(true), true, Vec::new());
    let begun = engine.deadline().unwrap();
    engine.timer(begun);
    assert_eq!(engine.router().state(), State::Active);
    engine.take_events();
    let loser = Heard {
        source: [192, 0, 2, 2].into(),
        priority: Priority::new(100),
        interval: Interval::DEFAULT,
    };
    let told = |engine: &mut Engine| {
        let is_it = |event: &EventKind| matches!(event, EventKind::LoserHeard { .. });
        engine.take_events().iter().filter(|event| is_it(event)).count()
    };
    let run = |engine: &mut Engine, from: u64, to: u64, every: u64| {
        let mut count = 0;
        for now in (from..to).map(|ms| begun + millis(ms)) {
            if engine.deadline().is_some_and(|at| at <= now) {
                engine.timer(now);
            }
            if now.saturating_since(begun).as_millis() % u128::from(every) == 0 {
                engine.handle(now, Input::Advert(loser));
            }
            count += told(engine);
        }
        count
    };
    assert_eq!(run(&mut engine, 1, 2501, 10), 3, "at 10 ms, 1010 ms, 2010 ms");
    assert_eq!(run(&mut engine, 2501, 5000, 10_000), 1, "the last of them, at 3010 ms");
    assert_eq!(run(&mut engine, 5000, 5500, 5001), 1, "one after a while at once");
    engine.handle(begun + millis(5500), Input::Advert(loser));
    engine.handle(begun + millis(5501), Input::Interfaces(view(false)));
    assert_eq!(run(&mut engine, 5502, 9000, 10_000), 0, "it is no master any more");
}

#[test]
fn a_route_that_went_with_its_link_or_was_refused_comes_when_an_interface_changes() {
    let recorder = Recorder::new();
    let gateway = Hop { gateway: Some([192, 0, 2, 9].into()), ..Hop::default() };
    let to = |last: u8| RouteSpec {
        hops: vec![gateway],
        ..RouteSpec::to(Prefix { address: [198, 51, 100, last].into(), len: 32 })
    };
    let mut settings = Settings::clone(&settings(255));
    settings.routes = vec![VirtualRoute::new(to(1)), VirtualRoute::new(to(2))];
    let mut engine = Engine::new(Arc::new(settings), recorder.kernel());
    engine.start(NOW, view(true), true, Vec::new());
    assert_eq!(engine.router().state(), State::Active);
    let has = |last| recorder.objects().contains(&to(last).into());
    assert!(has(1) && has(2));

    // The kernel says nothing of it.
    let gone = [Change::Remove(to(1).into()), Change::Remove(to(2).into())];
    recorder.kernel().apply(&gone);
    let mut other = view(true);
    other.addresses = vec![[203, 0, 113, 1].into()];
    recorder.refuse_next(refusal());
    engine.handle(NOW + Duration::from_secs(1), Input::Interfaces(other.clone()));
    assert!(has(1) != has(2), "the kernel has refused one of them");
    assert_eq!(engine.router().state(), State::Active);
    assert!(recorder.addresses().len() == 1, "the address stays");

    other.addresses.clear();
    engine.handle(NOW + Duration::from_secs(2), Input::Interfaces(other));
    assert!(has(1) && has(2));
}
