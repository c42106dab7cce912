//! Packet filters: what nftables has of them, and what packets feel of them.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::process::Command;

use common::{End, Host, PATIENCE, eventually, ip, isolated, only, wire};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use vrrp_net::{
    AddressSpec, Change, Errno, Filter, IfIndex, Interface, LinkChange, NetError, Operation,
    Outcome, TableName,
};

fn table() -> TableName {
    TableName::default()
}

fn filter(address: &str, on: Interface) -> Filter {
    Filter::new(table(), ip(address), on)
}

fn add(filter: Filter) -> Change {
    Change::Add(filter.into())
}

fn remove(filter: Filter) -> Change {
    Change::Remove(filter.into())
}

/// The ruleset in the words of nft(8); none where that is not installed.
fn ruleset(host: &Host) -> Option<String> {
    let output = host.run(|| Command::new("nft").args(["list", "ruleset"]).output()).ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

fn nft(host: &Host, words: &str) {
    let words: Vec<_> = words.split(' ').collect();
    let output = host.run(|| Command::new("nft").args(&words).output()).unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn there(host: &mut Host) -> BTreeSet<Filter> {
    let Host { namespace, netlink } = host;
    namespace.run(|| netlink.filters(table())).unwrap().unwrap().into_iter().collect()
}

fn apply(host: &mut Host, changes: &[Change]) -> Vec<Result<Outcome, NetError>> {
    let Host { namespace, netlink } = host;
    namespace.run(|| netlink.apply(changes)).unwrap()
}

#[test]
fn a_table_comes_with_the_first_filter_and_goes_with_the_last() {
    isolated(|| {
        let mut host = Host::new();
        let lo = host.interface("lo");
        let (v4, v6, link) =
            (filter("192.0.2.1", lo), filter("2001:db8::1", lo), filter("fe80::1", lo));
        assert_eq!(there(&mut host), BTreeSet::new());
        let changes = [add(v4), add(v6), add(v4), add(link), remove(filter("192.0.2.9", lo))];
        let outcomes = apply(&mut host, &changes);
        let (added, gone) = (Ok(Outcome::Added), Ok(Outcome::Removed));
        let (already, not_there) = (Ok(Outcome::AlreadyThere), Ok(Outcome::NotThere));
        let expected =
            [added.clone(), added.clone(), already.clone(), added.clone(), not_there.clone()];
        assert_eq!(outcomes, expected);
        assert_eq!(there(&mut host), BTreeSet::from([v4, v6, link]));

        if let Some(rules) = ruleset(&host) {
            let rules: Vec<_> = rules.lines().map(str::trim).collect();
            for line in [
                "table inet vrrpd {",
                "elements = { 192.0.2.1 }",
                "elements = { 2001:db8::1 }",
                "elements = { fe80::1 . \"lo\" }",
                "type filter hook input priority filter - 1; policy accept;",
                "ip daddr @ipv4 drop",
                "icmpv6 type 135-136 return",
                "ip6 daddr @ipv6 drop",
                "ip6 daddr . iif @ipv6_link_local drop",
            ] {
                assert!(rules.contains(&line), "{line} in {rules:#?}");
            }
        }

        // Another one of the same kernel finds what is there, and takes the rest.
        let mut other = host.run(vrrp_net::Netlink::open).unwrap();
        assert_eq!(only(host.run(|| other.apply(&[add(v6)]))), already);
        assert_eq!(apply(&mut host, &[remove(v4), remove(link)]), [gone.clone(), gone.clone()]);
        assert_eq!(there(&mut host), BTreeSet::from([v6]));
        assert_eq!(only(host.run(|| other.apply(&[remove(v6)]))), gone);
        assert_eq!(only(apply(&mut host, &[remove(v6)])), not_there);
        assert_eq!(ruleset(&host).unwrap_or_default(), "");
        assert_eq!(only(apply(&mut host, &[add(v4)])), added, "and it can come again");
    });
}

#[test]
fn filters_and_addresses_in_one_list_keep_their_order_and_their_outcomes() {
    isolated(|| {
        let mut host = Host::new();
        let lo = host.interface("lo");
        let address = AddressSpec::host(lo, ip("192.0.2.1"));
        let filters: Vec<_> = (0..=255)
            .map(|last| Filter::new(table(), IpAddr::from([198, 51, 100, last]), lo))
            .collect();
        let mut changes: Vec<_> = filters.iter().map(|filter| add(*filter)).collect();
        changes.insert(100, Change::Add(address.clone().into()));
        changes.push(Change::Add(address.into()));
        let outcomes = apply(&mut host, &changes);
        assert_eq!(outcomes.len(), 258);
        assert!(outcomes[..257].iter().all(|it| *it == Ok(Outcome::Added)), "{outcomes:?}");
        assert_eq!(outcomes[257], Ok(Outcome::AlreadyThere));
        assert_eq!(there(&mut host).len(), 256);
    });
}

#[test]
fn tables_of_others_are_left_alone() {
    isolated(|| {
        let mut host = Host::new();
        let lo = host.interface("lo");
        if ruleset(&host).is_none() {
            return common::skip("there is no nft(8)");
        }
        nft(&host, "add table inet vrrpd");
        nft(&host, "add table ip other");
        let filter = filter("192.0.2.1", lo);
        let refused = only(apply(&mut host, &[add(filter)])).unwrap_err();
        let expected = "cannot add the packet filter 192.0.2.1 (table inet vrrpd): File exists";
        assert!(refused.to_string().starts_with(expected), "{refused}");
        assert_eq!(only(apply(&mut host, &[remove(filter)])), Ok(Outcome::NotThere));
        let own = Filter { table: "mine".parse().unwrap(), ..filter };
        assert_eq!(only(apply(&mut host, &[add(own)])), Ok(Outcome::Added));
        assert_eq!(only(apply(&mut host, &[remove(own)])), Ok(Outcome::Removed));
        assert_eq!(ruleset(&host).unwrap(), "table inet vrrpd {\n}\ntable ip other {\n}\n");
    });
}

#[test]
fn changes_of_many_at_a_time_do_not_overtake_each_other() {
    isolated(|| {
        let mut host = Host::new();
        let lo = host.interface("lo");
        let add_and_remove = |last: u8| {
            let mut netlink = host.run(vrrp_net::Netlink::open).unwrap();
            let filter = Filter::new(table(), IpAddr::from([192, 0, 2, last]), lo);
            let namespace = &host.namespace;
            move || {
                let changes = || {
                    for _ in 0..20 {
                        assert_eq!(only(netlink.apply(&[add(filter)])), Ok(Outcome::Added));
                        assert_eq!(only(netlink.apply(&[remove(filter)])), Ok(Outcome::Removed));
                    }
                };
                namespace.run(changes).unwrap();
            }
        };
        std::thread::scope(|scope| {
            for last in 0..4 {
                scope.spawn(add_and_remove(last));
            }
        });
        assert_eq!(there(&mut host), BTreeSet::new());
    });
}

#[test]
fn a_thread_of_another_namespace_changes_nothing() {
    isolated(|| {
        let (mut host, other) = (Host::new(), Host::new());
        let filter = filter("192.0.2.1", host.interface("lo"));
        let Host { netlink, .. } = &mut host;
        let refused = other.run(|| only(netlink.apply(&[add(filter)]))).unwrap_err();
        assert!(refused.to_string().contains("another network namespace"), "{refused}");
        let listed = other.run(|| netlink.filters(table())).unwrap_err();
        assert!(listed.to_string().contains("another network namespace"), "{listed}");
        assert_eq!(only(apply(&mut host, &[add(filter)])), Ok(Outcome::Added));
        assert_eq!(other.run(|| host.netlink.filters(table())), Ok(vec![filter]), "it is open");
    });
}

#[test]
fn without_the_privilege_the_refusal_names_it() {
    isolated(|| {
        let host = Host::new();
        let refused = host.run(|| {
            let mut netlink = vrrp_net::Netlink::open().unwrap();
            let mut sets = capabilities(None).unwrap();
            sets.effective.remove(CapabilitySet::NET_ADMIN);
            set_capabilities(None, sets).unwrap();
            let lo = Interface { index: IfIndex::new(1).unwrap(), name: common::name("lo") };
            only(netlink.apply(&[add(filter("192.0.2.1", lo))])).unwrap_err()
        });
        let NetError::Filter { operation, errno, .. } = &refused else { panic!("{refused:?}") };
        assert_eq!((*operation, *errno), (Operation::AddFilter, Errno::from_raw(libc::EPERM)));
        assert!(refused.to_string().ends_with("it takes CAP_NET_ADMIN"), "{refused}");
    });
}

/// Sends to addresses of `left` one after the other, the last of which hears it in any case. Says
/// at which of them something arrived.
fn heard(left: &End, right: &End, at: &[IpAddr]) -> Vec<IpAddr> {
    let bind = |end: &End, any: IpAddr| {
        let socket = end.host.run(|| UdpSocket::bind((any, 0))).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    };
    let any = if at[0].is_ipv4() { ip("0.0.0.0") } else { ip("::") };
    let (receiver, sender) = (bind(left, any), bind(right, any));
    let port = receiver.local_addr().unwrap().port();
    for address in at {
        let mut to = SocketAddr::new(*address, port);
        if let SocketAddr::V6(to) = &mut to {
            to.set_scope_id(right.interface.index.get());
        }
        sender.send_to(address.to_string().as_bytes(), to).unwrap();
    }
    let mut heard = Vec::new();
    while heard.last() != at.last() {
        let mut text = [0; 64];
        let len = receiver.recv(&mut text).expect("the last one arrives");
        heard.push(ip(std::str::from_utf8(&text[..len]).unwrap()));
    }
    heard
}

#[test]
fn packets_to_a_filtered_address_are_dropped_and_others_are_not() {
    isolated(|| {
        let (mut left, right) = wire();
        let (vip, own) = (ip("192.0.2.100"), left.address);
        left.host.add(&AddressSpec::new(left.interface, vip, 24));
        assert_eq!(heard(&left, &right, &[vip, own]), [vip, own]);
        let filter = Filter::new(table(), vip, left.interface);
        assert_eq!(only(apply(&mut left.host, &[add(filter)])), Ok(Outcome::Added));
        assert_eq!(heard(&left, &right, &[vip, own]), [own]);
        assert_eq!(only(apply(&mut left.host, &[remove(filter)])), Ok(Outcome::Removed));
        assert_eq!(heard(&left, &right, &[vip, own]), [vip, own]);
    });
}

#[test]
fn neighbours_find_a_filtered_ipv6_address_whose_packets_are_dropped() {
    isolated(|| {
        let (mut left, mut right) = wire();
        let (own, vip, link) = (ip("2001:db8::1"), ip("2001:db8::100"), ip("fe80::100"));
        for address in [own, vip, link] {
            left.host.add(&AddressSpec::new(left.interface, address, 64));
        }
        right.host.add(&AddressSpec::new(right.interface, ip("2001:db8::2"), 64));
        // What is sent before a neighbour is known waits: its order is that of the answers.
        let known = |right: &End, address: IpAddr| {
            let (show, mac) = (address.to_string(), left.mac.to_string());
            eventually("it is found", || {
                let show = ["-6", "neigh", "show", show.as_str()];
                let output = right.host.run(|| Command::new("ip").args(show).output()).unwrap();
                String::from_utf8(output.stdout).unwrap().contains(&mac).then_some(())
            });
        };
        let elsewhere = left.host.interface("lo");
        left.host.change(elsewhere.index, &LinkChange::UP);
        let closed =
            [Filter::new(table(), vip, left.interface), Filter::new(table(), link, left.interface)];
        let outcomes = apply(&mut left.host, &closed.map(add));
        assert_eq!(outcomes, [Ok(Outcome::Added), Ok(Outcome::Added)]);
        for address in [vip, link, own] {
            heard(&left, &right, &[address, own]);
            known(&right, address);
        }
        assert_eq!(heard(&left, &right, &[vip, link, own]), [own]);

        // A link-local address is filtered on its own link alone.
        let other = Filter::new(table(), link, elsewhere);
        apply(&mut left.host, &[remove(closed[1]), add(other)]);
        assert_eq!(heard(&left, &right, &[vip, link, own]), [link, own]);
        apply(&mut left.host, &[remove(closed[0]), remove(other)]);
        assert_eq!(heard(&left, &right, &[vip, link, own]), [vip, link, own]);
        assert_eq!(ruleset(&left.host).unwrap_or_default(), "");
    });
}
