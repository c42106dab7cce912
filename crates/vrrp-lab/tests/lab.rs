#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
//! Hosts and wires as the tests of a daemon use them.
//!
//! Started by root, all of this runs twice: as root, and once more as an ordinary user.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use vrrp_lab::{
    Command, Exit, Host, HostOptions, Lab, LabError, LabOptions, MacAddress, Nic, Signal, Step,
    eventually,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_vrrp-lab-init");
const SOON: Duration = Duration::from_secs(20);
const NOBODY: u32 = 65_534;

fn lab() -> Lab {
    Lab::new(LabOptions::host_program(PROGRAM)).unwrap()
}

fn lone_host(lab: &Lab) -> Host {
    lab.host("one", HostOptions::new()).unwrap()
}

fn two_hosts(lab: &Lab) -> (Host, Host) {
    let lan = lab.wire("lan").unwrap();
    let [one, two] = ["one", "two"].map(|name| lab.host(name, HostOptions::new()).unwrap());
    one.attach(&lan, Nic::new("eth0").address("10.0.0.1/24")).unwrap();
    two.attach(&lan, Nic::new("eth0").address("10.0.0.2/24")).unwrap();
    (one, two)
}

/// The ids of a host's processes.
fn processes_of(host: &Host) -> BTreeSet<u32> {
    let listing = host.run(["ls", "/proc"]).unwrap().success().unwrap();
    listing.lines().filter_map(|name| name.parse().ok()).collect()
}

/// An Ethernet frame to everyone, of the type for local experiments.
fn frame_to_all(payload: &[u8]) -> Vec<u8> {
    let from = [2, 0, 0, 0, 9, 9];
    [&[0xff; 6][..], &from, &[0x88, 0xb5], payload].concat()
}

#[test]
fn two_hosts_exchange_datagrams() {
    let lab = lab();
    let (one, two) = two_hosts(&lab);
    let ear = two.spawn(Command::host_program("ear").args(["hear", "10.0.0.2:7000"])).unwrap();
    ear.wait_for_line(SOON, |line| line == "listening on 10.0.0.2:7000").unwrap();
    let mouth = Command::host_program("mouth").args(["say", "10.0.0.2:7000", "hi"]);
    assert_eq!(one.run(mouth).unwrap().success().unwrap(), "10.0.0.2 answers hi\n");
    assert_eq!(ear.wait(SOON).unwrap(), Exit::Code(0));
    assert_eq!(ear.stdout().lines().last(), Some("10.0.0.1 says hi"));
}

#[test]
fn a_host_sees_its_own_processes_only() {
    let lab = lab();
    let (one, two) = two_hosts(&lab);
    let httpd = one.spawn(Command::idle("httpd")).unwrap();
    let comm = format!("/proc/{}/comm", httpd.pid());
    eventually("the name", SOON, || Ok((one.read_text(&comm)? == "httpd\n").then_some(())))
        .unwrap();

    let on_one = processes_of(&one);
    assert!(on_one.contains(&1) && on_one.contains(&httpd.pid()), "{on_one:?}");
    assert!(on_one.len() <= 3, "init, httpd and ls: {on_one:?}");
    assert!(processes_of(&two).len() <= 2, "init and ls");
}

#[test]
fn a_host_has_a_name_and_directories_of_its_own() {
    let lab = lab();
    let one = lab.host("one", HostOptions::new().private_directory("/usr/local/bin")).unwrap();
    let two = lab.host("two", HostOptions::new()).unwrap();
    assert_eq!(one.run(["uname", "-n"]).unwrap().success().unwrap(), "one\n");

    one.write_program("/usr/local/bin/greet", "#!/bin/sh\necho hello\n").unwrap();
    assert_eq!(one.run(["greet"]).unwrap().success().unwrap(), "hello\n");
    assert!(!fs::exists("/usr/local/bin/greet").unwrap());

    one.write_file("/run/deep/down/file", "in one").unwrap();
    assert_eq!(one.read_text("/run/deep/down/file").unwrap(), "in one");
    let missing = two.read_file("/run/deep/down/file").unwrap_err();
    assert!(matches!(missing, LabError::Step { step: Step::OpenFile, .. }), "{missing}");
}

