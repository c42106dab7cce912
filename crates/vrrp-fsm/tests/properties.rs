//! What holds whatever happens: any sequence of events, at any times.
#![allow(clippy::unwrap_used, reason = "a test's helpers may panic")]

use core::time::Duration;

use proptest::prelude::*;
use vrrp_fsm::{Event, Router};

mod invariants;
mod strategies;

use invariants::{Told, World};
use strategies::{config, steps};

/// Everything there is to know of a router.
fn image(router: &Router) -> String {
    format!("{router:?}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    /// The [`World`] checks it all after every step.
    #[test]
    fn the_invariants_hold_whatever_happens(config in config(), steps in steps()) {
        let mut world = World::new(config);
        for step in &steps {
            let _ = step.happen(&mut world);
        }
    }

    #[test]
    fn an_early_timer_changes_nothing(config in config(), steps in steps()) {
        let mut world = World::new(config);
        for step in &steps {
            let _ = step.happen(&mut world);
            if world.router.deadline().is_none_or(|deadline| world.now < deadline) {
                let before = image(&world.router);
                let actions = world.router.handle(world.now, Event::Timer);
                prop_assert!(actions.is_empty());
                prop_assert_eq!(before, image(&world.router));
            }
        }
    }

    /// Of several expected adverts only the last one matters.
    #[test]
    fn expected_adverts_can_be_left_out_but_for_the_last(
        config in config(),
        steps in steps(),
        gap in 0..2_000_000_u64,
    ) {
        let mut world = World::new(config);
        for step in &steps {
            let Told { before, event, .. } = step.happen(&mut world);
            if !matches!(&event, Event::Advert(heard) if before.would_only_restart_timer(heard)) {
                continue;
            }
            let later = world.now + Duration::from_micros(gap);
            let (mut both, mut last) = (world.router.clone(), before);
            prop_assert!(both.handle(later, event.clone()).is_empty());
            prop_assert!(last.handle(later, event).is_empty());
            prop_assert_eq!(image(&both), image(&last));
        }
    }
}
