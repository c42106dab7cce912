//! Removing IPv4 addresses without those that hang on them.
//!
//! The first address of a subnet on an interface is its primary one, and the others are its
//! secondaries. With a primary address the kernel removes its secondaries, unless the interface's
//! `promote_secondaries` makes the next one primary. A virtual address may have become the primary
//! one at any time: it did if the host's own address was removed and added again.
//!
//! What is seldom needed is kept out of the frames of its callers: the stack that one removal touched
//! stays with the thread of each router.
//!
//! The setting is read and made through netlink (`IFLA_AF_SPEC`) and not through `/proc/sys/net`:
//! that shows the network namespace of the thread that looks, and may be read-only.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use neli::consts::nl::NlmF;
use neli::consts::rtnl::{Ifa, Iff, Ifla, Rtm};
use neli::rtnl::{Ifaddrmsg, IfaddrmsgBuilder, Ifinfomsg};
use neli::types::{Buffer, RtBuffer};

use super::link::{self, link_message};
use super::message::{Answer, attribute, decode, payload};
use super::{Netlink, every_address};
use crate::address::{AddressFlags, AddressKey, AddressSpec, InterfaceAddress};
use crate::error::{NetError, Operation};
use crate::object::Outcome;
use crate::words::{Errno, IfIndex};

/// linux/if_link.h: the settings inside the attributes of the family.
const IFLA_INET_CONF: u16 = 1;
/// linux/ip.h: the number of the setting, counted from 1.
const IPV4_DEVCONF_PROMOTE_SECONDARIES: u16 = 20;

/// One removal at a time in this process: each leaves the setting as it found it.
static REMOVALS: Mutex<()> = Mutex::new(());

/// How addresses are kept that are not to be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guard {
    /// The kernel is told to; where that is refused they are put back.
    Promote,
    /// They are put back.
    #[cfg(test)]
    PutBack,
}

/// An IPv4 address that is there, with the kernel's whole message about it.
struct Kept {
    address: InterfaceAddress,
    message: Ifaddrmsg,
}

impl Netlink {
    #[inline(never)]
    pub(super) fn remove_guarded(
        &mut self,
        addresses: &[AddressSpec],
        guard: Guard,
    ) -> Vec<Result<Outcome, NetError>> {
        let of_v4 = addresses.iter().filter(|spec| spec.address.is_ipv4());
        let interfaces: BTreeSet<_> = of_v4.map(|spec| spec.interface.index).collect();
        if interfaces.is_empty() {
            return self.remove_plainly(addresses);
        }
        let _lock = REMOVALS.lock().unwrap_or_else(PoisonError::into_inner);
        // An interface that is gone, or whose setting cannot be had, has nothing to switch.
        let is_off = |netlink: &mut Self, index| netlink.promotes(index) == Ok(Some(false));
        let off: Vec<_> = interfaces.into_iter().filter(|index| is_off(self, *index)).collect();
        if off.is_empty() {
            return self.remove_plainly(addresses);
        }
        self.remove_where_off(addresses, &off, guard)
    }

    /// Removes addresses from interfaces that do not promote secondaries by themselves.
    #[inline(never)]
    fn remove_where_off(
        &mut self,
        addresses: &[AddressSpec],
        off: &[IfIndex],
        guard: Guard,
    ) -> Vec<Result<Outcome, NetError>> {
        let before = self.ipv4_addresses();
        let is_needed = |index: &IfIndex| {
            let mut on_it = addresses.iter().filter(|spec| spec.interface.index == *index);
            on_it.any(|spec| spec.may_gain_secondaries() || spec.has_secondaries(&before))
        };
        let needed: Vec<_> = off.iter().copied().filter(is_needed).collect();
        let mut switched = Vec::new();
        if guard == Guard::Promote {
            switched.extend(needed.iter().filter(|index| self.switch(**index, true).is_ok()));
        }
        let mut outcomes = self.remove_plainly(addresses);
        // Whoever else switches it may have switched it off in the meantime.
        let kept_on = |netlink: &mut Self, index| netlink.promotes(index) == Ok(Some(true));
        let unsure: Vec<_> = needed
            .into_iter()
            .filter(|index| !switched.contains(index) || !kept_on(self, *index))
            .collect();
        for index in switched {
            if let Err(error) = self.switch(index, false)
                && error.errno() != Some(Errno::ENODEV)
            {
                let of_it = addresses.iter().position(|spec| spec.interface.index == index);
                outcomes[of_it.expect("an address of it was removed")] = Err(error);
            }
        }
        if !unsure.is_empty() {
            self.put_back(addresses, &mut outcomes, &unsure, before);
        }
        outcomes
    }

