//! From a keepalived.conf that vrrp-conf has read to settings and health sources.
//!
//! ```
//! use vrrp::conf;
//! use vrrp_conf::{Options, parse_str};
//!
//! let text = "vrrp_instance VI_1 {
//!     interface eth0
//!     virtual_router_id 51
//!     virtual_ipaddress { 192.0.2.100/24 }
//! }";
//! let config = parse_str("vrrp.conf", text, &Options::default()).config.expect("it is sound");
//! let settings = conf::settings(&config.instances[0])?;
//! assert_eq!(settings.key().to_string(), "VRID 51 over IPv4 on eth0 (224.0.0.18)");
//! # Ok::<(), vrrp::SettingsError>(())
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::num::{NonZeroU8, NonZeroU32};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use vrrp_conf::model::{self, Authentication as ConfAuthentication, Config, Tracks};
use vrrp_fsm::{Announce, Weight};
use vrrp_net::{AddressFlags, Broadcast, Preferred, Scope};
use vrrp_proto::{
    AntiReplay, ChecksumForm, Family, HOP_LIMIT, HeaderKey, HmacKey, HmacMode, HopLimits,
    InterfaceName, Interval, Password, Secret, Version,
};
use vrrp_track::interface::{Delays, Links};
use vrrp_track::process::ParamMatch;
use vrrp_track::{
    Delay, File, Interface, Kind, Matcher, Process, Program, Script, Source, SourceKind,
};

use crate::authentication::{Authentication, Hmac};
use crate::debounce;
use crate::destination::{Destination, OldChecksum, Unicast, UnicastPeer};
use crate::key_file::read_key_file;
use crate::plan::SyncGroup;
use crate::settings::{
    Advertised, OnFailure, Settings, SettingsError, Track, VirtualAddress, name,
};
use crate::tracker::TrackerKey;

mod route;
mod rule;

/// The settings of an instance.
///
/// # Errors
/// [`SettingsError::Unsupported`] for what the language has and a router cannot do yet.
pub fn settings(instance: &model::Instance) -> Result<Settings, SettingsError> {
    refuse_unsupported(instance)?;
    let advertised = instance.addresses.iter().map(|address| address.address);
    let addresses = instance.all_addresses().map(virtual_address).collect::<Result<_, _>>()?;
    let routes = instance.routes.iter().map(|route| route::virtual_route(route));
    let rules = instance.rules.iter().map(|rule| rule::virtual_rule(rule));
    let version = *instance.version;
    let settings = Settings {
        name: Arc::clone(&instance.name),
        interface: instance.interface.or(instance.vrf).map(|interface| interface.value),
        carrier: instance.carrier,
        vrid: *instance.vrid,
        family: instance.family,
        machine: machine(instance)?,
        authentication: authentication(instance)?,
        checksum: match (version, *instance.checksum) {
            (Version::V3, model::Checksum::MessageOnly) => ChecksumForm::MessageOnly,
            (version, _) => ChecksumForm::usual(version),
        },
        advertised: Advertised::from_addresses(instance.family, advertised)?,
        addresses,
        routes: routes.collect::<Result<_, _>>()?,
        rules: rules.collect::<Result<_, _>>()?,
        accept_no_addresses: instance.no_addresses,
        destination: destination(&instance.destination),
        source: instance.source.as_ref().map(|source| source.value),
        track_source: instance.track_source,
        track_interface: instance.track_primary,
        link_delays: BTreeMap::new(),
        accept: instance.accept,
        filter_table: instance.filter_table,
        on_failure: match instance.on_failure {
            model::OnFailure::Release => OnFailure::Release,
            model::OnFailure::Keep => OnFailure::Keep,
        },
        announce_pace: match instance.family {
            Family::V4 => instance.announce.garp_interval,
            Family::V6 => instance.announce.na_interval,
        },
        announce_together: None,
        // Without `all` it is for interfaces with a virtual MAC, which are refused above.
        announce_elsewhere: instance
            .announce
            .extra_interfaces
            .filter(|_| instance.announce.extra_interfaces_all),
        tracks: tracks(&instance.tracks),
    };
    settings.check_destination()?;
    Ok(settings)
}

