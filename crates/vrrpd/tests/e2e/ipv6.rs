//! VRRPv3 over IPv6: elections, neighbour advertisements, both families side by side.

use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use vrrp_lab::{Capture, Frame, Host, Signal};
use vrrp_proto::PROTOCOL;

use crate::interop::{complaints, keepalived};
use crate::stage::{LIMIT, Stage, VRRPD, eventually, instance, start, status, wait_for_state};

const LOCAL: &str = "fe80::51/64";
const GLOBAL: &str = "2001:db8::100/64";
const ICMPV6: u8 = 58;

/// An instance of VRID 51 with these addresses.
fn router(priority: u8, addresses: &[&str], more: &str) -> String {
    let addresses = addresses.join("\n    ");
    format!(
        "vrrp_instance VI_6 {{
  state BACKUP
  interface eth0
  virtual_router_id 51
  priority {priority}
  {more}
  virtual_ipaddress {{
    {addresses}
  }}
}}
"
    )
}

fn both_addresses(priority: u8, more: &str) -> String {
    router(priority, &[LOCAL, GLOBAL], more)
}

/// Waits until exactly this one of two hosts has both virtual addresses.
fn wait_for_vips(on: &Host, not_on: &Host) {
    for address in [LOCAL, GLOBAL] {
        on.wait_for_address("eth0", address, true, LIMIT).unwrap();
        not_on.wait_for_address("eth0", address, false, LIMIT).unwrap();
    }
}

/// A packet over IPv6: next header, hop limit, source, destination, payload.
struct Packet<'a> {
    next_header: u8,
    hop_limit: u8,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    payload: &'a [u8],
}

fn packet(frame: &Frame) -> Option<Packet<'_>> {
    if frame.bytes.get(12..14)? != [0x86, 0xdd] {
        return None;
    }
    let header = frame.bytes.get(14..)?;
    let address = |at: usize| {
        let octets: [u8; 16] = header.get(at..at + 16)?.try_into().ok()?;
        Some(Ipv6Addr::from(octets))
    };
    Some(Packet {
        next_header: *header.get(6)?,
        hop_limit: *header.get(7)?,
        source: address(8)?,
        destination: address(24)?,
        payload: header.get(40..)?,
    })
}

/// Source, destination, hop limit and priority of the advert in a frame.
fn advert(frame: &Frame) -> Option<(Ipv6Addr, Ipv6Addr, u8, u8)> {
    let Packet { source, destination, hop_limit, payload, .. } =
        packet(frame).filter(|packet| packet.next_header == PROTOCOL)?;
    Some((source, destination, hop_limit, *payload.get(2)?))
}

/// Target and flags of the unsolicited neighbour advertisement in a frame.
fn neighbor_advertisement(frame: &Frame) -> Option<(Ipv6Addr, u8)> {
    let all_nodes: Ipv6Addr = "ff02::1".parse().unwrap();
    let packet = packet(frame).filter(|packet| packet.next_header == ICMPV6)?;
    let is_one = packet.payload.first() == Some(&136) && packet.destination == all_nodes;
    let target: [u8; 16] = packet.payload.get(8..24)?.try_into().ok()?;
    (is_one && packet.hop_limit == 255).then_some((target.into(), packet.payload[4]))
}

/// For three intervals nobody but one speaks.
fn assert_peace(wire: &Capture, priority: u8) {
    wire.frames();
    let mut heard = 0;
    while heard < 3 {
        let frame = wire.next(LIMIT).expect("a master that advertises");
        if let Some((source, destination, hop_limit, found)) = advert(&frame) {
            assert!(source.is_unicast_link_local(), "{source}");
            assert_eq!((destination.to_string().as_str(), hop_limit), ("ff02::12", 255));
            assert_eq!(found, priority);
            heard += 1;
        }
    }
}

