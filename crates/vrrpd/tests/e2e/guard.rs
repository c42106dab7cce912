//! Addresses die with their daemon: killed, hung, or with its guard killed before.

use std::time::{Duration, Instant};

use vrrp_lab::{Capture, Command, Exit, Frame, Host, Process, Signal};

use crate::interop::keepalived;
use crate::stage::{
    LIMIT, Seen, Stage, VIP, VRRPD, advert, eventually, instance, router, start, status,
    wait_for_advert, wait_for_state, wait_for_vip,
};

/// Far less than the three seconds after which a peer gives a silent master up.
const AT_ONCE: Duration = Duration::from_millis(1500);

fn at_one_second(priority: u8, more: &str) -> String {
    router("VI_1", 51, priority, VIP, more).replace("advert_int 0.2", "advert_int 1")
}

/// The process of the guard on a host.
fn guard_pid(host: &Host) -> Option<u64> {
    status(host)["guard"]["pid"].as_u64()
}

/// Every guard on a host: the process table is the machine's, the network the host's own.
fn guards(host: &Host) -> Vec<String> {
    let command = [
        "sh",
        "-c",
        "for pid in $(pgrep -x vrrpd-guard); do
         [ /proc/$pid/ns/net -ef /proc/self/ns/net ] && echo $pid
       done; true",
    ];
    let found = host.run(command).unwrap().success().unwrap();
    found.lines().map(str::to_owned).collect()
}

fn wait_for_no_guard(host: &Host) {
    eventually("no guard is left", || guards(host).is_empty());
}

/// Who sends a gratuitous ARP request, if a frame is one.
fn announcer(frame: &Frame) -> Option<&[u8]> {
    let bytes = &frame.bytes;
    let is_arp = bytes.get(12..14) == Some(&[0x08, 0x06]);
    (is_arp && bytes.get(28..32)? == bytes.get(38..42)?).then(|| bytes.get(6..12))?
}

/// Kills a master; its peer takes over at once, and the address is gone from the dead host.
fn is_taken_over_at_once(stage: &Stage, wire: &Capture, master: &Process) {
    wait_for_advert(wire, 101, 150);
    let killed = Instant::now();
    master.kill().unwrap();
    stage.server1.wait_for_address("eth0", VIP, false, LIMIT).unwrap();
    let resigned = wait_for_advert(wire, 101, 0);
    let taken = wait_for_advert(wire, 102, 100);
    assert!(resigned.at < taken.at);
    let after = taken.at.saturating_duration_since(killed);
    assert!(after < AT_ONCE, "the peer took over {after:?} after the kill");
    wait_for_vip(&stage.server2, &stage.server1);
    wait_for_no_guard(&stage.server1);
}

#[test]
fn a_killed_master_is_succeeded_like_one_that_was_stopped() {
    let Some(stage) = Stage::new() else { return };
    let wire = stage.lan.capture().unwrap();
    let master = start(&stage.server1, &at_one_second(150, ""));
    wait_for_state(&stage.server1, "MASTER");
    let _peer = start(&stage.server2, &at_one_second(100, ""));
    wait_for_state(&stage.server2, "BACKUP");
    is_taken_over_at_once(&stage, &wire, &master);
}

#[test]
fn keepalived_succeeds_a_killed_master_at_once_however_adverts_are_authenticated() {
    let header = "authentication {\n    auth_type AH\n    auth_pass s3cr3t\n  }";
    let password = "authentication {\n    auth_type PASS\n    auth_pass 12345\n  }";
    for authentication in [header, password] {
        let Some(stage) = Stage::new() else { return };
        let config =
            |priority| at_one_second(priority, authentication).replace("version 3", "version 2");
        let master = start(&stage.server1, &config(150));
        wait_for_state(&stage.server1, "MASTER");
        let Some(peer) = keepalived(&stage.server2, &config(100)) else { return };
        peer.wait_for_line(LIMIT, |line| line.contains("Entering BACKUP STATE")).unwrap();
        // It has heard at least one advert by then, and the guard is two ahead of it.
        let wire = stage.lan.capture().unwrap();
        let is_from_master =
            |frame: &Frame| (frame.bytes.get(26..30) == Some(&[192, 168, 122, 101])).then_some(());
        for _ in 0..2 {
            wire.wait_for("an advert", LIMIT, is_from_master).unwrap();
        }
        let killed = Instant::now();
        master.kill().unwrap();
        peer.wait_for_line(LIMIT, |line| line.contains("Entering MASTER STATE")).unwrap();
        let after = killed.elapsed();
        assert!(after < AT_ONCE, "keepalived took over {after:?} after the kill");
        wait_for_vip(&stage.server2, &stage.server1);
        wait_for_no_guard(&stage.server1);
    }
}

