//! The daemon as an operator meets it: starts, stops, reloads, refusals.

use vrrp_lab::{Command, Exit, Host, Nic, Signal};

use crate::stage::{
    LIMIT, Stage, VIP, VRRPD, advert, eventually, instance, start, status, wait_for_state,
};

fn config(priority: u8, more: &str) -> String {
    format!(
        "vrrp_instance VI_1 {{
  interface eth0
  virtual_router_id 51
  priority {priority}
  virtual_ipaddress {{
    192.168.122.200/24
  }}
  {more}
}}
"
    )
}

/// A master within half a second, with one more address.
fn config_with(address: &str) -> String {
    let first = "192.168.122.200/24";
    let text = config(150, "version 3\n advert_int 0.1");
    text.replace(first, &format!("{first}\n{address}"))
}

#[test]
fn a_configuration_error_starts_nothing_and_points_at_the_word() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    host.write_file("/run/bad.conf", config(150, "prioritty 90")).unwrap();
    let output = host.run([VRRPD, "run", "-f", "/run/bad.conf"]).unwrap();
    assert_eq!(output.exit, Exit::Code(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("/run/bad.conf:8:3"), "{said}");
    assert!(said.contains("prioritty"), "{said}");
    assert!(said.contains('^'), "{said}");
    assert!(host.run(["test", "-e", "/run/vrrpd"]).unwrap().exit != Exit::Code(0));

    let checked = host.run([VRRPD, "check", "/run/bad.conf"]).unwrap();
    assert_eq!(checked.exit, Exit::Code(1));
    let checked = host.run([VRRPD, "check", "/run/none.conf"]).unwrap();
    assert_eq!(checked.exit, Exit::Code(2));
    host.write_file("/run/good.conf", config(150, "")).unwrap();
    let checked = host.run([VRRPD, "check", "/run/good.conf"]).unwrap();
    assert_eq!(checked.exit, Exit::Code(0));
}

#[test]
fn a_second_daemon_is_refused_and_the_first_stays_reachable() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let _daemon = start(host, &config(150, ""));
    let second = host.run([VRRPD, "run", "-f", "/run/keepalived.conf"]).unwrap();
    assert_eq!(second.exit, Exit::Code(3));
    assert_eq!(status(host)["instances"][0]["name"], "VI_1");
}

#[test]
fn an_address_that_someone_else_removes_is_put_back() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let _daemon = start(host, &config(150, ""));
    wait_for_state(host, "MASTER");
    host.remove_address("eth0", VIP.parse().unwrap()).unwrap();
    eventually("the removal is reported", || {
        instance(host)["remarks"]["addresses_lost"].as_u64().is_some()
    });
    host.wait_for_address("eth0", VIP, true, LIMIT).unwrap();
    assert_eq!(instance(host)["state"], "MASTER");
}

#[test]
fn what_a_killed_daemon_left_is_removed_before_anything_is_said() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let daemon = start(host, &config(150, "on_failure keep"));
    wait_for_state(host, "MASTER");
    daemon.kill().unwrap();
    assert!(host.has_address("eth0", VIP).unwrap(), "it was to stay");
    let daemon = start(host, &config(150, ""));
    daemon.wait_for_line(LIMIT, |line| line.contains("left behind")).unwrap();
    wait_for_state(host, "MASTER");
    assert!(host.has_address("eth0", VIP).unwrap());
}

/// Waits until a host's instance is in FAULT, for this reason if not for it alone.
fn wait_for_fault(host: &Host, reason: &str) {
    eventually(reason, || {
        let told = instance(host);
        let faults = told["faults"].as_array().unwrap();
        told["state"] == "FAULT" && faults.iter().any(|fault| fault == reason)
    });
}

