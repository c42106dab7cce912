//! Adverts to peers one by one, beside keepalived and behind a router.

use std::net::IpAddr;
use std::time::Duration;

use vrrp_lab::{Capture, Frame, Host, HostOptions, Nic, Process, Signal};
use vrrp_proto::{PROTOCOL, split_ipv4};

use crate::interop::{assert_peace, complaints, keepalived};
use crate::stage::{
    LIMIT, Stage, VIP, VRRPD, eventually, instance, start, status, wait_for_state, wait_for_vip,
};

/// An instance of server `own` with server `peer` as its peer.
fn config(extra: &str, priority: u8, own: u8, peer: u8) -> String {
    format!(
        "vrrp_instance VI_1 {{
  state BACKUP
  interface eth0
  virtual_router_id 51
  priority {priority}
  advert_int 1
  unicast_src_ip 192.168.122.{own}
  unicast_peer {{
    192.168.122.{peer}
  }}
  {extra}
  virtual_ipaddress {{
    192.168.122.200/24
  }}
}}
"
    )
}

/// Source, destination and TTL of the advert in a frame.
fn envelope(frame: &Frame) -> Option<(IpAddr, IpAddr, u8)> {
    if frame.bytes.get(12..14)? != [0x08, 0x00] {
        return None;
    }
    let (ip, protocol, _) = split_ipv4(frame.bytes.get(14..)?).ok()?;
    (protocol == PROTOCOL).then_some((ip.source, ip.destination, ip.hop_limit))
}

/// Nothing was sent to a group.
fn assert_unicast(wire: &Capture) {
    let adverts: Vec<_> = wire.frames().iter().filter_map(envelope).collect();
    let to_group = adverts.iter().find(|(_, to, _)| to.is_multicast());
    assert_eq!(to_group, None);
}

fn start_ours(host: &Host, extra: &str, priority: u8) -> Process {
    start(host, &config(extra, priority, 101, 102))
}

/// Both roles, taken over by a stop, by a death and by a better priority.
pub(crate) fn a_day(extra: &str) {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    let all = stage.lan.capture().unwrap();
    let wire = stage.lan.capture().unwrap();

    let ours = start_ours(server1, extra, 150);
    wait_for_state(server1, "MASTER");
    let told = instance(server1);
    assert_eq!(told["unicast_peers"], serde_json::json!(["192.168.122.102"]));
    let theirs = |priority| keepalived(server2, &config(extra, priority, 102, 101));
    let Some(worse) = theirs(100) else { return };
    worse.wait_for_line(LIMIT, |line| line.contains("Entering BACKUP STATE")).unwrap();
    wait_for_vip(server1, server2);
    assert_peace(&wire, 101);

    // A stop hands over, a start takes back.
    ours.terminate(LIMIT).unwrap();
    wait_for_vip(server2, server1);
    let ours = start_ours(server1, extra, 150);
    wait_for_vip(server1, server2);
    assert_peace(&wire, 101);

    // A killed one is succeeded, clears away what it left, and wins again.
    ours.kill().unwrap();
    server2.wait_for_address("eth0", VIP, true, LIMIT).unwrap();
    let ours = start_ours(server1, extra, 150);
    wait_for_vip(server1, server2);
    assert_peace(&wire, 101);
    assert_eq!(complaints(&worse), Vec::<String>::new());
    worse.terminate(LIMIT).unwrap();

    // A keepalived that is worth more takes over, and hands back when it stops or dies.
    let Some(better) = theirs(200) else { return };
    wait_for_vip(server2, server1);
    wait_for_state(server1, "BACKUP");
    assert_peace(&wire, 102);
    assert_eq!(complaints(&better), Vec::<String>::new());
    better.signal(Signal::SIGTERM).unwrap();
    wait_for_vip(server1, server2);
    better.wait(LIMIT + Duration::from_secs(5)).unwrap();

    let Some(_better) = theirs(200) else { return };
    wait_for_vip(server2, server1);
    server2.set_link("eth0", false).unwrap();
    server1.wait_for_address("eth0", VIP, true, LIMIT).unwrap();
    wait_for_state(server1, "MASTER");

    assert_eq!(instance(server1)["adverts"]["dropped"], serde_json::json!({}));
    ours.terminate(LIMIT).unwrap();
    assert_unicast(&all);
}

#[test]
fn a_day_with_keepalived_in_version_2() {
    a_day("version 2");
}

#[test]
fn a_day_with_keepalived_in_version_2_with_a_password() {
    a_day("version 2\n  authentication {\n    auth_type PASS\n    auth_pass 12345\n  }");
}