/// The settings of an instance in its configuration: with those of its sync group, if it is in
/// one. What the group tracks counts for each member, and without `sync_group_tracking_weight` no
/// tracker of a member has a weight: its failure is a fault.
///
/// # Errors
/// As [`settings`].
pub fn settings_in(config: &Config, instance: &model::Instance) -> Result<Settings, SettingsError> {
    let mut settings = settings(instance)?;
    let is_its = |group: &&model::SyncGroup| {
        group.members.iter().any(|member| member.value == instance.name.value)
    };
    settings.tracks.extend(delays(config).map(|delay| Track {
        tracker: TrackerKey { kind: Delay::KIND, name: delay.name },
        weight: Weight { points: 0, reverse: false },
    }));
    pace(config, &mut settings);
    let used: BTreeSet<_> = settings.devices().into_iter().chain(settings.interface).collect();
    let delays = config.interface_delays.iter().filter(|delays| used.contains(&delays.interface));
    settings.link_delays = delays.map(|one| (one.interface, delays_of(one))).collect();
    let Some(group) = config.sync_groups.iter().find(is_its) else { return Ok(settings) };
    if !group.tracks.bfd_sessions.is_empty() {
        return Err(SettingsError::Unsupported("track_bfd"));
    }
    for track in tracks(&group.tracks) {
        if settings.tracks.iter().all(|own| own.tracker != track.tracker) {
            settings.tracks.push(track);
        }
    }
    if !group.tracking_weight {
        settings.tracks.iter_mut().for_each(|track| track.weight.points = 0);
    }
    Ok(settings)
}

/// Applies the `garp_group` of the interface that carries the addresses.
fn pace(config: &Config, settings: &mut Settings) {
    let has_it = |group: &&model::GarpGroup| {
        group.interfaces.iter().any(|interface| interface.value == settings.carrier)
    };
    let Some(group) = config.garp_groups.iter().find(has_it) else { return };
    let interval = match settings.family {
        Family::V4 => group.garp_interval,
        Family::V6 => group.na_interval,
    };
    settings.announce_pace = interval.unwrap_or(settings.announce_pace);
    if group.interfaces.len() > 1 {
        let names: Vec<_> = group.interfaces.iter().map(ToString::to_string).collect();
        settings.announce_together = Some(names.join(" ").into());
    }
}

/// The sync groups.
pub fn groups(config: &Config) -> Vec<SyncGroup> {
    let names = |group: &model::SyncGroup| {
        group.members.iter().map(|member| Arc::clone(&member.value)).collect()
    };
    let groups = config.sync_groups.iter();
    groups
        .map(|group| SyncGroup { name: Arc::clone(&group.name.value), members: names(group) })
        .collect()
}

/// The health sources that the instances and their sync groups use, each once. Interfaces are looked up in `links`
/// (those of the [`Host`](crate::Host)); `program` says as whom and how a script runs.
///
/// # Errors
/// The first of `program`'s.
pub fn sources<E>(
    config: &Config,
    links: &Links,
    mut program: impl FnMut(&model::Script) -> Result<Program, E>,
) -> Result<Vec<Source>, E> {
    let processes = used(config, |tracks| &tracks.processes);
    let processes = processes.filter_map(|name| config.processes.get(&name)).map(process);
    let files = used(config, |tracks| &tracks.files);
    let files = files.filter_map(|name| config.files.get(&name)).map(file);
    let of_groups = config.sync_groups.iter().flat_map(|group| &group.tracks.interfaces);
    let of_groups = of_groups.map(|track| track.target.value);
    let interfaces: BTreeSet<_> =
        config.instances.iter().flat_map(interfaces).chain(of_groups).collect();
    let interfaces = interfaces.into_iter().map(|name| interface(config, name, links).into());
    let mut sources: Vec<Source> = processes.chain(files).chain(interfaces).collect();
    for name in used(config, |tracks| &tracks.scripts) {
        if let Some(defined) = config.scripts.get(&name) {
            sources.push(script(defined, program(defined)?));
        }
    }
    sources.extend(delays(config).map(Source::from));
    Ok(sources)
}

