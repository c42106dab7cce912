//! Random networks of whole hosts: every invariant holds in all of them.
//!
//! ```text
//! VRRP_SIM_SEED=1234 cargo test -p vrrp-sim --test networks       one seed, with its counterexample
//! VRRP_SIM_SEEDS=1000000 cargo test -p vrrp-sim --test networks   as many as that
//! ```

mod common;

use common::env_number;
use vrrp_sim::{Honest, Network, explore_networks, narrow, run_network};

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
