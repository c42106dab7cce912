//! A neighbour that sends what it should not.
//!
//! What passes every check is beyond this: VRRP has no secret that a neighbour on the same link
//! could not read. A spoofed advert of higher priority unseats the master; a replayed advert of
//! the master's keeps its backups waiting, and its replayed resignation wakes them.

mod flood;
mod frames;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use vrrp_lab::{Host, Injector};
use vrrp_proto::{DropReason, Interval};

use crate::stage::{
    LIMIT, Stage, VIP, VRRPD, advert, eventually, instance, start, status, wait_for_state,
    wait_for_vip,
};
use frames::{INTRUDER, Packet, SERVERS, Speech, summed};

/// One instance of each version.
const CONFIG: &str = "vrrp_instance VI_2 {
  interface eth0
  virtual_router_id 52
  priority 150
  authentication {
    auth_type PASS
    auth_pass 12345
  }
  virtual_ipaddress {
    192.168.122.200/24
  }
}
vrrp_instance VI_3 {
  interface eth0
  virtual_router_id 53
  priority 150
  version 3
  advert_int 0.2
  virtual_ipaddress {
    192.168.122.201/24
  }
}
";
/// Slow enough for nothing to overflow.
const FRAMES_PER_SECOND: u32 = 2000;

fn v2() -> Speech {
    Speech::v2(52, "12345")
}

fn v3() -> Speech {
    Speech::v3(53, Interval::from_centis(20).unwrap())
}

/// Where a reason is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    V2,
    V3,
    Interface,
}

/// A packet that is dropped for this reason, and where it is counted; or why there is none.
fn case(reason: DropReason) -> Result<(Place, Packet), &'static str> {
    let (v2, v3) = (v2(), v3());
    let flipped = || {
        let mut message = v3.winning();
        message[9] ^= 1;
        message
    };
    Ok(match reason {
        DropReason::IpHeader => (Place::Interface, Packet::new(vec![0x31; 60_000])),
        DropReason::Fragment => return Err("the kernel hands over whole packets"),
        DropReason::NotVrrp => return Err("the socket hears protocol 112 alone"),
        DropReason::TooShort => (Place::Interface, Packet::new(&v3.winning()[..1])),
        DropReason::UnknownVrid => {
            (Place::Interface, Packet::new(Speech { vrid: 54, ..v3 }.winning()))
        }
        DropReason::Family => return Err("the socket hears IPv4 alone"),
        DropReason::HopLimit => (Place::V3, Packet::new(v3.winning()).with_ttl(254)),
        DropReason::Destination => (Place::V3, Packet::new(v3.winning()).for_server1()),
        DropReason::OwnSource => (Place::V2, Packet::new(v2.winning()).claiming(SERVERS[0])),
        DropReason::UnknownSource => return Err("nothing is expected from unicast peers"),
        DropReason::Truncated => (Place::V2, Packet::new(&v2.winning()[..12])),
        DropReason::Version => (Place::V2, Packet::new(Speech { vrid: 52, ..v3 }.winning())),
        DropReason::Type => (Place::V3, Packet::new(v3.changed(&[(0, 0x32)]))),
        DropReason::Vrid => return Err("it is what leads an advert to its instance"),
        DropReason::TrailingBytes => {
            (Place::V2, Packet::new([&v2.winning()[..], &[0; 400]].concat()))
        }
        DropReason::Checksum => (Place::V3, Packet::new(flipped())),
        DropReason::InvalidAuthType => (Place::V2, Packet::new(v2.changed(&[(4, 9)]))),
        DropReason::AuthTypeMismatch => (Place::V2, Packet::new(v2.changed(&[(4, 0)]))),
        DropReason::AuthFailure => (Place::V2, Packet::new(Speech::v2(52, "12346").winning())),
        DropReason::ZeroInterval => (Place::V3, Packet::new(v3.changed(&[(4, 0), (5, 0)]))),
        DropReason::IntervalMismatch => (Place::V2, Packet::new(v2.changed(&[(5, 2)]))),
        DropReason::NoAddresses => {
            let header = v3.changed(&[(3, 0)])[..8].to_vec();
            (Place::V3, Packet::new(summed(header)))
        }
        DropReason::MalformedHeader
        | DropReason::MissingHeader
        | DropReason::UnexpectedHeader
        | DropReason::InvalidIcv
        | DropReason::SpiMismatch => return Err("no instance demands a header"),
        DropReason::MissingHmac
        | DropReason::Malformed
        | DropReason::Stale
        | DropReason::UnknownKey
        | DropReason::InvalidHmac
        | DropReason::Replay => return Err("no instance demands a signature"),
        new => panic!("nobody has tried what is dropped as {new}"),
    })
}

/// Lets a host take in what claims to come from itself: otherwise the kernel throws that away.
fn accept_own_source(host: &Host) {
    for interface in ["all", "eth0"] {
        host.sysctl(format!("net.ipv4.conf.{interface}.accept_local"), "1").unwrap();
        host.sysctl(format!("net.ipv4.conf.{interface}.rp_filter"), "0").unwrap();
    }
}

fn intruder(stage: &Stage) -> Injector {
    stage.observer().injector("eth0").unwrap()
}