/// What holds all instances back after a start.
fn delays(config: &Config) -> impl Iterator<Item = Delay> {
    let global = &config.global;
    // Both are made in any case: a delay after the start counts from the first configuration, even
    // if a later one is the first to want it.
    let delays = [
        Delay::after_start("vrrp_startup_delay", global.startup_delay),
        Delay::after_boot("vrrp_delay_after_boot", global.delay_after_boot),
    ];
    let is_wanted = [!global.startup_delay.is_zero(), !global.delay_after_boot.is_zero()];
    delays.into_iter().zip(is_wanted).filter_map(|(delay, is_wanted)| is_wanted.then_some(delay))
}

/// What is left out here would decide silently who is master, so nothing is.
fn refuse_unsupported(instance: &model::Instance) -> Result<(), SettingsError> {
    let features = [
        ("a virtual MAC (use_vmac)", instance.vmac.is_some()),
        ("an ipvlan (use_ipvlan)", instance.ipvlan.is_some()),
        ("track_bfd", !instance.tracks.bfd_sessions.is_empty()),
    ];
    match features.into_iter().find(|(_, used)| *used) {
        Some((what, _)) => Err(SettingsError::Unsupported(what)),
        None => Ok(()),
    }
}

fn machine(instance: &model::Instance) -> Result<vrrp_fsm::Config, SettingsError> {
    let mut machine = vrrp_fsm::Config::new(*instance.version);
    machine.priority = *instance.priority;
    machine.interval = *instance.interval;
    machine.preempt = *instance.preempt.enabled;
    machine.preempt_delay = *instance.preempt.delay;
    machine.down_timer_adverts = instance
        .down_timer_adverts
        .try_into()
        .map_err(|_| SettingsError::Range("down_timer_adverts"))?;
    machine.lower_prio_no_advert = *instance.lower_prio_no_advert || instance.strict;
    machine.fast_handover = instance.fast_handover;
    machine.higher_prio_send_advert = instance.higher_prio_send_advert;
    machine.owner_ignore_adverts = *instance.owner_ignore_adverts || instance.strict;
    machine.announce = announce(&instance.announce)?;
    if instance.strict {
        machine.announce.lower_prio_repeat = 0;
    }
    Ok(machine)
}

fn announce(announce: &model::Announce) -> Result<Announce, SettingsError> {
    let rounds = |name, count: u32| u8::try_from(count).map_err(|_| SettingsError::Range(name));
    Ok(Announce {
        repeat: rounds("garp_master_repeat", announce.repeat)?,
        delay: announce.delay,
        refresh: announce.refresh,
        refresh_repeat: rounds("garp_master_refresh_repeat", announce.refresh_repeat)?,
        lower_prio_repeat: rounds("garp_lower_prio_repeat", announce.lower_prio_repeat)?,
        lower_prio_delay: announce.lower_prio_delay,
    })
}

fn authentication(instance: &model::Instance) -> Result<Authentication, SettingsError> {
    let Some(authentication) = &instance.authentication else { return Ok(Authentication::None) };
    match &authentication.value {
        ConfAuthentication::Password(pass) => {
            Ok(Authentication::Password(Password::from_octets(*pass.as_bytes())))
        }
        ConfAuthentication::Header(pass) => {
            Ok(Authentication::Header(HeaderKey::from_secret(&Secret::new(*pass.as_bytes()))))
        }
        ConfAuthentication::Hmac(hmac) => {
            let keys = hmac.keys.iter().map(hmac_key).collect::<Result<_, _>>()?;
            let anti_replay = anti_replay(hmac, *instance.interval);
            let hmac = Hmac::new(keys, hmac.active_key, hmac_mode(hmac.mode), anti_replay)?;
            Ok(Authentication::Hmac(hmac))
        }
    }
}

/// A key of `auth_hmac`, which may be in a file.
///
/// # Errors
/// [`SettingsError::Key`] or [`SettingsError::KeyFile`] if there is no key.
pub fn hmac_key(key: &model::HmacKey) -> Result<HmacKey, SettingsError> {
    let number = key.id;
    let no_key = |error| SettingsError::Key { number, error };
    match key.value() {
        model::HmacKeyValue::Text(text) => HmacKey::new(number, text.as_bytes()).map_err(no_key),
        model::HmacKeyValue::Hex(digits) => HmacKey::from_hex(number, digits).map_err(no_key),
        model::HmacKeyValue::File(path) => read_key_file(number, Path::new(path))
            .map_err(|error| SettingsError::KeyFile { number, error }),
    }
}

