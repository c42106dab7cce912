//! Sync groups, track groups, BFD sessions, and the blocks about interfaces.

use std::sync::Arc;
use std::time::Duration;

use super::seen::Seen;
use super::settings::Value;
use super::{Kind, Reader};
use crate::model::{
    BfdSession, GarpGroup, InterfaceDelays, Linkbeat, LinkbeatMethod, Notify, SyncGroup, Tracks,
    Weight,
};
use crate::syntax::Body;
use crate::{Code, Diagnostic, Spanned};

type Name = Spanned<Arc<str>>;

impl Reader<'_> {
    pub(super) fn sync_group(&mut self, name: Name, body: &Body<'_>) -> Option<()> {
        let mut group = SyncGroup {
            name,
            members: Vec::new(),
            tracks: Tracks::default(),
            tracking_weight: false,
            notify: Notify::default(),
        };
        let (mut members, mut count) = (None, 0);
        for setting in self.block_settings("vrrp_sync_group", body) {
            if self.set_notify(&mut group.notify, &setting) {
                continue;
            }
            match (setting.keyword.name, setting.value) {
                ("group", Value::Items(body)) if members.is_none() => {
                    count = body.statements.iter().map(|statement| statement.words.len()).sum();
                    members = Some(self.members(body));
                }
                ("sync_group_tracking_weight", _) => group.tracking_weight = true,
                ("notify_priority_changes", Value::Bool(on)) => group.notify.priority_changes = on,
                (keyword, Value::Items(body)) => {
                    self.track(&mut group.tracks, keyword, body);
                }
                _ => {}
            }
        }
        let members = self.require_in_definition(members, "group", &group.name)?;
        if members.is_empty() {
            return None;
        }
        self.check_members(&group.name, &members, count);
        group.members = members;
        self.config.sync_groups.push(group);
        Some(())
    }

    /// Reports members that another sync group has, and a group of one.
    fn check_members(&mut self, name: &Name, members: &[Name], count: usize) {
        for member in members {
            let Some((group, first)) = self.grouped.get(&member.value) else {
                let place = (Arc::clone(&name.value), member.span);
                self.grouped.insert(Arc::clone(&member.value), place);
                continue;
            };
            let message = format!("`{member}` is in the sync group `{group}` already");
            let diagnostic =
                Diagnostic::new(Code::TwoGroups, member.span, message).also(*first, "there");
            self.push(diagnostic);
        }
        if count == 1 {
            let message = format!("the sync group `{name}` has one member only");
            self.push(Diagnostic::new(Code::GroupOfOne, name.span, message));
        }
    }

    /// The instances that a `group` block names; each exists, and is there once.
    fn members(&mut self, body: &Body<'_>) -> Vec<Name> {
        if body.statements.is_empty() {
            self.nothing_listed("group", body.open);
        }
        let mut members: Vec<Name> = Vec::new();
        let mut seen = Seen::new();
        // Names may share a line.
        let words = body.statements.iter().flat_map(|statement| &statement.words);
        for word in words {
            let member = Spanned::new(Arc::<str>::from(&*word.text), word.span);
            if !self.refer(Kind::Instance, &member) {
                continue;
            }
            if let Some(first) = seen.before(Arc::clone(&member.value), member.span) {
                let message = format!("`{member}` is there twice");
                let diagnostic = Diagnostic::new(Code::Duplicate, member.span, message)
                    .also(first, "first here");
                self.push(diagnostic);
                continue;
            }
            members.push(member);
        }
        members
    }

    pub(super) fn track_group(&mut self, name: Name, body: &Body<'_>) -> Option<()> {
        let mut members = None;
        for setting in self.block_settings("track_group", body) {
            if let (Value::Items(body), None) = (setting.value, &members) {
                members = Some(self.members(body));
            }
        }
        let members = self.require_in_definition(members, "group", &name)?;
        if members.is_empty() {
            return None;
        }
        self.config.track_groups.insert(name.value, members);
        Some(())
    }

    pub(super) fn bfd_session(&mut self, name: Name, body: &Body<'_>) -> Option<()> {
        let (mut neighbor, mut ttl, mut hop_limit) = (None, 255, 64);
        let mut session = BfdSession {
            neighbor: Spanned::new(core::net::Ipv4Addr::UNSPECIFIED.into(), name.span),
            source: None,
            min_rx: Duration::from_millis(10),
            min_tx: Duration::from_millis(10),
            idle_tx: Duration::from_secs(1),
            multiplier: 5,
            passive: false,
            hop_limit: 0,
            max_hops: 0,
            multihop: false,
            weight: Spanned::new(Weight::default(), name.span),
            name,
        };
        for setting in self.block_settings("bfd_instance", body) {
            let span = setting.span;
            match (setting.keyword.name, setting.value) {
                ("source_ip", Value::Ip(address)) => {
                    session.source = Some(Spanned::new(address, span));
                }
                (_, Value::Ip(address)) => neighbor = Some(Spanned::new(address, span)),
                ("min_rx", Value::Time(time)) => session.min_rx = time,
                ("min_tx", Value::Time(time)) => session.min_tx = time,
                ("idle_tx", Value::Time(time)) => session.idle_tx = time,
                ("multiplier", Value::Int(count)) => session.multiplier = count as u8,
                ("passive", _) => session.passive = true,
                ("ttl", Value::Int(number)) => ttl = number as u8,
                ("hoplimit", Value::Int(number)) => hop_limit = number as u8,
                ("max_hops", Value::Int(number)) => session.max_hops = number as u8,
                ("multihop", Value::Bool(on)) => session.multihop = on,
                ("weight", Value::Weight(weight)) => session.weight = Spanned::new(weight, span),
                _ => {}
            }
        }
        let other = self.is_excused("neighbour_ip", Code::IncompleteDefinition);
        let what = if other { "neighbour_ip" } else { "neighbor_ip" };
        let neighbor = self.require_in_definition(neighbor, what, &session.name)?;
        session.hop_limit = if neighbor.is_ipv4() { ttl } else { hop_limit };
        session.neighbor = neighbor;
        self.config.bfd_sessions.insert(Arc::clone(&session.name.value), session);
        Some(())
    }

    pub(super) fn garp_group(&mut self, body: &Body<'_>) {
        let mut group =
            GarpGroup { interfaces: Vec::new(), garp_interval: None, na_interval: None };
        for setting in self.block_settings("garp_group", body) {
            let span = setting.span;
            match (setting.keyword.name, setting.value) {
                ("garp_interval", Value::Time(time)) => group.garp_interval = Some(time),
                ("gna_interval", Value::Time(time)) => group.na_interval = Some(time),
                (_, Value::Interface(name)) => group.interfaces.push(Spanned::new(name, span)),
                (_, Value::Items(body)) => {
                    let words = body.statements.iter().flat_map(|statement| &statement.words);
                    for word in words {
                        let name = self.interface(word);
                        let name = name.map(|name| Spanned::new(name, word.span));
                        group.interfaces.extend(name);
                    }
                }
                _ => {}
            }
        }
        self.config.garp_groups.push(group);
    }

    pub(super) fn linkbeat_interfaces(&mut self, body: &Body<'_>) {
        for item in &body.statements {
            let Some(interface) = self.interface(item.keyword()) else { continue };
            let method = item.arguments().first().and_then(|word| {
                self.choice(word, &["MII", "ETHTOOL", "IOCTL"]).map(|method| match method {
                    "MII" => LinkbeatMethod::Mii,
                    "ETHTOOL" => LinkbeatMethod::Ethtool,
                    _ => LinkbeatMethod::Ioctl,
                })
            });
            let linkbeat = Linkbeat { interface, method };
            self.config.linkbeat_interfaces.push(Spanned::new(linkbeat, item.span()));
        }
    }

    pub(super) fn interface_delays(&mut self, body: &Body<'_>) {
        const MAX_MICROS: u64 = 255_000_000;
        for item in &body.statements {
            let Some(interface) = self.interface(item.keyword()) else { continue };
            let Some(down) = item.arguments().first() else {
                let message = format!("`{interface}` without a delay");
                self.error(Code::MissingValue, item.span(), message);
                continue;
            };
            let Some(down) = self.time(down, 1_000_000, 0, MAX_MICROS) else { continue };
            let up = item.arguments().get(1);
            let up = up.and_then(|up| self.time(up, 1_000_000, 0, MAX_MICROS)).unwrap_or(down);
            self.no_more(item.arguments().get(2..).unwrap_or_default());
            let delays = InterfaceDelays { interface, down, up };
            self.config.interface_delays.push(Spanned::new(delays, item.span()));
        }
    }
}
