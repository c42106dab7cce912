//! Programs started through the shim. It must come first in `main`, so this file brings its own: it is the
//! tests' runner, and in other roles the embedding program that they watch.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use common::{Inbox, SilentServer, is_running, pid_in, sink, skip, wait_until, with_own_mounts};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use vrrp_track::file::FileTracker;
use vrrp_track::runner::{RunReport, Runner, RunnerLimits};
use vrrp_track::script::{Script, ScriptTracker};
use vrrp_track::{Credentials, File, Outcome, Program, shim};

const NEVER: Duration = Duration::from_secs(3600);

/// Set for a process that plays the embedding program; its value is a directory.
const EMBEDDER: &str = "VRRP_TRACK_TEST_EMBEDDER";

/// Set for a process that ends while it tracks a file that does not answer; its value is a directory.
const SILENT: &str = "VRRP_TRACK_TEST_SILENT";

type Test = (&'static str, fn());

const TESTS: [Test; 11] = [
    ("a_program_started_through_the_shim_finds_an_ordinary_world", ordinary_world),
    ("a_program_that_cannot_run_is_reported_as_such", cannot_run),
    ("a_program_runs_as_the_user_and_groups_asked_for", other_user),
    ("a_user_that_one_may_not_become_is_reported", forbidden_user),
    ("scripts_die_with_the_embedding_program_and_notify_programs_do_not", death_of_the_embedder),
    ("exit_codes_and_signals_come_through", results),
    ("a_launcher_without_proper_orders_refuses", improper_orders),
    ("programs_start_with_the_descriptors_that_held_at_the_start", descriptors_at_start),
    ("programs_run_where_all_other_descriptors_are_taken", descriptors_set_aside),
    ("what_the_machine_is_short_of_is_no_verdict_and_is_tried_again", shortage),
    ("a_process_ends_though_a_file_does_not_answer", end_with_silent_file),
];

fn main() -> ExitCode {
    shim::intercept();
    if let Some(directory) = std::env::var_os(EMBEDDER) {
        embed(Path::new(&directory));
    }
    if let Some(directory) = std::env::var_os(SILENT) {
        return end_while_waiting(Path::new(&directory));
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    let filter = words.iter().find(|word| !word.starts_with('-'));
    let list = words.iter().any(|word| word == "--list");
    let exact = words.iter().any(|word| word == "--exact");
    let chosen = |name: &str| {
        filter.is_none_or(
            |filter| if exact { name == filter } else { name.contains(filter.as_str()) },
        )
    };
    for (name, test) in TESTS.into_iter().filter(|(name, _)| chosen(name)) {
        if list {
            println!("{name}: test");
            continue;
        }
        // A failing test panics, and the others are of no interest then.
        test();
        println!("test {name} ... ok");
    }
    ExitCode::SUCCESS
}

fn shell(code: impl Into<String>) -> Program {
    Program::new("/bin/sh").arg("-c").arg(code.into())
}

fn start(programs: Vec<Program>) -> (ScriptTracker, Inbox) {
    let (sink, inbox) = sink();
    let name = |index: usize| format!("s{index}");
    let source = |(index, program)| Script::new(name(index), program).interval(NEVER);
    (
        ScriptTracker::start(programs.into_iter().enumerate().map(source).collect(), sink).unwrap(),
        inbox,
    )
}

fn ordinary_world() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let to = |name: &str, code: &str| shell(format!("{code} > {}", path(name).display()));
    let (_tracker, inbox) = start(vec![
        to("streams", "exec readlink /proc/self/fd/0 /proc/$$/fd/2"),
        to("descriptors", "exec ls /proc/self/fd"),
        to("signals", "exec grep -E 'Sig(Blk|Ign)' /proc/self/status"),
        to("group", "exec cut -d ' ' -f 1,5 /proc/self/stat"),
    ]);
    (0..4).for_each(|_| assert!(inbox.next().reading.verdict().unwrap().is_up()));
    let read = |name: &str| fs::read_to_string(path(name)).unwrap();

    assert_eq!(read("streams"), "/dev/null\n/dev/null\n");
    assert_eq!(
        read("descriptors").lines().count(),
        inheritable_descriptors() + 1,
        "and the listing's own"
    );
    assert_eq!(signals(&read("signals"), "SigBlk"), 0);
    assert_eq!(signals(&read("signals"), "SigIgn") & !OF_THE_C_LIBRARY, 0);
    let group = read("group");
    let (pid, group) = group.trim().split_once(' ').unwrap();
    assert_eq!(pid, group, "a process group of its own");
}

/// Signals 32 and 33: glibc's `posix_spawn` has them ignored, as the program's own glibc will undo.
const OF_THE_C_LIBRARY: u64 = 0x1_8000_0000;

fn signals(status: &str, field: &str) -> u64 {
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    u64::from_str_radix(line.rsplit_once('\t').unwrap().1, 16).unwrap()
}

/// What a child of this process inherits whatever we do: standard streams, and what was left open for us.
fn inheritable_descriptors() -> usize {
    let close_on_exec = |info: String| {
        let flags =
            info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim().to_owned();
        u32::from_str_radix(&flags, 8).unwrap() & 0o2_000_000 != 0
    };
    let infos = fs::read_dir("/proc/self/fdinfo").unwrap();
    let infos = infos.filter_map(|entry| fs::read_to_string(entry.unwrap().path()).ok());
    infos.filter(|info| !close_on_exec(info.clone())).count()
}

fn cannot_run() {
    let (_tracker, inbox) = start(vec![Program::new("/no/such/program")]);
    let text = inbox.next_text();
    assert!(
        text.starts_with("s0: down (could not start: /no/such/program: No such file"),
        "{text}"
    );
}

fn results() {
    let (_tracker, inbox) = start(vec![shell("exit 127"), shell("kill -USR2 $$")]);
    let mut texts = [inbox.next_text(), inbox.next_text()];
    texts.sort();
    assert_eq!(texts, ["s0: down (exit code 127)", "s1: down (ended by signal 12)"]);
}

fn other_user() {
    if !rustix::process::geteuid().is_root() {
        return skip("becoming another user needs root");
    }
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let out = directory.path().join("out");
    let credentials = Credentials { uid: 12345, gid: 23456, groups: vec![34567] };
    let code =
        format!("(grep -E '^(Uid|Gid|Groups|CapEff)' /proc/self/status) > {}", out.display());
    let (_tracker, inbox) = start(vec![shell(code).credentials(credentials)]);
    assert_eq!(inbox.next_text(), "s0: up (exit code 0)");
    let ids = |id: &str| [id; 4].join("\t");
    let expected = format!(
        "Uid:\t{}\nGid:\t{}\nGroups:\t34567 \nCapEff:\t0000000000000000\n",
        ids("12345"),
        ids("23456")
    );
    assert_eq!(fs::read_to_string(out).unwrap(), expected);
}

fn forbidden_user() {
    let credentials = Credentials { uid: u32::MAX - 1, gid: 1, groups: vec![1; 70_000] };
    let (_tracker, inbox) = start(vec![shell("exit 0").credentials(credentials)]);
    // More groups than the kernel takes of root; anybody else is refused for less, and so many may not
    // even fit on a command line.
    let text = inbox.next_text();
    assert!(text.starts_with("s0: down (could not start: "), "{text}");
}

/// What a process does in the role of the embedding program: runs a script and a notify program until
/// it is killed.
fn embed(directory: &Path) -> ! {
    let note = |name: &str| {
        shell(format!("echo $$ > {}; exec sleep 1000", directory.join(name).display()))
    };
    let (_tracker, inbox) = start(vec![note("script")]);
    let runner = Runner::start(RunnerLimits::default()).unwrap();
    runner.run(&Arc::from("key"), note("notify"), NEVER, Box::new(drop)).unwrap();
    inbox.next();
    panic!("the script has ended");
}

fn death_of_the_embedder() {
    let directory = tempfile::tempdir().unwrap();
    let mut embedder = embedder(directory.path());
    let [script, notify] = ["script", "notify"].map(|name| pid_in(&directory.path().join(name)));
    embedder.kill().unwrap();
    embedder.wait().unwrap();
    wait_until("the script has died", || !is_running(script));
    assert!(is_running(notify));
    let notify = rustix::process::Pid::from_raw(notify.cast_signed()).unwrap();
    rustix::process::kill_process(notify, rustix::process::Signal::KILL).unwrap();
}

fn embedder(directory: &Path) -> Child {
    Command::new("/proc/self/exe").env(EMBEDDER, directory).spawn().unwrap()
}

fn improper_orders() {
    let cases: [(&[&str], &str); 5] = [
        (&[], "does not understand its orders"),
        (&["what=1;", "/bin/true"], "does not understand its orders"),
        (&["user=1;", "/bin/true"], "does not understand its orders"),
        (&[""], "was given no program"),
        (&["tether=4294967295;", "/bin/true"], "the tracker has ended"),
    ];
    for (orders, complaint) in cases {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut launcher = Command::new("/proc/self/exe");
        launcher.arg0("vrrp-track: launching").args(orders).stdin(writer);
        assert_eq!(launcher.status().unwrap().code(), Some(127), "{orders:?}");
        // The command holds the other end.
        drop(launcher);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert!(text.contains(complaint), "{orders:?}: {text}");
    }
}

/// Sets the limit of open descriptors, until dropped.
struct Limited(Rlimit);

impl Limited {
    fn to(current: u64) -> Self {
        let before = getrlimit(Resource::Nofile);
        let limit = Rlimit { current: Some(current), maximum: before.maximum };
        setrlimit(Resource::Nofile, limit).unwrap();
        Self(before)
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        setrlimit(Resource::Nofile, self.0).unwrap();
    }
}

fn descriptors_at_start() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    let at_start = getrlimit(Resource::Nofile);
    let at_start = at_start.current.map_or_else(|| "unlimited".to_owned(), |n| n.to_string());
    let limited = Limited::to(200);
    let (_tracker, inbox) = start(vec![shell(format!("ulimit -n > {}", out.display()))]);
    assert_eq!(inbox.next_text(), "s0: up (exit code 0)");
    drop(limited);
    assert_eq!(fs::read_to_string(out).unwrap().trim(), at_start);
}