fn anti_replay(hmac: &model::HmacAuth, interval: Interval) -> AntiReplay {
    let usual_secs = AntiReplay::usual_window_secs(interval);
    let whole_secs = |window: Duration| u32::try_from(window.as_secs()).unwrap_or(u32::MAX);
    match hmac.anti_replay {
        model::AntiReplay::Monotonic => AntiReplay::Monotonic,
        model::AntiReplay::Time => {
            AntiReplay::Timestamp { window_secs: hmac.time_window.map_or(usual_secs, whole_secs) }
        }
    }
}

const fn hmac_mode(mode: model::HmacMode) -> HmacMode {
    match mode {
        model::HmacMode::Enforce => HmacMode::Enforce,
        model::HmacMode::Permissive => HmacMode::Permissive,
        model::HmacMode::ReceiveOnly => HmacMode::ReceiveOnly,
    }
}

fn destination(destination: &model::Destination) -> Destination {
    let unicast = match destination {
        model::Destination::Multicast(group) => return Destination::Multicast(group.value),
        model::Destination::Unicast(unicast) => unicast,
    };
    let peer = |peer: &model::UnicastPeer| UnicastPeer {
        address: peer.address,
        hop_limits: HopLimits {
            min: peer.min_ttl.unwrap_or(HopLimits::ANY.min),
            max: peer.max_ttl.unwrap_or(HopLimits::ANY.max),
        },
    };
    // Hop limits that are given are worth something only if strangers are not heard.
    let is_limited = |peer: &model::UnicastPeer| peer.min_ttl.or(peer.max_ttl).is_some();
    let has_limits = unicast.peers.iter().any(|peer| is_limited(peer));
    Destination::Unicast(Unicast {
        peers: unicast.peers.iter().map(|one| peer(one)).collect(),
        hop_limit: unicast.ttl.unwrap_or(HOP_LIMIT),
        check_source: unicast.check_source || has_limits,
        old_checksum: match unicast.old_checksum {
            model::OldChecksum::Detect => OldChecksum::Detect,
            model::OldChecksum::Always => OldChecksum::Always,
            model::OldChecksum::Never => OldChecksum::Never,
        },
    })
}

fn virtual_address(address: &model::VirtualAddress) -> Result<VirtualAddress, SettingsError> {
    Ok(VirtualAddress {
        device: address.device.map(|device| device.value),
        is_tracked: !address.no_track,
        broadcast: match address.broadcast {
            None => Broadcast::None,
            Some(model::Broadcast::Address(address)) => Broadcast::Is(address),
            Some(model::Broadcast::HostBitsSet) => Broadcast::AllOnes,
            Some(model::Broadcast::HostBitsClear) => Broadcast::AllZeros,
        },
        scope: Scope(address.scope.0),
        label: address.label.as_deref().map(name).transpose()?,
        peer: address.peer.map(|(peer, _): (IpAddr, _)| peer),
        preferred: address.preferred.map(preferred),
        flags: flags(address),
        ..VirtualAddress::new(address.address, address.prefix_len)
    })
}

fn preferred(lifetime: model::Lifetime) -> Preferred {
    match lifetime {
        model::Lifetime::Forever => Preferred::Forever,
        model::Lifetime::For(time) => {
            Preferred::Secs(u32::try_from(time.as_secs()).unwrap_or(u32::MAX))
        }
    }
}

fn flags(address: &model::VirtualAddress) -> AddressFlags {
    let wanted = [
        (address.home, AddressFlags::HOME),
        (address.no_dad, AddressFlags::NO_DAD),
        (address.manage_temporary, AddressFlags::MANAGE_TEMPORARY),
        (address.no_prefix_route, AddressFlags::NO_PREFIX_ROUTE),
        (address.auto_join, AddressFlags::AUTO_JOIN),
    ];
    let set = wanted.into_iter().filter(|(is_wanted, _)| *is_wanted);
    set.fold(AddressFlags::NONE, |flags, (_, flag)| flags.with(flag))
}

