//! `vrrpd upgrade`: another program in the same process, and nobody notices.

use std::time::Duration;

use serde_json::Value;
use vrrp_lab::{Command, Exit, Frame, Host, Output};

use crate::stage::{
    CONFIG, LIMIT, Seen, Stage, VIP, VRRPD, advert, eventually, instance, router, skip, start,
    status, wait_for_advert, wait_for_state, wait_for_vip,
};

const UPGRADES: usize = 20;
/// More than one and a half intervals between two adverts are too long. Half an interval more is
/// for the machine, which has other things to do; a peer waits for more than three.
const GAP_MAX: Duration = Duration::from_secs(2);
/// Writes down what it was told.
const NOTIFY: &str = "notify /run/notify.sh";
const NOTIFY_SCRIPT: &str = "#!/bin/sh\necho \"$1 $2 $3 $4\" >> /run/notified\n";

fn at_one_second(priority: u8, more: &str) -> String {
    router("VI_1", 51, priority, VIP, more).replace("advert_int 0.2", "advert_int 1")
}

/// Has the daemon on a host replace its program.
fn ask(host: &Host, binary: Option<&str>) -> Output {
    let command = Command::new(VRRPD).args(["upgrade", "--json"]);
    let binary = binary.into_iter().flat_map(|path| ["--binary", path]);
    host.run(command.args(binary)).unwrap()
}

/// Has it do so, and says what it answers.
fn upgrade(host: &Host) -> Value {
    let answer = ask(host, None).success().unwrap();
    let report: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(report["upgraded"], true, "{report}");
    report
}

/// What must be the same before and after: what the daemon is and thinks, and what has happened.
fn memory(host: &Host) -> Value {
    let mut told = status(host);
    for counted in ["loaded_unix_s", "guard", "interfaces", "trackers"] {
        told[counted].take();
    }
    for one in told["instances"].as_array_mut().unwrap() {
        for counted in ["adverts", "since_ms", "timer_ms", "announcements_sent"] {
            one[counted].take();
        }
    }
    told
}

/// Waits until all instances of a host have heard their master.
fn wait_for_masters(host: &Host) {
    let hears = |one: &Value| one["adverts"]["received"].as_u64() > Some(1);
    eventually("all hear their master", || {
        status(host)["instances"].as_array().unwrap().iter().all(hears)
    });
}

fn notified(host: &Host) -> String {
    host.read_text("/run/notified").unwrap_or_default()
}

/// The number of the last event.
fn last_event(host: &Host) -> u64 {
    let events = host.spawn(Command::new(VRRPD).args(["events", "--json"])).unwrap();
    let line = events.wait_for_line(LIMIT, |line| line.contains("last_event")).unwrap();
    events.kill().unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    line["snapshot"]["last_event"].as_u64().unwrap()
}

fn counter(host: &Host, name: &str) -> u64 {
    instance(host)["adverts"][name].as_u64().unwrap()
}

/// Waits until no child of a host's daemon has ended without being waited for. The process table is
/// the machine's, the network the host's own.
fn wait_for_no_zombie(host: &Host) {
    let list = "for pid in $(pgrep -x vrrpd); do
         [ /proc/$pid/ns/net -ef /proc/self/ns/net ] && ps -o stat=,comm= --ppid $pid
       done | grep '^Z'; true";
    let list = || host.run(["sh", "-c", list]).unwrap().success().unwrap();
    eventually("all children that have ended were waited for", || list().is_empty());
}

#[test]
fn a_master_goes_on_in_other_programs_and_nobody_notices() {
    let Some(stage) = Stage::new() else { return };
    let (one, two) = (&stage.server1, &stage.server2);
    one.write_program("/run/notify.sh", NOTIFY_SCRIPT).unwrap();
    let master = start(one, &at_one_second(150, NOTIFY));
    wait_for_state(one, "MASTER");
    let _peer = start(two, &at_one_second(100, ""));
    wait_for_vip(one, two);
    wait_for_masters(two);
    eventually("the notify program has run", || notified(one).contains("MASTER"));
    let client = stage.observer();
    let ping =
        |count: &str| Command::new("ping").args(["-n", "-i", "0.01", "-W", "2", "-c", count]);
    let target = VIP.trim_end_matches("/24");
    if let Err(error) = client.run(ping("10").arg(target)).and_then(Output::success) {
        return skip(&error.to_string());
    }
    let (before, told, sent) = (memory(one), notified(one), counter(one, "sent"));
    let events = last_event(one);
    let peer = memory(two);
    let watch = one.spawn(["ip", "-o", "monitor", "address"]).unwrap();
    let wire = stage.lan.capture().unwrap();
    let pings = client.spawn(ping("2000").arg(target)).unwrap();
    wait_for_advert(&wire, 101, 150);
    let mut seen: Vec<Seen> = Vec::new();
    for _ in 0..UPGRADES {
        let report = upgrade(one);
        assert_eq!(report["masters"], 1, "{report}");
        seen.extend(wire.frames().iter().filter_map(advert));
    }
    assert_eq!(pings.wait(LIMIT).unwrap(), Exit::Code(0));
    assert!(pings.stdout().contains("2000 received"), "{}", pings.stdout());
    seen.push(wait_for_advert(&wire, 101, 150));

    assert_eq!(memory(one), before);
    assert_eq!(memory(two), peer);
    assert_eq!(notified(one), told);
    assert_eq!(last_event(one), events);
    assert!(counter(one, "sent") >= sent + UPGRADES as u64);
    assert_eq!(watch.stdout(), "", "an address was touched");
    assert!(seen.iter().all(|seen| seen.priority == 150), "{seen:?}");
    let gaps = seen.windows(2).map(|two| two[1].at.saturating_duration_since(two[0].at));
    let longest = gaps.max().unwrap();
    assert!(longest < GAP_MAX, "no advert for {longest:?}");
    wait_for_no_zombie(one);

    // The guard of the last program knows everything.
    wire.frames();
    upgrade(one);
    master.kill().unwrap();
    wait_for_advert(&wire, 101, 0);
    wait_for_vip(two, one);
}

