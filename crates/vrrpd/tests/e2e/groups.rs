//! Sync groups: two networks whose addresses stay together.

use vrrp_lab::{Capture, Command, Host, Process};

use crate::interop::keepalived;
use crate::stage::{
    CONFIG, LIMIT, Stage, VIP, VRRPD, advert, eventually, start, status, wait_for_vip,
};

/// The address on the network behind.
const INNER_VIP: &str = "192.168.123.200/24";
/// The daemon's and keepalived's program, which tells what was told to it.
const NOTIFY: &str = "/run/notify.sh";
const NOTIFY_SCRIPT: &str = "#!/bin/sh\necho \"$1 $2 $3 $4\" >> /run/notified\n";

const GROUP: &str = "vrrp_sync_group site {
  group {
    VI_OUT
    VI_IN
  }
  notify \"/run/notify.sh\"
}
";

fn instances(priority: u8) -> String {
    let instance = |name: &str, interface: &str, vrid: u8, address: &str| {
        format!(
            "vrrp_instance {name} {{
  state BACKUP
  interface {interface}
  virtual_router_id {vrid}
  priority {priority}
  advert_int 1
  virtual_ipaddress {{
    {address}
  }}
}}
"
        )
    };
    instance("VI_OUT", "eth0", 51, VIP) + &instance("VI_IN", "ens9", 52, INNER_VIP)
}

fn config(priority: u8) -> String {
    format!("{GROUP}{}", instances(priority))
}

fn stage() -> Option<Stage> {
    let stage = Stage::new()?;
    for server in [&stage.server1, &stage.server2] {
        server.write_program(NOTIFY, NOTIFY_SCRIPT).unwrap();
    }
    Some(stage)
}

/// Waits until this one of two hosts has both addresses, and the other neither.
fn wait_for_both(on: &Host, not_on: &Host) {
    wait_for_vip(on, not_on);
    wait_for_inner(on, true);
    wait_for_inner(not_on, false);
}

fn wait_for_inner(host: &Host, there: bool) {
    host.wait_for_address("ens9", INNER_VIP, there, LIMIT).unwrap();
}

fn wait_for_group(host: &Host, state: &str) {
    eventually(&format!("{}: {state}", host.name()), || {
        let status = status(host);
        let instances = status["instances"].as_array().unwrap();
        status["sync_groups"][0]["state"] == state
            && instances.iter().all(|instance| instance["state"] == state)
    });
}

/// What a host's group was said to be, one after the other.
fn group_states(host: &Host) -> Vec<String> {
    let text = host.read_text("/run/notified").unwrap_or_default();
    let states = text.lines().filter_map(|line| line.strip_prefix("GROUP site "));
    states.map(str::to_owned).collect()
}

/// Kills the daemon of the first server, takes its inner network, and gives both back: both
/// addresses move each time.
fn both_move_and_come_back(stage: &Stage, ours: Process) -> Process {
    let Stage { server1, server2, .. } = stage;
    wait_for_both(server1, server2);
    wait_for_group(server1, "MASTER");

    ours.kill().unwrap();
    server2.wait_for_address("eth0", VIP, true, LIMIT).unwrap();
    wait_for_inner(server2, true);
    let ours = start(server1, &config(150));
    wait_for_both(server1, server2);

    server1.set_link("ens9", false).unwrap();
    wait_for_group(server1, "FAULT");
    let told = status(server1);
    assert_eq!(told["instances"][0]["faults"][0], "VI_IN of its sync group cannot take part");
    wait_for_both(server2, server1);
    server1.set_link("ens9", true).unwrap();
    wait_for_both(server1, server2);
    wait_for_group(server1, "MASTER");
    ours
}

