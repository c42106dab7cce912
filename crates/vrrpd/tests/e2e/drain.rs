//! Taking a node out of service by hand.

use vrrp_lab::{Command, Exit, Host, Output};

use crate::stage::{
    CONFIG, Stage, VIP, VRRPD, eventually, instance, router, start, status, wait_for_state,
    wait_for_vip,
};

fn ask(host: &Host, words: &[&str]) -> Output {
    host.run(Command::new(VRRPD).args(words.iter().copied())).unwrap()
}

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn done(host: &Host, words: &[&str]) {
    let output = ask(host, words);
    assert_eq!(output.exit, Exit::Code(0), "{words:?}: {}", complaint(&output));
}

#[test]
fn a_drained_node_hands_over_stays_away_over_a_reload_and_comes_back() {
    let Some(stage) = Stage::new() else { return };
    let Stage { server1, server2, .. } = &stage;
    let config = |priority| router("VI_1", 51, priority, VIP, "");
    let _daemons = [start(server1, &config(250)), start(server2, &config(200))];
    wait_for_vip(server1, server2);
    wait_for_state(server2, "BACKUP");

    done(server1, &["drain", "--wait=40"]);
    wait_for_vip(server2, server1);
    let why = instance(server2)["why"].to_string();
    assert!(why.contains("resigned"), "it did not wait for silence: {why}");
    let drained = instance(server1);
    assert_eq!((&drained["state"], &drained["drained"]), (&"FAULT".into(), &true.into()));
    assert_eq!(drained["faults"], serde_json::json!(["drained"]));
    assert!(ask(server1, &["status"]).success().unwrap().contains("drained"));

    server1.write_file(CONFIG, config(251)).unwrap();
    done(server1, &["reload"]);
    // Another number makes it another router, of the same name.
    server1.write_file(CONFIG, config(251).replace("_id 51", "_id 52")).unwrap();
    done(server1, &["reload"]);
    assert_eq!(instance(server1)["vrid"], 52);
    wait_for_state(server1, "FAULT");
    assert_eq!(instance(server1)["drained"], true);
    server1.write_file(CONFIG, config(251)).unwrap();
    done(server1, &["reload"]);
    wait_for_vip(server2, server1);

    done(server1, &["undrain", "VI_1"]);
    wait_for_vip(server1, server2);
    assert_eq!(instance(server1)["drained"], false);
}

#[test]
fn a_group_is_drained_as_a_whole_and_a_name_that_is_none_is_refused() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let config = format!(
        "vrrp_sync_group G {{\n group {{\n VI_1\n VI_2\n }}\n}}\n{}{}{}",
        router("VI_1", 51, 250, VIP, ""),
        router("VI_2", 52, 250, "192.168.122.201/24", ""),
        router("VI_3", 53, 250, "192.168.122.203/24", ""),
    );
    let _daemon = start(host, &config);
    let states = || {
        let status = status(host);
        let all = status["instances"].as_array().unwrap();
        all.iter().map(|one| one["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    eventually("all are MASTER", || states() == ["MASTER"; 3]);
    for name in ["VI_2", "G"] {
        done(host, &["drain", name]);
        eventually("the group is drained", || states() == ["FAULT", "FAULT", "MASTER"]);
        done(host, &["undrain", name]);
        eventually("all are MASTER again", || states() == ["MASTER"; 3]);
    }

    let refused = ask(host, &["drain", "VI_9"]);
    assert_eq!(refused.exit, Exit::Code(2));
    assert!(complaint(&refused).contains("there is no instance and no sync group VI_9"));

    // Nobody else is there.
    let alone = ask(host, &["drain", "VI_3", "--wait=0"]);
    assert_eq!(alone.exit, Exit::Code(1));
    assert!(
        complaint(&alone).contains("of VI_3 no other node was ever heard"),
        "{}",
        complaint(&alone)
    );
    assert!(
        complaint(&alone).contains("no other node has become master of VI_3"),
        "{}",
        complaint(&alone)
    );
}
