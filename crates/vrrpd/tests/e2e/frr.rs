//! A day beside FRR's vrrpd on the same wire.

use vrrp_lab::{Capture, Command, Frame, Host, Process};
use vrrp_proto::{Family, PROTOCOL};

use crate::stage::{LIMIT, Stage, VRRPD, instance, skip, start, wait_for_state};

const PROGRAMS: &str = "/usr/lib/frr";
/// Where its daemons meet, and their files are.
const DIRECTORY: &str = "/run/frr";

/// What a day is about.
#[derive(Clone, Copy)]
struct Day {
    family: Family,
    version: u8,
    address: &'static str,
}

impl Day {
    /// The first octets of the virtual MAC, without the VRID.
    fn mac(self) -> &'static str {
        match self.family {
            Family::V4 => "00:00:5e:00:01:33",
            Family::V6 => "00:00:5e:00:02:33",
        }
    }

    fn ours(self, priority: u8) -> String {
        let Self { version, address, .. } = self;
        format!(
            "vrrp_instance VI_1 {{
  interface eth0
  virtual_router_id 51
  version {version}
  priority {priority}
  advert_int 1
  virtual_ipaddress {{
    {address}
  }}
}}
"
        )
    }

    fn theirs(self, priority: u8) -> String {
        let Self { version, address, .. } = self;
        let (address, _) = address.split_once('/').unwrap();
        let kind = if self.family == Family::V4 { "ip" } else { "ipv6" };
        format!(
            "interface eth0
 vrrp 51 version {version}
 vrrp 51 priority {priority}
 vrrp 51 advertisement-interval 1000
 vrrp 51 {kind} {address}
exit
"
        )
    }

    /// How it logs a change of state.
    fn says(self, process: &Process, transition: &str) {
        let kind = if self.family == Family::V4 { "IPv4" } else { "IPv6" };
        let line = format!("[VRID 51] [{kind}] {transition}");
        process.wait_for_line(LIMIT, |printed| printed.contains(&line)).unwrap();
    }

    /// The priority of the advert in a frame.
    fn priority(self, frame: &Frame) -> Option<u8> {
        let packet = frame.bytes.get(14..)?;
        let (protocol, header_len) = match (self.family, frame.bytes.get(12..14)?) {
            (Family::V4, [0x08, 0x00]) => (packet.get(9)?, usize::from(packet[0] & 0xf) * 4),
            (Family::V6, [0x86, 0xdd]) => (packet.get(6)?, 40),
            _ => return None,
        };
        (*protocol == PROTOCOL).then(|| packet.get(header_len + 2).copied()).flatten()
    }

    fn wait_for(self, wire: &Capture, priority: u8) {
        let what = format!("an advert of priority {priority}");
        let is_it = |frame: &Frame| self.priority(frame).filter(|found| *found == priority);
        wire.wait_for(&what, LIMIT, is_it).unwrap();
    }

    /// For three intervals nobody but one speaks.
    fn assert_peace(self, wire: &Capture, priority: u8) {
        wire.frames();
        let mut heard = 0;
        while heard < 3 {
            let frame = wire.next(LIMIT).expect("a master that advertises");
            if let Some(found) = self.priority(&frame) {
                assert_eq!(found, priority);
                heard += 1;
            }
        }
    }
}

/// FRR on a host, with the interfaces that it wants to find.
struct Frr {
    zebra: Process,
    vrrpd: Process,
}