    /// Adds again what has gone with the addresses that were removed from these interfaces.
    #[inline(never)]
    fn put_back(
        &mut self,
        removed: &[AddressSpec],
        outcomes: &mut [Result<Outcome, NetError>],
        interfaces: &[IfIndex],
        before: Result<Vec<Kept>, NetError>,
    ) {
        let (before, after) = match (before, self.ipv4_addresses()) {
            (Ok(before), Ok(after)) => (before, after),
            (Err(error), _) | (_, Err(error)) => {
                // What is lost is not known, and that is said of each.
                let on_them = |spec: &AddressSpec| interfaces.contains(&spec.interface.index);
                let of_them = removed.iter().zip(outcomes).filter(|(spec, _)| on_them(spec));
                return of_them.for_each(|(_, outcome)| *outcome = Err(error.clone()));
            }
        };
        let after: BTreeSet<_> = after.iter().map(|kept| kept.address.key()).collect();
        let asked_for: BTreeSet<_> = removed.iter().map(AddressSpec::key).collect();
        let is_lost = |key: &AddressKey| !after.contains(key) && !asked_for.contains(key);
        for kept in before {
            let key = kept.address.key();
            let has_gone = |outcome: &Result<_, _>| outcome != &Ok(Outcome::NotThere);
            let mut pairs = removed.iter().zip(&*outcomes);
            let primary = pairs
                .position(|(spec, outcome)| has_gone(outcome) && spec.is_primary_of(&kept.address));
            let Some(primary) = primary.filter(|_| is_lost(&key)) else { continue };
            if interfaces.contains(&key.interface) {
                let added = self.add_again(&removed[primary], &kept);
                count_put_back(&mut outcomes[primary], added);
            }
        }
    }

    fn add_again(&mut self, primary: &AddressSpec, kept: &Kept) -> Result<(), NetError> {
        let operation = Operation::PutAddressBack;
        let flags = NlmF::CREATE | NlmF::EXCL;
        let message = |message: &Ifaddrmsg| message.clone();
        let messages = std::slice::from_ref(&kept.message);
        let answers = self.batch(operation, Rtm::Newaddr, flags, messages, message);
        match answers.into_iter().next().expect("a batch answers every request")? {
            Answer::Done | Answer::Refused(Errno::EEXIST, _) => Ok(()),
            Answer::Refused(errno, explanation) => Err(NetError::Address {
                operation,
                address: kept.address.address,
                prefix_len: kept.address.prefix_len,
                interface: primary.interface,
                errno,
                explanation,
            }),
        }
    }

    fn ipv4_addresses(&mut self) -> Result<Vec<Kept>, NetError> {
        let operation = Operation::ListAddresses;
        self.dump(operation, Rtm::Getaddr, every_address, Kept::decode)
    }

    /// Whether an interface promotes secondaries by its own setting; that of all interfaces may
    /// make it do so nevertheless. `None`: there is no such interface, or it has no IPv4.
    fn promotes(&mut self, index: IfIndex) -> Result<Option<bool>, NetError> {
        match self.get_link_as(link::by_index(index), |body| promotes(body).map(Some)) {
            Err(error) if error.errno() == Some(Errno::ENODEV) => Ok(None),
            found => found.map(Option::flatten),
        }
    }

    /// Makes the setting and reads it back.
    fn switch(&mut self, index: IfIndex, on: bool) -> Result<(), NetError> {
        let operation = Operation::SwitchPromotion;
        self.request(operation, Rtm::Setlink, NlmF::empty(), promotion(index, on))?;
        match self.promotes(index)? {
            Some(is_on) if is_on == on => Ok(()),
            _ => Err(NetError::refused(operation, Errno::EINVAL)),
        }
    }
}

impl Kept {
    fn decode(bytes: &[u8]) -> Result<Option<Self>, String> {
        let address = InterfaceAddress::decode(bytes)?.filter(|it| it.address.is_ipv4());
        let Some(address) = address else { return Ok(None) };
        let mut message = decode(bytes)?;
        if address.flags.contains(AddressFlags::DEPRECATED.with(AddressFlags::PERMANENT)) {
            // The kernel lists such a one as preferred for ever, and would add it so.
            message = with_lifetimes(&message, 0, u32::MAX);
        }
        Ok(Some(Self { address, message }))
    }
}

