//! What holds instances back from the election.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use vrrp_lab::{Capture, Exit};

use crate::stage::{
    CONFIG, LIMIT, Stage, VRRPD, announced, eventually, instance, router, start, status,
    wait_for_state,
};

#[test]
fn a_start_up_delay_keeps_quiet_and_later_instances_do_not_wait() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let first = router("VI_1", 51, 255, "192.168.122.200/24", "");
    let delays = "global_defs {\n vrrp_startup_delay 4\n vrrp_delay_after_boot 1\n}\n";
    let begun = Instant::now();
    let _daemon = start(host, &format!("{delays}{first}"));
    let waiting = instance(host);
    assert_eq!(waiting["state"], "INIT", "{waiting}");
    assert!(waiting["waiting_for"].to_string().contains("vrrp_startup_delay"), "{waiting}");
    wait_for_state(host, "MASTER");
    assert!(begun.elapsed() >= Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(instance(host)["history"][0]["to"], "MASTER", "it was nothing before");

    let second = router("VI_2", 52, 255, "192.168.122.201/24", "");
    host.write_file(CONFIG, format!("{delays}{first}{second}")).unwrap();
    assert_eq!(host.run([VRRPD, "reload"]).unwrap().exit, Exit::Code(0));
    eventually("the second is MASTER", || status(host)["instances"][1]["state"] == "MASTER");
    let told = status(host);
    let delay = told["trackers"].as_array().unwrap().iter().find(|one| one["kind"] == "delay");
    assert!(delay.is_some(), "{told}");
}

#[test]
fn a_link_that_goes_down_counts_as_down_after_its_delay() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let delays = "interface_up_down_delays {\n eth0 2 1\n ens9 30\n}\n";
    let owner = router("VI_1", 51, 255, "192.168.122.200/24", "track_interface {\n ens9\n }");
    let owner = owner.replace("advert_int 0.2", "advert_int 20");
    let _daemon = start(host, &format!("{delays}{owner}"));
    wait_for_state(host, "MASTER");
    let transitions = || instance(host)["history"].as_array().unwrap().len();
    let tracker = || status(host)["trackers"][0].to_string();
    assert_eq!(transitions(), 1);

    // What is taken back before its delay is over has not happened.
    host.set_link("ens9", false).unwrap();
    eventually("it is seen", || tracker().contains("set down, which does not count yet"));
    host.set_link("ens9", true).unwrap();
    eventually("it is seen", || tracker().contains("running"));
    assert_eq!(transitions(), 1);

    // What lasts counts.
    let cut_at = Instant::now();
    stage.cables[0].cut().unwrap();
    wait_for_state(host, "FAULT");
    assert!(cut_at.elapsed() >= Duration::from_secs(2), "{:?}", cut_at.elapsed());
    let mended_at = Instant::now();
    stage.cables[0].mend().unwrap();
    wait_for_state(host, "MASTER");
    assert!(mended_at.elapsed() >= Duration::from_secs(1), "{:?}", mended_at.elapsed());
    assert_eq!(transitions(), 3);
}

#[test]
fn switches_of_other_networks_hear_of_addresses_there_again_and_again() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let (lan, back) = (stage.lan.capture().unwrap(), stage.back.capture().unwrap());
    let addresses =
        "192.168.122.200/24\n 192.168.123.200/24 dev ens9\n 192.168.123.201/24 dev ens9";
    let more = "garp_extra_if all 1\n garp_master_repeat 1\n garp_master_delay 0";
    let _daemon = start(host, &router("VI_1", 51, 255, addresses, more));
    // One round of all, and then the first one there.
    let heard = |wire: &Capture| wire.wait_for("an announcement", LIMIT, announced).unwrap();
    let there: Vec<_> = (0..5).map(|_| heard(&back).octets()[3]).collect();
    assert_eq!(there, [200, 201, 200, 200, 200]);
    let here: Vec<_> = lan.frames().iter().filter_map(announced).collect();
    assert_eq!(here, [Ipv4Addr::new(192, 168, 122, 200)]);
}
