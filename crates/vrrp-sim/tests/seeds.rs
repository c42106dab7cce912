//! Random scenarios: every invariant holds in all of them.
//!
//! ```text
//! VRRP_SIM_SEED=1234 cargo test -p vrrp-sim --test seeds       one seed, with its counterexample
//! VRRP_SIM_SEEDS=1000000 cargo test -p vrrp-sim --test seeds   as many as that
//! ```

mod common;

use common::{SEEDS, env_number};
use vrrp::Engine;
use vrrp_sim::{Counterexample, Scenario, Trace, explore, simulate_traced};

#[test]
fn every_invariant_holds_in_every_scenario() {
    let first = env_number("VRRP_SIM_SEED");
    let seeds = match first {
        Some(seed) => seed..seed + 1,
        None => 0..env_number("VRRP_SIM_SEEDS").unwrap_or(SEEDS),
    };
    match explore(seeds, &Engine::new) {
        Ok(summary) => println!("{summary}"),
        Err((seed, finding)) => {
            let counterexample = Counterexample::of(&Scenario::random(seed), &Engine::new, finding);
            panic!(
                "\n{counterexample}\nonce more: VRRP_SIM_SEED={seed} cargo test -p vrrp-sim --test seeds"
            );
        }
    }
    if let Some(seed) = first {
        let mut trace = Trace::new(1000);
        let _already_judged =
            simulate_traced(&Scenario::random(seed), &Engine::new, Some(&mut trace));
        println!("{trace}");
    }
}

#[test]
fn the_scenarios_are_full_of_events() {
    let summary = explore(0..200, &Engine::new).unwrap_or_default();
    assert_eq!(summary.runs, 200);
    assert!(summary.takeovers > 4 * summary.runs, "{summary}");
    assert!(summary.splits > summary.runs, "{summary}");
    assert!(summary.settlings > 2 * summary.runs, "{summary}");
}

#[test]
fn a_scenario_always_runs_the_same_way() {
    let run = |seed| {
        let mut trace = Trace::new(10_000);
        let summary = simulate_traced(&Scenario::random(seed), &Engine::new, Some(&mut trace));
        (summary, trace.to_string())
    };
    for seed in 0..20 {
        assert_eq!(run(seed), run(seed));
    }
}
