//! Scripts that succeed, fail, hang, fork and refuse to die.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::fs;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use common::{Inbox, is_running, pid_in, sink, wait_until};
use tempfile::TempDir;
use vrrp_track::script::{Script, ScriptSourceStatus, ScriptTracker};
use vrrp_track::{Credentials, Outcome, Program, Reading, SourceKind, Verdict};

const FAST: Duration = Duration::from_millis(20);
const NEVER: Duration = Duration::from_secs(3600);

fn shell(code: impl Into<String>) -> Program {
    Program::new("/bin/sh").arg("-c").arg(code.into())
}

fn times(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).unwrap()
}

fn start(sources: Vec<Script>) -> (ScriptTracker, Inbox) {
    let (sink, inbox) = sink();
    (ScriptTracker::start(sources, sink).unwrap(), inbox)
}

fn status(tracker: &ScriptTracker) -> ScriptSourceStatus {
    tracker.status().sources.remove(0)
}

/// A directory with a file that a script tests for.
struct Switch {
    directory: TempDir,
}

impl Switch {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Succeeds while the switch is on, and notes each run.
    fn script(&self) -> Program {
        let (runs, on) = (self.path("runs"), self.path("on"));
        shell(format!("echo >> {}; test -e {}", runs.display(), on.display()))
    }

    fn on(&self) {
        fs::write(self.path("on"), "").unwrap();
    }

    fn off(&self) {
        fs::remove_file(self.path("on")).unwrap();
    }

    fn runs(&self) -> usize {
        fs::read(self.path("runs")).unwrap_or_default().len()
    }
}

#[test]
fn each_result_has_its_name() {
    let sources = vec![
        Script::new("ok", shell("exit 0")),
        Script::new("code", shell("exit 42")),
        Script::new("signal", shell("kill -USR1 $$")),
        Script::new("hang", shell("sleep 1000")).timeout(FAST),
        Script::new("missing", Program::new("/no/such/program")),
        Script::new("forbidden", Program::new("/etc/passwd")),
    ];
    let (tracker, inbox) =
        start(sources.into_iter().map(|source| source.interval(NEVER)).collect());
    for _ in 0..6 {
        let update = inbox.next();
        let source = tracker.status().sources.into_iter().find(|source| source.name == update.name);
        let (outcome, _) = source.unwrap().last.unwrap();
        let (expected, rightly) = match &*update.name {
            "ok" => (Verdict::Up, outcome == Outcome::Exit(0)),
            "code" => (Verdict::Down, outcome == Outcome::Exit(42)),
            "signal" => (Verdict::Down, outcome == Outcome::Signal(10)),
            "hang" => (Verdict::Down, outcome == Outcome::TimedOut(FAST)),
            "missing" => {
                (Verdict::Down, outcome.to_string().contains("/no/such/program: No such file"))
            }
            "forbidden" => (Verdict::Down, outcome.to_string().contains("Permission denied")),
            other => panic!("unexpected name {other}"),
        };
        assert!(rightly, "{}: {outcome}", update.name);
        assert_eq!(update.reading, Reading::new(Script::KIND, expected, outcome.to_string()));
    }
    drop(tracker);
}

#[test]
fn the_first_result_decides_alone_then_rise_and_fall_hold() {
    let switch = Switch::new();
    let source = Script::new("s", switch.script()).interval(FAST).rise(times(3)).fall(times(4));
    let (tracker, inbox) = start(vec![source]);
    assert_eq!(inbox.next_text(), "s: down (exit code 1)");
    assert_eq!(status(&tracker).results, 1);
    switch.on();
    assert_eq!(inbox.next_text(), "s: up (exit code 0)");
    let before = status(&tracker).results;
    assert!(before >= 4, "one failure and three successes, but {before}");
    switch.off();
    assert_eq!(inbox.next_text(), "s: down (exit code 1)");
    assert!(status(&tracker).results >= before + 4);
}

#[test]
fn an_assumed_verdict_is_reported_at_once_and_needs_rise_or_fall_to_change() {
    let switch = Switch::new();
    switch.on();
    let source =
        Script::new("s", switch.script()).interval(FAST).rise(times(3)).init(Verdict::Down);
    let (tracker, inbox) = start(vec![source]);
    assert_eq!(inbox.next_text(), "s: down (assumed at start)");
    assert_eq!(inbox.next_text(), "s: up (exit code 0)");
    assert!(status(&tracker).results >= 3);
}

