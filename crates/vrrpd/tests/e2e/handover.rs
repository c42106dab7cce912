//! How soon a master that loses priority is replaced, and by whom.

use std::time::{Duration, Instant};

use vrrp_lab::{Capture, Frame, Host, HostOptions, Nic, Process};

use crate::interop::{assert_peace, complaints, keepalived};
use crate::stage::{
    LIMIT, Stage, VIP, advert, eventually, instance, start, wait_for_state, wait_for_vip,
};

const LOAD: &str = "/run/load";
/// By how much faster than keepalived's a hand-over is at least: its takes two to three intervals,
/// and Skew_Time of priority 250 is 23 ms.
const FASTER: u32 = 20;
/// How often the faster one may be measured: a busy machine may disturb one hand-over.
const TRIALS: usize = 3;

/// A router that adds to its priority what its file says.
fn config(priority: u8, more: &str) -> String {
    format!(
        "vrrp_track_file load {{
  file {LOAD}
}}
vrrp_instance VI_1 {{
  state BACKUP
  interface eth0
  virtual_router_id 51
  priority {priority}
  version 3
  advert_int 1
  {more}
  track_file {{
    load weight 1
  }}
  virtual_ipaddress {{
    {VIP}
  }}
}}
"
    )
}

/// Writes the file of a router, and says when that began.
fn load(host: &Host, value: i32) -> Instant {
    let begun = Instant::now();
    host.write_file(LOAD, format!("{value}\n")).unwrap();
    begun
}

/// When this host first announced the virtual address, after the advert with which it took over.
fn announced(wire: &Capture, by: &Host) -> Instant {
    let own = by.addresses("eth0").unwrap();
    let is_own = |frame: &Frame| {
        let source = advert(frame)?.source.to_string();
        own.iter().any(|cidr| cidr.to_string().starts_with(&format!("{source}/"))).then_some(())
    };
    wire.wait_for(&format!("an advert of {}", by.name()), LIMIT, is_own).unwrap();
    let announces = |frame: &Frame| {
        let bytes = &frame.bytes;
        let is_arp = bytes.get(12..14) == Some(&[0x08, 0x06]);
        let is_vips = bytes.get(28..32) == Some(&[192, 168, 122, 200]);
        (is_arp && is_vips).then_some(frame.at)
    };
    wire.wait_for(&format!("an announcement of {}", by.name()), LIMIT, announces).unwrap()
}

/// How long after its priority has fallen the master on `from` is replaced by `to`.
fn hand_over(wire: &Capture, from: &Host, to: &Host) -> Duration {
    wire.frames();
    let fallen_at = load(from, -100);
    let took = announced(wire, to).saturating_duration_since(fallen_at);
    wait_for_vip(to, from);
    took
}

/// The quickest of some hand-overs, after each of which the first master is master again.
fn quickest(wire: &Capture, from: &Host, to: &Host) -> Duration {
    let trial = |_| {
        let took = hand_over(wire, from, to);
        load(from, 0);
        wait_for_vip(from, to);
        took
    };
    (0..TRIALS).map(trial).min().expect("there are some")
}

#[test]
fn a_master_that_loses_priority_is_replaced_many_times_sooner_than_keepaliveds() {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    let wire = stage.lan.capture().unwrap();
    load(server1, 0);
    load(server2, 0);
    let daemons = [start(server1, &config(252, "")), start(server2, &config(250, ""))];
    wait_for_vip(server1, server2);
    let ours = quickest(&wire, server1, server2);
    let why = instance(server2)["history"].to_string();
    assert!(why.contains("has the lower priority now"), "{why}");
    for daemon in daemons {
        daemon.terminate(LIMIT).unwrap();
    }

    let Some(first) = keepalived(server1, &config(252, "")) else { return };
    let Some(second) = keepalived(server2, &config(250, "")) else { return };
    wait_for_vip(server1, server2);
    let theirs = hand_over(&wire, server1, server2);
    println!("replaced after {ours:?}, keepalived's after {theirs:?}");
    assert!(ours * FASTER <= theirs, "{ours:?}, and keepalived {theirs:?}");
    for daemon in [first, second] {
        daemon.terminate(LIMIT).unwrap();
    }
}