#[test]
fn a_lost_link_is_a_fault_with_a_name_and_its_return_ends_it() {
    let Some(stage) = Stage::new() else { return };
    let host = stage.lab.host("server3", vrrp_lab::HostOptions::new()).unwrap();
    let nic = || Nic::new("eth0").address("192.168.122.103/24");
    let cable = host.attach(&stage.lan, nic()).unwrap();
    let _daemon = start(&host, &config(150, ""));
    wait_for_state(&host, "MASTER");

    cable.cut().unwrap();
    wait_for_fault(&host, "the interface has no carrier");
    assert!(!host.has_address("eth0", VIP).unwrap());
    cable.mend().unwrap();
    wait_for_state(&host, "MASTER");

    host.set_link("eth0", false).unwrap();
    wait_for_fault(&host, "the interface is down");
    host.set_link("eth0", true).unwrap();
    wait_for_state(&host, "MASTER");

    cable.remove().unwrap();
    wait_for_fault(&host, "the interface does not exist");
    let _cable = host.attach(&stage.lan, nic()).unwrap();
    wait_for_state(&host, "MASTER");
    host.wait_for_address("eth0", VIP, true, LIMIT).unwrap();
}

#[test]
fn who_cannot_hear_does_not_take_part() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let memberships = |max| host.sysctl("net.ipv4.igmp_max_memberships", max).unwrap();
    memberships("0");
    let wire = stage.lan.capture().unwrap();
    let _daemon = start(host, &config(150, "version 3\n advert_int 0.1"));
    wait_for_fault(host, "adverts cannot be received on the interface");
    let told = status(host);
    let error = told["interfaces"][0]["error"].as_str().unwrap();
    assert!(error.contains("cannot join"), "{error}");

    memberships("20");
    wait_for_state(host, "MASTER");
    let history = instance(host)["history"].clone();
    let states: Vec<_> = history.as_array().unwrap().iter().map(|one| &one["to"]).collect();
    assert_eq!(states, ["FAULT", "BACKUP", "MASTER"]);
    assert!(wire.frames().iter().filter_map(advert).all(|seen| seen.priority == 150));
}

#[test]
fn an_address_on_another_interface_needs_it_running() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let (here, there) = ("192.168.122.200/24", "192.168.99.200/24");
    let _daemon = start(host, &config_with(&format!("{there} dev eth7")));
    wait_for_fault(host, "eth7 (of an address) failed");
    let tracker = status(host)["trackers"][0].take();
    assert_eq!((&tracker["name"], &tracker["verdict"]), (&"eth7".into(), &"down".into()));

    let side = stage.lab.wire("side").unwrap();
    let cable = host.attach(&side, Nic::new("eth7")).unwrap();
    wait_for_state(host, "MASTER");
    host.wait_for_address("eth7", there, true, LIMIT).unwrap();

    cable.cut().unwrap();
    wait_for_fault(host, "eth7 (of an address) failed");
    host.wait_for_address("eth7", there, false, LIMIT).unwrap();
    assert!(!host.has_address("eth0", here).unwrap());
}

#[test]
fn an_address_that_is_not_tracked_is_not_put_back_and_needs_no_running_interface() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let (here, there) = ("192.168.122.200/24", "192.168.123.200/24");
    host.set_link("ens9", false).unwrap();
    let _daemon = start(host, &config_with(&format!("{there} dev ens9 no_track")));
    wait_for_state(host, "MASTER");
    host.wait_for_address("ens9", there, true, LIMIT).unwrap();
    // Removals are told in their order: by the time of the second, the first would be counted.
    host.remove_address("ens9", there.parse().unwrap()).unwrap();
    host.remove_address("eth0", here.parse().unwrap()).unwrap();
    let lost = || instance(host)["remarks"]["addresses_lost"].as_u64();
    eventually("a removal is told", || lost().is_some());
    assert_eq!(lost(), Some(1));
    host.wait_for_address("eth0", here, true, LIMIT).unwrap();
}

