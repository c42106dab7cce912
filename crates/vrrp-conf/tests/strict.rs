//! What strict mode forbids, and what lenient mode makes of it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use vrrp_conf::model::{FirstState, Instance};
use vrrp_conf::{Code, Options, parse_str};

const VIP: &str = "virtual_ipaddress {\n 192.0.2.100/24\n }";

fn text(strict: &str, lines: &str) -> String {
    format!("vrrp_instance V {{\n interface eth0\n virtual_router_id 51\n {strict}\n {lines}\n}}\n")
}

/// The codes of what is found but not supported yet, and the instance that lenient mode makes.
fn read(strict: &str, lines: &str) -> (Vec<Code>, Option<Instance>) {
    let text = text(strict, lines);
    let found = parse_str("test.conf", &text, &Options::default()).diagnostics;
    let codes = found.iter().filter(|it| it.is_error()).map(|it| it.code);
    let codes = codes.filter(|code| *code != Code::NotSupportedYet).collect();
    let lenient = Options::default().lenient(true);
    let config = parse_str("test.conf", &text, &lenient).config;
    (codes, config.map(|mut config| config.instances.remove(0)))
}

#[test]
fn strict_mode_forbids_what_keepalived_resets_and_points_at_it() {
    let v6 = "virtual_ipaddress {\n 2001:db8::100/64\n }";
    for lines in [
        "unicast_peer {\n 192.0.2.2\n }",
        "authentication {\n auth_type PASS\n auth_pass x\n }",
        "preempt_delay 5",
        "down_timer_adverts 5",
        "garp_lower_prio_repeat 3",
        "lower_prio_no_advert off",
        "higher_prio_send_advert",
        "handover fast",
        "state MASTER\n priority 100",
        "state BACKUP\n priority 255",
        "accept",
        "use_vmac\n vmac_xmit_base",
    ] {
        let lines = format!("{lines}\n {VIP}");
        assert_eq!(read("strict_mode", &lines).0, [Code::AgainstStrict], "{lines}");
        assert_eq!(read("strict_mode off", &lines).0, [], "{lines}");
    }
    for lines in [v6, "version 3\n no_virtual_ipaddress"] {
        assert_eq!(read("strict_mode", lines).0, [Code::AgainstStrict], "{lines}");
    }
    for lines in [
        "version 3\n accept",
        "no_accept",
        "state MASTER\n priority 255",
        "state MASTER",
        "priority 255\n accept",
        "down_timer_adverts 3",
        "handover rfc",
        "lower_prio_no_advert",
        "garp_lower_prio_repeat 0",
    ] {
        assert_eq!(read("strict_mode", &format!("{lines}\n {VIP}")).0, [], "{lines}");
    }
}

#[test]
fn leniently_a_strict_router_is_what_keepalived_makes_of_it() {
    let lenient = |lines: &str| read("strict_mode", &format!("{lines}\n {VIP}")).1.unwrap();
    assert_eq!(lenient("authentication {\n auth_type PASS\n auth_pass x\n }").authentication, None);
    assert!(lenient("preempt_delay 5").preempt.delay.is_zero());
    assert_eq!(lenient("down_timer_adverts 5").down_timer_adverts, 3);
    assert!(*lenient("lower_prio_no_advert off").lower_prio_no_advert);
    assert!(!lenient("higher_prio_send_advert").higher_prio_send_advert);
    assert!(!lenient("handover fast").fast_handover);
    assert_eq!(lenient("garp_lower_prio_repeat 3").announce.lower_prio_repeat, 0);
    assert_eq!(*lenient("state MASTER\n priority 100").first_state, FirstState::Backup);
    assert_eq!(*lenient("state BACKUP\n priority 255").first_state, FirstState::Master);
    assert!(!lenient("accept").accept, "version 2 has none");
}

#[test]
fn who_accepts_packets_follows_from_accept_strict_mode_and_the_owner() {
    for (strict, lines, expected) in [
        ("", "", true),
        ("", "no_accept", false),
        ("", "accept", true),
        ("strict_mode", "", false),
        ("strict_mode", "priority 255", true),
        ("strict_mode", "version 3\n accept", true),
        ("strict_mode", "version 3\n no_accept", false),
    ] {
        let lines = format!("{lines}\n {VIP}");
        assert_eq!(read(strict, &lines).1.unwrap().accept, expected, "{strict} {lines}");
    }
}

#[test]
fn the_table_of_filters_has_a_name_that_nft_can_write() {
    let table = |line: &str| {
        let text = format!("global_defs {{\n {line}\n}}\n{}", text("no_accept", VIP));
        let document = parse_str("test.conf", &text, &Options::default());
        let errors: Vec<_> =
            document.diagnostics.iter().filter(|it| it.is_error()).map(|it| it.code).collect();
        (errors, document.config.map(|config| config.instances[0].filter_table.to_string()))
    };
    assert_eq!(table(""), (vec![], Some("vrrpd".to_owned())));
    assert_eq!(table("nftables"), (vec![], Some("vrrpd".to_owned())));
    assert_eq!(table("nftables gateway"), (vec![], Some("gateway".to_owned())));
    assert_eq!(table("nftables 7up").0, [Code::NotAChoice]);
}

#[test]
fn a_hand_over_is_fast_unless_the_configuration_or_strict_mode_wants_the_rfcs() {
    let globals = |globals: &str, instance: &str| {
        let text =
            format!("global_defs {{\n {globals}\n}}\n{}", text("", &format!("{instance}\n {VIP}")));
        let config = parse_str("test.conf", &text, &Options::default()).config;
        config.unwrap().instances.remove(0).fast_handover
    };
    for (global, instance, is_fast) in [
        ("", "", true),
        ("vrrp_handover rfc", "", false),
        ("vrrp_handover rfc", "handover fast", true),
        ("vrrp_handover fast", "handover rfc", false),
        ("vrrp_strict", "", false),
        ("vrrp_strict\n vrrp_handover fast", "", false),
    ] {
        assert_eq!(globals(global, instance), is_fast, "{global} {instance}");
    }
}
