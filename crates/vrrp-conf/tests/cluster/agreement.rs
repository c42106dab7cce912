//! What the members of a virtual router must have in common.

use crate::{Case, check, findings, member, rendered};

#[test]
fn what_must_be_the_same_everywhere_is_compared() {
    check(&[
        Case {
            members: &[" priority 100", " priority 90\n virtual_router_id 52"],
            found: &["E0601 b.conf:3:20 a.conf:4:20"],
            sound: " priority 90\n virtual_router_id 51",
        },
        Case {
            members: &[" priority 100", " priority 90\n version 3"],
            found: &["E0602 b.conf:3:10 a.conf:1:15"],
            sound: " priority 90\n version 2",
        },
        Case {
            members: &[" priority 100", " priority 90\n advert_int 2"],
            found: &["E0603 b.conf:3:13 a.conf:1:15"],
            sound: " priority 90\n advert_int 1",
        },
        Case {
            members: &[
                " version 3\n priority 100\n advert_int 0.5",
                " version 3\n priority 90\n advert_int 0.25",
            ],
            found: &["W0651 b.conf:4:13 a.conf:4:13"],
            sound: " version 3\n priority 90\n advert_int 0.5",
        },
        Case {
            members: &[" version 3\n priority 100\n v3_checksum_as_v2", " version 3\n priority 90"],
            found: &["W0653 b.conf:1:15 a.conf:4:2"],
            sound: " version 3\n priority 90\n v3_checksum_as_v2 on",
        },
        Case {
            members: &[" priority 90\n state MASTER", " priority 100\n state BACKUP"],
            found: &["W0665 a.conf:3:8 b.conf:2:11"],
            sound: " priority 80\n state BACKUP",
        },
        Case {
            members: &[" priority 100", " priority 90\n virtual_ipaddress {\n 2001:db8::1\n }"],
            found: &["E0608 b.conf:4:2 a.conf:6:3"],
            sound: " priority 90",
        },
    ]);
}

#[test]
fn of_three_the_one_that_differs_is_named() {
    let ids = [51, 52, 52].map(|id| format!(" priority {id}\n virtual_router_id {id}"));
    let [a, b, c] = ids.map(|lines| member(&lines));
    let c = c.replace("priority 52", "priority 53");
    assert_eq!(findings(&[a, b, c]), ["E0601 a.conf:3:20 b.conf:3:20"]);
}

#[test]
fn a_member_with_the_wrong_address_does_not_part_the_others() {
    let a = member(" priority 100\n virtual_ipaddress {\n 198.51.100.1/24\n }");
    let c = member(" priority 80\n interface ens192").replace("VI_1", "GATEWAY");
    let found = findings(&[a, member(" priority 90"), c]);
    assert!(found.iter().all(|found| found.starts_with("W0652")), "{found:?}");
}

#[test]
fn a_router_that_does_not_answer_and_another_interval_need_not_come_to_rest() {
    let slow = |more| {
        [
            format!(" version 3\n priority 100\n advert_int 3\n {more}"),
            " version 3\n priority 90\n advert_int 1".to_owned(),
        ]
        .map(|lines| member(&lines))
    };
    assert_eq!(findings(&slow("")), ["W0651 b.conf:4:13 a.conf:4:13"]);
    assert_eq!(
        findings(&slow("lower_prio_no_advert")),
        ["W0662 b.conf:4:13 a.conf:4:13 a.conf:5:2"]
    );
    assert_eq!(
        findings(&slow("owner_ignore_adverts")),
        ["W0651 b.conf:4:13 a.conf:4:13"],
        "it is no owner"
    );
    let [owner, other] = slow("owner_ignore_adverts");
    let owner = owner.replace("priority 100", "priority 255");
    assert_eq!(findings(&[owner, other]), ["W0662 b.conf:4:13 a.conf:4:13 a.conf:5:2"]);
    let [slow, silent] =
        slow("").map(|text| text.replace("advert_int 1", "advert_int 1\n lower_prio_no_advert"));
    assert_eq!(
        findings(&[slow, silent]),
        ["W0651 b.conf:4:13 a.conf:4:13"],
        "the silent one is the faster one"
    );
}

