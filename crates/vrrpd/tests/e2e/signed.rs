//! Adverts that are signed with `auth_hmac`.

use serde_json::json;
use vrrp_lab::{Capture, Frame, Host, Process};
use vrrp_proto::{PROTOCOL, TRAILER_LEN, split_ipv4};

use crate::stage::{
    CONFIG, LIMIT, Stage, VIP, VRRPD, eventually, instance, start, status, wait_for_state,
};

const KEY_1: &str = "key 1 first0123456789abcdefghijklmnopqrstuvwxyz";
const KEY_2: &str = "key 2 hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
/// The octets in front of a message over IPv4 and over IPv6, in a frame.
const BEFORE_V4: usize = 14 + 20;
const BEFORE_V6: usize = 14 + 40;

fn hmac(lines: &[&str]) -> String {
    format!("auth_hmac {{\n    {}\n  }}", lines.join("\n    "))
}

/// How the two servers speak to each other, and what they have.
#[derive(Clone, Copy)]
struct Way {
    lines: &'static str,
    vip: &'static str,
    /// The addresses of each server, if they are each other's peers.
    peers: Option<[&'static str; 2]>,
}

const MULTICAST_V2: Way = Way { lines: "version 2\n  advert_int 1", vip: VIP, peers: None };
const MULTICAST_V3: Way = Way { lines: "version 3\n  advert_int 0.5", vip: VIP, peers: None };
const MULTICAST_IPV6: Way =
    Way { lines: "version 3\n  advert_int 0.5", vip: "fe80::51/64", peers: None };
const UNICAST_IPV6: Way = Way {
    lines: "version 3\n  advert_int 0.5",
    vip: "2001:db8::200/64",
    peers: Some(["2001:db8::101", "2001:db8::102"]),
};
const UNICAST_V3: Way = Way {
    lines: "version 3\n  advert_int 0.5",
    vip: VIP,
    peers: Some(["192.168.122.101", "192.168.122.102"]),
};

impl Way {
    /// The configuration of server 0 or 1.
    fn config(self, server: usize, priority: u8, more: &str) -> String {
        let Self { lines, vip, peers } = self;
        let peers = peers.map_or(String::new(), |peers| {
            let (own, other) = (peers[server], peers[1 - server]);
            format!("unicast_src_ip {own}\n  unicast_peer {{\n    {other}\n  }}")
        });
        format!(
            "vrrp_instance VI_1 {{\n  interface eth0\n  virtual_router_id 51\n  priority \
             {priority}\n  {lines}\n  {peers}\n  {more}\n  virtual_ipaddress {{\n    {vip}\n  \
             }}\n}}\n"
        )
    }