#[test]
fn a_day_with_keepalived_in_version_3() {
    a_day("version 3");
}

#[test]
fn a_day_with_keepalived_that_looks_at_the_source_and_sends_few_hops() {
    a_day("version 3\n  check_unicast_src\n  unicast_ttl 3");
}

#[test]
fn a_keepalived_with_the_old_checksum_is_answered_with_it() {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    let old = "version 3\n  old_unicast_checksum";
    let Some(theirs) = keepalived(server2, &config(old, 100, 102, 101)) else { return };
    theirs.wait_for_line(LIMIT, |line| line.contains("Entering MASTER STATE")).unwrap();
    let ours = start_ours(server1, "version 3", 150);
    ours.wait_for_line(LIMIT, |line| line.contains("checksum of old versions")).unwrap();
    assert_eq!(instance(server1)["peer_checksum"], "old_unicast");
    wait_for_vip(server1, server2);
    assert_eq!(complaints(&theirs), Vec::<String>::new());
    ours.terminate(LIMIT).unwrap();

    // Who never wants it hears nobody.
    wait_for_vip(server2, server1);
    let _ours = start_ours(server1, "version 3\n  old_unicast_checksum never", 50);
    eventually("the old checksum is wrong", || {
        instance(server1)["adverts"]["dropped"]["checksum"].as_u64() > Some(0)
    });
}

#[test]
fn peers_behind_a_router_hear_each_other() {
    let Some(stage) = Stage::new() else { return };
    let near = &stage.server1;
    let far_wire = stage.lab.wire("far").unwrap();
    let middle = stage.lab.host("middle", HostOptions::new()).unwrap();
    middle.attach(&stage.lan, Nic::new("eth0").address("192.168.122.1/24")).unwrap();
    middle.attach(&far_wire, Nic::new("eth1").address("198.51.100.1/24")).unwrap();
    middle.sysctl("net.ipv4.ip_forward", "1").unwrap();
    let far = stage.lab.host("server3", HostOptions::new()).unwrap();
    far.attach(&far_wire, Nic::new("eth0").address("198.51.100.103/24")).unwrap();
    for (host, to, via) in
        [(near, "198.51.100.0/24", "192.168.122.1"), (&far, "192.168.122.0/24", "198.51.100.1")]
    {
        host.run(["ip", "route", "add", to, "via", via]).unwrap().success().unwrap();
    }
    let config = |priority: u8, own: &str, peer: &str| {
        format!(
            "vrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 51\n version 3\n \
             advert_int 0.2\n priority {priority}\n unicast_src_ip {own}\n unicast_peer {{\n \
             {peer}\n }}\n virtual_ipaddress {{\n 203.0.113.9/32\n }}\n}}\n"
        )
    };
    let wire = far_wire.capture().unwrap();
    let (here, there) = ("192.168.122.101", "198.51.100.103");
    let master = start(near, &config(150, here, there));
    wait_for_state(near, "MASTER");
    let backup = start(&far, &config(100, there, here));
    wait_for_state(&far, "BACKUP");
    eventually("the far one hears the near one", || instance(&far)["master"]["address"] == here);
    let seen = wire.wait_for("an advert through the router", LIMIT, envelope).unwrap();
    assert_eq!((seen.0.to_string(), seen.1.to_string(), seen.2), (here.into(), there.into(), 254));

    master.terminate(LIMIT).unwrap();
    wait_for_state(&far, "MASTER");
    let _master = start(near, &config(150, here, there));
    wait_for_state(near, "MASTER");
    wait_for_state(&far, "BACKUP");
    backup.terminate(LIMIT).unwrap();

    // One hop is one too many for a peer that is held to 255.
    let held = format!("{here} min_ttl 255");
    let _far = start(&far, &config(100, there, &held));
    eventually("the hop limit is too low", || {
        instance(&far)["adverts"]["dropped"]["hop_limit"].as_u64() > Some(0)
    });
    wait_for_state(&far, "MASTER");
}