#[test]
fn files_are_written_replaced_and_removed() {
    let lab = lab();
    let host = lone_host(&lab);
    let inode = || host.run(["stat", "-c%i", "/run/f"]).unwrap().success().unwrap();
    let large = "x".repeat(300_000);
    host.write_file("/run/f", &large).unwrap();
    let first = inode();
    assert_eq!(host.read_text("/run/f").unwrap(), large);

    host.write_file("/run/f", "in place").unwrap();
    assert_eq!((host.read_text("/run/f").unwrap().as_str(), inode()), ("in place", first.clone()));
    host.replace_file("/run/f", "renamed").unwrap();
    assert_eq!(host.read_text("/run/f").unwrap(), "renamed");
    assert_ne!(inode(), first);
    host.remove_file("/run/f").unwrap();
    assert!(host.read_file("/run/f").is_err());
}

#[test]
fn interfaces_show_their_addresses() {
    let lab = lab();
    let lan = lab.wire("lan").unwrap();
    let host = lone_host(&lab);
    let nic = Nic::new("eth0").address("10.0.0.1/24").address("fd00::1/64");
    host.attach(&lan, nic).unwrap();
    assert!(host.has_address("eth0", "10.0.0.1/24").unwrap());
    assert!(host.has_address("eth0", "fd00::1/64").unwrap());
    let extra = "10.0.0.200/32".parse().unwrap();
    host.add_address("eth0", extra).unwrap();
    host.wait_for_address("eth0", "10.0.0.200/32", true, SOON).unwrap();
    host.remove_address("eth0", extra).unwrap();
    assert!(!host.has_address("eth0", "10.0.0.200/32").unwrap());
    let again = host.remove_address("eth0", extra).unwrap_err();
    assert!(matches!(again, LabError::Step { step: Step::Address, .. }), "{again}");
}

#[test]
fn an_interface_has_the_ethernet_address_that_it_was_given() {
    let lab = lab();
    let lan = lab.wire("lan").unwrap();
    let capture = lan.capture().unwrap();
    let host = lone_host(&lab);
    let mac = MacAddress([2, 0, 0, 1, 2, 3]);
    host.attach(&lan, Nic::new("eth0").mac(mac).address("10.0.0.1/24")).unwrap();
    let say = Command::host_program("mouth").args(["say", "10.0.0.9:7000", "anyone?"]);
    host.spawn(say).unwrap();
    let asks_for_an_address =
        |frame: &vrrp_lab::Frame| (frame.bytes[6..14] == [2, 0, 0, 1, 2, 3, 8, 6]).then_some(());
    capture.wait_for("an ARP request from that address", SOON, asks_for_an_address).unwrap();
}

#[test]
fn a_cut_cable_takes_the_carrier_away() {
    let lab = lab();
    let lan = lab.wire("lan").unwrap();
    let host = lone_host(&lab);
    let cable = host.attach(&lan, Nic::new("eth0")).unwrap();
    assert!(host.interface("eth0").unwrap().unwrap().running);
    cable.cut().unwrap();
    host.wait_for_link("eth0", false, SOON).unwrap();
    assert!(host.interface("eth0").unwrap().unwrap().up, "nobody set it down");
    cable.mend().unwrap();
    host.wait_for_link("eth0", true, SOON).unwrap();

    host.set_link("eth0", false).unwrap();
    assert!(!host.interface("eth0").unwrap().unwrap().up);
    cable.remove().unwrap();
    assert_eq!(host.interface("eth0").unwrap(), None);
    host.attach(&lan, Nic::new("eth0")).unwrap();
}

#[test]
fn a_capture_sees_frames_with_their_times() {
    let lab = lab();
    let (one, two) = two_hosts(&lab);
    let captures = [one.capture("eth0").unwrap(), two.capture("eth0").unwrap()];
    let frame = frame_to_all(b"captured");
    let before = Instant::now();
    one.injector("eth0").unwrap().send(&frame).unwrap();
    let [sent, received] = captures.each_ref().map(|capture| {
        let same = |seen: &vrrp_lab::Frame| seen.bytes.starts_with(&frame).then(|| seen.clone());
        capture.wait_for("the injected frame", SOON, same).unwrap()
    });
    assert!(sent.outgoing && !received.outgoing);
    assert!(before <= sent.at && sent.at <= Instant::now());
    assert!(before <= received.at && received.at <= Instant::now());
    assert_eq!(captures[0].lost_count(), 0);
}

