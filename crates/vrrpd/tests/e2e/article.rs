//! The article's trials, with its configurations.

use vrrp_lab::{Command, Host};

use crate::stage::{
    LIMIT, Stage, VIP, instance, skip, start, wait_for_advert, wait_for_state, wait_for_vip,
};

const SERVER1: u8 = 101;
const SERVER2: u8 = 102;

/// One server's configuration, out of the pieces that the article's configurations share.
fn config(definitions: &str, state: &str, priority: u8, tracking: &str) -> String {
    format!(
        "{definitions}

vrrp_instance VI_1 {{
  state {state}
  interface eth0
  virtual_router_id 51
  priority {priority}
  advert_int 1
  authentication {{
    auth_type PASS
    auth_pass 12345
  }}
  virtual_ipaddress {{
    192.168.122.200/24
  }}
  {tracking}
}}
"
    )
}

#[test]
fn a_process_that_dies_moves_the_address_and_one_that_comes_back_returns_it() {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    let definition = "vrrp_track_process track_apache {
  process httpd
  weight 10
}";
    let tracking = "track_process {
    track_apache
  }";
    let wire = stage.lan.capture().unwrap();
    let httpd1 = server1.spawn(Command::idle("httpd")).unwrap();
    let _httpd2 = server2.spawn(Command::idle("httpd")).unwrap();
    let _daemon1 = start(server1, &config(definition, "MASTER", 244, tracking));
    let _daemon2 = start(server2, &config(definition, "BACKUP", 240, tracking));

    wait_for_advert(&wire, SERVER1, 254);
    wait_for_vip(server1, server2);
    let priority = &instance(server1)["priority"];
    assert_eq!(priority["base"], 244);
    assert_eq!(priority["contributions"][0]["name"], "track_apache");
    assert_eq!(priority["contributions"][0]["adds"], 10);

    httpd1.kill().unwrap();
    wait_for_advert(&wire, SERVER1, 244);
    wait_for_advert(&wire, SERVER2, 250);
    wait_for_vip(server2, server1);

    let _httpd1 = server1.spawn(Command::idle("httpd")).unwrap();
    wait_for_advert(&wire, SERVER1, 254);
    wait_for_vip(server1, server2);
}

#[test]
fn a_files_number_counts_as_it_is_written_and_as_it_is_replaced() {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    let definition = "vrrp_track_file track_app_file {
  file /var/run/my_app/vrrp_track_file
}";
    let tracking = "track_file {
    track_app_file weight 1
  }";
    let file = "/run/my_app/vrrp_track_file";
    server1.run(["mkdir", "/run/my_app"]).unwrap().success().unwrap();
    let observer = stage.observer();
    let listens = Command::new("tcpdump").args(["-l", "-n", "-Z", "root", "-i", "eth0", "vrrp"]);
    let Ok(tcpdump) = observer.spawn(listens) else { return skip("there is no tcpdump") };
    let line = |priority: u8| {
        format!(
            "VRRPv2, Advertisement, vrid 51, prio {priority}, authtype simple, intvl 1s, length 20"
        )
    };
    let shows = |priority: u8| {
        let line = line(priority);
        tcpdump.wait_for_line(LIMIT, |printed| printed.contains(&line)).unwrap();
    };

    server1.write_file(file, "5\n").unwrap();
    let _daemon1 = start(server1, &config(definition, "MASTER", 244, tracking));
    let _daemon2 = start(server2, &config("", "BACKUP", 245, ""));
    shows(249);
    wait_for_vip(server1, server2);

    server1.replace_file(file, "6\n").unwrap();
    shows(250);

    server1.write_file(file, "0\n").unwrap();
    shows(244);
    wait_for_vip(server2, server1);

    server1.write_file(file, "6\n").unwrap();
    wait_for_vip(server1, server2);
    server1.remove_file(file).unwrap();
    wait_for_vip(server2, server1);
    server1.write_file(file, "5\n").unwrap();
    wait_for_vip(server1, server2);
}

#[test]
fn an_interface_that_goes_down_moves_the_address() {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    let tracking = "track_interface {
    ens9 weight 5
  }";
    let wire = stage.lan.capture().unwrap();
    let _daemon1 = start(server1, &config("", "MASTER", 244, tracking));
    let _daemon2 = start(server2, &config("", "BACKUP", 240, tracking));
    wait_for_advert(&wire, SERVER1, 249);
    wait_for_vip(server1, server2);

    server1.set_link("ens9", false).unwrap();
    wait_for_advert(&wire, SERVER1, 244);
    wait_for_advert(&wire, SERVER2, 245);
    wait_for_vip(server2, server1);

    server1.set_link("ens9", true).unwrap();
    wait_for_advert(&wire, SERVER1, 249);
    wait_for_vip(server1, server2);
}

/// The article's check, of an address that is the observer's.
fn check_script() -> &'static str {
    "#!/bin/sh\n[ -e /run/healthy ]\n"
}

const NOTIFY_SCRIPT: &str = "#!/bin/sh
echo \"$1 $2 has transitioned to the $3 state with a priority of $4\" >> /run/keepalived_status
";

/// What the notify script has written so far.
fn notified(host: &Host) -> Vec<String> {
    let text = host.read_text("/run/keepalived_status").unwrap_or_default();
    let words = |line: &str| {
        let (_, rest) = line.split_once("has transitioned to the ").unwrap();
        rest.split(' ').next().unwrap().to_owned()
    };
    text.lines().map(words).collect()
}

#[test]
fn a_script_that_fails_three_times_is_a_fault_and_the_notify_script_hears_of_all() {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    let definition = r#"vrrp_script keepalived_check {
  script "/run/keepalived_check.sh"
  interval 1
  timeout 5
  rise 3
  fall 3
}"#;
    let tracking = r#"track_script {
    keepalived_check
  }
  notify "/run/keepalived_notify.sh""#;
    server1.write_program("/run/keepalived_check.sh", check_script()).unwrap();
    server1.write_program("/run/keepalived_notify.sh", NOTIFY_SCRIPT).unwrap();
    server1.write_file("/run/healthy", "").unwrap();
    let daemon1 = start(server1, &config(definition, "MASTER", 244, tracking));
    let _daemon2 = start(server2, &config("", "BACKUP", 100, ""));
    wait_for_vip(server1, server2);

    server1.remove_file("/run/healthy").unwrap();
    wait_for_state(server1, "FAULT");
    assert!(instance(server1)["faults"][0].as_str().unwrap().contains("keepalived_check"));
    wait_for_vip(server2, server1);

    server1.write_file("/run/healthy", "").unwrap();
    wait_for_vip(server1, server2);
    wait_for_state(server1, "MASTER");

    daemon1.terminate(LIMIT).unwrap();
    assert!(!server1.has_address("eth0", VIP).unwrap());
    assert_eq!(notified(server1), ["BACKUP", "MASTER", "FAULT", "BACKUP", "MASTER", "STOP"]);
    let text = server1.read_text("/run/keepalived_status").unwrap();
    let first = "INSTANCE VI_1 has transitioned to the BACKUP state with a priority of 244";
    assert_eq!(text.lines().next(), Some(first));
}
