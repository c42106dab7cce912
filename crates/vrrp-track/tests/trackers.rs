//! Sources of all kinds together, and a kind of one's own beside them.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::collections::HashMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use common::{PATIENCE, wait_until};
use vrrp_track::interface::{Delays, LinkState, Links};
use vrrp_track::{
    File, Interface, Kind, Matcher, Process, Program, Reading, Script, Sink, Source, SourceKind,
    SourceStatus, TrackError, Tracker, Trackers, Update, Verdict,
};

/// What somebody else's program might track: a flag. It tracks on no thread at all.
#[derive(Debug, Clone)]
struct Flag {
    name: Arc<str>,
    flag: Arc<AtomicBool>,
}

impl Flag {
    fn new(name: &str) -> Self {
        Self { name: name.into(), flag: Arc::default() }
    }
}

impl PartialEq for Flag {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && Arc::ptr_eq(&self.flag, &other.flag)
    }
}

struct FlagTracker {
    sources: Mutex<Vec<Flag>>,
    reports: mpsc::Sender<Vec<Update>>,
}

impl SourceKind for Flag {
    const KIND: Kind = Kind::new("flag");

    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn start(sink: Sink) -> Result<Box<dyn Tracker<Self>>, TrackError> {
        let (reports, inbox) = mpsc::channel::<Vec<Update>>();
        std::thread::spawn(move || inbox.into_iter().flatten().for_each(sink));
        Ok(Box::new(FlagTracker { sources: Mutex::default(), reports }))
    }
}

impl FlagTracker {
    fn reading(source: &Flag) -> Reading {
        Reading::new(Flag::KIND, Verdict::from(source.flag.load(Ordering::Relaxed)), "as set")
    }
}

impl Tracker<Flag> for FlagTracker {
    fn set_sources(&self, sources: Vec<Flag>) {
        let mut old = self.sources.lock().unwrap();
        let news = sources.iter().filter(|source| !old.contains(source));
        let update = |source: &Flag| Update::new(Arc::clone(&source.name), Self::reading(source));
        self.reports.send(news.map(update).collect()).unwrap();
        *old = sources;
    }

    fn status(&self) -> Vec<SourceStatus> {
        let one = |source: &Flag| {
            let measure = Self::reading(source).measure;
            SourceStatus::new(Flag::KIND, Arc::clone(&source.name), Some(measure), "as set")
        };
        self.sources.lock().unwrap().iter().map(one).collect()
    }
}

/// A kind whose tracker never starts.
#[derive(Debug, Clone, PartialEq)]
struct Impossible(Arc<str>);

impl SourceKind for Impossible {
    const KIND: Kind = Kind::new("impossible");

    fn name(&self) -> &Arc<str> {
        &self.0
    }

    fn start(_: Sink) -> Result<Box<dyn Tracker<Self>>, TrackError> {
        let error = std::io::Error::from_raw_os_error(24);
        Err(TrackError::System { what: "a miracle", error })
    }
}

/// Another type that calls its kind `flag`.
#[derive(Debug, Clone, PartialEq)]
struct Impostor(Arc<str>);

impl SourceKind for Impostor {
    const KIND: Kind = Flag::KIND;

    fn name(&self) -> &Arc<str> {
        &self.0
    }

    fn start(_: Sink) -> Result<Box<dyn Tracker<Self>>, TrackError> {
        unreachable!("the kind is another type's")
    }
}

fn trackers() -> (Trackers, mpsc::Receiver<Update>) {
    let (sender, inbox) = mpsc::channel();
    (Trackers::new(move |update| drop(sender.send(update))), inbox)
}

#[track_caller]
fn next(inbox: &mpsc::Receiver<Update>) -> String {
    let update = inbox.recv_timeout(PATIENCE).expect("an update within the test's patience");
    format!("{} {update}", update.reading.kind)
}

/// A source of each kind, and what it says first.
fn one_of_each(directory: &std::path::Path) -> Vec<(Source, &'static str)> {
    let links = Links::new();
    links.replace([("eth0", LinkState::Running)]);
    fs::write(directory.join("f"), "5").unwrap();
    let nobody = Matcher::comm("vrrp-no-such");
    vec![
        (Process::new("p", nobody).into(), "process p: down (0 processes)"),
        (File::new("f", directory.join("f")).into(), "file f: 5"),
        (Script::new("s", Program::new("true")).into(), "script s: up (exit code 0)"),
        (Interface::new("eth0", &links).into(), "interface eth0: up (running)"),
        (Flag::new("x").into(), "flag x: down (as set)"),
    ]
}