/// Takes all descriptors that there are.
fn take_all() -> Vec<fs::File> {
    std::iter::from_fn(|| fs::File::open("/dev/null").ok()).collect()
}

fn healthy(count: usize) -> Vec<Script> {
    let every = Duration::from_millis(20);
    let source =
        |index| Script::new(format!("s{index}"), shell("exit 0")).interval(every).timeout(NEVER);
    (0..count).map(source).collect()
}

fn ends_well(report: RunReport) -> bool {
    matches!(report, RunReport::Ended { outcome: Outcome::Exit(0), .. })
}

fn descriptors_set_aside() {
    let (sink, inbox) = sink();
    let tracker = ScriptTracker::start(vec![], sink).unwrap();
    let runner = Runner::start(RunnerLimits::default()).unwrap();
    let (sender, reports) = mpsc::channel();
    let limited = Limited::to(64);
    let taken = take_all();
    tracker.reconfigure(healthy(5)).unwrap();
    for index in 0..10 {
        let sender = sender.clone();
        let report = Box::new(move |report| drop(sender.send(report)));
        let key = Arc::from(format!("key {}", index % 5));
        runner.run(&key, shell("exit 0"), NEVER, report).unwrap();
    }
    for _ in 0..5 {
        let text = inbox.next_text();
        assert!(text.ends_with(": up (exit code 0)"), "{text}");
    }
    for _ in 0..10 {
        let is_end = |report: &RunReport| matches!(report, RunReport::Ended { .. });
        let mut reports = std::iter::from_fn(|| reports.recv_timeout(common::PATIENCE).ok());
        assert!(reports.find(is_end).is_some_and(ends_well));
    }
    let results =
        || tracker.status().sources.iter().map(|source| source.results).min().unwrap_or_default();
    wait_until("each has run again and again", || results() > 3);
    drop((taken, limited));
    assert!(inbox.is_empty(), "no check counted as failed");
}