#[test]
fn a_timeout_kills_the_whole_group_and_counts_at_once() {
    let switch = Switch::new();
    let grandchild = switch.path("grandchild");
    // Deaf to SIGTERM, and so is its child: only SIGKILL to the group ends them.
    let code = format!("trap '' TERM; sleep 1000 & echo $! > {}; wait", grandchild.display());
    let limit = Duration::from_millis(300);
    let source = Script::new("s", shell(code)).interval(NEVER).timeout(limit);
    let started = Instant::now();
    let (tracker, inbox) = start(vec![source]);
    let grandchild = pid_in(&grandchild);
    assert_eq!(inbox.next_text(), "s: down (timed out after 300ms)");
    assert!(is_running(grandchild), "it has its 2 s to clean up");
    wait_until("the grandchild is killed", || !is_running(grandchild));
    assert!(started.elapsed() >= limit + Duration::from_secs(2));
    wait_until("the run is over", || status(&tracker).running.is_none());
}

#[test]
fn a_script_that_ends_at_sigterm_takes_its_deaf_children_along() {
    let switch = Switch::new();
    let grandchild = switch.path("grandchild");
    let code =
        format!("(trap '' TERM; exec sleep 1000) & echo $! > {}; wait", grandchild.display());
    let source = Script::new("s", shell(code)).interval(NEVER).timeout(Duration::from_millis(300));
    let (_tracker, inbox) = start(vec![source]);
    let grandchild = pid_in(&grandchild);
    inbox.next();
    let reported = Instant::now();
    wait_until("the grandchild is killed", || !is_running(grandchild));
    assert!(reported.elapsed() < Duration::from_secs(2), "without the 2 s");
}

#[test]
fn a_hanging_script_falls_within_as_many_intervals_as_fall_says() {
    let interval = Duration::from_millis(200);
    let source =
        Script::new("s", shell("sleep 1000")).interval(interval).fall(times(3)).init(Verdict::Up);
    let started = Instant::now();
    let (_tracker, inbox) = start(vec![source]);
    inbox.next();
    assert_eq!(inbox.next_text(), "s: down (timed out after 200ms)");
    assert!(started.elapsed() >= interval * 3);
}

#[test]
fn a_script_never_runs_twice_at_once() {
    let switch = Switch::new();
    let lock = switch.path("lock");
    let code = format!("mkdir {0} || exit 3; sleep 0.05; rmdir {0}", lock.display());
    let source = Script::new("s", shell(code)).interval(FAST).timeout(NEVER);
    let (tracker, inbox) = start(vec![source]);
    assert_eq!(inbox.next_text(), "s: up (exit code 0)");
    wait_until("it has run ten times", || status(&tracker).results >= 10);
    assert!(inbox.is_empty(), "no run found another one's lock");
}

