//! A day in the life beside keepalived on the same wire.

use std::time::Duration;

use vrrp_lab::{Capture, Host, Process, Signal};

use crate::stage::{LIMIT, Stage, advert, skip, start, wait_for_state, wait_for_vip};

pub(crate) fn config(extra: &str, priority: u8) -> String {
    format!(
        "vrrp_instance VI_1 {{
  state BACKUP
  interface eth0
  virtual_router_id 51
  priority {priority}
  advert_int 1
  {extra}
  virtual_ipaddress {{
    192.168.122.200/24
  }}
}}
"
    )
}

pub(crate) fn keepalived(host: &Host, config: &str) -> Option<Process> {
    let started = host.spawn_keepalived(config);
    started.map_err(|error| skip(&format!("there is no keepalived: {error}"))).ok()
}

/// What keepalived says of an advert that it does not like.
pub(crate) fn complaints(process: &Process) -> Vec<String> {
    let log = process.stdout() + &process.stderr();
    let bad = ["bogus", "invalid", "mismatch", "wrong", "dropping", "error"];
    let complains = |line: &&str| bad.iter().any(|word| line.to_lowercase().contains(word));
    log.lines().filter(complains).map(str::to_owned).collect()
}

/// For three intervals nobody but the master speaks.
pub(crate) fn assert_peace(wire: &Capture, master: u8) {
    wire.frames();
    let mut heard = 0;
    while heard < 3 {
        let frame = wire.next(LIMIT).expect("a master that advertises");
        if let Some(seen) = advert(&frame) {
            assert_eq!(seen.source.to_string(), format!("192.168.122.{master}"));
            heard += 1;
        }
    }
}

pub(crate) fn a_day(extra: &str) {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    let wire = stage.lan.capture().unwrap();

    // vrrpd comes first and keepalived stays quiet beside it.
    let ours = start(server1, &config(extra, 150));
    wait_for_state(server1, "MASTER");
    let Some(theirs) = keepalived(server2, &config(extra, 100)) else { return };
    theirs.wait_for_line(LIMIT, |line| line.contains("Entering BACKUP STATE")).unwrap();
    wait_for_vip(server1, server2);
    assert_peace(&wire, 101);

    // A stop hands over, a start takes back.
    ours.terminate(LIMIT).unwrap();
    wait_for_vip(server2, server1);
    let ours = start(server1, &config(extra, 150));
    wait_for_vip(server1, server2);
    assert_peace(&wire, 101);

    // A killed one is succeeded too, and wins again when it comes back.
    ours.kill().unwrap();
    server2.wait_for_address("eth0", crate::stage::VIP, true, LIMIT).unwrap();
    let ours = start(server1, &config(extra, 150));
    wait_for_vip(server1, server2);
    assert_peace(&wire, 101);
    assert_eq!(complaints(&theirs), Vec::<String>::new());
    theirs.terminate(LIMIT).unwrap();

    // A keepalived that is worth more takes over, and hands back.
    let Some(theirs) = keepalived(server2, &config(extra, 200)) else { return };
    wait_for_vip(server2, server1);
    wait_for_state(server1, "BACKUP");
    assert_peace(&wire, 102);
    theirs.signal(Signal::SIGTERM).unwrap();
    wait_for_vip(server1, server2);
    assert_eq!(complaints(&theirs), Vec::<String>::new());
    theirs.wait(LIMIT + Duration::from_secs(5)).unwrap();

    ours.terminate(LIMIT).unwrap();
}

#[test]
fn a_day_with_keepalived_in_version_2_with_a_password() {
    a_day("version 2\n  authentication {\n    auth_type PASS\n    auth_pass 12345\n  }");
}

#[test]
fn a_day_with_keepalived_in_version_3() {
    a_day("version 3");
}
