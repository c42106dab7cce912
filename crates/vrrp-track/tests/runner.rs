//! One-off programs: their order, their limits, their independence.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use common::{PATIENCE, is_running, pid_in, wait_until};
use vrrp_track::runner::{Report, RunReport, Runner, RunnerLimits};
use vrrp_track::{Outcome, Program};

const LIMIT: Duration = Duration::from_secs(600);

fn shell(code: impl Into<String>) -> Program {
    Program::new("/bin/sh").arg("-c").arg(code.into())
}

/// A report that sends, under `name`, what it is told.
fn reports() -> (impl Fn(&str) -> Report, Receiver<(String, RunReport)>) {
    let (sender, receiver) = mpsc::channel();
    let report = move |name: &str| -> Report {
        let (sender, name) = (sender.clone(), name.to_owned());
        Box::new(move |report| drop(sender.send((name.clone(), report))))
    };
    (report, receiver)
}

fn nobody() -> Report {
    Box::new(drop)
}

/// Blocks a shell script until `gate` exists.
fn until(gate: &Path) -> String {
    format!("until test -e {}; do sleep 0.01; done", gate.display())
}

fn soon() -> Instant {
    Instant::now() + PATIENCE
}

#[test]
fn programs_of_one_key_run_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let runner = Runner::start(RunnerLimits::default()).unwrap();
    for index in 0..30 {
        // The later, the faster: side by side they would finish in another order.
        let code = format!("sleep 0.0{}; echo {index} >> {}", 3 - index / 10, log.display());
        runner.run(&"key".into(), shell(code), LIMIT, nobody()).unwrap();
    }
    assert_eq!(runner.drain(soon()), 0);
    let expected: String = (0..30).map(|index| format!("{index}\n")).collect();
    assert_eq!(fs::read_to_string(log).unwrap(), expected);
}

#[test]
fn a_key_that_hangs_does_not_hold_up_another() {
    let directory = tempfile::tempdir().unwrap();
    let gate = directory.path().join("gate");
    let (report, inbox) = reports();
    let runner = Runner::start(RunnerLimits::default()).unwrap();
    runner.run(&"hangs".into(), shell(until(&gate)), LIMIT, report("hangs 1")).unwrap();
    runner.run(&"hangs".into(), shell(":"), LIMIT, report("hangs 2")).unwrap();
    runner.run(&"free".into(), shell(":"), LIMIT, report("free")).unwrap();
    assert_eq!(inbox.recv_timeout(PATIENCE).unwrap().0, "free");
    fs::write(gate, "").unwrap();
    assert_eq!(inbox.recv_timeout(PATIENCE).unwrap().0, "hangs 1");
    assert_eq!(inbox.recv_timeout(PATIENCE).unwrap().0, "hangs 2");
}

#[test]
fn a_program_that_overruns_is_reported_not_killed_and_the_next_one_starts() {
    let directory = tempfile::tempdir().unwrap();
    let gate = directory.path().join("gate");
    let (report, inbox) = reports();
    let runner = Runner::start(RunnerLimits::default()).unwrap();
    let limit = Duration::from_millis(100);
    runner
        .run(&"key".into(), shell(format!("{}; exit 5", until(&gate))), limit, report("slow"))
        .unwrap();
    runner.run(&"key".into(), shell(":"), LIMIT, report("next")).unwrap();
    assert_eq!(
        inbox.recv_timeout(PATIENCE).unwrap(),
        ("slow".into(), RunReport::Overran { limit })
    );
    let (name, next) = inbox.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(next, RunReport::Ended { outcome: Outcome::Exit(0), .. }), "{name}: {next}");
    assert_eq!(name, "next");
    assert_eq!(runner.drain(soon()), 0, "what overran is not waited for");
    fs::write(gate, "").unwrap();
    let (name, slow) = inbox.recv_timeout(PATIENCE).unwrap();
    let RunReport::Ended { outcome, took } = slow else { panic!("{name}: {slow}") };
    assert_eq!((&*name, outcome), ("slow", Outcome::Exit(5)));
    assert!(took >= limit);
}