/// The same address, preferred and valid for so many seconds (`u32::MAX`: for ever).
fn with_lifetimes(message: &Ifaddrmsg, preferred_secs: u32, valid_secs: u32) -> Ifaddrmsg {
    let others = message.rtattrs().iter().filter(|it| *it.rta_type() != Ifa::Cacheinfo).cloned();
    let lifetimes = [preferred_secs, valid_secs, 0, 0].map(u32::to_ne_bytes).concat();
    let lifetimes = attribute(Ifa::Cacheinfo, Buffer::from(lifetimes));
    IfaddrmsgBuilder::default()
        .ifa_family(*message.ifa_family())
        .ifa_prefixlen(*message.ifa_prefixlen())
        .ifa_flags(*message.ifa_flags())
        .ifa_scope(*message.ifa_scope())
        .ifa_index(*message.ifa_index())
        .rtattrs(others.chain([lifetimes]).collect())
        .build()
        .expect("every field is set")
}

impl AddressSpec {
    /// Whether addresses of other values can be of its subnet, now or while it is removed.
    fn may_gain_secondaries(&self) -> bool {
        self.address.is_ipv4() && (self.prefix_len < 32 || self.peer.is_some())
    }

    fn has_secondaries(&self, before: &Result<Vec<Kept>, NetError>) -> bool {
        let is_one = |kept: &Kept| self.is_primary_of(&kept.address);
        before.as_ref().map_or(true, |before| before.iter().any(is_one))
    }

    /// Whether that address is of the same subnet on the same interface, so that it goes with this
    /// one if this one is primary.
    fn is_primary_of(&self, there: &InterfaceAddress) -> bool {
        let network = |address, peer: Option<IpAddr>| match peer.unwrap_or(address) {
            IpAddr::V4(address) => {
                let host_bits = 32_u32.saturating_sub(self.prefix_len.into());
                Some(u64::from(address.to_bits()) >> host_bits)
            }
            IpAddr::V6(_) => None,
        };
        let (ours, theirs) = (network(self.address, self.peer), network(there.address, there.peer));
        self.key() != there.key()
            && (self.interface.index, self.prefix_len) == (there.interface, there.prefix_len)
            && ours.is_some()
            && ours == theirs
    }
}

/// Counts what was put back; what could not be is the outcome.
fn count_put_back(outcome: &mut Result<Outcome, NetError>, added: Result<(), NetError>) {
    match (&*outcome, added) {
        (_, Err(error)) => *outcome = Err(error),
        (Ok(Outcome::RemovedAndOthersPutBack(count)), Ok(())) => {
            *outcome = Ok(Outcome::RemovedAndOthersPutBack(count + 1));
        }
        (Ok(_), Ok(())) => *outcome = Ok(Outcome::RemovedAndOthersPutBack(1)),
        (Err(_), Ok(())) => {}
    }
}

/// The setting in a message about a link; `None` if the link has no IPv4.
fn promotes(body: &[u8]) -> Result<Option<bool>, String> {
    let message: Ifinfomsg = decode(body)?;
    let Some(families) = payload(message.rtattrs(), Ifla::AfSpec) else { return Ok(None) };
    let families: RtBuffer<u16, Buffer> = decode(families)?;
    let Some(inet) = payload(&families, libc::AF_INET as u16) else { return Ok(None) };
    let inet: RtBuffer<u16, Buffer> = decode(inet)?;
    let settings = payload(&inet, IFLA_INET_CONF).unwrap_or_default();
    let number = settings.chunks_exact(4).nth(usize::from(IPV4_DEVCONF_PROMOTE_SECONDARIES) - 1);
    Ok(number.map(|number| number != [0; 4]))
}

