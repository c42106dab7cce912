//! A neighbour that sends as fast as it can.
//!
//! What is judged besides the two routers is the reckoning: every frame that was sent has to be
//! found again, as one that the daemon took in or as one that somebody counts as lost.

use std::fmt;
use std::time::{Duration, Instant};

use serde_json::Value;
use vrrp_lab::{Capture, Frame, Host, HostOptions, Nic, Process};
use vrrp_proto::Interval;

use super::frames::{INTRUDER_MAC, Packet, SERVERS, Speech};
use crate::stage::{LIMIT, Stage, advert, eventually, start, status, wait_for_state};

const VRID: u8 = 53;
const MASTER: u8 = 200;
const BACKUP: u8 = 100;
/// How much a daemon may grow: less than it would if it kept ten bytes of every packet.
const GROWTH_MAX_KIB: u64 = 256;

fn config(priority: u8, more: &str) -> String {
    format!(
        "vrrp_instance VI_1 {{
  interface eth0
  virtual_router_id {VRID}
  priority {priority}
  virtual_ipaddress {{
    192.168.122.200/24
  }}
  {more}
}}
"
    )
}

/// What is wrong in every version.
fn unsound(speech: Speech) -> Vec<Packet> {
    let sound = speech.winning();
    let mut flipped = sound.clone();
    flipped[9] ^= 1;
    let noise = |len: usize| Packet::new((0..len).map(|at| (at * 151) as u8).collect::<Vec<_>>());
    vec![
        Packet::new(&sound[..1]),
        Packet::new(&sound[..7]),
        Packet::new(&sound[..sound.len() - 1]),
        Packet::new(flipped),
        Packet::new(sound.clone()).with_ttl(254),
        Packet::new(sound.clone()).with_ttl(1),
        Packet::new(speech.changed(&[(0, 0x42)])),
        Packet::new(speech.changed(&[(0, sound[0] + 1)])),
        Packet::new(speech.changed(&[(3, 200)])),
        Packet::new(Speech { vrid: VRID + 1, ..speech }.winning()),
        noise(2),
        noise(40),
        noise(1480),
        Packet::new([&sound[..], &[0; 900]].concat()),
        Packet::new([&sound[..], &[0; 4000]].concat()),
    ]
}

/// Once round: every packet many times, and among them one of the largest that there can be.
fn mixed(packets: &[Packet]) -> Vec<Vec<u8>> {
    let largest = Packet::new(vec![0x31; 65_000]);
    let many = packets.iter().cycle().take(packets.len() * 16);
    many.chain([&largest]).flat_map(Packet::frames).collect()
}

/// Two routers on a wire, with an eye on it that the flood does not blind.
struct Trial {
    stage: Stage,
    daemons: [Process; 2],
    intruder: Host,
    /// An advert of the second server's, from the time when it was master alone.
    replayed: Vec<u8>,
    wire: Capture,
}

impl Trial {
    fn new(more: &str) -> Option<Self> {
        let stage = Stage::new()?;
        let intruder = stage.observer();
        let wire = stage.lan.capture_without(INTRUDER_MAC).unwrap();
        let second = start(&stage.server2, &config(BACKUP, more));
        let is_old = |frame: &Frame| advert(frame).map(|_| frame.bytes.clone());
        let mut replayed = wire.wait_for("an advert", LIMIT, is_old).unwrap();
        replayed[6..12].copy_from_slice(&INTRUDER_MAC.0);
        let first = start(&stage.server1, &config(MASTER, more));
        wait_for_state(&stage.server1, "MASTER");
        wait_for_state(&stage.server2, "BACKUP");
        Some(Self { stage, daemons: [first, second], intruder, replayed, wire })
    }

    fn hosts(&self) -> [&Host; 2] {
        [&self.stage.server1, &self.stage.server2]
    }

    /// Sends these frames round and round for that long; says how many have left.
    fn flood(&self, frames: &[Vec<u8>], time: Duration) -> u64 {
        let refused = || self.intruder.traffic("eth0").unwrap().send_dropped;
        let injector = self.intruder.injector("eth0").unwrap();
        let (refused_before, began_at) = (refused(), Instant::now());
        let mut tried = 0;
        for frame in frames.iter().cycle() {
            // What is refused is counted by the interface.
            let _ = injector.send(frame);
            tried += 1;
            if tried % 64 == 0 && began_at.elapsed() >= time {
                break;
            }
        }
        tried - (refused() - refused_before)
    }

