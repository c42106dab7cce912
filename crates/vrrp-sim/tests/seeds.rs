//! Random scenarios: every promise is kept in all of them.
//!
//! ```text
//! VRRP_SIM_SEED=1234 cargo test -p vrrp-sim --test seeds       one seed, with its story
//! VRRP_SIM_SEEDS=1000000 cargo test -p vrrp-sim --test seeds   as many as that
//! ```

mod common;

use common::{SEEDS, env_number};
use vrrp_fsm::{Config, Router};
use vrrp_sim::{Scenario, Story, Timeline, explore, simulate_noting};

fn router(config: &Config) -> Router {
    Router::new(config.clone())
}

#[test]
fn every_promise_is_kept_in_every_scenario() {
    let first = env_number("VRRP_SIM_SEED");
    let seeds = match first {
        Some(seed) => seed..seed + 1,
        None => 0..env_number("VRRP_SIM_SEEDS").unwrap_or(SEEDS),
    };
    match explore(seeds, &router) {
        Ok(summary) => println!("{summary}"),
        Err((seed, finding)) => {
            let story = Story::of(&Scenario::random(seed), &router, finding);
            panic!(
                "\n{story}\nonce more: VRRP_SIM_SEED={seed} cargo test -p vrrp-sim --test seeds"
            );
        }
    }
    if let Some(seed) = first {
        let mut timeline = Timeline::new(1000);
        let _already_judged =
            simulate_noting(&Scenario::random(seed), &router, Some(&mut timeline));
        println!("{timeline}");
    }
}

#[test]
fn the_scenarios_are_full_of_events() {
    let summary = explore(0..200, &router).unwrap_or_default();
    assert_eq!(summary.runs, 200);
    assert!(summary.takeovers > 4 * summary.runs, "{summary}");
    assert!(summary.splits > summary.runs, "{summary}");
    assert!(summary.settlings > 2 * summary.runs, "{summary}");
}

#[test]
fn a_scenario_always_runs_the_same_way() {
    let told = |seed| {
        let mut timeline = Timeline::new(10_000);
        let summary = simulate_noting(&Scenario::random(seed), &router, Some(&mut timeline));
        (summary, timeline.to_string())
    };
    for seed in 0..20 {
        assert_eq!(told(seed), told(seed));
    }
}
