//! Addresses added and removed by the hundred.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::net::{IpAddr, Ipv4Addr};
use std::slice::from_ref;

use common::{End, Host, ip, ip4, isolated, name, only, wire};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use vrrp_net::{
    AddressFlags, AddressProtocol, AddressSpec, AdvertReceiver, Broadcast, Change, Family,
    FrameSender, IfIndex, Interface, InterfaceAddress, LinkChange, NetError, Netlink, Operation,
    Outcome, Preferred, Privileges, Scope,
};

/// A host with a loopback link, which takes any address.
fn host() -> (Host, Interface) {
    let mut host = Host::new();
    let lo = host.interface("lo");
    host.change(lo.index, &LinkChange::UP);
    (host, lo)
}

fn addresses(interface: Interface, count: u8) -> Vec<AddressSpec> {
    let address = |last| AddressSpec::host(interface, Ipv4Addr::new(198, 51, 100, last).into());
    (0..count).map(address).collect()
}

/// The addresses of an interface that are not the kernel's own.
fn there(host: &mut Host, interface: Interface) -> Vec<InterfaceAddress> {
    let all = host.netlink.addresses().unwrap();
    all.into_iter().filter(|it| it.interface == interface.index && !is_own(it.address)).collect()
}

fn is_own(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unicast_link_local(),
    }
}

#[test]
fn of_two_hundred_addresses_one_that_is_refused_keeps_none_back() {
    isolated(|| {
        let (mut host, lo) = host();
        let mut wanted = addresses(lo, 200);
        wanted[57].prefix_len = 33;
        wanted[150] = wanted[0].clone();

        let outcomes = host.netlink.add_addresses(&wanted);
        assert_eq!(outcomes.len(), 200);
        for (number, outcome) in outcomes.iter().enumerate() {
            match number {
                57 => assert_is_about(outcome, "198.51.100.57/33 on lo"),
                150 => assert_eq!(*outcome, Ok(Outcome::AlreadyThere)),
                _ => assert_eq!(*outcome, Ok(Outcome::Added), "{number}"),
            }
        }
        let there = there(&mut host, lo);
        assert_eq!(there.len(), 198);
        for (number, spec) in wanted.iter().enumerate() {
            assert_eq!(there.iter().any(|it| spec.is(it)), number != 57, "{spec}");
        }
    });
}

fn assert_is_about(outcome: &Result<Outcome, NetError>, what: &str) {
    let error = outcome.as_ref().unwrap_err();
    assert!(error.to_string().starts_with(&format!("cannot add {what}: ")), "{error}");
    let NetError::Address { operation, errno, explanation, .. } = error else {
        panic!("{error:?} names no address");
    };
    assert_eq!((*operation, errno.raw()), (Operation::AddAddress, libc::EINVAL));
    // Linux 6.7 and later say more than the number; older ones say nothing.
    if let Some(explanation) = explanation {
        assert!(explanation.contains("prefix"), "{explanation}");
    }
}

#[test]
fn what_is_there_already_and_what_is_not_there_are_no_errors() {
    isolated(|| {
        let (mut host, lo) = host();
        let wanted = addresses(lo, 120);
        let netlink = &mut host.netlink;
        assert_eq!(netlink.remove_addresses(&wanted[..2]), [Ok(Outcome::NotThere); 2].map(own));
        assert!(netlink.add_addresses(&wanted).into_iter().all(|it| it == Ok(Outcome::Added)));
        let again = netlink.add_addresses(&wanted);
        assert!(again.into_iter().all(|it| it == Ok(Outcome::AlreadyThere)));
        let removed = netlink.remove_addresses(&wanted);
        assert!(removed.into_iter().all(|it| it == Ok(Outcome::Removed)));
        let again = netlink.remove_addresses(&wanted);
        assert!(again.into_iter().all(|it| it == Ok(Outcome::NotThere)));
        assert_eq!(there(&mut host, lo), []);
        assert_eq!(host.netlink.add_addresses(&[]), []);
    });
}

/// `Ok` of something that can be copied, as a result that cannot.
fn own(outcome: Result<Outcome, ()>) -> Result<Outcome, NetError> {
    Ok(outcome.unwrap())
}