#[test]
fn arguments_and_environment_arrive_as_they_are() {
    let switch = Switch::new();
    let seen = switch.path("seen");
    let program = shell(r#"printf '%s|' "$0" "$@" "$WORD" > "$OUT.new"; mv "$OUT.new" "$OUT""#)
        .args(["zero", "a b", "$HOME", ""])
        .env("WORD", "two words")
        .env("OUT", &seen);
    let (_tracker, inbox) = start(vec![Script::new("s", program).interval(NEVER)]);
    assert_eq!(inbox.next_text(), "s: up (exit code 0)");
    assert_eq!(fs::read_to_string(seen).unwrap(), "zero|a b|$HOME||two words|");
}

#[test]
fn stop_ends_what_is_running() {
    let switch = Switch::new();
    let (polite, deaf) = (switch.path("polite"), switch.path("deaf"));
    let sources = vec![
        Script::new("polite", shell(format!("echo $$ > {}; exec sleep 1000", polite.display()))),
        Script::new(
            "deaf",
            shell(format!("trap '' TERM; echo $$ > {}; sleep 1000; :", deaf.display())),
        ),
    ];
    let (tracker, inbox) =
        start(sources.into_iter().map(|source| source.interval(NEVER)).collect());
    let pids = [pid_in(&polite), pid_in(&deaf)];
    tracker.stop();
    assert!(!pids.into_iter().any(is_running));
    assert!(inbox.is_empty(), "being stopped is no result");
}

#[test]
fn many_scripts_share_a_thread_and_are_spread() {
    let sources: Vec<Script> = (0..200)
        .map(|index| {
            Script::new(format!("s{index}"), Program::new("true")).interval(Duration::from_secs(2))
        })
        .collect();
    let started = Instant::now();
    let (tracker, inbox) = start(sources);
    for _ in 0..200 {
        assert!(inbox.next().reading.verdict().unwrap().is_up());
    }
    let took = started.elapsed();
    assert!(took > Duration::from_millis(900), "spread over a second, but {took:?}");
    assert!(tracker.status().sources.iter().all(|source| source.results == 1));
}

#[test]
fn a_new_set_keeps_unchanged_scripts_and_their_runs() {
    let switch = Switch::new();
    let kept = Script::new("kept", switch.script()).interval(NEVER);
    let removed_pid = switch.path("removed");
    let removed = shell(format!("echo $$ > {}; exec sleep 1000", removed_pid.display()));
    let (tracker, inbox) =
        start(vec![Script::new("removed", removed).interval(NEVER), kept.clone()]);
    assert_eq!(inbox.next_text(), "kept: down (exit code 1)");
    let removed_pid = pid_in(&removed_pid);

    let added = Script::new("added", shell("exit 0")).interval(NEVER);
    tracker.reconfigure(vec![kept.clone().rise(times(2)), added.clone()]).unwrap();
    assert_eq!(inbox.next_text(), "added: up (exit code 0)");
    wait_until("the removed one is killed", || !is_running(removed_pid));
    let sources = tracker.status().sources;
    let names: Vec<&str> = sources.iter().map(|source| &*source.name).collect();
    assert_eq!(names, ["kept", "added"]);
    assert_eq!((sources[0].verdict, sources[0].results), (Some(Verdict::Down), 1));
    assert_eq!(switch.runs(), 1, "its interval goes on");

    tracker.reconfigure(vec![kept.interval(FAST), added]).unwrap();
    wait_until("a shorter interval holds at once", || switch.runs() > 3);
    assert!(inbox.is_empty());
}

#[test]
fn a_changed_program_starts_afresh_but_its_verdict_stands_until_then() {
    let switch = Switch::new();
    let old = Script::new("s", shell("exit 0")).interval(NEVER).fall(times(3));
    let (tracker, inbox) = start(vec![old.clone()]);
    assert_eq!(inbox.next_text(), "s: up (exit code 0)");
    let gate = switch.path("gate");
    let code = format!("until test -e {}; do sleep 0.01; done; exit 1", gate.display());
    let mut changed = old;
    changed.program = shell(code);
    tracker.reconfigure(vec![changed]).unwrap();
    wait_until("the new one runs", || status(&tracker).running.is_some());
    assert_eq!((status(&tracker).verdict, status(&tracker).results), (Some(Verdict::Up), 0));
    assert!(inbox.is_empty());
    fs::write(gate, "").unwrap();
    assert_eq!(inbox.next_text(), "s: down (exit code 1)", "its first result decides alone");
}

#[test]
fn without_a_shim_another_user_is_refused_and_ones_own_is_not() {
    let own = rustix::process::geteuid().as_raw();
    let group = rustix::process::getegid().as_raw();
    let as_user =
        |uid| shell("exit 0").credentials(Credentials { uid, gid: group, groups: vec![] });
    let (_tracker, inbox) = start(vec![
        Script::new("other", as_user(own + 1)).interval(NEVER),
        Script::new("own", as_user(own)).interval(NEVER),
    ]);
    let why = format!("cannot become user {}: this program has no launcher", own + 1);
    assert_eq!(inbox.next_text(), format!("other: down (could not start: {why})"));
    assert_eq!(inbox.next_text(), "own: up (exit code 0)");
}

#[test]
fn users_are_found_by_name() {
    let root = Credentials::of_user("root").unwrap();
    assert_eq!((root.uid, root.gid, root.groups.as_slice()), (0, 0, [].as_slice()));
    assert_eq!(root.clone().with_group("root").unwrap(), root);
    assert!(root.clone().with_groups_of("root").unwrap().groups.contains(&0));
    assert_eq!(
        Credentials::of_user("no such user").unwrap_err().to_string(),
        "there is no user `no such user`"
    );
    assert_eq!(
        root.with_group("no such group").unwrap_err().to_string(),
        "there is no group `no such group`"
    );
}

#[test]
fn a_tracker_may_have_no_sources() {
    let (tracker, inbox) = start(vec![]);
    tracker.reconfigure(vec![Script::new("s", shell("exit 0"))]).unwrap();
    assert_eq!(inbox.next_text(), "s: up (exit code 0)");
    tracker.reconfigure(vec![]).unwrap();
    wait_until("it is gone", || tracker.status().sources.is_empty());
}
