//! `vrrp_instance`: its settings, and what they come to.

use core::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use vrrp_proto::{Family, Interval, Priority, Version, Vrid};

use super::global::{AnnounceSettings, checksum_of, version_of};
use super::seen::Seen;
use super::settings::{Setting, Value};
use super::value::decimal;
use super::{FeatureId, Reader};
use crate::model::{
    AuthPass, Authentication, Checksum, Command, Destination, FirstState, Instance, InterfaceName,
    Ipvlan, Notify, OldChecksum, Preempt, Route, Rule, Tracks, Unicast, UnicastPeer,
    VirtualAddress, Vmac,
};
use crate::syntax::Body;
use crate::{Code, Diagnostic, Span, Spanned};

type Name = Spanned<Arc<str>>;

/// What an instance's block says, before defaults and checks.
#[derive(Default)]
pub(super) struct Draft {
    interface: Option<Spanned<InterfaceName>>,
    vrid: Option<Spanned<Vrid>>,
    state: Option<Spanned<FirstState>>,
    priority: Option<Spanned<Priority>>,
    interval: Option<Spanned<Duration>>,
    version: Option<Spanned<Version>>,
    pub(super) authentication: Option<Spanned<Authentication>>,
    auth_type: Option<Span>,
    addresses: Vec<Spanned<VirtualAddress>>,
    excluded_addresses: Vec<Spanned<VirtualAddress>>,
    no_addresses: bool,
    native_ipv6: Option<Span>,
    routes: Vec<Spanned<Route>>,
    rules: Vec<Spanned<Rule>>,
    nopreempt: Option<Span>,
    preempt_delay: Option<Spanned<Duration>>,
    announce: AnnounceSettings,
    down_timer_adverts: Option<u8>,
    lower_prio_no_advert: Option<Spanned<bool>>,
    higher_prio_send_advert: Option<bool>,
    owner_ignore_adverts: Option<Spanned<bool>>,
    checksum: Option<Spanned<Checksum>>,
    skip_check_adv_addr: Option<bool>,
    strict: Option<Spanned<bool>>,
    no_accept: bool,
    dont_track_primary: bool,
    tracks: Tracks,
    promote_secondaries: bool,
    source: Option<Spanned<IpAddr>>,
    track_source: bool,
    group: Option<Spanned<IpAddr>>,
    peers: Option<Spanned<Vec<Spanned<UnicastPeer>>>>,
    seen_peers: Seen<IpAddr>,
    unicast_ttl: Option<u8>,
    check_unicast_source: bool,
    unicast_fault_no_peer: bool,
    old_checksum: OldChecksum,
    vrf: Option<Spanned<InterfaceName>>,
    pub(super) vmac: Option<Spanned<Vmac>>,
    pub(super) vmac_xmit_base: bool,
    pub(super) vmac_for_addresses: bool,
    pub(super) ipvlan: Option<Spanned<Ipvlan>>,
    timer_expired_backup: Option<Option<Priority>>,
    rx_buffer_bytes: Option<u32>,
    notify: Notify,
    notify_priority_changes: Option<bool>,
}

