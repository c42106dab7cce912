//! From a draft, in which everything may be missing, to an instance.

use core::net::IpAddr;
use std::time::Duration;

use vrrp_proto::{Family, Interval, Priority, Version};

use super::Reader;
use super::instance::{InstanceDraft, Name};
use super::rows::{DEFAULT_INTERFACE, VRF_OF_INTERFACE};
use super::seen::Seen;
use crate::decimal::decimal;
use crate::model::{
    Authentication, Checksum, Destination, FirstState, Instance, InterfaceName, Preempt, Unicast,
    UnicastPeer, VirtualAddress, Vmac,
};
use crate::{Code, Diagnostic, Span, Spanned};

impl Reader<'_> {
    /// What a draft comes to; `None` if what is required is missing.
    pub(super) fn resolve(&mut self, name: Name, draft: InstanceDraft) -> Option<Instance> {
        let vrid = self.require(draft.vrid, "virtual_router_id", &name);
        // A unicast instance can do without.
        let interface = match (draft.interface, &draft.peers) {
            (None, Some(peers)) if !peers.is_empty() || draft.unicast_fault_no_peer => None,
            (interface, _) => Some(self.require(interface, "interface", &name)?),
        };
        let (vrid, carrier) = (vrid?, self.carrier(interface)?);
        let family = self.family(&draft.addresses, draft.native_ipv6);
        let version = self.version(draft.version, family, name.span);
        let interval = self.interval(draft.interval, version, name.span);
        let authentication = self.permitted_authentication(draft.authentication, version);
        let addresses =
            self.advertised(&name, draft.addresses, draft.no_addresses, family, version);
        let excluded_addresses = self.excluded(draft.excluded_addresses);
        let source = self.source(draft.source, family);
        let peers = draft.peers.map(|peers| peers.map(|all| self.others(all, source, family)));
        if interface.is_none() {
            self.check_unbound(&name, source, peers.as_ref().map(|peers| &peers[..]))?;
        }
        if let (Some(_), Some(vrf)) = (interface, draft.vrf) {
            self.report_feature(&VRF_OF_INTERFACE, vrf.span);
        }
        let destination = match self.peers(peers, draft.unicast_fault_no_peer, name.span) {
            Some(peers) => Destination::Unicast(Unicast {
                peers,
                ttl: draft.unicast_ttl,
                check_source: draft.check_unicast_source || self.defaults.check_unicast_source,
                old_checksum: draft.old_checksum,
            }),
            None => Destination::Multicast(self.multicast(draft.group, family, name.span)),
        };
        let state = draft.state.unwrap_or(Spanned::new(FirstState::Backup, name.span));
        let default_priority = match (state.value, draft.state.is_some()) {
            (FirstState::Master, true) => Priority::OWNER,
            _ => Priority::DEFAULT,
        };
        let priority = draft.priority.unwrap_or(Spanned::new(default_priority, name.span));
        // Without a `state`, the owner expects to be master.
        let first_state = match draft.state {
            None if priority.is_owner() => Spanned::new(FirstState::Master, priority.span),
            _ => state,
        };
        let master = first_state.value == FirstState::Master;
        let enabled = draft.nopreempt.is_none() || master || priority.is_owner();
        let preempt = Preempt {
            enabled: Spanned::new(enabled, draft.nopreempt.unwrap_or(name.span)),
            delay: match draft.preempt_delay {
                Some(delay) if !master => delay,
                _ => Spanned::new(Duration::ZERO, name.span),
            },
        };
        let defaults = &self.defaults;
        let off = Spanned::new(false, name.span);
        let strict = draft.strict.or(defaults.strict).unwrap_or(off);
        let mut notify = draft.notify;
        notify.priority_changes =
            draft.notify_priority_changes.unwrap_or(defaults.notify_priority_changes);
        let vmac = draft.vmac.map(|vmac| {
            vmac.map(|vmac| Vmac {
                xmit_base: draft.vmac_xmit_base.is_some(),
                for_addresses: draft.vmac_for_addresses,
                ..vmac
            })
        });
        Some(Instance {
            interface,
            carrier,
            vrid,
            family,
            version,
            first_state,
            priority,
            interval,
            authentication,
            addresses,
            excluded_addresses,
            no_addresses: draft.no_addresses,
            routes: draft.routes,
            rules: draft.rules,
            source,
            track_source: draft.track_source,
            destination,
            checksum: draft
                .checksum
                .or(defaults.checksum)
                .unwrap_or(Spanned::new(Checksum::default(), name.span)),
            preempt,
            down_timer_adverts: draft
                .down_timer_adverts
                .map(|count| *count)
                .or(defaults.down_timer_adverts.filter(|_| !*strict))
                .unwrap_or(3),
            announce: draft.announce.or(defaults.announce).resolve(defaults.min_garp),
            lower_prio_no_advert: draft
                .lower_prio_no_advert
                .unwrap_or(implied(strict, defaults.lower_prio_no_advert)),
            fast_handover: draft
                .fast_handover
                .map_or(defaults.fast_handover.unwrap_or(true) && !*strict, |fast| *fast),
            higher_prio_send_advert: draft
                .higher_prio_send_advert
                .map_or(defaults.higher_prio_send_advert && !*strict, |on| *on),
            owner_ignore_adverts: draft
                .owner_ignore_adverts
                .unwrap_or(implied(strict, defaults.owner_ignore_adverts)),
            skip_check_adv_addr: draft.skip_check_adv_addr.unwrap_or(defaults.skip_check_adv_addr),
            strict: *strict,
            accept: draft.accept.map_or(!*strict || priority.is_owner(), |accept| *accept),
            filter_table: self.config.global.filter_table,
            on_failure: draft.on_failure.unwrap_or(defaults.on_failure),
            track_primary: !draft.dont_track_primary,
            tracks: draft.tracks,
            promote_secondaries: draft.promote_secondaries,
            vrf: draft.vrf,
            vmac,
            ipvlan: draft.ipvlan,
            timer_expired_backup: draft.timer_expired_backup,
            rx_buffer_bytes: draft.rx_buffer_bytes,
            notify,
            name,
        })
    }

    /// What adverts that follow the routing table cannot do without: a source, and addresses that
    /// mean the same on all links.
    fn check_unbound(
        &mut self,
        name: &Name,
        source: Option<Spanned<IpAddr>>,
        peers: Option<&[Spanned<UnicastPeer>]>,
    ) -> Option<()> {
        self.require(source, "unicast_src_ip", name)?;
        let all = peers.into_iter().flatten().map(|peer| peer.address).chain(source.map(|it| *it));
        let is_local = |address: IpAddr| match address {
            IpAddr::V6(address) => address.is_unicast_link_local(),
            IpAddr::V4(_) => false,
        };
        match all.into_iter().any(is_local) {
            true => self.require(None::<()>, "interface", name),
            false => Some(()),
        }
    }

    /// The interface of the addresses that name none.
    fn carrier(&self, interface: Option<Spanned<InterfaceName>>) -> Option<InterfaceName> {
        let given = interface.or(self.config.global.default_interface);
        given.map(|given| given.value).or_else(|| DEFAULT_INTERFACE.parse().ok())
    }

    /// The family that the first address gives.
    fn family(&mut self, addresses: &[Spanned<VirtualAddress>], native: Option<Span>) -> Family {
        let first = addresses.first();
        match (first, native) {
            (Some(first), _) => Family::of(first.address),
            (None, Some(_)) => Family::V6,
            (None, None) => Family::V4,
        }
    }

    fn version(
        &mut self,
        given: Option<Spanned<Version>>,
        family: Family,
        name: Span,
    ) -> Spanned<Version> {
        match (given, family) {
            (Some(version), Family::V6) if version.value == Version::V2 => {
                let message = "VRRPv2 does not know IPv6".to_owned();
                let diagnostic = Diagnostic::new(Code::Ipv6InV2, version.span, message)
                    .help("leave `version` out: IPv6 addresses imply version 3");
                self.push(diagnostic);
                version
            }
            (Some(version), _) => version,
            (None, Family::V6) => Spanned::new(Version::V3, name),
            (None, Family::V4) => self.defaults.version.unwrap_or(Spanned::new(Version::V2, name)),
        }
    }

    /// The interval that the version can carry; in lenient mode the nearest one.
    fn interval(
        &mut self,
        given: Option<Spanned<Duration>>,
        version: Spanned<Version>,
        name: Span,
    ) -> Spanned<Interval> {
        let Some(given) = given else { return Spanned::new(Interval::DEFAULT, name) };
        if let Ok(interval) = Interval::new(version.value, given.value) {
            return given.map(|_| interval);
        }
        if self.is_excused("version", Code::BadInterval)
            || self.is_excused("vrrp_version", Code::BadInterval)
        {
            return given.map(|given| nearest_interval(version.value, given));
        }
        let seconds = decimal(given.value.as_micros() as u64, 1_000_000);
        let range = match version.value {
            Version::V2 => "whole seconds, 1 to 255",
            Version::V3 => "hundredths of a second, 0.01 to 40.95",
        };
        let message = format!("VRRPv{} cannot carry an interval of {seconds} s", version.value);
        let mut diagnostic = Diagnostic::new(Code::BadInterval, given.span, message)
            .label(format!("must be {range}"));
        if version.span != name {
            diagnostic = diagnostic.also(version.span, "the version is set here");
        }
        if version.value == Version::V2 && given.value < Duration::from_secs(41) {
            diagnostic = diagnostic.help("round it, or set `version 3` on all routers");
        }
        let nearest = given.map(|given| nearest_interval(version.value, given));
        let diagnostic = diagnostic.leniently(
            self.options,
            &format!("it is {} s", decimal(nearest.as_micros(), 1_000_000)),
        );
        self.push(diagnostic);
        nearest
    }

    fn permitted_authentication(
        &mut self,
        authentication: Option<Spanned<Authentication>>,
        version: Spanned<Version>,
    ) -> Option<Spanned<Authentication>> {
        let authentication = authentication?;
        let in_packet = !matches!(authentication.value, Authentication::Hmac(_));
        if version.value == Version::V3 && in_packet {
            let message = "VRRPv3 has no authentication".to_owned();
            let diagnostic = Diagnostic::new(Code::AuthInV3, authentication.span, message)
                .also(version.span, "this makes the version 3")
                .help("remove the block, or use version 2");
            self.push(diagnostic);
            return None;
        }
        Some(authentication)
    }

    /// The addresses of the adverts: all of one family, each once, and at least one.
    fn advertised(
        &mut self,
        name: &Name,
        addresses: Vec<Spanned<VirtualAddress>>,
        none_on_purpose: bool,
        family: Family,
        version: Spanned<Version>,
    ) -> Vec<Spanned<VirtualAddress>> {
        let code = match version.value {
            Version::V2 => Code::NoAddresses,
            Version::V3 => Code::NoAddressesV3,
        };
        let excused = none_on_purpose || self.is_excused("virtual_ipaddress", code);
        if addresses.is_empty() && !excused {
            let message = format!("`{name}` has no virtual addresses");
            let diagnostic =
                Diagnostic::new(code, name.span, message).help("add a `virtual_ipaddress` block");
            self.push(diagnostic);
        }
        let first = addresses.first().map(|first| first.span);
        if let Some(address) = addresses.first()
            && let IpAddr::V6(global) = address.address
            && !global.is_unicast_link_local()
        {
            let message = format!("the first address, {global}, is not link-local");
            let diagnostic = Diagnostic::new(Code::FirstNotLinkLocal, address.span, message)
                .help("put a link-local address before it, such as `fe80::1/64`");
            self.push(diagnostic);
        }
        let mut kept: Vec<Spanned<VirtualAddress>> = Vec::with_capacity(addresses.len());
        let mut seen = Seen::new();
        let mut mixed = Vec::new();
        for address in addresses {
            if Family::of(address.address) != family {
                mixed.push(address);
            } else if self.is_new(&mut seen, &address) {
                kept.push(address);
            }
        }
        self.report_mixed(&mixed, first, family);
        if kept.len() > 255 {
            let message = format!("an advert carries 255 addresses, not {}", kept.len());
            let diagnostic = Diagnostic::new(Code::TooManyAddresses, kept[255].span, message)
                .label("the first one too many")
                .help("put the rest into `virtual_ipaddress_excluded`");
            self.push(diagnostic);
        }
        kept
    }

    /// Reports addresses of another family than the first one, all at the first of them.
    fn report_mixed(
        &mut self,
        mixed: &[Spanned<VirtualAddress>],
        first: Option<Span>,
        family: Family,
    ) {
        let Some((address, more)) = mixed.split_first() else { return };
        let message = match more.len() {
            0 => format!("`{}` is not an {family} address", address.address),
            more => format!("`{}` and {more} more are no {family} addresses", address.address),
        };
        let mut diagnostic = Diagnostic::new(Code::MixedFamilies, address.span, message)
            .help("put it into `virtual_ipaddress_excluded`, or an instance of its own");
        if let Some(last) = more.last() {
            diagnostic = diagnostic
                .also(last.span, "down to this one")
                .help("put them into `virtual_ipaddress_excluded`, or an instance of their own");
        }
        if let Some(first) = first {
            diagnostic = diagnostic.also(first, "the first address decides");
        }
        self.push(diagnostic);
    }

    fn excluded(
        &mut self,
        addresses: Vec<Spanned<VirtualAddress>>,
    ) -> Vec<Spanned<VirtualAddress>> {
        let mut kept = Vec::with_capacity(addresses.len());
        let mut seen = Seen::new();
        for address in addresses {
            if self.is_new(&mut seen, &address) {
                kept.push(address);
            }
        }
        kept
    }

    fn is_new(
        &mut self,
        seen: &mut Seen<(IpAddr, Option<InterfaceName>)>,
        address: &Spanned<VirtualAddress>,
    ) -> bool {
        let device = address.device.map(|device| device.value);
        let item = (address.address, device);
        let Some(first) = seen.before(item, address.span) else { return true };
        let message = format!("`{}` is there twice", address.address);
        let diagnostic =
            Diagnostic::new(Code::Duplicate, address.span, message).also(first, "first here");
        self.push(diagnostic);
        false
    }

    fn multicast(
        &mut self,
        group: Option<Spanned<IpAddr>>,
        family: Family,
        name: Span,
    ) -> Spanned<IpAddr> {
        let global = &self.config.global;
        let [at_v4, at_v6] = self.defaults.groups_at;
        let default = match family {
            Family::V4 => Spanned::new(global.multicast_v4.into(), at_v4.unwrap_or(name)),
            Family::V6 => Spanned::new(global.multicast_v6.into(), at_v6.unwrap_or(name)),
        };
        let Some(group) = group else { return default };
        if group.is_multicast() && Family::of(group.value) == family {
            return group;
        }
        let message = format!("`{group}` is not an {family} multicast address");
        self.error(Code::NotAnAddress, group.span, message);
        default
    }
}

/// What strict mode switches on, or a setting of `global_defs`.
fn implied(strict: Spanned<bool>, default: Option<Spanned<bool>>) -> Spanned<bool> {
    if *strict { strict } else { default.unwrap_or(strict) }
}

/// The interval nearest to a time, as keepalived rounds: halves go up, and what a version
/// cannot carry becomes the nearest it can.
fn nearest_interval(version: Version, time: Duration) -> Interval {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let interval = match version {
        Version::V2 => Interval::from_secs(((micros + 500_000) / 1_000_000).clamp(1, 255) as u8),
        Version::V3 => Interval::from_centis(((micros + 5_000) / 10_000).clamp(1, 4095) as u16),
    };
    interval.unwrap_or(Interval::DEFAULT)
}
