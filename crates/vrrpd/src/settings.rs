//! From the configuration's model to what an instance works with.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use vrrp_conf::model::{self, Authentication as ConfAuthentication, Destination, Notify};
use vrrp_fsm::{Announce, Config};
use vrrp_net::{
    AddressFlags, AddressSpec, Broadcast, Interface, InterfaceName, Label, Preferred, Scope,
    WordError,
};
use vrrp_proto::{
    AddressList, AddressListError, Authentication, ChecksumForm, Family, Password, Version, Vrid,
};

/// What the daemon cannot do, although the language has it.
#[derive(Debug, Error)]
pub(crate) enum Unsupported {
    #[error("{0}")]
    Word(#[from] WordError),
    #[error("{0}")]
    Addresses(#[from] AddressListError),
    #[error("{0} is not supported yet")]
    Feature(&'static str),
    #[error("{0} is out of range here")]
    Range(&'static str),
}

/// One instance's settings.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) name: Arc<str>,
    pub(crate) interface: InterfaceName,
    pub(crate) vrid: Vrid,
    pub(crate) family: Family,
    pub(crate) router: Config,
    pub(crate) authentication: Authentication,
    pub(crate) checksum: ChecksumForm,
    /// The addresses of the adverts.
    pub(crate) advertised: AddressList,
    /// All addresses that move with it.
    pub(crate) vips: Vec<VipSpec>,
    pub(crate) no_addresses: bool,
    pub(crate) group: Ipv4Addr,
    /// The source of adverts, where it is not the interface's primary address.
    pub(crate) source: Option<IpAddr>,
    pub(crate) track_primary: bool,
    pub(crate) announce_pace: Duration,
    pub(crate) notify: Arc<Notify>,
}

/// An address that moves, before it is known which index its interface has.
#[derive(Debug, Clone)]
pub(crate) struct VipSpec {
    pub(crate) address: IpAddr,
    pub(crate) prefix_len: u8,
    /// The interface, where it is not the instance's.
    pub(crate) device: Option<InterfaceName>,
    /// Whether it is put back if someone else removes it, and whether the router only takes part
    /// while the interface that it names is running.
    pub(crate) is_tracked: bool,
    broadcast: Broadcast,
    scope: Scope,
    label: Option<Label>,
    peer: Option<IpAddr>,
    preferred: Option<Preferred>,
    flags: AddressFlags,
}

impl Settings {
    /// What an instance of the model means.
    pub(crate) fn of(instance: &model::Instance) -> Result<Self, Unsupported> {
        refuse_unsupported(instance)?;
        let Destination::Multicast(group) = &instance.destination else {
            return Err(Unsupported::Feature("unicast"));
        };
        let IpAddr::V4(group) = group.value else {
            return Err(Unsupported::Feature("an IPv6 virtual router"));
        };
        let advertised = instance.addresses.iter().map(|address| address.address);
        Ok(Self {
            name: Arc::clone(&instance.name),
            interface: instance.interface.as_str().parse()?,
            vrid: *instance.vrid,
            family: instance.family,
            router: router(instance)?,
            authentication: authentication(instance)?,
            checksum: match (*instance.version, *instance.checksum) {
                (Version::V3, model::Checksum::MessageOnly) => ChecksumForm::MessageOnly,
                (version, _) => ChecksumForm::usual(version),
            },
            advertised: AddressList::from_addresses(instance.family, advertised)?,
            vips: instance.all_addresses().map(VipSpec::of).collect::<Result<_, _>>()?,
            no_addresses: instance.no_addresses,
            group,
            source: instance.source.as_ref().map(|source| source.value),
            track_primary: instance.track_primary,
            announce_pace: instance.announce.garp_interval,
            notify: Arc::new(instance.notify.clone()),
        })
    }

    /// The other interfaces that its addresses need, each once.
    pub(crate) fn devices(&self) -> BTreeSet<InterfaceName> {
        let tracked = self.vips.iter().filter(|vip| vip.is_tracked);
        tracked.filter_map(|vip| vip.device).filter(|device| *device != self.interface).collect()
    }

    /// Whether that address has to be put back if someone else removes it.
    pub(crate) fn guards(&self, address: IpAddr) -> bool {
        self.vips.iter().any(|vip| vip.is_tracked && vip.address == address)
    }

    /// The addresses as people write them.
    pub(crate) fn shown_addresses(&self) -> Vec<String> {
        self.vips.iter().map(|vip| format!("{}/{}", vip.address, vip.prefix_len)).collect()
    }
}

/// The configuration's reader refuses what has no effect yet; this is the last line of defence,
/// since what is silently left out here would decide who is master.
fn refuse_unsupported(instance: &model::Instance) -> Result<(), Unsupported> {
    let features = [
        ("an IPv6 virtual router", instance.family == Family::V6),
        ("a virtual MAC (use_vmac)", instance.vmac.is_some()),
        ("an ipvlan (use_ipvlan)", instance.ipvlan.is_some()),
        ("virtual_routes", !instance.routes.is_empty()),
        ("virtual_rules", !instance.rules.is_empty()),
        ("track_bfd", !instance.tracks.bfd_sessions.is_empty()),
        ("vrf", instance.vrf.is_some()),
    ];
    match features.into_iter().find(|(_, used)| *used) {
        Some((what, _)) => Err(Unsupported::Feature(what)),
        None => Ok(()),
    }
}

fn router(instance: &model::Instance) -> Result<Config, Unsupported> {
    Ok(Config {
        priority: *instance.priority,
        interval: *instance.interval,
        preempt: *instance.preempt.enabled,
        preempt_delay: *instance.preempt.delay,
        down_timer_adverts: instance
            .down_timer_adverts
            .try_into()
            .map_err(|_| Unsupported::Range("down_timer_adverts"))?,
        lower_prio_no_advert: *instance.lower_prio_no_advert || instance.strict,
        higher_prio_send_advert: instance.higher_prio_send_advert,
        owner_ignore_adverts: *instance.owner_ignore_adverts || instance.strict,
        announce: announce(&instance.announce)?,
        ..Config::new(*instance.version)
    })
}

fn announce(announce: &model::Announce) -> Result<Announce, Unsupported> {
    let rounds = |name, count: u32| u8::try_from(count).map_err(|_| Unsupported::Range(name));
    Ok(Announce {
        repeat: rounds("garp_master_repeat", announce.repeat)?,
        delay: announce.delay,
        refresh: announce.refresh,
        refresh_repeat: rounds("garp_master_refresh_repeat", announce.refresh_repeat)?,
        lower_prio_repeat: rounds("garp_lower_prio_repeat", announce.lower_prio_repeat)?,
        lower_prio_delay: announce.lower_prio_delay,
    })
}

fn authentication(instance: &model::Instance) -> Result<Authentication, Unsupported> {
    let Some(authentication) = &instance.authentication else { return Ok(Authentication::None) };
    let what = match &authentication.value {
        ConfAuthentication::Password(pass) => {
            return Ok(Authentication::Password(Password::from_octets(*pass.as_bytes())));
        }
        ConfAuthentication::Header(_) => "auth_type AH",
        ConfAuthentication::Hmac(_) => "auth_hmac",
    };
    Err(Unsupported::Feature(what))
}

impl VipSpec {
    fn of(address: &model::VirtualAddress) -> Result<Self, WordError> {
        let device = address.device.as_ref().map(|device| device.as_str().parse()).transpose()?;
        let broadcast = match address.broadcast {
            None => Broadcast::None,
            Some(model::Broadcast::Address(address)) => Broadcast::Is(address),
            Some(model::Broadcast::HostBitsSet) => Broadcast::AllOnes,
            Some(model::Broadcast::HostBitsClear) => Broadcast::AllZeros,
        };
        Ok(Self {
            address: address.address,
            prefix_len: address.prefix_len,
            device,
            is_tracked: !address.no_track,
            broadcast,
            scope: Scope(address.scope.0),
            label: address.label.as_deref().map(str::parse).transpose()?,
            peer: address.peer.map(|(peer, _)| peer),
            preferred: address.preferred.map(preferred),
            flags: flags(address),
        })
    }

    /// The address as a request about this interface.
    pub(crate) fn on(&self, interface: Interface) -> AddressSpec {
        let defaults = AddressSpec::new(interface, self.address, self.prefix_len);
        AddressSpec {
            peer: self.peer,
            broadcast: self.broadcast,
            // The default scope of a loopback address is the host's.
            scope: if self.scope == Scope::GLOBAL { defaults.scope } else { self.scope },
            label: self.label,
            preferred: self.preferred.unwrap_or(defaults.preferred),
            flags: defaults.flags.with(self.flags),
            ..defaults
        }
    }
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
