//! Routes that move with an instance, as the kernel shows them.

use vrrp_lab::Host;

use crate::stage::{CONFIG, LIMIT, Stage, VRRPD, eventually, router, start, wait_for_state};

/// What `ip route` shows of a table.
fn routes(host: &Host, family: &str, table: &str) -> String {
    host.run(["ip", family, "route", "show", "table", table]).unwrap().success().unwrap_or_default()
}

fn instance(routes: &str) -> String {
    let block = format!("virtual_routes {{\n{routes}\n}}");
    router("VI_1", 51, 255, "192.168.122.200/24", &block)
}

#[test]
fn routes_come_with_the_addresses_as_configured_and_go_with_them() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let config = instance(
        "198.51.100.0/24 via 192.168.122.2 dev eth0 src 192.168.122.200 metric 77 mtu 1400
         203.0.113.0/24 nexthop via 192.168.122.2 weight 1 nexthop via 192.168.122.3 weight 3
         blackhole 198.18.0.0/15 table 1000
         192.0.2.0/24 via 192.168.122.2 protocol static no_track",
    );
    let daemon = start(host, &config);
    wait_for_state(host, "MASTER");
    eventually("all routes are there", || routes(host, "-4", "main").contains("192.0.2.0/24"));
    let main = routes(host, "-4", "main");
    for line in [
        "198.51.100.0/24 via 192.168.122.2 dev eth0 proto keepalived src 192.168.122.200 metric 77 mtu 1400",
        "nexthop via 192.168.122.3 dev eth0 weight 3",
        "192.0.2.0/24 via 192.168.122.2 dev eth0 proto static",
    ] {
        let plain = main.replace("proto 18", "proto keepalived");
        assert!(plain.contains(line), "{line:?} is not in\n{main}");
    }
    assert!(routes(host, "-4", "1000").contains("blackhole 198.18.0.0/15"));

    // What somebody else removes comes back, unless it is of no interest.
    for route in ["192.0.2.0/24", "198.51.100.0/24"] {
        host.run(["ip", "route", "del", route]).unwrap().success().unwrap();
    }
    eventually("it is put back", || routes(host, "-4", "main").contains("198.51.100.0/24"));
    assert!(!routes(host, "-4", "main").contains("192.0.2.0/24"), "it was `no_track`");

    // A reload makes the difference alone.
    let fewer = instance("198.51.100.0/24 via 192.168.122.3 dev eth0 metric 77");
    host.write_file(CONFIG, fewer).unwrap();
    host.run([VRRPD, "reload"]).unwrap().success().unwrap();
    eventually("the route is another one", || {
        let main = routes(host, "-4", "main");
        main.contains("198.51.100.0/24 via 192.168.122.3") && !main.contains("203.0.113.0/24")
    });
    assert_eq!(routes(host, "-4", "1000"), "");

    daemon.terminate(LIMIT).unwrap();
    assert!(!routes(host, "-4", "main").contains("198.51.100"), "nothing is left");
}

#[test]
fn rules_lead_to_the_tables_of_their_routes_and_are_put_back() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let more = "virtual_routes {
  192.168.122.0/24 dev eth0 src 192.168.122.200 scope link table 1000
}
virtual_rules {
  from 192.168.122.200/32 table 1000 priority 100
  to 198.51.100.0/24 blackhole preference 101 no_track
}";
    let daemon = start(host, &router("VI_1", 51, 255, "192.168.122.200/24", more));
    wait_for_state(host, "MASTER");
    let rules = || host.run(["ip", "rule", "show"]).unwrap().success().unwrap();
    let leads = "from 192.168.122.200 lookup 1000";
    eventually("the rule is there", || rules().contains(leads));
    assert!(rules().contains("to 198.51.100.0/24 blackhole"));
    assert!(routes(host, "-4", "1000").contains("192.168.122.0/24 dev eth0"));

    for preference in ["101", "100"] {
        let delete = ["ip", "rule", "del", "preference", preference];
        host.run(delete).unwrap().success().unwrap();
    }
    eventually("it is put back", || rules().contains(leads));
    assert!(!rules().contains("blackhole"), "it was `no_track`");

    daemon.terminate(LIMIT).unwrap();
    assert!(!rules().contains("192.168.122.200"), "nothing is left");
}

#[test]
fn a_killed_daemon_leaves_neither_routes_nor_rules() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let more = "virtual_routes {
  198.51.100.0/24 via 192.168.122.2
}
virtual_rules {
  from 192.168.122.200/32 table 1000 priority 100
}";
    let daemon = start(host, &router("VI_1", 51, 255, "192.168.122.200/24", more));
    wait_for_state(host, "MASTER");
    let rules = || host.run(["ip", "rule", "show"]).unwrap().success().unwrap();
    eventually("all is there", || {
        rules().contains("lookup 1000") && routes(host, "-4", "main").contains("198.51.100.0/24")
    });
    daemon.kill().unwrap();
    eventually("all is gone", || {
        !rules().contains("lookup 1000") && !routes(host, "-4", "main").contains("198.51.100.0/24")
    });
}

#[test]
fn a_route_that_the_kernel_refuses_is_no_reason_to_give_up_the_addresses() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let daemon = start(host, &instance("198.51.100.0/24 via 203.0.113.9"));
    wait_for_state(host, "MASTER");
    daemon
        .wait_for_line(LIMIT, |line| line.contains("cannot add the route 198.51.100.0/24"))
        .unwrap();
    assert!(host.has_address("eth0", "192.168.122.200/24").unwrap());
    assert_eq!(crate::stage::instance(host)["state"], "MASTER");
}