#[test]
fn a_hung_master_loses_its_address_before_its_peer_announces_it_and_comes_back_quietly() {
    let Some(stage) = Stage::new() else { return };
    let (one, two) = (&stage.server1, &stage.server2);
    // Two seconds pass between the guard's time and the peer's: time enough to see which is first.
    let config = |priority| at_one_second(priority, "").replace("advert_int 1", "advert_int 2");
    let master = start(one, &config(150));
    wait_for_state(one, "MASTER");
    let _peer = start(two, &config(1));
    wait_for_state(two, "BACKUP");
    let lost = one.spawn(["ip", "-o", "monitor", "address"]).unwrap();
    let wire = stage.lan.capture().unwrap();
    let mac = |frame: &Frame| {
        advert(frame).filter(|seen| seen.priority == 150).map(|_| frame.bytes[6..12].to_vec())
    };
    let master_mac = wire.wait_for("an advert of the master", LIMIT, mac).unwrap();
    master.freeze().unwrap();
    lost.wait_for_line(LIMIT, |line| line.contains("Deleted") && line.contains("122.200")).unwrap();
    let mut seen: Vec<Frame> = wire.frames();
    let is_peers = |frame: &Frame| announcer(frame).is_some_and(|mac| mac != master_mac);
    assert!(!seen.iter().any(is_peers), "the peer was first");
    wait_for_vip(two, one);

    wire.frames();
    master.thaw().unwrap();
    let woken = Instant::now();
    eventually("it is a backup", || instance(one)["state"] == "BACKUP");
    // It waits for as long as every backup does, and nobody hears from it until then.
    seen.clear();
    wire.wait_for("it preempts its peer", LIMIT, |frame| {
        seen.push(frame.clone());
        advert(frame).filter(|seen| seen.priority == 150)
    })
    .unwrap();
    let first = seen.iter().find(|frame| advert(frame).is_some_and(|it| it.priority != 1)).unwrap();
    assert!(first.at.saturating_duration_since(woken) > Duration::from_secs(6));
    let is_its = |frame: &Frame| announcer(frame).is_some_and(|mac| mac == master_mac);
    assert!(!seen.iter().any(is_its), "it has announced an address that was not its own");
    wait_for_vip(one, two);
    let history = instance(one)["history"].to_string();
    assert!(history.contains("stood still"), "{history}");
}

#[test]
fn a_guard_that_is_killed_is_replaced_by_one_that_knows_everything() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let wire = stage.lan.capture().unwrap();
    let master = start(host, &at_one_second(150, ""));
    wait_for_state(host, "MASTER");
    let _peer = start(&stage.server2, &at_one_second(100, ""));
    wait_for_state(&stage.server2, "BACKUP");
    for deaths in 1..=2 {
        let before = guard_pid(host).unwrap();
        host.run(["kill", "-9", &before.to_string()]).unwrap().success().unwrap();
        eventually("there is another guard", || {
            guard_pid(host).is_some_and(|pid| pid != before)
                && status(host)["guard"]["restarts"] == deaths
        });
        assert!(host.has_address("eth0", VIP).unwrap(), "the daemon lives");
    }
    assert_eq!(guards(host).len(), 1);
    is_taken_over_at_once(&stage, &wire, &master);
}

#[test]
fn a_healthy_router_is_left_alone_and_an_orderly_end_leaves_nothing() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    // The shortest interval of all: a guard that acts too early would show.
    let config =
        router("VI_1", 51, 150, VIP, "") + &router("VI_2", 52, 150, "192.168.122.201/24", "");
    let daemon = start(host, &config);
    eventually("both are master", || {
        let told = status(host);
        (0..2).all(|one| told["instances"][one]["state"] == "MASTER")
    });
    host.wait_for_address("eth0", "192.168.122.201/24", true, LIMIT).unwrap();
    host.wait_for_address("eth0", VIP, true, LIMIT).unwrap();
    let watch = host.spawn(["ip", "-o", "monitor", "all"]).unwrap();
    let sent = |host: &Host| instance(host)["adverts"]["sent"].as_u64().unwrap();
    let before = sent(host);
    eventually("many adverts are sent", || sent(host) > before + 20);
    let told = watch.stdout();
    assert!(!told.contains("192.168.122.20"), "{told}");
    assert_eq!(guards(host).len(), 1);
    let wire = stage.lan.capture().unwrap();
    assert_eq!(daemon.terminate(LIMIT).unwrap(), Exit::Code(0));
    // The daemon waits for it.
    assert_eq!(guards(host), Vec::<String>::new());
    let resigned = |seen: &Seen| seen.priority == 0;
    assert_eq!(wire.frames().iter().filter_map(advert).filter(resigned).count(), 2);
    assert!(!daemon.stderr().contains("vrrpd-guard"), "{}", daemon.stderr());
}

