//! `vrrpd upgrade`: another program in the same process, and nobody notices.

use std::time::{Duration, Instant};

use serde_json::Value;
use vrrp_lab::{Capture, Command, Exit, Frame, Host, Output, Process};

use crate::stage::{
    LIMIT, Seen, Stage, VIP, VRRPD, advert, eventually, instance, router, start, status,
    wait_for_advert, wait_for_state, wait_for_vip,
};

fn at_one_second(priority: u8, more: &str) -> String {
    router("VI_1", 51, priority, VIP, more).replace("advert_int 0.2", "advert_int 1")
}

/// Has the daemon on a host replace its program.
fn ask(host: &Host, more: &[&str]) -> Output {
    let command = Command::new(VRRPD).args(["upgrade", "--json"]);
    host.run(command.args(more.iter().copied())).unwrap()
}

/// Has it do so, and says what it answers.
fn upgrade(host: &Host) -> Value {
    let answer = ask(host, &[]).success().unwrap();
    let report: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(report["upgraded"], true, "{report}");
    report
}

#[test]
fn a_master_goes_on_in_another_program_and_nobody_notices() {
    let Some(stage) = Stage::new() else { return };
    let (one, two) = (&stage.server1, &stage.server2);
    let master = start(one, &at_one_second(150, ""));
    wait_for_state(one, "MASTER");
    one.wait_for_address("eth0", VIP, true, LIMIT).unwrap();
    let _peer = start(two, &at_one_second(100, ""));
    wait_for_state(two, "BACKUP");
    let pid = status(one)["pid"].clone();
    let watch = one.spawn(["ip", "-o", "monitor", "address"]).unwrap();
    let wire = stage.lan.capture().unwrap();
    wait_for_advert(&wire, 101, 150);
    let report = upgrade(one);
    eprintln!("{report}");
    assert_eq!(report["masters"], 1, "{report}");
    assert_eq!(status(one)["pid"], pid);
    assert_eq!(instance(one)["state"], "MASTER");
    wait_for_advert(&wire, 101, 150);
    assert_eq!(watch.stdout(), "");
    eprintln!("{}", master.stderr());
}
