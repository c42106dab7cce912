//! `global_defs`, and the lines of the top level.

use core::net::IpAddr;
use std::time::Duration;

use vrrp_proto::Version;

use super::Reader;
use super::settings::{Setting, Value};
use super::value::owned;
use crate::model::{Announce, Checksum, Global};
use crate::syntax::{Body, Word};
use crate::{Span, Spanned};

/// What `global_defs` sets for instances.
#[derive(Debug, Clone, Default)]
pub(super) struct Defaults {
    pub(super) version: Option<Spanned<Version>>,
    pub(super) announce: AnnounceSettings,
    pub(super) min_garp: bool,
    pub(super) down_timer_adverts: Option<u8>,
    pub(super) lower_prio_no_advert: Option<Spanned<bool>>,
    pub(super) higher_prio_send_advert: bool,
    pub(super) owner_ignore_adverts: Option<Spanned<bool>>,
    pub(super) checksum: Option<Spanned<Checksum>>,
    /// Where the multicast groups are set.
    pub(super) groups_at: [Option<Span>; 2],
    pub(super) check_unicast_source: bool,
    pub(super) skip_check_adv_addr: bool,
    pub(super) strict: Option<Spanned<bool>>,
    pub(super) notify_priority_changes: bool,
}

/// The settings of announcements that were given somewhere.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct AnnounceSettings {
    repeat: Option<u32>,
    delay: Option<Duration>,
    refresh: Option<Duration>,
    refresh_repeat: Option<u32>,
    lower_prio_repeat: Option<u32>,
    lower_prio_delay: Option<Duration>,
    garp_interval: Option<Duration>,
    na_interval: Option<Duration>,
    extra: Option<(Duration, bool)>,
}

impl AnnounceSettings {
    /// Takes a setting; `false` if it is none of these.
    pub(super) fn set(&mut self, keyword: &str, value: &Value<'_, '_>) -> bool {
        match (keyword, value) {
            ("garp_master_repeat", Value::Int(count)) => self.repeat = Some(*count as u32),
            ("garp_master_delay", Value::Time(time)) => self.delay = Some(*time),
            ("garp_master_refresh", Value::Time(time)) => self.refresh = Some(*time),
            ("garp_master_refresh_repeat", Value::Int(count)) => {
                self.refresh_repeat = Some(*count as u32);
            }
            ("garp_lower_prio_repeat", Value::Int(count)) => {
                self.lower_prio_repeat = Some(*count as u32);
            }
            ("garp_lower_prio_delay", Value::Time(time)) => self.lower_prio_delay = Some(*time),
            ("garp_interval", Value::Time(time)) => self.garp_interval = Some(*time),
            ("gna_interval", Value::Time(time)) => self.na_interval = Some(*time),
            _ => return false,
        }
        true
    }

    /// Takes the pace on other interfaces.
    pub(super) fn set_extra(&mut self, pace: Option<(Duration, bool)>) {
        self.extra = pace;
    }

    /// An instance's settings, with those of `global_defs` for what they leave open. What
    /// follows a losing advert follows the global settings, not the instance's own.
    pub(super) fn or(self, other: Self) -> Self {
        let (repeat, delay) = (other.repeat, other.delay);
        Self {
            repeat: self.repeat.or(other.repeat),
            delay: self.delay.or(other.delay),
            refresh: self.refresh.or(other.refresh),
            refresh_repeat: self.refresh_repeat.or(other.refresh_repeat),
            lower_prio_repeat: self.lower_prio_repeat.or(other.lower_prio_repeat).or(repeat),
            lower_prio_delay: self.lower_prio_delay.or(other.lower_prio_delay).or(delay),
            garp_interval: self.garp_interval.or(other.garp_interval),
            na_interval: self.na_interval.or(other.na_interval),
            extra: self.extra.or(other.extra),
        }
    }