#[test]
fn two_routers_of_one_number_are_told_apart_by_their_peers() {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    let third = stage.observer();
    let router = |name: &str, priority: u8, address: &str, peer: u8| {
        format!(
            "vrrp_instance {name} {{\n interface eth0\n virtual_router_id 51\n version 3\n \
             advert_int 0.2\n priority {priority}\n unicast_peer {{\n 192.168.122.{peer}\n }}\n \
             virtual_ipaddress {{\n {address}\n }}\n}}\n"
        )
    };
    let (first, second) = ("192.168.122.201/32", "192.168.122.202/32");
    let both = router("A", 150, first, 102) + &router("B", 50, second, 9);
    let _one = start(server1, &both);
    let _two = start(server2, &router("A", 100, first, 101));
    let _three = start(&third, &router("B", 100, second, 101));
    server1.wait_for_address("eth0", first, true, LIMIT).unwrap();
    third.wait_for_address("eth0", second, true, LIMIT).unwrap();
    eventually("each has its own master", || {
        let told = status(server1);
        let [one, two] = [0, 1].map(|at| told["instances"][at]["master"]["address"].clone());
        one == "192.168.122.101" && two == "192.168.122.9"
    });
    server2.wait_for_address("eth0", first, false, LIMIT).unwrap();
    let told = status(server1);
    for at in [0, 1] {
        assert_eq!(told["instances"][at]["remarks"]["addresses_differ"], serde_json::Value::Null);
    }
}

#[test]
fn peers_come_and_go_in_a_reload_without_a_resignation() {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    let third = stage.observer();
    let own = config("version 3", 150, 101, 102);
    let _one = start(server1, &own);
    wait_for_state(server1, "MASTER");
    let _two = start(server2, &config("version 3", 100, 102, 101));
    wait_for_state(server2, "BACKUP");
    let history = instance(server1)["history"].clone();
    let wire = stage.lan.capture().unwrap();

    let more = own.replace("    192.168.122.102\n", "    192.168.122.102\n    192.168.122.9\n");
    server1.write_file("/run/keepalived.conf", &more).unwrap();
    let said = server1.run([VRRPD, "reload"]).unwrap().success().unwrap();
    assert!(said.contains("VI_1: peer 192.168.122.9 added"), "{said}");
    let _three = start(&third, &config("version 3", 120, 9, 101));
    eventually("the new peer hears it", || {
        instance(&third)["master"]["address"] == "192.168.122.101"
    });

    let other = own.replace("    192.168.122.102\n", "    192.168.122.9\n");
    server1.write_file("/run/keepalived.conf", &other).unwrap();
    let said = server1.run([VRRPD, "reload"]).unwrap().success().unwrap();
    assert!(said.contains("peer 192.168.122.102 removed"), "{said}");
    // Nobody speaks to the other one any more.
    wait_for_state(server2, "MASTER");
    assert_eq!(instance(server1)["history"], history);
    assert!(wire.frames().iter().filter_map(crate::stage::advert).all(|seen| seen.priority > 0));
}

#[test]
fn a_source_that_is_missing_is_a_fault_until_it_is_there() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let wire = stage.lan.capture().unwrap();
    let _daemon = start(host, &config("version 3", 150, 77, 102));
    wait_for_state(host, "FAULT");
    let faults = instance(host)["faults"].to_string();
    assert!(faults.contains("no interface has the source of its adverts"), "{faults}");

    // On which interface does not matter.
    let source = "192.168.122.77/32";
    host.add_address("lo", source.parse().unwrap()).unwrap();
    wait_for_state(host, "MASTER");
    let seen = wire.wait_for("an advert", LIMIT, envelope).unwrap();
    assert_eq!(seen.0, IpAddr::from([192, 168, 122, 77]));
    host.remove_address("lo", source.parse().unwrap()).unwrap();
    wait_for_state(host, "FAULT");
    host.wait_for_address("eth0", VIP, false, LIMIT).unwrap();
}

#[test]
fn a_peer_that_is_this_machine_is_left_out_and_said() {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    let list = "192.168.122.101\n    192.168.122.102";
    let everybody = |own: u8| {
        let text = config("version 3", 100 + own, own, 0).replace("192.168.122.0", list);
        text.replace(&format!("  unicast_src_ip 192.168.122.{own}\n"), "")
    };
    let first = start(server1, &everybody(101));
    let second = start(server2, &everybody(102));
    let says = |daemon: &Process, own: &str| {
        let line = format!("its peer {own} is an address of this machine, and is left out");
        daemon.wait_for_line(LIMIT, |printed| printed.contains(&line)).unwrap();
    };
    says(&first, "192.168.122.101");
    says(&second, "192.168.122.102");
    wait_for_vip(server2, server1);
    wait_for_state(server1, "BACKUP");
    assert_eq!(instance(server2)["adverts"]["dropped"], serde_json::json!({}));
}

