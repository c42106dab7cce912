//! Mixtures that cannot elect one Active Router: they split as expected, and the split ends
//! with its cause.
#![allow(clippy::unwrap_used, reason = "a test's helpers may panic")]

use std::time::Duration;

use vrrp::Authentication;
use vrrp::Engine;
use vrrp_fsm::Config;
use vrrp_proto::{Interval, Priority, Version};
use vrrp_sim::{
    Finding, Incident, Member, NodeId, Scenario, Scheduled, Summary, Violation, Wire, simulate,
};

fn config(version: Version, priority: u8) -> Config {
    Config { priority: Priority::new(priority), ..Config::new(version) }
}

fn every(centis: u16, config: Config) -> Config {
    Config { interval: Interval::from_centis(centis).unwrap(), ..config }
}

/// All are started at once; the address rises with the place.
fn scenario(configs: impl IntoIterator<Item = Config>) -> Scenario {
    let members: Vec<_> = configs
        .into_iter()
        .enumerate()
        .map(|(node, config)| Member {
            config,
            address: [192, 0, 2, 1 + node as u8].into(),
            drift_ppm: 0,
            parks: false,
        })
        .collect();
    let start = |node| Scheduled { at: Duration::ZERO, incident: Incident::Start(node) };
    Scenario {
        seed: 0,
        schedule: (0..members.len()).map(start).collect(),
        members,
        authentication: Authentication::None,
        wire: Wire::LOCAL,
        until: Duration::ZERO,
    }
}

trait Script: Sized {
    fn then(self, incidents: impl IntoIterator<Item = Incident>) -> Self;
    fn expect(self, after_secs: u64, actives: usize) -> Self;
    fn run(&self) -> Result<Summary, Finding>;
}

impl Script for Scenario {
    /// These happen at once, where the schedule has ended.
    fn then(mut self, incidents: impl IntoIterator<Item = Incident>) -> Self {
        let at = self.until;
        self.schedule.extend(incidents.into_iter().map(|incident| Scheduled { at, incident }));
        self
    }

    /// So many are Active so much later.
    fn expect(mut self, after_secs: u64, actives: usize) -> Self {
        self.until += Duration::from_secs(after_secs);
        self.then([Incident::Expect { actives }])
    }

    fn run(&self) -> Result<Summary, Finding> {
        simulate(self, &Engine::new)
    }
}

fn restart_as(node: NodeId, config: Config) -> [Incident; 3] {
    let config = Box::new(config);
    [Incident::Stop(node), Incident::Replace { node, config }, Incident::Start(node)]
}

#[test]
fn two_versions_have_an_active_router_each_until_the_migration() {
    let (old, new) = (config(Version::V2, 200), config(Version::V3, 100));
    let split = scenario([old.clone(), old, new.clone(), new]).expect(10, 2).expect(600, 2);
    let migrated = split
        .then(restart_as(0, config(Version::V3, 200)))
        .expect(10, 2)
        .then(restart_as(1, config(Version::V3, 200)))
        .expect(10, 1);
    migrated.run().unwrap();
}

#[test]
fn two_intervals_split_version_2_but_not_version_3() {
    for (version, actives) in [(Version::V2, 2), (Version::V3, 1)] {
        let one = config(version, 100);
        let three = every(300, config(version, 100));
        let mixed = scenario([one.clone(), three]).expect(20, actives).expect(600, actives);
        mixed.then(restart_as(1, one)).expect(20, 1).run().unwrap();
    }
}

#[test]
fn of_two_owners_the_lower_address_yields_unless_it_does_not_listen() {
    for (deaf, actives) in [(false, 1), (true, 2)] {
        let owner = Config { owner_ignore_adverts: deaf, ..config(Version::V3, 255) };
        let both = scenario([owner.clone(), owner]).expect(20, actives).expect(600, actives);
        both.then(restart_as(0, config(Version::V3, 254))).expect(20, 1).run().unwrap();
    }
}

#[test]
fn who_does_not_hear_the_active_router_takes_over_beside_it() {
    let link = |up| Incident::Link { from: 0, to: 1, up };
    scenario([config(Version::V3, 200), config(Version::V3, 100), config(Version::V3, 50)])
        .expect(20, 1)
        .then([link(false)])
        .expect(20, 2)
        .expect(600, 2)
        .then([link(true)])
        .expect(2, 1)
        .run()
        .unwrap();
}

#[test]
fn who_is_not_heard_alone_gains_nothing() {
    let link = |up| Incident::Link { from: 1, to: 0, up };
    scenario([config(Version::V3, 200), config(Version::V3, 100)])
        .expect(20, 1)
        .then([link(false)])
        .expect(600, 1)
        .then([link(true)])
        .expect(20, 1)
        .run()
        .unwrap();
}

#[test]
fn enough_lost_adverts_split_and_the_next_one_heals() {
    let wire = |loss| Incident::Wire(Wire { loss, ..Wire::LOCAL });
    let summary = scenario([config(Version::V2, 200), config(Version::V2, 100)])
        .expect(20, 1)
        .then([wire(1000)])
        .expect(2, 1)
        .expect(3, 2)
        .then([wire(0)])
        .expect(2, 1)
        .run()
        .unwrap();
    // The better one at the start, and the other one while it heard nothing.
    assert_eq!(summary.takeovers, 2);
}

/// Whoever advertises once more while it yields is heard last, and in version 3 its followers
/// learn its interval. Where the winner's is longer and the winner does not answer, they take
/// over before its next advert, yield to that, and so on. With one of the three left out they come
/// to rest.
#[test]
fn a_last_advert_a_silent_winner_and_two_intervals_never_come_to_rest() {
    let mixture = |last_advert: bool, silent: bool, centis: u16| {
        let winner = Config { lower_prio_no_advert: silent, ..config(Version::V3, 200) };
        let loser = Config { higher_prio_send_advert: last_advert, ..config(Version::V3, 100) };
        // The two losers are Active before the winner is there.
        let mut mixed = scenario([every(centis, winner), loser.clone(), loser]);
        mixed.schedule.remove(0);
        mixed.expect(10, 1).then([Incident::Start(0)]).expect(600, 1)
    };
    for (last_advert, silent, centis) in
        [(false, true, 1000), (true, false, 1000), (true, true, 100)]
    {
        mixture(last_advert, silent, centis).run().unwrap();
    }
    let finding = mixture(true, true, 1000).run().unwrap_err();
    let restless =
        matches!(finding.violation, Violation::Contested { .. } | Violation::TwoActive { .. });
    assert!(restless, "{finding}");
}