#[test]
fn ipv6_addresses_have_the_same_outcomes() {
    isolated(|| {
        let (mut host, lo) = host();
        let v6 = AddressSpec::host(lo, ip("2001:db8::100"));
        let both = [v6.clone(), AddressSpec::host(lo, ip("198.51.100.1"))];
        let netlink = &mut host.netlink;
        assert!(netlink.add_addresses(&both).into_iter().all(|it| it == Ok(Outcome::Added)));
        let again = netlink.add_addresses(&both);
        assert!(again.into_iter().all(|it| it == Ok(Outcome::AlreadyThere)));
        assert_eq!(only(netlink.remove_addresses(std::slice::from_ref(&v6))), Ok(Outcome::Removed));
        assert_eq!(only(netlink.remove_addresses(&[v6])), Ok(Outcome::NotThere));
    });
}

#[test]
fn the_attributes_of_an_ipv4_address_arrive_in_the_kernel() {
    isolated(|| {
        let (mut left, _right) = wire();
        let plain = AddressSpec::new(left.interface, ip("203.0.113.1"), 24);
        let full = AddressSpec {
            broadcast: Broadcast::AllOnes,
            scope: Scope::LINK,
            label: Some("left:vip".parse().unwrap()),
            flags: AddressFlags::NO_PREFIX_ROUTE,
            ..AddressSpec::new(left.interface, ip("198.51.100.1"), 28)
        };
        let short_lived = AddressSpec {
            preferred: Preferred::Secs(0),
            ..AddressSpec::new(left.interface, ip("203.0.113.9"), 32)
        };
        let peer = AddressSpec {
            peer: Some(ip("10.0.0.2")),
            ..AddressSpec::new(left.interface, ip("10.0.0.1"), 32)
        };
        for spec in [&plain, &full, &short_lived, &peer] {
            left.host.add(spec);
        }
        let there = there(&mut left.host, left.interface);
        let of = |spec: &AddressSpec| *there.iter().find(|it| spec.is(it)).unwrap();

        for spec in [&plain, &full, &short_lived, &peer] {
            let expected = InterfaceAddress::of(spec);
            let protocol = host_keeps_protocols().then_some(AddressProtocol::VRRP);
            assert_eq!(of(spec), InterfaceAddress { protocol, ..expected });
        }
        let it = of(&plain);
        assert_eq!((it.broadcast, it.scope, it.peer), (None, Scope::GLOBAL, None));
        assert_eq!(it.label.unwrap().as_bytes(), b"left");
        assert_eq!(it.flags, AddressFlags::PERMANENT);
        let it = of(&full);
        assert_eq!((it.broadcast, it.scope), (Some(ip4("198.51.100.15")), Scope::LINK));
        assert_eq!(it.label.unwrap().as_bytes(), b"left:vip");
        assert!(it.flags.contains(AddressFlags::NO_PREFIX_ROUTE));
        assert!(of(&short_lived).flags.contains(AddressFlags::DEPRECATED));
        assert_eq!(of(&peer).peer, Some(ip("10.0.0.2")));

        let removed = left.host.netlink.remove_addresses(&[plain, full, short_lived, peer]);
        assert!(removed.iter().all(|it| *it == Ok(Outcome::Removed)), "{removed:?}");
    });
}

#[test]
fn an_ipv6_address_is_usable_at_once_and_no_source_if_it_is_a_single_one() {
    isolated(|| {
        let (mut left, _right) = wire();
        let single = AddressSpec::host(left.interface, ip("2001:db8::100"));
        let subnet = AddressSpec::new(left.interface, ip("2001:db8::200"), 64);
        let lasting = AddressSpec {
            preferred: Preferred::Forever,
            ..AddressSpec::host(left.interface, ip("2001:db8::300"))
        };
        let asked_for = AddressSpec {
            flags: AddressFlags::NONE,
            ..AddressSpec::host(left.interface, ip("2001:db8::400"))
        };
        for spec in [&single, &subnet, &lasting, &asked_for] {
            left.host.add(spec);
        }
        let there = there(&mut left.host, left.interface);
        let of = |spec: &AddressSpec| *there.iter().find(|it| spec.is(it)).unwrap();
        for (spec, is_deprecated) in [(&single, true), (&subnet, false), (&lasting, false)] {
            let it = of(spec);
            assert!(it.is_usable(), "{it:?}");
            assert_eq!(it.flags.contains(AddressFlags::DEPRECATED), is_deprecated, "{it:?}");
            assert!(it.flags.contains(AddressFlags::NO_DAD.with(AddressFlags::PERMANENT)));
        }
        assert!(!of(&asked_for).is_usable(), "duplicate detection takes a second");
    });
}

