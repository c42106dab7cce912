//! The rows.

use core::num::NonZeroU8;
use core::time::Duration;

use vrrp_fsm::State::{Active, Backup, Fault, Initialize};
use vrrp_fsm::{Action, Announce, Cause, Config, Event, FaultReason, Influence, Report};
use vrrp_proto::Priority;

use crate::words::*;
use crate::{Given, Row};

const RFC_6_1: &str = "RFC 9568 §6.1";
const RFC_6_4_1: &str = "RFC 9568 §6.4.1";
const RFC_6_4_2: &str = "RFC 9568 §6.4.2";
const RFC_6_4_3: &str = "RFC 9568 §6.4.3";
const RFC_7_1: &str = "RFC 9568 §7.1, erratum 8298";
const RFC_8_3_2: &str = "RFC 9568 §8.3.2";
const V2_6_1: &str = "RFC 3768 §6.1";
const V2_6_4_2: &str = "RFC 3768 §6.4.2";
const V2_6_4_3: &str = "RFC 3768 §6.4.3";
const MANUAL: &str = "keepalived.conf(5)";
const DECIDED: &str = "docs/rfc9568.md, decided here";

pub(crate) fn all() -> Vec<Row> {
    [
        initialize(),
        backup_timer(),
        backup_adverts(),
        backup_preemption(),
        backup_handover(),
        active_timers(),
        active_late(),
        active_adverts(),
        active_answers(),
        active_announcements(),
        owner(),
        faults(),
        leaving_faults(),
        waiting(),
        priority(),
        addresses(),
        settings(),
        crate::reload::all(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn initialize() -> Vec<Row> {
    let two_seconds = |config| Config { interval: centis(200), ..config };
    vec![
        row("init/owner", RFC_6_4_1, told_address(OWNER)).when(0, Event::Startup).then(
            takeover(Initialize, 255, Cause::Startup),
            Active,
            1_000_000,
        ),
        row("init/backup", RFC_6_4_1, told_address(V3)).when(0, Event::Startup).then(
            [to(Initialize, Backup, 100, Cause::Startup)],
            Backup,
            3_609_375,
        ),
        row("init/backup-skew", RFC_6_1, told_address(two_seconds(V3)))
            .when(0, Event::Startup)
            .then([to(Initialize, Backup, 100, Cause::Startup)], Backup, 7_218_750),
        row("init/backup-skew-v2", V2_6_1, told_address(two_seconds(V2)))
            .when(0, Event::Startup)
            .then([to(Initialize, Backup, 100, Cause::Startup)], Backup, 6_609_375),
        row("init/started-twice", DECIDED, started(V3)).when(1_000_000, Event::Startup).then(
            [],
            Backup,
            3_609_375,
        ),
        row("init/silent", RFC_6_4_1, told_address(V3)).when(0, advert(ABOVE, 200)).then(
            [],
            Initialize,
            None,
        ),
        row("init/facts-before-start", DECIDED, told_address(V3))
            .when(0, tracker("apache", Influence::Weight(10)))
            .then([], Initialize, None),
        row("init/no-address", "RFC 9568 §7.2", Given { config: V3, steps: vec![] })
            .when(0, Event::Startup)
            .then(
                [to(Initialize, Fault, 100, Cause::Fault(FaultReason::NoPrimaryAddress))],
                Fault,
                None,
            ),
        row("init/faulty", DECIDED, told_address(V3).and(0, Event::Fault(FaultReason::NoCarrier)))
            .when(0, Event::Startup)
            .then([to(Initialize, Fault, 100, Cause::Fault(FaultReason::NoCarrier))], Fault, None),
    ]
}

fn backup_timer() -> Vec<Row> {
    let silent = |late| Cause::ActiveDown {
        last: Some(peer(ABOVE, 200, 1_000_000)),
        late: Duration::from_micros(late),
    };
    let follows = || started(V3).and(1_000_000, advert(ABOVE, 200));
    let one_advert = Config { down_timer_adverts: NonZeroU8::MIN, ..V3 };
    vec![
        row("backup/shutdown", RFC_6_4_2, started(V3)).when(1_000_000, Event::Shutdown).then(
            [to(Backup, Initialize, 100, Cause::Shutdown)],
            Initialize,
            None,
        ),
        row("backup/active-down", RFC_6_4_2, follows()).when(4_609_375, Event::Timer).then(
            takeover(Backup, 100, silent(0)),
            Active,
            5_609_375,
        ),
        row("backup/active-down-unheard", RFC_6_4_2, started(V3))
            .when(3_609_375, Event::Timer)
            .then(takeover(Backup, 100, UNHEARD), Active, 4_609_375),
        row("backup/active-down-early", RFC_6_4_2, follows()).when(4_609_374, Event::Timer).then(
            [],
            Backup,
            4_609_375,
        ),
        row("backup/active-down-late", DECIDED, follows()).when(9_609_375, Event::Timer).then(
            takeover(Backup, 100, silent(5_000_000)),
            Active,
            10_609_375,
        ),
        row("backup/down-timer-adverts", MANUAL, told_address(one_advert))
            .when(0, Event::Startup)
            .then([to(Initialize, Backup, 100, Cause::Startup)], Backup, 1_609_375),
    ]
}

fn backup_adverts() -> Vec<Row> {
    let every_four_seconds = || started(V3).and(1_000_000, advert_every(ABOVE, 200, 400));
    let slow_v2 = Config { interval: centis(400), ..V2 };
    let learnt = |from, to| {
        report(Report::IntervalLearnt { source: ABOVE, from: centis(from), to: centis(to) })
    };
    let resigned = Cause::Resignation { peer: peer(ABOVE, 0, 2_000_000), late: Duration::ZERO };
    vec![
        row("backup/resignation", RFC_6_4_2, started(V3)).when(1_000_000, advert(ABOVE, 0)).then(
            [],
            Backup,
            1_609_375,
        ),
        row("backup/resignation-takeover", RFC_6_4_2, started(V3).and(2_000_000, advert(ABOVE, 0)))
            .when(2_609_375, Event::Timer)
            .then(takeover(Backup, 100, resigned), Active, 3_609_375),
        row("backup/resignation-learnt", RFC_6_4_2, every_four_seconds())
            .when(2_000_000, advert_every(ABOVE, 0, 400))
            .then([], Backup, 4_437_500),
        row("backup/resignation-v2", V2_6_4_2, started(slow_v2))
            .when(1_000_000, advert_every(ABOVE, 0, 400))
            .then([], Backup, 1_609_375),
        row("backup/higher", RFC_6_4_2, started(V3)).when(1_000_000, advert(BELOW, 101)).then(
            [],
            Backup,
            4_609_375,
        ),
        row("backup/equal", RFC_6_4_2, started(V3)).when(1_000_000, advert(BELOW, 100)).then(
            [],
            Backup,
            4_609_375,
        ),
        row("backup/higher-v2", V2_6_4_2, started(V2)).when(1_000_000, advert(BELOW, 101)).then(
            [],
            Backup,
            4_609_375,
        ),
        row("backup/interval-learnt", RFC_6_4_2, started(V3))
            .when(1_000_000, advert_every(ABOVE, 200, 25))
            .then([learnt(100, 25)], Backup, 1_902_343),
        row("backup/interval-relearnt", RFC_6_4_2, every_four_seconds())
            .when(2_000_000, advert_every(ABOVE, 200, 100))
            .then([learnt(400, 100)], Backup, 5_609_375),
        row("backup/interval-own-v2", V2_6_4_2, started(V2))
            .when(1_000_000, advert_every(ABOVE, 200, 400))
            .then([], Backup, 4_609_375),
        row("backup/own-address", DECIDED, started(V3)).when(1_000_000, advert(OWN, 200)).then(
            [report(Report::OwnAddress(peer(OWN, 200, 1_000_000)))],
            Backup,
            3_609_375,
        ),
    ]
}

fn backup_preemption() -> Vec<Row> {
    let nopreempt = Config { preempt: false, ..V3 };
    let delay = Config { preempt_delay: Duration::from_secs(3), ..V3 };
    let delayed = || started(delay.clone()).and(1_000_000, advert(ABOVE, 50));
    let preempted = Cause::Preemption { peer: peer(ABOVE, 50, 3_000_000), late: Duration::ZERO };
    let owner_beaten =
        || started(Config { preempt: false, ..OWNER }).and(500_000, advert(ABOVE, 255));
    vec![
        row("backup/lower", RFC_6_4_2, started(V3))
            .when(3_000_000, advert_every(ABOVE, 99, 25))
            .then([], Backup, 3_609_375),
        row("backup/lower-v2", V2_6_4_2, started(V2)).when(3_000_000, advert(ABOVE, 99)).then(
            [],
            Backup,
            3_609_375,
        ),
        row("backup/lower-takeover", RFC_6_4_2, started(V3).and(3_000_000, advert(ABOVE, 50)))
            .when(3_609_375, Event::Timer)
            .then(takeover(Backup, 100, preempted), Active, 4_609_375),
        row(
            "backup/lower-after-resignation",
            RFC_6_4_2,
            started(V3).and(1_000_000, advert(BELOW, 0)),
        )
        .when(1_500_000, advert(ABOVE, 50))
        .then([], Backup, 1_609_375),
        row("backup/nopreempt", RFC_6_4_2, started(nopreempt))
            .when(3_000_000, advert(ABOVE, 50))
            .then([], Backup, 6_609_375),
        row("backup/owner-preempts", RFC_6_1, owner_beaten())
            .when(1_000_000, advert(BELOW, 254))
            .then([], Backup, 3_503_906),
        row("backup/preempt-delay", MANUAL, started(delay.clone()))
            .when(1_000_000, advert(ABOVE, 50))
            .then([], Backup, 4_609_375),
        row("backup/preempt-delay-runs", MANUAL, delayed())
            .when(3_999_999, advert(ABOVE, 50))
            .then([], Backup, 7_609_374),
        row("backup/preempt-delay-over", MANUAL, delayed())
            .when(4_000_000, advert(ABOVE, 50))
            .then([], Backup, 4_609_375),
        row("backup/preempt-delay-anew", MANUAL, delayed().and(3_000_000, advert(BELOW, 100)))
            .when(4_000_000, advert(ABOVE, 50))
            .then([], Backup, 7_609_375),
    ]
}

/// The router that is followed advertises a lower priority: Skew_Time is 609375 µs.
fn backup_handover() -> Vec<Row> {
    let follows = |config| started(config).and(1_000_000, advert(ABOVE, 200));
    let hands_over = || follows(V3).and(1_500_000, advert(ABOVE, 50));
    let rfc = Config { fast_handover: false, ..V3 };
    let nopreempt = Config { preempt: false, ..V3 };
    let delay = Config { preempt_delay: Duration::from_secs(3), ..V3 };
    let slow = || started(V3).and(1_000_000, advert_every(ABOVE, 200, 400));
    let weight = |points| tracker("apache", Influence::Weight(points));
    let handed_over = Cause::Handover { peer: peer(ABOVE, 50, 1_500_000), late: Duration::ZERO };
    vec![
        row("backup/handover", DECIDED, follows(V3)).when(1_500_000, advert(ABOVE, 50)).then(
            [],
            Backup,
            2_109_375,
        ),
        row("backup/handover-v2", DECIDED, follows(V2)).when(1_500_000, advert(ABOVE, 50)).then(
            [],
            Backup,
            2_109_375,
        ),
        row("backup/handover-takeover", DECIDED, hands_over()).when(2_109_375, Event::Timer).then(
            takeover(Backup, 100, handed_over),
            Active,
            3_109_375,
        ),
        row("backup/handover-repeated", DECIDED, hands_over())
            .when(2_000_000, advert(ABOVE, 40))
            .then([], Backup, 2_109_375),
        row("backup/handover-resigned", DECIDED, hands_over())
            .when(2_000_000, advert(ABOVE, 0))
            .then([], Backup, 2_109_375),
        row("backup/handover-called-off", DECIDED, hands_over())
            .when(2_000_000, advert(ABOVE, 100))
            .then([], Backup, 5_609_375),
        row("backup/handover-to-another", DECIDED, hands_over())
            .when(2_000_000, advert(BELOW, 150))
            .then([], Backup, 5_609_375),
        row("backup/handover-sooner", DECIDED, follows(V3))
            .when(4_500_000, advert(ABOVE, 50))
            .then([], Backup, 4_609_375),
        row("backup/handover-learnt", DECIDED, slow())
            .when(1_500_000, advert_every(ABOVE, 50, 400))
            .then([], Backup, 3_937_500),
        row("backup/handover-stranger", RFC_6_4_2, follows(V3))
            .when(1_500_000, advert(BELOW, 50))
            .then([], Backup, 4_609_375),
        row("backup/handover-rfc", RFC_6_4_2, follows(rfc))
            .when(1_500_000, advert(ABOVE, 50))
            .then([], Backup, 4_609_375),
        row("backup/handover-nopreempt", RFC_6_4_2, follows(nopreempt))
            .when(1_500_000, advert(ABOVE, 50))
            .then([], Backup, 5_109_375),
        row(
            "backup/handover-preempt-delay",
            DECIDED,
            follows(delay).and(1_500_000, advert(ABOVE, 50)).and(4_000_000, advert(ABOVE, 50)),
        )
        .when(4_500_000, advert(ABOVE, 50))
        .then([], Backup, 5_109_375),
        row(
            "backup/handover-own-rise",
            DECIDED,
            started(V3).and(1_000_000, advert(ABOVE, 120)).and(1_200_000, weight(50)),
        )
        .when(2_000_000, advert(ABOVE, 120))
        .then([], Backup, 2_414_062),
        row("backup/handover-own-fall", DECIDED, hands_over()).when(1_600_000, weight(-60)).then(
            [changed(100, 40)],
            Backup,
            5_343_750,
        ),
        row("backup/handover-after-active", DECIDED, active(V3).and(4_000_000, advert(ABOVE, 200)))
            .when(4_500_000, advert(ABOVE, 50))
            .then([], Backup, 5_109_375),
        row("settings/handover-called-off", DECIDED, hands_over())
            .when(1_600_000, Event::Reconfigure(Config { preempt: false, ..V3 }))
            .then([], Backup, 5_109_375),
        row("settings/handover-goes-on", DECIDED, hands_over())
            .when(
                1_600_000,
                Event::Reconfigure(Config { down_timer_adverts: NonZeroU8::MIN, ..V3 }),
            )
            .then([], Backup, 2_109_375),
    ]
}

fn active_timers() -> Vec<Row> {
    vec![
        row("active/shutdown", RFC_6_4_3, active(V3)).when(4_000_000, Event::Shutdown).then(
            [send(0), REMOVE, to(Active, Initialize, 100, Cause::Shutdown)],
            Initialize,
            None,
        ),
        row("active/adver-timer", RFC_6_4_3, active(V3)).when(4_609_375, Event::Timer).then(
            [send(100)],
            Active,
            5_609_375,
        ),
        row("active/adver-timer-early", RFC_6_4_3, active(V3)).when(4_609_374, Event::Timer).then(
            [],
            Active,
            4_609_375,
        ),
        row("active/adver-timer-late", DECIDED, active(V3)).when(6_000_000, Event::Timer).then(
            [send(100)],
            Active,
            7_000_000,
        ),
    ]
}

/// Active since 3.609375 s, and silent since.
fn active_late() -> Vec<Row> {
    let late = |silent| {
        let cause = Cause::Late { silent: Duration::from_micros(silent) };
        to(Active, Backup, 100, cause)
    };
    let steps_down = || [REMOVE, late(3_390_625)];
    let stepped_down = || active(V3).and(7_000_000, Event::Timer);
    let parting = Config { higher_prio_send_advert: true, ..V3 };
    let one_advert = Config { down_timer_adverts: NonZeroU8::MIN, ..V3 };
    let five = NonZeroU8::new(5).expect("5 is not zero");
    let five_adverts = Config { down_timer_adverts: five, ..V3 };
    let after = |more: Action| Vec::from_iter(steps_down().into_iter().chain([more]));
    vec![
        row("active/late-not-yet", DECIDED, active(V3)).when(6_609_374, Event::Timer).then(
            [send(100)],
            Active,
            7_609_374,
        ),
        row("active/late", DECIDED, active(V3)).when(6_609_375, Event::Timer).then(
            [REMOVE, late(3_000_000)],
            Backup,
            10_218_750,
        ),
        row("active/late-v2", DECIDED, active(V2)).when(6_609_375, Event::Timer).then(
            [REMOVE, late(3_000_000)],
            Backup,
            10_218_750,
        ),
        row("active/late-one-advert", DECIDED, active(one_advert))
            .when(5_609_375, Event::Timer)
            .then([REMOVE, late(2_000_000)], Backup, 7_218_750),
        row(
            "active/late-five-adverts",
            DECIDED,
            started(five_adverts).and(5_609_375, Event::Timer),
        )
        .when(10_609_375, Event::Timer)
        .then([REMOVE, late(5_000_000)], Backup, 16_218_750),
        row(
            "active/late-as-advertised",
            DECIDED,
            active(V3).and(4_000_000, Event::Reconfigure(Config { interval: centis(10), ..V3 })),
        )
        .when(6_609_374, Event::Timer)
        .then([send(100)], Active, 6_709_374),
        row("active/late-loser", DECIDED, active(V3)).when(7_000_000, advert(ABOVE, 99)).then(
            steps_down(),
            Backup,
            10_609_375,
        ),
        row("active/late-better", DECIDED, active(parting))
            .when(7_000_000, advert_every(ABOVE, 200, 100))
            .then(steps_down(), Backup, 10_609_375),
        row("active/late-better-before", DECIDED, stepped_down())
            .when(6_000_000, advert(ABOVE, 200))
            .then([], Backup, 10_609_375),
        row("active/late-resignation-before", DECIDED, stepped_down())
            .when(6_999_999, advert(ABOVE, 0))
            .then([], Backup, 10_609_375),
        row("active/late-resignation", RFC_6_4_2, stepped_down())
            .when(7_000_000, advert(ABOVE, 0))
            .then([], Backup, 7_609_375),
        row("active/late-fault", DECIDED, active(V3)).when(7_000_000, failed("disk")).then(
            after(to(Backup, Fault, 100, Cause::Fault(tracker_fault("disk")))),
            Fault,
            None,
        ),
        row("active/late-lost", DECIDED, active(V3)).when(7_000_000, Event::AddressesLost).then(
            steps_down(),
            Backup,
            10_609_375,
        ),
        row("active/late-shutdown", DECIDED, active(V3)).when(7_000_000, Event::Shutdown).then(
            after(to(Backup, Initialize, 100, Cause::Shutdown)),
            Initialize,
            None,
        ),
    ]
}

fn active_adverts() -> Vec<Row> {
    let higher = |at| Cause::HigherPriority(peer(BELOW, 101, at));
    let loses = |source, priority| report(Report::LosingAdvert(peer(source, priority, 4_000_000)));
    let no_advert = Config { lower_prio_no_advert: true, ..V3 };
    let unannounced = Announce { lower_prio_repeat: 0, ..Announce::DEFAULT };
    let silent = Config { announce: unannounced, ..no_advert.clone() };
    let parting = Config { higher_prio_send_advert: true, ..V3 };
    let ipv6 = || active(V3).and(3_700_000, Event::PrimaryAddress(Some(v6(0x100))));
    let ipv6_higher = Cause::HigherAddress(peer(v6(0x101), 100, 4_000_000));
    let readdressed = || active(V3).and(3_700_000, Event::PrimaryAddress(Some(v4(1))));
    vec![
        row("active/resignation", RFC_6_4_3, active(V3)).when(4_000_000, advert(ABOVE, 0)).then(
            [send(100)],
            Active,
            5_000_000,
        ),
        row("active/higher", RFC_6_4_3, active(V3)).when(4_000_000, advert(BELOW, 101)).then(
            [REMOVE, to(Active, Backup, 100, higher(4_000_000))],
            Backup,
            7_609_375,
        ),
        row("active/higher-v2", V2_6_4_3, active(V2)).when(4_000_000, advert(BELOW, 101)).then(
            [REMOVE, to(Active, Backup, 100, higher(4_000_000))],
            Backup,
            7_609_375,
        ),
        row("active/higher-interval", RFC_6_4_3, active(V3))
            .when(4_000_000, advert_every(ABOVE, 101, 50))
            .then(
                [
                    REMOVE,
                    to(
                        Active,
                        Backup,
                        100,
                        Cause::HigherPriority(peer_every(ABOVE, 101, 50, 4_000_000)),
                    ),
                    report(Report::IntervalLearnt {
                        source: ABOVE,
                        from: centis(100),
                        to: centis(50),
                    }),
                ],
                Backup,
                5_804_687,
            ),
        row("active/higher-send-advert", MANUAL, active(parting))
            .when(4_000_000, advert(BELOW, 101))
            .then(
                [send(100), REMOVE, to(Active, Backup, 100, higher(4_000_000))],
                Backup,
                7_609_375,
            ),
        row("active/equal-higher-address", RFC_6_4_3, active(V3))
            .when(4_000_000, advert(ABOVE, 100))
            .then(
                [
                    REMOVE,
                    to(Active, Backup, 100, Cause::HigherAddress(peer(ABOVE, 100, 4_000_000))),
                ],
                Backup,
                7_609_375,
            ),
        row("active/equal-higher-address-v6", RFC_6_4_3, ipv6())
            .when(4_000_000, advert(v6(0x101), 100))
            .then([REMOVE, to(Active, Backup, 100, ipv6_higher)], Backup, 7_609_375),
        row("active/equal-lower-address-v6", RFC_6_4_3, ipv6())
            .when(4_000_000, advert(v6(0xff), 100))
            .then([send(100), announce(5), loses(v6(0xff), 100)], Active, 5_000_000),
        row("active/equal-lower-address", RFC_6_4_3, active(V3))
            .when(4_000_000, advert(BELOW, 100))
            .then([send(100), announce(5), loses(BELOW, 100)], Active, 5_000_000),
        row("active/equal-new-address", RFC_6_4_3, readdressed())
            .when(4_000_000, advert(BELOW, 100))
            .then(
                [
                    REMOVE,
                    to(Active, Backup, 100, Cause::HigherAddress(peer(BELOW, 100, 4_000_000))),
                ],
                Backup,
                7_609_375,
            ),
        row("active/lower", RFC_6_4_3, active(V3)).when(4_000_000, advert(ABOVE, 99)).then(
            [send(100), announce(5), loses(ABOVE, 99)],
            Active,
            5_000_000,
        ),
        row("active/lower-v2", DECIDED, active(V2)).when(4_000_000, advert(ABOVE, 99)).then(
            [send(100), announce(5), loses(ABOVE, 99)],
            Active,
            5_000_000,
        ),
        row("active/lower-no-advert", "keepalived 2.2.7", active(no_advert))
            .when(4_000_000, advert(ABOVE, 99))
            .then([announce(5), loses(ABOVE, 99)], Active, 4_609_375),
        row("active/lower-silent", "RFC 3768 §6.4.3, RFC 5798 §6.4.3", active(silent))
            .when(4_000_000, advert(ABOVE, 99))
            .then([loses(ABOVE, 99)], Active, 4_609_375),
        row("active/own-address", DECIDED, active(V3)).when(4_000_000, advert(OWN, 200)).then(
            [report(Report::OwnAddress(peer(OWN, 200, 4_000_000)))],
            Active,
            4_609_375,
        ),
    ]
}

fn active_answers() -> Vec<Row> {
    // The shortest Skew_Time is 1 s / 256, which is 3906 µs.
    let answered = |config| active(config).and(4_000_000, advert(ABOVE, 99));
    let put_off = || answered(V3).and(4_001_000, advert(BELOW, 98));
    let v2_10s = Config { interval: centis(1000), ..V2 };
    let v3_10ms = Config { interval: centis(1), ..V3 };
    let loses = |at| report(Report::LosingAdvert(peer(BELOW, 98, at)));
    vec![
        row("active/two-losers", DECIDED, answered(V3)).when(4_001_000, advert(BELOW, 98)).then(
            [loses(4_001_000)],
            Active,
            4_003_906,
        ),
        row("active/two-losers-answered", DECIDED, put_off())
            .when(4_003_906, Event::Timer)
            // After that the announcement that the second one waits for.
            .then([send(100)], Active, 5_000_000),
        row("active/two-losers-next-advert", DECIDED, put_off().and(4_200_000, Event::Timer))
            .when(4_203_905, advert(BELOW, 98))
            .then([loses(4_203_905)], Active, 4_203_906),
        row("active/answers-again", DECIDED, answered(V3)).when(4_003_906, advert(BELOW, 98)).then(
            [send(100), loses(4_003_906)],
            Active,
            5_000_000,
        ),
        row("active/resignation-after-answer", DECIDED, answered(V3))
            .when(4_003_905, advert(BELOW, 0))
            .then([], Active, 4_003_906),
        row(
            "active/two-losers-v2",
            DECIDED,
            started(v2_10s).and(30_609_375, Event::Timer).and(31_000_000, advert(ABOVE, 99)),
        )
        .when(31_000_001, advert(BELOW, 98))
        .then([loses(31_000_001)], Active, 31_003_906),
        row(
            "active/two-losers-fast",
            DECIDED,
            started(v3_10ms).and(36_093, Event::Timer).and(40_000, advert(ABOVE, 99)),
        )
        .when(40_001, advert(BELOW, 98))
        .then([loses(40_001)], Active, 41_000),
    ]
}

fn active_announcements() -> Vec<Row> {
    let announcing = |announce| Config { announce, ..V3 };
    let slow = |config| Config { interval: centis(4000), ..config };
    // Active since 144.375 s, and the next advert 40 s later.
    let alone = |config| started(slow(config)).and(144_375_000, Event::Timer);
    let once = Announce { repeat: 1, delay: Duration::ZERO, ..Announce::DEFAULT };
    let never = Announce { repeat: 0, ..Announce::DEFAULT };
    let refreshed =
        Announce { refresh: Duration::from_secs(60), refresh_repeat: 2, ..Announce::DEFAULT };
    let brief = Announce { lower_prio_repeat: 2, lower_prio_delay: Duration::from_secs(1), ..once };
    let fewer = Announce { lower_prio_repeat: 2, ..Announce::DEFAULT };
    let brief_once = Announce { lower_prio_delay: Duration::ZERO, ..brief };
    let loses = |at| report(Report::LosingAdvert(peer(ABOVE, 99, at)));
    let mute = Announce { lower_prio_repeat: 0, ..once };
    let takeover_announcing = |rounds: Option<u8>| {
        let mut actions = takeover(Backup, 100, UNHEARD);
        actions.remove(2);
        actions.splice(2..2, rounds.map(announce));
        actions
    };
    let second = |config| alone(config).and(144_375_001, advert(ABOVE, 50));
    vec![
        row("active/second-announcement", MANUAL, alone(V3)).when(149_375_000, Event::Timer).then(
            [announce(5)],
            Active,
            184_375_000,
        ),
        row("active/announce-once", MANUAL, started(announcing(once)))
            .when(3_609_375, Event::Timer)
            .then(takeover_announcing(Some(1)), Active, 4_609_375),
        row("active/announce-never", MANUAL, started(slow(announcing(never))))
            .when(144_375_000, Event::Timer)
            .then(takeover_announcing(None), Active, 184_375_000),
        row("active/refresh", MANUAL, alone(announcing(refreshed)).and(184_375_000, Event::Timer))
            .when(204_375_000, Event::Timer)
            .then([announce(2)], Active, 224_375_000),
        row("active/lower-second-announcement", MANUAL, second(announcing(brief)))
            .when(145_375_001, Event::Timer)
            .then([announce(2)], Active, 184_375_001),
        row("active/lower-postpones-second", DECIDED, second(V3))
            .when(149_375_000, Event::Timer)
            .then([], Active, 149_375_001),
        row("active/lower-keeps-rounds", DECIDED, second(announcing(fewer)))
            .when(149_375_001, Event::Timer)
            .then([announce(5)], Active, 184_375_001),
        row("active/lower-announce-once", MANUAL, alone(announcing(brief_once)))
            .when(144_375_001, advert(ABOVE, 99))
            .then([send(100), announce(2), loses(144_375_001)], Active, 184_375_001),
        row("active/lower-no-announcement", MANUAL, alone(announcing(mute)))
            .when(144_375_001, advert(ABOVE, 99))
            .then([send(100), loses(144_375_001)], Active, 184_375_001),
        row("active/lower-next-announcement", DECIDED, second(V3))
            .when(144_875_001, advert(ABOVE, 99))
            .then([send(100), loses(144_875_001)], Active, 145_375_001),
        row("active/lower-announced", DECIDED, second(V3).and(144_875_001, advert(ABOVE, 99)))
            .when(145_375_001, Event::Timer)
            .then([announce(5)], Active, 149_875_001),
        row("active/all-due", DECIDED, alone(announcing(refreshed)))
            .when(210_000_000, Event::Timer)
            .then([send(100), announce(5), announce(2)], Active, 250_000_000),
    ]
}

fn owner() -> Vec<Row> {
    let deaf = Config { owner_ignore_adverts: true, ..OWNER };
    let heard = |priority| report(Report::OwnerHeard(peer(ABOVE, priority, 500_000)));
    vec![
        row("owner/lower", RFC_7_1, started(OWNER)).when(500_000, advert(ABOVE, 254)).then(
            [send(255), announce(5), heard(254)],
            Active,
            1_500_000,
        ),
        row("owner/resignation", RFC_7_1, started(OWNER)).when(500_000, advert(ABOVE, 0)).then(
            [send(255), heard(0)],
            Active,
            1_500_000,
        ),
        row("owner/two-lower-address", RFC_8_3_2, started(OWNER))
            .when(500_000, advert(BELOW, 255))
            .then(
                [send(255), announce(5), report(Report::TwoOwners(peer(BELOW, 255, 500_000)))],
                Active,
                1_500_000,
            ),
        row("owner/two-higher-address", RFC_8_3_2, started(OWNER))
            .when(500_000, advert(ABOVE, 255))
            .then(
                [REMOVE, to(Active, Backup, 255, Cause::TwoOwners(peer(ABOVE, 255, 500_000)))],
                Backup,
                3_503_906,
            ),
        row("owner/late", DECIDED, started(OWNER)).when(3_000_000, Event::Timer).then(
            [
                send(255),
                INSTALL,
                announce(5),
                report(Report::TakenBack { silent: Duration::from_secs(3) }),
            ],
            Active,
            4_000_000,
        ),
        row("owner/ignores", MANUAL, started(deaf)).when(500_000, advert(ABOVE, 255)).then(
            [],
            Active,
            1_000_000,
        ),
    ]
}

fn faults() -> Vec<Row> {
    let enters = |from, reason| to(from, Fault, 100, Cause::Fault(reason));
    vec![
        row("fault/active", DECIDED, active(V3)).when(4_000_000, failed("disk")).then(
            [send(0), REMOVE, enters(Active, tracker_fault("disk"))],
            Fault,
            None,
        ),
        row("fault/active-link-down", DECIDED, active(V3))
            .when(4_000_000, Event::Fault(FaultReason::NoCarrier))
            .then([REMOVE, enters(Active, FaultReason::NoCarrier)], Fault, None),
        row("fault/active-no-address", DECIDED, active(V3))
            .when(4_000_000, Event::PrimaryAddress(None))
            .then([REMOVE, enters(Active, FaultReason::NoPrimaryAddress)], Fault, None),
        row("fault/backup", DECIDED, started(V3))
            .when(1_000_000, Event::Fault(FaultReason::InterfaceDown))
            .then([enters(Backup, FaultReason::InterfaceDown)], Fault, None),
        row("fault/silent", DECIDED, faulty(V3)).when(2_000_000, advert(BELOW, 50)).then(
            [],
            Fault,
            None,
        ),
        row("fault/no-timer", DECIDED, faulty(V3)).when(9_000_000, Event::Timer).then(
            [],
            Fault,
            None,
        ),
        row("fault/another", DECIDED, faulty(V3))
            .when(2_000_000, Event::Fault(FaultReason::NoCarrier))
            .then([report(Report::FaultAdded(FaultReason::NoCarrier))], Fault, None),
        row("fault/told-twice", DECIDED, faulty(V3)).when(2_000_000, failed("disk")).then(
            [],
            Fault,
            None,
        ),
        row("fault/shutdown", DECIDED, faulty(V3)).when(2_000_000, Event::Shutdown).then(
            [to(Fault, Initialize, 100, Cause::Shutdown)],
            Initialize,
            None,
        ),
    ]
}

fn leaving_faults() -> Vec<Row> {
    let cleared = |name| Cause::FaultCleared(tracker_fault(name));
    let learnt = || started(V3).and(500_000, advert_every(ABOVE, 200, 400));
    vec![
        row("fault/one-of-two-clears", DECIDED, faulty(V3).and(1_500_000, failed("cpu")))
            .when(2_000_000, healthy("disk"))
            .then([report(Report::FaultLifted(tracker_fault("disk")))], Fault, None),
        row("fault/told-twice-clears-once", DECIDED, faulty(V3).and(1_500_000, failed("disk")))
            .when(2_000_000, healthy("disk"))
            .then([to(Fault, Backup, 100, cleared("disk"))], Backup, 5_609_375),
        row("fault/last-clears", DECIDED, faulty(V3)).when(2_000_000, healthy("disk")).then(
            [to(Fault, Backup, 100, cleared("disk"))],
            Backup,
            5_609_375,
        ),
        row("fault/last-clears-as-at-start", DECIDED, learnt().and(1_000_000, failed("disk")))
            .when(2_000_000, healthy("disk"))
            .then([to(Fault, Backup, 100, cleared("disk"))], Backup, 5_609_375),
        row("fault/owner-clears", DECIDED, faulty(OWNER)).when(2_000_000, healthy("disk")).then(
            takeover(Fault, 255, cleared("disk")),
            Active,
            3_000_000,
        ),
        row(
            "fault/address-returns",
            DECIDED,
            started(V3).and(1_000_000, Event::PrimaryAddress(None)),
        )
        .when(2_000_000, Event::PrimaryAddress(Some(OWN)))
        .then(
            [to(Fault, Backup, 100, Cause::FaultCleared(FaultReason::NoPrimaryAddress))],
            Backup,
            5_609_375,
        ),
        row(
            "fault/address-told-as-fault",
            DECIDED,
            started(V3).and(1_000_000, Event::Fault(FaultReason::NoPrimaryAddress)),
        )
        .when(2_000_000, Event::PrimaryAddress(Some(OWN)))
        .then(
            [to(Fault, Backup, 100, Cause::FaultCleared(FaultReason::NoPrimaryAddress))],
            Backup,
            5_609_375,
        ),
        row(
            "fault/tracker-told-as-fault",
            DECIDED,
            started(V3).and(1_000_000, Event::Fault(tracker_fault("disk"))),
        )
        .when(2_000_000, healthy("disk"))
        .then([to(Fault, Backup, 100, cleared("disk"))], Backup, 5_609_375),
        row("fault/tracker-cleared-as-fault", DECIDED, faulty(V3))
            .when(2_000_000, Event::FaultCleared(tracker_fault("disk")))
            .then([to(Fault, Backup, 100, cleared("disk"))], Backup, 5_609_375),
        row(
            "fault/only-an-address-helps",
            DECIDED,
            started(V3).and(1_000_000, Event::PrimaryAddress(None)),
        )
        .when(2_000_000, Event::FaultCleared(FaultReason::NoPrimaryAddress))
        .then([], Fault, None),
        row("fault/tracker-removed", DECIDED, faulty(V3))
            .when(2_000_000, Event::TrackerRemoved { name: "disk".into() })
            .then([to(Fault, Backup, 100, cleared("disk"))], Backup, 5_609_375),
    ]
}

fn waiting() -> Vec<Row> {
    let unknown = |name| tracker(name, Influence::Waiting);
    let waits = |config| told_address(config).and(0, unknown("check")).and(0, Event::Startup);
    let ready = || Cause::Ready("check".into());
    let also_faulty = || waits(V3).and(1_000_000, Event::Fault(FaultReason::NoCarrier));
    vec![
        row("init/waiting", DECIDED, told_address(V3).and(0, unknown("check")))
            .when(0, Event::Startup)
            .then([], Initialize, None),
        row("init/waiting-ends", DECIDED, waits(V3)).when(1_000_000, healthy("check")).then(
            [to(Initialize, Backup, 100, ready())],
            Backup,
            4_609_375,
        ),
        row("init/waiting-ends-owner", DECIDED, waits(OWNER))
            .when(1_000_000, healthy("check"))
            .then(takeover(Initialize, 255, ready()), Active, 2_000_000),
        row("init/waiting-ends-badly", DECIDED, waits(V3)).when(1_000_000, failed("check")).then(
            [to(Initialize, Fault, 100, Cause::Fault(tracker_fault("check")))],
            Fault,
            None,
        ),
        row("init/waiting-for-two", DECIDED, waits(V3).and(0, unknown("other")))
            .when(1_000_000, healthy("check"))
            .then([], Initialize, None),
        row("init/waiting-silent", DECIDED, waits(V3)).when(1_000_000, advert(BELOW, 50)).then(
            [],
            Initialize,
            None,
        ),
        row("init/waiting-shutdown", DECIDED, waits(V3)).when(1_000_000, Event::Shutdown).then(
            [],
            Initialize,
            None,
        ),
        row("init/waiting-shutdown-stays", DECIDED, waits(V3).and(1_000_000, Event::Shutdown))
            .when(2_000_000, healthy("check"))
            .then([], Initialize, None),
        row("init/waiting-faulty", DECIDED, waits(V3))
            .when(1_000_000, Event::Fault(FaultReason::NoCarrier))
            .then([to(Initialize, Fault, 100, Cause::Fault(FaultReason::NoCarrier))], Fault, None),
        row("fault/waiting-remains", DECIDED, also_faulty())
            .when(2_000_000, Event::FaultCleared(FaultReason::NoCarrier))
            .then([report(Report::FaultLifted(FaultReason::NoCarrier))], Fault, None),
        row(
            "fault/waiting-ends",
            DECIDED,
            also_faulty().and(2_000_000, Event::FaultCleared(FaultReason::NoCarrier)),
        )
        .when(3_000_000, healthy("check"))
        .then([to(Fault, Backup, 100, ready())], Backup, 6_609_375),
        row("backup/new-tracker-waits", DECIDED, started(V3))
            .when(1_000_000, unknown("check"))
            .then([], Backup, 3_609_375),
    ]
}

fn priority() -> Vec<Row> {
    let weight = |points| tracker("apache", Influence::Weight(points));
    let higher = Config { priority: Priority::new(244), ..V3 };
    let too_low = || tracker("load", Influence::WeightedFault);
    // With priority 254: Active since 3.007812 s.
    let raised = || {
        told_address(higher.clone())
            .and(0, weight(10))
            .and(0, Event::Startup)
            .and(3_007_812, Event::Timer)
    };
    vec![
        row("priority/falls", DECIDED, raised()).when(3_500_000, weight(0)).then(
            [send(244), changed(254, 244)],
            Active,
            4_500_000,
        ),
        row("priority/tracker-removed", DECIDED, raised())
            .when(3_500_000, Event::TrackerRemoved { name: "apache".into() })
            .then([send(244), changed(254, 244)], Active, 4_500_000),
        row("priority/rises", DECIDED, active(V3)).when(4_000_000, weight(10)).then(
            [changed(100, 110)],
            Active,
            4_609_375,
        ),
        row("priority/rises-next-advert", DECIDED, active(V3).and(4_000_000, weight(10)))
            .when(4_609_375, Event::Timer)
            .then([send(110)], Active, 5_609_375),
        row("priority/unmoved", DECIDED, raised()).when(3_500_000, weight(10)).then(
            [],
            Active,
            4_007_812,
        ),
        row("priority/no-fault-to-clear", DECIDED, raised())
            .when(3_500_000, Event::FaultCleared(tracker_fault("apache")))
            .then([], Active, 4_007_812),
        row("priority/backup-sooner", DECIDED, started(V3)).when(1_000_000, weight(50)).then(
            [changed(100, 150)],
            Backup,
            3_414_062,
        ),
        row("priority/backup-later", DECIDED, started(V3)).when(1_000_000, weight(-50)).then(
            [changed(100, 50)],
            Backup,
            3_804_687,
        ),
        row("priority/backup-resigned", DECIDED, started(V3).and(1_000_000, advert(ABOVE, 0)))
            .when(1_100_000, weight(50))
            .then([changed(100, 150)], Backup, 1_414_062),
        row("priority/lowest", DECIDED, started(V3)).when(1_000_000, weight(-253)).then(
            [changed(100, 1)],
            Backup,
            3_996_093,
        ),
        row("priority/highest", DECIDED, started(V3)).when(1_000_000, weight(253)).then(
            [changed(100, 254)],
            Backup,
            3_007_812,
        ),
        row("priority/in-fault", DECIDED, faulty(V3)).when(2_000_000, weight(10)).then(
            [changed(100, 110)],
            Fault,
            None,
        ),
        row("priority/weight-becomes-fault", DECIDED, raised())
            .when(3_500_000, failed("apache"))
            .then(
                [
                    send(0),
                    REMOVE,
                    to(Active, Fault, 244, Cause::Fault(tracker_fault("apache"))),
                    changed(254, 244),
                ],
                Fault,
                None,
            ),
        row("priority/floor", DECIDED, started(V3)).when(1_000_000, too_low()).then(
            [to(Backup, Fault, 100, Cause::Fault(tracker_fault("load")))],
            Fault,
            None,
        ),
        row("owner/unmoved", DECIDED, started(OWNER)).when(500_000, weight(-100)).then(
            [],
            Active,
            1_000_000,
        ),
        row("owner/floor", DECIDED, started(OWNER)).when(500_000, too_low()).then(
            [],
            Active,
            1_000_000,
        ),
        row("owner/tracker-fault", DECIDED, started(OWNER)).when(500_000, failed("disk")).then(
            [send(0), REMOVE, to(Active, Fault, 255, Cause::Fault(tracker_fault("disk")))],
            Fault,
            None,
        ),
    ]
}

fn addresses() -> Vec<Row> {
    vec![
        row("addresses/lost", DECIDED, active(V3)).when(4_000_000, Event::AddressesLost).then(
            [INSTALL, announce(5), report(Report::AddressesLost)],
            Active,
            4_609_375,
        ),
        row("addresses/lost-backup", DECIDED, started(V3))
            .when(1_000_000, Event::AddressesLost)
            .then([], Backup, 3_609_375),
        row("addresses/not-put-back", DECIDED, active(V3).and(4_000_000, Event::AddressesLost))
            .when(4_000_001, Event::Fault(FaultReason::InstallFailed))
            .then(
                [send(0), REMOVE, to(Active, Fault, 100, Cause::Fault(FaultReason::InstallFailed))],
                Fault,
                None,
            ),
    ]
}

fn settings() -> Vec<Row> {
    let base = |priority, config| Config { priority: Priority::new(priority), ..config };
    let every = |interval, config| Config { interval: centis(interval), ..config };
    let follows = |config| started(config).and(1_000_000, advert(ABOVE, 200));
    let too_low = || tracker("load", Influence::WeightedFault);
    let becomes = |config| Event::Reconfigure(config);
    let refresh = Announce { refresh: Duration::from_millis(500), ..Announce::DEFAULT };
    let slow_refreshing = |refresh| Config {
        announce: Announce { refresh, delay: Duration::ZERO, ..Announce::DEFAULT },
        ..every(4000, V3)
    };
    let ten_seconds = Duration::from_secs(10);
    let refreshing = |refresh| started(slow_refreshing(refresh)).and(144_375_000, Event::Timer);
    vec![
        row("settings/same-backup", DECIDED, follows(V3)).when(2_000_000, becomes(V3)).then(
            [],
            Backup,
            4_609_375,
        ),
        row("settings/same-active", DECIDED, active(V3)).when(4_000_000, becomes(V3)).then(
            [],
            Active,
            4_609_375,
        ),
        row("settings/before-start", DECIDED, told_address(V3))
            .when(0, becomes(base(150, V3)))
            .then([], Initialize, None),
        row("settings/priority-falls", DECIDED, active(V3))
            .when(4_000_000, becomes(base(50, V3)))
            .then([send(50), changed(100, 50)], Active, 5_000_000),
        row("settings/priority-rises", DECIDED, active(V3))
            .when(4_000_000, becomes(base(150, V3)))
            .then([changed(100, 150)], Active, 4_609_375),
        row("settings/priority-backup", DECIDED, follows(V3))
            .when(2_000_000, becomes(base(150, V3)))
            .then([changed(100, 150)], Backup, 4_414_062),
        row("settings/owner-from-backup", DECIDED, follows(V3))
            .when(2_000_000, becomes(OWNER))
            .then(
                [takeover(Backup, 255, Cause::Reconfigured), vec![changed(100, 255)]].concat(),
                Active,
                3_000_000,
            ),
        row("settings/owner-no-more", DECIDED, started(OWNER)).when(500_000, becomes(V3)).then(
            [send(100), changed(255, 100)],
            Active,
            1_500_000,
        ),
        row("settings/owner-no-more-floor", DECIDED, started(OWNER).and(0, too_low()))
            .when(500_000, becomes(V3))
            .then(
                [
                    send(0),
                    REMOVE,
                    to(Active, Fault, 100, Cause::Fault(tracker_fault("load"))),
                    changed(255, 100),
                ],
                Fault,
                None,
            ),
        row("settings/owner-leaves-floor", DECIDED, started(V3).and(0, too_low()))
            .when(500_000, becomes(OWNER))
            .then(
                [takeover(Fault, 255, Cause::Reconfigured), vec![changed(100, 255)]].concat(),
                Active,
                1_500_000,
            ),
        row("settings/interval-shorter", DECIDED, active(V3))
            .when(4_000_000, becomes(every(50, V3)))
            .then([], Active, 4_500_000),
        row("settings/interval-longer", DECIDED, active(V3))
            .when(4_000_000, becomes(every(500, V3)))
            .then([], Active, 4_609_375),
        row("settings/interval-backup-learnt", DECIDED, follows(V3))
            .when(2_000_000, becomes(every(10, V3)))
            .then([], Backup, 4_609_375),
        row("settings/interval-backup-unheard", DECIDED, started(V3))
            .when(1_000_000, becomes(every(10, V3)))
            .then([], Backup, 1_360_937),
        row("settings/interval-backup-v2", DECIDED, follows(V2))
            .when(2_000_000, becomes(every(200, V2)))
            .then([], Backup, 8_609_375),
        row("settings/adverts-backup", DECIDED, follows(V3))
            .when(2_000_000, becomes(Config { down_timer_adverts: NonZeroU8::MIN, ..V3 }))
            .then([], Backup, 3_609_375),
        row("settings/adverts-resigned", DECIDED, started(V3).and(1_000_000, advert(ABOVE, 0)))
            .when(1_100_000, becomes(Config { down_timer_adverts: NonZeroU8::MIN, ..V3 }))
            .then([], Backup, 1_609_375),
        row("settings/refresh", DECIDED, active(V3))
            .when(4_000_000, becomes(Config { announce: refresh, ..V3 }))
            .then([], Active, 4_500_000),
        row("settings/same-refresh", DECIDED, refreshing(ten_seconds))
            .when(149_375_000, becomes(slow_refreshing(ten_seconds)))
            .then([], Active, 154_375_000),
        row("settings/no-refresh", DECIDED, refreshing(ten_seconds))
            .when(149_375_000, becomes(slow_refreshing(Duration::ZERO)))
            .then([], Active, 184_375_000),
        row(
            "settings/nopreempt",
            DECIDED,
            follows(V3).and(2_000_000, becomes(Config { preempt: false, ..V3 })),
        )
        .when(3_000_000, advert(ABOVE, 50))
        .then([], Backup, 6_609_375),
    ]
}
