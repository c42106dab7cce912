//! Routes and rules: what is understood, what is refused, and where.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::IpAddr;

use vrrp_conf::model::{
    Encap, FwMark, Lookup, Metric, MetricValue, Placement, Realms, Route, RouteKind, Rule,
    RuleAction, Scope,
};
use vrrp_conf::{Code, Config, Loaded, Options, RenderOptions, parse_str};
use vrrp_proto::Family;

/// A sound configuration whose line 2 is an item of a static block.
fn text(block: &str, item: &str) -> String {
    format!(
        "{block} {{\n{item}\n}}\ntrack_group TG {{\n group {{\n  VI_1\n }}\n}}\nvrrp_instance VI_1 \
         {{\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {{\n  192.0.2.1/24\n }}\n}}\n"
    )
}

fn read(text: &str, lenient: bool) -> Loaded {
    let options = Options::default().read_only(true).lenient(lenient);
    parse_str("test.conf", text, &options)
}

/// The model of a sound text, which also reads back as it is printed.
fn sound(text: &str) -> Config {
    let loaded = read(text, false);
    let shown = loaded.render(RenderOptions::default());
    let config = loaded.config.unwrap_or_else(|| panic!("{shown}\n{text}"));
    let printed = config.to_conf();
    let again = read(&printed, false);
    let shown = again.render(RenderOptions::default());
    assert_eq!(again.config.as_ref(), Some(&config), "{text}{printed}{shown}");
    config
}

fn route(item: &str) -> Route {
    sound(&text("static_routes", item)).static_routes[0].value.clone()
}

