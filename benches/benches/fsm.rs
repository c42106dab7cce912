//! What the state machine costs in the steady state. A benchmark that allocates gets further
//! lines for it; none does.
//!
//! `cargo bench -p vrrp-benches --bench fsm`

use core::net::{IpAddr, Ipv4Addr};

use divan::{AllocProfiler, Bencher, black_box};
use vrrp_fsm::{Config, Event, Heard, Influence, Instant, Router};
use vrrp_proto::{Interval, Priority, Version};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// Started at 0 with as many trackers as a busy configuration has.
fn started() -> Router {
    let mut router = Router::new(Config::new(Version::V3));
    let _ = router.handle(Instant::ZERO, Event::PrimaryAddress(Some(address(1))));
    for number in 0..8 {
        let name = format!("check_{number}").into();
        let influence = Influence::Weight(number);
        let _ = router.handle(Instant::ZERO, Event::Tracker { name, influence });
    }
    let _ = router.handle(Instant::ZERO, Event::Startup);
    router
}

fn active() -> Router {
    let mut router = started();
    let _ = router.handle(deadline(&router), Event::Timer);
    router
}

fn address(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))
}

fn heard(priority: u8) -> Heard {
    Heard { source: address(2), priority: Priority::new(priority), interval: Interval::DEFAULT }
}

fn deadline(router: &Router) -> Instant {
    router.deadline().expect("it takes part")
}

/// Handles `event` at each deadline, without end.
fn repeat(bencher: Bencher<'_, '_>, mut router: Router, event: &Event) {
    bencher.bench_local(|| {
        let now = deadline(&router);
        router.handle(black_box(now), black_box(event.clone()))
    });
}

#[divan::bench]
fn backup_hears_the_active_router(bencher: Bencher<'_, '_>) {
    repeat(bencher, started(), &Event::Advert(heard(200)));
}

#[divan::bench]
fn active_advertises(bencher: Bencher<'_, '_>) {
    repeat(bencher, active(), &Event::Timer);
}

#[divan::bench]
fn active_refutes_a_losing_advert(bencher: Bencher<'_, '_>) {
    repeat(bencher, active(), &Event::Advert(heard(50)));
}

#[divan::bench]
fn receiver_asks_whether_to_park(bencher: Bencher<'_, '_>) {
    let mut router = started();
    let _ = router.handle(Instant::ZERO, Event::Advert(heard(200)));
    bencher.bench_local(|| black_box(&router).would_only_restart_timer(black_box(&heard(200))));
}

#[divan::bench]
fn a_tracker_moves_the_priority(bencher: Bencher<'_, '_>) {
    let mut router = active();
    let name: std::sync::Arc<str> = "check_7".into();
    let mut points = 0;
    bencher.bench_local(|| {
        points = (points + 1) % 100;
        let event = Event::Tracker { name: name.clone(), influence: Influence::Weight(points) };
        router.handle(Instant::ZERO, event)
    });
}
