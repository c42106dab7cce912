//! Clusters of which there is nothing to say.

use crate::{findings, member};

fn assert_sound(members: &[&str]) {
    let texts: Vec<_> = members.iter().map(|lines| member(lines)).collect();
    assert_eq!(findings(&texts), [""; 0], "of {members:#?}");
}

/// A server of the well-known article on keepalived's health checks.
fn article(definition: &str, state: &str, priority: u8, tracked: &str) -> String {
    format!(
        "{definition}
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
  {tracked}
}}
"
    )
}

#[test]
fn the_article_s_clusters() {
    let process = "vrrp_track_process track_apache {\n process httpd\n weight 10\n}";
    let file = "vrrp_track_file track_app_file {\n file /var/run/my_app/vrrp_track_file\n}";
    let script = "vrrp_script keepalived_check {\n script \"/usr/local/bin/keepalived_check.sh\"\n \
                  interval 1\n timeout 5\n rise 3\n fall 3\n}";
    let process_tracked = "track_process {\n track_apache\n }";
    let interface_tracked = "track_interface {\n ens9 weight 5\n }";
    let clusters = [
        [
            article(process, "MASTER", 244, process_tracked),
            article(process, "BACKUP", 240, process_tracked),
        ],
        [
            article(file, "MASTER", 244, "track_file {\n track_app_file weight 1\n }"),
            article("", "BACKUP", 245, ""),
        ],
        [
            article("", "MASTER", 244, interface_tracked),
            article("", "BACKUP", 240, interface_tracked),
        ],
        [
            article(script, "MASTER", 244, "track_script {\n keepalived_check\n }"),
            article("", "BACKUP", 100, ""),
        ],
    ];
    for texts in &clusters {
        assert_eq!(findings(texts), [""; 0], "of {texts:#?}");
    }
}

#[test]
fn two_plain_members() {
    assert_sound(&[" state MASTER\n priority 100", " state BACKUP\n priority 90"]);
    assert_sound(&[" priority 255", " priority 100"]);
    assert_sound(&[" state MASTER", " state BACKUP"]);
    assert_sound(&[" priority 254", " priority 1"]);
}

#[test]
fn other_names_on_other_machines() {
    assert_sound(&[" interface eth0\n priority 100", " interface ens192\n priority 90"]);
    let renamed = member(" priority 90").replace("VI_1", "GATEWAY");
    assert_eq!(findings(&[member(" priority 100"), renamed]), [""; 0]);
}

#[test]
fn a_local_check_on_each_machine() {
    let tracked = "\n track_script {\n chk\n }";
    let lines = [100, 90].map(|priority| format!(" priority {priority}{tracked}"));
    assert_sound(&[&lines[0], &lines[1]]);
    let tracked =
        "\n track_script {\n chk weight -20\n }\n track_interface {\n eth1 weight -20\n }";
    let lines = [100, 90].map(|priority| format!(" priority {priority}{tracked}"));
    assert_sound(&[&lines[0], &lines[1]]);
    let tracked = "\n track_script {\n chk weight 20\n }";
    let lines = [101, 100].map(|priority| format!(" priority {priority}{tracked}"));
    assert_sound(&[&lines[0], &lines[1]]);
}

#[test]
fn no_return_to_the_first_one() {
    let nopreempt = |priority| format!(" state BACKUP\n nopreempt\n priority {priority}");
    assert_sound(&[&nopreempt(100), &nopreempt(90)]);
    let fatal = "\n track_script {\n chk\n }\n track_interface {\n eth1\n }";
    assert_sound(&[&(nopreempt(100) + fatal), &(nopreempt(90) + fatal)]);
    // The delay is for the one that returns.
    let weighted = "\n track_script {\n chk weight -20\n }";
    let first = format!(" priority 100\n preempt_delay 60{weighted}");
    assert_sound(&[&first, &format!(" priority 90{weighted}")]);
}

