//! What it takes to go from one set of virtual routers to another, before anything is done.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use vrrp_fsm::Config;
use vrrp_track::{Source, TrackError};

use crate::destination::{RouterKey, Unicast, UnicastPeer};
use crate::settings::{Settings, VirtualRouter};
use crate::tracker::TrackerKey;

/// The virtual routers of one host, and the health sources that they go by.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Setup {
    /// The routers.
    pub routers: Vec<Arc<Settings>>,
    /// The sources. Equal ones count as one.
    pub sources: Vec<Source>,
    /// The sync groups.
    pub groups: Vec<SyncGroup>,
}

/// Routers that are Active together or not at all: see [`vrrp_fsm::GroupRules`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncGroup {
    /// The name by which it goes in events and status.
    pub name: Arc<str>,
    /// The names of its members: routers of the same setup, each in this group only.
    pub members: Vec<Arc<str>>,
}

/// Why a setup cannot be put into force, whatever the machine is like.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// Two routers have one name.
    #[error("two virtual routers are called {0}")]
    Name(Arc<str>),
    /// Two routers are the same virtual router.
    #[error("{first} and {second} are the same virtual router: {key}")]
    Router {
        /// What both are.
        key: RouterKey,
        /// The name of the one.
        first: Arc<str>,
        /// The name of the other.
        second: Arc<str>,
    },
    /// Two unicast routers cannot be told apart by their peers.
    #[error("{first} and {second} have the peer {peer} in common, and are both {key}")]
    Peer {
        /// What both are.
        key: RouterKey,
        /// The name of the one.
        first: Arc<str>,
        /// The name of the other.
        second: Arc<str>,
        /// The peer.
        peer: IpAddr,
    },
    /// A router goes by a tracker without a source.
    #[error("{router} goes by {tracker}, of which there is no source")]
    Tracker {
        /// The router's name.
        router: Arc<str>,
        /// The tracker.
        tracker: TrackerKey,
    },
    /// Two sync groups have one name.
    #[error("two sync groups are called {0}")]
    GroupName(Arc<str>),
    /// A sync group has a member that is no router of this setup.
    #[error("the sync group {group} has no member {member}: there is no such virtual router")]
    Member {
        /// The group's name.
        group: Arc<str>,
        /// The member's name.
        member: Arc<str>,
    },
    /// A router is twice in sync groups.
    #[error("{0} is a member of a sync group twice, or of two")]
    TwoGroups(Arc<str>),
    /// Two sources are different and have one name.
    #[error(transparent)]
    Sources(#[from] TrackError),
}

impl Setup {
    /// The same with one more router and its sources, instead of the one of its name if there is
    /// one.
    ///
    /// # Errors
    /// The first mistake in the router's description.
    pub fn with(&self, router: &VirtualRouter) -> Result<Self, crate::SettingsError> {
        let settings = router.build()?;
        let mut setup = self.without(&settings.name);
        setup.groups.clone_from(&self.groups);
        setup.routers.push(Arc::new(settings));
        setup.sources.extend(router.sources().cloned());
        Ok(setup)
    }

