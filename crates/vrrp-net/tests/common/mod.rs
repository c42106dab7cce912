//! Hosts and wires for tests, in namespaces that vanish with them.

#![allow(dead_code, reason = "every test file takes what it needs")]
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::env;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use vrrp_net::{
    AddressSpec, IfIndex, Interface, InterfaceName, Link, LinkChange, MacAddress, NetNamespace,
    Netlink, NewLink, NewLinkKind, Outcome, VethPeer,
};

/// How long a test waits for what must happen. On an idle machine it takes milliseconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Set in the process that was started again inside a user namespace.
const INSIDE: &str = "VRRP_NET_TEST_INSIDE";

/// Runs a test where network namespaces can be made: here, or else in this program started again
/// inside a user namespace. Where neither is allowed the test is skipped, except in CI.
pub(crate) fn isolated<F: FnOnce()>(test: F) {
    match NetNamespace::create() {
        Ok(_) => test(),
        Err(error) if env::var_os(INSIDE).is_some() => skip(&error.to_string()),
        Err(_) => again_in_user_namespace(test_name::<F>()),
    }
}

/// The path of the function that a closure is in, as the test harness knows it.
fn test_name<F>() -> &'static str {
    let path = std::any::type_name::<F>().trim_end_matches("::{{closure}}");
    path.split_once("::").expect("a crate's name comes first").1
}

fn again_in_user_namespace(test: &str) {
    let program = env::current_exe().unwrap();
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--"])
        .arg(program)
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .output();
    let Ok(output) = output else { return skip("there is no unshare(1)") };
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if out.is_empty() && !output.status.success() {
        return skip(&format!("no user namespace: {}", err.trim()));
    }
    eprint!("{err}");
    assert!(out.contains("1 passed"), "in a user namespace:\n{out}");
}

/// Gives a test up because something is missing here. In CI nothing may be.
pub(crate) fn skip(why: &str) {
    assert!(env::var_os("CI").is_none(), "nothing may be skipped in CI, but: {why}");
    eprintln!("skipped: {why}");
}

/// Asks again and again until there is an answer.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// The one thing that was expected.
#[track_caller]
pub(crate) fn only<T: std::fmt::Debug>(things: Vec<T>) -> T {
    match <[T; 1]>::try_from(things) {
        Ok([thing]) => thing,
        Err(things) => panic!("one was expected, not {things:?}"),
    }
}

pub(crate) fn name(text: &str) -> InterfaceName {
    text.parse().unwrap()
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(crate) fn ip4(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

/// A host: a network namespace and the means to change things there.
pub(crate) struct Host {
    pub(crate) namespace: NetNamespace,
    pub(crate) netlink: Netlink,
}

impl Host {
    pub(crate) fn new() -> Self {
        let namespace = NetNamespace::create().unwrap();
        let netlink = namespace.run(Netlink::open).unwrap().unwrap();
        Self { namespace, netlink }
    }

    /// Does something inside, such as opening a socket.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.namespace.run(work).unwrap()
    }

    #[track_caller]
    pub(crate) fn link(&mut self, link: &str) -> Link {
        self.netlink.link(name(link)).unwrap().unwrap_or_else(|| panic!("there is no {link}"))
    }

    pub(crate) fn interface(&mut self, link: &str) -> Interface {
        self.link(link).interface
    }

    pub(crate) fn change(&mut self, index: IfIndex, change: &LinkChange<'_>) {
        self.netlink.change_link(index, change).unwrap();
    }

    pub(crate) fn add(&mut self, spec: &AddressSpec) {
        let outcome = self.netlink.add_addresses(std::slice::from_ref(spec));
        assert_eq!(outcome, [Ok(Outcome::Added)]);
    }

    /// Makes a cable to another host, with both ends down.
    pub(crate) fn plug(&mut self, here: &str, other: &Host, there: &str) {
        let peer =
            VethPeer { name: name(there), mac: None, netns: Some(other.namespace.as_netns()) };
        let new = NewLink { name: name(here), kind: NewLinkKind::Veth(peer), mac: None };
        self.netlink.create_link(&new).unwrap();
    }
}

/// One end of a [`wire`].
pub(crate) struct End {
    pub(crate) host: Host,
    pub(crate) interface: Interface,
    pub(crate) mac: MacAddress,
    pub(crate) address: IpAddr,
}

impl End {
    fn set_up(mut host: Host, link: &str, address: &str) -> Self {
        let Link { interface, mac, .. } = host.link(link);
        host.change(interface.index, &LinkChange::UP);
        let address = ip(address);
        host.add(&AddressSpec::new(interface, address, 24));
        Self { host, interface, mac: mac.unwrap(), address }
    }

    pub(crate) fn wait_until(&mut self, what: &str, mut is_so: impl FnMut(&Link) -> bool) {
        let index = self.interface.index;
        eventually(what, || self.host.netlink.link_by_index(index).unwrap().filter(&mut is_so));
    }
}

/// Two hosts, 192.0.2.1 on `left` and 192.0.2.2 on `right`, and a cable between them that works.
pub(crate) fn wire() -> (End, End) {
    let (mut left, right) = (Host::new(), Host::new());
    left.plug("left", &right, "right");
    let mut left = End::set_up(left, "left", "192.0.2.1");
    let mut right = End::set_up(right, "right", "192.0.2.2");
    left.wait_until("the left end runs", Link::is_running);
    right.wait_until("the right end runs", Link::is_running);
    (left, right)
}