#[test]
fn authentication_is_what_the_other_one_accepts() {
    const A: &str = " priority 100\n authentication {\n auth_type PASS\n auth_pass 12345678\n }";
    const KEYS: &str = " priority 100\n auth_hmac {\n key 1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n \
                        key 2 bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n }";
    check(&[
        Case {
            members: &[A, " priority 90"],
            found: &["E0604 b.conf:1:15 a.conf:3:2"],
            sound: " priority 90\n authentication {\n auth_type PASS\n auth_pass 12345678\n }",
        },
        Case {
            members: &[
                A,
                " priority 90\n authentication {\n auth_type AH\n auth_pass 12345678\n }",
            ],
            found: &["E0604 b.conf:3:2 a.conf:3:2"],
            // The rest of a password does not count.
            sound: " priority 90\n authentication {\n auth_type PASS\n auth_pass 123456789\n }",
        },
        Case {
            members: &[
                A,
                " priority 90\n authentication {\n auth_type PASS\n auth_pass 1234567\n }",
            ],
            found: &["E0604 b.conf:3:2 a.conf:3:2"],
            sound: A_LOWER,
        },
        Case {
            members: &[
                KEYS,
                " priority 90\n auth_hmac {\n key 2 bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n }",
            ],
            found: &["E0604 b.conf:3:2 a.conf:3:2"],
            // Each signs with a key that the other one has.
            sound: " priority 90\n auth_hmac {\n key 1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n \
                    key 2 bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n active_key 2\n }",
        },
        Case {
            members: &[
                KEYS,
                " priority 90\n auth_hmac {\n key 1 bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n }",
            ],
            found: &["E0604 b.conf:3:2 a.conf:3:2"],
            sound: " priority 90\n auth_hmac {\n key 1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n }",
        },
        Case {
            members: &[
                KEYS,
                " priority 90\n auth_hmac {\n \
                 key 1 hex:6161616161616161616161616161616161616161616161616161616161616162\n }",
            ],
            found: &["E0604 b.conf:3:2 a.conf:3:2"],
            sound: " priority 90\n auth_hmac {\n \
                    key 1 hex:6161616161616161616161616161616161616161616161616161616161616161\n }",
        },
        Case {
            members: &[KEYS, " priority 90\n auth_hmac {\n key 3 file:/run/key\n }"],
            found: &["E0604 b.conf:3:2 a.conf:3:2"],
            // What is in the file is not known here.
            sound: " priority 90\n auth_hmac {\n key 1 file:/run/key\n }",
        },
        Case {
            members: &[
                KEYS,
                " priority 90\n auth_hmac {\n key 1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n mode receive-only\n }",
            ],
            found: &["E0604 b.conf:3:2 a.conf:3:2"],
            sound: " priority 90\n auth_hmac {\n key 1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n mode permissive\n }",
        },
        Case {
            members: &[
                " priority 100\n auth_hmac {\n key 1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n mode receive-only\n }",
                " priority 90\n auth_hmac {\n key 2 bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n mode permissive\n }",
            ],
            found: &["E0604 b.conf:3:2 a.conf:3:2"],
            // The first step of a migration: nobody signs yet.
            sound: " priority 90",
        },
    ]);
}

const A_LOWER: &str = " priority 90\n authentication {\n auth_type PASS\n auth_pass 12345678\n }";

#[test]
fn secrets_are_compared_and_not_shown() {
    let lines = |secret: &str| {
        format!(
            " priority {}\n authentication {{\n auth_type PASS\n auth_pass {secret}\n }}",
            secret.len()
        )
    };
    let texts = [member(&lines("xyzzy")), member(&lines("swordfis"))];
    let text = rendered(&texts);
    assert!(
        text.contains("E0604") && !text.contains("xyzzy") && !text.contains("swordfis"),
        "{text}"
    );
}

#[test]
fn addresses_are_compared_with_their_prefixes_and_lists() {
    const TWO: &str = " priority 100\n virtual_ipaddress {\n 192.0.2.1/24\n 192.0.2.2/24\n }";
    check(&[
        Case {
            members: &[TWO, " priority 90\n virtual_ipaddress {\n 192.0.2.1/24\n }"],
            found: &["W0652 b.conf:4:2 a.conf:5:2"],
            // Their order means nothing, nor does the interface.
            sound: " priority 90\n virtual_ipaddress {\n 192.0.2.2/24 dev eth1\n 192.0.2.1/24\n }",
        },
        Case {
            members: &[TWO, " priority 90\n virtual_ipaddress {\n 192.0.2.1/24\n 192.0.2.2\n }"],
            found: &["W0652 b.conf:5:2 a.conf:5:2"],
            sound: " priority 90\n virtual_ipaddress {\n 192.0.2.1/24\n 192.0.2.2/24\n }",
        },
        Case {
            members: &[
                TWO,
                " priority 90\n virtual_ipaddress {\n 192.0.2.1/24\n }\n \
                 virtual_ipaddress_excluded {\n 192.0.2.2/24\n }",
            ],
            found: &["W0652 b.conf:7:2 a.conf:5:2"],
            sound: " priority 90\n virtual_ipaddress {\n 192.0.2.1/24\n 192.0.2.2/24\n }",
        },
        // Each lacks what the other one has.
        Case {
            members: &[TWO, " priority 90\n virtual_ipaddress {\n 192.0.2.1/24\n 192.0.2.3/24\n }"],
            found: &["W0652 a.conf:5:2 b.conf:5:2", "W0652 b.conf:5:2 a.conf:5:2"],
            sound: " priority 90\n virtual_ipaddress {\n 192.0.2.1/24\n 192.0.2.2/24\n }",
        },
    ]);
}