#[test]
fn what_ends_a_terminals_programs_does_not_end_the_guard() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let master = start(host, &at_one_second(150, ""));
    wait_for_state(host, "MASTER");
    let pid = guard_pid(host).unwrap().to_string();
    for signal in ["-INT", "-TERM", "-HUP", "-QUIT"] {
        host.run(["kill", signal, &pid]).unwrap().success().unwrap();
    }
    master.kill().unwrap();
    host.wait_for_address("eth0", VIP, false, LIMIT).unwrap();
    wait_for_no_guard(host);
}

#[test]
fn with_on_failure_keep_the_address_stays() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let config =
        at_one_second(150, "on_failure keep") + &router("VI_2", 52, 150, "192.168.122.201/24", "");
    let master = start(host, &config);
    host.wait_for_address("eth0", VIP, true, LIMIT).unwrap();
    host.wait_for_address("eth0", "192.168.122.201/24", true, LIMIT).unwrap();
    master.signal(Signal::SIGKILL).unwrap();
    host.wait_for_address("eth0", "192.168.122.201/24", false, LIMIT).unwrap();
    wait_for_no_guard(host);
    assert!(host.has_address("eth0", VIP).unwrap());
}

#[test]
fn an_address_that_others_hang_on_goes_alone() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    for scope in ["all", "default", "eth0"] {
        host.sysctl(format!("net.ipv4.conf.{scope}.promote_secondaries"), "0").unwrap();
    }
    let ip = |words: &str| {
        let command = Command::new("ip").args(words.split(' '));
        host.run(command).unwrap().success().unwrap();
    };
    let vip = "10.9.9.200/24";
    let master = start(host, &router("VI_1", 51, 150, vip, ""));
    host.wait_for_address("eth0", vip, true, LIMIT).unwrap();
    ip("addr add 10.9.9.1/24 dev eth0");
    master.kill().unwrap();
    host.wait_for_address("eth0", vip, false, LIMIT).unwrap();
    wait_for_no_guard(host);
    assert!(host.has_address("eth0", "10.9.9.1/24").unwrap());
}

#[test]
fn what_is_left_where_daemon_and_guard_are_killed_at_once_is_released() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let release = || host.run([VRRPD, "release"]).unwrap();
    assert_eq!(release().exit, Exit::Code(0), "there was never a daemon");
    let master = start(host, &at_one_second(150, ""));
    host.wait_for_address("eth0", VIP, true, LIMIT).unwrap();
    let is_recorded =
        || host.run(["test", "-s", "/run/vrrpd/guarded"]).unwrap().exit == Exit::Code(0);
    eventually("it is recorded", is_recorded);
    assert_eq!(release().exit, Exit::Code(3), "a daemon runs there");
    let guard = guard_pid(host).unwrap().to_string();
    host.run(["kill", "-STOP", &guard]).unwrap().success().unwrap();
    master.kill().unwrap();
    host.run(["kill", "-KILL", &guard]).unwrap().success().unwrap();
    wait_for_no_guard(host);
    assert!(host.has_address("eth0", VIP).unwrap(), "there is nobody left to remove it");
    let released = release();
    assert_eq!(released.exit, Exit::Code(0), "{}", String::from_utf8_lossy(&released.stderr));
    assert!(!host.has_address("eth0", VIP).unwrap());
    assert!(!is_recorded());

    let daemon = start(host, &at_one_second(150, ""));
    host.wait_for_address("eth0", VIP, true, LIMIT).unwrap();
    eventually("it is recorded", is_recorded);
    assert_eq!(daemon.terminate(LIMIT).unwrap(), Exit::Code(0));
    assert!(!is_recorded(), "nothing was left");
}