#[test]
fn an_interface_that_is_gone_has_no_addresses_to_remove_and_takes_none() {
    isolated(|| {
        let (mut host, _) = host();
        let ghost = Interface { index: IfIndex::new(77).unwrap(), name: name("ghost") };
        let specs = addresses(ghost, 2);
        for outcome in host.netlink.remove_addresses(&specs) {
            assert_eq!(outcome, Ok(Outcome::NotThere));
        }
        for outcome in host.netlink.add_addresses(&specs) {
            let error = outcome.unwrap_err();
            assert!(error.is_interface_unusable(), "{error}");
            assert!(error.to_string().contains("on ghost"), "{error}");
        }
    });
}

#[test]
fn without_the_capabilities_each_error_names_the_one_that_is_missing() {
    isolated(|| {
        let (host, lo) = host();
        let (before, after, errors) = host.run(|| {
            let before = Privileges::of_this_thread().unwrap();
            let mut sets = capabilities(None).unwrap();
            sets.effective -= CapabilitySet::NET_ADMIN | CapabilitySet::NET_RAW;
            set_capabilities(None, sets).unwrap();
            let mut netlink = Netlink::open().unwrap();
            assert!(!netlink.links().unwrap().is_empty(), "listing takes no privilege");
            let errors = [
                only(netlink.add_addresses(&addresses(lo, 1))).unwrap_err(),
                only(netlink.remove_addresses(&addresses(lo, 1))).unwrap_err(),
                netlink.change_link(lo.index, &LinkChange::DOWN).unwrap_err(),
                AdvertReceiver::open(lo, Family::V4).unwrap_err(),
                FrameSender::open().unwrap_err(),
            ];
            (before, Privileges::of_this_thread().unwrap(), errors)
        });
        assert!(before.suffice());
        assert_eq!(after, Privileges { net_admin: false, net_raw: false });
        let missing = ["ADMIN", "ADMIN", "ADMIN", "RAW", "RAW"];
        for (error, capability) in errors.iter().zip(missing) {
            assert!(error.is_permission(), "{error}");
            assert!(
                error.to_string().ends_with(&format!("it takes CAP_NET_{capability}")),
                "{error}"
            );
        }
    });
}

#[test]
fn a_thousand_addresses_are_added_listed_and_removed() {
    isolated(|| {
        let (mut host, lo) = host();
        let address = |number: u16| Ipv4Addr::new(10, 0, (number >> 8) as u8, number as u8).into();
        let wanted: Vec<_> = (0..1000).map(|n| AddressSpec::host(lo, address(n))).collect();
        let added = host.netlink.add_addresses(&wanted);
        assert!(added.into_iter().all(|it| it == Ok(Outcome::Added)));
        // The list takes several datagrams of the kernel's.
        let there = there(&mut host, lo);
        assert_eq!(there.len(), 1000);
        assert!(wanted.iter().zip(&there).all(|(spec, it)| spec.is(it)));
        let removed = host.netlink.remove_addresses(&wanted);
        assert!(removed.into_iter().all(|it| it == Ok(Outcome::Removed)));
    });
}

#[test]
fn changes_of_both_directions_are_made_in_their_order() {
    isolated(|| {
        let (mut host, lo) = host();
        let specs = addresses(lo, 3);
        let add = |number: usize| Change::Add(specs[number].clone().into());
        let remove = |number: usize| Change::Remove(specs[number].clone().into());
        let changes = [add(0), add(1), remove(0), remove(2), add(2), add(1), remove(1), add(0)];
        let outcomes: Vec<_> =
            host.netlink.apply(&changes).into_iter().map(Result::unwrap).collect();
        let expected = [
            Outcome::Added,
            Outcome::Added,
            Outcome::Removed,
            Outcome::NotThere,
            Outcome::Added,
            Outcome::AlreadyThere,
            Outcome::Removed,
            Outcome::Added,
        ];
        assert_eq!(outcomes, expected);
        let left: Vec<_> = there(&mut host, lo).iter().map(InterfaceAddress::key).collect();
        assert_eq!(left, [specs[2].key(), specs[0].key()]);
    });
}

