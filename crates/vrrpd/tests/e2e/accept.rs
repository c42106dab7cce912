//! `no_accept`: an address that is a gateway and nothing else.

use vrrp_lab::{Command, Exit, Host, HostOptions, Nic, Signal};

use crate::stage::{
    LIMIT, Stage, VIP, VRRPD, eventually, instance, router, skip, start, wait_for_state,
};

const CONFIG: &str = "/run/keepalived.conf";
const GATEWAY: &str = "192.168.122.200";
/// The address of the network behind the servers that only server 1 routes to.
const BEHIND: &str = "192.168.123.9";

/// The ruleset of nftables; `None` where there is no nft(8).
fn ruleset(host: &Host) -> Option<String> {
    let output = host.run(["nft", "list", "ruleset"]).ok()?;
    Some(output.success().unwrap())
}

fn ip(host: &Host, words: &str) {
    let command = Command::new("ip").args(words.split(' '));
    host.run(command).unwrap().success().unwrap();
}

/// Whether one of three echo requests is answered.
fn answers(from: &Host, address: &str) -> bool {
    let command = Command::new("ping").args(["-n", "-c", "3", "-i", "0.2", "-W", "1", address]);
    from.run(command).unwrap().exit == Exit::Code(0)
}

/// A client on the front network, whose way to the back leads through the gateway, and one behind.
fn clients(stage: &Stage) -> (Host, Host) {
    let client = stage.observer();
    let behind = stage.lab.host("behind", HostOptions::new()).unwrap();
    behind.attach(&stage.back, Nic::new("eth0").address(format!("{BEHIND}/24"))).unwrap();
    ip(&behind, "route add 192.168.122.0/24 via 192.168.123.101");
    ip(&client, &format!("route add 192.168.123.0/24 via {GATEWAY}"));
    stage.server1.sysctl("net.ipv4.ip_forward", "1").unwrap();
    (client, behind)
}

fn reload(host: &Host, daemon: &vrrp_lab::Process, config: &str) {
    let reloads = || daemon.stderr().matches("reloaded\n").count();
    let before = reloads();
    host.write_file(CONFIG, config).unwrap();
    daemon.signal(Signal::SIGHUP).unwrap();
    eventually("it is reloaded", || reloads() > before);
}

#[test]
fn a_gateway_that_accepts_nothing_forwards_and_is_found() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    if ruleset(host).is_none() {
        return skip("there is no nft(8)");
    }
    let (client, _behind) = clients(&stage);
    let daemon = start(host, &router("VI_1", 51, 150, VIP, "no_accept"));
    wait_for_state(host, "MASTER");
    host.wait_for_address("eth0", VIP, true, LIMIT).unwrap();
    assert!(ruleset(host).unwrap().contains(GATEWAY));

    assert!(answers(&client, BEHIND), "what is forwarded passes");
    assert!(answers(&client, "192.168.122.101"), "so does what is for its own address");
    assert!(!answers(&client, GATEWAY), "the virtual one answers nothing");
    let neighbours = client.run(["ip", "neigh", "show", GATEWAY]).unwrap().success().unwrap();
    assert!(neighbours.contains("lladdr"), "but ARP: {neighbours}");

    // In place: it stays master, and the address stays.
    let transitions = || instance(host)["became_master"].clone();
    let before = transitions();
    reload(host, &daemon, &router("VI_1", 51, 150, VIP, "accept"));
    eventually("nothing is left of it", || ruleset(host).unwrap().is_empty());
    assert!(answers(&client, GATEWAY));
    reload(host, &daemon, &router("VI_1", 51, 150, VIP, "no_accept"));
    eventually("it is back", || ruleset(host).unwrap().contains(GATEWAY));
    assert!(!answers(&client, GATEWAY));
    assert_eq!(instance(host)["state"], "MASTER");
    assert_eq!(transitions(), before);

    daemon.signal(Signal::SIGTERM).unwrap();
    assert_eq!(daemon.wait(LIMIT).unwrap(), Exit::Code(0));
    assert_eq!(ruleset(host).unwrap(), "");
    assert!(!host.has_address("eth0", VIP).unwrap());
}

#[test]
fn a_backup_filters_nothing_and_neither_does_an_owner() {
    let Some(stage) = Stage::new() else { return };
    let (one, two) = (&stage.server1, &stage.server2);
    if ruleset(one).is_none() {
        return skip("there is no nft(8)");
    }
    let _owner = start(one, &router("VI_1", 51, 255, VIP, "no_accept"));
    let _backup = start(two, &router("VI_1", 51, 100, VIP, "no_accept"));
    wait_for_state(one, "MASTER");
    one.wait_for_address("eth0", VIP, true, LIMIT).unwrap();
    eventually("the backup hears it", || instance(two)["adverts"]["received"].as_u64() > Some(3));
    assert_eq!((ruleset(one).unwrap(), ruleset(two).unwrap()), (String::new(), String::new()));
    assert!(answers(&stage.observer(), GATEWAY));
}

#[test]
fn what_a_killed_daemon_filtered_is_open_again_whatever_comes_next() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    if ruleset(host).is_none() {
        return skip("there is no nft(8)");
    }
    let closed = router("VI_1", 51, 150, VIP, "no_accept\n  on_failure keep");
    let start_and_kill = || {
        let daemon = start(host, &closed);
        eventually("it is closed", || ruleset(host).unwrap().contains(GATEWAY));
        daemon.kill().unwrap();
        daemon.wait(LIMIT).unwrap();
        assert!(ruleset(host).unwrap().contains(GATEWAY), "it was to stay");
    };
    // With other addresses, without `no_accept`, and as the owner of the addresses.
    let others = [
        router("VI_1", 51, 150, "192.168.122.210/24", ""),
        router("VI_1", 51, 150, VIP, ""),
        router("VI_1", 51, 255, VIP, ""),
    ];
    for other in others {
        start_and_kill();
        let daemon = start(host, &other);
        daemon.wait_for_line(LIMIT, |line| line.contains("packet filter(s)")).unwrap();
        wait_for_state(host, "MASTER");
        assert_eq!(ruleset(host).unwrap(), "");
        daemon.signal(Signal::SIGTERM).unwrap();
        assert_eq!(daemon.wait(LIMIT).unwrap(), Exit::Code(0));
    }
}

#[test]
fn what_a_living_daemon_filters_stays_closed() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    if ruleset(host).is_none() {
        return skip("there is no nft(8)");
    }
    let _first = start(host, &router("VI_1", 51, 150, VIP, "no_accept"));
    eventually("it is closed", || ruleset(host).unwrap().contains(GATEWAY));
    let beside = router("VI_2", 52, 150, "192.168.122.210/24", "no_accept");
    host.write_file("/run/second.conf", beside).unwrap();
    let run = ["run", "-f", "/run/second.conf", "--run-dir", "/run/second"];
    let second = host.spawn(Command::new(VRRPD).args(run).env("RUST_LOG", "debug")).unwrap();
    eventually("both are closed", || {
        let rules = ruleset(host).unwrap();
        rules.contains(GATEWAY) && rules.contains("192.168.122.210")
    });
    assert!(!second.stderr().contains("left behind"), "{}", second.stderr());
    second.signal(Signal::SIGTERM).unwrap();
    assert_eq!(second.wait(LIMIT).unwrap(), Exit::Code(0));
    let rules = ruleset(host).unwrap();
    assert!(rules.contains(GATEWAY) && !rules.contains("192.168.122.210"), "{rules}");
}