#[test]
fn a_day_with_keepalived() {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    let wire = stage.lan.capture().unwrap();
    let ours = start(server1, &both_addresses(150, ""));
    wait_for_state(server1, "MASTER");
    let told = instance(server1);
    assert_eq!((&told["family"], &told["vrrp_version"]), (&"IPv6".into(), &3.into()));
    let Some(theirs) = keepalived(server2, &both_addresses(100, "")) else { return };
    theirs.wait_for_line(LIMIT, |line| line.contains("Entering BACKUP STATE")).unwrap();
    wait_for_vips(server1, server2);
    assert_peace(&wire, 150);

    ours.terminate(LIMIT).unwrap();
    wait_for_vips(server2, server1);
    let ours = start(server1, &both_addresses(150, ""));
    wait_for_vips(server1, server2);
    assert_peace(&wire, 150);

    ours.kill().unwrap();
    server2.wait_for_address("eth0", GLOBAL, true, LIMIT).unwrap();
    let ours = start(server1, &both_addresses(150, ""));
    wait_for_vips(server1, server2);
    assert_peace(&wire, 150);
    assert_eq!(complaints(&theirs), Vec::<String>::new());
    theirs.terminate(LIMIT).unwrap();

    let Some(theirs) = keepalived(server2, &both_addresses(200, "")) else { return };
    wait_for_vips(server2, server1);
    wait_for_state(server1, "BACKUP");
    assert_peace(&wire, 200);
    assert_eq!(complaints(&theirs), Vec::<String>::new());
    theirs.signal(Signal::SIGTERM).unwrap();
    wait_for_vips(server1, server2);
    theirs.wait(LIMIT + Duration::from_secs(5)).unwrap();
    let told = instance(server1);
    assert_eq!(told["adverts"]["dropped"], serde_json::json!({}));
    assert_eq!(told["remarks"]["first_not_link_local"], serde_json::Value::Null);
    ours.terminate(LIMIT).unwrap();
    assert!(!server1.has_address("eth0", GLOBAL).unwrap());
}

/// Waits for an unsolicited advertisement of both addresses, with these flags.
fn wait_for_announcements(wire: &Capture, flags: u8) {
    for address in ["fe80::51", "2001:db8::100"] {
        let target: Ipv6Addr = address.parse().unwrap();
        let what = format!("an advertisement of {target} with the flags {flags:#04x}");
        let is_it =
            |frame: &Frame| neighbor_advertisement(frame).filter(|found| *found == (target, flags));
        wire.wait_for(&what, LIMIT, is_it).unwrap();
    }
}

#[test]
fn neighbours_are_told_and_whether_it_is_a_router_as_the_kernel_has_it() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let wire = stage.lan.capture().unwrap();
    let daemon = start(host, &both_addresses(150, "advert_int 0.1\n  garp_master_refresh 1"));
    wait_for_announcements(&wire, 0x20);
    let shown = host.run(["ip", "-6", "address", "show", "dev", "eth0"]).unwrap();
    let shown = shown.success().unwrap();
    for address in
        ["inet6 2001:db8::100/64 scope global nodad", "inet6 fe80::51/64 scope link nodad"]
    {
        assert!(shown.contains(address), "no `{address}` in:\n{shown}");
    }
    let groups = host.read_text("/proc/net/igmp6").unwrap();
    let group = "ff020000000000000000000000000012";
    let is_member = |line: &str| line.contains("eth0") && line.contains(group);
    assert!(groups.lines().any(is_member), "{groups}");

    host.sysctl("net.ipv6.conf.eth0.forwarding", "1").unwrap();
    wait_for_announcements(&wire, 0xa0);
    host.sysctl("net.ipv6.conf.eth0.forwarding", "0").unwrap();
    wait_for_announcements(&wire, 0x20);
    // One that forwards from the beginning.
    daemon.terminate(LIMIT).unwrap();
    host.sysctl("net.ipv6.conf.all.forwarding", "1").unwrap();
    wire.frames();
    let _daemon = start(host, &both_addresses(150, "advert_int 0.1"));
    wait_for_announcements(&wire, 0xa0);
}

#[test]
fn both_families_of_one_number_live_side_by_side() {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    let both = |priority: u8| {
        let v4 = router(priority, &[crate::stage::VIP], "version 3\n  advert_int 0.2");
        v4.replace("VI_6", "VI_4") + &both_addresses(250 - priority, "advert_int 0.2")
    };
    let _one = start(server1, &both(150));
    let _two = start(server2, &both(100));
    let states = |host: &Host| {
        let told = status(host);
        [0, 1].map(|at| told["instances"][at]["state"].as_str().unwrap().to_owned())
    };
    eventually("each is master of one", || {
        states(server1) == ["MASTER", "BACKUP"] && states(server2) == ["BACKUP", "MASTER"]
    });
    wait_for_vips(server2, server1);
    crate::stage::wait_for_vip(server1, server2);
    let told = status(server1);
    let listening =
        told["interfaces"].as_array().unwrap().iter().filter(|it| it["listening"] == true);
    assert_eq!(listening.count(), 2);
}

