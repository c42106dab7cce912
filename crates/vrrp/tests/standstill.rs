//! Routers that stand still, and others that go on from how they stand.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use std::time::Duration;

use vrrp::{Host, Platform as _, Service, State, System};
use vrrp_net::{Monitor, NetEvent};

use crate::common::{PATIENCE, eventually, has, isolated, setup};

fn started(vrids: &[u8]) -> Service {
    let mut service = Host::system().unwrap().spawn().unwrap();
    service.start(setup(vrids)).unwrap();
    service
}

fn all_are(service: &Service, state: State) -> bool {
    service.observer().routers().iter().all(|router| router.state == state)
}

fn sent(service: &Service) -> u64 {
    service.observer().routers().iter().map(|router| router.adverts_sent).sum()
}

#[test]
fn who_stands_still_sends_nothing_and_goes_on_when_that_comes_to_nothing() {
    isolated(|netlink| {
        let mut service = started(&[51, 52]);
        eventually("both are Active", || all_are(&service, State::Active));
        let standstill = service.stand_still(PATIENCE).unwrap();
        assert_eq!(standstill.snapshot.active(), 2);
        assert!(!standstill.sockets.is_empty());
        let (before, began) = (sent(&service), System.now());
        eventually("some intervals are over", || {
            System.now().saturating_since(began) > Duration::from_millis(120)
        });
        assert_eq!(sent(&service), before);
        drop(standstill);
        eventually("they go on", || sent(&service) > before && all_are(&service, State::Active));
        service.shutdown(PATIENCE).unwrap();
        assert!(!has(netlink, "192.0.2.151") && !has(netlink, "192.0.2.152"));
    });
}

#[test]
fn others_go_on_from_there_and_touch_nothing_but_what_nobody_wants_any_more() {
    isolated(|netlink| {
        let mut before = started(&[51, 52, 53]);
        eventually("all are Active", || all_are(&before, State::Active));
        let (mut monitor, _) = Monitor::open().unwrap();
        let standstill = before.stand_still(PATIENCE).unwrap();

        // As another program would, while the threads of this one do nothing.
        let mut host = Host::system().unwrap();
        host.resume(standstill.snapshot.clone());
        let mut after = host.spawn().unwrap();
        after.start(setup(&[51, 52])).unwrap();
        assert!(after.settle(PATIENCE));
        let routers = after.observer().routers();
        for router in &routers {
            let states: Vec<_> = router.history.iter().map(|past| past.transition.to).collect();
            assert_eq!(states, [State::Backup, State::Active], "{}", router.settings.name);
            assert_eq!((router.state, router.became_active), (State::Active, 1));
        }
        assert!(routers.iter().map(|router| router.adverts_sent).sum::<u64>() >= 2);
        assert!(after.last_event() >= standstill.snapshot.last_event());
        let mut events = Vec::new();
        monitor.read(&mut events).unwrap();
        let address = |event: &NetEvent| match event {
            NetEvent::AddressRemoved(gone) => Some(gone.address.to_string()),
            _ => None,
        };
        let removed: Vec<_> = events.iter().filter_map(address).collect();
        assert_eq!(removed, ["192.0.2.153"], "{events:?}");
        assert!(has(netlink, "192.0.2.151") && has(netlink, "192.0.2.152"));
        after.shutdown(PATIENCE).unwrap();
        drop(standstill);
        before.shutdown(PATIENCE).unwrap();
        assert!(!has(netlink, "192.0.2.151"));
    });
}
