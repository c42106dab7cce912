//! The rows of new settings that call something off, and of trackers that change with them.

use core::time::Duration;

use vrrp_fsm::State::{Active, Backup, Fault, Initialize};
use vrrp_fsm::{Announce, Cause, Config, Contribution, Event, Influence, Report};
use vrrp_proto::Priority;

use crate::words::*;
use crate::{Given, Row};

const DECIDED: &str = "docs/rfc9568.md, decided here";

pub(crate) fn all() -> Vec<Row> {
    [preemption(), other_states(), trackers(), trackers_with_settings()]
        .into_iter()
        .flatten()
        .collect()
}

fn base(priority: u8, config: Config) -> Config {
    Config { priority: Priority::new(priority), ..config }
}

fn becomes(config: Config) -> Event {
    Event::Reconfigure(config)
}

fn reload<const COUNT: usize>(config: Config, trackers: [(&str, Influence); COUNT]) -> Event {
    let trackers =
        trackers.map(|(name, influence)| Contribution { name: name.into(), influence }).into();
    Event::Reload { config, trackers }
}

/// A lower-priority Active Router was heard at 1 s, and will be replaced.
fn about_to_preempt(config: Config) -> Given {
    started(config).and(1_000_000, advert(ABOVE, 50))
}

fn preemption() -> Vec<Row> {
    let nopreempt = || Config { preempt: false, ..V3 };
    let patient = |secs| Config { preempt_delay: Duration::from_secs(secs), ..V3 };
    let learnt = Report::IntervalLearnt { source: ABOVE, from: centis(100), to: centis(400) };
    let slow = started(V3).and(1_000_000, advert_every(ABOVE, 50, 400));
    let follows = about_to_preempt(nopreempt());
    let spared = about_to_preempt(patient(3));
    vec![
        row("settings/nopreempt-calls-off", DECIDED, about_to_preempt(V3))
            .when(2_000_000, becomes(nopreempt()))
            .then([], Backup, 4_609_375),
        row("settings/nopreempt-calls-off-and-learns", DECIDED, slow)
            .when(2_000_000, becomes(nopreempt()))
            .then([report(learnt)], Backup, 15_437_500),
        row("settings/preempt", DECIDED, follows.and(2_000_000, becomes(V3)))
            .when(2_500_000, advert(ABOVE, 50))
            .then([], Backup, 3_109_375),
        row("settings/preempt-delay-calls-off", DECIDED, about_to_preempt(V3))
            .when(2_000_000, becomes(patient(3)))
            .then([], Backup, 4_609_375),
        row("settings/preempt-delay-gone", DECIDED, spared.and(2_000_000, becomes(V3)))
            .when(2_500_000, advert(ABOVE, 50))
            .then([], Backup, 3_109_375),
        row("settings/priority-calls-off", DECIDED, about_to_preempt(V3))
            .when(2_000_000, becomes(base(40, V3)))
            .then([changed(100, 40)], Backup, 4_843_750),
    ]
}

fn other_states() -> Vec<Row> {
    let beaten = started(Config { preempt: false, ..OWNER }).and(500_000, advert(ABOVE, 255));
    let slow = Config { interval: centis(4000), ..V3 };
    let brief = Announce { repeat: 1, delay: Duration::ZERO, ..Announce::DEFAULT };
    let brief = Config { announce: brief, ..slow.clone() };
    let active = started(slow).and(144_375_000, Event::Timer);
    let waits = told_address(V3).and(0, tracker("check", Influence::Waiting));
    vec![
        row("settings/owner-beaten", DECIDED, beaten).when(1_000_000, becomes(OWNER)).then(
            [],
            Backup,
            3_503_906,
        ),
        row("settings/in-fault", DECIDED, faulty(V3)).when(2_000_000, becomes(base(150, V3))).then(
            [changed(100, 150)],
            Fault,
            None,
        ),
        row("settings/waiting", DECIDED, waits.and(0, Event::Startup))
            .when(1_000_000, becomes(base(150, V3)))
            .then([changed(100, 150)], Initialize, None),
        row("settings/announcement-kept", DECIDED, active.and(145_000_000, becomes(brief)))
            .when(149_375_000, Event::Timer)
            .then([announce(5)], Active, 184_375_000),
        row("settings/version", DECIDED, started(V3).and(1_000_000, advert_every(ABOVE, 200, 400)))
            .when(2_000_000, becomes(V2))
            .then([], Backup, 5_609_375),
    ]
}

