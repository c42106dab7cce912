//! A neighbour that sends what it should not.

use std::net::Ipv4Addr;

use serde_json::Value;
use vrrp_lab::Host;
use vrrp_proto::{
    AddressList, Advert, Authentication, Family, Interval, IpMeta, Password, Priority, Version,
    Vrid,
};

use crate::stage::{Stage, eventually, instance, start, status, wait_for_state};

const CONFIG: &str = "vrrp_instance VI_1 {
  state MASTER
  interface eth0
  virtual_router_id 51
  priority 244
  advert_int 1
  authentication {
    auth_type PASS
    auth_pass 12345
  }
  virtual_ipaddress {
    192.168.122.200/24
  }
}
";
const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(192, 168, 122, 9);
const SERVER1: Ipv4Addr = Ipv4Addr::new(192, 168, 122, 101);
/// Every kind is sent so often.
const COUNT: u64 = 3;

/// A sound advert that would win: whatever is wrong with it must be seen before it counts.
fn winning() -> Vec<u8> {
    written(
        Version::V2,
        51,
        Authentication::Password(Password::from_text("12345")),
        Interval::DEFAULT,
    )
}

fn written(
    version: Version,
    vrid: u32,
    authentication: Authentication,
    interval: Interval,
) -> Vec<u8> {
    let addresses =
        AddressList::from_addresses(Family::V4, ["192.168.122.200".parse().unwrap()]).unwrap();
    let vrid = Vrid::try_from(vrid).unwrap();
    let mut advert =
        Advert::new(version, vrid, Priority::HIGHEST, interval, addresses.as_addresses());
    advert.authentication = authentication;
    let mut message = vec![0; advert.buffer_len()];
    advert.write(&IpMeta::multicast(NEIGHBOUR.into()), &mut message).unwrap();
    message
}

/// The Internet checksum.
fn checksum(bytes: &[u8]) -> u16 {
    let words =
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

/// The message in an IPv4 packet in a frame, to the group.
pub(crate) fn frame(source: Ipv4Addr, ttl: u8, message: &[u8]) -> Vec<u8> {
    let mut ip = vec![0x45, 0xc0, 0, 0, 0, 1, 0, 0, ttl, 112, 0, 0];
    ip.extend(source.octets());
    ip.extend([224, 0, 0, 18]);
    let len = u16::try_from(20 + message.len()).unwrap();
    ip[2..4].copy_from_slice(&len.to_be_bytes());
    let sum = checksum(&ip);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    let mut frame = vec![0x01, 0, 0x5e, 0, 0, 0x12, 0x02, 0, 0, 0, 0, 0x99, 0x08, 0];
    frame.extend(ip);
    frame.extend(message);
    frame.resize(frame.len().max(60), 0);
    frame
}

/// The message with these bytes changed, and a checksum that fits again.
fn changed(changes: &[(usize, u8)]) -> Vec<u8> {
    let mut message = winning();
    for &(at, byte) in changes {
        message[at] = byte;
    }
    message[6..8].fill(0);
    let sum = checksum(&message);
    message[6..8].copy_from_slice(&sum.to_be_bytes());
    message
}

/// What is wrong, under which name it is counted, and the frame.
fn faulty() -> Vec<(&'static str, Vec<u8>)> {
    let sound = |message: &[u8]| frame(NEIGHBOUR, 255, message);
    let mut flipped = winning();
    flipped[9] ^= 1;
    let pass = |text| Authentication::Password(Password::from_text(text));
    let other_pass = written(Version::V2, 51, pass("12346"), Interval::DEFAULT);
    let no_pass = written(Version::V2, 51, Authentication::None, Interval::DEFAULT);
    let slow = written(Version::V2, 51, pass("12345"), Interval::from_secs(2).unwrap());
    let v3 = written(Version::V3, 51, Authentication::None, Interval::DEFAULT);
    vec![
        ("truncated", sound(&winning()[..12])),
        ("trailing_bytes", sound(&[&winning()[..], &[0; 400]].concat())),
        ("checksum", sound(&flipped)),
        ("hop_limit", frame(NEIGHBOUR, 254, &winning())),
        ("version", sound(&v3)),
        ("type", sound(&changed(&[(0, 0x22)]))),
        ("auth_failure", sound(&other_pass)),
        ("auth_type_mismatch", sound(&no_pass)),
        ("invalid_auth_type", sound(&changed(&[(4, 9)]))),
        ("interval_mismatch", sound(&slow)),
        ("own_source", frame(SERVER1, 255, &winning())),
    ]
}

/// What belongs to no instance.
fn homeless() -> Vec<(&'static str, Vec<u8>)> {
    let pass = Authentication::Password(Password::from_text("12345"));
    let other = written(Version::V2, 52, pass, Interval::DEFAULT);
    vec![
        ("unknown_vrid", frame(NEIGHBOUR, 255, &other)),
        ("too_short", frame(NEIGHBOUR, 255, &winning()[..1])),
    ]
}

fn dropped(told: &Value, reason: &str) -> u64 {
    told[reason].as_u64().unwrap_or(0)
}

#[test]
fn every_bad_advert_is_counted_under_its_name_and_changes_nothing() {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, .. } = &stage;
    // Otherwise the kernel throws away what claims to come from this host.
    for name in ["net.ipv4.conf.all.accept_local", "net.ipv4.conf.eth0.accept_local"] {
        server1.sysctl(name, "1").unwrap();
    }
    for name in ["net.ipv4.conf.all.rp_filter", "net.ipv4.conf.eth0.rp_filter"] {
        server1.sysctl(name, "0").unwrap();
    }
    let _daemon = start(server1, CONFIG);
    wait_for_state(server1, "MASTER");
    let history = instance(server1)["history"].clone();
    let neighbour: Host = stage.observer();
    let injector = neighbour.injector("eth0").unwrap();

    for (reason, frame) in faulty() {
        (0..COUNT).for_each(|_| injector.send(&frame).unwrap());
        eventually(reason, || dropped(&instance(server1)["adverts"]["dropped"], reason) == COUNT);
    }
    for (reason, frame) in homeless() {
        (0..COUNT).for_each(|_| injector.send(&frame).unwrap());
        eventually(reason, || {
            dropped(&status(server1)["interfaces"][0]["dropped"], reason) == COUNT
        });
    }

    let told = instance(server1);
    assert_eq!(told["state"], "MASTER");
    assert_eq!(told["history"], history);
    assert_eq!(told["adverts"]["received"], 0);
    let counted: u64 =
        told["adverts"]["dropped"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(counted, COUNT * faulty().len() as u64, "each is counted once");

    // The same advert without a fault unseats the master, and is told with its source.
    injector.send(&frame(NEIGHBOUR, 255, &winning())).unwrap();
    wait_for_state(server1, "BACKUP");
    assert!(instance(server1)["why"].as_str().unwrap().contains("192.168.122.9"));
}
