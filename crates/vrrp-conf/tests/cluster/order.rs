//! Members of any kind, in any order.

use proptest::prelude::*;
use proptest::sample::select;
use vrrp_conf::{RenderOptions, render};

use crate::{cluster, findings, member};

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
];

fn any_member() -> impl Strategy<Value = String> {
    let rows: Vec<_> = ROWS.iter().map(|row| select(*row)).collect();
    (rows, any::<bool>()).prop_map(|(lines, is_renamed)| {
        let text = member(&lines.join("\n"));
        if is_renamed { text.replace("VI_1", "VI_2") } else { text }
    })
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
    fn a_member_beside_itself_differs_in_nothing(member in any_member()) {
        let same = ["E0605", "E0606", "E0607", "W0654", "W0656", "W0658", "W0660"];
        let found = findings(&[member.clone(), member]);
        prop_assert!(found.iter().all(|found| same.contains(&&found[..5])), "{:?}", found);
    }
}