#[test]
fn three_members_each_below_the_last() {
    let tracked = "\n track_script {\n chk weight -30\n }";
    let lines = [120, 110, 100].map(|priority| format!(" priority {priority}{tracked}"));
    assert_sound(&[&lines[0], &lines[1], &lines[2]]);
    // Not every member has to have every router.
    let other = |priority: u8| {
        format!(
            "vrrp_instance VI_7 {{\n interface eth0\n virtual_router_id 7\n priority {priority}\n \
             virtual_ipaddress {{\n 192.0.2.7\n }}\n}}\n"
        )
    };
    let texts = [member(" priority 100") + &other(90), member(" priority 90"), other(100)];
    assert_eq!(findings(&texts), [""; 0]);
}

#[test]
fn a_weight_that_decides_among_several() {
    // Two of three links have to be lost.
    let links = "\n track_interface {\n eth1 weight -6\n eth2 weight -6\n eth3 weight -6\n }";
    let lines = [100, 90].map(|priority| format!(" priority {priority}{links}"));
    assert_sound(&[&lines[0], &lines[1]]);
    // What is too little alone counts where the other member is worse.
    assert_sound(&[
        " priority 100\n track_script {\n chk weight -50\n chk2 weight -5\n }",
        " priority 90\n track_script {\n chk weight -41\n chk2 weight -5\n }",
    ]);
}

#[test]
fn version_3_and_its_freedoms() {
    let lines =
        [100, 90].map(|priority| format!(" version 3\n advert_int 0.25\n priority {priority}"));
    assert_sound(&[&lines[0], &lines[1]]);
    assert_sound(&[
        " version 3\n v3_checksum_as_v2\n priority 9",
        " version 3\n v3_checksum_as_v2\n priority 8",
    ]);
    let ipv6 = |priority| {
        format!(" priority {priority}\n virtual_ipaddress {{\n fe80::1\n 2001:db8::1/64\n }}")
    };
    assert_sound(&[&ipv6(100), &ipv6(90)]);
    // The checksum of version 3 over IPv4 means nothing elsewhere.
    assert_sound(&[&(ipv6(100) + "\n v3_checksum_as_v2"), &ipv6(90)]);
    assert_sound(&[" priority 9\n v3_checksum_as_v2", " priority 8"]);
}

#[test]
fn both_families_of_one_vrid() {
    let both = |priority: u8| {
        let four = format!(
            "vrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 51\n priority {priority}\n \
             virtual_ipaddress {{\n 192.0.2.1\n }}\n}}\n"
        );
        let six = four.replace("VI_1", "VI_6").replace("192.0.2.1", "2001:db8::1");
        six + &four
    };
    assert_eq!(findings(&[both(100), both(90)]), [""; 0]);
}

#[test]
fn two_routers_that_divide_the_work() {
    let routers = |first: u8, second: u8| {
        let instance = |name: &str, id: u8, priority: u8| {
            format!(
                "vrrp_instance {name} {{\n interface eth0\n virtual_router_id {id}\n priority \
                 {priority}\n virtual_ipaddress {{\n 192.0.2.{id}/24\n }}\n}}\n"
            )
        };
        instance("VI_1", 51, first) + &instance("VI_2", 52, second)
    };
    assert_eq!(findings(&[routers(100, 90), routers(90, 100)]), [""; 0]);
}

#[test]
fn unicast_members() {
    let lines = |own: u8, priority: u8| {
        let peers: String = (1..4)
            .filter(|peer| *peer != own)
            .map(|peer| format!(" 198.51.100.{peer}\n"))
            .collect();
        format!(
            " priority {priority}\n unicast_src_ip 198.51.100.{own}\n unicast_peer {{\n{peers} }}"
        )
    };
    assert_sound(&[&lines(1, 100), &lines(2, 90), &lines(3, 80)]);
    // Whose addresses are not known cannot be compared.
    assert_sound(&[
        " priority 100\n unicast_peer {\n 198.51.100.2\n }",
        " priority 90\n unicast_peer {\n 198.51.100.1\n }",
    ]);
}

#[test]
fn gateways_that_only_one_member_needs() {
    assert_sound(&[
        " priority 100\n track_script {\n gateway\n }",
        " priority 90\n track_script {\n gateway weight -50\n }",
    ]);
    assert_sound(&[
        " priority 100\n track_script {\n gateway weight 0 reverse\n }",
        " priority 90\n track_script {\n gateway weight 0 reverse\n }",
    ]);
    assert_sound(&[
        " priority 100\n track_script {\n itself\n }",
        " priority 90\n track_script {\n itself\n }",
    ]);
}