fn rule(item: &str) -> Rule {
    sound(&text("static_rules", item)).static_rules[0].value.clone()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn each_option_of_a_route_is_in_the_model() {
    let plain = route("198.51.100.0/24 dev eth0");
    assert_eq!(plain.destination.to_string(), "198.51.100.0/24");
    assert_eq!(plain.hop.device.unwrap().to_string(), "eth0");
    assert_eq!((plain.family, plain.kind), (Family::V4, RouteKind::Unicast));
    let options = [
        "via 192.0.2.254",
        "via inet 192.0.2.254",
        "src 192.0.2.1",
        "table 100",
        "table nowhere-known",
        "protocol keepalived",
        "scope link",
        "metric 5",
        "tos AF11",
        "append",
        "add",
        "onlink",
        "mtu 1400",
        "mtu lock 1400",
        "hoplimit 9",
        "advmss lock 9",
        "rtt 250ms",
        "rttvar 1s",
        "rto_min lock 1.5s",
        "reordering 4",
        "window 9",
        "cwnd 9",
        "ssthresh lock 9",
        "initcwnd 9",
        "initrwnd 9",
        "quickack 1",
        "fastopen_no_cookie 1",
        "features ecn",
        "congctl cubic",
        "congctl lock cubic",
        "realms 1/2",
        "realms PQA/0x14",
        "ttl-propagate enabled",
        "ttl-propagate disabled",
        "vrf blue",
        "encap ip id 3 dst 192.0.2.9 src 192.0.2.8 tos 1 ttl 3 flags 4",
        "encap ip6 dst 2001:db8::1 tc 3 hoplimit 4",
        "encap mpls 100/200",
        "encap ila 1:2:3:4",
        "no_track",
        "track_group TG",
    ];
    let mut models = vec![plain];
    for option in options {
        let model = route(&format!("198.51.100.0/24 dev eth0 {option}"));
        if option != "via inet 192.0.2.254" {
            assert!(!models.contains(&model), "`{option}` changes nothing");
        }
        models.push(model);
    }
    for option in ["from 2001:db8:1::/48", "pref high", "expires 60"] {
        assert_ne!(
            route(&format!("2001:db8::/64 dev eth0 {option}")),
            route("2001:db8::/64 dev eth0")
        );
    }
}

#[test]
fn a_route_has_the_values_that_it_says() {
    let metrics = route("198.51.100.0/24 dev eth0 mtu lock 1400 rtt 250ms rto_min 1.5s").metrics;
    assert_eq!(metrics[&Metric::Mtu], MetricValue { value: 1400, locked: true });
    assert_eq!(metrics[&Metric::Rtt], MetricValue { value: 2000, locked: false }, "eighths of ms");
    assert_eq!(metrics[&Metric::RtoMin].value, 1500);
    let table = |item| route(item).table.unwrap().value;
    assert_eq!(table("198.51.100.0/24 dev eth0 table main"), Lookup::Number(254));
    assert_eq!(table("198.51.100.0/24 dev eth0 table 0x10"), Lookup::Number(16));
    assert_eq!(table("198.51.100.0/24 dev eth0 table blue"), Lookup::Name("blue".into()));
    let scoped = route("198.51.100.0/24 dev eth0 scope link");
    assert_eq!(scoped.scope, Some(Lookup::Number(Scope::LINK)));
    let realms = route("198.51.100.0/24 dev eth0 realms PQA/0x14").hop.realms.unwrap();
    let expected = Realms { from: Some(Lookup::Name("PQA".into())), to: Lookup::Number(20) };
    assert_eq!(realms, expected);
    let ila = route("198.51.100.0/24 dev eth0 encap ila 1:2:3:ff").hop.encap;
    assert_eq!(ila, Some(Encap::Ila(0x0001_0002_0003_00ff)));
    assert_eq!(route("198.51.100.0/24 dev eth0 append").placement, Placement::Append);
}

#[test]
fn next_hops_are_in_the_model() {
    let hops = route(
        "198.51.100.0/24 no_track nexthop via 192.0.2.2 dev eth0 onlink weight 2 encap ip dst \
         192.0.2.9 nexthop dev eth1",
    )
    .hops;
    assert_eq!(hops.len(), 2);
    assert_eq!(hops[0].hop.via.unwrap().value, ip("192.0.2.2"));
    assert!(hops[0].hop.on_link && !hops[1].hop.on_link);
    assert_eq!((hops[0].weight, hops[1].weight), (2, 1));
    let old = route("198.51.100.0/24 via 192.0.2.2 or 192.0.2.3 dev eth0");
    assert_eq!(old.hops.len(), 2);
    assert!(old.hop.via.is_none() && old.hop.device.is_some());
}

#[test]
fn the_family_of_a_route_is_that_of_its_addresses() {
    for (item, family) in [
        ("default dev eth0", Family::V4),
        ("inet6 default dev eth0", Family::V6),
        ("default via fe80::1 dev eth0", Family::V6),
        ("default via inet6 fe80::1 dev eth0", Family::V6),
        ("to default dev eth0 src 192.0.2.1", Family::V4),
        ("blackhole 2001:db8::/64 dev lo", Family::V6),
    ] {
        assert_eq!(route(item).family, family, "{item}");
    }
}

#[test]
fn each_option_of_a_rule_is_in_the_model() {
    let mut models = vec![rule("table 1 preference 5")];
    let options = [
        "from 192.0.2.0/24",
        "to 192.0.2.0/24",
        "not",
        "iif eth0",
        "oif eth0",
        "fwmark 1",
        "fwmark 0x1/0xff",
        "tos 0x10",
        "ipproto udp",
        "ipproto 99",
        "sport 10-20",
        "dport 10-20",
        "uidrange 1000-1999",
        "tunnel-id 7",
        "suppress_prefixlength 0",
        "suppress_ifgroup default",
        "suppress_ifgroup blue",
        "realms 1/2",
        "no_track",
        "no_track protocol 12",
        "iif eth1 track_group TG",
        "inet6",
    ];
    for option in options {
        let model = rule(&format!("table 1 preference 5 {option}"));
        assert!(!models.contains(&model), "`{option}` changes nothing");
        models.push(model);
    }
    let actions = [
        ("table main", RuleAction::Table(Lookup::Number(254))),
        ("lookup blue", RuleAction::Table(Lookup::Name("blue".into()))),
        ("l3mdev", RuleAction::L3Mdev),
        ("goto 6", RuleAction::Goto(6)),
        ("nop", RuleAction::Nop),
        ("blackhole", RuleAction::Blackhole),
        ("type unreachable", RuleAction::Unreachable),
        ("prohibit", RuleAction::Prohibit),
    ];
    for (words, action) in actions {
        assert_eq!(rule(&format!("{words} preference 5")).action, action);
    }
    let mark = rule("fwmark 24/12 table 1 preference 5").mark;
    assert_eq!(mark, Some(FwMark { mark: 24, mask: 12 }));
}

/// What is found at the item's line, in strict mode, without what is not supported yet.
fn found(block: &str, item: &str) -> Vec<String> {
    let loaded = read(&text(block, item), false);
    let not_yet = [Code::NotSupportedYet, Code::NoEffectYet];
    let ours = loaded.diagnostics.iter().filter(|found| !not_yet.contains(&found.code));
    let ours = ours.map(|found| {
        let place = loaded.sources.location(found.span.unwrap()).unwrap();
        assert_eq!(place.line, 2, "{item}");
        format!("{} {}", found.code, place.column)
    });
    ours.collect()
}

#[test]
fn faults_of_routes_are_found_at_their_word() {
    let cases = [
        ("dev eth0", "E0415 1"),
        ("foo", "E0309 1"),
        ("198.51.100.0/24 mettric 5 dev eth0", "E0309 17"),
        ("198.51.100.0/24 dev", "E0312 17"),
        ("198.51.100.0/24 dev a/b", "E0308 21"),
        ("198.51.100.0/33 dev eth0", "E0306 1"),
        ("198.51.100.1/24 dev eth0", "E0306 1"),
        ("198.51.100.0/24 203.0.113.0/24 dev eth0", "E0415 17"),
        ("198.51.100.0/24 dev eth0 via 192.0.2.300", "E0305 30"),
        ("198.51.100.0/24 dev eth0 via fe80::1", "E0404 30"),
        ("198.51.100.0/24 dev eth0 via inet6 fe80::1", "E0404 36"),
        ("198.51.100.0/24 dev eth0 via inet6 192.0.2.1", "E0305 36"),
        ("2001:db8::/64 dev eth0 src 192.0.2.1", "E0404 28"),
        ("198.51.100.0/24 dev eth0 inet6", "E0404 26"),
        ("198.51.100.0/24 dev eth0 expires 5", "E0309 26"),
        ("198.51.100.0/24 dev eth0 pref high", "E0309 26"),
        ("2001:db8::/64 dev eth0 realms 3", "E0309 24"),
        ("2001:db8::/64 dev eth0 pref highest", "E0307 29"),
        ("198.51.100.0/24 dev eth0 mtu", "E0312 26"),
        ("198.51.100.0/24 dev eth0 mtu x", "E0301 30"),
        ("198.51.100.0/24 dev eth0 mtu 4294967296", "E0302 30"),
        ("198.51.100.0/24 dev eth0 mtu 1400 mtu 1500", "E0210 35"),
        ("198.51.100.0/24 dev eth0 hoplimit 256", "E0302 35"),
        ("198.51.100.0/24 dev eth0 hoplimit lock 9", "E0309 35"),
        ("198.51.100.0/24 dev eth0 rtt 1.5", "E0303 30"),
        ("198.51.100.0/24 dev eth0 rtt 961s", "E0302 30"),
        ("198.51.100.0/24 dev eth0 rtt 100ms", "W0517 30"),
        ("198.51.100.0/24 dev eth0 quickack 2", "E0302 35"),
        ("198.51.100.0/24 dev eth0 table -1", "E0302 32"),
        ("198.51.100.0/24 dev eth0 table 4294967296", "E0302 32"),
        ("198.51.100.0/24 dev eth0 table a/b", "E0301 32"),
        ("198.51.100.0/24 dev eth0 protocol 256", "E0302 35"),
        ("198.51.100.0/24 dev eth0 protocol static", "E0416 26"),
        ("198.51.100.0/24 dev eth0 scope 256", "E0302 32"),
        ("198.51.100.0/24 dev eth0 tos 256", "E0302 30"),
        ("198.51.100.0/24 dev eth0 features foo", "E0307 35"),
        ("198.51.100.0/24 dev eth0 realms 256", "E0302 33"),
        ("198.51.100.0/24 dev eth0 realms 1/", "E0301 33"),
        ("198.51.100.0/24 dev eth0 ttl-propagate on", "E0307 40"),
        ("198.51.100.0/24 dev eth0 weight 3", "E0415 26"),
        ("198.51.100.0/24 dev eth0 encap", "E0312 26"),
        ("198.51.100.0/24 dev eth0 encap foo 1", "E0307 32"),
        ("198.51.100.0/24 dev eth0 encap ip", "E0415 32"),
        ("198.51.100.0/24 dev eth0 encap ip dst ::1", "E0404 39"),
        ("198.51.100.0/24 dev eth0 encap ip dst 192.0.2.1 ttl 256", "E0302 53"),
        ("198.51.100.0/24 dev eth0 encap mpls 1048576", "E0302 37"),
        ("198.51.100.0/24 dev eth0 encap ila 1", "E0305 36"),
        ("198.51.100.0/24 dev eth0 track_group nope", "E0402 38"),
        ("198.51.100.0/24", "W0525 1"),
        ("blackhole 198.51.100.0/24", "W0525 1"),
        ("blackhole 198.51.100.0/24 dev eth0", "E0415 27"),
        ("blackhole prohibit 198.51.100.0/24 no_track", "E0415 11"),
        ("nat 198.51.100.0/24 dev eth0", "E0307 1"),
        ("198.51.100.0/24 dev eth0 gw 192.0.2.2", "W0516 26"),
        ("198.51.100.0/24 no_track nexthop", "E0415 1"),
        ("198.51.100.0/24 no_track nexthop dev eth0 weight 0", "E0302 50"),
        ("198.51.100.0/24 nexthop dev eth0 no_track", "E0415 34"),
        ("198.51.100.0/24 dev eth0 via 192.0.2.2 nexthop dev eth1", "E0415 30"),
        ("198.51.100.0/24 dev eth0\n198.51.100.0/24 dev eth0", "E0210"),
    ];
    for (item, expected) in cases {
        if expected == "E0210" {
            let loaded = read(&text("static_routes", item), false);
            assert!(loaded.diagnostics.iter().any(|found| found.code == Code::Duplicate));
            continue;
        }
        assert_eq!(found("static_routes", item), [expected], "{item}");
    }
}

#[test]
fn faults_of_rules_are_found_at_their_word() {
    let cases = [
        ("table 1", "E0417 1"),
        ("preference 5", "E0415 1"),
        ("foo 1 table 1 preference 5", "E0309 1"),
        ("pref 5 table 1", "E0309 1"),
        ("ip_proto udp table 1 preference 5", "E0309 1"),
        ("table 0 preference 5", "E0302 7"),
        ("table 1 preference -1", "E0302 20"),
        ("table 1 preference", "E0312 9"),
        ("table 1 goto 6 preference 5", "E0415 9"),
        ("goto 5 preference 5", "E0415 1"),
        ("goto 5", "E0415 1"),
        ("nop realms 1/2 preference 5", "E0415 5"),
        ("from 192.0.2.0/24 to 2001:db8::/64 table 1 preference 5", "E0404 22"),
        ("from 192.0.2.300 table 1 preference 5", "E0305 6"),
        ("from 192.0.2.0/33 table 1 preference 5", "E0306 6"),
        ("from 192.0.2.0/24 from 192.0.3.0/24 table 1 preference 5", "E0210 19"),
        ("table 1 preference 5 sport 10", "E0301 28"),
        ("table 1 preference 5 sport 20-10", "E0302 28"),
        ("table 1 preference 5 sport 1-65536", "E0302 28"),
        ("table 1 preference 5 uidrange 7", "E0301 31"),
        ("table 1 preference 5 fwmark x", "E0301 29"),
        ("table 1 preference 5 fwmark 1/0x1ffffffff", "E0302 29"),
        ("table 1 preference 5 ipproto 256", "E0302 30"),
        ("table 1 preference 5 protocol 12", "E0416 22"),
        ("table 1 preference 5 protocol static no_track", "E0301 31"),
        ("table 1 preference 5 suppress_prefixlength 33", "E0302 22"),
        ("type throw preference 5", "E0307 6"),
        ("table 1 preference 5 track_group TG", "E0416 34"),
        ("table 1 preference 5 track_group nope", "E0402 34"),
        ("table 1 preference 5 iif a/b", "E0308 26"),
    ];
    for (item, expected) in cases {
        assert_eq!(found("static_rules", item), [expected], "{item}");
    }
}

#[test]
fn a_static_address_may_be_tracked_by_a_group_that_there_is() {
    let address = "198.51.100.1/24 dev eth0 track_group";
    assert!(found("static_ipaddress", &format!("{address} TG")).is_empty());
    assert_eq!(found("static_ipaddress", &format!("{address} nope")), ["E0402 38"]);
}

#[test]
fn items_of_an_instance_have_no_track_group() {
    let base = text("static_rules", "table 1 preference 5");
    for block in [
        "virtual_ipaddress_excluded {\n 198.51.100.1",
        "virtual_routes {\n 198.51.100.0/24 dev eth0",
        "virtual_rules {\n nop preference 5",
    ] {
        let text = base.replace(" interface", &format!(" {block} track_group TG\n }}\n interface"));
        let codes: Vec<_> = read(&text, false).diagnostics.iter().map(|found| found.code).collect();
        assert!(codes.contains(&Code::UnknownOption), "{codes:?}");
    }
}

#[test]
fn a_misspelt_option_and_a_near_word_are_brought_together() {
    let loaded = read(&text("static_routes", "198.51.100.0/24 dev eth0 mettric 5"), false);
    let shown = loaded.render(RenderOptions::default());
    assert!(shown.contains("did you mean `metric`?"), "{shown}");
}

#[test]
fn lenient_mode_leaves_out_what_keepalived_leaves_out() {
    let routes = |item| read(&text("static_routes", item), true).config.unwrap().static_routes;
    assert!(routes("198.51.100.0/24 dev eth0 mtu x").is_empty());
    assert!(routes("198.51.100.0/24 dev eth0 foo").is_empty());
    assert!(routes("198.51.100.0/24")[0].no_track);
    assert_eq!(routes("198.51.100.0/24 dev eth0 protocol static")[0].protocol, None);
    assert_eq!(routes("198.51.100.0/33 dev eth0")[0].destination.len, 32);
    assert_eq!(routes("198.51.100.0/24 dev eth0 mtu 1 mtu 2")[0].metrics[&Metric::Mtu].value, 2);
    let rules = |item| read(&text("static_rules", item), true).config.unwrap().static_rules;
    assert!(rules("goto 5 preference 5").is_empty());
    let numbers: Vec<_> =
        rules("table 1\ntable 2\ninet6 table 3").iter().map(|rule| rule.preference.value).collect();
    assert_eq!(numbers, [16384, 16383, 16384]);
}

#[test]
fn lenient_mode_says_what_becomes_of_each_line() {
    for (block, item) in [
        ("static_routes", "198.51.100.0/24 dev eth0 mtu x"),
        ("static_routes", "198.51.100.0/24"),
        ("static_routes", "198.51.100.0/24 dev eth0 protocol static"),
        ("static_routes", "198.51.100.0/24 dev eth0 mtu 1 mtu 2"),
        ("static_rules", "table 1"),
        ("static_rules", "goto 5 preference 5"),
        ("static_rules", "table 1 preference 5 track_group TG"),
    ] {
        let loaded = read(&text(block, item), true);
        let tolerated = |found: &&vrrp_conf::Diagnostic| found.code.as_str().starts_with("E0");
        for found in loaded.diagnostics.iter().filter(tolerated) {
            let notes = &found.notes;
            let not_yet = found.code == Code::NotSupportedYet;
            assert!(
                not_yet || notes.iter().any(|note| note.contains("in lenient mode")),
                "{found:?}"
            );
        }
    }
}

#[test]
fn a_route_or_rule_is_there_once_in_all_blocks_of_its_kind() {
    for (block, item) in [
        ("static_routes", "192.0.2.0/24 dev eth0"),
        ("static_rules", "from 192.0.2.1 table 1 priority 100"),
    ] {
        let twice = format!("{block} {{\n{item}\n}}\n{}", text(block, item));
        let codes: Vec<_> =
            read(&twice, false).diagnostics.iter().map(|found| found.code).collect();
        assert!(codes.contains(&Code::Duplicate), "{block}: {codes:?}");
    }
}
