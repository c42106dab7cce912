#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
//! Hosts and wires as a test of a daemon uses them.

use std::time::Duration;

use vrrp_lab::{Command, Exit, Host, HostOptions, Lab, LabOptions, Nic};

const PROGRAM: &str = env!("CARGO_BIN_EXE_vrrp-lab-init");
const SOON: Duration = Duration::from_secs(10);

fn two_hosts(lab: &Lab) -> (Host, Host) {
    let lan = lab.wire("lan").unwrap();
    let one = lab.host("one", HostOptions::new()).unwrap();
    let two = lab.host("two", HostOptions::new()).unwrap();
    one.attach(&lan, Nic::new("eth0").address("10.0.0.1/24")).unwrap();
    two.attach(&lan, Nic::new("eth0").address("10.0.0.2/24")).unwrap();
    (one, two)
}

#[test]
fn two_hosts_exchange_datagrams() {
    let lab = Lab::new(LabOptions::host_program(PROGRAM)).unwrap();
    let (one, two) = two_hosts(&lab);
    let ear = two.spawn(Command::host_program("ear").args(["hear", "10.0.0.2:7000"])).unwrap();
    ear.wait_for_line(SOON, |line| line == "listening on 10.0.0.2:7000").unwrap();
    let said =
        one.run(Command::host_program("mouth").args(["say", "10.0.0.2:7000", "hi"])).unwrap();
    assert_eq!(said.success().unwrap(), "10.0.0.2 answers hi\n");
    assert_eq!(ear.wait(SOON).unwrap(), Exit::Code(0));
    assert_eq!(ear.stdout().lines().last(), Some("10.0.0.1 says hi"));
}