    /// The settings with the defaults filled in.
    pub(super) fn resolve(self, min_garp: bool) -> Announce {
        let defaults = match min_garp {
            true => Announce { repeat: 1, delay: Duration::ZERO, ..Announce::default() },
            false => Announce::default(),
        };
        Announce {
            repeat: self.repeat.unwrap_or(defaults.repeat),
            delay: self.delay.unwrap_or(defaults.delay),
            refresh: self.refresh.unwrap_or(defaults.refresh),
            refresh_repeat: self.refresh_repeat.unwrap_or(defaults.refresh_repeat),
            lower_prio_repeat: self.lower_prio_repeat.unwrap_or(defaults.repeat),
            lower_prio_delay: self.lower_prio_delay.unwrap_or(defaults.delay),
            garp_interval: self.garp_interval.unwrap_or(defaults.garp_interval),
            na_interval: self.na_interval.unwrap_or(defaults.na_interval),
            extra_interfaces: self.extra.map(|(pace, _)| pace).filter(|pace| !pace.is_zero()),
            extra_interfaces_all: self.extra.is_some_and(|(_, all)| all),
        }
    }
}

impl Reader<'_> {
    pub(super) fn global_defs(&mut self, body: &Body<'_>) {
        for setting in self.block_settings("global_defs", body) {
            self.global_setting(setting);
        }
    }

    fn global_setting(&mut self, setting: Setting<'_, '_>) {
        let name = setting.keyword.name;
        let announced = name.strip_prefix("vrrp_").unwrap_or(name);
        if self.defaults.announce.set(announced, &setting.value) {
            return;
        }
        if self.global_default(&setting) || self.global_hook(&setting) {
            return;
        }
        let global = &mut self.config.global;
        match (name, &setting.value) {
            ("router_id", Value::Word(word)) => global.router_id = Some(owned(word)),
            ("script_user", Value::User(user)) => {
                global.script_user = Some(setting.spanned(user.clone()));
            }
            ("enable_script_security", _) => global.script_security = true,
            ("vrrp_notify_timeout", Value::Time(time)) => global.notify_timeout = *time,
            ("vrrp_mcast_group4", Value::Ip(IpAddr::V4(group))) => {
                global.multicast_v4 = *group;
                self.defaults.groups_at[0] = Some(setting.span);
            }
            ("vrrp_mcast_group6", Value::Ip(IpAddr::V6(group))) => {
                global.multicast_v6 = *group;
                self.defaults.groups_at[1] = Some(setting.span);
            }
            ("vrrp_startup_delay", Value::Time(time)) => global.startup_delay = *time,
            ("vrrp_delay_after_boot", Value::Time(time)) => global.delay_after_boot = *time,
            ("log_unknown_vrids", _) => global.log_unknown_vrids = true,
            ("dynamic_interfaces", _) => global.dynamic_interfaces = true,
            ("default_interface", Value::Interface(interface)) => {
                global.default_interface = Some(setting.spanned(interface.clone()));
            }
            ("vrrp_rt_priority", Value::Int(priority)) => {
                global.realtime_priority = Some(setting.spanned(*priority as u8));
            }
            ("vrrp_rlimit_rttime" | "vrrp_rlimit_rtime", Value::Int(micros)) => {
                global.realtime_limit = Some(Duration::from_micros(*micros as u64));
            }
            ("vrrp_priority", Value::Int(nice)) => {
                global.nice = Some(setting.spanned(*nice as i8));
            }
            ("vrrp_no_swap", _) => global.no_swap = true,
            ("vrrp_cpu_affinity", Value::Words(words)) => self.cpu_affinity(words),
            ("process_monitor_rcv_bufs", Value::Int(bytes)) => {
                global.process_events_buffer_bytes = Some(*bytes as u32);
            }
            ("vrrp_netlink_monitor_rcv_bufs", Value::Int(bytes)) => {
                global.netlink_monitor_buffer_bytes = Some(*bytes as u32);
            }
            _ => {}
        }
    }

    /// Takes what is a default of instances; `false` if the setting is none.
    fn global_default(&mut self, setting: &Setting<'_, '_>) -> bool {
        let defaults = &mut self.defaults;
        match (setting.keyword.name, &setting.value) {
            ("vrrp_version", Value::Int(version)) => {
                defaults.version = Some(setting.spanned(version_of(*version)));
            }
            ("vrrp_min_garp", Value::Bool(on)) => defaults.min_garp = *on,
            ("vrrp_down_timer_adverts", Value::Int(count)) => {
                defaults.down_timer_adverts = Some(*count as u8);
            }
            ("vrrp_lower_prio_no_advert", Value::Bool(on)) => {
                defaults.lower_prio_no_advert = Some(setting.spanned(*on));
            }
            ("vrrp_higher_prio_send_advert", Value::Bool(on)) => {
                defaults.higher_prio_send_advert = *on;
            }
            ("vrrp_owner_ignore_adverts", Value::Bool(on)) => {
                defaults.owner_ignore_adverts = Some(setting.spanned(*on));
            }
            ("v3_checksum_as_v2", Value::Bool(on)) => {
                defaults.checksum = Some(setting.spanned(checksum_of(*on)));
            }
            ("vrrp_check_unicast_src", _) => defaults.check_unicast_source = true,
            ("vrrp_skip_check_adv_addr", Value::Bool(on)) => defaults.skip_check_adv_addr = *on,
            ("vrrp_strict", _) => defaults.strict = Some(setting.spanned(true)),
            ("vrrp_notify_priority_changes", Value::Bool(on)) => {
                defaults.notify_priority_changes = *on;
            }
            ("vrrp_garp_extra_if" | "vrrp_vmac_garp_intvl", Value::Words(words)) => {
                let pace = self.extra_pace(words);
                self.defaults.announce.set_extra(pace);
            }
            _ => return false,
        }
        true
    }

    /// Takes what is run, or written to; `false` if the setting is none of that.
    fn global_hook(&mut self, setting: &Setting<'_, '_>) -> bool {
        let global = &mut self.config.global;
        let secs = |count: i64| Duration::from_secs(count as u64);
        match (setting.keyword.name, &setting.value) {
            ("startup_script", Value::Command(command)) => {
                global.startup_script = Some(setting.spanned(command.clone()));
            }
            ("startup_script_timeout", Value::Int(count)) => {
                global.startup_script_timeout = secs(*count);
            }
            ("shutdown_script", Value::Command(command)) => {
                global.shutdown_script = Some(setting.spanned(command.clone()));
            }
            ("shutdown_script_timeout", Value::Int(count)) => {
                global.shutdown_script_timeout = secs(*count);
            }
            ("notify_fifo", Value::Words([path, ..])) => {
                global.notify_fifo = Some(owned(path).map(Into::into));
            }
            ("vrrp_notify_fifo", Value::Words([path, ..])) => {
                global.vrrp_notify_fifo = Some(owned(path).map(Into::into));
            }
            _ => return false,
        }
        true
    }

    fn cpu_affinity(&mut self, words: &[Word<'_>]) {
        let cpus = words.iter().filter_map(|word| self.integer(word, 0, 65_535));
        let cpus: Vec<_> = cpus.map(|cpu| cpu as u32).collect();
        self.config.global.cpu_affinity = cpus;
    }

    /// `[all] SECONDS`.
    pub(super) fn extra_pace(&mut self, words: &[Word<'_>]) -> Option<(Duration, bool)> {
        let (all, word) = match words {
            [all, seconds] if all.text == "all" => (true, seconds),
            [seconds] => (false, seconds),
            [_, rest @ ..] => {
                self.no_more(rest);
                return None;
            }
            [] => return None,
        };
        let pace = self.time(word, 1_000_000, 0, 86_400_000_000)?;
        Some((pace, all))
    }

    /// A line of the top level that is no block.
    pub(super) fn top_level_line(&mut self, setting: &Setting<'_, '_>) {
        let global: &mut Global = &mut self.config.global;
        match (setting.keyword.name, &setting.value) {
            ("instance", Value::Word(word)) => global.instance_name = Some(owned(word)),
            ("net_namespace", Value::Word(word)) => global.net_namespace = Some(owned(word)),
            _ => {}
        }
    }
}

/// The version of a number that the table has let through.
pub(super) fn version_of(number: i64) -> Version {
    if number == 2 { Version::V2 } else { Version::V3 }
}

pub(super) fn checksum_of(as_v2: bool) -> Checksum {
    if as_v2 { Checksum::MessageOnly } else { Checksum::PseudoHeader }
}
