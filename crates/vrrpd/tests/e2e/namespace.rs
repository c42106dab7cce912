//! Daemons in network namespaces of one host: `net_namespace`.

use vrrp_lab::{Command, Exit, Host, Process};

use crate::stage::{LIMIT, Stage, VRRPD, eventually};

fn run(host: &Host, words: &str) -> String {
    let command = Command::new("sh").args(["-c", words]);
    host.run(command).unwrap().success().unwrap()
}

/// A master or backup in this namespace, which tells where its programs run.
fn config(namespace: &str, priority: u8) -> String {
    format!(
        "net_namespace {namespace}
global_defs {{
  script_user root
}}
vrrp_script here {{
  script /run/check.sh
  interval 1
}}
vrrp_instance VI_1 {{
  interface eth0
  virtual_router_id 51
  priority {priority}
  version 3
  advert_int 0.2
  virtual_ipaddress {{
    192.0.2.100/24
  }}
  track_script {{
    here
  }}
  notify /run/notify.sh
}}
"
    )
}

fn start_in(host: &Host, namespace: &str, config: &str) -> Process {
    let file = format!("/run/{namespace}.conf");
    host.write_file(&file, config).unwrap();
    let process = host.spawn(Command::new(VRRPD).args(["run", "-f", &file])).unwrap();
    process.wait_for_line(LIMIT, |line| line.contains(" runs ")).unwrap();
    process
}

fn state(host: &Host, namespace: &str) -> String {
    let run_dir = format!("/run/vrrpd/{namespace}");
    let output = host.run([VRRPD, "status", "--json", "--run-dir", &run_dir]).unwrap();
    let status: serde_json::Value =
        serde_json::from_str(&output.success().unwrap()).expect("a status");
    status["instances"][0]["state"].as_str().unwrap().to_owned()
}

#[test]
fn two_daemons_live_in_namespaces_of_their_own_with_their_programs() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let told = "readlink /proc/self/ns/net >> /run/told";
    host.write_program("/run/notify.sh", format!("#!/bin/sh\n{told}.notify.$3\n")).unwrap();
    host.write_program("/run/check.sh", format!("#!/bin/sh\n{told}.check\n")).unwrap();
    run(host, "ip netns add blue && ip netns add green");
    run(host, "ip -n blue link add eth0 type veth peer name eth0 netns green");
    for (namespace, number) in [("blue", 1), ("green", 2)] {
        run(host, &format!("ip -n {namespace} addr add 192.0.2.{number}/24 dev eth0"));
        run(host, &format!("ip -n {namespace} link set eth0 up"));
    }

    let blue = start_in(host, "blue", &config("blue", 200));
    eventually("blue is MASTER", || state(host, "blue") == "MASTER");
    let _green = start_in(host, "green", &config("green", 100));
    eventually("green is BACKUP", || state(host, "green") == "BACKUP");
    let addresses = |namespace: &str| run(host, &format!("ip -n {namespace} -o addr"));
    assert!(addresses("blue").contains("192.0.2.100/24"));
    assert!(!addresses("green").contains("192.0.2.100/24"));
    assert!(!run(host, "ip -o addr").contains("192.0.2.100"));

    let inode = |namespace: &str| {
        run(host, &format!("ip netns exec {namespace} readlink /proc/self/ns/net"))
    };
    eventually("a notify program of blue's", || {
        host.read_text("/run/told.notify.MASTER").is_ok_and(|told| told == inode("blue"))
    });
    let checks = host.read_text("/run/told.check").unwrap();
    assert!(checks.contains(&inode("blue")) && checks.contains(&inode("green")), "{checks}");
    assert!(!checks.contains(&run(host, "readlink /proc/self/ns/net")), "{checks}");

    // Another namespace is another place to start in.
    host.write_file("/run/blue.conf", config("green", 201)).unwrap();
    let reload = host.run([VRRPD, "reload", "--run-dir", "/run/vrrpd/blue"]).unwrap();
    assert_eq!(reload.exit, Exit::Code(1));
    let said = String::from_utf8_lossy(&reload.stderr).into_owned();
    assert!(said.contains("another `net_namespace` needs a restart"), "{said}");
    assert_eq!(state(host, "blue"), "MASTER");

    assert_eq!(blue.terminate(LIMIT).unwrap(), Exit::Code(0));
    eventually("green is MASTER", || state(host, "green") == "MASTER");
}

#[test]
fn a_namespace_that_is_not_there_is_no_place_to_start_in() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    host.write_file("/run/none.conf", config("none", 100)).unwrap();
    let output = host.run([VRRPD, "run", "-f", "/run/none.conf"]).unwrap();
    assert_eq!(output.exit, Exit::Code(3));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let why = "net_namespace none: cannot open the network namespace: No such file or directory";
    assert!(said.contains(why), "{said}");
    assert!(host.run(["test", "-e", "/run/vrrpd"]).unwrap().exit != Exit::Code(0));
}