    /// The same with one more sync group, instead of the one of its name if there is one. Its
    /// members are routers of this setup, by their names.
    #[must_use]
    pub fn with_group<'a>(&self, name: &str, members: impl IntoIterator<Item = &'a str>) -> Self {
        let mut setup = self.clone();
        setup.groups.retain(|group| *group.name != *name);
        let members = members.into_iter().map(Arc::from).collect();
        setup.groups.push(SyncGroup { name: name.into(), members });
        setup
    }

    /// The same without the router of this name, and without sources that nobody goes by.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        let stays = |router: &&Arc<Settings>| &*router.name != name;
        let routers: Vec<_> = self.routers.iter().filter(stays).cloned().collect();
        let is_used = |source: &&Source| {
            let key = TrackerKey::of(source);
            routers.iter().any(|router| router.tracks.iter().any(|track| track.tracker == key))
        };
        let sources = self.sources.iter().filter(is_used).cloned().collect();
        let mut groups = self.groups.clone();
        for group in &mut groups {
            group.members.retain(|member| **member != *name);
        }
        groups.retain(|group| !group.members.is_empty());
        Self { routers, sources, groups }
    }

    /// Finds what no machine could carry out.
    ///
    /// # Errors
    /// The first such thing.
    pub fn check(&self) -> Result<(), SetupError> {
        let (mut names, mut keys) = (HashMap::new(), HashMap::new());
        self.check_routed()?;
        let sources: HashMap<_, _> =
            self.sources.iter().map(|source| (TrackerKey::of(source), source)).collect();
        for source in &self.sources {
            if sources.get(&TrackerKey::of(source)).is_some_and(|other| *other != source) {
                return Err(TrackError::DuplicateName(Arc::clone(source.name())).into());
            }
        }
        for router in &self.routers {
            if names.insert(&router.name, ()).is_some() {
                return Err(SetupError::Name(Arc::clone(&router.name)));
            }
            let key = router.key();
            let taken = match router.destination.unicast() {
                None => vec![None],
                Some(unicast) => unicast.peers.iter().map(|peer| Some(peer.address)).collect(),
            };
            for peer in taken {
                let Some(first) = keys.insert((key, peer), &router.name) else { continue };
                let (first, second) = (Arc::clone(first), Arc::clone(&router.name));
                return Err(match peer {
                    None => SetupError::Router { key, first, second },
                    Some(peer) => SetupError::Peer { key, first, second, peer },
                });
            }
            let unknown = router.tracks.iter().find(|track| !sources.contains_key(&track.tracker));
            if let Some(track) = unknown {
                let (router, tracker) = (Arc::clone(&router.name), track.tracker.clone());
                return Err(SetupError::Tracker { router, tracker });
            }
        }
        self.check_groups(&names)
    }

    /// Finds a router on one interface that cannot be told apart from one whose adverts follow the
    /// routing table: these are heard on that interface too.
    fn check_routed(&self) -> Result<(), SetupError> {
        let routed = self.routers.iter().filter(|router| router.interface.is_none());
        let routed: HashMap<_, _> = routed
            .flat_map(|router| {
                let peers = router.destination.unicast().into_iter().flat_map(|it| &it.peers);
                peers.map(move |peer| ((router.key(), peer.address), &router.name))
            })
            .collect();
        for router in self.routers.iter().filter(|router| router.interface.is_some()) {
            let key = RouterKey { interface: None, ..router.key() };
            let peers = router.destination.unicast().into_iter().flat_map(|it| &it.peers);
            for peer in peers.map(|peer| peer.address) {
                let Some(&first) = routed.get(&(key, peer)) else { continue };
                let (first, second) = (Arc::clone(first), Arc::clone(&router.name));
                return Err(SetupError::Peer { key, first, second, peer });
            }
        }
        Ok(())
    }

    fn check_groups(&self, routers: &HashMap<&Arc<str>, ()>) -> Result<(), SetupError> {
        let (mut names, mut grouped) = (HashSet::new(), HashSet::new());
        for group in &self.groups {
            if !names.insert(&group.name) {
                return Err(SetupError::GroupName(Arc::clone(&group.name)));
            }
            for member in &group.members {
                if !routers.contains_key(member) {
                    let (group, member) = (Arc::clone(&group.name), Arc::clone(member));
                    return Err(SetupError::Member { group, member });
                }
                if !grouped.insert(member) {
                    return Err(SetupError::TwoGroups(Arc::clone(member)));
                }
            }
        }
        Ok(())
    }
}

/// One step of a [`plan`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// A router that starts.
    Start(Arc<Settings>),
    /// A router that resigns and ends.
    Stop(Arc<Settings>),
    /// A router that cannot stay the one it is: the one before resigns and ends, another starts.
    Replace {
        /// The one before.
        old: Arc<Settings>,
        /// The other one.
        new: Arc<Settings>,
        /// What makes it another one.
        why: &'static str,
    },
    /// A router that stays, by other settings.
    Reconfigure {
        /// Its settings before.
        old: Arc<Settings>,
        /// Its settings from now on.
        new: Arc<Settings>,
    },
    /// A tracker that starts.
    TrackerStarts(TrackerKey),
    /// A tracker that ends.
    TrackerStops(TrackerKey),
    /// A tracker that goes on by other settings.
    TrackerChanges(TrackerKey),
    /// Routers that stand and fall together from now on.
    GroupStarts(SyncGroup),
    /// Routers that stand on their own again, or end.
    GroupEnds(SyncGroup),
    /// A sync group whose members are others, or in another order. Those that stay in it do not
    /// resign for that.
    GroupChanges {
        /// The group before.
        old: SyncGroup,
        /// The group from now on.
        new: SyncGroup,
    },
}

impl Change {
    /// The name of the router that it is about.
    pub fn router(&self) -> Option<&Arc<str>> {
        match self {
            Self::Start(settings) | Self::Stop(settings) => Some(&settings.name),
            Self::Replace { new, .. } | Self::Reconfigure { new, .. } => Some(&new.name),
            _ => None,
        }
    }
}