fn tracks(tracks: &Tracks) -> Vec<Track> {
    let track = |kind: Kind, name: Arc<str>, weight: model::Weight| Track {
        tracker: TrackerKey { kind, name },
        weight: Weight { points: weight.value, reverse: weight.reverse },
    };
    let named = |kind, tracks: &[model::Track<Arc<str>>]| -> Vec<Track> {
        let of = |one: &model::Track<Arc<str>>| track(kind, Arc::clone(&one.target), *one.weight);
        tracks.iter().map(of).collect()
    };
    let interfaces = tracks.interfaces.iter().map(|one| {
        track(<Interface as SourceKind>::KIND, one.target.to_string().into(), *one.weight)
    });
    let interfaces = interfaces.collect();
    [
        named(<Process as SourceKind>::KIND, &tracks.processes),
        named(<File as SourceKind>::KIND, &tracks.files),
        named(<Script as SourceKind>::KIND, &tracks.scripts),
        interfaces,
    ]
    .concat()
}

/// The names of one kind that some instance or group uses, each once.
fn used<'a>(
    config: &'a Config,
    of: impl Fn(&'a Tracks) -> &'a Vec<model::Track<Arc<str>>>,
) -> impl Iterator<Item = Arc<str>> {
    let instances = config.instances.iter().map(|instance| &instance.tracks);
    let groups = config.sync_groups.iter().map(|group| &group.tracks);
    let all = instances.chain(groups).flat_map(of);
    let names: BTreeSet<_> = all.map(|track| Arc::clone(&track.target)).collect();
    names.into_iter()
}

/// The interfaces that an instance depends on beside its own: those that it tracks, and those of
/// its addresses.
fn interfaces(instance: &model::Instance) -> impl Iterator<Item = InterfaceName> {
    let own = instance.interface.map(|interface| interface.value);
    let tracked = instance.tracks.interfaces.iter().map(|track| track.target.value);
    let watched = instance.all_addresses().filter(|address| !address.no_track);
    let devices = watched.filter_map(|address| address.device).map(|device| device.value);
    tracked.chain(devices.filter(move |name| Some(*name) != own))
}

/// An interface that is tracked, with its delays. None is longer than what one of the instances that
/// go by it allows.
fn interface(config: &Config, name: InterfaceName, links: &Links) -> Interface {
    let source = Interface::new(name.to_string(), links);
    let delays = config.interface_delays.iter().rev().find(|delays| delays.interface == name);
    let Some(delays) = delays.map(|delays| delays_of(delays)) else { return source };
    let longest = |instance: &model::Instance| {
        let adverts = NonZeroU8::new(instance.down_timer_adverts)?;
        Some(debounce::longest(*instance.interval, adverts))
    };
    let limit = config.users_of(name).filter_map(longest).min();
    source.delays(limit.map_or(delays, |limit| delays.at_most(limit)))
}

fn delays_of(delays: &model::InterfaceDelays) -> Delays {
    Delays { down: delays.down, up: delays.up }
}

fn process(defined: &model::TrackedProcess) -> Source {
    let param_match = defined.param_match.map(|how| match how {
        model::ParamMatch::Partial => ParamMatch::Partial,
        model::ParamMatch::Initial => ParamMatch::Initial,
    });
    let parameters = defined.parameters.iter().map(Into::into).collect();
    let matcher =
        Matcher::from_words(&*defined.process, parameters, defined.full_command, param_match);
    let mut process = Process::new(Arc::clone(&defined.name), matcher);
    process.quorum = defined.quorum;
    process.quorum_max = defined.quorum_max;
    process.fork_delay = defined.fork_delay;
    process.terminate_delay = defined.terminate_delay;
    process.into()
}

fn file(defined: &model::TrackedFile) -> Source {
    let mut file = File::new(Arc::clone(&defined.name), &*defined.path);
    file.init = defined
        .init
        .map(|init| vrrp_track::file::InitFile { value: init.value, overwrite: init.overwrite });
    file.into()
}

