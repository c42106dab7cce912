//! Real processes that start, fork, rename themselves, run other programs, and end.
//!
//! What does not depend on how starts are noticed is tried both ways: as it is where the test runs, and in a
//! network namespace of its own, where the kernel's process connector never is.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use common::{Inbox, pid_in, sink, skip, wait_until};
use nix::sched::{CloneFlags, unshare};
use tempfile::TempDir;
use vrrp_track::Verdict;
use vrrp_track::process::{Detection, Matcher, ParamMatch, Process, ProcessStatus, ProcessTracker};

const LONG: &str = "1000";

/// Programs under names that nobody else uses; what was started from it ends with it.
struct Workshop {
    directory: TempDir,
    children: Vec<Child>,
}

impl Workshop {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), children: Vec::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A copy of sleep(1) under this name.
    fn sleep(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::copy("/bin/sleep", &path).unwrap();
        path
    }

    /// A shell script under this name.
    fn script(&self, name: &str, code: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path(name);
        fs::write(&path, format!("#!/bin/sh\n{code}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// Starts a program, with a pipe to it; returns its place.
    fn run(&mut self, command: &mut Command) -> usize {
        // Another thread may be starting a program while ours was written: it holds it open for a moment.
        let child = loop {
            match command.stdin(Stdio::piped()).spawn() {
                Err(e) if e.kind() == std::io::ErrorKind::ExecutableFileBusy => {}
                child => break child.unwrap(),
            }
        };
        // `spawn` returns in the middle of the child's exec, when it has no new name yet.
        let own = fs::read("/proc/self/cmdline").unwrap();
        let cmdline = format!("/proc/{}/cmdline", child.id());
        wait_until("the program runs", || {
            fs::read(&cmdline).is_ok_and(|line| !line.is_empty() && line != own)
        });
        self.children.push(child);
        self.children.len() - 1
    }

    fn kill(&mut self, place: usize) {
        self.children[place].kill().unwrap();
        self.children[place].wait().unwrap();
    }

    fn tell(&mut self, place: usize) {
        self.children[place].stdin.take().unwrap().write_all(b"go\n").unwrap();
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A process name that no other process has.
fn unique(prefix: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("{prefix}{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    assert!(name.len() <= 15, "{name}");
    name
}

fn start(sources: Vec<Process>) -> (ProcessTracker, Inbox) {
    let (sink, inbox) = sink();
    (ProcessTracker::start(sources, sink).unwrap(), inbox)
}

fn watch(name: &str) -> (ProcessTracker, Inbox) {
    start(vec![Process::new("p", Matcher::comm(name))])
}

/// Runs a test as things are, and again without a process connector. The second time it waits until the
/// tracker is sure of that; the first time, until it is sure either way.
fn both_ways(test: fn()) {
    test();
    in_own_network_namespace(test);
}

fn in_own_network_namespace(test: impl FnOnce() + Send) {
    if !rustix::process::geteuid().is_root() {
        return skip("a network namespace needs root");
    }
    let isolated = || {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        test();
    };
    std::thread::scope(|scope| scope.spawn(isolated).join().unwrap());
}

/// Waits until the tracker has decided how it notices starts.
fn settle(tracker: &ProcessTracker) -> ProcessStatus {
    let is_settled = || match tracker.status().detection {
        Detection::Connector => true,
        Detection::Scan { why, .. } => !why.contains("tested"),
        _ => false,
    };
    wait_until("the tracker has decided", is_settled);
    tracker.status()
}

#[test]
fn starts_and_ends_change_the_verdict() {
    both_ways(|| {
        let (mut workshop, name) = (Workshop::new(), unique("a"));
        let program = workshop.sleep(&name);
        let early = workshop.run(Command::new(&program).arg(LONG));
        let (tracker, inbox) = watch(&name);
        assert_eq!(inbox.next_text(), "p: up (1 process)");
        settle(&tracker);
        workshop.kill(early);
        assert_eq!(inbox.next_text(), "p: down (0 processes)");
        let late = workshop.run(Command::new(&program).arg(LONG));
        assert_eq!(inbox.next_text(), "p: up (1 process)");
        workshop.run(Command::new(&program).arg(LONG));
        wait_until("the second one counts", || tracker.status().sources[0].count == 2);
        workshop.kill(late);
        wait_until("the first one does not", || tracker.status().sources[0].count == 1);
        assert!(inbox.is_empty(), "one is enough");
    });
}

#[test]
fn an_end_is_seen_without_waiting_for_a_scan() {
    in_own_network_namespace(|| {
        let (mut workshop, name) = (Workshop::new(), unique("b"));
        let program = workshop.sleep(&name);
        let (tracker, inbox) = watch(&name);
        assert_eq!(inbox.next_text(), "p: down (0 processes)");
        settle(&tracker);
        // If ends were noticed by scans alone, there would be one between each end and its report.
        let seen_without_scan = (0..20).any(|_| {
            let place = workshop.run(Command::new(&program).arg(LONG));
            assert_eq!(inbox.next_text(), "p: up (1 process)");
            let scan = tracker.status().last_scan;
            workshop.kill(place);
            assert_eq!(inbox.next_text(), "p: down (0 processes)");
            tracker.status().last_scan == scan
        });
        assert!(seen_without_scan);
    });
}

#[test]
fn a_zombie_does_not_count() {
    both_ways(|| {
        let (mut workshop, name) = (Workshop::new(), unique("c"));
        let program = workshop.sleep(&name);
        workshop.run(Command::new(&program).arg(LONG));
        let (tracker, inbox) = watch(&name);
        assert_eq!(inbox.next_text(), "p: up (1 process)");
        // Killed, and not waited for.
        workshop.children[0].kill().unwrap();
        assert_eq!(inbox.next_text(), "p: down (0 processes)");
        let stat = fs::read_to_string(format!("/proc/{}/stat", workshop.children[0].id())).unwrap();
        assert!(stat.contains(") Z "), "it is a zombie: {stat}");
        let (_second, inbox) = watch(&name);
        assert_eq!(inbox.next_text(), "p: down (0 processes)", "nor for one that starts now");
        drop(tracker);
    });
}

#[test]
fn a_process_that_runs_another_program_is_another_one() {
    both_ways(|| {
        let (mut workshop, name) = (Workshop::new(), unique("d"));
        let program = workshop.sleep(&name);
        let code = format!("read x; exec {} {LONG}", program.display());
        let place = workshop.run(Command::new("/bin/sh").args(["-c", &code]));
        let (tracker, inbox) = watch(&name);
        assert_eq!(inbox.next_text(), "p: down (0 processes)");
        settle(&tracker);
        workshop.tell(place);
        assert_eq!(inbox.next_text(), "p: up (1 process)");
        workshop.kill(place);
        assert_eq!(inbox.next_text(), "p: down (0 processes)");

        let script =
            workshop.script(&name.replace('d', "e"), &format!("read x; exec sleep {LONG}"));
        let (_tracker, inbox) = watch(&name.replace('d', "e"));
        assert_eq!(inbox.next_text(), "p: down (0 processes)");
        let place = workshop.run(&mut Command::new(script));
        assert_eq!(inbox.next_text(), "p: up (1 process)", "a script has its own name");
        workshop.tell(place);
        assert_eq!(inbox.next_text(), "p: down (0 processes)", "and then sleep's");
    });
}

#[test]
fn a_process_that_renames_itself_is_noticed() {
    both_ways(|| {
        let (mut workshop, name) = (Workshop::new(), unique("f"));
        let code = format!(
            "read x; printf {name} > /proc/$$/comm; read x; printf other > /proc/$$/comm; read x; :"
        );
        let place = workshop.run(Command::new("/bin/sh").args(["-c", &code]));
        let (tracker, inbox) = watch(&name);
        assert_eq!(inbox.next_text(), "p: down (0 processes)");
        settle(&tracker);
        let mut stdin = workshop.children[place].stdin.take().unwrap();
        stdin.write_all(b"\n").unwrap();
        assert_eq!(inbox.next_text(), "p: up (1 process)");
        stdin.write_all(b"\n").unwrap();
        assert_eq!(inbox.next_text(), "p: down (0 processes)");
    });
}

#[test]
fn forked_children_count_until_they_run_something_else() {
    both_ways(|| {
        let (mut workshop, name) = (Workshop::new(), unique("g"));
        let pid = workshop.path("child");
        let code = format!("read x; (read y; :) < /dev/zero & echo $! > {}; wait", pid.display());
        // A subshell that reads for ever, as nothing in /dev/zero ends a line, is a fork without an exec.
        let script = workshop.script(&name, &code);
        let place = workshop.run(&mut Command::new(script));
        let source = Process::new("p", Matcher::comm(&name)).quorum_max(1);
        let (tracker, inbox) = start(vec![source]);
        assert_eq!(inbox.next_text(), "p: up (1 process)");
        settle(&tracker);
        workshop.tell(place);
        assert_eq!(inbox.next_text(), "p: down (2 processes)");
        let child = rustix::process::Pid::from_raw(pid_in(&pid).cast_signed()).unwrap();
        rustix::process::kill_process(child, rustix::process::Signal::KILL).unwrap();
        wait_until("the child is gone", || tracker.status().sources[0].count < 2);
    });
}

#[test]
fn command_lines_match_as_configured() {
    both_ways(|| {
        let (mut workshop, name) = (Workshop::new(), unique("h"));
        let program = workshop.sleep(&name);
        let matcher = |words: &[&str], param_match| {
            Matcher::from_words(&program, words.iter().map(Into::into).collect(), true, param_match)
        };
        let (tracker, inbox) = start(vec![
            Process::new("any", matcher(&[], None)),
            Process::new("exact", matcher(&["1000", "1001"], None)),
            Process::new("fewer", matcher(&["1000"], None)),
            Process::new("partial", matcher(&["1000"], Some(ParamMatch::Partial))),
            Process::new("initial", matcher(&["1000", "10"], Some(ParamMatch::Initial))),
            Process::new("none", matcher(&[], Some(ParamMatch::Partial))),
            Process::new("title", Matcher::from_words("a title", vec!["1002".into()], false, None)),
            Process::new("path", Matcher::comm(&program)),
        ]);
        (0..8).for_each(|_| assert!(!inbox.next().reading.verdict().unwrap().is_up()));
        settle(&tracker);
        workshop.run(Command::new(&program).args(["1000", "1001"]));
        let mut names: Vec<String> = (0..4).map(|_| inbox.next_text()).collect();
        names.sort();
        let up = |name: &str| format!("{name}: up (1 process)");
        assert_eq!(names, ["any", "exact", "initial", "partial"].map(up));
        workshop.run(Command::new(&program).arg0("a title").arg("1002"));
        assert_eq!(inbox.next_text(), up("title"));
        let warning = tracker.status().sources[7].warning.clone().unwrap();
        assert!(warning.contains("is a path"), "{warning}");
    });
}

#[test]
fn delays_bridge_a_restart() {
    both_ways(|| {
        let (mut workshop, name) = (Workshop::new(), unique("i"));
        let program = workshop.sleep(&name);
        let place = workshop.run(Command::new(&program).arg(LONG));
        let delay = Duration::from_secs(3600);
        let source = Process::new("p", Matcher::comm(&name)).terminate_delay(delay);
        let (tracker, inbox) = start(vec![source]);
        assert_eq!(inbox.next_text(), "p: up (1 process)");
        settle(&tracker);
        workshop.kill(place);
        wait_until("the delay is under way", || tracker.status().sources[0].pending.is_some());
        assert_eq!(tracker.status().sources[0].verdict, Some(Verdict::Up));
        workshop.run(Command::new(&program).arg(LONG));
        wait_until("the delay is over", || tracker.status().sources[0].pending.is_none());
        assert!(inbox.is_empty());
    });
}

#[test]
fn a_delay_that_passes_changes_the_verdict() {
    let (mut workshop, name) = (Workshop::new(), unique("j"));
    let program = workshop.sleep(&name);
    let delay = Duration::from_millis(300);
    let (_tracker, inbox) = start(vec![Process::new("p", Matcher::comm(&name)).fork_delay(delay)]);
    assert_eq!(inbox.next_text(), "p: down (0 processes)", "the first one does not wait");
    let started = Instant::now();
    workshop.run(Command::new(&program).arg(LONG));
    assert_eq!(inbox.next_text(), "p: up (1 process)");
    assert!(started.elapsed() >= delay);
}

#[test]
fn a_new_set_keeps_unchanged_sources_and_their_delays() {
    let (mut workshop, name, other) = (Workshop::new(), unique("k"), unique("l"));
    let program = workshop.sleep(&name);
    let place = workshop.run(Command::new(&program).arg(LONG));
    let kept = Process::new("kept", Matcher::comm(&name)).delay(Duration::from_secs(3600));
    let (tracker, inbox) =
        start(vec![kept.clone(), Process::new("removed", Matcher::comm(&other))]);
    assert_eq!(
        [inbox.next_text(), inbox.next_text()],
        ["kept: up (1 process)", "removed: down (0 processes)"]
    );
    workshop.kill(place);
    wait_until("the delay is under way", || tracker.status().sources[0].pending.is_some());
    let pending = tracker.status().sources[0].pending;

    let added = Process::new("added", Matcher::comm(&other)).quorum_max(0);
    tracker.reconfigure(vec![added, kept]).unwrap();
    assert_eq!(inbox.next_text(), "added: up (0 processes)");
    let sources = tracker.status().sources;
    assert_eq!(&*sources[1].name, "kept");
    assert_eq!((sources[1].verdict, sources[1].pending), (Some(Verdict::Up), pending));

    tracker.reconfigure(vec![]).unwrap();
    wait_until("nothing is watched any more", || tracker.status().detection == Detection::Idle);
    assert!(inbox.is_empty());
}

#[test]
fn without_a_connector_status_says_so() {
    in_own_network_namespace(|| {
        let (tracker, _inbox) = watch("nobody");
        let detection = settle(&tracker).detection.to_string();
        let expected =
            "scan of /proc every 200ms (this network namespace has no process connector)";
        assert_eq!(detection, expected);
    });
}

/// Whether the connector must work. It is the kernel's initial namespaces' alone: elsewhere, or in a kernel built
/// without it, a test of it has nothing to say, under CI too.
fn must_have_connector() -> bool {
    let connectors = fs::read_to_string("/proc/net/connector").unwrap_or_default();
    let is_initial = |kind: &str, id: &str| {
        let link = fs::read_link(format!("/proc/self/ns/{kind}")).unwrap_or_default();
        link.to_string_lossy() == format!("{kind}:[{id}]")
    };
    // The two ids are fixed in the kernel; the network's is not, but only the initial one has the file.
    let must = connectors.contains("cn_proc")
        && is_initial("pid", "4026531836")
        && is_initial("user", "4026531837")
        && rustix::process::geteuid().is_root();
    if !must {
        eprintln!(
            "skipped: not root in the initial namespaces of a kernel with a process connector"
        );
    }
    must
}

#[test]
fn with_a_connector_starts_are_seen_without_scanning() {
    if !must_have_connector() {
        return;
    }
    let (mut workshop, name) = (Workshop::new(), unique("m"));
    let program = workshop.sleep(&name);
    let (tracker, inbox) = watch(&name);
    assert_eq!(inbox.next_text(), "p: down (0 processes)");
    assert_eq!(settle(&tracker).detection, Detection::Connector);
    let scan = tracker.status().last_scan;
    for _ in 0..20 {
        let place = workshop.run(Command::new(&program).arg(LONG));
        assert_eq!(inbox.next_text(), "p: up (1 process)");
        workshop.kill(place);
        assert_eq!(inbox.next_text(), "p: down (0 processes)");
    }
    assert_eq!(tracker.status().last_scan, scan, "no scan was needed");
}

#[test]
fn events_that_the_kernel_drops_are_made_up_for_by_a_scan() {
    if !must_have_connector() {
        return;
    }
    let (mut workshop, name, other) = (Workshop::new(), unique("n"), unique("o"));
    let (program, blocker) = (workshop.sleep(&name), workshop.sleep(&other));
    let (sink, inbox) = sink();
    let (open_gate, gate) = std::sync::mpsc::channel::<()>();
    let blocks = move |update: vrrp_track::Update| {
        let is_blocker =
            &*update.name == "blocker" && update.reading.verdict() == Some(Verdict::Up);
        sink(update);
        if is_blocker {
            // Until the gate is open, or the test has failed.
            let _ = gate.recv();
        }
    };
    let sources = ["blocker", "p"].map(|source| {
        Process::new(source, Matcher::comm(if source == "p" { &name } else { &other }))
    });
    let tracker = ProcessTracker::start(sources.to_vec(), Box::new(blocks)).unwrap();
    assert_eq!(inbox.next_text(), "blocker: down (0 processes)");
    assert_eq!(inbox.next_text(), "p: down (0 processes)");
    assert_eq!(settle(&tracker).detection, Detection::Connector);
    let scan = tracker.status().last_scan;

    workshop.run(Command::new(&blocker).arg(LONG));
    assert_eq!(inbox.next_text(), "blocker: up (1 process)");
    // Each thread is announced. The tracker does not listen now: its buffer runs over.
    for _ in 0..20_000 {
        std::thread::spawn(|| ()).join().unwrap();
    }
    workshop.run(Command::new(&program).arg(LONG));
    open_gate.send(()).unwrap();
    assert_eq!(inbox.next_text(), "p: up (1 process)");
    assert_ne!(tracker.status().last_scan, scan);
    assert_eq!(tracker.status().detection, Detection::Connector);
}

/// Runs one of these tests in a PID namespace of its own, as a container has.
fn in_own_pid_namespace(options: &[&str], test: &str) {
    let unshare = |options: &[&str]| {
        let mut command = Command::new("unshare");
        let user: &[&str] =
            if rustix::process::geteuid().is_root() { &[] } else { &["--user", "--map-root-user"] };
        command.args(user).args(["--pid", "--fork", "--kill-child"]).args(options);
        command
    };
    let possible = unshare(options).arg("true").output();
    if !possible.is_ok_and(|output| output.status.success()) {
        return skip("PID namespaces, or the unshare tool, are not to be had");
    }
    let output = unshare(options)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--include-ignored", "--nocapture"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn processes_count_in_a_pid_namespace_with_its_own_proc() {
    in_own_pid_namespace(&["--mount-proc"], "starts_and_ends_change_the_verdict");
}

#[test]
fn processes_count_in_a_pid_namespace_with_somebody_elses_proc() {
    in_own_pid_namespace(&[], "without_usable_process_ids_everything_is_seen_by_scanning");
}

#[test]
#[ignore = "only makes sense where /proc belongs to another PID namespace: see the test before"]
fn without_usable_process_ids_everything_is_seen_by_scanning() {
    let (workshop, name) = (Workshop::new(), unique("q"));
    let program = workshop.sleep(&name);
    let (tracker, inbox) = watch(&name);
    assert_eq!(inbox.next_text(), "p: down (0 processes)");
    let mut child = Command::new(program).arg(LONG).spawn().unwrap();
    assert_eq!(inbox.next_text(), "p: up (1 process)");
    let (count, why) = tracker.status().without_pidfd.unwrap();
    assert_eq!((count, why.as_str()), (1, "/proc is another PID namespace's"));
    child.kill().unwrap();
    assert_eq!(inbox.next_text(), "p: down (0 processes)", "although it is a zombie now");
    child.wait().unwrap();
}

#[test]
fn more_processes_than_descriptors_are_counted_by_scanning() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    const DESCRIPTORS: u64 = 64;
    // The limit is the process's: a process of its own for this test, which has it lowered.
    let own = std::env::var_os("VRRP_TRACK_FEW_DESCRIPTORS").is_some();
    if !own {
        let output = Command::new("/proc/self/exe")
            .args([
                "--exact",
                "more_processes_than_descriptors_are_counted_by_scanning",
                "--nocapture",
            ])
            .env("VRRP_TRACK_FEW_DESCRIPTORS", "1")
            .output()
            .unwrap();
        return assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let limit = getrlimit(Resource::Nofile);
    let (mut workshop, name) = (Workshop::new(), unique("r"));
    let program = workshop.sleep(&name);
    setrlimit(Resource::Nofile, Rlimit { current: Some(DESCRIPTORS), ..limit }).unwrap();
    let (tracker, inbox) = watch(&name);
    setrlimit(Resource::Nofile, limit).unwrap();
    assert_eq!(inbox.next_text(), "p: down (0 processes)");
    let places: Vec<usize> =
        (0..20).map(|_| workshop.run(Command::new(&program).arg(LONG))).collect();
    wait_until("all are counted", || tracker.status().sources[0].count == 20);
    let (count, why) = tracker.status().without_pidfd.unwrap();
    assert_eq!((count, why.as_str()), (4, "no more than 16 descriptors are taken for processes"));
    for (killed, place) in places.into_iter().enumerate() {
        workshop.kill(place);
        wait_until("one less is counted", || {
            tracker.status().sources[0].count == 19 - killed as u32
        });
    }
    assert_eq!(tracker.status().without_pidfd, None);
}
