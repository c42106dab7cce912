//! Adverts that prove where they come from.

use serde_json::json;
use vrrp_lab::{Frame, Host, Injector};
use vrrp_proto::{AUTH_HEADER_LEN, AUTH_HEADER_PROTOCOL, split_ipv4};

use crate::interop::{self, assert_peace, config};
use crate::stage::{
    CONFIG, LIMIT, Stage, VRRPD, advert, eventually, instance, start, wait_for_state, wait_for_vip,
};
use crate::unicast;

const AH: &str = "version 2\n  authentication {\n    auth_type AH\n    auth_pass s3cr3t\n  }";

/// Sequence number and priority of the advert in a frame, if it has an authentication header.
fn numbered(frame: &Frame) -> Option<(u32, u8)> {
    let packet = frame.bytes.get(14..)?;
    if packet.get(9) != Some(&AUTH_HEADER_PROTOCOL) {
        return None;
    }
    let (ip, _, message) = split_ipv4(packet).ok()?;
    Some((ip.auth_header?.sequence(), *message.get(2)?))
}

#[test]
fn a_day_with_keepalived_and_authentication_headers() {
    interop::a_day(AH);
}

#[test]
fn a_day_with_keepalived_and_authentication_headers_to_peers() {
    unicast::a_day(AH);
}

fn dropped(host: &Host, reason: &str) -> u64 {
    instance(host)["adverts"]["dropped"][reason].as_u64().unwrap_or(0)
}

/// What a neighbour without the key can send: what it has recorded, and what it changes in that.
#[test]
fn recorded_and_forged_headers_are_refused_and_counted() {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    let wire = stage.lan.capture().unwrap();
    let _master = start(server1, &config(AH, 150));
    wait_for_state(server1, "MASTER");
    let _backup = start(server2, &config(AH, 100));
    let recorded = wire.wait_for("a numbered advert", LIMIT, |frame| {
        numbered(frame).filter(|(_, priority)| *priority == 150).map(|_| frame.bytes.clone())
    });
    let recorded = recorded.unwrap();
    wait_for_vip(server1, server2);
    eventually("the backup hears", || instance(server2)["adverts"]["received"].as_u64() > Some(1));

    let observer = stage.observer();
    let neighbour: Injector = observer.injector("eth0").unwrap();
    let before = dropped(server2, "replay");
    neighbour.send(&recorded).unwrap();
    eventually("the replay is counted", || dropped(server2, "replay") == before + 1);

    // The priority is raised by one, and the checksum with it: the check value is of another
    // message.
    let (mut forged, message) = (recorded, 14 + 20 + AUTH_HEADER_LEN);
    forged[message + 2] += 1;
    forged[message + 6] -= 1;
    neighbour.send(&forged).unwrap();
    eventually("the forgery is counted", || dropped(server2, "invalid_icv") == 1);
    assert_eq!(instance(server1)["state"], "MASTER");
    assert_peace(&wire, 101);
}

/// The numbers of whoever takes over follow those of the master before, which is what its other
/// backups go by; another key is put into force in place.
#[test]
fn a_successor_continues_the_numbers_and_a_reload_changes_the_key() {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    let wire = stage.lan.capture().unwrap();
    let first = start(server1, &config(AH, 150));
    wait_for_state(server1, "MASTER");
    let second = start(server2, &config(AH, 100));
    wait_for_vip(server1, server2);
    assert_peace(&wire, 101);
    first.kill().unwrap();
    server2.wait_for_address("eth0", crate::stage::VIP, true, LIMIT).unwrap();
    let numbers: Vec<_> = wire.frames().iter().filter_map(numbered).collect();
    let successor = wire.wait_for("the successor", LIMIT, |frame| {
        numbered(frame).filter(|(_, priority)| *priority == 100)
    });
    let (number, _) = successor.unwrap();
    let last_of_first = numbers.iter().filter(|(_, priority)| *priority == 150).max();
    assert!(last_of_first.is_none_or(|(last, _)| number > *last), "{number} after {numbers:?}");

    let other_key = config(&AH.replace("s3cr3t", "0ther"), 100);
    server2.write_file(CONFIG, &other_key).unwrap();
    server2.run([VRRPD, "reload"]).unwrap().success().unwrap();
    let adverts = wire.frames();
    assert!(adverts.iter().filter_map(advert).all(|seen| seen.priority != 0));
    assert_eq!(instance(server2)["state"], "MASTER");

    // Who has the old key shows that it is another one.
    let _first = start(server1, &config(AH, 50));
    eventually("the mismatch is shown", || dropped(server1, "invalid_icv") > 0);
    assert_eq!(instance(server1)["authentication"], json!("ah"));
    second.terminate(LIMIT).unwrap();
}
