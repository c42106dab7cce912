//! Members of any kind, in any order.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::select;
use vrrp_conf::{RenderOptions, render};

use crate::{DEFINITIONS, cluster, findings, member};

/// Lines of which a member has one of each row.
const ROWS: &[&[&str]] = &[
    &["", " virtual_router_id 52"],
    &["", " version 2", " version 3"],
    &["", " advert_int 1", " advert_int 2"],
    &[" priority 100", " priority 101", " priority 90", " priority 254", " priority 255", ""],
    &["", " state MASTER", " state BACKUP", " nopreempt", " preempt_delay 5"],
    &["", " lower_prio_no_advert", " owner_ignore_adverts", " v3_checksum_as_v2"],
    &[
        "",
        " virtual_ipaddress {\n 192.0.2.1/24\n 192.0.2.2/24\n }",
        " virtual_ipaddress {\n 192.0.2.1/32\n }\n virtual_ipaddress_excluded {\n 192.0.2.2/24\n }",
        " virtual_ipaddress {\n fe80::1\n }",
        " virtual_ipaddress {\n 198.51.100.7\n }",
    ],
    &[
        "",
        "",
        " authentication {\n auth_type PASS\n auth_pass one\n }",
        " authentication {\n auth_type PASS\n auth_pass two\n }",
        " auth_hmac {\n key 1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n mode permissive\n }",
        " auth_hmac {\n key 2 bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n mode receive-only\n }",
    ],
    &[
        "",
        "",
        " unicast_src_ip 192.0.2.11\n unicast_peer {\n 192.0.2.12\n }",
        " unicast_src_ip 192.0.2.12\n unicast_peer {\n 192.0.2.11\n 192.0.2.13\n }",
        " mcast_src_ip 192.0.2.13",
        " mcast_dst_ip 224.0.0.19",
    ],
    &[
        "",
        " track_script {\n chk weight -10\n gateway\n }",
        " track_script {\n chk weight -1\n chk2 weight 11 reverse\n }",
        " track_process {\n web\n }",
        " track_file {\n number\n }",
        " track_script {\n chk weight -11\n site\n }\n track_interface {\n eth1 weight 253\n }",
    ],
    &[
        "",
        " use_vmac",
        " virtual_routes {\n 198.51.100.0/24 dev eth0\n }",
        " virtual_routes {\n 203.0.113.0/24 dev eth0\n 198.51.100.0/24 dev eth1\n }",
    ],
];

/// A second router of a member, alone or with the first one in a group.
const SECONDS: &[&str] = &[
    "",
    "",
    "vrrp_instance VI_7 {\n interface eth0\n virtual_router_id 7\n priority 95\n virtual_ipaddress {\n \
     192.0.2.7\n }\n}\n",
    "vrrp_instance VI_8 {\n interface eth1\n virtual_router_id 51\n priority 120\n virtual_ipaddress {\n \
     192.0.2.7\n }\n}\nvrrp_sync_group G {\n group {\n VI_8\n VI_1\n }\n track_script {\n chk2\n site\n \
     }\n}\n",
];

fn any_member() -> impl Strategy<Value = String> {
    let rows: Vec<_> = ROWS.iter().map(|row| select(*row)).collect();
    (rows, select(SECONDS), any::<bool>()).prop_map(|(lines, second, is_renamed)| {
        let text = member(&lines.join("\n")) + second;
        if is_renamed { text.replace("VI_1", "VI_2") } else { text }
    })
}

/// The member with the lowest priority of all for its first router.
fn lowered(member: &str) -> String {
    let (head, second) = member.split_once(DEFINITIONS).unwrap();
    let (first, rest) = head.split_once('\n').unwrap();
    let others = rest.lines().filter(|line| !line.starts_with(" priority "));
    let others: String = others.map(|line| format!("{line}\n")).collect();
    format!("{first}\n priority 80\n{others}{DEFINITIONS}{second}")
}

/// What kinds of findings there are.
fn codes(members: &[String]) -> BTreeSet<String> {
    findings(members).into_iter().map(|found| found[..5].to_owned()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_cluster_is_sound_in_any_order_of_its_members_or_in_none(
        mut members in prop::collection::vec(any_member(), 2..4),
    ) {
        let found = findings(&members);
        let all = cluster(&members);
        let text = render(&all.diagnostics, &all.sources, RenderOptions::default());
        prop_assert!(found.iter().all(|found| text.contains(&found[..5])));
        members.rotate_left(1);
        prop_assert_eq!(found.is_empty(), findings(&members).is_empty(), "{:?}", found);
    }

    #[test]
    fn what_is_found_of_two_does_not_depend_on_their_order(
        one in any_member(),
        other in any_member(),
    ) {
        let found = findings(&[one.clone(), other.clone()]);
        prop_assert_eq!(codes(&[one.clone(), other.clone()]), codes(&[other, one]), "{:?}", found);
    }

    #[test]
    fn a_member_beside_itself_differs_in_nothing(member in any_member()) {
        let same = ["E0605", "E0606", "E0607", "W0654", "W0656", "W0658", "W0660"];
        let found = findings(&[member.clone(), member]);
        prop_assert!(found.iter().all(|found| same.contains(&&found[..5])), "{:?}", found);
    }

    #[test]
    fn a_copy_with_a_lower_priority_has_no_fault_but_its_address(member in any_member()) {
        let address = ["E0605", "E0607"];
        let failure = ["W0655", "W0656", "W0658", "W0659", "W0660", "W0661"];
        // The second router has the same priority twice, and a sum beyond 254 may be equal.
        let equal = ["W0654"];
        let allowed = [&address[..], &failure, &equal].concat();
        let found = findings(&[member.clone(), lowered(&member)]);
        prop_assert!(found.iter().all(|found| allowed.contains(&&found[..5])), "{:?}", found);
    }
}
