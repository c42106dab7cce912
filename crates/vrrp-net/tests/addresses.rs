//! Addresses added and removed by the hundred.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::net::{IpAddr, Ipv4Addr};

use common::{Host, ip, ip4, isolated, name, only, wire};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use vrrp_net::{
    Addition, AddressFlags, AddressSpec, AdvertReceiver, Broadcast, Family, FrameSender, IfIndex,
    Interface, InterfaceAddress, LinkChange, NetError, Netlink, Operation, Preferred, Privileges,
    Removal, Scope,
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
                150 => assert_eq!(*outcome, Ok(Addition::AlreadyThere)),
                _ => assert_eq!(*outcome, Ok(Addition::Added), "{number}"),
            }
        }
        let there = there(&mut host, lo);
        assert_eq!(there.len(), 198);
        for (number, spec) in wanted.iter().enumerate() {
            assert_eq!(there.iter().any(|it| spec.is(it)), number != 57, "{spec}");
        }
    });
}

fn assert_is_about(outcome: &Result<Addition, NetError>, what: &str) {
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
        assert_eq!(netlink.remove_addresses(&wanted[..2]), [Ok(Removal::NotThere); 2].map(own));
        assert!(netlink.add_addresses(&wanted).into_iter().all(|it| it == Ok(Addition::Added)));
        let again = netlink.add_addresses(&wanted);
        assert!(again.into_iter().all(|it| it == Ok(Addition::AlreadyThere)));
        let removed = netlink.remove_addresses(&wanted);
        assert!(removed.into_iter().all(|it| it == Ok(Removal::Removed)));
        let again = netlink.remove_addresses(&wanted);
        assert!(again.into_iter().all(|it| it == Ok(Removal::NotThere)));
        assert_eq!(there(&mut host, lo), []);
        assert_eq!(host.netlink.add_addresses(&[]), []);
    });
}

/// `Ok` of something that can be copied, as a result that cannot.
fn own(outcome: Result<Removal, ()>) -> Result<Removal, NetError> {
    Ok(outcome.unwrap())
}

#[test]
fn ipv6_addresses_have_the_same_outcomes() {
    isolated(|| {
        let (mut host, lo) = host();
        let v6 = AddressSpec::host(lo, ip("2001:db8::100"));
        let both = [v6.clone(), AddressSpec::host(lo, ip("198.51.100.1"))];
        let netlink = &mut host.netlink;
        assert!(netlink.add_addresses(&both).into_iter().all(|it| it == Ok(Addition::Added)));
        let again = netlink.add_addresses(&both);
        assert!(again.into_iter().all(|it| it == Ok(Addition::AlreadyThere)));
        assert_eq!(only(netlink.remove_addresses(std::slice::from_ref(&v6))), Ok(Removal::Removed));
        assert_eq!(only(netlink.remove_addresses(&[v6])), Ok(Removal::NotThere));
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
        assert!(removed.iter().all(|it| *it == Ok(Removal::Removed)), "{removed:?}");
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
            assert_eq!(outcome, Ok(Removal::NotThere));
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
        assert!(added.into_iter().all(|it| it == Ok(Addition::Added)));
        // The list takes several datagrams of the kernel's.
        let there = there(&mut host, lo);
        assert_eq!(there.len(), 1000);
        assert!(wanted.iter().zip(&there).all(|(spec, it)| spec.is(it)));
        let removed = host.netlink.remove_addresses(&wanted);
        assert!(removed.into_iter().all(|it| it == Ok(Removal::Removed)));
    });
}