#[test]
fn both_addresses_move_together_between_two_of_our_own() {
    let Some(stage) = stage() else { return };
    let ours = start(&stage.server1, &config(150));
    let other = start(&stage.server2, &config(100));
    let ours = both_move_and_come_back(&stage, ours);
    wait_for_group(&stage.server2, "BACKUP");

    ours.terminate(LIMIT).unwrap();
    wait_for_both(&stage.server2, &stage.server1);
    other.terminate(LIMIT).unwrap();
    let life = ["BACKUP 0", "MASTER 0"];
    let second_life = ["BACKUP 0", "MASTER 0", "FAULT 0", "BACKUP 0", "MASTER 0", "STOP 0"];
    assert_eq!(group_states(&stage.server1), [&life[..], &second_life].concat());
    let text = stage.server1.run([VRRPD, "check", CONFIG]).unwrap();
    text.success().unwrap();
}

#[test]
fn both_addresses_move_together_beside_keepalived() {
    let Some(stage) = stage() else { return };
    let Stage { server1, server2, .. } = &stage;
    let ours = start(server1, &config(150));
    let Some(theirs) = keepalived(server2, &config(100)) else { return };
    let ours = both_move_and_come_back(&stage, ours);

    // It is the master on both, dies on both, and gives way on both.
    ours.terminate(LIMIT).unwrap();
    wait_for_both(server2, server1);
    let ours = start(server1, &config(50));
    wait_for_group(server1, "BACKUP");
    theirs.terminate(LIMIT).unwrap();
    wait_for_both(server1, server2);
    let Some(theirs) = keepalived(server2, &config(100)) else { return };
    wait_for_both(server2, server1);
    wait_for_group(server1, "BACKUP");
    theirs.terminate(LIMIT).unwrap();
    ours.terminate(LIMIT).unwrap();
}

/// How often a server has become master, by instance.
fn became_master(host: &Host) -> Vec<u64> {
    let status = status(host);
    let instances = status["instances"].as_array().unwrap();
    instances.iter().map(|instance| instance["became_master"].as_u64().unwrap()).collect()
}

/// The priorities that were advertised since the last look.
fn advertised(wire: &Capture) -> Vec<u8> {
    wire.frames().iter().filter_map(advert).map(|seen| seen.priority).collect()
}

#[test]
fn instances_join_and_leave_a_group_without_letting_go_of_their_addresses() {
    let Some(stage) = stage() else { return };
    let Stage { server1, server2, .. } = &stage;
    let wire = stage.lan.capture().unwrap();
    let reload = |config: String| {
        server1.write_file(CONFIG, config).unwrap();
        server1.run(Command::new(VRRPD).arg("reload")).unwrap().success().unwrap()
    };
    let _ours = start(server1, &instances(150));
    let _other = start(server2, &config(100));
    wait_for_both(server1, server2);

    assert!(reload(config(150)).contains("sync group site: starts (VI_OUT, VI_IN)"));
    wait_for_group(server1, "MASTER");
    let with_a_third = config(150).replace("VI_IN\n  }\n", "VI_IN\n    VI_MORE\n  }\n")
        + &instances(150)
            .split_once("vrrp_instance VI_IN")
            .unwrap()
            .1
            .replacen("", "vrrp_instance VI_MORE", 1)
            .replace("52", "53")
            .replace(".200/24", ".201/24");
    assert!(reload(with_a_third).contains("sync group site: member VI_MORE added"));
    wait_for_group(server1, "MASTER");
    server1.wait_for_address("ens9", "192.168.123.201/24", true, LIMIT).unwrap();
    assert_eq!(became_master(server1), [1, 1, 1]);

    assert!(reload(instances(150)).contains("sync group site: ends"));
    server1.wait_for_address("ens9", "192.168.123.201/24", false, LIMIT).unwrap();
    assert_eq!(became_master(server1), [1, 1]);
    assert_eq!(status(server1)["sync_groups"].as_array().unwrap().len(), 0);
    let priorities = advertised(&wire);
    assert!(!priorities.is_empty() && priorities.iter().all(|priority| *priority == 150));

    // They are on their own: one fails without the other.
    server1.set_link("ens9", false).unwrap();
    eventually("VI_IN: FAULT", || status(server1)["instances"][1]["state"] == "FAULT");
    assert_eq!(status(server1)["instances"][0]["state"], "MASTER");
}
