//! Random networks of whole hosts: every invariant holds in all of them.
//!
//! ```text
//! VRRP_SIM_SEED=1234 cargo test -p vrrp-sim --test networks       one seed, with its counterexample
//! VRRP_SIM_SEEDS=1000000 cargo test -p vrrp-sim --test networks   as many as that
//! ```

#![allow(clippy::unwrap_used, reason = "a test's helpers may panic")]

mod common;

use std::time::Duration;

use common::env_number;
use vrrp_proto::{Family, Version};
use vrrp_sim::{
    Honest, Network, NetworkViolation, Role, Trouble, explore_networks, narrow, run_network,
};

/// How many seeds are tried where nobody says how many: whole hosts take longer than engines.
const NETWORKS: u64 = 4_000;

#[test]
fn every_invariant_holds_in_every_network() {
    let seeds = match env_number("VRRP_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..env_number("VRRP_SIM_SEEDS").unwrap_or(NETWORKS),
    };
    match explore_networks(seeds, &Honest) {
        Ok(summary) => println!("{summary}"),
        Err((seed, finding)) => {
            let (network, finding) = narrow(&Network::random(seed), &Honest, finding);
            panic!(
                "\n{network}\n{finding}\nonce more: VRRP_SIM_SEED={seed} cargo test -p vrrp-sim --test networks"
            );
        }
    }
}

#[test]
fn the_networks_are_full_of_events() {
    let summary = explore_networks(0..200, &Honest).unwrap_or_default();
    assert_eq!(summary.runs, 200);
    assert!(summary.takeovers > 4 * summary.runs, "{summary}");
    assert!(summary.settlings > 3 * summary.runs, "{summary}");
}

#[test]
fn a_network_always_runs_the_same_way() {
    for seed in 0..20 {
        let run = || run_network(&Network::random(seed), &Honest);
        assert_eq!(run(), run());
    }
}

/// Two machines with a group each, of which one is better on the one wire and the other on the
/// other. The second is started so much later than the first.
fn crossed(later: Duration) -> Network {
    let role = |wire: usize, priority| Role {
        cluster: wire as u8,
        wire,
        vrid: 51 + wire as u8,
        version: Version::V3,
        priority,
        interval: Duration::from_secs(1),
        preempt: true,
        peers: None,
        is_grouped: true,
    };
    let machine = |by_wire: [u8; 2]| (0..2).map(|wire| role(wire, by_wire[wire])).collect();
    Network {
        seed: 0,
        family: Family::V4,
        wires: 2,
        delay: Duration::from_micros(100),
        machines: [[200, 100], [100, 200]].map(machine).into(),
        schedule: vec![(Duration::ZERO, Trouble::Start(0)), (later, Trouble::Start(1))],
        until: Duration::from_secs(60),
    }
}

/// Why random groups are better everywhere or nowhere: no rule of a group makes one of these give
/// way if they take over within a packet's way of each other.
#[test]
fn groups_of_which_each_is_better_somewhere_rest_unless_they_take_over_at_once() {
    let summary = run_network(&crossed(Duration::from_secs(1)), &Honest).unwrap();
    assert_eq!((summary.takeovers, summary.settlings), (2, 1), "one group, and for good");
    let finding = run_network(&crossed(Duration::ZERO), &Honest).unwrap_err();
    let (of, actives) = (vec![0, 1], Vec::new());
    assert_eq!(finding.violation, NetworkViolation::ActiveCount { of, actives });
}
