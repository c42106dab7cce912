//! What once went wrong, between hosts: leftovers that were none, groups, storms, bridges.

use vrrp_lab::{Command, Exit, Host, Process, Signal};

use crate::stage::{
    LIMIT, Stage, VIP, VRRPD, advert, eventually, instance, router, start, status, wait_for_state,
};

const CONFIG: &str = "/run/keepalived.conf";

/// The states of all instances on a host, in their order.
fn states(host: &Host) -> Vec<String> {
    let told = status(host);
    let instances = told["instances"].as_array().unwrap();
    instances.iter().map(|one| one["state"].as_str().unwrap().to_owned()).collect()
}

/// Puts another configuration into force.
fn reload(host: &Host, daemon: &Process, config: &str) {
    let loaded = || status(host)["loaded_unix_s"].clone();
    let reloads = || daemon.stderr().matches("reloaded\n").count();
    let before = (loaded(), reloads());
    host.write_file(CONFIG, config).unwrap();
    daemon.signal(Signal::SIGHUP).unwrap();
    eventually("it is reloaded", || reloads() > before.1);
    assert!(status(host)["reload_refused"].is_null(), "{}", daemon.stderr());
}

fn ip(host: &Host, words: &str) {
    let command = Command::new("ip").args(words.split(' '));
    host.run(command).unwrap().success().unwrap();
}

/// Starts a daemon beside another one on the host.
fn start_beside(host: &Host, name: &str, config: &str) -> Process {
    let (file, run_dir) = (format!("/run/{name}.conf"), format!("/run/{name}"));
    host.write_file(&file, config).unwrap();
    let command = Command::new(VRRPD).args(["run", "-f", &file, "--run-dir", &run_dir]);
    let daemon = host.spawn(command.env("RUST_LOG", "debug")).unwrap();
    daemon.wait_for_line(LIMIT, |line| line.contains(" runs ")).unwrap();
    daemon
}

#[test]
fn what_a_living_daemon_holds_is_nobodys_leftover() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let first = start(host, &router("VI_1", 51, 150, VIP, "on_failure keep"));
    wait_for_state(host, "MASTER");
    let lost = || instance(host)["remarks"]["addresses_lost"].as_u64();

    // It stays a backup for a minute and more, and has no use for the address.
    let beside = router("VI_2", 52, 100, VIP, "").replace("advert_int 0.2", "advert_int 30");
    let told = |daemon: &Process| {
        daemon.wait_for_line(LIMIT, |line| line.contains("INIT -> BACKUP")).unwrap();
    };
    let second = start_beside(host, "second", &beside);
    told(&second);
    assert!(!second.stderr().contains("left behind"), "{}", second.stderr());
    assert_eq!(lost(), None, "it was not even taken away and put back");
    second.signal(Signal::SIGTERM).unwrap();
    assert_eq!(second.wait(LIMIT).unwrap(), Exit::Code(0));

    // Who stands still may come back.
    first.freeze().unwrap();
    let third = start_beside(host, "third", &beside);
    third.wait_for_line(LIMIT, |line| line.contains("do not answer")).unwrap();
    assert!(host.has_address("eth0", VIP).unwrap());
    third.kill().unwrap();
    third.wait(LIMIT).unwrap();
    first.thaw().unwrap();
    // It stood still for longer than its peers would have waited.
    eventually("it is master again", || instance(host)["became_master"] == 2);
    host.wait_for_address("eth0", VIP, true, LIMIT).unwrap();
    assert_eq!(lost(), None);

    first.kill().unwrap();
    first.wait(LIMIT).unwrap();
    assert!(host.has_address("eth0", VIP).unwrap(), "it was to stay");
    let fourth = start_beside(host, "fourth", &beside);
    fourth.wait_for_line(LIMIT, |line| line.contains("left behind")).unwrap();
}