#[test]
fn a_capture_of_the_wire_sees_what_is_between_others() {
    let lab = lab();
    let lan = lab.wire("lan").unwrap();
    let [one, two] = ["one", "two"].map(|name| lab.host(name, HostOptions::new()).unwrap());
    one.attach(&lan, Nic::new("eth0").address("10.0.0.1/24")).unwrap();
    two.attach(&lan, Nic::new("eth0").address("10.0.0.2/24")).unwrap();
    let capture = lan.capture().unwrap();
    let ear = two.spawn(Command::host_program("ear").args(["hear", "10.0.0.2:7000"])).unwrap();
    ear.wait_for_line(SOON, |line| line.starts_with("listening")).unwrap();
    let mouth = Command::host_program("mouth").args(["say", "10.0.0.2:7000", "overheard"]);
    one.run(mouth).unwrap().success().unwrap();
    let overheard = |mac: [u8; 6]| {
        move |frame: &vrrp_lab::Frame| {
            let text = b"overheard";
            let ours = frame.bytes.windows(text.len()).any(|window| window == text);
            (ours && frame.bytes[6..12] == mac).then_some(())
        }
    };
    capture.wait_for("the question", SOON, overheard([2, 0, 0, 0, 1, 1])).unwrap();
    capture.wait_for("the answer", SOON, overheard([2, 0, 0, 0, 2, 1])).unwrap();
}

#[test]
fn a_capture_can_leave_out_a_sender_and_the_frames_are_counted_all_the_same() {
    let lab = lab();
    let lan = lab.wire("lan").unwrap();
    let [one, two] = ["one", "two"].map(|name| lab.host(name, HostOptions::new()).unwrap());
    one.attach(&lan, Nic::new("eth0")).unwrap();
    let cable = two.attach(&lan, Nic::new("eth0")).unwrap();
    let frame_from = |mac: [u8; 6]| {
        let mut frame = frame_to_all(b"from somebody");
        frame[6..12].copy_from_slice(&mac);
        frame
    };
    let (loud, quiet) = ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    let capture = lan.capture_without(MacAddress(loud)).unwrap();
    let (sent, received) = (one.traffic("eth0").unwrap().sent, two.traffic("eth0").unwrap());
    let injector = one.injector("eth0").unwrap();
    for mac in [loud, loud, loud, quiet] {
        injector.send(&frame_from(mac)).unwrap();
    }
    let source = |frame: &vrrp_lab::Frame| {
        frame.bytes[14..].starts_with(b"from somebody").then(|| frame.bytes[6..12].to_vec())
    };
    assert_eq!(capture.wait_for("the quiet one", SOON, source).unwrap(), quiet);
    // The hosts may have said something of their own by now.
    assert!(one.traffic("eth0").unwrap().sent >= sent + 4);
    assert!(two.traffic("eth0").unwrap().received >= received.received + 4);
    assert!(cable.traffic().unwrap().sent >= 4);
    assert!(two.traffic("eth7").is_err());
}

#[test]
fn a_deaf_host_is_still_heard() {
    let lab = lab();
    let lan = lab.wire("lan").unwrap();
    let [one, two] = ["one", "two"].map(|name| lab.host(name, HostOptions::new()).unwrap());
    one.attach(&lan, Nic::new("eth0")).unwrap();
    let cable = two.attach(&lan, Nic::new("eth0")).unwrap();
    let [from_one, from_two] = [&one, &two].map(|host| host.injector("eth0").unwrap());
    let [at_one, at_two] = [&one, &two].map(|host| host.capture("eth0").unwrap());
    let arrives = |text: &'static [u8]| {
        move |frame: &vrrp_lab::Frame| {
            (!frame.outgoing && frame.bytes[14..].starts_with(text)).then_some(())
        }
    };
    cable.set_deaf(true).unwrap();
    from_one.send(&frame_to_all(b"unheard")).unwrap();
    from_two.send(&frame_to_all(b"from the deaf")).unwrap();
    at_one.wait_for("the deaf host's frame", SOON, arrives(b"from the deaf")).unwrap();

    cable.set_deaf(false).unwrap();
    from_one.send(&frame_to_all(b"heard")).unwrap();
    let mut unheard = 0;
    at_two
        .wait_for("a frame after hearing again", SOON, |frame| {
            unheard += usize::from(arrives(b"unheard")(frame).is_some());
            arrives(b"heard")(frame)
        })
        .unwrap();
    assert_eq!(unheard, 0);
}