/// What it takes to go from `old` to `new`, in the order of the names; nothing for what is equal.
///
/// A router is known by its name. One whose number, interface, family, destination or version
/// changes is another one; any other change it takes in without a resignation.
pub fn plan(old: &Setup, new: &Setup) -> Vec<Change> {
    let by_name = |setup: &Setup| -> BTreeMap<Arc<str>, Arc<Settings>> {
        let routers = setup.routers.iter();
        routers.map(|router| (Arc::clone(&router.name), Arc::clone(router))).collect()
    };
    let (before, after) = (by_name(old), by_name(new));
    let mut changes: Vec<_> = before
        .values()
        .filter(|settings| !after.contains_key(&settings.name))
        .map(|settings| Change::Stop(Arc::clone(settings)))
        .collect();
    changes.extend(after.into_values().filter_map(|new| match before.get(&new.name) {
        None => Some(Change::Start(new)),
        Some(old) if *old == new => None,
        Some(old) => {
            let old = Arc::clone(old);
            Some(match another(&old, &new) {
                Some(why) => Change::Replace { old, new, why },
                None => Change::Reconfigure { old, new },
            })
        }
    }));
    changes.extend(tracker_changes(old, new));
    changes.extend(group_changes(old, new));
    changes
}

/// What makes it another router.
fn another(old: &Settings, new: &Settings) -> Option<&'static str> {
    let differences = [
        ("virtual_router_id", old.vrid != new.vrid),
        ("interface", old.interface != new.interface),
        ("the family of its addresses", old.family != new.family),
        ("the destination of its adverts", old.key().group != new.key().group),
        ("version", old.machine.version != new.machine.version),
    ];
    differences.into_iter().find(|(_, differs)| *differs).map(|(what, _)| what)
}

fn tracker_changes(old: &Setup, new: &Setup) -> Vec<Change> {
    let by_key = |setup: &Setup| -> BTreeMap<TrackerKey, Source> {
        setup.sources.iter().map(|source| (TrackerKey::of(source), source.clone())).collect()
    };
    let (before, after) = (by_key(old), by_key(new));
    let gone = before.keys().filter(|key| !after.contains_key(key)).cloned();
    let mut changes: Vec<_> = gone.map(Change::TrackerStops).collect();
    changes.extend(after.into_iter().filter_map(|(key, source)| match before.get(&key) {
        None => Some(Change::TrackerStarts(key)),
        Some(same) if *same == source => None,
        Some(_) => Some(Change::TrackerChanges(key)),
    }));
    changes
}

fn group_changes(old: &Setup, new: &Setup) -> Vec<Change> {
    let by_name = |setup: &Setup| -> BTreeMap<Arc<str>, SyncGroup> {
        setup.groups.iter().map(|group| (Arc::clone(&group.name), group.clone())).collect()
    };
    let (before, after) = (by_name(old), by_name(new));
    let gone = before.values().filter(|group| !after.contains_key(&group.name)).cloned();
    let mut changes: Vec<_> = gone.map(Change::GroupEnds).collect();
    changes.extend(after.into_values().filter_map(|new| match before.get(&new.name) {
        None => Some(Change::GroupStarts(new)),
        Some(old) if *old == new => None,
        Some(old) => Some(Change::GroupChanges { old: old.clone(), new }),
    }));
    changes
}

impl fmt::Display for Change {
    /// One line: `VI_1: priority 100 -> 150, address 192.0.2.101/24 added`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(settings) => write!(f, "{}: starts ({})", settings.name, settings.key()),
            Self::Stop(settings) => write!(f, "{}: resigns and ends", settings.name),
            Self::Replace { new, why, .. } => {
                write!(
                    f,
                    "{}: resigns and starts anew, another virtual router: {why} differs",
                    new.name
                )
            }
            Self::Reconfigure { old, new } => {
                write!(f, "{}: {}", new.name, differences(old, new).join(", "))
            }
            Self::TrackerStarts(key) => write!(f, "tracker {key}: starts"),
            Self::TrackerStops(key) => write!(f, "tracker {key}: ends"),
            Self::TrackerChanges(key) => write!(f, "tracker {key}: goes on by other settings"),
            Self::GroupStarts(group) => {
                write!(f, "sync group {}: starts ({})", group.name, group.members.join(", "))
            }
            Self::GroupEnds(group) => write!(f, "sync group {}: ends", group.name),
            Self::GroupChanges { old, new } => {
                let words = list("member", &old.members, &new.members);
                let order = ["the order of its members differs".to_owned()];
                let words = if words.is_empty() { &order[..] } else { &words };
                write!(f, "sync group {}: {}", new.name, words.join(", "))
            }
        }
    }
}

