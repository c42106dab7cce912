//! A host in a loop of one's own, on the kernel: interfaces that come and go, trackers that do.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use vrrp::track::File;
use vrrp::{Host, State, Weight};

use crate::common::{PATIENCE, has, isolated, router, setup};

/// Turns the host until something holds.
#[track_caller]
fn turn_until(host: &mut Host, what: &str, mut holds: impl FnMut(&Host) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds(host) {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        host.wait(Some(Duration::from_millis(50))).unwrap();
    }
}

fn state(host: &Host) -> State {
    host.observer().routers()[0].state
}

fn ip(words: &str) {
    assert!(Command::new("ip").args(words.split(' ')).status().unwrap().success(), "ip {words}");
}

#[test]
fn a_router_follows_its_interface_by_name_and_leaves_nothing_on_another() {
    isolated(|netlink| {
        let mut host = Host::system().unwrap();
        host.add(router(51)).unwrap();
        turn_until(&mut host, "it is Active", |host| state(host) == State::Active);
        assert!(has(netlink, "192.0.2.151"));

        ip("link set left down");
        ip("link set left name elsewhere");
        ip("link set elsewhere up");
        turn_until(&mut host, "it has no interface", |host| state(host) == State::Fault);
        assert!(
            !has(netlink, "192.0.2.151"),
            "the address is left on an interface that is not its"
        );

        // Another interface of that name, with another index.
        ip("link add left type veth peer name far");
        ip("link set far up");
        ip("link set left up");
        ip("addr add 192.0.2.2/24 dev left");
        turn_until(&mut host, "it is Active again", |host| state(host) == State::Active);
        assert!(has(netlink, "192.0.2.151"));

        ip("link del left");
        turn_until(&mut host, "it is gone", |host| state(host) == State::Fault);
        ip("link add left type veth peer name far");
        ip("link set far up");
        ip("link set left up");
        ip("addr add 192.0.2.2/24 dev left");
        turn_until(&mut host, "it is Active once more", |host| state(host) == State::Active);
        host.shutdown().unwrap();
        assert!(!has(netlink, "192.0.2.151"));
    });
}

#[test]
fn a_tracker_that_goes_and_comes_back_before_anybody_looks_reports_again() {
    isolated(|_| {
        let file = std::env::temp_dir().join(format!("vrrp-host-{}", std::process::id()));
        fs::write(&file, "0").unwrap();
        let tracked = router(51).track(Weight::new(0), File::new("health", &file));
        let with = setup(&[]).with(&tracked).unwrap();
        let mut host = Host::system().unwrap();
        host.apply(with.clone()).unwrap();
        turn_until(&mut host, "it is Active", |host| state(host) == State::Active);
        for _ in 0..20 {
            // Nobody turns the host in between.
            host.apply(setup(&[51])).unwrap();
            host.apply(with.clone()).unwrap();
            turn_until(&mut host, "the reading is there", |host| {
                let told = host.observer().routers().swap_remove(0);
                told.state == State::Active && told.waiting_for.is_empty()
            });
        }
        fs::remove_file(&file).unwrap();
        host.shutdown().unwrap();
    });
}