impl Reader<'_> {
    pub(super) fn instance(&mut self, name: Name, body: &Body<'_>) -> Option<()> {
        let mut draft = Draft::default();
        for setting in self.block_settings("vrrp_instance", body) {
            self.instance_setting(&mut draft, setting);
        }
        self.check_doubts(&draft);
        let instance = self.resolve(name, draft)?;
        // The addresses give the family.
        if !self.is_excused("virtual_ipaddress", Code::SameRouter) {
            self.check_clashes(&instance);
        }
        self.config.instances.push(instance);
        Some(())
    }

    fn instance_setting(&mut self, draft: &mut Draft, setting: Setting<'_, '_>) {
        let keyword = setting.keyword.name;
        let handled = draft.set_identity(&setting)
            || draft.announce.set(keyword, &setting.value)
            || draft.set_flag(&setting)
            || draft.set_network(&setting);
        if handled || self.set_notify(&mut draft.notify, &setting) {
            return;
        }
        match setting.value {
            Value::Items(body) => self.instance_items(draft, keyword, body),
            Value::Block(block, body) if keyword == "authentication" => {
                draft.authentication = self.authentication(block, body, setting.at);
                let mut settings = body.statements.iter();
                let kind = settings.find(|setting| setting.keyword().text == "auth_type");
                draft.auth_type =
                    kind.and_then(|kind| kind.arguments().first()).map(|word| word.span);
            }
            Value::Block(block, body) => {
                draft.authentication = self.auth_hmac(block, body, setting.at);
            }
            Value::Words(words) => match keyword {
                "use_vmac" => {
                    draft.vmac = self.vmac(words).map(|vmac| setting.spanned(vmac));
                }
                "use_ipvlan" => {
                    draft.ipvlan = self.ipvlan(words).map(|ipvlan| setting.spanned(ipvlan));
                }
                "garp_extra_if" | "vmac_garp_intvl" => {
                    let pace = self.extra_pace(words);
                    draft.announce.set_extra(pace);
                }
                _ => {
                    let never = words.first().is_some_and(|word| word.text == "never");
                    draft.old_checksum = match never {
                        true => OldChecksum::Never,
                        false => OldChecksum::Always,
                    };
                }
            },
            _ => {}
        }
    }

    /// The peers of a unicast router. Without any, keepalived sends to the group unless it is told
    /// that this is a fault.
    fn peers(
        &mut self,
        peers: Option<Spanned<Vec<Spanned<UnicastPeer>>>>,
        fault_without: bool,
        name: Span,
    ) -> Option<Vec<Spanned<UnicastPeer>>> {
        let Spanned { value: peers, span } =
            peers.or_else(|| fault_without.then(|| Spanned::new(Vec::new(), name)))?;
        if !peers.is_empty() || fault_without {
            return Some(peers);
        }
        self.nothing_listed("unicast_peer", span);
        None
    }

    fn instance_items(&mut self, draft: &mut Draft, keyword: &str, body: &Body<'_>) {
        match keyword {
            "virtual_ipaddress" => {
                let addresses = self.addresses(body, false);
                if addresses.is_empty() && !body.statements.is_empty() {
                    self.amiss.failed.push("virtual_ipaddress");
                }
                draft.addresses.extend(addresses);
            }
            "virtual_ipaddress_excluded" => {
                draft.excluded_addresses.extend(self.addresses(body, false))
            }
            "virtual_routes" => self.routes(&mut draft.routes, body, false),
            "virtual_rules" => self.rules(&mut draft.rules, body, false),
            "unicast_peer" => {
                let peers = self.unicast_peers(&mut draft.seen_peers, body);
                draft.peers.get_or_insert(Spanned::new(Vec::new(), body.open)).value.extend(peers);
            }
            _ => {
                self.track(&mut draft.tracks, keyword, body);
            }
        }
    }

    /// Takes what is to be run; `false` if the setting is none of that.
    pub(super) fn set_notify(&mut self, notify: &mut Notify, setting: &Setting<'_, '_>) -> bool {
        let place = match setting.keyword.name {
            "notify" => &mut notify.any,
            "notify_master" => &mut notify.master,
            "notify_backup" => &mut notify.backup,
            "notify_fault" => &mut notify.fault,
            "notify_stop" => &mut notify.stop,
            "notify_master_rx_lower_pri" => &mut notify.master_rx_lower_priority,
            "notify_deleted" => {
                notify.say_deleted = true;
                &mut notify.deleted
            }
            _ => return false,
        };
        if let Value::Command(command) = &setting.value {
            let user = command.user.clone().or_else(|| self.config.global.script_user.clone());
            *place = Some(setting.spanned(Command { words: command.words.clone(), user }));
        }
        true
    }

    /// What a draft comes to; `None` if what is required is missing.
    fn resolve(&mut self, name: Name, draft: Draft) -> Option<Instance> {
        let vrid = self.require(draft.vrid, "virtual_router_id", &name);
        // A unicast instance can do without.
        let interface = match (draft.interface, &draft.peers) {
            (None, Some(_)) => {
                let default = self.config.global.default_interface.clone();
                let eth0 = || InterfaceName::try_from("eth0").ok();
                default.or_else(|| eth0().map(|eth0| Spanned::new(eth0, name.span)))
            }
            (interface, _) => self.require(interface, "interface", &name),
        };
        let (vrid, interface) = (vrid?, interface?);
        let family = self.family(&draft.addresses, draft.native_ipv6);
        let version = self.version(draft.version, family, name.span);
        let interval = self.interval(draft.interval, version, name.span);
        let authentication =
            self.permitted_authentication(draft.authentication, draft.auth_type, version);
        let addresses =
            self.advertised(&name, draft.addresses, draft.no_addresses, family, version);
        let excluded_addresses = self.excluded(draft.excluded_addresses, family);
        let destination = match self.peers(draft.peers, draft.unicast_fault_no_peer, name.span) {
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
                xmit_base: draft.vmac_xmit_base,
                for_addresses: draft.vmac_for_addresses,
                ..vmac
            })
        });
        Some(Instance {
            interface,
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
            source: draft.source,
            track_source: draft.track_source,
            destination,
            checksum: draft
                .checksum
                .or(defaults.checksum)
                .unwrap_or(Spanned::new(Checksum::default(), name.span)),
            preempt,
            down_timer_adverts: draft
                .down_timer_adverts
                .or(defaults.down_timer_adverts)
                .unwrap_or(3),
            announce: draft.announce.or(defaults.announce).resolve(defaults.min_garp),
            lower_prio_no_advert: draft
                .lower_prio_no_advert
                .unwrap_or(implied(strict, defaults.lower_prio_no_advert)),
            higher_prio_send_advert: draft
                .higher_prio_send_advert
                .unwrap_or(defaults.higher_prio_send_advert),
            owner_ignore_adverts: draft
                .owner_ignore_adverts
                .unwrap_or(implied(strict, defaults.owner_ignore_adverts)),
            skip_check_adv_addr: draft.skip_check_adv_addr.unwrap_or(defaults.skip_check_adv_addr),
            strict: *strict,
            accept: !draft.no_accept && (!*strict || priority.is_owner()),
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

    /// The family that the first address gives.
    fn family(&mut self, addresses: &[Spanned<VirtualAddress>], native: Option<Span>) -> Family {
        let first = addresses.first();
        let family = match (first, native) {
            (Some(first), _) => Family::of(first.address),
            (None, Some(_)) => Family::V6,
            (None, None) => Family::V4,
        };
        if family == Family::V6 {
            let at = first.map(|first| first.span).or(native).unwrap_or_default();
            self.is_missing(FeatureId::Ipv6Instances, at);
        }
        family
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
        auth_type: Option<Span>,
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
        if matches!(authentication.value, Authentication::Header(_)) {
            self.is_missing(FeatureId::AuthHeader, auth_type.unwrap_or(authentication.span));
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
        let mut kept: Vec<Spanned<VirtualAddress>> = Vec::with_capacity(addresses.len());
        let mut seen = Seen::new();
        for address in addresses {
            if Family::of(address.address) != family {
                let message = format!("`{}` is not an {family} address", address.address);
                let mut diagnostic = Diagnostic::new(Code::MixedFamilies, address.span, message)
                    .help("put it into `virtual_ipaddress_excluded`, or an instance of its own");
                if let Some(first) = first {
                    diagnostic = diagnostic.also(first, "the first address decides");
                }
                self.push(diagnostic);
            } else if self.is_new(&mut seen, &address) {
                kept.push(address);
            }
        }
        if kept.len() > 255 {
            let message = format!("an advert carries 255 addresses, not {}", kept.len());
            let diagnostic = Diagnostic::new(Code::TooManyAddresses, kept[255].span, message)
                .label("the first one too many")
                .help("put the rest into `virtual_ipaddress_excluded`");
            self.push(diagnostic);
        }
        kept
    }

    fn excluded(
        &mut self,
        addresses: Vec<Spanned<VirtualAddress>>,
        family: Family,
    ) -> Vec<Spanned<VirtualAddress>> {
        let mut kept = Vec::with_capacity(addresses.len());
        let mut seen = Seen::new();
        for address in addresses {
            if Family::of(address.address) != family {
                self.is_missing(FeatureId::OtherFamilyExcluded, address.span);
            }
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
        let device = address.device.as_ref().map(|device| device.value.clone());
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

    /// Warns of what is legal and probably not meant.
    fn check_doubts(&mut self, draft: &Draft) {
        let owner = draft.priority.filter(|priority| priority.is_owner());
        let master = draft.state.filter(|state| state.value == FirstState::Master);
        if let (Some(nopreempt), Some(master)) = (draft.nopreempt, master) {
            let message = "`nopreempt` has no effect with `state MASTER`".to_owned();
            let diagnostic = Diagnostic::new(Code::NopreemptMaster, nopreempt, message)
                .also(master.span, "because of this")
                .help("write `state BACKUP` on all routers that are not to take over again");
            self.push(diagnostic);
        } else if let (Some(nopreempt), Some(owner)) = (draft.nopreempt, owner) {
            let message = "`nopreempt` has no effect with priority 255".to_owned();
            let diagnostic = Diagnostic::new(Code::NopreemptMaster, nopreempt, message)
                .also(owner.span, "because of this");
            self.push(diagnostic);
        }
        if let (Some(delay), Some(master)) = (draft.preempt_delay, master) {
            let message = "`preempt_delay` has no effect with `state MASTER`".to_owned();
            let diagnostic = Diagnostic::new(Code::PreemptDelayMaster, delay.span, message)
                .also(master.span, "because of this")
                .help("write `state BACKUP`");
            self.push(diagnostic);
        } else if let (Some(delay), Some(nopreempt)) = (draft.preempt_delay, draft.nopreempt) {
            let message = "`preempt_delay` has no effect with `nopreempt`".to_owned();
            let diagnostic = Diagnostic::new(Code::PreemptDelayMaster, delay.span, message)
                .also(nopreempt, "because of this");
            self.push(diagnostic);
        }
        let strict = draft.strict.or(self.defaults.strict).is_some_and(|strict| *strict);
        if let (true, None, Some(first)) = (strict, owner, draft.addresses.first()) {
            let message = "the addresses will not answer: `vrrp_strict` drops packets to them";
            let diagnostic = Diagnostic::new(Code::StrictNoAccept, first.span, message)
                .note("only the router with priority 255 accepts packets to its addresses")
                .help("remove `vrrp_strict`, unless the addresses are gateways only");
            self.push(diagnostic);
        }
        self.check_owner_trackers(draft, owner);
    }

    /// Warns of weights that cannot change a priority of 255.
    fn check_owner_trackers(&mut self, draft: &Draft, owner: Option<Spanned<Priority>>) {
        let Some(owner) = owner else { return };
        let tracks = &draft.tracks;
        let named = [&tracks.scripts, &tracks.processes, &tracks.files, &tracks.bfd_sessions];
        let named = named.into_iter().flatten().map(|track| (track.target.span, *track.weight));
        let interfaces = tracks.interfaces.iter().map(|track| (track.target.span, *track.weight));
        let weighted: Vec<_> =
            named.chain(interfaces).filter(|(_, weight)| weight.value != 0).collect();
        for (span, _) in weighted {
            let message = "a weight does not change the priority 255".to_owned();
            let diagnostic = Diagnostic::new(Code::WeightOfOwner, span, message)
                .also(owner.span, "the address owner's priority is fixed")
                .help("use weight 0, which means FAULT, or a lower priority");
            self.push(diagnostic);
        }
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

impl Draft {
    /// Takes what says which router it is; `false` if the setting is none of that.
    fn set_identity(&mut self, setting: &Setting<'_, '_>) -> bool {
        match (setting.keyword.name, &setting.value) {
            ("interface", Value::Interface(name)) => {
                self.interface = Some(setting.spanned(name.clone()));
            }
            ("virtual_router_id", Value::Int(number)) => {
                self.vrid = Vrid::new(*number as u8).map(|vrid| setting.spanned(vrid));
            }
            ("state", Value::Choice(state)) => {
                let state = match *state {
                    "MASTER" => FirstState::Master,
                    _ => FirstState::Backup,
                };
                self.state = Some(setting.spanned(state));
            }
            ("priority", Value::Int(number)) => {
                self.priority = Some(setting.spanned(Priority::new(*number as u8)));
            }
            ("advert_int", Value::Time(time)) => self.interval = Some(setting.spanned(*time)),
            ("version", Value::Int(number)) => {
                self.version = Some(setting.spanned(version_of(*number)));
            }
            ("preempt_delay", Value::Time(time)) => {
                self.preempt_delay = Some(setting.spanned(*time));
            }
            ("nopreempt", _) => self.nopreempt = Some(setting.at),
            ("preempt", _) => self.nopreempt = None,
            ("down_timer_adverts", Value::Int(count)) => {
                self.down_timer_adverts = Some(*count as u8);
            }
            ("timer_expired_backup" | "thread_timer_expired", Value::Int(number)) => {
                self.timer_expired_backup = Some(Some(Priority::new(*number as u8)));
            }
            ("timer_expired_backup" | "thread_timer_expired", _) => {
                self.timer_expired_backup = Some(None);
            }
            _ => return false,
        }
        true
    }

    /// Takes a truth value; `false` if the setting is none.
    fn set_flag(&mut self, setting: &Setting<'_, '_>) -> bool {
        let Value::Bool(on) = setting.value else { return false };
        match setting.keyword.name {
            "lower_prio_no_advert" => self.lower_prio_no_advert = Some(setting.spanned(on)),
            "higher_prio_send_advert" => self.higher_prio_send_advert = Some(on),
            "owner_ignore_adverts" => self.owner_ignore_adverts = Some(setting.spanned(on)),
            "v3_checksum_as_v2" => self.checksum = Some(setting.spanned(checksum_of(on))),
            "skip_check_adv_addr" => self.skip_check_adv_addr = Some(on),
            "strict_mode" => self.strict = Some(setting.spanned(on)),
            "no_accept" => self.no_accept = true,
            "accept" => self.no_accept = false,
            "no_virtual_ipaddress" => self.no_addresses = true,
            "native_ipv6" => self.native_ipv6 = Some(setting.at),
            "dont_track_primary" => self.dont_track_primary = true,
            "promote_secondaries" => self.promote_secondaries = true,
            "track_src_ip" => self.track_source = true,
            "check_unicast_src" => self.check_unicast_source = true,
            "unicast_fault_no_peer" => self.unicast_fault_no_peer = true,
            "use_vmac_addr" => self.vmac_for_addresses = true,
            "vmac_xmit_base" => self.vmac_xmit_base = true,
            "notify_priority_changes" => self.notify_priority_changes = Some(on),
            _ => return false,
        }
        true
    }

    /// Takes what has to do with sockets; `false` if the setting has not.
    fn set_network(&mut self, setting: &Setting<'_, '_>) -> bool {
        match (setting.keyword.name, &setting.value) {
            ("mcast_src_ip" | "unicast_src_ip", Value::Ip(address)) => {
                self.source = Some(setting.spanned(*address));
            }
            ("mcast_dst_ip", Value::Ip(address)) => self.group = Some(setting.spanned(*address)),
            ("unicast_ttl", Value::Int(ttl)) => self.unicast_ttl = Some(*ttl as u8),
            ("vrf", Value::Interface(name)) => self.vrf = Some(setting.spanned(name.clone())),
            ("kernel_rx_buf_size", Value::Int(bytes)) => {
                self.rx_buffer_bytes = Some(*bytes as u32);
            }
            _ => return false,
        }
        true
    }
}

impl Draft {
    /// A password, in the two ways that VRRPv2 had.
    pub(super) fn authentication_of(header: bool, password: AuthPass) -> Authentication {
        if header { Authentication::Header(password) } else { Authentication::Password(password) }
    }
}
