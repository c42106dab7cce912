//! The example routers beside keepalived on one wire: each takes over from the other.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::path::PathBuf;
use std::time::Duration;

use vrrp_lab::{Command, Host, HostOptions, Lab, LabError, LabOptions, Nic, Process, Signal};

/// How long anything may take that is bound to happen: far more than it takes on a slow machine.
const LIMIT: Duration = Duration::from_secs(40);
const VIP: &str = "192.168.122.200/24";

/// Says that a test is skipped, and why; where nothing may be skipped, fails.
fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "may not be skipped here: {why}");
    eprintln!("skipped: {why}");
}

/// The example of this name, which cargo has built beside this test.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.parent().and_then(|deps| deps.parent()).unwrap();
    target.join("examples").join(name)
}

fn keepalived(host: &Host, priority: u8) -> Option<Process> {
    let config = format!(
        "vrrp_instance VI_1 {{\n version 3\n interface eth0\n virtual_router_id 51\n \
         priority {priority}\n advert_int 1\n virtual_ipaddress {{\n {VIP}\n }}\n}}\n"
    );
    let started = host.spawn_keepalived(&config);
    started.map_err(|error| skip(&format!("there is no keepalived: {error}"))).ok()
}

/// Waits until exactly this one of two hosts has the virtual address.
fn wait_for_vip(on: &Host, not_on: &Host) {
    on.wait_for_address("eth0", VIP, true, LIMIT).unwrap();
    not_on.wait_for_address("eth0", VIP, false, LIMIT).unwrap();
}

/// The example comes first, gives way to a better keepalived, takes over from it when it ends, and
/// leaves nothing behind at its own end.
fn each_takes_over(name: &str, end: impl Fn(&Host, &Process)) {
    let program = example(name);
    let lab = match Lab::new(LabOptions::host_program(env!("CARGO_BIN_EXE_lab_host"))) {
        Ok(lab) => lab,
        Err(refused @ LabError::Step { .. }) => return skip(&refused.to_string()),
        Err(error) => panic!("{error}"),
    };
    let lan = lab.wire("lan").unwrap();
    let host = |name: &str, number: u8| {
        let host = lab.host(name, HostOptions::new()).unwrap();
        host.attach(&lan, Nic::new("eth0").address(format!("192.168.122.{number}/24"))).unwrap();
        host
    };
    let (one, two) = (host("one", 101), host("two", 102));

    // Standard input stays open: its end would be the example's.
    let fifo = "mkfifo /run/stdin && exec 9<>/run/stdin && exec \"$0\" \"$@\" </run/stdin";
    let program = program.display().to_string();
    let arguments = ["-c", fifo, &program, "eth0", "51", "150", VIP];
    let ours = one.spawn(Command::new("sh").args(arguments)).unwrap();
    one.wait_for_address("eth0", VIP, true, LIMIT).unwrap();

    let Some(theirs) = keepalived(&two, 200) else { return };
    wait_for_vip(&two, &one);
    theirs.signal(Signal::SIGTERM).unwrap();
    wait_for_vip(&one, &two);
    theirs.wait(LIMIT).unwrap();
    let said = ours.stdout();
    for line in ["(eth0/51) Backup to Active", "(eth0/51) Active to Backup"] {
        assert!(said.contains(line), "no `{line}` in:\n{said}");
    }

    // A lesser keepalived leaves it alone, and takes over when it ends.
    let Some(lesser) = keepalived(&two, 100) else { return };
    lesser.wait_for_line(LIMIT, |line| line.contains("Entering BACKUP STATE")).unwrap();
    end(&one, &ours);
    wait_for_vip(&two, &one);
    let exit = ours.wait(LIMIT).unwrap();
    assert!(exit.is_success(), "{exit:?}");
}

#[test]
fn a_loop_of_ones_own_and_keepalived_take_over_from_each_other() {
    each_takes_over("router", |host, _| {
        host.run(["sh", "-c", "echo > /run/stdin"]).unwrap().success().unwrap();
    });
}

#[test]
fn a_task_on_tokio_and_keepalived_take_over_from_each_other() {
    each_takes_over("router_tokio", |_, process| process.signal(Signal::SIGTERM).unwrap());
}
