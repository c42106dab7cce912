//! vrrpd and keepalived side by side, on the same machine in the same run.
//!
//! ```text
//! cargo bench -p vrrp-benches --bench keepalived
//! ```
//!
//! Needs root or user namespaces, Debian's keepalived, and procps. Figures of one run compare only
//! with figures of the same run: read the ratios.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a step that fails ends the benchmark")]

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use vrrp_benches::build_vrrpd;
use vrrp_lab::{Capture, Command, Frame, Host, HostOptions, Lab, LabOptions, Nic, Process, Wire};
use vrrp_proto::{PROTOCOL, split_ipv4};

const LIMIT: Duration = Duration::from_secs(60);
const FAILOVERS: usize = 5;
const INSTANCES: u8 = 100;
/// How long the steady state is measured.
const STEADY: Duration = Duration::from_secs(10);
/// How long to wait before it is: the bursts of announcements are over by then.
const SETTLE: Duration = Duration::from_secs(8);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Daemon {
    Vrrpd,
    Keepalived,
}

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    // `-- failover`, `-- sent`, `-- received`: only that part.
    let wanted: Vec<_> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let is_wanted = |part: &str| wanted.is_empty() || wanted.iter().any(|word| word == part);
    let stage = Stage::new(build_vrrpd());
    if is_wanted("failover") {
        failovers(&stage);
    }
    println!("{INSTANCES} instances, an advert every 100 ms each, for {STEADY:?}\n");
    for (part, role) in [("sent", Role::Sender), ("received", Role::Receiver)] {
        if is_wanted(part) {
            steady_state(&stage, part, role);
        }
    }
}

/// Two hosts on a wire.
struct Stage {
    vrrpd: String,
    wire: Wire,
    one: Host,
    two: Host,
    _lab: Lab,
}

impl Stage {
    fn new(vrrpd: PathBuf) -> Self {
        let lab = Lab::new(LabOptions::host_program(&vrrpd)).unwrap_or_else(|e| panic!("{e}"));
        let wire = lab.wire("lan").unwrap();
        let host = |name: &str, number: u8| {
            let host = lab.host(name, HostOptions::new()).unwrap();
            host.attach(&wire, Nic::new("eth0").address(format!("10.0.0.{number}/16"))).unwrap();
            host
        };
        let (one, two) = (host("one", 1), host("two", 2));
        Self { vrrpd: vrrpd.display().to_string(), wire, one, two, _lab: lab }
    }

    fn start(&self, daemon: Daemon, host: &Host, config: &str) -> Process {
        host.write_file("/run/bench.conf", config).unwrap();
        let command = match daemon {
            Daemon::Vrrpd => Command::new(&self.vrrpd)
                .args(["run", "-f", "/run/bench.conf"])
                .env("RUST_LOG", "warn"),
            Daemon::Keepalived => Command::new("keepalived").args([
                "--dont-fork",
                "--log-console",
                "--vrrp",
                "--use-file=/run/bench.conf",
                "--pid=/run/ka.pid",
                "--vrrp_pid=/run/ka-vrrp.pid",
            ]),
        };
        host.spawn(command).unwrap()
    }
}

fn config(instances: u8, priority: u8, centis: u32) -> String {
    let mut text = String::new();
    for vrid in 1..=instances {
        let (secs, rest) = (centis / 100, centis % 100);
        write!(
            text,
            "vrrp_instance VI_{vrid} {{\n  version 3\n  interface eth0\n  virtual_router_id {vrid}\n  \
             priority {priority}\n  advert_int {secs}.{rest:02}\n  virtual_ipaddress {{\n    \
             10.0.{vrid}.1/32\n  }}\n}}\n"
        )
        .unwrap();
    }
    text
}

fn advert_source(frame: &Frame) -> Option<IpAddr> {
    let (ip, protocol, _) = split_ipv4(frame.bytes.get(14..)?).ok()?;
    (protocol == PROTOCOL).then_some(ip.source)
}

fn is_gratuitous_arp(frame: &Frame) -> bool {
    frame.bytes.get(12..14) == Some(&[0x08, 0x06])
        && frame.bytes.get(28..32) == frame.bytes.get(38..42)
        && frame.bytes.get(28..32) == Some(&Ipv4Addr::new(10, 0, 1, 1).octets())
}

/// From the last advert of a killed master to the first announcement of its backup, beyond what
/// the protocol makes it wait.
fn failovers(stage: &Stage) {
    println!("A master is killed: the backup's first gratuitous ARP after the protocol's bound");
    println!("(3 intervals + skew time after the last advert; version 3, priority 100)\n");
    for centis in [10, 100] {
        let bound = Duration::from_micros(centis * 10_000 * (3 * 256 + 156) / 256);
        let median = |daemon| {
            let mut late: Vec<f64> =
                (0..FAILOVERS).map(|_| failover(stage, daemon, centis as u32, bound)).collect();
            late.sort_by(f64::total_cmp);
            println!("  {daemon:?}, interval {} ms, bound {bound:.1?}: {late:.3?} ms", centis * 10);
            late[FAILOVERS / 2]
        };
        let (ours, theirs) = (median(Daemon::Vrrpd), median(Daemon::Keepalived));
        println!("  median: vrrpd {ours:.3} ms, keepalived {theirs:.3} ms\n");
    }
}

