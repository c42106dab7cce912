//! A machine to try virtual routers on: a network namespace with a cable from `left` to `right`.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use vrrp::{Setup, VirtualRouter};
use vrrp_net::{
    AddressSpec, LinkChange, NetNamespace, Netlink, NewLink, NewLinkKind, Outcome, VethPeer,
};

/// How long anything may take that is bound to happen.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// One test at a time: they count the descriptors of the process, and its work.
static ALONE: Mutex<()> = Mutex::new(());

/// Runs a test in a network namespace with a cable from `left` to `right`.
pub fn isolated(test: impl FnOnce(&mut Netlink) + Send) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let namespace = match NetNamespace::create() {
        Ok(namespace) => namespace,
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "nothing may be skipped in CI, but: {error}");
            return eprintln!("skipped: {error}");
        }
    };
    namespace
        .run(|| {
            let mut netlink = Netlink::open().unwrap();
            let peer = VethPeer { name: "right".parse().unwrap(), mac: None, netns: None };
            let name = "left".parse().unwrap();
            let veth = NewLink { name, kind: NewLinkKind::Veth(peer), mac: None };
            netlink.create_link(&veth).unwrap();
            for end in ["left", "right"] {
                let link = netlink.link(end.parse().unwrap()).unwrap().unwrap();
                netlink.change_link(link.interface.index, &LinkChange::UP).unwrap();
            }
            let left = netlink.link("left".parse().unwrap()).unwrap().unwrap().interface;
            let own = AddressSpec::new(left, "192.0.2.1".parse().unwrap(), 24);
            assert_eq!(netlink.add_addresses(&[own]), [Ok(Outcome::Added)]);
            test(&mut netlink);
        })
        .unwrap();
}

pub fn router(vrid: u8) -> VirtualRouter {
    VirtualRouter::new("left", vrid)
        .name(format!("VI_{vrid}"))
        .interval(Duration::from_millis(50))
        .address(&format!("192.0.2.{}/24", 100 + u16::from(vrid)))
}

pub fn setup(vrids: &[u8]) -> Setup {
    vrids.iter().fold(Setup::default(), |setup, vrid| setup.with(&router(*vrid)).unwrap())
}

#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(2));
    }
}

pub fn has(netlink: &mut Netlink, address: &str) -> bool {
    let address: IpAddr = address.parse().unwrap();
    netlink.addresses().unwrap().iter().any(|there| there.address == address)
}
