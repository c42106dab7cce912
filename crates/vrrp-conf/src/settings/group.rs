//! Sync groups, track groups, BFD sessions, and the blocks about interfaces.

use core::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::row::Draft;
use super::rows::{BFD_INSTANCE, GARP_GROUP, TRACK_GROUP, VRRP_SYNC_GROUP, Watches};
use super::seen::Seen;
use super::{Kind, Reader};
use crate::model::{
    BfdSession, GarpGroup, InterfaceDelays, InterfaceName, Linkbeat, LinkbeatMethod, Notify,
    SyncGroup, Tracks, Weight,
};
use crate::syntax::Body;
use crate::{Code, Diagnostic, Spanned};

type Name = Spanned<Arc<str>>;

/// What `vrrp_sync_group` says.
#[derive(Default)]
pub(super) struct SyncGroupDraft {
    members: Option<Vec<Name>>,
    /// How many names there are, known or not.
    count: usize,
    tracks: Tracks,
    pub(super) tracking_weight: bool,
    notify: Notify,
}

impl Draft for SyncGroupDraft {
    type Model = SyncGroup;
}

impl Watches for SyncGroupDraft {
    fn tracks(&mut self) -> &mut Tracks {
        &mut self.tracks
    }

    fn notify(&mut self) -> &mut Notify {
        &mut self.notify
    }

    fn notify_priority_changes(&mut self, on: bool) {
        self.notify.priority_changes = on;
    }

    fn tracks_of(model: &SyncGroup) -> &Tracks {
        &model.tracks
    }

    fn notify_of(model: &SyncGroup) -> &Notify {
        &model.notify
    }
}

/// What `track_group` says.
#[derive(Default)]
pub(super) struct TrackGroupDraft {
    members: Option<Vec<Name>>,
}

impl Draft for TrackGroupDraft {
    type Model = Vec<Name>;
}

/// What `bfd_instance` says.
#[derive(Default)]
pub(super) struct BfdDraft {
    pub(super) neighbor: Option<Spanned<IpAddr>>,
    pub(super) source: Option<Spanned<IpAddr>>,
    pub(super) min_rx: Option<Duration>,
    pub(super) min_tx: Option<Duration>,
    pub(super) idle_tx: Option<Duration>,
    pub(super) multiplier: Option<u8>,
    pub(super) passive: bool,
    pub(super) ttl: Option<u8>,
    pub(super) hop_limit: Option<u8>,
    pub(super) max_hops: u8,
    pub(super) multihop: bool,
    pub(super) weight: Option<Spanned<Weight>>,
}

impl Draft for BfdDraft {
    type Model = BfdSession;
}

impl Draft for GarpGroup {
    type Model = Self;
}

impl Reader<'_> {
    pub(super) fn sync_group(&mut self, name: Name, body: &Body<'_>) -> Option<()> {
        let mut draft = SyncGroupDraft::default();
        self.fill(&VRRP_SYNC_GROUP, &mut draft, body);
        draft.notify.run_as(self.config.global.script_user.as_ref());
        let members = self.require_in_definition(draft.members, "group", &name)?;
        if members.is_empty() {
            return None;
        }
        self.check_members(&name, &members, draft.count);
        let SyncGroupDraft { tracks, tracking_weight, notify, .. } = draft;
        if !tracking_weight {
            self.check_group_weights(&name, &members, &tracks);
        }
        self.config.sync_groups.push(SyncGroup { name, members, tracks, tracking_weight, notify });
        Some(())
    }

    /// Takes the members of a sync group.
    pub(super) fn sync_members(&mut self, draft: &mut SyncGroupDraft, body: &Body<'_>) {
        if draft.members.is_none() {
            draft.count = body.statements.iter().map(|statement| statement.words.len()).sum();
            draft.members = Some(self.members(body));
        }
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

    /// Reports weights that count as 0.
    fn check_group_weights(&mut self, group: &Name, members: &[Name], of_group: &Tracks) {
        let is_member = |name: &Name| members.iter().any(|member| member.value == name.value);
        let instances = self.config.instances.iter().filter(|one| is_member(&one.name));
        let all = instances.map(|instance| &instance.tracks).chain([of_group]);
        let weighted = all.flat_map(|tracks| {
            let named = [&tracks.scripts, &tracks.processes, &tracks.files, &tracks.bfd_sessions];
            let named = named.into_iter().flatten();
            let named = named.map(|track| (track.target.span, *track.weight));
            let interfaces = tracks.interfaces.iter();
            named.chain(interfaces.map(|track| (track.target.span, *track.weight)))
        });
        let weighted: Vec<_> = weighted.filter(|(_, weight)| weight.value != 0).collect();
        for (span, _) in weighted {
            let message =
                "the weight does not count in a sync group: a failure is FAULT".to_owned();
            let diagnostic = Diagnostic::new(Code::WeightInGroup, span, message)
                .also(group.span, "this group is without `sync_group_tracking_weight`")
                .help("write `weight 0`, or `sync_group_tracking_weight` in the group");
            self.push(diagnostic);
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
        let mut draft = TrackGroupDraft::default();
        self.fill(&TRACK_GROUP, &mut draft, body);
        let members = self.require_in_definition(draft.members, "group", &name)?;
        if members.is_empty() {
            return None;
        }
        self.config.track_groups.insert(name.value, members);
        Some(())
    }

    /// Takes the members of a track group.
    pub(super) fn track_members(&mut self, draft: &mut TrackGroupDraft, body: &Body<'_>) {
        if draft.members.is_none() {
            draft.members = Some(self.members(body));
        }
    }

    pub(super) fn bfd_session(&mut self, name: Name, body: &Body<'_>) -> Option<()> {
        const INTERVAL: Duration = Duration::from_millis(10);
        let mut draft = BfdDraft::default();
        self.fill(&BFD_INSTANCE, &mut draft, body);
        let other = self.is_excused("neighbour_ip", Code::IncompleteDefinition);
        let what = if other { "neighbour_ip" } else { "neighbor_ip" };
        let neighbor = self.require_in_definition(draft.neighbor, what, &name)?;
        let hop_limit = match neighbor.value {
            IpAddr::V4(_) => draft.ttl.unwrap_or(255),
            IpAddr::V6(_) => draft.hop_limit.unwrap_or(64),
        };
        let session = BfdSession {
            neighbor,
            source: draft.source,
            min_rx: draft.min_rx.unwrap_or(INTERVAL),
            min_tx: draft.min_tx.unwrap_or(INTERVAL),
            idle_tx: draft.idle_tx.unwrap_or(Duration::from_secs(1)),
            multiplier: draft.multiplier.unwrap_or(5),
            passive: draft.passive,
            hop_limit,
            max_hops: draft.max_hops,
            multihop: draft.multihop,
            weight: draft.weight.unwrap_or(Spanned::new(Weight::default(), name.span)),
            name,
        };
        self.config.bfd_sessions.insert(Arc::clone(&session.name.value), session);
        Some(())
    }

    pub(super) fn garp_group(&mut self, body: &Body<'_>) {
        let mut group =
            GarpGroup { interfaces: Vec::new(), garp_interval: None, na_interval: None };
        self.fill(&GARP_GROUP, &mut group, body);
        self.config.garp_groups.push(group);
    }

    /// The interfaces that a block names; names may share a line.
    pub(super) fn interfaces(&mut self, body: &Body<'_>) -> Vec<Spanned<InterfaceName>> {
        let words = body.statements.iter().flat_map(|statement| &statement.words);
        words.filter_map(|word| Some(Spanned::new(self.interface(word)?, word.span))).collect()
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
