//! What a configuration means: typed, checked, with every default filled in.
//!
//! Past this model nobody asks again: a VRID is one, an interval is one that the instance's
//! version can carry, a tracker that an instance names exists, and what `global_defs` sets
//! for all instances has arrived in each. Equality ignores where a thing was said, so two
//! readings of a file can be compared to see what a reload changes.

mod address;
mod global;
mod group;
mod instance;
mod json;
mod lookup;
mod route;
mod rule;
mod script;
mod secrets;
mod track;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde::Serialize;

pub use address::{Broadcast, Lifetime, Scope, VirtualAddress};
pub use global::Global;
pub use group::{BfdSession, GarpGroup, InterfaceDelays, Linkbeat, LinkbeatMethod, SyncGroup};
pub use instance::{
    Announce, AntiReplay, AuthPass, Authentication, Checksum, Destination, FirstState, HmacAuth,
    HmacKey, HmacKeyValue, HmacMode, Instance, Ipvlan, IpvlanMode, OldChecksum, OnFailure, Preempt,
    Unicast, UnicastPeer, Vmac,
};
pub use lookup::{Lookup, Realms};
pub use route::{
    CongestionControl, Encap, IpEncap, Metric, MetricValue, NextHop, Placement, Prefix, Route,
    RouteKind, RouterPreference, WeightedHop,
};
pub use rule::{FwMark, Rule, RuleAction};
pub use script::{Command, Notify, ScriptUser};
pub use secrets::HIDDEN_SECRET;
pub use track::{FileInit, ParamMatch, Script, Track, TrackedFile, TrackedProcess, Tracks, Weight};
pub use vrrp_proto::{InterfaceName, MacAddress, TableName};

use crate::Spanned;

/// A whole configuration.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct Config {
    /// What holds for the daemon as a whole.
    pub global: Global,
    /// The virtual routers, in the order of the file. Names are unique.
    pub instances: Vec<Instance>,
    /// The check scripts, by name.
    pub scripts: BTreeMap<Arc<str>, Script>,
    /// The processes that may be tracked, by name of the definition.
    pub processes: BTreeMap<Arc<str>, TrackedProcess>,
    /// The files that may be tracked, by name of the definition.
    pub files: BTreeMap<Arc<str>, TrackedFile>,
    /// The BFD sessions, by name.
    pub bfd_sessions: BTreeMap<Arc<str>, BfdSession>,
    /// Instances that change state together, in the order of the file.
    pub sync_groups: Vec<SyncGroup>,
    /// Instances that track static addresses, routes and rules: group name and members.
    pub track_groups: BTreeMap<Arc<str>, Vec<Spanned<Arc<str>>>>,
    /// Addresses that stay whoever is master.
    pub static_addresses: Vec<Spanned<VirtualAddress>>,
    /// Routes that stay whoever is master.
    pub static_routes: Vec<Spanned<Route>>,
    /// Rules that stay whoever is master.
    pub static_rules: Vec<Spanned<Rule>>,
    /// Pacing of gratuitous ARP and neighbour advertisements.
    pub garp_groups: Vec<GarpGroup>,
    /// Interfaces whose link is polled.
    pub linkbeat_interfaces: Vec<Spanned<Linkbeat>>,
    /// How long an interface must be down, or up, to count as that.
    pub interface_delays: Vec<Spanned<InterfaceDelays>>,
}

impl Config {
    /// The instance with this name.
    pub fn instance(&self, name: &str) -> Option<&Instance> {
        self.instances.iter().find(|instance| &**instance.name == name)
    }

    /// The instances that go by the state of this interface: it is their own or that of an address,
    /// or they or their sync group track it.
    pub fn users_of(&self, interface: InterfaceName) -> impl Iterator<Item = &Instance> {
        let tracks = move |tracks: &Tracks| {
            tracks.interfaces.iter().any(|track| track.target.value == interface)
        };
        let groups = self.sync_groups.iter().filter(move |group| tracks(&group.tracks));
        let in_group: HashSet<_> =
            groups.flat_map(|group| &group.members).map(|it| &***it).collect();
        self.instances.iter().filter(move |instance| {
            let is_it = |name: &Spanned<InterfaceName>| name.value == interface;
            let devices = instance.all_addresses().filter(|address| !address.no_track);
            instance.interface.as_ref().is_some_and(is_it)
                || devices.filter_map(|address| address.device.as_ref()).any(is_it)
                || tracks(&instance.tracks)
                || in_group.contains(&**instance.name)
        })
    }
}