#[test]
fn sources_of_all_kinds_report_through_one_sink_and_show_in_one_status() {
    let directory = tempfile::tempdir().unwrap();
    let (mut trackers, inbox) = trackers();
    let all = one_of_each(directory.path());
    trackers.reconfigure(all.iter().map(|(source, _)| source.clone())).unwrap();
    let mut texts: Vec<String> = all.iter().map(|_| next(&inbox)).collect();
    let mut expected: Vec<&str> = all.iter().map(|(_, text)| *text).collect();
    texts.sort();
    expected.sort();
    assert_eq!(texts, expected);

    let status: HashMap<String, SourceStatus> =
        trackers.status().into_iter().map(|source| (source.kind.to_string(), source)).collect();
    let show = |kind: &str| status[kind].to_string();
    assert!(show("process").starts_with("process p: down (0 running, seen by "));
    assert_eq!(show("file"), format!("file f: 5 ({})", directory.path().join("f").display()));
    assert!(show("script").starts_with("script s: up (last result: exit code 0 after "));
    assert_eq!(show("interface"), "interface eth0: up (running)");
    assert_eq!(show("flag"), "flag x: down (as set)");
}

/// A sink may be slow, and then the thread does not see that a source was gone in between.
#[test]
fn a_source_that_was_taken_out_and_comes_back_reports_again() {
    let directory = tempfile::tempdir().unwrap();
    for (source, text) in one_of_each(directory.path()) {
        let (sender, inbox) = mpsc::channel();
        let (open, gate) = mpsc::channel::<()>();
        let gate = Mutex::new(gate);
        let mut trackers = Trackers::new(move |update| {
            sender.send(update).unwrap();
            gate.lock().unwrap().recv().unwrap();
        });
        trackers.reconfigure([source.clone()]).unwrap();
        assert_eq!(next(&inbox), text);
        trackers.reconfigure([]).unwrap();
        trackers.reconfigure([source]).unwrap();
        open.send(()).unwrap();
        assert_eq!(next(&inbox), text);
        open.send(()).unwrap();
    }
}

#[test]
fn a_source_that_stays_says_nothing_again() {
    let directory = tempfile::tempdir().unwrap();
    let (mut trackers, inbox) = trackers();
    let all = one_of_each(directory.path());
    let sources = || all.iter().map(|(source, _)| source.clone());
    trackers.reconfigure(sources()).unwrap();
    all.iter().for_each(|_| drop(next(&inbox)));
    let others = ["p", "f", "s", "eth0", "x"].map(|name| -> Source {
        let path = directory.path().join("none");
        File::new(format!("{name}2"), path).into()
    });
    trackers.reconfigure(sources().chain(others.clone())).unwrap();
    let mut texts = others.map(|_| next(&inbox));
    texts.sort();
    assert_eq!(texts, ["eth02", "f2", "p2", "s2", "x2"].map(|name| format!("file {name}: 0")));
    assert!(inbox.try_recv().is_err());
}

#[test]
fn a_set_that_cannot_be_put_into_force_changes_nothing_and_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("f");
    fs::write(&path, "1").unwrap();
    let (mut trackers, inbox) = trackers();
    trackers.reconfigure([File::new("f", &path).into()]).unwrap();
    assert_eq!(next(&inbox), "file f: 1");

    let refused = |trackers: &mut Trackers, sources: Vec<Source>| {
        trackers.reconfigure(sources).unwrap_err().to_string()
    };
    let (twice, other) = (Flag::new("x"), Flag::new("x"));
    let script = Script::new("s", Program::new("true"));
    let impossible = Impossible("i".into());
    assert_eq!(
        refused(&mut trackers, vec![script.into(), impossible.into()]),
        "cannot start tracking: a miracle: Too many open files (os error 24)"
    );
    assert_eq!(
        refused(&mut trackers, vec![twice.clone().into(), other.into()]),
        "two sources are called `x`"
    );
    assert_eq!(
        refused(&mut trackers, vec![twice.into(), Impostor("y".into()).into()]),
        "two types of source are of the kind `flag`"
    );
    fs::write(&path, "2").unwrap();
    assert_eq!(next(&inbox), "file f: 2", "it is tracked still, and the script never was");
    let kinds: Vec<String> = trackers.status().iter().map(ToString::to_string).collect();
    assert_eq!(kinds, [format!("file f: 2 ({})", path.display())]);
}

