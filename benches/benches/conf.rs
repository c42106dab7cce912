//! `vrrpd check` and `keepalived -t` side by side, from the start of the process to its end.
//!
//! ```text
//! cargo bench -p vrrp-benches --bench conf
//! ```
//!
//! Needs root or user namespaces, Debian's keepalived, iproute2 and bash. The interfaces that the
//! configurations name exist: keepalived gives up early without them. Figures of one run compare
//! only with figures of the same run: read the ratios.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a step that fails ends the benchmark")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use vrrp_benches::build_vrrpd;
use vrrp_lab::{Host, HostOptions, Lab, LabOptions};

/// How often each program reads each configuration, in turns.
const RUNS: usize = 15;
const FILE: &str = "/run/bench.conf";

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let vrrpd = build_vrrpd();
    let lab = Lab::new(LabOptions::host_program(&vrrpd)).unwrap_or_else(|e| panic!("{e}"));
    let host = lab.host("one", HostOptions::new()).unwrap();
    let vrrpd = vrrpd.display().to_string();
    println!("Milliseconds from start to end: median (least to most) of {RUNS} runs in turns\n");
    add_interfaces(&host, &["eth0".to_owned(), "eth1".to_owned()]);
    side_by_side(&host, &vrrpd, "250 instances on one interface", &instances(250));
    let numbered = (0..20).flat_map(|a| (1..=250).map(move |b| format!("bond{a}.{b}")));
    add_interfaces(&host, &numbered.collect::<Vec<_>>());
    side_by_side(&host, &vrrpd, "~SEQ: 5,000 instances on 5,000 interfaces", SEQUENCE);
    large(&vrrpd);
}

/// Adds interfaces in pairs; a kernel without `dummy` has `veth`.
fn add_interfaces(host: &Host, names: &[String]) {
    let pair = |pair: &[String]| format!("link add {} type veth peer name {}\n", pair[0], pair[1]);
    let lines: String = names.chunks_exact(2).map(pair).collect();
    host.write_file("/run/links", &lines).unwrap();
    host.run(["ip", "-batch", "/run/links"]).unwrap().success().unwrap();
}

/// Lets both programs read a configuration in turns, timed by the shell that starts them.
fn side_by_side(host: &Host, vrrpd: &str, what: &str, config: &str) {
    const SCRIPT: &str = r#"TIMEFORMAT=%3R
        { time { "$1" check "$2"; ours=$?; } >/dev/null 2>&1; } 2>&1
        { time { keepalived -t -f "$2"; theirs=$?; } >/dev/null 2>&1; } 2>&1
        echo "$ours $theirs""#;
    host.write_file(FILE, config).unwrap();
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let out = host.run(["bash", "-c", SCRIPT, "bash", vrrpd, FILE]).unwrap();
        let out = out.success().unwrap();
        let lines: Vec<_> = out.lines().collect();
        // keepalived's 6: valid, with a remark about scripts.
        assert!(matches!(lines[2], "0 0" | "0 6"), "exit codes {}", lines[2]);
        let [our, their] = [0, 1].map(|line| lines[line].parse::<f64>().unwrap() * 1e3);
        ours.push(our);
        theirs.push(their);
        ratios.push(our / their);
    }
    println!("  {what}");
    println!("    vrrpd check {}, keepalived -t {}", Spread::of(ours), Spread::of(theirs));
    println!("    ratio {:.2}\n", Spread::of(ratios));
}

/// What a text takes that nobody wrote by hand.
fn large(vrrpd: &str) {
    let path = std::env::temp_dir().join(format!("vrrp-bench-{}.conf", std::process::id()));
    let text = instances(65_000);
    fs::write(&path, &text).unwrap();
    let measured: Vec<_> = (0..3).map(|_| check(vrrpd, &path)).collect();
    fs::remove_file(&path).unwrap();
    let millis = Spread::of(measured.iter().map(|(time, _)| time.as_secs_f64() * 1e3).collect());
    let peak_kib = measured.iter().map(|(_, kib)| *kib).max().unwrap();
    println!("  65,000 instances, {} MB", text.len() / 1_000_000);
    println!("    vrrpd check {millis}, at most {} MB resident", peak_kib / 1024);
}

/// The time of one check, and the most memory that was seen in use.
fn check(vrrpd: &str, path: &Path) -> (Duration, u64) {
    let start = Instant::now();
    let mut child = std::process::Command::new(vrrpd)
        .arg("check")
        .arg(path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak_kib = 0;
    loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok());
        peak_kib = peak_kib.max(kib.unwrap_or(0));
        if let Some(exit) = child.try_wait().unwrap() {
            assert!(exit.success(), "{exit}");
            return (start.elapsed(), peak_kib);
        }
        sleep(Duration::from_millis(2));
    }
}

/// The median, and what lies around it.
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self { median: values[values.len() / 2], least: values[0], most: values[values.len() - 1] }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { median, least, most } = self;
        let digits = f.precision().unwrap_or(0);
        write!(f, "{median:.digits$} ({least:.digits$} to {most:.digits$})")
    }
}

/// Instances as they are written: 250 on an interface.
fn instances(count: u32) -> String {
    let mut text = String::from(
        "global_defs {\n    router_id bench\n    script_user root\n}\n\nvrrp_script check {\n    \
         script \"/bin/true\"\n    interval 2\n    rise 2\n    fall 3\n    weight -20\n}\n\n",
    );
    for number in 0..count {
        let (interface, vrid) = (number / 250, number % 250 + 1);
        let [_, a, b, c] = number.to_be_bytes();
        write!(
            text,
            "vrrp_instance VI_{number} {{
    state BACKUP
    interface eth{interface}
    virtual_router_id {vrid}
    priority 100
    advert_int 1
    authentication {{
        auth_type PASS
        auth_pass secret12
    }}
    virtual_ipaddress {{
        10.{a}.{b}.{c}/24
        11.{a}.{b}.{c}/24 dev eth{interface} label eth{interface}:{vrid}
        12.{a}.{b}.{c}/24
    }}
    track_script {{
        check
    }}
    notify_master \"/bin/true master VI_{number}\"
    notify_backup \"/bin/true backup VI_{number}\"
}}

"
        )
        .unwrap();
    }
    text
}

/// keepalived.conf(5)'s example of nested sequences, with each instance on an interface of its own.
const SEQUENCE: &str = r#"$VI4= \
track_file offset_instance_4.${IF}.${ID} { \
    file "${_PWD}/track_files/4.${IF}.${ID}" \
    weight -100 \
} \
vrrp_instance vrrp4.${IF}.${ID} { \
    interface bond${IF}.${ID} \
    virtual_router_id ${ID} \
    priority 130 \
    virtual_ipaddress { \
        10.${IF}.0.${ID}/24 \
    } \
    track_file { \
        offset_instance_4.${IF}.${ID} \
    } \
}

~SEQ(IF,0,19) ~SEQ(ID,1,250) $VI4
"#;
