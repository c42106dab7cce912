//! Whole files as they are found in production: of sound ones there is nothing to say.

use crate::findings;

/// A virtual router with its VRID, its priority, and some more lines.
fn instance(name: &str, vrid: u8, priority: u8, more: &str) -> String {
    format!(
        "vrrp_instance {name} {{\n interface eth0\n virtual_router_id {vrid}\n priority \
         {priority}\n virtual_ipaddress {{\n 192.0.2.{vrid}/24\n }}\n{more}\n}}\n"
    )
}

/// Two members with one check.
fn checking(command: &str, weight: i32) -> [String; 2] {
    [150, 100].map(|priority| {
        format!("vrrp_script chk {{\n script \"{command}\"\n weight {weight}\n}}\n")
            + &instance("VI_1", 51, priority, " track_script {\n chk\n }")
    })
}

#[test]
fn a_check_of_the_machine_itself_needs_no_other_host() {
    for command in [
        "/usr/bin/curl -sf -H 'Host: www.example.com' http://127.0.0.1/health",
        "/usr/bin/curl -sf --resolve www.example.com:443:127.0.0.1 https://www.example.com/",
        "/usr/bin/curl -sf --cacert ca.pem https://localhost:6443/healthz",
        "/usr/bin/dig @127.0.0.1 example.com +time=1",
        "/usr/bin/dig -x 192.0.2.9 @::1",
        "/usr/bin/host example.com 127.0.0.1",
        "/usr/bin/wget -q -O page.html http://[::1]/",
        // The address is the virtual one, and who has it knows.
        "/etc/keepalived/check_apiserver.sh 192.0.2.51",
    ] {
        assert_eq!(findings(&checking(command, 0)), [""; 0], "of {command}");
    }
}

#[test]
fn one_of_several_hosts_is_not_needed() {
    for command in [
        "/bin/sh -c 'ping -c 1 192.0.2.253 || ping -c 1 192.0.2.254'",
        "/usr/local/bin/sees_any 198.51.100.1 198.51.100.2 198.51.100.3",
    ] {
        assert_eq!(findings(&checking(command, 0)), [""; 0], "of {command}");
    }
    for command in ["/bin/sh -c 'ping -c 1 192.0.2.254'", "/bin/fping 192.0.2.253 192.0.2.254"] {
        assert_eq!(findings(&checking(command, 0)), ["W0656 a.conf:13:2 b.conf:13:2"]);
    }
}

#[test]
fn a_weight_that_takes_everything_leaves_all_equal_and_that_is_no_fault() {
    assert_eq!(findings(&checking("/bin/check", -253)), [""; 0]);
    assert_eq!(findings(&checking("/bin/check", -150)), [""; 0]);
}

#[test]
fn the_service_s_leader_is_master() {
    let members = [101, 100].map(|priority| {
        "vrrp_script leader {\n script \"/usr/bin/curl -f http://127.0.0.1:8008/leader\"\n weight 20\n}\n"
            .to_owned()
            + &instance("VI_1", 51, priority, " track_script {\n leader\n }")
    });
    assert_eq!(findings(&members), [""; 0]);
}

/// A pair that moves two routers together.
fn group(priorities: [u8; 2], more: &str) -> [String; 2] {
    priorities.map(|priority| {
        format!(
            "vrrp_script gateway {{\n script \"/bin/ping -c 1 192.0.2.254\"\n}}\n\
             vrrp_sync_group G {{\n group {{\n inside\n outside\n }}\n{more}\n}}\n"
        ) + &instance("inside", 51, priority, "")
            + &instance("outside", 52, priority, "")
    })
}

#[test]
fn what_a_sync_group_tracks_is_told_once() {
    assert_eq!(findings(&group([100, 90], "")), [""; 0]);
    let tracked = group([100, 90], " track_script {\n gateway\n }");
    assert_eq!(findings(&tracked), ["W0656 a.conf:10:2 b.conf:10:2"]);
}

#[test]
fn a_copied_list_of_peers_is_found_without_source_addresses() {
    let unicast = |priority, peers: &[&str]| {
        let peers = peers.join("\n ");
        instance("VI_1", 51, priority, &format!(" unicast_peer {{\n {peers}\n }}"))
    };
    let pair = |a, b| findings(&[unicast(100, &[a]), unicast(90, &[b])]);
    assert_eq!(pair("198.51.100.2", "198.51.100.1"), [""; 0]);
    assert_eq!(pair("198.51.100.2", "198.51.100.2"), ["E0605 b.conf:9:2 a.conf:9:2"]);
    // A list of all members is the same everywhere, and may name members that are not checked.
    let all = ["198.51.100.1", "198.51.100.2", "198.51.100.3"];
    let three = [100, 90, 80].map(|priority| unicast(priority, &all));
    assert_eq!(findings(&three), [""; 0]);
    assert_eq!(findings(&three[..2]), [""; 0]);
    let three = [100, 90, 80].map(|priority| unicast(priority, &all[1..]));
    assert_eq!(findings(&three), ["E0605 c.conf:10:2 a.conf:10:2"]);
}

#[test]
fn a_cluster_of_everything_that_may_differ() {
    let node = |own: u8, other: u8, first: u8, second: u8, interface: &str| {
        let unicast = format!(
            " unicast_src_ip 198.51.100.{own}\n unicast_peer {{\n 198.51.100.{other}\n }}\n \
             use_vmac\n track_interface {{\n {interface} weight -60\n }}\n virtual_routes {{\n \
             default via 192.0.2.{own} dev {interface}\n }}"
        );
        let six = |priority: u8| {
            format!(
                "vrrp_instance six {{\n interface {interface}\n virtual_router_id 51\n priority \
                 {priority}\n use_vmac v6\n virtual_ipaddress {{\n fe80::51\n 2001:db8::51/64\n }}\n}}\n"
            )
        };
        let text = format!("global_defs {{\n router_id node{own}\n}}\n")
            + &instance("first", 51, first, &unicast)
            + &six(second)
            + &instance("second", 52, second, &unicast);
        text.replace("eth0", interface)
    };
    let members = [node(1, 2, 150, 100, "eth0"), node(2, 1, 100, 150, "ens192")];
    assert_eq!(findings(&members), [""; 0]);
}

#[test]
fn of_three_members_two_may_share_a_router() {
    let both = |first, second| instance("VI_1", 51, first, "") + &instance("VI_2", 52, second, "");
    let members = [both(100, 90), both(90, 100), instance("VI_1", 51, 80, "")];
    assert_eq!(findings(&members), [""; 0]);
    assert_eq!(findings(&[both(100, 90), instance("VI_1", 51, 80, "")]), ["W0657 a.conf:10:15"]);
}