    /// Waits until exactly this one of two hosts has the virtual address.
    fn wait_for_vip(self, on: &Host, not_on: &Host) {
        on.wait_for_address("eth0", self.vip, true, LIMIT).unwrap();
        not_on.wait_for_address("eth0", self.vip, false, LIMIT).unwrap();
    }
}

/// A VRRP message as it was seen on the wire, with what stands behind it.
#[derive(Debug)]
struct Seen {
    priority: u8,
    /// The number of the key that it is signed with, if it is.
    key: Option<u8>,
    frame: Vec<u8>,
}

/// The advert of a router with one address in a frame, if it is one.
fn seen(frame: &Frame) -> Option<Seen> {
    let bytes = &frame.bytes;
    let (start, len) = match bytes.get(12..14)? {
        [0x08, 0x00] => {
            let (_, protocol, message) = split_ipv4(&bytes[14..]).ok()?;
            (BEFORE_V4, Some(message.len()).filter(|_| protocol == PROTOCOL)?)
        }
        [0x86, 0xdd] if bytes.get(20) == Some(&PROTOCOL) => {
            let len = u16::from_be_bytes([*bytes.get(18)?, *bytes.get(19)?]);
            (BEFORE_V6, usize::from(len))
        }
        _ => return None,
    };
    let message = bytes.get(start..start + len)?;
    let address_len = if start == BEFORE_V6 { 16 } else { 4 };
    let data_len = if message[0] >> 4 == 2 { 8 } else { 0 };
    let key = match len - 8 - address_len - data_len {
        0 => None,
        TRAILER_LEN => Some(message[len - TRAILER_LEN + 1]),
        other => panic!("{other} octets behind a message"),
    };
    Some(Seen { priority: message[2], key, frame: bytes.clone() })
}

/// For three intervals nobody but the router with this priority speaks, and signs with this key.
fn assert_peace(wire: &Capture, priority: u8, key: Option<u8>) {
    wire.frames();
    let mut heard = 0;
    while heard < 3 {
        let frame = wire.next(LIMIT).expect("a master that advertises");
        if let Some(seen) = seen(&frame) {
            assert_eq!((seen.priority, seen.key), (priority, key));
            heard += 1;
        }
    }
}

fn dropped(host: &Host, reason: &str) -> u64 {
    instance(host)["adverts"]["dropped"][reason].as_u64().unwrap_or(0)
}

fn assert_nothing_dropped(hosts: [&Host; 2]) {
    for host in hosts {
        assert_eq!(instance(host)["adverts"]["dropped"], json!({}), "{}", host.name());
    }
}

fn received(host: &Host) -> u64 {
    instance(host)["adverts"]["received"].as_u64().unwrap()
}

fn reload(host: &Host, config: &str) {
    host.write_file(CONFIG, config).unwrap();
    host.run([VRRPD, "reload"]).unwrap().success().unwrap();
}

/// Neither in its log nor in its status a daemon shows a key.
fn assert_keeps_keys(host: &Host, daemon: &Process) {
    let told = daemon.stdout() + &daemon.stderr() + &status(host).to_string();
    let printed = host.run([VRRPD, "config", "-f", CONFIG]).unwrap().success().unwrap();
    for secret in ["first0123456789", "000102030405"] {
        assert!(!told.contains(secret) && !printed.contains(secret), "{told}\n{printed}");
    }
    assert_eq!(instance(host)["authentication"], json!("hmac"));
}

/// Two of our own take over from each other by a start, a stop and a death; nothing is refused.
fn a_day(way: Way, lines: &[&str]) {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    let wire = stage.lan.capture().unwrap();
    for (host, address) in [server1, server2].into_iter().zip(way.peers.into_iter().flatten()) {
        if address.contains(':') {
            let address = format!("{address}/64");
            let add = ["ip", "address", "add", &address, "dev", "eth0", "nodad"];
            host.run(add).unwrap().success().unwrap();
        }
    }
    let hmac = hmac(&[&[KEY_1, KEY_2, "active_key 2"], lines].concat());
    let [better, worse] = [way.config(0, 150, &hmac), way.config(1, 100, &hmac)];

    let second = start(server2, &worse);
    wait_for_state(server2, "MASTER");
    let first = start(server1, &better);
    way.wait_for_vip(server1, server2);
    assert_peace(&wire, 150, Some(2));

    first.terminate(LIMIT).unwrap();
    way.wait_for_vip(server2, server1);
    assert_peace(&wire, 100, Some(2));
    let first = start(server1, &better);
    way.wait_for_vip(server1, server2);
    assert_peace(&wire, 150, Some(2));

    first.kill().unwrap();
    server2.wait_for_address("eth0", way.vip, true, LIMIT).unwrap();
    let first = start(server1, &better);
    way.wait_for_vip(server1, server2);
    assert_peace(&wire, 150, Some(2));

    assert_nothing_dropped([server1, server2]);
    assert_keeps_keys(server2, &second);
    first.terminate(LIMIT).unwrap();
    second.terminate(LIMIT).unwrap();
}

#[test]
fn a_day_in_version_2() {
    a_day(MULTICAST_V2, &[]);
}

#[test]
fn a_day_in_version_3() {
    a_day(MULTICAST_V3, &[]);
}

#[test]
fn a_day_over_ipv6() {
    a_day(MULTICAST_IPV6, &[]);
}

#[test]
fn a_day_between_peers_over_ipv6() {
    a_day(UNICAST_IPV6, &[]);
}

#[test]
fn a_day_between_peers_by_numbers_that_only_grow() {
    a_day(UNICAST_V3, &["anti_replay monotonic"]);
}

/// The header checksum of an IPv4 packet in a frame is made right again.
fn mend_header(frame: &mut [u8]) {
    frame[24..26].fill(0);
    let words = frame[14..BEFORE_V4].chunks(2);
    let sum: u32 = words.map(|word| u32::from(u16::from_be_bytes([word[0], word[1]]))).sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
}

/// What a neighbour without the key can send: what it has recorded, and what it makes of that.
#[test]
fn recorded_forged_and_unsigned_adverts_are_refused_and_counted() {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    let wire = stage.lan.capture().unwrap();
    // On a slow machine what was recorded must not be too old to be looked at.
    let hmac = hmac(&[KEY_1, "time_window 300"]);
    let _master = start(server1, &MULTICAST_V3.config(0, 150, &hmac));
    wait_for_state(server1, "MASTER");
    let _backup = start(server2, &MULTICAST_V3.config(1, 100, &hmac));
    MULTICAST_V3.wait_for_vip(server1, server2);
    let recorded = wire.wait_for("a signed advert", LIMIT, |frame| {
        seen(frame).filter(|seen| seen.key == Some(1)).map(|seen| seen.frame)
    });
    let recorded = recorded.unwrap();
    let before = received(server2);
    eventually("the backup hears later ones", || received(server2) > before + 1);

    let observer = stage.observer();
    let neighbour = observer.injector("eth0").unwrap();
    let end = BEFORE_V4 + 12 + TRAILER_LEN;
    let trailer = end - TRAILER_LEN;
    let changed = |changes: &[(usize, u8)]| {
        let mut frame = recorded.clone();
        changes.iter().for_each(|(at, by)| frame[*at] = frame[*at].wrapping_add(*by));
        frame
    };
    let mut unsigned = recorded[..trailer].to_vec();
    unsigned[17] -= TRAILER_LEN as u8;
    mend_header(&mut unsigned);
    // The priority is raised by one, and the checksum goes with it.
    let higher = [(BEFORE_V4 + 2, 1), (BEFORE_V4 + 6, 0xff)];
    for (reason, frame) in [
        ("replay", recorded.clone()),
        ("invalid_hmac", changed(&higher)),
        ("invalid_hmac", changed(&[(end - 1, 1)])),
        ("unknown_key", changed(&[(trailer + 1, 1)])),
        ("malformed", changed(&[(trailer + 2, 1)])),
        ("missing_hmac", unsigned),
    ] {
        let before = dropped(server2, reason);
        neighbour.send(&frame).unwrap();
        eventually(&format!("{reason} is counted"), || dropped(server2, reason) == before + 1);
    }
    // An hour ahead, which its number is too.
    let seconds = trailer + 4;
    let later = changed(&[(seconds + 2, 14)]);
    neighbour.send(&later).unwrap();
    eventually("stale is counted", || dropped(server2, "stale") == 1);
    assert_eq!(instance(server1)["state"], "MASTER");
    assert_eq!(instance(server2)["state"], "BACKUP");
    assert_peace(&wire, 150, Some(1));
}

/// From one key to another under way: nobody resigns, nothing is refused, and what was recorded
/// before is as old as ever.
#[test]
fn keys_are_rotated_without_a_gap_in_either_direction() {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    let wire = stage.lan.capture().unwrap();
    let servers = [(server1, 150), (server2, 100)];
    let config = |server: usize, keys: &[&str]| {
        let hmac = hmac(&[keys, &["time_window 300"]].concat());
        MULTICAST_V3.config(server, servers[server].1, &hmac)
    };
    let first = start(server1, &config(0, &[KEY_1]));
    wait_for_state(server1, "MASTER");
    let second = start(server2, &config(1, &[KEY_1]));
    MULTICAST_V3.wait_for_vip(server1, server2);
    let all = stage.lan.capture().unwrap();
    let recorded = wire.wait_for("a signed advert", LIMIT, |frame| {
        seen(frame).filter(|seen| seen.key == Some(1)).map(|seen| seen.frame)
    });
    let before = received(server2);
    eventually("the backup hears later ones", || received(server2) > before + 1);

    let steps: [(usize, &[&str], u8); 6] = [
        (1, &[KEY_1, KEY_2], 1),
        (0, &[KEY_1, KEY_2], 1),
        (0, &[KEY_1, KEY_2, "active_key 2"], 2),
        (1, &[KEY_1, KEY_2, "active_key 2"], 2),
        (0, &[KEY_2], 2),
        (1, &[KEY_2], 2),
    ];
    for (server, keys, signing) in steps {
        reload(servers[server].0, &config(server, keys));
        let before = received(server2);
        assert_peace(&wire, 150, Some(signing));
        eventually("they are accepted", || received(server2) > before);
        assert_nothing_dropped([server1, server2]);
    }
    let resigned = all.frames().iter().filter_map(seen).find(|seen| seen.priority == 0);
    assert!(resigned.is_none(), "{resigned:?}");
    assert_eq!(instance(server1)["state"], "MASTER");
    assert_eq!(instance(server2)["state"], "BACKUP");

    // The key comes back before it is forgotten what was heard under it and the other.
    reload(server2, &config(1, &[KEY_2, KEY_1]));
    let observer = stage.observer();
    observer.injector("eth0").unwrap().send(&recorded.unwrap()).unwrap();
    eventually("the replay is counted", || dropped(server2, "replay") == 1);
    assert_keeps_keys(server1, &first);
    assert_keeps_keys(server2, &second);
}

/// From no signatures to signatures alone: there is one master all the time.
#[test]
fn signatures_are_introduced_under_way() {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    let wire = stage.lan.capture().unwrap();
    let servers = [(server1, 150), (server2, 100)];
    let config = |server: usize, mode: &str| {
        let hmac = if mode.is_empty() { String::new() } else { hmac(&[KEY_1, mode]) };
        MULTICAST_IPV6.config(server, servers[server].1, &hmac)
    };
    let _first = start(server1, &config(0, ""));
    wait_for_state(server1, "MASTER");
    let _second = start(server2, &config(1, ""));
    MULTICAST_IPV6.wait_for_vip(server1, server2);
    for (mode, is_signed) in
        [("mode receive-only", false), ("mode permissive", true), ("mode enforce", true)]
    {
        // Whoever listens comes first.
        for server in [1, 0] {
            reload(servers[server].0, &config(server, mode));
        }
        let before = received(server2);
        assert_peace(&wire, 150, is_signed.then_some(1));
        eventually("they are accepted", || received(server2) > before);
        assert_nothing_dropped([server1, server2]);
    }
    assert_eq!(instance(server1)["state"], "MASTER");
    assert_eq!(instance(server2)["state"], "BACKUP");
}

#[test]
fn a_key_file_is_read_if_nobody_else_can_read_it() {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    let (key, value) = ("/run/vrrp.key", KEY_1.strip_prefix("key 1 ").unwrap());
    let config = |server, key: &str| MULTICAST_V3.config(server, 150, &hmac(&[key]));
    let from_file = format!("key 1 file:{key}");
    server1.write_file(key, format!("{value}\n")).unwrap();
    server1.write_file(CONFIG, config(0, &from_file)).unwrap();
    server1.run(["chmod", "644", key]).unwrap().success().unwrap();
    let refused = server1.run([VRRPD, "run", "-f", CONFIG]).unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("/run/vrrp.key can be read by everybody"), "{said}");
    let checked = server1.run([VRRPD, "check", "--system", CONFIG]).unwrap();
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(said.contains("W0705") && said.contains("can be read by everybody"), "{said}");

    server1.run(["chmod", "600", key]).unwrap().success().unwrap();
    let first = start(server1, &config(0, &from_file));
    wait_for_state(server1, "MASTER");
    let _second = start(server2, &MULTICAST_V3.config(1, 100, &hmac(&[KEY_1])));
    eventually("the other one has the same key", || received(server2) > 2);
    assert_nothing_dropped([server1, server2]);

    // A reload reads it again, and changes nothing if it cannot.
    server1.run(["rm", key]).unwrap().success().unwrap();
    let refused = server1.run([VRRPD, "reload"]).unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("/run/vrrp.key cannot be read"), "{said}");
    let before = received(server2);
    eventually("it goes on", || received(server2) > before + 2);
    assert_keeps_keys(server1, &first);
}
