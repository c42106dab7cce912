//! What the tests share: two servers on one wire, the daemon on them, and eyes on the wire.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use serde_json::Value;
use vrrp_lab::{
    Cable, Capture, Command, Frame, Host, HostOptions, Lab, LabError, LabOptions, Nic, Process,
    Wire,
};
use vrrp_proto::{PROTOCOL, split_ipv4};

/// How long anything may take that is bound to happen: far more than it takes on a slow machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(40);
/// The article's virtual address.
pub(crate) const VIP: &str = "192.168.122.200/24";
/// The daemon under test.
pub(crate) const VRRPD: &str = env!("CARGO_BIN_EXE_vrrpd");

pub(crate) const CONFIG: &str = "/run/keepalived.conf";

/// Two servers on a wire, as in the article, and a second network between them.
pub(crate) struct Stage {
    pub(crate) lab: Lab,
    pub(crate) lan: Wire,
    pub(crate) back: Wire,
    pub(crate) server1: Host,
    pub(crate) server2: Host,
    /// The servers' cables to the wire, in their order.
    pub(crate) cables: [Cable; 2],
}

/// Says that a test is skipped, and why; where nothing may be skipped, fails.
pub(crate) fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "may not be skipped here: {why}");
    eprintln!("skipped: {why}");
}

impl Stage {
    /// Sets it up; none where the machine forbids namespaces.
    pub(crate) fn new() -> Option<Self> {
        let lab = match Lab::new(LabOptions::host_program(VRRPD)) {
            Ok(lab) => lab,
            Err(refused @ LabError::Step { .. }) => {
                skip(&refused.to_string());
                return None;
            }
            Err(error) => panic!("{error}"),
        };
        let lan = lab.wire("lan").unwrap();
        let back = lab.wire("back").unwrap();
        let server = |name: &str, number: u8| {
            let host = lab.host(name, HostOptions::new()).unwrap();
            let front = Nic::new("eth0").address(format!("192.168.122.{number}/24"));
            let cable = host.attach(&lan, front).unwrap();
            let behind = Nic::new("ens9").address(format!("192.168.123.{number}/24"));
            host.attach(&back, behind).unwrap();
            (host, cable)
        };
        let ((server1, cable1), (server2, cable2)) =
            (server("server1", 101), server("server2", 102));
        Some(Self { lab, lan, back, server1, server2, cables: [cable1, cable2] })
    }

    /// One more host on the wire, to look at it with tools of its own.
    pub(crate) fn observer(&self) -> Host {
        let host = self.lab.host("observer", HostOptions::new()).unwrap();
        host.attach(&self.lan, Nic::new("eth0").address("192.168.122.9/24")).unwrap();
        host
    }
}

/// An instance of version 3 on eth0 that advertises five times a second.
pub(crate) fn router(name: &str, vrid: u8, priority: u8, address: &str, more: &str) -> String {
    format!(
        "vrrp_instance {name} {{
  interface eth0
  virtual_router_id {vrid}
  priority {priority}
  version 3
  advert_int 0.2
  virtual_ipaddress {{
    {address}
  }}
  {more}
}}
"
    )
}

/// Starts the daemon on a host, and waits until it is ready.
pub(crate) fn start(host: &Host, config: &str) -> Process {
    host.write_file(CONFIG, config).unwrap();
    let command = Command::new(VRRPD).args(["run", "-f", CONFIG]).env("RUST_LOG", "debug");
    let process = host.spawn(command).unwrap();
    process.wait_for_line(LIMIT, |line| line.contains(" runs ")).unwrap();
    process
}

/// What the daemon on a host tells of itself.
pub(crate) fn status(host: &Host) -> Value {
    let output = host.run([VRRPD, "status", "--json"]).unwrap().success().unwrap();
    serde_json::from_str(&output).unwrap()
}

/// What the daemon on a host tells of its first instance.
pub(crate) fn instance(host: &Host) -> Value {
    status(host)["instances"][0].take()
}

/// Waits until the first instance on a host is in this state.
pub(crate) fn wait_for_state(host: &Host, state: &str) {
    eventually(&format!("{}: {state}", host.name()), || instance(host)["state"] == state);
}

/// Waits until something holds.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    vrrp_lab::eventually(what, LIMIT, || Ok(holds().then_some(()))).unwrap();
}

/// Waits until exactly this one of two hosts has the virtual address.
pub(crate) fn wait_for_vip(on: &Host, not_on: &Host) {
    on.wait_for_address("eth0", VIP, true, LIMIT).unwrap();
    not_on.wait_for_address("eth0", VIP, false, LIMIT).unwrap();
}

/// An advert as it was seen on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) source: IpAddr,
    pub(crate) priority: u8,
}

/// The advert in a frame, if it is one.
pub(crate) fn advert(frame: &Frame) -> Option<Seen> {
    let packet = frame.bytes.get(14..)?;
    if frame.bytes.get(12..14)? != [0x08, 0x00] {
        return None;
    }
    let (ip, protocol, message) = split_ipv4(packet).ok()?;
    let priority = *message.get(2)?;
    (protocol == PROTOCOL).then_some(Seen { at: frame.at, source: ip.source, priority })
}

/// Waits for an advert of this priority from the server with this last octet.
pub(crate) fn wait_for_advert(wire: &Capture, last_octet: u8, priority: u8) -> Seen {
    let source = IpAddr::from([192, 168, 122, last_octet]);
    let what = format!("an advert from {source} with priority {priority}");
    let matches = |frame: &Frame| {
        advert(frame).filter(|seen| (seen.source, seen.priority) == (source, priority))
    };
    wire.wait_for(&what, LIMIT, matches).unwrap()
}

/// The address that a frame announces.
pub(crate) fn announced(frame: &Frame) -> Option<Ipv4Addr> {
    let is_arp = frame.bytes.get(12..14) == Some(&[0x08, 0x06]);
    let (sender, target) = (frame.bytes.get(28..32)?, frame.bytes.get(38..42)?);
    let octets: [u8; 4] = sender.try_into().ok()?;
    (is_arp && sender == target).then_some(octets.into())
}
