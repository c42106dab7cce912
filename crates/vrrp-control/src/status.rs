//! What the daemon tells of itself: the answer to `vrrpd status`, as data and as text.
//!
//! The JSON form is these types, field for field; a field is only ever added.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vrrp::track::SourceStatus;
use vrrp::{Instant, Past, ReceiverStatus, RouterStatus, State};
use vrrp_fsm::{FaultReason, Influence, active_down_interval, skew_time};

use crate::words;

/// The version of the JSON form; it rises when a field changes its meaning or goes.
pub const FORMAT: u32 = 1;

/// What became of a reload, or would become of one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReloadReport {
    /// The version of the form: [`FORMAT`].
    pub format: u32,
    /// Whether the configuration file is in force now; of a dry run, whether it could be.
    pub applied: bool,
    /// Whether nothing was to be changed.
    pub dry_run: bool,
    /// Why it is not.
    pub refused: Option<String>,
    /// What there is to say about the file, as `vrrpd check` would.
    pub diagnostics: String,
    /// What has changed, or would change: a line each.
    pub changes: Vec<String>,
}

impl fmt::Display for ReloadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in &self.changes {
            writeln!(f, "{change}")?;
        }
        match (&self.refused, self.dry_run, self.changes.is_empty()) {
            (Some(_), _, _) => Ok(()),
            (None, true, true) => f.write_str("nothing would change"),
            (None, true, false) => f.write_str("nothing was changed: this was a dry run"),
            (None, false, true) => f.write_str("reloaded, nothing has changed"),
            (None, false, false) => f.write_str("reloaded"),
        }
    }
}

/// The whole answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Status {
    /// The version of the form: [`FORMAT`].
    pub format: u32,
    /// The daemon's version.
    pub version: String,
    /// The daemon's process.
    pub pid: u32,
    /// The configuration file in force.
    pub config: String,
    /// When the configuration in force was read, in seconds since 1970.
    pub loaded_unix_s: u64,
    /// What the last reload said, if it was refused.
    pub reload_refused: Option<String>,
    /// The process that removes the addresses when the daemon is gone or hangs.
    #[serde(default)]
    pub guard: GuardStatus,
    /// The virtual routers, in the order of their names.
    pub instances: Vec<InstanceStatus>,
    /// The sync groups.
    pub sync_groups: Vec<GroupStatus>,
    /// The interfaces that adverts are received on.
    pub interfaces: Vec<InterfaceStatus>,
    /// The health sources.
    pub trackers: Vec<TrackerStatus>,
}

/// The process that removes the addresses when the daemon is gone or hangs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GuardStatus {
    /// None while there is no such process.
    pub pid: Option<u32>,
    /// How often it was started again because it had died.
    pub restarts: u64,
}

/// One virtual router.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InstanceStatus {
    /// Its name.
    pub name: String,
    /// The interface that adverts are sent on.
    pub interface: String,
    /// The virtual router's identifier, 1 to 255.
    pub vrid: u8,
    /// `IPv4` or `IPv6`.
    pub family: String,
    /// 2 or 3.
    pub vrrp_version: u8,
    /// MASTER, BACKUP, FAULT, or INIT while it waits for its first results.
    pub state: String,
    /// How long it has been in this state, in milliseconds.
    pub since_ms: u64,
    /// Why it is in this state: the cause of the last transition.
    pub why: String,
    /// The effective priority, 0 to 255.
    pub priority: PriorityStatus,
    /// Why it cannot take part.
    pub faults: Vec<String>,
    /// Whether `vrrpd drain` keeps it from taking part.
    #[serde(default)]
    pub drained: bool,
    /// The trackers whose first result it waits for.
    pub waiting_for: Vec<String>,
    /// Who is master, as far as this node knows.
    pub master: Option<MasterStatus>,
    /// How adverts are authenticated: `none`, `pass`, `ah`, `hmac`.
    pub authentication: String,
    /// The checksum dialect of the last advert heard, in version 3 over IPv4.
    pub peer_checksum: Option<String>,
    /// The own interval, in milliseconds.
    pub advert_interval_ms: u64,
    /// The interval it goes by as a backup: the master's, in version 3.
    pub master_advert_interval_ms: u64,
    /// Whether it replaces a master with a lower priority.
    #[serde(default)]
    pub preempt: bool,
    /// How long it leaves such a master alone, in milliseconds.
    #[serde(default)]
    pub preempt_delay_ms: u64,
    /// How long it waits, as a backup, after a master has resigned: Skew_Time, in milliseconds.
    #[serde(default)]
    pub skew_ms: u64,
    /// How long a master may be silent: Active_Down_Interval, in milliseconds.
    #[serde(default)]
    pub master_down_ms: u64,
    /// When the running timer (advert, or master down) ends, in milliseconds from now.
    pub timer_ms: Option<u64>,
    /// Those to whom adverts are sent one by one; none where they go to a group.
    #[serde(default)]
    pub unicast_peers: Vec<IpAddr>,
    /// The virtual addresses, as in the configuration.
    pub addresses: Vec<String>,
    /// Whether the addresses are on the interface because of this instance.
    pub addresses_installed: bool,
    /// Adverts sent and received.
    pub adverts: AdvertCounters,
    /// How often it became MASTER.
    pub became_master: u64,
    /// Gratuitous ARPs and unsolicited neighbour advertisements sent.
    pub announcements_sent: u64,
    /// The last adverts that looked wrong without being dropped, and things set up differently.
    pub remarks: BTreeMap<String, u64>,
    /// The last transitions, oldest first.
    pub history: Vec<TransitionStatus>,
}