#[test]
fn frames_are_injected_no_faster_than_asked() {
    let lab = lab();
    let (one, two) = two_hosts(&lab);
    let capture = two.capture("eth0").unwrap();
    let frames = (0..50_u8).map(|number| frame_to_all(&[b'p', number]));
    one.injector("eth0").unwrap().send_paced(frames, 500).unwrap();
    let mut times = Vec::new();
    capture
        .wait_for("the fiftieth frame", SOON, |frame| {
            if frame.bytes[12..15] == [0x88, 0xb5, b'p'] {
                assert_eq!(usize::from(frame.bytes[15]), times.len(), "in order");
                times.push(frame.at);
            }
            (times.len() == 50).then_some(())
        })
        .unwrap();
    let took = times[49] - times[0];
    assert!(took >= Duration::from_millis(95), "49 spaces of 2 ms in {took:?}");
}

#[test]
fn a_process_is_signalled_frozen_and_killed() {
    let lab = lab();
    let host = lone_host(&lab);
    let sleeper = host.spawn(Command::idle("sleeper")).unwrap();
    let state = || {
        let stat = host.read_text(format!("/proc/{}/stat", sleeper.pid()))?;
        Ok(stat.rsplit(") ").next().and_then(|rest| rest.chars().next()))
    };
    let is = |wanted: char| move |seen: Option<char>| (seen == Some(wanted)).then_some(());
    sleeper.freeze().unwrap();
    eventually("stopped", SOON, || state().map(is('T'))).unwrap();
    sleeper.thaw().unwrap();
    eventually("sleeping", SOON, || state().map(is('S'))).unwrap();
    host.freeze().unwrap();
    eventually("stopped", SOON, || state().map(is('T'))).unwrap();
    host.thaw().unwrap();
    assert!(sleeper.is_running());
    assert_eq!(sleeper.terminate(SOON).unwrap(), Exit::Signal(Signal::SIGTERM as i32));
    assert!(!sleeper.is_running() && sleeper.ended_at().is_some());
    sleeper.signal(Signal::SIGKILL).unwrap();

    let victim = host.spawn(Command::idle("victim")).unwrap();
    assert_eq!(victim.kill().unwrap().to_string(), "SIGKILL");
}

#[test]
fn an_init_reaps_what_others_leave_behind() {
    let lab = lab();
    let host = lone_host(&lab);
    let orphaned = host.run(["sh", "-c", "sleep 0.05 & echo $!"]).unwrap().success().unwrap();
    let status = format!("/proc/{}/status", orphaned.trim());
    eventually("the orphan reaped", SOON, || Ok(host.read_file(&status).is_err().then_some(())))
        .unwrap();
}

#[test]
fn all_that_a_process_wrote_is_there_at_its_end() {
    let lab = lab();
    let host = lone_host(&lab);
    let script = "i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done; echo end >&2";
    let output = host.run(["sh", "-c", script]).unwrap();
    assert_eq!(output.stderr, b"end\n");
    assert_eq!(output.success().unwrap().lines().last(), Some("line 4999"));

    let failed = host.run(["sh", "-c", "echo why >&2; exit 3"]).unwrap().success().unwrap_err();
    assert_eq!(failed.to_string(), "sh -c echo why >&2; exit 3: exit code 3\n  | why");
}

#[test]
fn output_goes_to_a_file_or_nowhere_when_asked() {
    let lab = lab();
    let host = lone_host(&lab);
    let say = |text: &str| Command::new("sh").args(["-c", &format!("echo {text}")]);
    host.run(say("first").log_to("/run/logs/sh.log")).unwrap();
    host.run(say("second").log_to("/run/logs/sh.log")).unwrap();
    assert_eq!(host.read_text("/run/logs/sh.log").unwrap(), "first\nsecond\n");
    assert_eq!(host.run(say("third").silent()).unwrap().success().unwrap(), "");
}

