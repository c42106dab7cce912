//! `global_defs`, and the lines of the top level.

use core::net::IpAddr;
use std::time::Duration;

use vrrp_proto::{TableName, Version, WordError};

use super::Reader;
use super::row::Draft;
use super::rows::GLOBAL_DEFS;
use crate::model::{Announce, Checksum, Config, Global, OnFailure};
use crate::syntax::{Body, Word};
use crate::{Code, Diagnostic, Span, Spanned};

/// What `global_defs` sets, for the daemon and for instances.
#[derive(Default)]
pub(super) struct Globals {
    pub(super) global: Global,
    pub(super) defaults: Defaults,
}

impl Draft for Globals {
    type Model = Config;
}

impl Globals {
    /// Takes the multicast group of a family.
    pub(super) fn set_group(&mut self, group: Spanned<IpAddr>) {
        match group.value {
            IpAddr::V4(address) => {
                self.global.multicast_v4 = address;
                self.defaults.groups_at[0] = Some(group.span);
            }
            IpAddr::V6(address) => {
                self.global.multicast_v6 = address;
                self.defaults.groups_at[1] = Some(group.span);
            }
        }
    }
}

/// What `global_defs` sets for instances.
#[derive(Debug, Clone, Default)]
pub(super) struct Defaults {
    pub(super) version: Option<Spanned<Version>>,
    pub(super) announce: AnnounceSettings,
    pub(super) min_garp: bool,
    pub(super) down_timer_adverts: Option<u8>,
    pub(super) lower_prio_no_advert: Option<Spanned<bool>>,
    pub(super) fast_handover: Option<bool>,
    pub(super) higher_prio_send_advert: bool,
    pub(super) owner_ignore_adverts: Option<Spanned<bool>>,
    pub(super) checksum: Option<Spanned<Checksum>>,
    /// Where the multicast groups are set.
    pub(super) groups_at: [Option<Span>; 2],
    pub(super) check_unicast_source: bool,
    pub(super) skip_check_adv_addr: bool,
    pub(super) strict: Option<Spanned<bool>>,
    pub(super) on_failure: OnFailure,
    pub(super) notify_priority_changes: bool,
}

/// The settings of announcements that were given somewhere.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct AnnounceSettings {
    pub(super) repeat: Option<u32>,
    pub(super) delay: Option<Duration>,
    pub(super) refresh: Option<Duration>,
    pub(super) refresh_repeat: Option<u32>,
    pub(super) lower_prio_repeat: Option<u32>,
    pub(super) lower_prio_delay: Option<Duration>,
    pub(super) garp_interval: Option<Duration>,
    pub(super) na_interval: Option<Duration>,
    pub(super) extra: Option<(Duration, bool)>,
}

impl AnnounceSettings {
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
        let global = core::mem::take(&mut self.config.global);
        let defaults = core::mem::take(&mut self.defaults);
        let mut globals = Globals { global, defaults };
        self.fill(&GLOBAL_DEFS, &mut globals, body);
        (self.config.global, self.defaults) = (globals.global, globals.defaults);
        self.end_global_defs();
    }

    /// The numbers of CPUs.
    pub(super) fn cpus(&mut self, words: &[Word<'_>]) -> Vec<u32> {
        let cpus = words.iter().filter_map(|word| self.integer(word, 0, 65_535));
        cpus.map(|cpu| cpu as u32).collect()
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
        if !pace.is_zero() && pace < Duration::from_secs(1) {
            self.out_of_range(word, "0, or 1", "86400");
            return None;
        }
        Some((pace, all))
    }
}

impl Reader<'_> {
    /// The name of a table of nftables.
    pub(super) fn table_name(&mut self, words: &[Word<'_>]) -> Option<TableName> {
        let word = words.first()?;
        let name = word.text.parse();
        if let Err(error) = &name {
            let message = format!("`{}` cannot name a table", word.text);
            let diagnostic = Diagnostic::new(Code::NotAChoice, word.span, message)
                .label(WordError::to_string(error));
            self.push(diagnostic);
        }
        name.ok()
    }
}

/// The version of a number that the table has let through.
pub(super) fn version_of(number: i64) -> Version {
    if number == 2 { Version::V2 } else { Version::V3 }
}

/// How soon a master that advertises a lower priority is replaced.
pub(super) const HANDOVER: [&str; 2] = ["rfc", "fast"];

pub(super) fn is_fast(word: &str) -> bool {
    word == HANDOVER[1]
}

/// The word of [`HANDOVER`] that means that.
pub(super) const fn handover_word(is_fast: bool) -> &'static str {
    HANDOVER[is_fast as usize]
}

pub(super) fn checksum_of(as_v2: bool) -> Checksum {
    if as_v2 { Checksum::MessageOnly } else { Checksum::PseudoHeader }
}