#[test]
fn an_address_says_whose_it_is() {
    isolated(|| {
        let (mut host, lo) = host();
        for address in ["198.51.100.1", "2001:db8::100"] {
            let ours = AddressSpec::host(lo, ip(address));
            host.add(&ours);
            let protocol = only(there(&mut host, lo)).protocol;
            // Before Linux 5.18 the kernel does not say.
            assert_eq!(protocol.unwrap_or(AddressProtocol::VRRP), AddressProtocol::VRRP);
            assert_eq!(protocol.is_some(), host_keeps_protocols());
            assert_eq!(host.netlink.remove_addresses(from_ref(&ours)), [Ok(Outcome::Removed)]);
            host.add(&AddressSpec { protocol: AddressProtocol::UNSPECIFIED, ..ours.clone() });
            assert_eq!(only(there(&mut host, lo)).protocol, None);
            assert_eq!(host.netlink.remove_addresses(&[ours]), [Ok(Outcome::Removed)]);
        }
    });
}

fn host_keeps_protocols() -> bool {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split(['.', '-']).map_while(|it| it.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(5), Some(18))
}

/// An interface whose subnet's first address is a virtual one, and whose own address comes behind.
fn demoted(left: &mut End) -> (AddressSpec, AddressSpec) {
    let own = AddressSpec::new(left.interface, left.address, 24);
    let vip = AddressSpec::new(left.interface, ip("192.0.2.100"), 24);
    left.host.add(&vip);
    assert_eq!(left.host.netlink.remove_addresses(from_ref(&own)), [Ok(Outcome::Removed)]);
    left.host.add(&own);
    let there = there(&mut left.host, left.interface);
    assert!(!there[0].flags.contains(AddressFlags::SECONDARY) && vip.is(&there[0]));
    assert!(there[1].flags.contains(AddressFlags::SECONDARY) && own.is(&there[1]));
    (own, vip)
}

#[test]
fn a_virtual_address_that_became_primary_takes_no_other_address_along() {
    isolated(|| {
        let (mut left, _right) = wire();
        let (own, vip) = demoted(&mut left);
        assert_eq!(left.host.netlink.remove_addresses(&[vip]), [Ok(Outcome::Removed)]);
        assert!(own.is(&only(there(&mut left.host, left.interface))));
        assert_eq!(promotes(&left), "0", "as it was before");
    });
}

/// The interface's setting.
fn promotes(end: &End) -> String {
    let file = format!("/proc/sys/net/ipv4/conf/{}/promote_secondaries", end.interface);
    end.host.run(|| std::fs::read_to_string(&file).unwrap().trim().to_owned())
}

#[test]
fn several_virtual_addresses_take_no_other_address_along_either() {
    isolated(|| {
        let (mut left, _right) = wire();
        let (own, vip) = demoted(&mut left);
        let more =
            (1..=9).map(|n| AddressSpec::new(left.interface, ip(&format!("192.0.2.11{n}")), 24));
        let all: Vec<_> = std::iter::once(vip).chain(more).collect();
        assert!(left.host.netlink.add_addresses(&all[1..]).iter().all(Result::is_ok));
        let outcomes = left.host.netlink.remove_addresses(&all);
        assert!(outcomes.iter().all(|it| *it == Ok(Outcome::Removed)), "{outcomes:?}");
        assert!(own.is(&only(there(&mut left.host, left.interface))));
    });
}

#[test]
fn an_address_that_is_added_while_virtual_ones_are_removed_stays() {
    const ROUNDS: usize = 300;
    isolated(|| {
        let (mut left, _right) = wire();
        let other = left.host.run(Netlink::open).unwrap();
        let (interface, own) = (left.interface, AddressSpec::new(left.interface, left.address, 24));
        let vip = AddressSpec::new(interface, ip("192.0.2.100"), 24);
        let mut adding = other;
        assert_eq!(left.host.netlink.remove_addresses(from_ref(&own)), [Ok(Outcome::Removed)]);
        let mut kept = 0;
        for _ in 0..ROUNDS {
            left.host.add(&vip);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    assert_eq!(adding.add_addresses(from_ref(&own)), [Ok(Outcome::Added)])
                });
                let removed = left.host.netlink.remove_addresses(from_ref(&vip));
                assert_eq!(removed, [Ok(Outcome::Removed)]);
            });
            kept += there(&mut left.host, interface).iter().filter(|it| own.is(it)).count();
            assert_eq!(left.host.netlink.remove_addresses(from_ref(&own)), [Ok(Outcome::Removed)]);
        }
        assert_eq!(kept, ROUNDS);
    });
}
