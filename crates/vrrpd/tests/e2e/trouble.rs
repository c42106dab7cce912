//! What befalls a running daemon: frozen machines, renamed interfaces, an owner's lost link.

use vrrp_lab::{Exit, Frame, HostOptions, Nic};

use crate::stage::{
    LIMIT, Stage, VIP, advert, eventually, instance, router, skip, start, status, wait_for_state,
    wait_for_vip,
};

#[test]
fn a_master_that_stood_still_listens_before_it_speaks() {
    let Some(stage) = Stage::new() else { return };
    let (lower, higher) = (&stage.server1, &stage.server2);
    let old = start(lower, &router("VI_1", 51, 100, VIP, ""));
    wait_for_state(lower, "MASTER");
    let _new = start(higher, &router("VI_1", 51, 150, VIP, "nopreempt"));
    wait_for_state(higher, "BACKUP");
    old.freeze().unwrap();
    wait_for_state(higher, "MASTER");

    let wire = stage.lan.capture().unwrap();
    old.thaw().unwrap();
    wait_for_state(lower, "BACKUP");
    wait_for_vip(higher, lower);
    let source = "192.168.122.101";
    let is_stale =
        |frame: &Frame| advert(frame).is_some_and(|seen| seen.source.to_string() == source);
    assert!(!wire.frames().iter().any(is_stale), "it advertised what was true long ago");
}

#[test]
fn an_owner_whose_link_was_lost_is_master_again_when_it_is_back() {
    let Some(stage) = Stage::new() else { return };
    let host = stage.lab.host("server3", HostOptions::new()).unwrap();
    let own = "192.168.122.103/24";
    let cable = host.attach(&stage.lan, Nic::new("eth0").address(own)).unwrap();
    let _daemon = start(&host, &router("VI_1", 51, 255, own, ""));
    wait_for_state(&host, "MASTER");
    cable.cut().unwrap();
    wait_for_state(&host, "FAULT");
    cable.mend().unwrap();
    wait_for_state(&host, "MASTER");
    host.wait_for_address("eth0", own, true, LIMIT).unwrap();
}

#[test]
fn an_owner_backs_up_another_owner() {
    let Some(stage) = Stage::new() else { return };
    let pair = |first, second| {
        let one = router("VI_1", 51, first, "192.168.122.101/24", "");
        one + &router("VI_2", 52, second, "192.168.122.102/24", "")
    };
    let states = |host| {
        let told = status(host);
        [0, 1].map(|nth| told["instances"][nth]["state"].as_str().unwrap().to_owned())
    };
    let _one = start(&stage.server1, &pair(255, 100));
    eventually("it is master of both alone", || states(&stage.server1) == ["MASTER", "MASTER"]);
}

#[test]
fn an_interface_that_is_renamed_does_not_keep_the_address() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let _daemon = start(host, &router("VI_1", 51, 150, VIP, ""));
    wait_for_state(host, "MASTER");
    match host.run(["ip", "link", "set", "eth0", "name", "lan0"]) {
        Ok(output) if output.exit == Exit::Code(0) => {}
        refused => return skip(&format!("an interface that is up cannot be renamed: {refused:?}")),
    }
    wait_for_state(host, "FAULT");
    host.wait_for_address("lan0", VIP, false, LIMIT).unwrap();
    let told = instance(host);
    assert!(told["faults"].as_array().unwrap().iter().any(|f| f == "the interface does not exist"));
}