#[test]
fn a_program_that_cannot_start_is_reported_and_the_next_one_starts() {
    let (report, inbox) = reports();
    let runner = Runner::start(RunnerLimits::default()).unwrap();
    runner.run(&"key".into(), Program::new("/no/such/program"), LIMIT, report("missing")).unwrap();
    runner.run(&"key".into(), shell("exit 1"), LIMIT, report("next")).unwrap();
    let (name, missing) = inbox.recv_timeout(PATIENCE).unwrap();
    assert_eq!(name, "missing");
    assert!(
        missing.to_string().starts_with("could not start: /no/such/program: No such file"),
        "{missing}"
    );
    assert_eq!(inbox.recv_timeout(PATIENCE).unwrap().0, "next");
}

#[test]
fn drain_gives_up_at_its_deadline_and_says_how_many_are_left() {
    let directory = tempfile::tempdir().unwrap();
    let gate = directory.path().join("gate");
    let runner = Runner::start(RunnerLimits::default()).unwrap();
    for key in ["a", "a", "b"] {
        runner.run(&key.into(), shell(until(&gate)), LIMIT, nobody()).unwrap();
    }
    let deadline = Instant::now() + Duration::from_millis(50);
    assert_eq!(runner.drain(deadline), 3);
    assert!(Instant::now() >= deadline);
    fs::write(gate, "").unwrap();
    assert_eq!(runner.drain(soon()), 0);
}

#[test]
fn limits_hold_for_waiting_running_and_overrunning_programs() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let one = NonZeroUsize::MIN;
    let runner = Runner::start(RunnerLimits::default().running(one).queued(1).overrun(1)).unwrap();
    let (report, inbox) = reports();

    let first = format!("echo $$ > {}; {}", path("pid").display(), until(&path("gate")));
    runner.run(&"a".into(), shell(first), LIMIT, report("a")).unwrap();
    pid_in(&path("pid"));
    runner.run(&"b".into(), shell(":"), LIMIT, report("b")).unwrap();
    let refused = runner.run(&"c".into(), shell(":"), LIMIT, nobody()).unwrap_err();
    assert_eq!(refused.to_string(), "1 programs are waiting already");
    assert!(inbox.try_recv().is_err(), "b waits although its key is free");
    fs::write(path("gate"), "").unwrap();
    assert_eq!(inbox.recv_timeout(PATIENCE).unwrap().0, "a");
    assert_eq!(inbox.recv_timeout(PATIENCE).unwrap().0, "b");

    let hang = shell(until(&path("gate2")));
    runner.run(&"a".into(), hang, Duration::from_millis(50), report("a")).unwrap();
    inbox.recv_timeout(PATIENCE).unwrap();
    runner.run(&"b".into(), shell(":"), LIMIT, report("b")).unwrap();
    let (_, refused) = inbox.recv_timeout(PATIENCE).unwrap();
    let why = "could not start: 1 programs have overrun their limits and are still running";
    assert!(refused.to_string().starts_with(why), "{refused}");
    fs::write(path("gate2"), "").unwrap();
    inbox.recv_timeout(PATIENCE).unwrap();
    runner.run(&"b".into(), shell(":"), LIMIT, report("b")).unwrap();
    let (_, ended) = inbox.recv_timeout(PATIENCE).unwrap();
    assert!(ended.to_string().starts_with("exit code 0"), "{ended}");
}

#[test]
fn dropping_the_runner_leaves_what_runs_and_reports_what_will_not() {
    let directory = tempfile::tempdir().unwrap();
    let (pid, gate) = (directory.path().join("pid"), directory.path().join("gate"));
    let (report, inbox) = reports();
    let runner = Runner::start(RunnerLimits::default()).unwrap();
    let code = format!("echo $$ > {}; {}", pid.display(), until(&gate));
    runner.run(&"key".into(), shell(code), LIMIT, report("running")).unwrap();
    runner.run(&"key".into(), shell(":"), LIMIT, report("waiting")).unwrap();
    let pid = pid_in(&pid);
    drop(runner);
    let (name, given_up) = inbox.recv_timeout(PATIENCE).unwrap();
    assert_eq!(name, "waiting");
    assert!(given_up.to_string().contains("the runner has been stopped"));
    assert!(is_running(pid));
    fs::write(gate, "").unwrap();
    wait_until("it ends by itself", || !is_running(pid));
    assert!(inbox.try_recv().is_err());
}
