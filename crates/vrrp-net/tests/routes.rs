//! Routes added and removed, as the kernel shows them.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::process::Command;
use std::time::Duration;

use common::{End, Host, ip, isolated, wire};
use vrrp_net::{
    AddressFlags, AddressSpec, Change, Family, Hop, Monitor, NetError, NetEvent, Object, Operation,
    Outcome, Placement, Prefix, RouteKind, RouteSpec, RuleAction, RuleSpec,
};

fn prefix(text: &str) -> Prefix {
    let (address, len) = text.split_once('/').unwrap();
    Prefix { address: ip(address), len: len.parse().unwrap() }
}

fn via(gateway: &str) -> Hop {
    Hop { gateway: Some(ip(gateway)), ..Hop::default() }
}

/// What `ip route` shows of a table.
fn shown(host: &Host, family: &str, table: &str) -> String {
    let show =
        || Command::new("ip").args([family, "route", "show", "table", table]).output().unwrap();
    String::from_utf8(host.run(show).stdout).unwrap()
}

fn add(host: &mut Host, route: &RouteSpec) -> Result<Outcome, NetError> {
    host.netlink.apply(&[Change::Add(route.clone().into())]).remove(0)
}

fn remove(host: &mut Host, route: &RouteSpec) -> Result<Outcome, NetError> {
    host.netlink.apply(&[Change::Remove(route.clone().into())]).remove(0)
}

#[test]
fn a_route_is_there_as_it_was_wanted_and_gone_as_if_it_had_never_been() {
    isolated(|| {
        let (End { mut host, interface, .. }, _right) = wire();
        let hop = Hop { interface: Some(interface), ..via("192.0.2.2") };
        let route = RouteSpec {
            preferred_source: Some(ip("192.0.2.1")),
            metric: Some(77),
            table: 1234,
            hops: vec![hop],
            // RTAX_MTU, locked, and RTAX_INITCWND.
            metrics: vec![(2, 1400), (11, 20)],
            locked_metrics: 1 << 2,
            congestion_control: Some("reno".into()),
            ..RouteSpec::to(prefix("198.51.100.0/24"))
        };
        assert_eq!(add(&mut host, &route), Ok(Outcome::Added));
        let text = shown(&host, "-4", "1234");
        for part in [
            "198.51.100.0/24 via 192.0.2.2 dev left proto ",
            "src 192.0.2.1 metric 77 mtu lock 1400 initcwnd 20 congctl reno",
        ] {
            assert!(text.contains(part), "{part:?} is not in {text:?}");
        }
        assert!(host.netlink.routes().unwrap().contains(&route.key()));
        assert_eq!(add(&mut host, &route), Ok(Outcome::AlreadyThere));
        assert_eq!(remove(&mut host, &route), Ok(Outcome::Removed));
        assert_eq!(remove(&mut host, &route), Ok(Outcome::NotThere));
        assert_eq!(shown(&host, "-4", "1234"), "");
    });
}

#[test]
fn another_programs_route_to_the_same_place_is_not_touched() {
    isolated(|| {
        let (End { mut host, .. }, _right) = wire();
        let theirs = RouteSpec {
            protocol: 4,
            hops: vec![via("192.0.2.9")],
            ..RouteSpec::to(Prefix::all(Family::V4))
        };
        let ours = RouteSpec { protocol: 18, hops: vec![via("192.0.2.2")], ..theirs.clone() };
        assert_eq!(add(&mut host, &theirs), Ok(Outcome::Added));
        assert_eq!(add(&mut host, &ours), Ok(Outcome::Added));
        let text = shown(&host, "-4", "main");
        assert!(text.starts_with("default via 192.0.2.2"), "ours goes first: {text}");
        let only = RouteSpec { placement: Placement::Only, ..ours.clone() };
        assert_eq!(add(&mut host, &only), Ok(Outcome::AlreadyThere));
        assert_eq!(remove(&mut host, &ours), Ok(Outcome::Removed));
        assert_eq!(remove(&mut host, &ours), Ok(Outcome::NotThere));
        assert!(shown(&host, "-4", "main").contains("default via 192.0.2.9"));
    });
}

#[test]
fn of_a_route_of_version_6_that_two_programs_have_only_the_own_part_goes() {
    isolated(|| {
        let (End { mut host, interface, .. }, _right) = wire();
        host.add(&AddressSpec {
            flags: AddressFlags::NO_DAD,
            ..AddressSpec::new(interface, ip("2001:db8::1"), 64)
        });
        let theirs = RouteSpec {
            protocol: 4,
            hops: vec![via("2001:db8::50")],
            ..RouteSpec::to(Prefix::all(Family::V6))
        };
        let ours = RouteSpec { protocol: 18, hops: vec![via("2001:db8::53")], ..theirs.clone() };
        assert_eq!(add(&mut host, &theirs), Ok(Outcome::Added));
        assert_eq!(add(&mut host, &ours), Ok(Outcome::Added));
        assert!(shown(&host, "-6", "main").contains("2001:db8::53"));
        // As another process would, which has only the octets.
        let mut octets = Vec::new();
        Object::from(ours).write_octets(&mut octets);
        let read = Object::read_octets(&mut octets.as_slice()).unwrap();
        assert_eq!(host.netlink.apply(&[Change::Remove(read)]), [Ok(Outcome::Removed)]);
        let left = shown(&host, "-6", "main");
        assert!(left.contains("2001:db8::50") && !left.contains("2001:db8::53"), "{left}");
    });
}

