//! How routers stand, for another program in the same process to go on from: an upgrade replaces the
//! program by exec, and its routers must not notice.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crossbeam_channel::{Receiver, Sender, bounded};
use thiserror::Error;
use vrrp_fsm::{GroupTransition, Instant, State};
use vrrp_net::{InterfaceName, Object};
use vrrp_proto::{ChecksumForm, Family, Replay, ReplaySlot};
use vrrp_track::Measure;

use crate::outgoing::Signing;
use crate::settings::Settings;
use crate::status::Past;
use crate::unit::Totals;

/// How one router stands: what its [`Engine`](crate::Engine) knows that nobody else does.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EngineSnapshot {
    /// The state machine's.
    pub machine: vrrp_fsm::Snapshot,
    /// What it holds in the kernel.
    #[cfg_attr(feature = "serde", serde(with = "octets"))]
    pub(crate) objects: Vec<Object>,
    pub(crate) signing: Signing,
    pub(crate) reports: BTreeMap<String, u64>,
    pub(crate) has_old_peer: bool,
    /// Of an announcement under way.
    pub(crate) rounds_left: u8,
    /// How often in a row its addresses could not be installed, and when that is to be tried again.
    pub(crate) failed_installs: u32,
    pub(crate) retry_install_at: Option<Instant>,
}

/// How all routers of a service stand.
///
/// With the feature `serde` it can be written down; whoever reads it has to know that it is of this
/// [`FORMAT`](Self::FORMAT).
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Snapshot {
    pub(crate) routers: Vec<RouterSnapshot>,
    pub(crate) groups: Vec<GroupSnapshot>,
    pub(crate) receivers: Vec<ReceiverSnapshot>,
    pub(crate) readings: Vec<ReadingSnapshot>,
    /// The names of those that are kept from taking part.
    pub(crate) drained: BTreeSet<Arc<str>>,
    pub(crate) last_event: u64,
}

impl Snapshot {
    /// The number of the form that this version writes and understands. It rises whenever what is
    /// written could be misunderstood by a version that knows only the form before.
    pub const FORMAT: u32 = 1;

    /// The number of the last event before it was taken.
    pub const fn last_event(&self) -> u64 {
        self.last_event
    }

    /// How many routers were Active.
    pub fn active(&self) -> usize {
        let engines = self.routers.iter().filter_map(|router| router.engine.as_ref());
        engines.filter(|engine| engine.machine.state() == State::Active).count()
    }

    /// Takes out what there is of this router; one of its name that is another is none.
    pub(crate) fn take_router(&mut self, settings: &Settings) -> Option<RouterSnapshot> {
        let identity = identity(settings);
        let is_it =
            |router: &RouterSnapshot| router.name == settings.name && router.identity == identity;
        let place = self.routers.iter().position(is_it)?;
        Some(self.routers.swap_remove(place))
    }
}

/// What makes a router this one: another VRID, interface, family, group or version is another.
pub(crate) fn identity(settings: &Settings) -> String {
    format!("{} {}", settings.machine.version, settings.key())
}

#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct RouterSnapshot {
    pub(crate) name: Arc<str>,
    pub(crate) identity: String,
    /// None while it is dead.
    pub(crate) engine: Option<EngineSnapshot>,
    pub(crate) totals: Totals,
    pub(crate) history: Vec<Past>,
    pub(crate) route: RouteSnapshot,
}

/// What was heard for a router.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct RouteSnapshot {
    pub(crate) accepted: u64,
    pub(crate) crowded_out: u64,
    pub(crate) parked: u64,
    pub(crate) drops: BTreeMap<String, u64>,
    pub(crate) remarks: BTreeMap<String, u64>,
    pub(crate) replay: Replay<Vec<ReplaySlot>>,
    pub(crate) seen_checksum: Option<ChecksumForm>,
}

#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct GroupSnapshot {
    pub(crate) name: Arc<str>,
    pub(crate) state: State,
    pub(crate) history: Vec<(GroupTransition, SystemTime)>,
}

#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct ReceiverSnapshot {
    pub(crate) interface: Option<InterfaceName>,
    pub(crate) family: Family,
    pub(crate) packets: u64,
    pub(crate) overflowed: u64,
    pub(crate) drops: BTreeMap<String, u64>,
}