/// What differs between two settings of one router, in words. A password is not among them.
fn differences(old: &Settings, new: &Settings) -> Vec<String> {
    let mut words = Vec::new();
    let mut differs = |what: &str, from: String, to: String| {
        if from != to {
            words.push(format!("{what} {from} -> {to}"));
        }
    };
    let (before, after) = (&old.machine, &new.machine);
    differs("priority", before.priority.to_string(), after.priority.to_string());
    differs("advert_int", before.interval.to_string(), after.interval.to_string());
    differs("preempt", before.preempt.to_string(), after.preempt.to_string());
    let delay = |config: &Config| format!("{:?}", config.preempt_delay);
    differs("preempt_delay", delay(before), delay(after));
    let others = |config: &Config| {
        let Config { version, priority, interval, preempt, preempt_delay, .. } =
            Config::new(config.version);
        Config { version, priority, interval, preempt, preempt_delay, ..config.clone() }
    };
    if others(before) != others(after) {
        words.push("timing and announcements differ".to_owned());
    }
    let peers = |settings: &Settings| {
        let unicast = settings.destination.unicast();
        unicast.map_or_else(Vec::new, |unicast| unicast.peers.clone())
    };
    let listed = [
        list("address", &old.addresses, &new.addresses),
        list("peer", &peers(old), &peers(new)),
        list(
            "tracker",
            &old.tracks.iter().map(|track| track.tracker.clone()).collect::<Vec<_>>(),
            &new.tracks.iter().map(|track| track.tracker.clone()).collect::<Vec<_>>(),
        ),
    ];
    words.extend(listed.into_iter().flatten());
    for track in &new.tracks {
        let before = old.tracks.iter().find(|other| other.tracker == track.tracker);
        if before.is_some_and(|before| before.weight != track.weight) {
            words.push(format!("{} weighs differently", track.tracker));
        }
    }
    let details = [
        ("authentication differs", old.authentication != new.authentication),
        ("checksum differs", old.checksum != new.checksum),
        ("the source of its adverts differs", old.source != new.source),
        ("what that source means differs", old.track_source != new.track_source),
        ("what it does about its peers differs", unicast_differs(old, new)),
        ("the interface of its addresses differs", old.carrier != new.carrier),
        ("an address's details differ", details_differ(old, new)),
        ("its routes differ", old.routes != new.routes),
        ("its rules differ", old.rules != new.rules),
        ("track_interface differs", old.track_interface != new.track_interface),
        ("the delays of its interfaces differ", old.link_delays != new.link_delays),
        ("accept differs", old.accept != new.accept),
        ("the table of its packet filters differs", old.filter_table != new.filter_table),
        ("what a failure means differs", old.on_failure != new.on_failure),
        ("the pace of announcements differs", pace_differs(old, new)),
        ("what it accepts differs", old.accept_no_addresses != new.accept_no_addresses),
    ];
    words.extend(
        details.into_iter().filter(|(_, differs)| *differs).map(|(what, _)| what.to_owned()),
    );
    if words.is_empty() {
        // Of the lists nothing but the order is left.
        words.push("the order of addresses, peers or trackers differs".to_owned());
    }
    words
}

/// Whether something else about the peers differs than who they are.
fn unicast_differs(old: &Settings, new: &Settings) -> bool {
    let (Some(old), Some(new)) = (old.destination.unicast(), new.destination.unicast()) else {
        return false;
    };
    let limits_differ = |peer: &UnicastPeer| {
        old.has(peer.address) && old.hop_limits(peer.address) != peer.hop_limits
    };
    let details = |of: &Unicast| (of.hop_limit, of.check_source, of.old_checksum);
    details(old) != details(new) || new.peers.iter().any(limits_differ)
}

fn pace_differs(old: &Settings, new: &Settings) -> bool {
    let pace = |settings: &Settings| {
        let Settings { announce_pace, announce_elsewhere, .. } = *settings;
        (announce_pace, announce_elsewhere, settings.announce_together.clone())
    };
    pace(old) != pace(new)
}

fn details_differ(old: &Settings, new: &Settings) -> bool {
    new.addresses.iter().any(|address| {
        let is_it = |other: &&crate::settings::VirtualAddress| {
            (other.address, other.prefix_len) == (address.address, address.prefix_len)
        };
        old.addresses.iter().find(is_it).is_some_and(|other| other != address)
    })
}

