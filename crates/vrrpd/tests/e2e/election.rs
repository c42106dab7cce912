//! What holds instances back from the election.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use vrrp_lab::{Capture, Exit, Frame};

use crate::stage::{
    CONFIG, LIMIT, Stage, VRRPD, advert, announced, eventually, instance, router, start, status,
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

#[test]
fn a_master_that_hears_a_losing_advert_runs_its_program_now_and_then() {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    server1.write_program("/run/loser.sh", "#!/bin/sh\necho heard >> /run/told\n").unwrap();
    let more = "notify_master_rx_lower_pri /run/loser.sh root";
    let _winner = start(server1, &router("VI_1", 51, 200, "192.168.122.200/24", more));
    wait_for_state(server1, "MASTER");
    assert!(server1.read_text("/run/told").is_err(), "nobody else advertises");
    stage.cables[1].set_deaf(true).unwrap();
    let begun = Instant::now();
    let _loser = start(server2, &router("VI_1", 51, 100, "192.168.122.200/24", ""));
    let runs = || server1.read_text("/run/told").map_or(0, |told| told.lines().count() as u64);
    eventually("three runs", || runs() >= 3);
    let longest = begun.elapsed().as_secs() + 2;
    assert!(runs() <= longest, "{} runs in {longest} s", runs());
    let sent = instance(server2)["adverts"]["sent"].as_u64().unwrap();
    assert!(sent > runs(), "{sent} adverts, {} runs", runs());
}

#[test]
fn an_instance_that_a_reload_removes_says_deleted_where_that_is_asked_for() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    host.write_program("/run/tell.sh", "#!/bin/sh\necho \"$@\" >> /run/told\n").unwrap();
    let stays = router("VI_1", 51, 100, "192.168.122.200/24", "");
    let goes = |name: &str, vrid: u8, more: &str| {
        let more = format!(
            "notify \"/run/tell.sh\" root\n notify_stop \"/run/tell.sh stop\" root\n {more}"
        );
        router(name, vrid, 255, &format!("192.168.122.{vrid}/32"), &more)
    };
    let deleted = "notify_deleted \"/run/tell.sh deleted\" root";
    let all = format!("{stays}{}{}", goes("VI_2", 52, deleted), goes("VI_3", 53, ""));
    let _daemon = start(host, &all);
    eventually("both are MASTER", || {
        host.read_text("/run/told").is_ok_and(|told| told.matches("MASTER").count() == 2)
    });
    host.write_file("/run/told", "").unwrap();
    host.write_file(CONFIG, &stays).unwrap();
    assert_eq!(host.run([VRRPD, "reload"]).unwrap().exit, Exit::Code(0));
    let told = || host.read_text("/run/told").unwrap();
    eventually("all is told", || told().lines().count() == 4);
    let mut lines: Vec<_> = told().lines().map(str::to_owned).collect();
    lines.sort();
    let expected = ["INSTANCE VI_2 DELETED 255", "INSTANCE VI_3 STOP 255", "deleted", "stop"];
    assert_eq!(lines, expected);
}

#[test]
fn a_router_without_addresses_on_purpose_advertises_none_and_follows_one_like_it() {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    let wire = stage.lan.capture().unwrap();
    let config = |priority: u8| {
        let text = router("VI_1", 51, priority, "", "no_virtual_ipaddress");
        let (head, tail) = text.split_once("  virtual_ipaddress {").unwrap();
        format!("{head}{}", tail.split_once('}').unwrap().1)
    };
    let _worse = start(server2, &config(100));
    wait_for_state(server2, "MASTER");
    let count = |frame: &Frame| advert(frame).map(|_| frame.bytes[14 + 20 + 3]);
    assert_eq!(wire.wait_for("an advert", LIMIT, count).unwrap(), 0);
    let _better = start(server1, &config(200));
    wait_for_state(server1, "MASTER");
    wait_for_state(server2, "BACKUP");
}