/// One sync group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GroupStatus {
    /// Its name.
    pub name: String,
    /// As that of an instance: all members have it.
    pub state: String,
    /// Its members' names.
    pub members: Vec<String>,
    /// Its last transition.
    pub why: String,
}

impl GroupStatus {
    /// How a sync group stands.
    pub fn of(group: &vrrp::GroupStatus) -> Self {
        Self {
            name: group.name.to_string(),
            state: words::state(group.state).to_owned(),
            members: group.members.iter().map(ToString::to_string).collect(),
            why: group.history.back().map(|(last, _)| words::group_line(last)).unwrap_or_default(),
        }
    }
}

/// How a priority comes about.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PriorityStatus {
    /// What is advertised, 0 to 255.
    pub effective: u8,
    /// What is configured, 1 to 255.
    pub base: u8,
    /// What each tracker adds, by its name.
    pub contributions: Vec<Contribution>,
}

/// What one tracker adds to the priority.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Contribution {
    /// Its name.
    pub name: String,
    /// Points, -253 to 253.
    pub adds: i32,
    /// What watches it: `process`, `file`, `script`, `interface` or `delay`.
    #[serde(default)]
    pub kind: String,
    /// Its weight; with 0 its failure is a fault.
    #[serde(default)]
    pub weight: i32,
    /// Whether the weight counts the other way round.
    #[serde(default)]
    pub reverse: bool,
}

/// The master that a node knows of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MasterStatus {
    /// Its primary address; none while this node is master without one.
    pub address: Option<IpAddr>,
    /// The effective priority, 0 to 255.
    pub priority: u8,
    /// Whether it is the node that was asked.
    pub this_node: bool,
}

/// The adverts of an instance.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AdvertCounters {
    /// Adverts sent.
    pub sent: u64,
    /// Adverts that could not be sent.
    pub send_errors: u64,
    /// Adverts that passed every check.
    pub received: u64,
    /// Those of them that only repeated the one before, and woke nobody.
    pub parked: u64,
    /// Adverts dropped, by reason; reasons that never occurred are left out.
    pub dropped: BTreeMap<String, u64>,
    /// The last of the adverts that were dropped for what they are.
    pub last_dropped: Option<DroppedAdvert>,
}

/// One advert that was dropped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DroppedAdvert {
    /// Its sender.
    pub source: IpAddr,
    /// The reason's name, as it is counted.
    pub reason: String,
    /// The reason in words, with what was there and what was wanted.
    pub why: String,
    /// How long ago, in milliseconds.
    pub ago_ms: u64,
}

/// One change of state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TransitionStatus {
    /// The state before.
    pub from: String,
    /// The state after.
    pub to: String,
    /// The effective priority, 0 to 255.
    pub priority: u8,
    /// The cause.
    pub why: String,
    /// When, in milliseconds since 1970.
    pub at_unix_ms: u64,
}

