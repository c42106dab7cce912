//! How long a check takes, beside `keepalived -t` on the same files in the same run.
//!
//! `cargo run --release -p vrrp-conf --example speed`

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on stops")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use vrrp_conf::{Options, load};

const RUNS: usize = 5;

fn main() {
    if let Some(file) = std::env::args().nth(1) {
        return check(Path::new(&file));
    }
    let directory = std::env::temp_dir().join(format!("vrrp-conf-speed-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    println!("{:32} {:>10} {:>10} {:>10}", "configuration", "vrrpd", "memory", "keepalived");
    for (name, text, beside_keepalived) in [
        ("250 instances", instances(250), true),
        ("~SEQ: 5,000 instances", sequence(), true),
        ("65,000 instances", instances(65_000), false),
    ] {
        let file = directory.join("test.conf");
        fs::write(&file, text).unwrap();
        let own = std::env::current_exe().unwrap();
        let ours = median(|| time(Command::new(&own).arg(&file)));
        let memory = Command::new(&own).arg(&file).output().unwrap();
        let memory = String::from_utf8_lossy(&memory.stdout).trim().to_owned();
        let theirs = match beside_keepalived {
            true => median(|| time(Command::new("keepalived").arg("-t").arg("-f").arg(&file))),
            false => None,
        };
        let shown = |time: Option<Duration>| match time {
            Some(time) => format!("{:.1} ms", time.as_secs_f64() * 1000.0),
            None => "-".to_owned(),
        };
        println!("{name:32} {:>10} {memory:>10} {:>10}", shown(ours), shown(theirs));
    }
    fs::remove_dir_all(directory).unwrap();
}

/// Checks a file, and prints the most memory that it took.
fn check(file: &Path) {
    let loaded = load(file, &Options::default()).unwrap();
    assert!(loaded.config.is_some(), "{}", loaded.render(vrrp_conf::RenderOptions::default()));
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    println!("{}", peak.unwrap_or("unknown").trim());
}

/// The time that a command takes; `None` if there is no such program.
fn time(command: &mut Command) -> Option<Duration> {
    let start = Instant::now();
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    Some(start.elapsed())
}

fn median(mut measure: impl FnMut() -> Option<Duration>) -> Option<Duration> {
    let mut times: Vec<_> = (0..RUNS).filter_map(|_| measure()).collect();
    times.sort();
    times.get(times.len() / 2).copied()
}

fn instances(count: u32) -> String {
    let mut text = String::from("global_defs {\n    router_id speed\n}\n\n");
    for number in 0..count {
        let (interface, vrid) = (number / 255, number % 255 + 1);
        let [_, a, b, c] = number.to_be_bytes();
        write!(
            text,
            "vrrp_instance VI_{number} {{\n    state BACKUP\n    interface eth{interface}\n    \
             virtual_router_id {vrid}\n    priority 100\n    advert_int 1\n    authentication \
             {{\n        auth_type PASS\n        auth_pass secret12\n    }}\n    virtual_ipaddress \
             {{\n        10.{a}.{b}.{c}/24\n        11.{a}.{b}.{c}/24\n    }}\n    \
             track_interface {{\n        eth{interface} weight 5\n    }}\n}}\n"
        )
        .unwrap();
    }
    text
}

/// The manual's example of several sequences, with each instance on an interface of its own.
fn sequence() -> String {
    let instance = "$VI4= \\
track_file offset_instance_4.${IF}.${ID} { \\
    file \"${_PWD}/track_files/4.${IF}.${ID}\" \\
    weight -100 \\
} \\
vrrp_instance vrrp4.${IF}.${ID} { \\
    interface bond${IF}.${ID} \\
    virtual_router_id ${ID} \\
    priority 130 \\
    virtual_ipaddress { \\
        10.${IF}.0.${ID}/24 \\
    } \\
    track_file { \\
        offset_instance_4.${IF}.${ID} \\
    } \\
}
";
    format!("{instance}\n~SEQ(IF,0,19) ~SEQ(ID,1,250) $VI4\n")
}