#[test]
fn a_command_has_the_environment_and_directory_that_it_was_given() {
    let lab = lab();
    let host = lone_host(&lab);
    let command = Command::new("sh")
        .args(["-c", "echo $COLOUR; pwd; env | cut -d= -f1 | sort | xargs"])
        .env("COLOUR", "blue")
        .current_dir("/usr");
    let output = host.run(command).unwrap().success().unwrap();
    let lines: Vec<_> = output.lines().collect();
    assert_eq!(lines[..2], ["blue", "/usr"]);
    assert!(!lines[2].contains("CARGO"), "the caller's environment: {}", lines[2]);
}

#[test]
fn only_roots_lab_knows_other_users() {
    let lab = lab();
    let host = lone_host(&lab);
    let id = host.run(Command::new("id").arg("-u").user(NOBODY));
    if lab.is_in_user_namespace() {
        let error = id.unwrap_err();
        assert!(matches!(error, LabError::Step { step: Step::Spawn, .. }), "{error}");
    } else {
        assert_eq!(id.unwrap().success().unwrap(), "65534\n");
    }
    assert_eq!(host.run(["id", "-u"]).unwrap().success().unwrap(), "0\n");
}

#[test]
fn a_host_that_is_switched_off_is_gone_at_once() {
    let lab = lab();
    let (one, two) = two_hosts(&lab);
    let sleeper = one.spawn(Command::idle("sleeper")).unwrap();
    let capture = one.capture("eth0").unwrap();
    one.power_off().unwrap();
    assert!(!sleeper.is_running());
    assert!(matches!(sleeper.wait(SOON), Err(LabError::Gone { .. })));
    assert!(matches!(one.run(["true"]), Err(LabError::Gone { .. })));
    drop(capture);
    assert!(two.run(["true"]).unwrap().exit.is_success());
}

#[test]
fn a_parameter_is_set_before_there_are_interfaces() {
    let lab = lab();
    let lan = lab.wire("lan").unwrap();
    let options = HostOptions::new().sysctl("net.ipv4.conf.default.accept_local", "1");
    let host = lab.host("one", options).unwrap();
    host.attach(&lan, Nic::new("eth0")).unwrap();
    let value = || host.read_text("/proc/sys/net/ipv4/conf/eth0/accept_local").unwrap();
    assert_eq!(value(), "1\n");
    host.sysctl("net.ipv4.conf.eth0.accept_local", "0").unwrap();
    assert_eq!(value(), "0\n");
    let unknown = host.sysctl("net.ipv4.no_such_thing", "0").unwrap_err();
    assert!(unknown.to_string().contains("net.ipv4.no_such_thing=0"), "{unknown}");
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let lab = lab();
    let lan = lab.wire("lan").unwrap();
    let host = lone_host(&lab);
    for name in ["", "lan", "sixteen-letters-", "l a n", "../lan"] {
        let error = lab.wire(name).unwrap_err();
        assert!(matches!(error, LabError::Name { .. }), "{name}: {error}");
    }
    assert!(matches!(lab.host("one", HostOptions::new()), Err(LabError::Name { .. })));
    let no_address = host.attach(&lan, Nic::new("eth0").address("10.0.0.1")).unwrap_err();
    assert!(matches!(no_address, LabError::Address(_)), "{no_address}");
    let no_program = host.spawn(["/no/such/program"]).unwrap_err();
    let text = "one: cannot start /no/such/program: No such file or directory";
    assert!(no_program.to_string().starts_with(text), "{no_program}");
    let too_long = host.spawn(Command::new("true").arg("x".repeat(100_000))).unwrap_err();
    assert!(matches!(too_long, LabError::Io { .. }), "{too_long}");
    assert!(host.run(["true"]).unwrap().exit.is_success(), "the host goes on");
}

#[test]
fn a_command_that_does_not_end_is_killed_at_the_limit() {
    let options = LabOptions::host_program(PROGRAM).answer_limit(Duration::from_secs(3));
    let lab = Lab::new(options).unwrap();
    let host = lone_host(&lab);
    let error = host.run(["sh", "-c", "echo waiting; exec sleep 1000"]).unwrap_err();
    assert!(matches!(error, LabError::Timeout { .. }), "{error}");
    assert!(error.to_string().ends_with("| waiting"), "{error}");
    eventually("only the init", SOON, || Ok((processes_of(&host).len() <= 2).then_some(())))
        .unwrap();
}