/// What a status counts as dropped in this place.
fn dropped(told: &Value, place: Place) -> &Value {
    match place {
        Place::V2 => &told["instances"][0]["adverts"]["dropped"],
        Place::V3 => &told["instances"][1]["adverts"]["dropped"],
        Place::Interface => &told["interfaces"][0]["dropped"],
    }
}

#[test]
fn every_packet_is_counted_once_and_under_its_reason() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    accept_own_source(host);
    let _daemon = start(host, CONFIG);
    let states = |told: &Value| [0, 1].map(|nth| told["instances"][nth]["state"].clone());
    eventually("both are master", || states(&status(host)) == ["MASTER", "MASTER"]);
    let before = status(host);
    let histories = |told: &Value| [0, 1].map(|nth| told["instances"][nth]["history"].clone());

    // Every reason has a number of its own, so that no two can be mistaken for each other.
    let mut expected: BTreeMap<Place, BTreeMap<&str, u64>> = BTreeMap::new();
    let mut frames = Vec::new();
    let mut packets = 0;
    for reason in DropReason::ALL {
        let Ok((place, packet)) = case(reason) else { continue };
        let count = 3 + reason.index() as u64;
        expected.entry(place).or_default().insert(reason.name(), count);
        (0..count).for_each(|_| frames.extend(packet.frames()));
        packets += count;
    }
    let losing = Packet::new(v3().advert(INTRUDER, 149));
    (0..50).for_each(|_| frames.extend(losing.frames()));
    packets += 50;
    intruder(&stage).send_paced(frames, FRAMES_PER_SECOND).unwrap();

    let arrived = |told: &Value| told["interfaces"][0]["packets"] == packets;
    // The losing ones come last.
    let losing = |told: &Value| told["instances"][1]["remarks"]["losing_advert"] == 50;
    eventually("all have arrived", || {
        let told = status(host);
        arrived(&told) && losing(&told)
    });
    let told = status(host);
    for (place, counts) in expected {
        assert_eq!(*dropped(&told, place), json!(counts), "{place:?}");
    }
    assert_eq!(told["interfaces"][0]["overflowed"], 0);
    // What came last of the bad ones for each, and from whom.
    let last = [0, 1].map(|nth| &told["instances"][nth]["adverts"]["last_dropped"]);
    let last = last.map(|last| (last["source"].clone(), last["reason"].clone()));
    let from_intruder = |reason: &str| (json!(INTRUDER), json!(reason));
    assert_eq!(last, [from_intruder("interval_mismatch"), from_intruder("no_addresses")]);
    let [second, third] = [0, 1].map(|nth| &told["instances"][nth]["adverts"]);
    assert_eq!((&second["received"], &third["received"]), (&0.into(), &50.into()));
    assert_eq!((states(&told), histories(&told)), (states(&before), histories(&before)));
}

fn router(priority: u8) -> String {
    format!(
        "vrrp_instance VI_3 {{
  interface eth0
  virtual_router_id 53
  priority {priority}
  version 3
  advert_int 0.4
  virtual_ipaddress {{
    192.168.122.200/24
  }}
}}
"
    )
}

#[test]
fn a_spoofed_advert_of_higher_priority_unseats_the_master_until_it_falls_silent() {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1: master, server2: backup, .. } = &stage;
    let daemon = start(master, &router(250));
    wait_for_state(master, "MASTER");
    let _other = start(backup, &router(1));
    wait_for_state(backup, "BACKUP");
    let wire = stage.lan.capture().unwrap();
    let speech = Speech::v3(53, Interval::from_centis(40).unwrap());
    let (intruder, spoofed) = (intruder(&stage), Packet::new(speech.advert(INTRUDER, 251)));
    let spoof = || spoofed.frames().iter().for_each(|frame| intruder.send(frame).unwrap());

    let source = INTRUDER.to_string();
    eventually("status names the intruder", || {
        spoof();
        let told = instance(master);
        told["state"] == "BACKUP" && told["master"]["address"] == *source
    });
    eventually("status says so in words, and the address is gone", || {
        spoof();
        let told = master.run([VRRPD, "status"]).unwrap().success().unwrap();
        told.contains(&format!("master     {source} with priority 251"))
            && !master.has_address("eth0", VIP).unwrap()
    });
    let unseats = |line: &str| line.contains("MASTER -> BACKUP") && line.contains(&source);
    daemon.wait_for_line(LIMIT, unseats).unwrap();

    // Active_Down_Interval: three adverts of the intruder's, and (256 - 250) / 256 of another.
    let down = Duration::from_micros(1_209_375);
    let (mut spoofed_at, mut back_at) = (None, None);
    eventually("it takes back what is its own", || {
        for seen in wire.frames().iter().filter_map(advert) {
            if seen.source == INTRUDER {
                (spoofed_at, back_at) = (Some(seen.at), None);
            } else if seen.source == SERVERS[0] {
                back_at = back_at.or(Some(seen.at));
            }
        }
        back_at.is_some()
    });
    let waited = back_at.unwrap() - spoofed_at.unwrap();
    assert!(waited >= down, "{waited:?}");
    wait_for_state(master, "MASTER");
    wait_for_vip(master, backup);
    let history = instance(master)["history"].clone();
    let whys: Vec<_> = history.as_array().unwrap().iter().map(|one| &one["why"]).collect();
    assert!(whys.iter().any(|why| why.as_str().unwrap().contains(&source)), "{whys:?}");
}