fn failover(stage: &Stage, daemon: Daemon, centis: u32, bound: Duration) -> f64 {
    let capture = stage.wire.capture().unwrap();
    let master = stage.start(daemon, &stage.one, &config(1, 200, centis));
    let from_one = |frame: &Frame| {
        (advert_source(frame) == Some(Ipv4Addr::new(10, 0, 0, 1).into())).then_some(())
    };
    capture.wait_for("the master", LIMIT, from_one).unwrap();
    let backup = stage.start(daemon, &stage.two, &config(1, 100, centis));
    // Some adverts more: the backup is there and listens.
    let listens = Duration::from_secs(2) + 10 * Duration::from_millis(10 * u64::from(centis));
    let started = Instant::now();
    let mut last_advert = started;
    while started.elapsed() < listens {
        last_advert = capture
            .wait_for("an advert", LIMIT, |frame| from_one(frame).map(|()| frame.at))
            .unwrap();
    }
    kill_all(daemon, &stage.one);
    let late = first_announcement_after(&capture, last_advert, bound);
    kill_all(daemon, &stage.two);
    drop((master, backup));
    clean(&stage.one);
    clean(&stage.two);
    late
}

fn first_announcement_after(capture: &Capture, mut last_advert: Instant, bound: Duration) -> f64 {
    let announced = capture
        .wait_for("a gratuitous ARP", LIMIT, |frame| {
            if advert_source(frame) == Some(Ipv4Addr::new(10, 0, 0, 1).into()) {
                last_advert = frame.at;
            }
            is_gratuitous_arp(frame).then_some(frame.at)
        })
        .unwrap();
    (announced.duration_since(last_advert).as_secs_f64() - bound.as_secs_f64()) * 1e3
}

/// keepalived's parent would start a killed child again, and vrrpd's guard would resign for it: all of
/// a daemon's processes go, and what remains is the protocol's own time.
fn kill_all(daemon: Daemon, host: &Host) {
    if let Daemon::Vrrpd = daemon {
        host.run(["pkill", "-KILL", "-x", "vrrpd-guard"]).unwrap();
    }
    host.run(["pkill", "-KILL", "-x", name(daemon)]).unwrap();
    vrrp_lab::eventually("the daemon has ended", LIMIT, || {
        Ok((!host.run(["pgrep", "-x", name(daemon)])?.exit.is_success()).then_some(()))
    })
    .unwrap();
}

/// Takes away the address that a killed daemon left.
fn clean(host: &Host) {
    for vrid in 1..=INSTANCES {
        let address = format!("10.0.{vrid}.1/32");
        if host.has_address("eth0", &address).unwrap() {
            host.remove_address("eth0", address.parse().unwrap()).unwrap();
        }
    }
}

const fn name(daemon: Daemon) -> &'static str {
    match daemon {
        Daemon::Vrrpd => "vrrpd",
        Daemon::Keepalived => "keepalived",
    }
}

/// What a daemon has used up so far.
#[derive(Clone, Copy)]
struct Usage {
    cpu_ns: u64,
    resident_kib: u64,
}

fn usage(daemon: Daemon, host: &Host) -> Usage {
    let of = |what: &str| {
        let script = format!("for p in $(pgrep -x {}); do cat {what}; done", name(daemon));
        host.run(["sh", "-c", &script]).unwrap().success().unwrap()
    };
    let first_word = |line: &str| line.split(' ').next().unwrap().parse::<u64>().unwrap();
    let cpu_ns = of("/proc/$p/task/*/schedstat").lines().map(first_word).sum();
    let resident = of("/proc/$p/status");
    let resident = resident.lines().filter_map(|line| line.strip_prefix("VmRSS:"));
    let resident_kib = resident.map(|rest| first_word(rest.trim())).sum();
    Usage { cpu_ns, resident_kib }
}

/// CPU time per advert and resident memory, as sender or as receiver.
fn steady_state(stage: &Stage, part: &str, role: Role) {
    report(part, [Daemon::Vrrpd, Daemon::Keepalived].map(|daemon| steady(stage, daemon, role)));
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Sender,
    Receiver,
}

/// CPU time per advert in microseconds, and resident KiB.
fn steady(stage: &Stage, daemon: Daemon, role: Role) -> (f64, u64) {
    // The other side is the same in both measurements of a role.
    let high = config(INSTANCES, 200, 10);
    let low = config(INSTANCES, 100, 10);
    let (host, config) = match role {
        Role::Sender => (&stage.one, &high),
        Role::Receiver => (&stage.two, &low),
    };
    let mut processes = vec![stage.start(daemon, host, config)];
    if role == Role::Receiver {
        processes.push(stage.start(Daemon::Vrrpd, &stage.one, &high));
    }
    sleep(SETTLE);
    let (before, from) = (usage(daemon, host), Instant::now());
    sleep(STEADY);
    let (after, to) = (usage(daemon, host), Instant::now());
    let adverts = f64::from(INSTANCES) * to.duration_since(from).as_secs_f64() * 10.0;
    for host in [&stage.one, &stage.two] {
        for daemon in [Daemon::Vrrpd, Daemon::Keepalived] {
            kill_all(daemon, host);
        }
        clean(host);
    }
    ((after.cpu_ns - before.cpu_ns) as f64 / adverts / 1e3, after.resident_kib)
}

fn report(what: &str, [ours, theirs]: [(f64, u64); 2]) {
    println!("  CPU per advert {what}: vrrpd {:.2} µs, keepalived {:.2} µs", ours.0, theirs.0);
    println!("    ratio {:.2}", ours.0 / theirs.0);
    println!("  resident: vrrpd {} KiB, keepalived {} KiB", ours.1, theirs.1);
    println!("    ratio {:.2}\n", ours.1 as f64 / theirs.1 as f64);
}