/// One interface that adverts are received on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InterfaceStatus {
    /// Its name.
    pub name: String,
    /// `IPv4` or `IPv6`.
    pub family: String,
    /// Whether a receiver is open on it now.
    pub listening: bool,
    /// The kernel's name of what keeps it from listening.
    pub error: Option<String>,
    /// Packets received.
    pub packets: u64,
    /// Packets the kernel dropped because the socket's buffer was full.
    pub overflowed: u64,
    /// Packets that belong to no instance, by reason.
    pub dropped: BTreeMap<String, u64>,
}

/// One health source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TrackerStatus {
    /// `process`, `file`, `script`, `interface` or `delay`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// `up`, `down`, `unknown`, or a file's value.
    pub verdict: String,
    /// What it was judged from: the last result, the count of processes, the way they are seen.
    pub detail: String,
}

impl InstanceStatus {
    /// How an instance stands at this moment.
    pub fn of(router: &RouterStatus, now: Instant) -> Self {
        let settings = &router.settings;
        let machine = &settings.machine;
        let unicast = settings.destination.unicast();
        let peers = unicast.into_iter().flat_map(|unicast| &unicast.peers);
        let state = if router.died.is_some() { words::FAULT } else { words::state(router.state) };
        Self {
            name: settings.name.to_string(),
            interface: words::place(settings.interface),
            vrid: settings.vrid.get(),
            family: settings.family.to_string(),
            vrrp_version: machine.version.get(),
            state: state.to_owned(),
            since_ms: router.since.map_or(0, |since| millis(since, now)),
            why: why(router, now),
            priority: PriorityStatus::of(router),
            faults: router.died.iter().map(ToString::to_string).chain(faults(router)).collect(),
            drained: router.faults.contains(&FaultReason::Drained),
            waiting_for: router.waiting_for.iter().map(ToString::to_string).collect(),
            master: router.active_router.map(|active| MasterStatus {
                address: active.source,
                priority: active.priority.get(),
                this_node: active.is_this_node,
            }),
            authentication: settings.authentication.name().to_owned(),
            peer_checksum: router.seen_checksum.map(|form| form.name().to_owned()),
            advert_interval_ms: machine.interval.as_micros() / 1000,
            master_advert_interval_ms: router.interval.as_micros() / 1000,
            preempt: machine.preempt || router.priority.is_owner(),
            preempt_delay_ms: whole_millis(machine.preempt_delay),
            skew_ms: whole_millis(skew_time(machine.version, router.priority, router.interval)),
            master_down_ms: whole_millis(active_down_interval(
                machine.version,
                router.priority,
                router.interval,
                machine.down_timer_adverts,
            )),
            timer_ms: router.deadline.map(|deadline| millis(now, deadline)),
            unicast_peers: peers.map(|peer| peer.address).collect(),
            addresses: settings.addresses.iter().map(ToString::to_string).collect(),
            addresses_installed: router.is_installed,
            adverts: AdvertCounters::of(router, now),
            became_master: router.became_active,
            announcements_sent: router.announced,
            remarks: named(&router.remarks),
            history: router.history.iter().map(TransitionStatus::of).collect(),
        }
    }
}

impl PriorityStatus {
    fn of(router: &RouterStatus) -> Self {
        let weights: BTreeMap<_, _> =
            router.settings.shown_names().map(|(track, name)| (name, track)).collect();
        let contributions = router.contributions.iter().map(|known| {
            let track = weights.get(&known.name);
            Contribution {
                name: known.name.to_string(),
                adds: match known.influence {
                    Influence::Weight(points) => points,
                    _ => 0,
                },
                kind: track.map(|track| track.tracker.kind.to_string()).unwrap_or_default(),
                weight: track.map_or(0, |track| track.weight.points),
                reverse: track.is_some_and(|track| track.weight.reverse),
            }
        });
        Self {
            effective: router.priority.get(),
            base: router.settings.machine.priority.get(),
            contributions: contributions.collect(),
        }
    }
}

impl AdvertCounters {
    fn of(router: &RouterStatus, now: Instant) -> Self {
        Self {
            sent: router.adverts_sent,
            send_errors: router.send_errors,
            received: router.adverts_received,
            parked: router.adverts_parked,
            dropped: named(&router.adverts_dropped),
            last_dropped: router.last_dropped.map(|last| DroppedAdvert {
                source: last.source,
                reason: last.error.reason().name().to_owned(),
                why: last.error.to_string(),
                ago_ms: millis(last.at, now),
            }),
        }
    }
}