/// What a health source has read last.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct ReadingSnapshot {
    pub(crate) kind: String,
    pub(crate) name: Arc<str>,
    #[cfg_attr(feature = "serde", serde(with = "measure"))]
    pub(crate) measure: Measure,
    pub(crate) detail: Arc<str>,
}

/// Counters by name, for whoever may not know the names.
pub(crate) fn by_name(counters: BTreeMap<&'static str, u64>) -> BTreeMap<String, u64> {
    counters.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
}

/// The routers of a service while they stand still: they send nothing, and change nothing.
///
/// Dropped, it lets them go on as if nothing had been. They do so of themselves after the time that
/// they were given.
#[derive(Debug)]
pub struct Standstill {
    /// How they stand.
    pub snapshot: Snapshot,
    /// Sockets that should stay open over exec, and be closed in no hurry: those that adverts are
    /// received on, so that this host stays in their multicast groups, and those of which each takes
    /// the kernel many milliseconds to close.
    pub sockets: Vec<OwnedFd>,
    pub(crate) _gate: Gate,
}

/// Why the routers do not stand still. Those that did go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StandstillError {
    /// A router has not answered.
    #[error("{0} does not stand still")]
    Busy(Arc<str>),
}

/// Kept shut, routers wait in front of it.
pub(crate) struct Gate {
    _shut: Sender<std::convert::Infallible>,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gate")
    }
}

/// How a router stands, and its sockets that take time to close.
type Answer = (RouterSnapshot, Vec<OwnedFd>);

/// A router is to say how it stands, and then to wait until the gate is opened.
#[derive(Debug, Clone)]
pub(crate) struct StandStill {
    reply: Sender<Answer>,
    gate: Receiver<std::convert::Infallible>,
    limit: Duration,
}

impl StandStill {
    /// The order for routers, who wait for so long at the most; where they answer; and the gate.
    pub(crate) fn new(routers: usize, limit: Duration) -> (Self, Receiver<Answer>, Gate) {
        let ((reply, replies), (shut, gate)) = (bounded(routers), bounded(0));
        (Self { reply, gate, limit }, replies, Gate { _shut: shut })
    }

    pub(crate) fn answer(&self, snapshot: RouterSnapshot, sockets: Vec<OwnedFd>) {
        // Whoever asked may have given up waiting.
        let _ = self.reply.try_send((snapshot, sockets));
    }

    /// Waits until the gate is opened.
    pub(crate) fn wait(&self) {
        let _ = self.gate.recv_timeout(self.limit);
    }
}

#[cfg(feature = "serde")]
mod octets {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize as _, Serializer};
    use vrrp_net::Object;

    pub(super) fn serialize<S: Serializer>(objects: &[Object], to: S) -> Result<S::Ok, S::Error> {
        let mut octets = Vec::new();
        objects.iter().for_each(|object| object.write_octets(&mut octets));
        octets.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Object>, D::Error> {
        let octets = Vec::<u8>::deserialize(from)?;
        let (mut rest, mut objects) = (&octets[..], Vec::new());
        while !rest.is_empty() {
            let object = Object::read_octets(&mut rest);
            objects.push(object.ok_or_else(|| D::Error::custom("no object of the kernel's"))?);
        }
        Ok(objects)
    }
}

/// A verdict as a truth value, anything else as a number.
#[cfg(feature = "serde")]
mod measure {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use vrrp_track::{Measure, Verdict};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Written {
        Verdict(bool),
        Value(i32),
    }

    pub(super) fn serialize<S: Serializer>(measure: &Measure, to: S) -> Result<S::Ok, S::Error> {
        match measure {
            Measure::Verdict(verdict) => Written::Verdict(verdict.is_up()).serialize(to),
            Measure::Value(value) => Written::Value(*value).serialize(to),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Measure, D::Error> {
        Ok(match Written::deserialize(from)? {
            Written::Verdict(is_up) => Measure::Verdict(Verdict::from(is_up)),
            Written::Value(value) => Measure::Value(value),
        })
    }
}