#[test]
fn routes_that_refuse_that_share_and_of_version_6() {
    isolated(|| {
        let (End { mut host, interface, .. }, _right) = wire();
        let global = AddressSpec {
            flags: AddressFlags::NO_DAD,
            ..AddressSpec::new(interface, ip("2001:db8::1"), 64)
        };
        host.add(&global);
        let blackhole =
            RouteSpec { kind: RouteKind::BLACKHOLE, ..RouteSpec::to(prefix("203.0.113.0/24")) };
        let shared = RouteSpec {
            hops: vec![via("192.0.2.2"), Hop { weight: 2, ..via("192.0.2.3") }],
            ..RouteSpec::to(prefix("198.51.100.0/24"))
        };
        let six = RouteSpec {
            metric: Some(50),
            preference: Some(1),
            hops: vec![via("2001:db8::2")],
            ..RouteSpec::to(prefix("2001:db8:1::/48"))
        };
        let six_shared = RouteSpec {
            hops: vec![via("2001:db8::2"), via("2001:db8::3")],
            ..RouteSpec::to(prefix("2001:db8:2::/48"))
        };
        let on_link = RouteSpec {
            hops: vec![Hop { interface: Some(interface), is_on_link: true, ..via("198.18.0.1") }],
            ..RouteSpec::to(prefix("198.18.1.0/24"))
        };
        let all = [blackhole, shared, six, six_shared, on_link];
        let changes: Vec<_> = all.iter().map(|it| Change::Add(it.clone().into())).collect();
        let added = host.netlink.apply(&changes);
        assert!(added.iter().all(|it| *it == Ok(Outcome::Added)), "{added:?}");
        let four = shown(&host, "-4", "main");
        assert!(four.contains("blackhole 203.0.113.0/24"), "{four}");
        assert!(four.contains("nexthop via 192.0.2.3 dev left weight 3"), "{four}");
        assert!(four.contains("198.18.1.0/24 via 198.18.0.1 dev left"), "{four}");
        assert!(four.contains("onlink"), "{four}");
        let six = shown(&host, "-6", "main");
        assert!(six.contains("2001:db8:1::/48 via 2001:db8::2 dev left"), "{six}");
        assert!(six.contains("metric 50 pref high"), "{six}");
        assert!(six.contains("nexthop via 2001:db8::3 dev left"), "{six}");

        let changes: Vec<_> = all.iter().map(|it| Change::Remove(it.clone().into())).collect();
        let removed = host.netlink.apply(&changes);
        assert!(removed.iter().all(|it| *it == Ok(Outcome::Removed)), "{removed:?}");
        let left = host.netlink.routes().unwrap();
        assert!(left.iter().all(|key| key.protocol != RouteSpec::PROTOCOL), "{left:?}");
    });
}

#[test]
fn a_route_that_cannot_be_is_refused_by_name_and_keeps_none_back() {
    isolated(|| {
        let (End { mut host, .. }, _right) = wire();
        let lost = RouteSpec {
            hops: vec![via("203.0.113.1")],
            ..RouteSpec::to(prefix("198.51.100.0/24"))
        };
        let good =
            RouteSpec { hops: vec![via("192.0.2.2")], ..RouteSpec::to(prefix("198.18.0.0/15")) };
        let changes = [&lost, &good].map(|it| Change::Add(it.clone().into()));
        let outcomes = host.netlink.apply(&changes);
        assert_eq!(outcomes[1], Ok(Outcome::Added));
        let error = outcomes[0].as_ref().unwrap_err();
        assert!(matches!(error, NetError::Route { operation: Operation::AddRoute, .. }));
        let text = error.to_string();
        assert!(text.starts_with("cannot add the route 198.51.100.0/24: "), "{text}");
    });
}

#[test]
fn a_monitor_that_watches_routes_tells_of_one_that_somebody_removes() {
    isolated(|| {
        let (End { mut host, .. }, _right) = wire();
        let (mut monitor, _) = host.run(Monitor::open).unwrap();
        monitor.watch_routes().unwrap();
        let route =
            RouteSpec { hops: vec![via("192.0.2.2")], ..RouteSpec::to(prefix("198.18.0.0/15")) };
        assert_eq!(add(&mut host, &route), Ok(Outcome::Added));
        assert_eq!(remove(&mut host, &route), Ok(Outcome::Removed));
        let mut events = Vec::new();
        common::eventually("the removal is told", || {
            monitor.wait(&mut events, Some(Duration::from_millis(50))).unwrap();
            events.contains(&NetEvent::RouteRemoved(route.key())).then_some(())
        });
    });
}