#[test]
fn two_instances_of_one_number_differ_by_their_groups() {
    let Some(stage) = Stage::new() else { return };
    let config = |first: u8, second: u8| {
        router("VI_1", 51, first, "192.168.122.200/24", "mcast_dst_ip 224.0.0.100")
            + &router("VI_2", 51, second, "192.168.122.201/24", "mcast_dst_ip 224.0.0.101")
    };
    let (one, two) = (&stage.server1, &stage.server2);
    let _one = start(one, &config(200, 100));
    let _two = start(two, &config(100, 200));
    eventually("each is master of one", || {
        states(one) == ["MASTER", "BACKUP"] && states(two) == ["BACKUP", "MASTER"]
    });
    let wire = stage.lan.capture().unwrap();
    for (host, first, second) in [(one, true, false), (two, false, true)] {
        host.wait_for_address("eth0", "192.168.122.200/24", first, LIMIT).unwrap();
        host.wait_for_address("eth0", "192.168.122.201/24", second, LIMIT).unwrap();
    }
    let mut adverts = Vec::new();
    eventually("both have advertised for a while", || {
        adverts.extend(wire.frames().iter().filter_map(advert));
        adverts.len() > 20
    });
    assert!(adverts.iter().all(|seen| seen.priority == 200), "{adverts:?}");
    assert_eq!(
        (states(one), states(two)),
        (
            vec!["MASTER".to_owned(), "BACKUP".to_owned()],
            vec!["BACKUP".to_owned(), "MASTER".to_owned()],
        )
    );
}

#[test]
fn the_nodes_own_address_survives_the_virtual_one_that_it_hung_on() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    for scope in ["all", "default", "eth0"] {
        host.sysctl(format!("net.ipv4.conf.{scope}.promote_secondaries"), "0").unwrap();
    }
    ip(host, "addr add 10.9.9.1/24 dev eth0");
    let more = "mcast_src_ip 10.9.9.1";
    let config = router("VI_1", 51, 150, VIP, more).replace("version 3", "version 2");
    let daemon = start(host, &config.replace("advert_int 0.2", "advert_int 1"));
    wait_for_state(host, "MASTER");
    host.wait_for_address("eth0", VIP, true, LIMIT).unwrap();
    ip(host, "addr del 192.168.122.101/24 dev eth0");
    // It went along with the primary one, and is put back: the first of its subnet now.
    host.wait_for_address("eth0", VIP, true, LIMIT).unwrap();
    ip(host, "addr add 192.168.122.111/24 dev eth0");
    daemon.signal(Signal::SIGTERM).unwrap();
    assert_eq!(daemon.wait(LIMIT).unwrap(), Exit::Code(0));
    assert!(!host.has_address("eth0", VIP).unwrap());
    assert!(host.has_address("eth0", "192.168.122.111/24").unwrap());
    assert!(host.has_address("eth0", "10.9.9.1/24").unwrap());
}

#[test]
fn an_address_of_two_instances_stays_until_the_last_steps_down() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let both = router("VI_1", 51, 150, VIP, "") + &router("VI_2", 52, 150, VIP, "");
    let daemon = start(host, &both);
    eventually("both are master", || states(host) == ["MASTER", "MASTER"]);
    let watch = host.spawn(["ip", "-o", "monitor", "address"]).unwrap();
    eventually("the monitor listens", || {
        ip(host, "addr add 10.9.9.1/24 dev ens9");
        ip(host, "addr del 10.9.9.1/24 dev ens9");
        watch.stdout().contains("10.9.9.1")
    });
    reload(host, &daemon, &router("VI_1", 51, 150, VIP, ""));
    assert_eq!(states(host), ["MASTER"]);
    ip(host, "addr add 10.9.9.2/24 dev ens9");
    watch.wait_for_line(LIMIT, |line| line.contains("10.9.9.2")).unwrap();
    assert!(!watch.stdout().contains("192.168.122.200"), "{}", watch.stdout());
    reload(host, &daemon, &router("VI_3", 53, 150, "192.168.122.210/24", ""));
    host.wait_for_address("eth0", VIP, false, LIMIT).unwrap();
}

#[test]
fn the_port_of_a_bridge_is_deaf_and_that_is_a_fault() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let _daemon = start(host, &router("VI_1", 51, 150, VIP, ""));
    wait_for_state(host, "MASTER");
    ip(host, "link add br7 type bridge");
    ip(host, "link set eth0 master br7");
    wait_for_state(host, "FAULT");
    host.wait_for_address("eth0", VIP, false, LIMIT).unwrap();
    let told = instance(host);
    let faults = told["faults"].as_array().unwrap();
    assert!(faults.iter().any(|fault| fault == "the interface is the port of a bridge"), "{told}");
    ip(host, "link set eth0 nomaster");
    wait_for_state(host, "MASTER");
    host.wait_for_address("eth0", VIP, true, LIMIT).unwrap();
}