#[test]
fn an_address_that_is_not_tracked_comes_when_its_interface_does() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let (here, there) = ("192.168.122.200/24", "192.168.99.200/24");
    let daemon = start(host, &config_with(&format!("{there} dev eth7 no_track")));
    wait_for_state(host, "MASTER");
    daemon.wait_for_line(LIMIT, |line| line.contains("on eth7 has to wait")).unwrap();
    host.wait_for_address("eth0", here, true, LIMIT).unwrap();
    let before = instance(host)["history"].clone();

    let side = stage.lab.wire("side").unwrap();
    host.attach(&side, Nic::new("eth7")).unwrap();
    host.wait_for_address("eth7", there, true, LIMIT).unwrap();
    assert_eq!(instance(host)["history"], before);
}

#[test]
fn a_reload_with_an_error_changes_nothing_and_a_sound_one_is_taken() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let daemon = start(host, &config(150, ""));
    wait_for_state(host, "MASTER");
    let before = instance(host)["history"].clone();

    host.write_file("/run/keepalived.conf", config(150, "nonsense")).unwrap();
    daemon.signal(Signal::SIGHUP).unwrap();
    eventually("the refusal is told", || status(host)["reload_refused"].is_string());
    assert_eq!(instance(host)["history"], before);
    let refusal = daemon.wait_for_line(LIMIT, |line| line.contains("not reloaded")).unwrap();
    assert!(refusal.ends_with("in force: /run/keepalived.conf has errors"), "{refusal}");
    let said = daemon.stderr();
    assert!(said.contains("/run/keepalived.conf:8:3"), "{said}");
    // What is said to somebody who starts a daemon would mislead here.
    assert!(!said.contains("nothing was started") && !said.contains("--lenient"), "{said}");

    host.write_file("/run/keepalived.conf", config(160, "")).unwrap();
    daemon.signal(Signal::SIGHUP).unwrap();
    eventually("the new priority", || instance(host)["priority"]["base"] == 160);
    assert!(status(host)["reload_refused"].is_null());
    wait_for_state(host, "MASTER");
}

#[test]
fn a_notify_program_that_hangs_is_reported_and_does_not_keep_the_next_one() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let script =
        "#!/bin/sh\necho \"$3\" >> /run/told\n[ \"$3\" = BACKUP ] && exec sleep 1000\nexit 0\n";
    host.write_program("/run/notify.sh", script).unwrap();
    let config = |limit_s: u32| {
        let limit = format!("global_defs {{\n  vrrp_notify_timeout {limit_s}\n}}\n");
        limit + &config(150, "notify /run/notify.sh")
    };
    let told = |wanted: &str| host.read_text("/run/told").is_ok_and(|told| told == wanted);
    let daemon = start(host, &config(1));
    eventually("MASTER is told after the limit", || told("BACKUP\nMASTER\n"));
    daemon.wait_for_line(LIMIT, |line| line.contains("still running after 1s")).unwrap();

    // A reload changes the limit, and nothing about the instance.
    host.write_file("/run/keepalived.conf", config(2)).unwrap();
    daemon.signal(Signal::SIGHUP).unwrap();
    daemon.wait_for_line(LIMIT, |line| line.contains("reloaded")).unwrap();
    host.run(["ip", "link", "set", "eth0", "down"]).unwrap().success().unwrap();
    host.run(["ip", "link", "set", "eth0", "up"]).unwrap().success().unwrap();
    daemon.wait_for_line(LIMIT, |line| line.contains("still running after 2s")).unwrap();
}

#[test]
fn an_interrupt_resigns_and_leaves_nothing() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let wire = stage.lan.capture().unwrap();
    let daemon = start(host, &config(150, ""));
    wait_for_state(host, "MASTER");
    daemon.signal(Signal::SIGINT).unwrap();
    assert_eq!(daemon.wait(LIMIT).unwrap(), Exit::Code(0));
    crate::stage::wait_for_advert(&wire, 101, 0);
    assert!(!host.has_address("eth0", VIP).unwrap());
    let asked = host.run(Command::new(VRRPD).arg("status")).unwrap();
    assert_eq!(asked.exit, Exit::Code(3));
}
