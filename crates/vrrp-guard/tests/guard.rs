//! A guard that is told of more than the kernel keeps of messages, and of routers that fall silent.
//! It needs a `main` of its own, since the guard is this program once more.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use vrrp::{LastWill, RouterSafeguard, Safeguard};
use vrrp_guard::Guard;
use vrrp_net::{AddressSpec, Change, LinkChange, NetNamespace, Netlink, Object};

const NAME: &str = "test-guard";
const LIMIT: Duration = Duration::from_secs(60);
const ROUTERS: u8 = 200;
const ADDRESSES: u8 = 4;
/// Far longer than it takes to tell of all.
const SILENCE: Duration = Duration::from_secs(5);

fn main() {
    vrrp_guard::intercept(NAME);
    let entered = NetNamespace::create().and_then(|namespace| namespace.enter());
    if let Err(error) = entered {
        assert!(std::env::var_os("CI").is_none(), "may not be skipped here: {error}");
        eprintln!("skipped: {error}");
        return;
    }
    let mut netlink = Netlink::open().unwrap();
    let lo = netlink.link("lo".parse().unwrap()).unwrap().unwrap().interface;
    netlink.change_link(lo.index, &LinkChange::UP).unwrap();
    let address = |router: u8, number: u8| -> Object {
        AddressSpec::new(lo, [10, 0, router, number].into(), 32).into()
    };
    let objects = |router| (1..=ADDRESSES).map(|number| address(router, number)).collect();
    let left = |netlink: &mut Netlink| {
        let there = netlink.addresses().unwrap();
        there.iter().filter(|there| there.address.to_string().starts_with("10.0.")).count()
    };

    let guard = Guard::start(NAME).unwrap();
    assert!(guard.status().pid.is_some());
    let mut places: Vec<Arc<dyn RouterSafeguard>> = Vec::new();
    for router in 0..ROUTERS {
        let place = guard.router(&format!("VI_{router}").into()).unwrap();
        let objects: Vec<Object> = objects(router);
        let resignation = Some(Vec::new());
        place.entrust(LastWill { objects: objects.clone(), resignation, silence_max: SILENCE });
        let changes: Vec<_> = objects.into_iter().map(Change::Add).collect();
        assert!(netlink.apply(&changes).iter().all(Result::is_ok));
        places.push(place);
    }
    // One advertises, one has stepped down, and one shares its addresses with the first.
    let [alive, stepped_down, shared] = [0, 1, 2].map(|nth: usize| Arc::clone(&places[nth]));
    stepped_down.revoke();
    let resignation = Some(Vec::new());
    shared.entrust(LastWill { objects: objects(0), resignation, silence_max: SILENCE });
    let is_kept = |nth: usize| nth < 2;

    let start = Instant::now();
    while !places.iter().enumerate().all(|(nth, place)| is_kept(nth) || place.has_acted()) {
        assert!(alive.advertising(), "it was alive");
        assert!(start.elapsed() < LIMIT, "not all were relieved");
        thread::sleep(Duration::from_millis(20));
    }
    // Its mark comes before the removal.
    let expected = 3 * usize::from(ADDRESSES);
    while left(&mut netlink) != expected {
        assert!(alive.advertising(), "it was alive");
        assert!(start.elapsed() < LIMIT, "{} addresses are left", left(&mut netlink));
        thread::sleep(Duration::from_millis(20));
    }
    assert!(!stepped_down.has_acted() && !shared.advertising());
    places.iter().for_each(|place| place.revoke());
    assert!(shared.advertising() && !shared.has_acted());
    guard.end();
    assert_eq!(guard.status().pid, None);
    println!("a guard acts for {ROUTERS} routers that fall silent, and for no other: ok");
}