#[test]
fn a_program_that_cannot_run_changes_nothing() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let daemon = start(host, &at_one_second(150, ""));
    wait_for_state(host, "MASTER");
    host.wait_for_address("eth0", VIP, true, LIMIT).unwrap();
    let before = memory(host);
    let guard = status(host)["guard"].clone();
    let watch = host.spawn(["ip", "-o", "monitor", "address"]).unwrap();
    let wire = stage.lan.capture().unwrap();
    host.write_file("/run/text", "no program\n").unwrap();
    host.write_program("/run/garbage", "no program either\n").unwrap();
    host.write_program("/run/other", "#!/bin/sh\necho '{\"version\": \"9\"}'\n").unwrap();
    let newer = "#!/bin/sh\necho '{\"version\": \"9\", \"resumes\": [9999]}'\n";
    host.write_program("/run/newer", newer).unwrap();
    // It answers as it should, and is gone when it is to run.
    let gone = "#!/bin/sh\nrm \"$0\"\necho '{\"version\": \"9\", \"resumes\": [1]}'\n";
    host.write_program("/run/gone", gone).unwrap();
    let programs = [
        ("/bin/false", "exit status: 1"),
        ("/run/text", "Permission denied"),
        ("/run/garbage", "cannot run"),
        ("/run/none", "No such file"),
        ("/run/other", "does not answer like a vrrpd"),
        ("/run/newer", "version 9 cannot go on from this one"),
        ("/run/gone", "cannot run /run/gone"),
    ];
    for (program, why) in programs {
        let refused = ask(host, Some(program));
        assert_eq!(refused.exit, Exit::Code(1), "{program}: {refused:?}");
        let told = String::from_utf8_lossy(&refused.stderr);
        assert!(told.contains(why), "{program}: {told}");
    }
    // Nor does one that does not like the configuration.
    host.write_file(CONFIG, "vrrp_instance VI_1 {\n}\n").unwrap();
    let refused = ask(host, None);
    assert_eq!(refused.exit, Exit::Code(1));
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(told.contains("has errors"), "{told}");
    host.write_file(CONFIG, at_one_second(150, "")).unwrap();

    wait_for_advert(&wire, 101, 150);
    assert_eq!(memory(host), before);
    assert_eq!(status(host)["guard"], guard);
    assert_eq!(watch.stdout(), "");
    assert_eq!(upgrade(host)["masters"], 1);
    assert_eq!(daemon.terminate(LIMIT).unwrap(), Exit::Code(0));
    let nobody = ask(host, None);
    assert_eq!(nobody.exit, Exit::Code(3), "{nobody:?}");
}

/// It says that it could go on, and then it does not: the guard of the program before acts.
#[test]
fn a_program_that_ends_instead_of_going_on_is_a_daemon_that_died() {
    let Some(stage) = Stage::new() else { return };
    let (one, two) = (&stage.server1, &stage.server2);
    let daemon = start(one, &at_one_second(150, ""));
    wait_for_state(one, "MASTER");
    let _peer = start(two, &at_one_second(100, ""));
    wait_for_vip(one, two);
    wait_for_masters(two);
    let traitor = "#!/bin/sh\nfor last; do true; done\n[ \"$last\" = --probe ] || exit 7\n\
                   echo '{\"version\": \"9\", \"resumes\": [1]}'\n";
    one.write_program("/run/traitor", traitor).unwrap();
    let wire = stage.lan.capture().unwrap();
    assert_eq!(ask(one, Some("/run/traitor")).exit, Exit::Code(3));
    assert_eq!(daemon.wait(LIMIT).unwrap(), Exit::Code(7));
    wait_for_advert(&wire, 101, 0);
    wait_for_vip(two, one);
}

#[test]
fn what_is_drained_stays_so() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let _daemon = start(host, &at_one_second(150, ""));
    wait_for_state(host, "MASTER");
    host.run([VRRPD, "drain"]).unwrap().success().unwrap();
    wait_for_state(host, "FAULT");
    let before = memory(host);
    upgrade(host);
    assert_eq!(memory(host), before);
    host.run([VRRPD, "undrain"]).unwrap().success().unwrap();
    wait_for_state(host, "MASTER");
}

