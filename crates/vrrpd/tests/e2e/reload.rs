//! Reloads as the network sees them, and what a client of the daemon is told.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use serde_json::Value;
use vrrp_lab::{Command, Exit, Frame, Host, Signal};
use vrrp_proto::{PROTOCOL, split_ipv4};

use crate::stage::{
    LIMIT, Stage, VIP, VRRPD, announced, eventually, instance, start, status, wait_for_state,
    wait_for_vip,
};

const CONFIG: &str = "/run/keepalived.conf";
const INSTANCES: u8 = 255;

/// So many instances on one interface, the first two of them as a test wants them.
fn many(first_addresses: &str, second_priority: u8, third_tracks: &str) -> String {
    let mut text = "track_file score {\n file /run/score\n}\n".to_owned();
    for vrid in 1..=INSTANCES {
        let priority = if vrid == 2 { second_priority } else { 200 };
        let more = if vrid == 1 { first_addresses } else { "" };
        let tracks = if vrid == 3 { third_tracks } else { "" };
        writeln!(
            text,
            "vrrp_instance VI_{vrid} {{\n version 3\n interface eth0\n virtual_router_id {vrid}\n \
             priority {priority}\n advert_int 1\n {tracks}\n virtual_ipaddress {{\n \
             10.1.{vrid}.1/32\n {more}\n }}\n}}"
        )
        .unwrap();
    }
    text
}

/// VRID and priority of the advert in a frame.
fn advert(frame: &Frame) -> Option<(u8, u8)> {
    let (_, protocol, message) = split_ipv4(frame.bytes.get(14..)?).ok()?;
    (protocol == PROTOCOL).then_some((*message.get(1)?, *message.get(2)?))
}

fn reload(host: &Host, more: &[&str]) -> (Exit, String) {
    let command = Command::new(VRRPD).arg("reload").args(more.iter().copied());
    let output = host.run(command).unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.exit, String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_reload_of_255_instances_is_felt_by_none_but_those_that_change() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    host.write_file("/run/score", "5").unwrap();
    let before = many("", 200, "track_file {\n score weight 1\n }");
    let _daemon = start(host, &before);
    let all_masters = || {
        let status = status(host);
        let instances = status["instances"].as_array().unwrap();
        instances.len() == usize::from(INSTANCES)
            && instances.iter().all(|instance| instance["state"] == "MASTER")
    };
    eventually("255 masters", all_masters);
    eventually("the tracked file counts", || {
        status(host)["instances"][2]["priority"]["effective"] == 205
    });
    // The first announcements and their repetition after five seconds are over.
    let wire = stage.lan.capture().unwrap();
    let quiet_since = std::cell::Cell::new(Instant::now());
    eventually("no announcements for two seconds", || {
        if wire.frames().iter().any(|frame| announced(frame).is_some()) {
            quiet_since.set(Instant::now());
        }
        quiet_since.get().elapsed() > Duration::from_secs(2) + Duration::from_secs(5)
    });
    let monitor = host.spawn(Command::new("ip").args(["-o", "monitor", "address"])).unwrap();
    // It says nothing at its start: an address of our own shows that it listens.
    eventually("the monitor listens", || {
        host.run(["ip", "address", "add", "10.9.9.9/32", "dev", "lo"]).unwrap();
        host.run(["ip", "address", "del", "10.9.9.9/32", "dev", "lo"]).unwrap();
        monitor.stdout().contains("10.9.9.9")
    });
    let mark = monitor.stdout().len();

    host.replace_file(CONFIG, many("10.1.1.2/32", 190, "")).unwrap();
    wire.frames();
    let begun = Instant::now();
    let (exit, said) = reload(host, &[]);
    println!("a reload of {INSTANCES} instances took {:.0?}", begun.elapsed());
    assert_eq!(exit, Exit::Code(0), "{said}");
    for line in [
        "VI_1: address 10.1.1.2/32 added",
        "VI_2: priority 200 -> 190",
        "VI_3: tracker file score removed",
        "tracker file score: ends",
    ] {
        assert!(said.contains(line), "no `{line}` in:\n{said}");
    }
    let changes =
        said.lines().filter(|line| line.starts_with("VI_") || line.starts_with("tracker"));
    assert_eq!(changes.count(), 4, "{said}");
    let after = status(host);
    assert_eq!(after["instances"][1]["priority"]["effective"], 190);
    assert_eq!(after["instances"][2]["priority"]["effective"], 200);
    assert!(host.has_address("eth0", "10.1.1.2/32").unwrap());

    // What the wire saw from the reload on, for three intervals of every instance.
    let mut last_heard: HashMap<u8, (Instant, u32)> = HashMap::new();
    let mut latest = Duration::ZERO;
    let deadline = Instant::now() + LIMIT;
    let is_enough = |heard: &HashMap<u8, (Instant, u32)>| {
        heard.len() == usize::from(INSTANCES) && heard.values().all(|(_, count)| *count >= 4)
    };
    while !is_enough(&last_heard) {
        assert!(Instant::now() < deadline, "adverts of {} instances", last_heard.len());
        let frame = wire.next(LIMIT).expect("masters that advertise");
        if let Some(address) = announced(&frame) {
            assert_eq!(address, Ipv4Addr::new(10, 1, 1, 2), "announced without need");
        }
        let Some((vrid, priority)) = advert(&frame) else { continue };
        assert_ne!(priority, 0, "VI_{vrid} resigned");
        let (at, count) = last_heard.get(&vrid).copied().unwrap_or((frame.at, 0));
        latest = latest.max(frame.at.duration_since(at));
        last_heard.insert(vrid, (frame.at, count + 1));
    }
    println!("the longest pause between two adverts of one instance was {latest:.0?}");
    // A backup takes over after three intervals and more.
    assert!(latest < Duration::from_secs(2), "an advert was {latest:?} after the one before");
    let changes = monitor.stdout()[mark..].to_owned();
    let here: Vec<_> = changes.lines().filter(|line| line.contains("eth0")).collect();
    assert!(here.len() == 1 && here[0].contains("10.1.1.2/32"), "{changes}");
    assert!(!here[0].contains("Deleted"), "{changes}");
}