/// What was added and what was removed, the first few by name.
fn list<T: fmt::Display>(what: &str, old: &[T], new: &[T]) -> Vec<String> {
    const SHOWN: usize = 3;
    let text = |all: &[T]| -> Vec<String> { all.iter().map(ToString::to_string).collect() };
    let (before, after) = (text(old), text(new));
    let known: std::collections::HashSet<_> = before.iter().collect();
    let stays: std::collections::HashSet<_> = after.iter().collect();
    let said = |verb: &str, all: Vec<&String>| {
        let more = all.len().saturating_sub(SHOWN);
        let first: Vec<_> = all.into_iter().take(SHOWN).map(String::as_str).collect();
        match (first.is_empty(), more) {
            (true, _) => None,
            (_, 0) => Some(format!("{what} {} {verb}", first.join(" and "))),
            _ => Some(format!("{what} {} and {more} more {verb}", first.join(", "))),
        }
    };
    let added = said("added", after.iter().filter(|item| !known.contains(item)).collect());
    let removed = said("removed", before.iter().filter(|item| !stays.contains(item)).collect());
    [added, removed].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup(routers: &[VirtualRouter]) -> Setup {
        routers.iter().fold(Setup::default(), |setup, router| setup.with(router).unwrap())
    }

    fn router(name: &str) -> VirtualRouter {
        VirtualRouter::new("eth0", 51).name(name).address("192.0.2.100/24")
    }

    fn shown(old: &[VirtualRouter], new: &[VirtualRouter]) -> Vec<String> {
        plan(&setup(old), &setup(new)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn equal_setups_need_nothing() {
        assert_eq!(shown(&[router("a")], &[router("a")]), [""; 0]);
    }

    #[test]
    fn what_differs_is_said() {
        let new = router("a").priority(150).address("192.0.2.101/24").preempt(false);
        assert_eq!(
            shown(&[router("a")], &[new]),
            ["a: priority 100 -> 150, preempt true -> false, address 192.0.2.101/24 added"]
        );
    }

    #[test]
    fn another_interface_is_another_router() {
        let new = VirtualRouter::new("eth1", 51).name("a").address("192.0.2.100/24");
        let expected = "a: resigns and starts anew, another virtual router: interface differs";
        assert_eq!(shown(&[router("a")], &[new]), [expected]);
    }

    #[test]
    fn routers_start_and_end() {
        let shown = shown(
            &[router("a")],
            &[VirtualRouter::new("eth0", 52).name("b").address("192.0.2.100")],
        );
        assert_eq!(
            shown,
            ["a: resigns and ends", "b: starts (VRID 52 over IPv4 on eth0 (224.0.0.18))"]
        );
    }

    #[test]
    fn groups_start_change_and_end() {
        let routers = ["a", "b", "c"].iter().zip(51..);
        let routers: Vec<_> = routers
            .map(|(name, vrid)| {
                VirtualRouter::new("eth0", vrid).name(*name).address("192.0.2.100/24")
            })
            .collect();
        let alone = setup(&routers);
        let two = alone.with_group("g", ["a", "b"]);
        let three = two.with_group("g", ["a", "c", "b"]);
        let shown = |old, new| plan(old, new).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(shown(&alone, &two), ["sync group g: starts (a, b)"]);
        assert_eq!(shown(&two, &three), ["sync group g: member c added"]);
        assert_eq!(shown(&three, &alone), ["sync group g: ends"]);
        assert_eq!(shown(&three, &three.with_group("g", ["c", "a", "b"])).len(), 1);
        assert_eq!(three.without("c"), two.without("c"));
        assert_eq!(two.with(&routers[0]).unwrap().groups, two.groups, "it stays a member");
    }

    #[test]
    fn a_group_has_routers_and_shares_none() {
        let one = setup(&[router("a")]);
        let refused = |setup: Setup| setup.check().unwrap_err().to_string();
        assert!(refused(one.with_group("g", ["a", "b"])).contains("no member b"));
        assert!(refused(one.with_group("g", ["a"]).with_group("h", ["a"])).contains("twice"));
        assert!(refused(one.with_group("g", ["a", "a"])).contains("twice"));
        assert!(one.with_group("g", ["a"]).check().is_ok());
    }

    #[test]
    fn a_password_is_not_printed() {
        let old = router("a").version(vrrp_proto::Version::V2).password("first");
        let new = router("a").version(vrrp_proto::Version::V2).password("second");
        assert_eq!(shown(&[old], &[new]), ["a: authentication differs"]);
    }

    #[test]
    fn one_virtual_router_cannot_be_two() {
        let two = setup(&[router("a"), router("b")]);
        assert!(matches!(two.check(), Err(SetupError::Router { .. })));
        let elsewhere = router("b").group("224.0.0.200".parse().unwrap());
        assert!(setup(&[router("a"), elsewhere]).check().is_ok());
    }
}