impl Frr {
    /// Starts it; none where it is not installed, or its user is not known.
    fn start(host: &Host, day: Day, priority: u8) -> Option<Self> {
        let make_directory = ["install", "-d", "-o", "frr", "-g", "frr", DIRECTORY];
        if let Err(error) = host.run(make_directory).and_then(vrrp_lab::Output::success) {
            skip(&format!("there is no FRR: {error}"));
            return None;
        }
        // Anew each time: it leaves the one of a backup administratively down.
        let _ = host.run(["ip", "link", "del", "vrrp51"]);
        let add = ["ip", "link", "add", "vrrp51", "link", "eth0", "address", day.mac()];
        let add = add.into_iter().chain(["type", "macvlan", "mode", "bridge"]);
        let (program, rest) = ("ip", add.skip(1));
        host.run(Command::new(program).args(rest)).unwrap().success().unwrap();
        let address = ["ip", "address", "add", day.address, "dev", "vrrp51"];
        let no_dad = (day.family == Family::V6).then_some("nodad");
        let rest = address.into_iter().skip(1).chain(no_dad);
        host.run(Command::new(program).args(rest)).unwrap().success().unwrap();
        host.set_link("vrrp51", true).unwrap();
        host.write_file("/run/frr/zebra.conf", "").unwrap();
        host.write_file("/run/frr/vrrpd.conf", day.theirs(priority)).unwrap();
        let daemon = |name: &str| {
            let command = Command::new(format!("{PROGRAMS}/{name}")).args([
                "-f".to_owned(),
                format!("{DIRECTORY}/{name}.conf"),
                "-i".to_owned(),
                format!("{DIRECTORY}/{name}.pid"),
                "-z".to_owned(),
                format!("{DIRECTORY}/zserv.api"),
                "--vty_socket".to_owned(),
                DIRECTORY.to_owned(),
                "-P".to_owned(),
                "0".to_owned(),
                "--log".to_owned(),
                "stdout".to_owned(),
            ]);
            host.spawn(command)
        };
        let zebra = match daemon("zebra") {
            Ok(zebra) => zebra,
            Err(error) => {
                skip(&format!("there is no FRR: {error}"));
                return None;
            }
        };
        vrrp_lab::eventually("zebra listens", LIMIT, || {
            let is_there = host.run(["test", "-S", "/run/frr/zserv.api"])?;
            Ok((is_there.exit == vrrp_lab::Exit::Code(0)).then_some(()))
        })
        .unwrap();
        Some(Self { zebra, vrrpd: daemon("vrrpd").unwrap() })
    }

    fn stop(self) {
        self.vrrpd.terminate(LIMIT).unwrap();
        self.zebra.terminate(LIMIT).unwrap();
    }
}

fn a_day(day: Day) {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    let wire = stage.lan.capture().unwrap();

    // vrrpd comes first, and FRR stays quiet beside it.
    let ours = start(server1, &day.ours(150));
    wait_for_state(server1, "MASTER");
    let Some(theirs) = Frr::start(server2, day, 100) else { return };
    day.says(&theirs.vrrpd, "Initialize -> Backup");
    day.assert_peace(&wire, 150);

    // A stop hands over, a start takes back.
    ours.terminate(LIMIT).unwrap();
    day.says(&theirs.vrrpd, "Backup -> Master");
    day.wait_for(&wire, 100);
    let ours = start(server1, &day.ours(150));
    day.says(&theirs.vrrpd, "Master -> Backup");
    wait_for_state(server1, "MASTER");
    day.assert_peace(&wire, 150);

    // A death is noticed, and its successor wins again.
    ours.kill().unwrap();
    day.wait_for(&wire, 100);
    let ours = start(server1, &day.ours(150));
    wait_for_state(server1, "MASTER");
    day.assert_peace(&wire, 150);
    theirs.stop();

    // An FRR that is worth more takes over, and hands back.
    let Some(theirs) = Frr::start(server2, day, 200) else { return };
    wait_for_state(server1, "BACKUP");
    assert_eq!(instance(server1)["master"]["priority"], 200);
    assert!(!server1.has_address("eth0", day.address).unwrap());
    day.assert_peace(&wire, 200);
    theirs.stop();
    wait_for_state(server1, "MASTER");
    server1.wait_for_address("eth0", day.address, true, LIMIT).unwrap();
    assert_eq!(instance(server1)["adverts"]["dropped"], serde_json::json!({}));
    assert!(server1.run([VRRPD, "status"]).unwrap().success().unwrap().contains("MASTER"));
    ours.terminate(LIMIT).unwrap();
}

#[test]
fn a_day_with_frr_in_version_2() {
    a_day(Day { family: Family::V4, version: 2, address: crate::stage::VIP });
}

#[test]
fn a_day_with_frr_in_version_3() {
    a_day(Day { family: Family::V4, version: 3, address: crate::stage::VIP });
}

#[test]
fn a_day_with_frr_over_ipv6() {
    a_day(Day { family: Family::V6, version: 3, address: "2001:db8::100/64" });
}
