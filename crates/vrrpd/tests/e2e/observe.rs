//! What a running daemon tells of itself: events as they happen, and why an instance is what it is.

use serde_json::Value;
use vrrp_lab::Exit;

use crate::stage::{LIMIT, Stage, VRRPD, eventually, router, start, wait_for_state};

#[test]
fn events_are_told_as_they_happen_each_with_its_cause() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let tracked = "track_file { load weight 1 }";
    let file = "vrrp_track_file load {\n file \"/run/load\"\n init_file 0\n}\n";
    let config = router("VI_1", 51, 100, "192.168.122.200/24", tracked);
    let daemon = start(host, &format!("{file}{config}"));
    wait_for_state(host, "MASTER");
    let reader = host.spawn([VRRPD, "events", "--json", "--since", "0"]).unwrap();
    let lines = || -> Vec<Value> {
        reader.stdout().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    };
    let became = |lines: &[Value], state: &str| {
        lines.iter().any(|line| line["event"]["state"]["to"] == state)
    };
    eventually("what came before is told", || became(&lines(), "MASTER"));
    assert_eq!(lines()[0]["snapshot"]["status"]["instances"][0]["state"], "MASTER");

    host.write_file("/run/load", "-30").unwrap();
    eventually("the fall of the priority is told", || {
        lines().iter().any(|line| {
            line["event"]["kind"] == "priority_changed"
                && line["event"]["text"] == "effective priority 100 -> 70"
        })
    });
    let numbers: Vec<_> =
        lines().iter().filter_map(|line| line["event"]["number"].as_u64()).collect();
    assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "{numbers:?}");

    let text = host.run([VRRPD, "explain", "VI_1"]).unwrap().success().unwrap();
    assert!(text.starts_with("VI_1 has been MASTER for "), "{text}");
    assert!(text.contains("Its priority is 70: 100 as configured, -30 from load."), "{text}");
    assert_eq!(host.run([VRRPD, "explain", "VI_2"]).unwrap().exit, Exit::Code(2));

    daemon.terminate(LIMIT).unwrap();
    assert_eq!(reader.wait(LIMIT).unwrap(), Exit::Code(3));
    let last = lines().pop().unwrap();
    assert_eq!(last["event"]["kind"], "stopped", "{last}");
}