    /// How things stand in a moment in which nothing is under way.
    fn rest(&self) -> Rest {
        let mut found = None;
        eventually("nothing is under way", || {
            let before = self.counts();
            let at = Instant::now();
            let servers = [0, 1].map(|nth| self.standing(nth));
            let is_quiet = before == self.counts();
            found = is_quiet.then_some(Rest { at, servers });
            is_quiet
        });
        found.expect("it was waited for")
    }

    fn counts(&self) -> [Counts; 2] {
        [0, 1].map(|nth| self.standing(nth).counts)
    }

    fn standing(&self, nth: usize) -> Standing {
        let host = self.hosts()[nth];
        let ip = host.read_text("/proc/net/snmp").unwrap();
        let process = host.read_text(format!("/proc/{}/status", self.daemons[nth].pid())).unwrap();
        let mut told = status(host);
        let interface = &told["interfaces"][0];
        let counts = Counts {
            packets: interface["packets"].as_u64().unwrap(),
            overflowed: interface["overflowed"].as_u64().unwrap(),
            received: ip_counter(&ip, "InReceives"),
            delivered: delivered(&ip),
            lost: self.stage.cables[nth].traffic().unwrap().send_dropped,
        };
        let memory_kib = memory_kib(&process);
        let wakes = wakes(host, &self.daemons[nth]);
        Standing { counts, memory_kib, wakes, instance: told["instances"][0].take() }
    }
}

/// How things stand in a quiet moment.
struct Rest {
    at: Instant,
    servers: [Standing; 2],
}

#[derive(Debug)]
struct Standing {
    counts: Counts,
    memory_kib: u64,
    /// How often the instance's thread has slept.
    wakes: u64,
    instance: Value,
}

/// What became of the packets for a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counts {
    /// Taken in by the daemon.
    packets: u64,
    /// Thrown away by the kernel because the daemon's socket was full.
    overflowed: u64,
    /// IPv4 packets, and pieces of them, that have reached the host.
    received: u64,
    /// Whole packets among them that were for a program on it: VRRP is all there is.
    delivered: u64,
    /// Frames that did not fit through its cable.
    lost: u64,
}