fn trackers() -> Vec<Row> {
    use Influence::{Fault as Failed, Waiting, Weight};
    let weighted = || active(V3).and(4_000_000, tracker("apache", Weight(10)));
    let waits = || told_address(V3).and(0, tracker("check", Waiting)).and(0, Event::Startup);
    let fault = |name| Cause::Fault(tracker_fault(name));
    vec![
        row("settings/trackers-same", DECIDED, weighted())
            .when(4_100_000, reload(V3, [("apache", Weight(10))]))
            .then([], Active, 4_609_375),
        row("settings/trackers-weight", DECIDED, weighted())
            .when(4_100_000, reload(V3, [("apache", Weight(5))]))
            .then([send(105), changed(110, 105)], Active, 5_100_000),
        row("settings/trackers-forgotten", DECIDED, weighted())
            .when(4_100_000, reload(V3, []))
            .then([send(100), changed(110, 100)], Active, 5_100_000),
        row("settings/trackers-before-start", DECIDED, told_address(V3))
            .when(0, reload(V3, [("disk", Failed)]))
            .then([], Initialize, None),
        row("settings/trackers-waiting-active", DECIDED, active(V3))
            .when(4_000_000, reload(V3, [("check", Waiting)]))
            .then([], Active, 4_609_375),
        row("settings/trackers-fail", DECIDED, active(V3))
            .when(4_000_000, reload(V3, [("disk", Failed)]))
            .then([send(0), REMOVE, to(Active, Fault, 100, fault("disk"))], Fault, None),
        row("settings/trackers-fault-forgotten", DECIDED, faulty(V3))
            .when(2_000_000, reload(V3, []))
            .then([to(Fault, Backup, 100, Cause::Reconfigured)], Backup, 5_609_375),
        row("settings/trackers-fault-moves", DECIDED, faulty(V3))
            .when(2_000_000, reload(V3, [("check", Failed)]))
            .then([], Fault, None),
        row("settings/trackers-wait-forgotten", DECIDED, waits())
            .when(1_000_000, reload(V3, []))
            .then([to(Initialize, Backup, 100, Cause::Reconfigured)], Backup, 4_609_375),
        row("init/waiting-tracker-removed", DECIDED, waits())
            .when(1_000_000, Event::TrackerRemoved { name: "check".into() })
            .then([to(Initialize, Backup, 100, Cause::Reconfigured)], Backup, 4_609_375),
    ]
}

/// In one step, so that what is only true in between is not felt.
fn trackers_with_settings() -> Vec<Row> {
    let higher = base(244, V3);
    let raised = told_address(higher)
        .and(0, tracker("apache", Influence::Weight(10)))
        .and(0, Event::Startup)
        .and(3_007_812, Event::Timer);
    let too_low = tracker("load", Influence::WeightedFault);
    vec![
        row("settings/points-move-to-base", DECIDED, raised)
            .when(3_500_000, reload(base(254, V3), []))
            .then([], Active, 4_007_812),
        row("settings/owner-no-more-floor-gone", DECIDED, started(OWNER).and(0, too_low))
            .when(500_000, reload(V3, []))
            .then([send(100), changed(255, 100)], Active, 1_500_000),
        row("settings/owner-and-fault", DECIDED, started(V3))
            .when(500_000, reload(OWNER, [("disk", Influence::Fault)]))
            .then(
                [to(Backup, Fault, 255, Cause::Fault(tracker_fault("disk"))), changed(100, 255)],
                Fault,
                None,
            ),
    ]
}