/// Two servers that reach each other over two networks, one with an instance without `interface`:
/// its adverts leave by the routing table, and change their way with it.
fn adverts_follow_the_routes(family: &str, prefix: &str, len: u8, loopbacks: [&str; 2], vip: &str) {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    let [here, there] = loopbacks;
    for (host, own, last) in [(server1, here, 1), (server2, there, 2)] {
        host.add_address("lo", format!("{own}/{len}").parse().unwrap()).unwrap();
        for (nic, network) in [("eth0", 1), ("ens9", 2)] {
            let address = format!("{prefix}{network}{last}/{}", len - 4);
            host.add_address(nic, address.parse().unwrap()).unwrap();
        }
    }
    let lead = |nic: &str, network: u8| {
        for (host, to, last) in [(server1, there, 2), (server2, here, 1)] {
            let via = format!("{prefix}{network}{last}");
            let to = format!("{to}/{len}");
            let route = ["ip", family, "route", "replace", &to, "via", &via, "dev", nic];
            host.run(route).unwrap().success().unwrap();
        }
    };
    lead("eth0", 1);
    let config = |priority: u8, own: &str, peer: &str| {
        format!(
            "vrrp_instance VI_1 {{\n virtual_router_id 51\n version 3\n advert_int 0.2\n priority \
             {priority}\n unicast_src_ip {own}\n unicast_peer {{\n {peer}\n }}\n \
             virtual_ipaddress {{\n {vip} dev eth0\n }}\n}}\n"
        )
    };
    let vip = vip.to_owned() + if len == 32 { "/32" } else { "/128" };
    let master = start(server1, &config(150, here, there));
    wait_for_state(server1, "MASTER");
    assert_eq!(instance(server1)["interface"], "any interface");
    let _backup = start(server2, &config(100, there, here));
    wait_for_state(server2, "BACKUP");
    let history = instance(server2)["history"].clone();
    let is_advert = |frame: &Frame| {
        let protocol = if len == 32 { 14 + 9 } else { 14 + 6 };
        (frame.bytes.get(protocol) == Some(&PROTOCOL)).then_some(())
    };
    stage.lan.capture().unwrap().wait_for("an advert in front", LIMIT, is_advert).unwrap();

    // Another way is taken without a change of state.
    lead("ens9", 2);
    stage.back.capture().unwrap().wait_for("an advert behind", LIMIT, is_advert).unwrap();
    let heard = || instance(server2)["adverts"]["received"].as_u64().unwrap();
    let before = heard();
    eventually("it is heard there too", || heard() > before + 5);
    assert_eq!(instance(server2)["history"], history);

    // A stop hands over, a start takes back.
    master.terminate(LIMIT).unwrap();
    wait_for_state(server2, "MASTER");
    server2.wait_for_address("eth0", &vip, true, LIMIT).unwrap();
    let _master = start(server1, &config(150, here, there));
    wait_for_state(server1, "MASTER");
    wait_for_state(server2, "BACKUP");
    server2.wait_for_address("eth0", &vip, false, LIMIT).unwrap();

    // Without its source it takes no part.
    let source = format!("{here}/{len}");
    server1.remove_address("lo", source.parse().unwrap()).unwrap();
    wait_for_state(server1, "FAULT");
    server1.add_address("lo", source.parse().unwrap()).unwrap();
    wait_for_state(server1, "MASTER");
}

#[test]
fn without_an_interface_adverts_follow_the_routes() {
    let loopbacks = ["203.0.113.1", "203.0.113.2"];
    adverts_follow_the_routes("-4", "198.51.100.", 32, loopbacks, "192.0.2.9");
}

#[test]
fn without_an_interface_adverts_follow_the_routes_of_ipv6() {
    let loopbacks = ["2001:db8:f::1", "2001:db8:f::2"];
    adverts_follow_the_routes("-6", "2001:db8::", 128, loopbacks, "2001:db8:9::9");
}

#[test]
fn beside_keepalived_an_instance_without_interface_is_a_peer_like_others() {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    let text = config("version 3", 150, 101, 102).replace("  interface eth0\n", "");
    let text = text.replace("192.168.122.200/24", "192.168.122.200/24 dev eth0");
    let wire = stage.lan.capture().unwrap();
    let ours = start(server1, &text);
    wait_for_state(server1, "MASTER");
    let Some(theirs) = keepalived(server2, &config("version 3", 100, 102, 101)) else { return };
    theirs.wait_for_line(LIMIT, |line| line.contains("Entering BACKUP STATE")).unwrap();
    wait_for_vip(server1, server2);
    assert_peace(&wire, 101);
    ours.terminate(LIMIT).unwrap();
    wait_for_vip(server2, server1);
    let _ours = start(server1, &text);
    wait_for_vip(server1, server2);
    assert_eq!(complaints(&theirs), Vec::<String>::new());
    assert_unicast(&wire);
}