fn script(defined: &model::Script, program: Program) -> Source {
    let times = |count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
    let mut script = Script::new(Arc::clone(&defined.name), program);
    script.interval = defined.interval;
    script.timeout = Some(defined.timeout);
    script.rise = times(defined.rise);
    script.fall = times(defined.fall);
    script.init = defined.init_fail.then_some(vrrp_track::Verdict::Down);
    script.into()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use vrrp_conf::{Options, parse_str};
    use vrrp_proto::UnixTime;

    use super::*;

    const NOW: UnixTime = UnixTime { secs: 1000, fraction: 0 };

    /// The settings of an instance with `auth_hmac` and these lines in it.
    fn signed(lines: &str) -> Result<Settings, SettingsError> {
        let text = format!(
            "vrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 51\n version 3\n \
             advert_int 2\n virtual_ipaddress {{\n 192.0.2.100/24\n }}\n auth_hmac {{\n \
             {lines}\n }}\n}}\n"
        );
        let config = parse_str("test", &text, &Options::default()).config.unwrap();
        settings(&config.instances[0])
    }

    #[test]
    fn all_of_auth_hmac_comes_into_force() {
        let text = "k".repeat(40);
        let keys = format!("key 7 {text}\n key 8 hex:{}\n", "0a".repeat(32));
        let usual = signed(&keys).unwrap().authentication;
        let vrrp_proto::Authentication::Hmac(hmac) = usual.as_proto(NOW) else { panic!() };
        let expected = [HmacKey::new(7, text.as_bytes()), HmacKey::new(8, &[10; 32])];
        assert_eq!(hmac.keys, expected.map(Result::unwrap));
        assert_eq!((hmac.signing.id().get(), hmac.mode, hmac.now), (7, HmacMode::Enforce, NOW));
        assert_eq!(hmac.anti_replay, AntiReplay::Timestamp { window_secs: 6 });
        assert_eq!(usual.name(), "hmac");

        let more = format!("{keys} active_key 8\n time_window 9\n mode receive-only");
        let other = signed(&more).unwrap().authentication;
        let vrrp_proto::Authentication::Hmac(hmac) = other.as_proto(NOW) else { panic!() };
        assert_eq!((hmac.signing.id().get(), hmac.mode), (8, HmacMode::ReceiveOnly));
        assert_eq!(hmac.anti_replay, AntiReplay::Timestamp { window_secs: 9 });

        let monotonic = format!("{keys} anti_replay monotonic\n mode permissive");
        let other = signed(&monotonic).unwrap().authentication;
        let vrrp_proto::Authentication::Hmac(hmac) = other.as_proto(NOW) else { panic!() };
        assert_eq!((hmac.anti_replay, hmac.mode), (AntiReplay::Monotonic, HmacMode::Permissive));
    }

    #[test]
    fn a_key_file_that_is_missing_names_the_key_and_the_file() {
        let error = signed("key 7 file:/nonexistent/key").unwrap_err().to_string();
        let expected = "the key 7 of auth_hmac: the key file /nonexistent/key cannot be read: ";
        assert!(error.starts_with(expected), "{error}");
    }

    fn settings_of(global: &str, lines: &str) -> Settings {
        let text = format!(
            "{global}\nvrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 51\n \
             virtual_ipaddress {{\n 192.0.2.100/24\n 192.0.2.101/24 dev eth1\n }}\n{lines}\n}}\n"
        );
        let config = parse_str("test", &text, &Options::default()).config.unwrap();
        settings_in(&config, &config.instances[0]).unwrap()
    }

    #[test]
    fn a_losing_advert_is_answered_with_announcements_alone_and_in_strict_mode_with_nothing() {
        let answers = |lines| {
            let machine = settings_of("", lines).machine;
            (!machine.lower_prio_no_advert, machine.announce.lower_prio_repeat)
        };
        assert_eq!(answers(""), (true, 5));
        assert_eq!(answers("lower_prio_no_advert"), (false, 5));
        assert_eq!(answers("strict_mode"), (false, 0));
    }

    #[test]
    fn a_router_has_the_delays_of_the_interfaces_that_it_uses() {
        let delays = "interface_up_down_delays {\n eth0 1\n eth1 0.5 1.5\n eth2 1\n}";
        let of =
            |down, up| Delays { down: Duration::from_millis(down), up: Duration::from_millis(up) };
        let expected = [("eth0", of(1000, 1000)), ("eth1", of(500, 1500))];
        let found = settings_of(delays, "").link_delays;
        let found: Vec<_> =
            found.iter().map(|(name, delays)| (name.to_string(), *delays)).collect();
        assert_eq!(found, expected.map(|(name, delays)| (name.to_owned(), delays)));
    }
}