impl TransitionStatus {
    fn of(past: &Past) -> Self {
        let Past { transition, at } = past;
        let since_1970 = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            from: words::state(transition.from).to_owned(),
            to: words::state(transition.to).to_owned(),
            priority: transition.priority.get(),
            why: transition.cause.to_string(),
            at_unix_ms: u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl InterfaceStatus {
    /// How a receiver stands.
    pub fn of(receiver: &ReceiverStatus) -> Self {
        Self {
            name: words::place(receiver.interface),
            family: receiver.family.to_string(),
            listening: receiver.is_listening,
            error: receiver.error.as_ref().map(ToString::to_string),
            packets: receiver.packets,
            overflowed: receiver.overflowed,
            dropped: named(&receiver.dropped),
        }
    }
}

impl TrackerStatus {
    /// How a health source stands.
    pub fn of(source: &SourceStatus) -> Self {
        Self {
            kind: source.kind.to_string(),
            name: source.name.to_string(),
            verdict: source.measure.map_or_else(|| "unknown".to_owned(), |now| now.to_string()),
            detail: source.detail.clone(),
        }
    }
}

fn why(router: &RouterStatus, now: Instant) -> String {
    match router.restart_at {
        Some(at) => format!("{}; started again in {}", router.why(), duration(millis(now, at))),
        None => router.why(),
    }
}

fn faults(router: &RouterStatus) -> impl Iterator<Item = String> {
    router.faults.iter().map(ToString::to_string)
}

fn named(counts: &BTreeMap<&'static str, u64>) -> BTreeMap<String, u64> {
    counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

fn whole_millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn millis(from: Instant, to: Instant) -> u64 {
    to.as_micros().saturating_sub(from.as_micros()) / 1000
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "vrrpd {} (pid {}), {}", self.version, self.pid, self.config)?;
        if let Some(refused) = &self.reload_refused {
            writeln!(
                f,
                "the last reload was refused, the configuration before it is in force: {refused}"
            )?;
        }
        for instance in &self.instances {
            writeln!(f)?;
            instance.fmt(f)?;
        }
        for GroupStatus { name, state, members, why } in &self.sync_groups {
            writeln!(f, "\n{name}: {state}, sync group of {}\n  {why}", members.join(", "))?;
        }
        if !self.trackers.is_empty() {
            writeln!(f, "\ntrackers")?;
        }
        for tracker in &self.trackers {
            let TrackerStatus { kind, name, verdict, detail } = tracker;
            writeln!(f, "  {kind:<9} {name}: {verdict} ({detail})")?;
        }
        for interface in &self.interfaces {
            interface.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for InstanceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, state, interface, vrid, vrrp_version, family, .. } = self;
        let since = duration(self.since_ms);
        writeln!(
            f,
            "{name}: {state} for {since}, {interface} vrid {vrid} VRRPv{vrrp_version} {family}"
        )?;
        writeln!(f, "  why        {}", self.why)?;
        writeln!(f, "  priority   {}", self.priority)?;
        for fault in &self.faults {
            writeln!(f, "  fault      {fault}")?;
        }
        if !self.waiting_for.is_empty() {
            writeln!(f, "  waits for  the first result of {}", self.waiting_for.join(", "))?;
        }
        match &self.master {
            Some(master) => writeln!(f, "  master     {master}")?,
            None if state == words::state(State::Fault) => {
                writeln!(f, "  master     not known: a node in FAULT does not follow one")?;
            }
            None => writeln!(f, "  master     none heard of")?,
        }
        if !self.unicast_peers.is_empty() {
            let peers: Vec<_> = self.unicast_peers.iter().map(IpAddr::to_string).collect();
            writeln!(f, "  peers      {}", peers.join(", "))?;
        }
        let held = if self.addresses_installed { "here" } else { "not here" };
        writeln!(f, "  addresses  {} ({held})", self.addresses.join(", "))?;
        writeln!(f, "  adverts    {}", self.adverts)?;
        if self.authentication != "none" {
            writeln!(f, "  auth       {}", self.authentication)?;
        }
        if let Some(form) = &self.peer_checksum {
            writeln!(f, "  checksum   {form} in the last advert heard")?;
        }
        if let Some(last) = &self.adverts.last_dropped {
            writeln!(f, "  dropped    {last}")?;
        }
        for (remark, count) in &self.remarks {
            writeln!(f, "  remark     {} ({remark}: {count})", words::remark(remark))?;
        }
        for transition in self.history.iter().rev().take(5) {
            writeln!(f, "  {transition}")?;
        }
        Ok(())
    }
}

impl fmt::Display for TransitionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, priority, why, at_unix_ms } = self;
        let at = unix_time(*at_unix_ms);
        write!(f, "{at}  {from} -> {to} (priority {priority}): {why}")
    }
}