#[test]
fn equal_sources_count_as_one() {
    let (mut trackers, inbox) = trackers();
    let flag = Flag::new("x");
    trackers.reconfigure([flag.clone().into(), flag.into()]).unwrap();
    assert_eq!(next(&inbox), "flag x: down (as set)");
    assert_eq!(trackers.status().len(), 1);
}

#[test]
fn what_a_removed_source_still_says_is_not_passed_on() {
    let (sender, inbox) = mpsc::channel();
    let mut trackers = Trackers::new(move |update| drop(sender.send(update)));
    let links = Links::new();
    let source = |name: &str| -> Source { Interface::new(name, &links).into() };
    trackers.reconfigure([source("eth0"), source("eth1")]).unwrap();
    wait_until("both are followed", || trackers.status().len() == 2);
    trackers.reconfigure([source("eth1")]).unwrap();
    links.replace([("eth0", LinkState::Running), ("eth1", LinkState::Running)]);
    assert_eq!(next(&inbox), "interface eth1: up (running)");
}

#[test]
fn an_interface_is_up_while_it_exists_is_set_up_and_has_its_carrier() {
    let (mut trackers, inbox) = trackers();
    let links = Links::new();
    links.set("eth0", LinkState::Running);
    let source = Interface::new("uplink", &links).link("eth0");
    trackers.reconfigure([source.into()]).unwrap();
    wait_until("it is followed", || trackers.status().len() == 1);
    assert_eq!(
        trackers.status()[0].to_string(),
        "interface uplink: unknown (nothing is known yet)",
        "one link alone says nothing"
    );
    links.replace([("eth1", LinkState::Running)]);
    assert_eq!(next(&inbox), "interface uplink: down (it does not exist)");
    links.set("eth0", LinkState::Running);
    assert_eq!(next(&inbox), "interface uplink: up (running)");
    links.set("eth0", LinkState::NoCarrier);
    assert_eq!(next(&inbox), "interface uplink: down (no carrier)");
    links.set("eth0", LinkState::Down);
    let detail = || trackers.status()[0].detail.clone();
    assert_eq!(detail(), "set down");
    links.set("eth0", LinkState::Missing);
    assert_eq!(detail(), "it does not exist");
    links.set("eth0", LinkState::Running);
    assert_eq!(next(&inbox), "interface uplink: up (running)", "down is down: nothing new before");
}

#[test]
fn a_link_counts_as_what_it_is_after_its_delay_and_one_that_is_missing_at_once() {
    let (mut trackers, inbox) = trackers();
    let links = Links::new();
    let delays = Delays { down: Duration::from_secs(3600), up: Duration::from_millis(100) };
    let delayed = Interface::new("eth0", &links).delays(delays);
    // By the time of the second one's news, what happened to the first before was taken in.
    trackers.reconfigure([delayed.into(), Interface::new("eth1", &links).into()]).unwrap();
    let hear = |text: &str| while next(&inbox) != text {};
    links.replace([("eth0", LinkState::Running)]);
    hear("interface eth0: up (running)");
    links.set("eth0", LinkState::NoCarrier);
    wait_until("it waits", || {
        let status = trackers.status()[0].to_string();
        status == "interface eth0: up (no carrier, which does not count yet)"
    });
    links.set("eth0", LinkState::Missing);
    hear("interface eth0: down (it does not exist)");
    links.set("eth0", LinkState::NoCarrier);
    links.set("eth1", LinkState::Running);
    hear("interface eth1: up (running)");
    let up_at = Instant::now();
    links.set("eth0", LinkState::Running);
    assert_eq!(next(&inbox), "interface eth0: up (running)");
    assert!(up_at.elapsed() >= delays.up, "{:?}", up_at.elapsed());
}