#[test]
fn a_program_that_does_not_take_part_is_named() {
    let error = Lab::new(LabOptions::host_program("/bin/true")).unwrap_err();
    assert!(matches!(error, LabError::NotIntercepted { .. }), "{error}");
}

#[test]
fn the_end_of_a_lab_is_the_end_of_all_in_it() {
    let lab = lab();
    let name = format!("drop-{}", std::process::id());
    lone_host(&lab).spawn(Command::idle(&name)).unwrap();
    eventually("the process", SOON, || Ok((named(&name) == 1).then_some(()))).unwrap();
    drop(lab);
    assert_eq!(named(&name), 0);
}

#[test]
fn a_killed_caller_leaves_nothing_behind() {
    let name = format!("kill-{}", std::process::id());
    let mut command = std::process::Command::new(PROGRAM);
    command.args(["stay", &name]).env("LAB_OF", &name).stdout(Stdio::piped());
    let mut caller = Caller(command.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(caller.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "the lab runs\n");
    eventually("both processes", SOON, || Ok((named(&name) == 2).then_some(()))).unwrap();
    assert!(with_variable(&format!("LAB_OF={name}")) >= 7, "caller, launchers and inits");

    drop(caller);
    eventually("the end of all of it", SOON, || {
        let left = named(&name) + with_variable(&format!("LAB_OF={name}"));
        Ok((left == 0).then_some(()))
    })
    .unwrap();
}

/// A program that is killed at the end of its test, also when that fails.
struct Caller(std::process::Child);

impl Drop for Caller {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// How many processes of the machine have this name.
fn named(name: &str) -> usize {
    let comms = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path().join("comm"));
    comms
        .filter_map(|comm| fs::read_to_string(comm).ok())
        .filter(|comm| comm.trim() == name)
        .count()
}

/// How many processes of the machine were started with this variable.
fn with_variable(assignment: &str) -> usize {
    let environments =
        fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path().join("environ"));
    environments
        .filter_map(|environment| fs::read(environment).ok())
        .filter(|environment| {
            environment.split(|byte| *byte == 0).any(|set| set == assignment.as_bytes())
        })
        .count()
}

#[test]
fn a_lab_runs_inside_a_lab_unless_namespaces_are_used_up() {
    let lab = lab();
    let host = lone_host(&lab);
    let nested = host.spawn(Command::host_program("nested").args(["stay", "sleeper"])).unwrap();
    nested.wait_for_line(SOON, |line| line == "the lab runs").unwrap();
    nested.kill().unwrap();
    if !lab.is_in_user_namespace() {
        return; // The limit is then the machine's own. As an ordinary user we do go on.
    }
    host.sysctl("user.max_net_namespaces", "0").unwrap();
    let refused = host.run(Command::host_program("nested").args(["stay", "sleeper"])).unwrap();
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(text.starts_with("lab: cannot create process, network, mount and host"), "{text}");
    assert!(text.contains("user.max_net_namespaces"), "{text}");
}

#[test]
fn an_ordinary_user_has_the_same_world() {
    if fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) != 0) {
        return; // Then every other test is this one.
    }
    let may_execute = |program: &str| {
        std::process::Command::new(program)
            .arg("--help")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .uid(NOBODY)
            .gid(NOBODY)
            .current_dir("/")
            .status()
            .is_ok()
    };
    let tests = std::env::current_exe().unwrap();
    if !may_execute(tests.to_str().unwrap()) || !may_execute(PROGRAM) {
        assert!(std::env::var_os("CI").is_none(), "nobody may not execute {PROGRAM}");
        eprintln!("skipped: nobody may not execute {PROGRAM}");
        return;
    }
    let output = std::process::Command::new(tests)
        .args(["--skip", "an_ordinary_user_has_the_same_world"])
        .uid(NOBODY)
        .gid(NOBODY)
        .current_dir("/")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(!text.contains("running 0 tests"), "{text}");
}