/// The groups that a host is in on `eth0`.
fn groups(host: &Host) -> Vec<String> {
    let told = host.run(["ip", "-4", "-o", "maddress", "show", "dev", "eth0"]).unwrap();
    let told = told.success().unwrap();
    let groups = told.lines().filter_map(|line| line.split_whitespace().nth(3));
    groups.map(str::to_owned).collect()
}

#[test]
fn groups_are_left_when_nobody_needs_them_however_often_they_change() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let config = |nth: u8| {
        let group = format!("mcast_dst_ip 224.0.1.{nth}");
        router("VI_1", 51, 150, VIP, &group)
    };
    let daemon = start(host, &config(1));
    for nth in 2..=25 {
        reload(host, &daemon, &config(nth));
    }
    wait_for_state(host, "MASTER");
    host.wait_for_address("eth0", VIP, true, LIMIT).unwrap();
    let ours: Vec<_> =
        groups(host).into_iter().filter(|group| group.starts_with("224.0.1.")).collect();
    assert_eq!(ours, ["224.0.1.25"]);
}

#[test]
fn an_interface_takes_more_groups_than_a_socket() {
    let Some(stage) = Stage::new() else { return };
    let (one, two) = (&stage.server1, &stage.server2);
    let config = |priority| -> String {
        let instance = |nth: u8| {
            let group = format!("mcast_dst_ip 224.0.1.{nth}");
            let address = format!("192.168.122.{}/24", 200 + nth);
            router(&format!("VI_{nth}"), nth, priority, &address, &group)
        };
        (1..=24).map(instance).collect()
    };
    let _one = start(one, &config(150));
    eventually("all are master", || states(one) == ["MASTER"; 24]);
    let _two = start(two, &config(100));
    eventually("all give way", || states(two) == ["BACKUP"; 24]);
    let heard = || {
        let told = status(two);
        let instances = told["instances"].as_array().unwrap().clone();
        instances.iter().all(|one| one["master"]["address"] == "192.168.122.101")
    };
    eventually("each has heard its own master", heard);
    assert_eq!(groups(one).iter().filter(|group| group.starts_with("224.0.1.")).count(), 24);
}

#[test]
fn a_backup_that_slept_does_not_take_old_adverts_for_fresh() {
    let Some(stage) = Stage::new() else { return };
    let (one, two) = (&stage.server1, &stage.server2);
    // Nobody resigns for it when it is killed.
    let master = start(one, &router("VI_1", 51, 150, VIP, "on_failure keep"));
    wait_for_state(one, "MASTER");
    // Its own interval does not matter: it goes by that of the master.
    let slow = router("VI_1", 51, 100, VIP, "").replace("advert_int 0.2", "advert_int 3");
    let backup = start(two, &slow);
    eventually("it gives way", || instance(two)["adverts"]["received"].as_u64() > Some(0));
    let wire = stage.lan.capture().unwrap();
    backup.freeze().unwrap();
    let mut seen = Vec::new();
    eventually("adverts wait in its socket", || {
        seen.extend(wire.frames().iter().filter_map(advert));
        seen.len() > 5
    });
    master.kill().unwrap();
    seen.extend(wire.frames().iter().filter_map(advert));
    let silent_since = seen.last().unwrap().at;
    // Its Active_Down_Interval (3 × 0.2 s and the skew) has passed by now, whatever it has heard.
    eventually("it is too late", || silent_since.elapsed().as_millis() > 2_000);
    let woken = std::time::Instant::now();
    backup.thaw().unwrap();
    let first = wire
        .wait_for("it takes over", LIMIT, |frame| advert(frame).filter(|seen| seen.priority == 100))
        .unwrap();
    // Taken for fresh, the adverts would have started the timer anew.
    let waited = first.at.saturating_duration_since(woken);
    assert!(waited.as_millis() < 500, "it waited for {waited:?}");
}