#[test]
fn routes_are_compared_by_their_destinations() {
    const A: &str = " priority 100\n virtual_routes {\n 198.51.100.0/24 via 192.0.2.9 dev eth0\n \
                     203.0.113.0/24 via 192.0.2.9 dev eth0\n }";
    check(&[
        Case {
            members: &[
                A,
                " priority 90\n virtual_routes {\n 198.51.100.0/24 via 192.0.2.9 dev eth0\n }",
            ],
            found: &["W0663 b.conf:4:2 a.conf:5:2"],
            sound: " priority 90\n virtual_routes {\n 203.0.113.0/24 dev eth9 metric 5\n \
                    198.51.100.0/24 via 192.0.2.8 dev eth0\n }",
        },
        Case {
            members: &[A, " priority 90"],
            found: &["W0663 b.conf:1:15 a.conf:4:2"],
            sound: " priority 90\n virtual_routes {\n 203.0.113.0/24 via 192.0.2.8 dev eth0\n \
                    198.51.100.0/24 via 192.0.2.8 dev eth0\n }",
        },
    ]);
    // What belongs to a group may be moved by any of its instances.
    let other = |priority: u8, routes: &str| {
        format!(
            "vrrp_instance VI_7 {{\n interface eth1\n virtual_router_id 7\n priority {priority}\n \
             virtual_ipaddress {{\n 198.18.0.7/24\n }}\n{routes}\n}}\n"
        )
    };
    let routes = A.trim_start_matches(" priority 100\n");
    let texts = [member(A) + &other(100, ""), member(" priority 90") + &other(90, routes)];
    assert_eq!(findings(&texts), [""; 0]);
}

#[test]
fn virtual_addresses_have_one_mac_address() {
    check(&[Case {
        members: &[" priority 100\n use_vmac", " priority 90"],
        found: &["W0664 b.conf:1:15 a.conf:3:2"],
        sound: " priority 90\n use_vmac vrrp.7\n vmac_xmit_base",
    }]);
    let three = [" priority 100", " priority 90\n use_vmac", " priority 80"].map(member);
    assert_eq!(findings(&three), ["W0664 b.conf:3:2 a.conf:1:15"]);
}

#[test]
fn members_must_send_to_each_other() {
    const A: &str =
        " priority 100\n unicast_src_ip 198.51.100.1\n unicast_peer {\n 198.51.100.2\n }";
    check(&[
        Case {
            members: &[
                A,
                " priority 90\n unicast_src_ip 198.51.100.2\n unicast_peer {\n 198.51.100.9\n }",
            ],
            found: &["E0605 b.conf:5:2 a.conf:3:17"],
            sound: " priority 90\n unicast_src_ip 198.51.100.2\n unicast_peer {\n 198.51.100.1\n }",
        },
        // All addresses are known, so one of the peers is a slip.
        Case {
            members: &[
                A,
                " priority 90\n unicast_src_ip 198.51.100.3\n unicast_peer {\n 198.51.100.1\n }",
            ],
            found: &["E0605 a.conf:5:2 b.conf:3:17"],
            sound: " priority 90\n unicast_peer {\n 198.51.100.1\n }",
        },
        Case {
            members: &[
                " priority 100\n unicast_src_ip 198.51.100.1\n unicast_peer {\n 198.51.100.2\n \
                 198.51.100.3\n }",
                " priority 90\n unicast_src_ip 198.51.100.2\n unicast_peer {\n 198.51.100.1\n \
                 198.51.100.3\n }",
                " priority 80\n unicast_src_ip 198.51.100.3\n unicast_peer {\n 198.51.100.1\n }",
            ],
            found: &["E0605 c.conf:5:2 b.conf:3:17"],
            sound: " priority 80\n unicast_src_ip 198.51.100.3\n unicast_peer {\n 198.51.100.1\n \
                    198.51.100.2\n }",
        },
        Case {
            members: &[A, " priority 90"],
            found: &["E0605 b.conf:1:15 a.conf:5:2"],
            sound: " priority 90\n unicast_src_ip 198.51.100.2\n unicast_peer {\n 198.51.100.1\n }",
        },
        Case {
            members: &[" priority 100", " priority 90\n mcast_dst_ip 224.0.0.19"],
            found: &["E0605 b.conf:3:15 a.conf:1:15"],
            sound: " priority 90\n mcast_dst_ip 224.0.0.18",
        },
        Case {
            members: &[
                " priority 100\n mcast_src_ip 198.51.100.1",
                " priority 90\n mcast_src_ip 198.51.100.1",
            ],
            found: &["E0607 b.conf:3:15 a.conf:3:15"],
            sound: " priority 90\n mcast_src_ip 198.51.100.2",
        },
    ]);
}