#[test]
fn ten_milliseconds_are_kept_and_a_death_is_noticed_in_no_time() {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    let ours = start(server1, &both_addresses(150, "advert_int 0.01"));
    wait_for_state(server1, "MASTER");
    let _other = start(server2, &both_addresses(100, "advert_int 0.01"));
    wait_for_state(server2, "BACKUP");
    wait_for_vips(server1, server2);
    let wire = stage.lan.capture().unwrap();
    let begun = Instant::now();
    let mut heard = 0;
    while heard < 200 {
        let frame = wire.next(LIMIT).expect("adverts");
        heard += u32::from(advert(&frame).is_some());
    }
    let pace = begun.elapsed() / heard;
    println!("an advert every {pace:.1?}");
    assert!(pace >= Duration::from_millis(9), "{pace:?}");
    ours.terminate(LIMIT).unwrap();
    wait_for_vips(server2, server1);
}

#[test]
fn excluded_addresses_are_of_either_family_and_in_no_advert() {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    let excluded = "advert_int 0.2\n  virtual_ipaddress_excluded {\n    192.168.122.200/24\n    \
                    2001:db8:1::9/128\n  }";
    let _one = start(server1, &both_addresses(150, excluded));
    wait_for_vips(server1, server2);
    for address in ["192.168.122.200/24", "2001:db8:1::9/128"] {
        server1.wait_for_address("eth0", address, true, LIMIT).unwrap();
    }
    let wire = stage.lan.capture().unwrap();
    let count = wire.wait_for("an advert", LIMIT, |frame| {
        advert(frame)?;
        packet(frame)?.payload.get(3).copied()
    });
    assert_eq!(count.unwrap(), 2);
    let _two = start(server2, &both_addresses(200, excluded));
    wait_for_vips(server2, server1);
    for address in ["192.168.122.200/24", "2001:db8:1::9/128"] {
        server2.wait_for_address("eth0", address, true, LIMIT).unwrap();
        server1.wait_for_address("eth0", address, false, LIMIT).unwrap();
    }
}

#[test]
fn a_link_that_goes_down_and_comes_back_loses_nothing() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let _daemon = start(host, &both_addresses(150, "advert_int 0.1"));
    wait_for_state(host, "MASTER");
    // The kernel takes all of the interface's IPv6 addresses away, the source of the adverts too.
    host.set_link("eth0", false).unwrap();
    wait_for_state(host, "FAULT");
    host.set_link("eth0", true).unwrap();
    wait_for_state(host, "MASTER");
    for address in [LOCAL, GLOBAL] {
        host.wait_for_address("eth0", address, true, LIMIT).unwrap();
    }
    let told = instance(host);
    assert_eq!(told["remarks"]["addresses_lost"], serde_json::Value::Null);
}

#[test]
fn unicast_with_keepalived() {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    for (host, own) in [(server1, "2001:db8::1/64"), (server2, "2001:db8::2/64")] {
        let add = ["ip", "address", "add", own, "dev", "eth0", "nodad"];
        host.run(add).unwrap().success().unwrap();
    }
    let peers = |own: u8, peer: u8| {
        format!(
            "advert_int 0.5\n  unicast_src_ip 2001:db8::{own}\n  unicast_peer {{\n    \
             2001:db8::{peer}\n  }}"
        )
    };
    let wire = stage.lan.capture().unwrap();
    let ours = start(server1, &both_addresses(150, &peers(1, 2)));
    wait_for_state(server1, "MASTER");
    let Some(theirs) = keepalived(server2, &both_addresses(100, &peers(2, 1))) else { return };
    theirs.wait_for_line(LIMIT, |line| line.contains("Entering BACKUP STATE")).unwrap();
    wait_for_vips(server1, server2);
    let (one, two): (Ipv6Addr, Ipv6Addr) =
        ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap());
    let sent = wire.wait_for("an advert", LIMIT, advert).unwrap();
    assert_eq!(sent, (one, two, 255, 150));
    ours.terminate(LIMIT).unwrap();
    wait_for_vips(server2, server1);
    let ours = start(server1, &both_addresses(50, &peers(1, 2)));
    eventually("it hears the better one", || {
        let told = instance(server1);
        told["state"] == "BACKUP" && told["master"]["address"] == IpAddr::from(two).to_string()
    });
    assert_eq!(complaints(&theirs), Vec::<String>::new());
    theirs.signal(Signal::SIGTERM).unwrap();
    wait_for_vips(server1, server2);
    let told = server1.run([VRRPD, "status"]).unwrap().success().unwrap();
    assert!(told.contains("peers      2001:db8::2"), "{told}");
    ours.terminate(LIMIT).unwrap();
}