impl fmt::Display for PriorityStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (base {}", self.effective, self.base)?;
        for Contribution { name, adds, .. } in &self.contributions {
            write!(f, ", {name} {adds:+}")?;
        }
        f.write_char(')')
    }
}

impl fmt::Display for MasterStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, priority, this_node } = self;
        match address {
            Some(address) => write!(f, "{address}")?,
            None => f.write_str("no address")?,
        }
        let this_node = if *this_node { " (this node)" } else { "" };
        write!(f, " with priority {priority}{this_node}")
    }
}

impl fmt::Display for DroppedAdvert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, reason, why, ago_ms } = self;
        let ago = duration(*ago_ms);
        write!(f, "the last one {ago} ago, from {source}: {why} ({reason})")
    }
}

impl fmt::Display for AdvertCounters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sent, {} received", self.sent, self.received)?;
        if self.send_errors > 0 {
            write!(f, ", {} could not be sent", self.send_errors)?;
        }
        for (reason, count) in &self.dropped {
            write!(f, ", {count} dropped: {reason}")?;
        }
        Ok(())
    }
}

impl fmt::Display for InterfaceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.listening && self.overflowed == 0 && self.dropped.is_empty() {
            return Ok(());
        }
        write!(f, "\ninterface {} {}: {} packets", self.name, self.family, self.packets)?;
        match &self.error {
            Some(error) => write!(f, ", not listening: {error}")?,
            None if !self.listening => f.write_str(", not listening: it does not exist")?,
            None => {}
        }
        if self.overflowed > 0 {
            write!(f, ", {} lost to a full buffer", self.overflowed)?;
        }
        for (reason, count) in &self.dropped {
            write!(f, ", {count} dropped: {reason}")?;
        }
        writeln!(f)
    }
}

/// A length of time as people say it.
pub(crate) fn duration(millis: u64) -> String {
    let secs = millis / 1000;
    let (days, hours, minutes) = (secs / 86_400, secs / 3600 % 24, secs / 60 % 60);
    match secs {
        0..60 => format!("{secs}.{} s", millis % 1000 / 100),
        60..3600 => format!("{minutes} min {} s", secs % 60),
        3600..86_400 => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// A time in UTC, written as the log writes it: `2026-11-22T20:15:04.123Z`.
pub(crate) fn unix_time(unix_ms: u64) -> String {
    let at = i64::try_from(unix_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    at.map_or_else(|| "after all calendars".to_owned(), |at| format!("{at:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_names_every_contribution() {
        let contributions =
            vec![Contribution { name: "track_apache".into(), adds: 10, ..Contribution::default() }];
        let priority = PriorityStatus { effective: 254, base: 244, contributions };
        assert_eq!(priority.to_string(), "254 (base 244, track_apache +10)");
    }

    #[test]
    fn lengths_of_time_are_readable() {
        assert_eq!(duration(59_940), "59.9 s");
        assert_eq!(duration(61_000), "1 min 1 s");
        assert_eq!(duration(90_061_000), "1 d 1 h");
    }

    #[test]
    fn times_are_utc_with_their_date() {
        assert_eq!(unix_time(1_000), "1970-01-01T00:00:01.000Z");
        assert_eq!(unix_time(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(unix_time(951_868_800_000), "2000-03-01T00:00:00.000Z");
        assert_eq!(unix_time(1_795_391_999_999), "2026-11-22T23:59:59.999Z");
    }

    #[test]
    fn a_dropped_advert_says_from_whom_when_and_why() {
        let last = DroppedAdvert {
            source: [192, 0, 2, 2].into(),
            reason: "auth_failure".into(),
            why: "wrong password".into(),
            ago_ms: 300,
        };
        let expected = "the last one 0.3 s ago, from 192.0.2.2: wrong password (auth_failure)";
        assert_eq!(last.to_string(), expected);
    }
}