#[test]
fn backups_groups_and_what_trackers_have_found_go_on() {
    let Some(stage) = Stage::new() else { return };
    let (one, two) = (&stage.server1, &stage.server2);
    let inner = "192.168.123.200/24";
    let config = |priority: u8| {
        // A check that gives its verdict only once in the life of a host.
        let check = "vrrp_script check {\n  script /run/check.sh\n  interval 1\n  weight 0\n}\n";
        let group = format!(
            "vrrp_sync_group site {{\n  group {{\n    VI_1\n    VI_2\n  }}\n  {NOTIFY}\n}}\n"
        );
        let tracked = "track_script {\n    check\n  }";
        let inside = router("VI_2", 52, priority, inner, "").replace("eth0", "ens9");
        format!("{check}{group}{}{inside}", router("VI_1", 51, priority, VIP, tracked))
    };
    let check = "#!/bin/sh\n[ -e /run/checked ] && exec sleep 1000\ntouch /run/checked\n";
    for host in [one, two] {
        host.write_program("/run/notify.sh", NOTIFY_SCRIPT).unwrap();
        host.write_program("/run/check.sh", check).unwrap();
    }
    let _master = start(one, &config(150));
    one.wait_for_address("ens9", inner, true, LIMIT).unwrap();
    let _backup = start(two, &config(100));
    for (host, state) in [(one, "MASTER"), (two, "BACKUP")] {
        let is = |told: &Value| told["sync_groups"][0]["state"] == state;
        eventually(&format!("{}: {state}", host.name()), || is(&status(host)));
        eventually("it is told", || notified(host).contains(&format!("GROUP site {state}")));
    }
    wait_for_masters(two);
    let before = [memory(one), memory(two)];
    let told = [notified(one), notified(two)];
    for _ in 0..3 {
        for host in [one, two] {
            let report = upgrade(host);
            let masters = if host.name() == one.name() { 2 } else { 0 };
            assert_eq!(report["masters"], masters, "{report}");
        }
    }
    assert_eq!([memory(one), memory(two)], before);
    assert_eq!([notified(one), notified(two)], told);
    for host in [one, two] {
        wait_for_no_zombie(host);
    }
}

#[test]
fn signed_adverts_go_on_where_they_were() {
    for authentication in [
        "version 2\n  authentication {\n    auth_type AH\n    auth_pass s3cr3t\n  }",
        "auth_hmac {\n    key 1 hex:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n  }",
    ] {
        let Some(stage) = Stage::new() else { return };
        let (one, two) = (&stage.server1, &stage.server2);
        let config = |priority| {
            let config = at_one_second(priority, authentication);
            match authentication.contains("AH") {
                true => config.replace("version 3\n", ""),
                false => config,
            }
        };
        let _master = start(one, &config(150));
        wait_for_state(one, "MASTER");
        let _peer = start(two, &config(100));
        wait_for_state(two, "BACKUP");
        eventually("the peer hears", || counter(two, "received") > 2);
        for _ in 0..3 {
            let heard = counter(two, "received");
            upgrade(one);
            eventually("the peer goes on hearing", || counter(two, "received") > heard + 1);
            let heard = counter(two, "received");
            upgrade(two);
            assert!(counter(two, "received") >= heard);
            eventually("the upgraded peer goes on hearing", || counter(two, "received") > heard);
        }
        for host in [one, two] {
            let dropped = instance(host)["adverts"]["dropped"].clone();
            assert_eq!(dropped, serde_json::json!({}), "{authentication}");
        }
    }
}

#[test]
fn another_configuration_comes_into_force_by_the_difference_alone() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let (second, third) = ("192.168.122.201/24", "192.168.122.202/24");
    let two_addresses = format!("{VIP}\n    {second}");
    let gone = router("VI_2", 52, 150, third, "");
    let daemon = start(host, &(router("VI_1", 51, 150, &two_addresses, "") + &gone));
    for address in [VIP, second, third] {
        host.wait_for_address("eth0", address, true, LIMIT).unwrap();
    }
    let watch = host.spawn(["ip", "-o", "monitor", "address"]).unwrap();
    let wire = stage.lan.capture().unwrap();
    let fourth = "192.168.122.203/24";
    let others = format!("{VIP}\n    {fourth}");
    host.write_file(CONFIG, router("VI_1", 51, 140, &others, "")).unwrap();
    upgrade(host);
    for (address, is_there) in [(VIP, true), (second, false), (third, false), (fourth, true)] {
        host.wait_for_address("eth0", address, is_there, LIMIT).unwrap();
    }
    wait_for_advert(&wire, 101, 140);
    let touched = watch.stdout();
    assert!(!touched.contains(VIP), "{touched}");
    assert_eq!(instance(host)["state"], "MASTER");
    let resigned = |frame: &Frame| advert(frame).is_some_and(|advert| advert.priority == 0);
    assert!(!wire.frames().iter().any(resigned));
    assert_eq!(daemon.terminate(LIMIT).unwrap(), Exit::Code(0));
    host.wait_for_address("eth0", VIP, false, LIMIT).unwrap();
}