/// A line of proc_pid_status(5): what a process has of its own, not of files.
fn memory_kib(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// How often the thread of a daemon's instance has slept, by its proc_pid_status(5).
fn wakes(host: &Host, daemon: &Process) -> u64 {
    let threads = format!("cat /proc/{}/task/*/status", daemon.pid());
    let all = host.run(["sh", "-c", &threads]).unwrap().success().unwrap();
    let (_, own) = all.split_once("Name:\tVI_1\n").unwrap();
    let count = own.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    count.unwrap().trim().parse().unwrap()
}

/// Of a packet that finds the socket full, some kernels say that nobody wanted it.
fn delivered(snmp: &str) -> u64 {
    ip_counter(snmp, "InDelivers") + ip_counter(snmp, "InUnknownProtos")
}

/// A number of a table in proc_net(5): names in one line, numbers in the next.
fn ip_counter(snmp: &str, name: &str) -> u64 {
    let mut lines = snmp.lines().filter(|line| line.starts_with("Ip:"));
    let (names, numbers) = (lines.next().unwrap(), lines.next().unwrap());
    let mut both = names.split(' ').zip(numbers.split(' '));
    both.find(|(found, _)| *found == name).unwrap().1.parse().unwrap()
}

/// What the servers sent during a flood, and what the flood was.
struct Outcome {
    before: Rest,
    after: Rest,
    /// Frames that have left the intruder.
    flooded: u64,
    frames: Vec<Frame>,
}

impl Trial {
    /// Floods the servers for that long. A little of it comes before, so that all memory that it
    /// takes has been taken.
    fn run(&self, packets: &[Vec<u8>], time: Duration) -> Outcome {
        self.flood(packets, time / 10);
        let before = self.rest();
        let flooded = self.flood(packets, time);
        let after = self.rest();
        assert_eq!(self.wire.lost_count(), 0);
        let is_during = |frame: &Frame| before.at < frame.at && frame.at < after.at;
        let frames = self.wire.frames().into_iter().filter(is_during).collect();
        Outcome { before, after, flooded, frames }
    }
}

impl Outcome {
    /// The two standings of each server, and its number.
    fn servers(&self) -> impl Iterator<Item = (usize, &Standing, &Standing)> {
        let both = self.before.servers.iter().zip(&self.after.servers);
        both.enumerate().map(|(nth, (before, after))| (nth, before, after))
    }

    /// Nobody has changed its mind, and nobody has grown.
    fn check_servers(&self) {
        for (nth, before, after) in self.servers() {
            assert_eq!(after.instance["state"], ["MASTER", "BACKUP"][nth]);
            assert_eq!(after.instance["history"], before.instance["history"]);
            let grown_kib = after.memory_kib.saturating_sub(before.memory_kib);
            assert!(grown_kib <= GROWTH_MAX_KIB, "server {nth} has grown by {grown_kib} KiB");
        }
    }

    /// Every frame of the flood has reached either server or is counted as lost; and of what has
    /// reached it, every packet that was for the daemon is counted by it or for it.
    fn check_reckoning(&self) {
        for (nth, before, after) in self.servers() {
            let grown = |count: fn(&Counts) -> u64| count(&after.counts) - count(&before.counts);
            let others = self.frames.iter().filter(|frame| is_for(nth, frame)).count() as u64;
            let arrived = self.flooded + others - grown(|counts| counts.lost);
            assert_eq!(grown(|counts| counts.received), arrived, "server {nth}: {self:?}");
            let accounted = grown(|counts| counts.packets) + grown(|counts| counts.overflowed);
            assert_eq!(accounted, grown(|counts| counts.delivered), "server {nth}: {self:?}");
        }
    }

    /// The times of the master's adverts.
    fn adverts(&self) -> Vec<Instant> {
        let adverts = self.frames.iter().filter_map(advert);
        adverts
            .filter(|seen| seen.source == SERVERS[0] && seen.priority == MASTER)
            .map(|seen| seen.at)
            .collect()
    }

    /// What is dropped has woken no instance: these have slept until their timers, or until
    /// somebody asked for their status.
    fn check_wakes(&self, interval: Duration) {
        let intervals = (self.after.at - self.before.at).as_millis() / interval.as_millis();
        let wakes_max = 100 + 10 * intervals as u64;
        for (nth, before, after) in self.servers() {
            let wakes = after.wakes - before.wakes;
            assert!(wakes <= wakes_max, "server {nth}: {wakes} in {intervals} intervals");
        }
    }

    /// No advert of the master's is late by more than an interval, and nobody else sends one.
    fn check_adverts(&self, interval: Duration) {
        let adverts = self.adverts();
        assert_eq!(adverts.len(), self.frames.iter().filter_map(advert).count());
        let whole = [&[self.before.at][..], &adverts, &[self.after.at]].concat();
        let longest = whole.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(longest <= 2 * interval, "{longest:?} without an advert");
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = |rest: &Rest| rest.servers.each_ref().map(|server| server.counts);
        f.debug_struct("Outcome")
            .field("before", &counts(&self.before))
            .field("after", &counts(&self.after))
            .field("flooded", &self.flooded)
            .field("other frames", &self.frames.len())
            .finish()
    }
}

/// Whether that is an IPv4 packet of the other server's.
fn is_for(nth: usize, frame: &Frame) -> bool {
    let other = [2, 0, 0, 0, 2 - nth as u8, 1];
    frame.bytes[6..12] == other && frame.bytes[12..14] == [0x08, 0x00]
}

#[test]
fn a_flood_of_unsound_packets_changes_nothing() {
    let interval = Interval::from_centis(20).unwrap();
    let Some(trial) = Trial::new("version 3\n advert_int 0.2") else { return };
    let packets = mixed(&unsound(Speech::v3(VRID, interval)));
    let outcome = trial.run(&packets, Duration::from_millis(2500));
    outcome.check_servers();
    outcome.check_reckoning();
    outcome.check_wakes(interval.as_duration());
    outcome.check_adverts(interval.as_duration());
}

/// With version 2 there is more that can be wrong. The master's own adverts come again, which
/// the master's kernel throws away and which a backup cannot tell from new ones.
#[test]
fn a_flood_of_wrong_passwords_and_replayed_adverts_changes_nothing() {
    let authenticated = "authentication {\n auth_type PASS\n auth_pass 12345\n }";
    let Some(trial) = Trial::new(authenticated) else { return };
    let speech = Speech::v2(VRID, "12345");
    let mut packets = unsound(speech);
    packets.extend([
        Packet::new(Speech::v2(VRID, "12346").winning()),
        Packet::new(speech.changed(&[(4, 0)])),
        Packet::new(speech.changed(&[(4, 2)])),
        Packet::new(speech.changed(&[(5, 2)])),
        Packet::new(speech.advert(SERVERS[0], MASTER)).claiming(SERVERS[0]),
    ]);
    let outcome = trial.run(&mixed(&packets), Duration::from_secs(3));
    outcome.check_servers();
    outcome.check_reckoning();
    outcome.check_adverts(Duration::from_secs(1));
}

/// Adverts from the time when the other server was master are sound, and lose.
#[test]
fn a_flood_of_replayed_adverts_that_lose_is_not_answered_by_a_flood() {
    let Some(trial) = Trial::new("version 3\n advert_int 0.2") else { return };
    let outcome = trial.run(std::slice::from_ref(&trial.replayed), Duration::from_secs(1));
    outcome.check_servers();
    outcome.check_reckoning();
    // An interval is 200 ms, and 1/256 of it is less than the one millisecond.
    let answers_max = (outcome.after.at - outcome.before.at).as_millis() + 1;
    let answers = outcome.adverts().len() as u128;
    assert!(answers <= answers_max, "{answers} in {answers_max} ms");

    let [before, after] = [&outcome.before, &outcome.after].map(|rest| &rest.servers[0].instance);
    let grown = |path: &str| {
        let number = |told: &Value| told.pointer(path).and_then(Value::as_u64).unwrap_or(0);
        number(after) - number(before)
    };
    let received = grown("/adverts/received");
    let [overflowed_before, overflowed] =
        [&outcome.before, &outcome.after].map(|rest| rest.servers[0].counts.overflowed);
    assert_eq!(received + overflowed - overflowed_before, outcome.flooded);
    let heard = grown("/remarks/losing_advert") + grown("/adverts/dropped/inbox_full");
    assert_eq!(heard, received);
}

/// Nothing is taken in while the daemon stands still, so the kernel has to throw packets away.
#[test]
fn what_did_not_fit_into_the_socket_is_counted_even_when_the_socket_is_gone() {
    let Some(stage) = Stage::new() else { return };
    let host = stage.lab.host("server3", HostOptions::new()).unwrap();
    let nic = || Nic::new("eth0").address("192.168.122.103/24");
    let cable = host.attach(&stage.lan, nic()).unwrap();
    let daemon = start(&host, &config(MASTER, "version 3\n advert_int 0.2"));
    wait_for_state(&host, "MASTER");
    let delivered = || delivered(&host.read_text("/proc/net/snmp").unwrap());
    let counts = || {
        let interface = status(&host)["interfaces"][0].take();
        ["packets", "overflowed"].map(|name| interface[name].as_u64().unwrap())
    };
    let before = delivered() - counts().iter().sum::<u64>();

    daemon.freeze().unwrap();
    let injector = stage.observer().injector("eth0").unwrap();
    let largest = Packet::new(vec![0x31; 65_000]).frames();
    for frame in largest.iter().cycle().take(200 * largest.len()) {
        injector.send(frame).unwrap();
    }
    daemon.thaw().unwrap();
    eventually("every packet is counted", || {
        counts().iter().sum::<u64>() == delivered() - before && counts()[1] > 0
    });

    let overflowed = counts()[1];
    cable.remove().unwrap();
    wait_for_state(&host, "FAULT");
    assert_eq!(counts()[1], overflowed);
    host.attach(&stage.lan, nic()).unwrap();
    wait_for_state(&host, "MASTER");
    assert_eq!(counts()[1], overflowed);
}