#[test]
fn what_another_process_reads_of_a_route_removes_it() {
    isolated(|| {
        let (End { mut host, .. }, _right) = wire();
        let route = RouteSpec {
            metric: Some(9),
            table: 70_000,
            hops: vec![via("192.0.2.2")],
            ..RouteSpec::to(prefix("198.18.0.0/15"))
        };
        assert_eq!(add(&mut host, &route), Ok(Outcome::Added));
        let mut octets = Vec::new();
        Object::from(route.clone()).write_octets(&mut octets);
        let mut rest = octets.as_slice();
        let read = Object::read_octets(&mut rest).unwrap();
        assert_eq!((read.key(), rest), (Object::from(route).key(), &[][..]));
        assert_eq!(host.netlink.apply(&[Change::Remove(read)]), [Ok(Outcome::Removed)]);
    });
}

/// What `ip rule` shows of this machine's own numbers.
fn shown_rules(host: &Host, family: &str) -> String {
    let show = || Command::new("ip").args([family, "rule", "show"]).output().unwrap();
    String::from_utf8(host.run(show).stdout).unwrap()
}

#[test]
fn rules_are_there_as_they_were_wanted_and_go_alone() {
    isolated(|| {
        let (End { mut host, .. }, _right) = wire();
        let plain = RuleSpec {
            from: Some(prefix("192.0.2.100/32")),
            ..RuleSpec::new(Family::V4, 100, RuleAction::Table(1000))
        };
        let full = RuleSpec {
            is_inverted: true,
            to: Some(prefix("198.51.100.0/24")),
            input: Some("left".parse().unwrap()),
            mark: Some((7, 0xff)),
            ip_protocol: Some(6),
            source_ports: Some((1000, 2000)),
            destination_ports: Some((443, 443)),
            users: Some((10, 20)),
            suppress_prefix_len: Some(0),
            ..RuleSpec::new(Family::V4, 100, RuleAction::Table(70_000))
        };
        let six = RuleSpec::new(Family::V6, 5, RuleAction::Blackhole);
        let jump = RuleSpec::new(Family::V4, 50, RuleAction::Goto(100));
        let all = [plain, full, six, jump];
        let changes = all.map(|rule| Change::Add(rule.into()));
        let added = host.netlink.apply(&changes);
        assert!(added.iter().all(|it| *it == Ok(Outcome::Added)), "{added:?}");
        let again = host.netlink.apply(&changes);
        assert!(again.iter().all(|it| *it == Ok(Outcome::AlreadyThere)), "{again:?}");
        let text = shown_rules(&host, "-4");
        for part in [
            "100:\tfrom 192.0.2.100 lookup 1000",
            "100:\tnot from all to 198.51.100.0/24 fwmark 0x7/0xff iif left ipproto tcp",
            "sport 1000-2000 dport 443 lookup 70000 suppress_prefixlength 0",
            "50:\tfrom all goto 100",
        ] {
            assert!(
                text.contains(part)
                    || text.contains(&part.replace(" ipproto", " uidrange 10-20 ipproto")),
                "{part:?} is not in\n{text}"
            );
        }
        assert!(shown_rules(&host, "-6").contains("5:\tfrom all blackhole"));

        // Another process knows it by its octets.
        let mut octets = Vec::new();
        Object::from(full).write_octets(&mut octets);
        let mut rest = octets.as_slice();
        let read = Object::read_octets(&mut rest).unwrap();
        assert_eq!((&read, rest), (&Object::from(full), &[][..]));
        assert_eq!(host.netlink.apply(&[Change::Remove(read)]), [Ok(Outcome::Removed)]);
        let text = shown_rules(&host, "-4");
        assert!(text.contains("192.0.2.100") && !text.contains("70000"), "{text}");
        for rule in [plain, six, jump] {
            let removal = [Change::Remove(rule.into())];
            assert_eq!(host.netlink.apply(&removal), [Ok(Outcome::Removed)]);
            assert_eq!(host.netlink.apply(&removal), [Ok(Outcome::NotThere)]);
        }
    });
}

#[test]
fn a_monitor_that_watches_routes_tells_of_a_rule_that_somebody_removes() {
    isolated(|| {
        let (End { mut host, .. }, _right) = wire();
        let (mut monitor, _) = host.run(Monitor::open).unwrap();
        monitor.watch_routes().unwrap();
        let rule = RuleSpec::new(Family::V6, 77, RuleAction::Table(1000));
        host.netlink.apply(&[Change::Add(rule.into()), Change::Remove(rule.into())]);
        let told = NetEvent::RuleRemoved { family: Family::V6, preference: 77 };
        let mut events = Vec::new();
        common::eventually("the removal is told", || {
            monitor.wait(&mut events, Some(Duration::from_millis(50))).unwrap();
            events.contains(&told).then_some(())
        });
    });
}