#[test]
fn with_the_rfcs_timing_a_better_router_waits_for_its_timer() {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    let wire = stage.lan.capture().unwrap();
    load(server1, 0);
    load(server2, 0);
    let _first = start(server1, &config(252, ""));
    let _second = start(server2, &config(250, "handover rfc"));
    wait_for_vip(server1, server2);
    let took = hand_over(&wire, server1, server2);
    // The advert before may be almost an interval old.
    assert!(took >= Duration::from_secs(2), "{took:?}");
}

#[test]
fn the_best_of_several_takes_over_and_no_address_is_on_two_hosts_for_long() {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    let server3 = stage.lab.host("server3", HostOptions::new()).unwrap();
    server3.attach(&stage.lan, Nic::new("eth0").address("192.168.122.103/24")).unwrap();
    let hosts = [server1, server2, &server3];
    let wire = stage.lan.capture().unwrap();
    for host in hosts {
        load(host, 0);
    }
    let _daemons = [(server1, 250), (server2, 200), (&server3, 220)]
        .map(|(host, priority)| start(host, &config(priority, "")));
    wait_for_vip(server1, &server3);
    eventually("all follow the first", || {
        let follows = |host| instance(host)["master"]["address"] == "192.168.122.101";
        [server2, &server3].into_iter().all(follows)
    });
    let monitors = [server1, &server3].map(monitor);
    hand_over(&wire, server1, &server3);
    wait_for_state(server1, "BACKUP");
    let never_master = |host: &Host| instance(host)["became_master"] == 0;
    assert!(never_master(server2), "{}", instance(server2)["history"]);

    let [gone, there] = [("Deleted", &monitors[0]), ("", &monitors[1])];
    let (gone, there) = (stamp(gone.1, gone.0), stamp(there.1, there.0));
    let both = gone.saturating_sub(there);
    println!("on both for {both:?}, on none for {:?}", there.saturating_sub(gone));
    // It takes an advert's way and two turns; a machine that is busy may need its time for them.
    assert!(both < Duration::from_millis(500), "{both:?}");
}

/// Tells what becomes of addresses, each line with its time.
fn monitor(host: &Host) -> Process {
    let process = host.spawn(["ip", "-ts", "-o", "monitor", "address"]).unwrap();
    // It is ready when it tells of one.
    eventually("ip monitor tells of addresses", || {
        let address = "198.51.100.1/32".parse().unwrap();
        host.add_address("eth0", address).unwrap();
        host.remove_address("eth0", address).unwrap();
        process.stdout().contains("198.51.100.1")
    });
    process
}

/// When the first line that tells of the virtual address and has this word was written, by the
/// hosts' common clock.
fn stamp(monitor: &Process, word: &str) -> Duration {
    let matches = |line: &str| line.contains("192.168.122.200/24") && line.contains(word);
    let line = monitor.wait_for_line(LIMIT, matches).unwrap();
    // `[2026-11-30T23:59:58.123456] Deleted 2: eth0 …`
    let time = line.split(['T', ']']).nth(1).unwrap();
    let fields: Vec<f64> = time.split(':').map(|field| field.parse().unwrap()).collect();
    Duration::from_secs_f64(fields[0] * 3600.0 + fields[1] * 60.0 + fields[2])
}

#[test]
fn beside_keepalived_each_is_replaced_in_its_way_and_nobody_fights() {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    let wire = stage.lan.capture().unwrap();
    load(server1, 0);
    load(server2, 0);

    // Ours falls: keepalived waits as it always does.
    let ours = start(server1, &config(252, ""));
    wait_for_state(server1, "MASTER");
    let Some(theirs) = keepalived(server2, &config(250, "")) else { return };
    theirs.wait_for_line(LIMIT, |line| line.contains("Entering BACKUP STATE")).unwrap();
    wire.frames();
    wire.wait_for("an advert", LIMIT, advert).unwrap();
    hand_over(&wire, server1, server2);
    wait_for_state(server1, "BACKUP");
    assert_peace(&wire, 102);

    // keepalived falls: ours waits for its Skew_Time only.
    load(server1, 0);
    wait_for_vip(server1, server2);
    load(server1, -4);
    wait_for_vip(server2, server1);
    load(server2, -100);
    wait_for_vip(server1, server2);
    let why = instance(server1)["why"].to_string();
    assert!(why.contains("has the lower priority now"), "{why}");
    assert_peace(&wire, 101);
    assert_eq!(complaints(&theirs), Vec::<String>::new());
    theirs.terminate(LIMIT).unwrap();
    ours.terminate(LIMIT).unwrap();
}