fn config(priority: u8, more: &str) -> String {
    format!(
        "vrrp_instance VI_1 {{\n version 3\n advert_int 0.1\n interface eth0\n virtual_router_id 51\n \
         priority {priority}\n {more}\n virtual_ipaddress {{\n {VIP}\n }}\n}}\n"
    )
}

#[test]
fn a_dry_run_tells_and_changes_nothing_and_a_refused_reload_neither() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let _daemon = start(host, &config(150, ""));
    wait_for_state(host, "MASTER");
    host.write_file(CONFIG, config(120, "notify /bin/true")).unwrap();

    let (exit, said) = reload(host, &["--dry-run"]);
    assert_eq!(exit, Exit::Code(0), "{said}");
    assert!(said.contains("VI_1: priority 150 -> 120"), "{said}");
    assert!(said.contains("VI_1: other notify programs"), "{said}");
    assert_eq!(instance(host)["priority"]["base"], 150);

    host.write_file(CONFIG, config(120, "prioritty 3")).unwrap();
    let (exit, said) = reload(host, &[]);
    assert_eq!(exit, Exit::Code(1), "{said}");
    assert!(said.contains("prioritty") && said.contains("is in force"), "{said}");
    assert_eq!(instance(host)["priority"]["base"], 150);
    assert!(status(host)["reload_refused"].is_string());

    // As JSON, and in force: the VIP stays with a lower priority, for nobody else is there.
    host.write_file(CONFIG, config(120, "")).unwrap();
    let (exit, said) = reload(host, &["--json"]);
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((exit, &report["applied"]), (Exit::Code(0), &Value::Bool(true)), "{said}");
    assert_eq!(instance(host)["priority"]["base"], 120);
    assert_eq!(instance(host)["became_master"], 1);
    let (exit, said) = reload(host, &["--run-dir", "/run/nobody"]);
    assert_eq!(exit, Exit::Code(3), "{said}");
}

#[test]
fn an_instance_that_becomes_another_router_runs_the_programs_of_both() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    host.write_program("/run/told", "#!/bin/sh\necho \"$@\" >> /run/told.log\n").unwrap();
    let config = |vrid: &str, word: &str| {
        let programs = format!("notify \"/run/told {word}\" root");
        config(150, &programs).replace("virtual_router_id 51", &format!("virtual_router_id {vrid}"))
    };
    let _daemon = start(host, &config("51", "first"));
    wait_for_state(host, "MASTER");
    let told = || host.read_text("/run/told.log").unwrap_or_default();
    let wait_for = |lines: &[&str]| {
        eventually(&format!("{lines:?}"), || {
            let told = told();
            let found: Vec<_> = told.lines().map(|line| line.trim_end_matches(" 150")).collect();
            found == lines
        });
    };
    let before = ["first INSTANCE VI_1 BACKUP", "first INSTANCE VI_1 MASTER"];
    wait_for(&before);
    host.write_file(CONFIG, config("52", "second")).unwrap();
    let (exit, said) = reload(host, &[]);
    assert_eq!(exit, Exit::Code(0), "{said}");
    assert!(said.contains("virtual_router_id differs"), "{said}");
    let after =
        ["first INSTANCE VI_1 STOP", "second INSTANCE VI_1 BACKUP", "second INSTANCE VI_1 MASTER"];
    wait_for(&[&before[..], &after].concat());
}

#[test]
fn a_priority_raised_by_a_reload_moves_nothing() {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    let _better = start(server1, &config(150, ""));
    wait_for_state(server1, "MASTER");
    let _lesser = start(server2, &config(100, ""));
    wait_for_vip(server1, server2);
    wait_for_state(server2, "BACKUP");
    server1.write_file(CONFIG, config(160, "")).unwrap();
    let (exit, said) = reload(server1, &[]);
    assert_eq!(exit, Exit::Code(0), "{said}");
    eventually("the backup has heard of it", || instance(server2)["master"]["priority"] == 160);
    assert_eq!(instance(server2)["became_master"], 0);
    assert_eq!(instance(server1)["became_master"], 1);
}

#[test]
fn signals_that_keepalived_knows_do_no_harm() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let daemon = start(host, &config(150, ""));
    wait_for_state(host, "MASTER");
    for signal in [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGALRM, Signal::SIGQUIT] {
        daemon.signal(signal).unwrap();
        let said = format!("{signal} does nothing here");
        daemon.wait_for_line(LIMIT, |line| line.contains(&said)).unwrap();
    }
    host.run(["pkill", "-36", "-x", "vrrpd"]).unwrap().success().unwrap();
    daemon.wait_for_line(LIMIT, |line| line.contains("SIGRTMIN+2 does nothing here")).unwrap();
    assert!(host.has_address("eth0", VIP).unwrap());
    assert_eq!(instance(host)["became_master"], 1);
}

#[test]
fn an_answer_that_cannot_be_written_is_no_success() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let _daemon = start(host, &config(150, ""));
    let full = host.run(["sh", "-c", &format!("{VRRPD} status >/dev/full")]).unwrap();
    assert_eq!(full.exit, Exit::Code(3));
    let gone = host.run(["sh", "-c", &format!("{VRRPD} status | head -c 1")]).unwrap();
    assert_eq!(gone.exit, Exit::Code(0));
}