/// The body of a request to make the setting.
fn promotion(index: IfIndex, on: bool) -> Ifinfomsg {
    let nest = |kind, inner| {
        let mut attributes: RtBuffer<u16, Buffer> = RtBuffer::new();
        attributes.push(inner);
        attribute(kind, attributes)
    };
    let setting = attribute(IPV4_DEVCONF_PROMOTE_SECONDARIES, u32::from(on));
    let inet = nest(libc::AF_INET as u16, nest(IFLA_INET_CONF, setting));
    let mut families: RtBuffer<u16, Buffer> = RtBuffer::new();
    families.push(inet);
    let mut attributes = RtBuffer::new();
    attributes.push(attribute(Ifla::AfSpec, families));
    link_message(Some(index), Iff::empty(), Iff::empty(), attributes)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::slice::from_ref;

    use super::*;
    use crate::address::{AddressProtocol, Broadcast, Preferred, Scope};
    use crate::netlink::LinkChange;
    use crate::{Interface, NetNamespace};

    /// The loopback link of a new namespace, which takes any address and does not promote.
    fn host() -> Option<(NetNamespace, Netlink, Interface)> {
        // The tests that go through the public interface say where this is not possible.
        let namespace = NetNamespace::create().ok()?;
        let mut netlink = namespace.run(Netlink::open).unwrap().unwrap();
        let lo = netlink.link("lo".parse().unwrap()).unwrap().unwrap().interface;
        netlink.change_link(lo.index, &LinkChange::UP).unwrap();
        assert_eq!(netlink.promotes(lo.index), Ok(Some(false)));
        Some((namespace, netlink, lo))
    }

    fn spec(interface: Interface, last: u8) -> AddressSpec {
        let scope = Scope::SITE;
        AddressSpec { scope, ..AddressSpec::new(interface, [192, 0, 2, last].into(), 24) }
    }

    /// How long an address is preferred and valid, in seconds.
    fn lifetimes(netlink: &mut Netlink, last: u8) -> [u32; 2] {
        let there = netlink.ipv4_addresses().unwrap();
        let is_it = |kept: &&Kept| kept.address.address == IpAddr::from([192, 0, 2, last]);
        let kept = there.iter().find(is_it).unwrap();
        let lifetimes = payload(kept.message.rtattrs(), Ifa::Cacheinfo).unwrap();
        [0..4, 4..8].map(|it| u32::from_ne_bytes(lifetimes[it].try_into().unwrap()))
    }

    #[test]
    fn the_setting_is_the_one_in_proc() {
        let Some((namespace, mut netlink, lo)) = host() else { return };
        let file = Path::new("/proc/sys/net/ipv4/conf/lo/promote_secondaries");
        let read = || namespace.run(|| std::fs::read_to_string(file).unwrap()).unwrap();
        netlink.switch(lo.index, true).unwrap();
        assert_eq!(read().trim(), "1");
        netlink.switch(lo.index, false).unwrap();
        assert_eq!(read().trim(), "0");
        let ghost = IfIndex::new(77).unwrap();
        assert_eq!(netlink.promotes(ghost), Ok(None));
        assert_eq!(netlink.switch(ghost, true).unwrap_err().errno(), Some(Errno::ENODEV));
    }

    #[test]
    fn what_could_not_be_kept_is_put_back_with_all_its_attributes() {
        let Some((_namespace, mut netlink, lo)) = host() else { return };
        let virtual_address = spec(lo, 100);
        let plain = spec(lo, 1);
        let full = AddressSpec {
            broadcast: Broadcast::AllOnes,
            label: Some("lo:own".parse().unwrap()),
            preferred: Preferred::Secs(0),
            flags: AddressFlags::NO_PREFIX_ROUTE,
            protocol: AddressProtocol(77),
            ..spec(lo, 2)
        };
        let elsewhere = AddressSpec::new(lo, [192, 0, 2, 3].into(), 25);
        let all = [virtual_address.clone(), plain, full, elsewhere];
        assert!(netlink.add_addresses(&all).iter().all(Result::is_ok));
        // As from DHCP.
        let leased = with_lifetimes(&spec(lo, 4).to_add(), 2000, 3000);
        netlink.request(Operation::AddAddress, Rtm::Newaddr, NlmF::CREATE, leased).unwrap();
        let before = netlink.addresses().unwrap();

        let removed = netlink.remove_guarded(from_ref(&virtual_address), Guard::PutBack);
        assert_eq!(removed, [Ok(Outcome::RemovedAndOthersPutBack(3))]);
        let after = netlink.addresses().unwrap();
        assert_eq!(after.len(), before.len() - 1);
        let [preferred, valid] = lifetimes(&mut netlink, 4);
        assert!((1900..=2000).contains(&preferred) && (2900..=3000).contains(&valid));
        for mut address in before.into_iter().filter(|it| it.key() != virtual_address.key()) {
            // The one that is put back first is the primary one now.
            if address.address == IpAddr::from([192, 0, 2, 1]) {
                address.flags = address.flags.without(AddressFlags::SECONDARY);
            }
            assert!(after.contains(&address), "{address:?} is not in {after:#?}");
        }
    }

    #[test]
    fn of_several_that_are_removed_none_is_put_back() {
        let Some((_namespace, mut netlink, lo)) = host() else { return };
        let all: Vec<_> = (1..=6).map(|last| spec(lo, last)).collect();
        assert!(netlink.add_addresses(&all).iter().all(Result::is_ok));
        let outcomes = netlink.remove_guarded(&all[..4], Guard::PutBack);
        // The kernel took the others along with the first.
        let put_back = Ok(Outcome::RemovedAndOthersPutBack(2));
        assert_eq!(outcomes[0], put_back);
        assert!(outcomes[1..].iter().all(|it| *it == Ok(Outcome::NotThere)), "{outcomes:?}");
        let there = netlink.addresses().unwrap();
        let is_there = |spec: &AddressSpec| there.iter().any(|it| spec.is(it));
        assert_eq!(
            all.iter().map(is_there).collect::<Vec<_>>(),
            [false, false, false, false, true, true]
        );
    }
}