fn shortage() {
    let (sink, inbox) = sink();
    let tracker = ScriptTracker::start(healthy(2), sink).unwrap();
    let runner = Runner::start(RunnerLimits::default()).unwrap();
    (0..2).for_each(|_| assert!(inbox.next().reading.verdict().unwrap().is_up()));
    let (sender, reports) = mpsc::channel();
    // Those that are open already are above the limit too.
    let limited = Limited::to(3);
    let report = Box::new(move |report| drop(sender.send(report)));
    runner.run(&Arc::from("key"), shell("exit 0"), NEVER, report).unwrap();
    let postponed = reports.recv_timeout(common::PATIENCE).unwrap().to_string();
    assert!(postponed.starts_with("waits: ") && postponed.contains("Too many open files"));
    let is_short = || tracker.status().sources.iter().any(|source| source.shortage.is_some());
    wait_until("status names what is lacking", is_short);
    let short = tracker.status().sources.into_iter().find(|source| source.shortage.is_some());
    let short = short.unwrap();
    assert!(short.to_string().contains("; not run at present: "), "{short}");
    assert!(short.verdict.unwrap().is_up(), "the verdict stands");
    assert_eq!(runner.drain(Instant::now()), 1, "it waits");
    drop(limited);
    assert!(ends_well(reports.recv_timeout(common::PATIENCE).unwrap()));
    wait_until("nothing is lacking", || !is_short());
    assert!(inbox.is_empty(), "no check counted as failed");
}

fn end_with_silent_file() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = Command::new("/proc/self/exe").env(SILENT, directory.path()).spawn().unwrap();
    let deadline = Instant::now() + common::PATIENCE;
    let code = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("it does not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(code, Some(0));
}

/// What a process does in that role.
fn end_while_waiting(directory: &Path) -> ExitCode {
    with_own_mounts(|| {
        let server = SilentServer::mount(directory);
        let (sink, inbox) = sink();
        let tracker = FileTracker::start(vec![File::new("f", directory.join("f"))], sink).unwrap();
        assert_eq!(inbox.next_text(), "f: 0");
        assert_eq!(tracker.status().sources[0].problem.as_deref(), Some("does not answer"));
        // The server stays silent to the end, and the tracker is not even dropped.
        std::mem::forget((server, tracker));
    });
    ExitCode::SUCCESS
}
