//! Files that real writers write, replace, delete and bring back.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;

use common::{Inbox, SilentServer, sink, skip, wait_until, with_own_mounts};
use nix::sched::{CloneFlags, unshare};
use tempfile::TempDir;
use vrrp_track::file::{File, FileSourceStatus, FileTracker};

struct Setup {
    tracker: FileTracker,
    inbox: Inbox,
    directory: TempDir,
}

impl Setup {
    /// Tracks `relative` in a fresh directory, after `prepare` had its way with it.
    fn new(relative: &str, prepare: impl FnOnce(&Path)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        prepare(directory.path());
        let (sink, inbox) = sink();
        let source = File::new("f", directory.path().join(relative));
        let tracker = FileTracker::start(vec![source], sink).unwrap();
        Self { tracker, inbox, directory }
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.directory.path().join(relative)
    }

    fn write(&self, relative: &str, text: &str) {
        fs::write(self.path(relative), text).unwrap();
    }

    fn status(&self) -> FileSourceStatus {
        self.tracker.status().sources.remove(0)
    }

    fn value(&self) -> i32 {
        self.inbox.next().reading.value().unwrap()
    }
}

#[test]
fn a_file_is_read_at_start_and_whenever_it_is_written() {
    let setup = Setup::new("f", |directory| fs::write(directory.join("f"), "5\n").unwrap());
    assert_eq!(setup.inbox.next_text(), "f: 5");
    setup.write("f", "6\n");
    assert_eq!(setup.inbox.next_text(), "f: 6");
    assert_eq!(setup.status().polled, None, "inotify is enough here");
}

#[test]
fn a_file_replaced_by_rename_is_read() {
    let setup = Setup::new("f", |directory| fs::write(directory.join("f"), "5").unwrap());
    assert_eq!(setup.value(), 5);
    setup.write("f.new", "0x10");
    fs::rename(setup.path("f.new"), setup.path("f")).unwrap();
    assert_eq!(setup.value(), 16);
}

#[test]
fn a_missing_deleted_or_moved_file_is_zero_and_may_come_back() {
    let setup = Setup::new("f", |_| ());
    assert_eq!(setup.value(), 0);
    assert!(!setup.status().exists);
    setup.write("f", "7");
    assert_eq!(setup.value(), 7);
    fs::remove_file(setup.path("f")).unwrap();
    assert_eq!(setup.value(), 0);
    setup.write("f", "8");
    assert_eq!(setup.value(), 8);
    fs::rename(setup.path("f"), setup.path("elsewhere")).unwrap();
    assert_eq!(setup.value(), 0);
    fs::hard_link(setup.path("elsewhere"), setup.path("f")).unwrap();
    assert_eq!(setup.value(), 8);
}

#[test]
fn a_file_is_not_read_before_its_writer_closes_it() {
    let setup = Setup::new("f", |directory| fs::write(directory.join("f"), "5").unwrap());
    assert_eq!(setup.value(), 5);
    let mut slow_writer = fs::File::create(setup.path("f")).unwrap();
    slow_writer.write_all(b"12").unwrap();
    slow_writer.write_all(b"34").unwrap();
    drop(slow_writer);
    assert_eq!(setup.value(), 1234, "neither empty nor 12 was seen");
}

#[test]
fn text_that_is_no_number_leaves_the_last_value_and_is_reported() {
    let setup = Setup::new("f", |directory| fs::write(directory.join("f"), "5").unwrap());
    assert_eq!(setup.value(), 5);
    setup.write("f", "five");
    wait_until("the problem shows", || setup.status().problem.is_some());
    assert_eq!(setup.status().problem.unwrap(), "`five` is not a number");
    assert_eq!(setup.status().value, Some(5));
    setup.write("f", "3000000000");
    wait_until("the other problem shows", || setup.status().problem.unwrap().contains("outside"));
    assert_eq!(setup.status().value, Some(5));
    setup.write("f", "4");
    assert_eq!(setup.value(), 4, "no update came in between");
    wait_until("the problem is over", || setup.status().problem.is_none());
}

#[test]
fn a_directory_that_appears_later_is_watched_then() {
    let setup = Setup::new("a/b/f", |_| ());
    assert_eq!(setup.value(), 0);
    wait_until("status says why it waits", || setup.status().polled.is_some());
    assert!(setup.status().polled.unwrap().contains("cannot watch the directory"));
    fs::create_dir_all(setup.path("a/b")).unwrap();
    setup.write("a/b/f", "9");
    assert_eq!(setup.value(), 9);
    wait_until("inotify is enough", || setup.status().polled.is_none());
}

#[test]
fn a_directory_deleted_and_recreated_is_watched_again() {
    let prepare = |directory: &Path| {
        fs::create_dir(directory.join("d")).unwrap();
        fs::write(directory.join("d/f"), "5").unwrap();
    };
    let setup = Setup::new("d/f", prepare);
    assert_eq!(setup.value(), 5);
    for round in 1..4 {
        fs::remove_dir_all(setup.path("d")).unwrap();
        assert_eq!(setup.value(), 0);
        fs::create_dir(setup.path("d")).unwrap();
        setup.write("d/f", &round.to_string());
        assert_eq!(setup.value(), round);
    }
}

#[test]
fn a_directory_replaced_by_another_is_noticed() {
    let prepare = |directory: &Path| {
        for name in ["old", "new"] {
            fs::create_dir(directory.join(name)).unwrap();
            fs::write(directory.join(name).join("f"), if name == "old" { "1" } else { "2" })
                .unwrap();
        }
        symlink("old", directory.join("current")).unwrap();
    };
    let setup = Setup::new("current/f", prepare);
    assert_eq!(setup.value(), 1);
    symlink("new", setup.path("next")).unwrap();
    fs::rename(setup.path("next"), setup.path("current")).unwrap();
    assert_eq!(setup.value(), 2);
    setup.write("new/f", "3");
    assert_eq!(setup.value(), 3);
}

#[test]
fn the_target_of_a_symbolic_link_is_polled() {
    let prepare = |directory: &Path| {
        fs::create_dir(directory.join("d")).unwrap();
        fs::write(directory.join("target"), "1").unwrap();
    };
    let setup = Setup::new("d/f", prepare);
    assert_eq!(setup.value(), 0);
    symlink("../target", setup.path("d/f")).unwrap();
    assert_eq!(setup.value(), 1);
    wait_until("status says so", || setup.status().polled.is_some());
    assert_eq!(setup.status().polled.unwrap(), "it is a symbolic link");
    setup.write("target", "22");
    assert_eq!(setup.value(), 22);
}

/// The status of the source called `name`.
fn status_of(tracker: &FileTracker, name: &str) -> FileSourceStatus {
    let mut sources = tracker.status().sources.into_iter();
    sources.find(|source| &*source.name == name).unwrap()
}

fn is_silent(tracker: &FileTracker, name: &str) -> bool {
    status_of(tracker, name).problem.as_deref() == Some("does not answer")
}

#[test]
fn a_file_system_that_does_not_answer_holds_up_no_other_file() {
    with_own_mounts(|| {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::create_dir(path("silent")).unwrap();
        fs::write(path("good"), "5").unwrap();
        let server = SilentServer::mount(&path("silent"));
        let (sink, inbox) = sink();
        let silent = |name: &str| File::new(name, path("silent").join(name));
        let good = File::new("good", path("good"));
        let first = vec![silent("s1").init(1), silent("s2"), good.clone()];
        let tracker = FileTracker::start(first, sink).unwrap();
        let mut texts = [inbox.next_text(), inbox.next_text(), inbox.next_text()];
        texts.sort();
        assert_eq!(texts, ["good: 5", "s1: 0", "s2: 0"]);
        assert!(is_silent(&tracker, "s1") && is_silent(&tracker, "s2"));
        fs::write(path("good"), "6").unwrap();
        assert_eq!(inbox.next_text(), "good: 6");

        let added = File::new("added", path("added")).init(3);
        let more = vec![silent("s2"), good, added, silent("s3")];
        tracker.reconfigure(more).unwrap();
        assert_eq!(inbox.next_text(), "added: 3");
        fs::write(path("good"), "7").unwrap();
        assert_eq!(inbox.next_text(), "good: 7", "s3 is not even tried: it is where s2 waits");

        // From here on there is an answer: an error.
        drop(server);
        assert_eq!(inbox.next_text(), "s3: 0");
        for name in ["s2", "s3"] {
            let problem = || status_of(&tracker, name).problem.unwrap_or_default();
            wait_until("there is an answer", || problem().contains("not connected"));
        }
        rustix::mount::unmount(path("silent"), rustix::mount::UnmountFlags::DETACH).unwrap();
        fs::write(path("silent/s2"), "8").unwrap();
        assert_eq!(inbox.next_text(), "s2: 8");
        wait_until("nothing is wrong", || status_of(&tracker, "s2").problem.is_none());
    });
}

#[test]
fn a_file_that_becomes_silent_keeps_its_value_and_its_neighbours_go_on() {
    with_own_mounts(|| {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::create_dir_all(path("elsewhere/mounted")).unwrap();
        fs::write(path("elsewhere/mounted/f"), "4").unwrap();
        symlink("elsewhere/mounted/f", path("f")).unwrap();
        fs::write(path("neighbour"), "5").unwrap();
        let (sink, inbox) = sink();
        let sources = ["f", "neighbour"].map(|name| File::new(name, path(name)));
        let tracker = FileTracker::start(sources.to_vec(), sink).unwrap();
        assert_eq!([inbox.next_text(), inbox.next_text()], ["f: 4", "neighbour: 5"]);
        let _server = SilentServer::mount(&path("elsewhere/mounted"));
        wait_until("it is silent", || is_silent(&tracker, "f"));
        assert_eq!(status_of(&tracker, "f").value, Some(4));
        fs::write(path("neighbour"), "6").unwrap();
        assert_eq!(inbox.next_text(), "neighbour: 6");
        assert_eq!(status_of(&tracker, "neighbour").problem, None);
    });
}

#[test]
fn the_end_does_not_wait_for_a_file_that_does_not_answer() {
    with_own_mounts(|| {
        let directory = tempfile::tempdir().unwrap();
        let server = SilentServer::mount(directory.path());
        let (sink, inbox) = sink();
        let sources = vec![File::new("f", directory.path().join("f"))];
        let tracker = FileTracker::start(sources, sink).unwrap();
        assert_eq!(inbox.next_text(), "f: 0");
        assert!(is_silent(&tracker, "f"));
        let (ended, end) = mpsc::channel();
        std::thread::spawn(move || {
            tracker.stop();
            ended.send(()).unwrap();
        });
        end.recv_timeout(common::PATIENCE).unwrap();
        drop(server);
        assert!(inbox.is_empty());
        rustix::mount::unmount(directory.path(), rustix::mount::UnmountFlags::DETACH).unwrap();
    });
}

#[test]
fn each_file_that_does_not_answer_gives_way_to_the_next() {
    with_own_mounts(|| {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::create_dir(path("silent")).unwrap();
        let server = SilentServer::mount(&path("silent"));
        let name = |index: usize| format!("f{index}");
        // Their directory answers, so each is found out by itself.
        let source = |index| {
            symlink("silent/f", path(&name(index))).unwrap();
            File::new(name(index), path(&name(index)))
        };
        let (sink, inbox) = sink();
        let mut sources: Vec<File> = (0..2).map(source).collect();
        sources.push(File::new("last", path("last")).init(9));
        let tracker = FileTracker::start(sources, sink).unwrap();
        let texts = [inbox.next_text(), inbox.next_text(), inbox.next_text()];
        assert_eq!(texts, ["f0: 0", "f1: 0", "last: 9"]);
        drop((tracker, server));
    });
}

/// As in a container that gets a single file from its host.
#[test]
fn a_file_mounted_from_elsewhere_is_polled() {
    if !rustix::process::geteuid().is_root() {
        return skip("mounting needs root");
    }
    let mounting = || {
        // For this thread and those that it starts.
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        let mount = |words: &[&OsStr]| {
            assert!(Command::new("mount").args(words).status().unwrap().success())
        };
        mount(&["--make-rprivate".as_ref(), "/".as_ref()]);
        let setup = Setup::new("f", |directory| fs::write(directory.join("f"), "1").unwrap());
        assert_eq!(setup.value(), 1);
        let elsewhere = tempfile::tempdir().unwrap();
        let source = elsewhere.path().join("source");
        fs::write(&source, "2").unwrap();
        mount(&["--bind".as_ref(), source.as_ref(), setup.path("f").as_ref()]);
        assert_eq!(setup.value(), 2);
        assert_eq!(setup.status().polled.unwrap(), "it is mounted there");
        fs::write(&source, "33").unwrap();
        assert_eq!(setup.value(), 33);
    };
    std::thread::scope(|scope| scope.spawn(mounting).join().unwrap());
}

#[test]
fn a_file_of_the_kernels_is_polled() {
    let (sink, inbox) = sink();
    let source = File::new("f", "/proc/sys/kernel/pid_max");
    let tracker = FileTracker::start(vec![source], sink).unwrap();
    let pid_max: i32 =
        fs::read_to_string("/proc/sys/kernel/pid_max").unwrap().trim().parse().unwrap();
    assert_eq!(inbox.next().reading.value(), Some(pid_max));
    wait_until("status says so", || tracker.status().sources[0].polled.is_some());
}

#[test]
fn what_is_no_regular_file_neither_blocks_nor_counts() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RWXU).unwrap();
    let (sink, inbox) = sink();
    let sources = vec![
        File::new("fifo", &fifo),
        File::new("directory", directory.path()),
        File::new("root", "/"),
        File::new("empty", ""),
    ];
    let tracker = FileTracker::start(sources, sink).unwrap();
    for name in ["fifo: 0", "directory: 0", "root: 0", "empty: 0"] {
        assert_eq!(inbox.next_text(), name);
    }
    wait_until("status follows", || tracker.status().sources.len() == 4);
    let problem = |index: usize| tracker.status().sources[index].problem.clone();
    assert_eq!(problem(0).as_deref(), Some("is not a regular file"));
    assert_eq!(problem(1).as_deref(), Some("is not a regular file"));
    assert_eq!(problem(2).as_deref(), Some("is not a regular file"));
    assert_eq!(problem(3), None, "a file without a name is missing");
}

#[test]
fn initial_values_are_written_as_configured() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("kept"), "3").unwrap();
    fs::write(path("overwritten"), "333333").unwrap();
    fs::write(path("target"), "3").unwrap();
    symlink("target", path("link")).unwrap();
    let (sink, inbox) = sink();
    let sources = vec![
        File::new("created", path("created")).init(-4),
        File::new("kept", path("kept")).init(4),
        File::new("overwritten", path("overwritten")).init_overwrite(4),
        File::new("link", path("link")).init_overwrite(4),
        File::new("nowhere", path("no/where")).init(4),
    ];
    let tracker = FileTracker::start(sources, sink).unwrap();
    for expected in ["created: -4", "kept: 3", "overwritten: 4", "link: 3", "nowhere: 0"] {
        assert_eq!(inbox.next_text(), expected);
    }
    assert_eq!(fs::read_to_string(path("overwritten")).unwrap(), "4\n");
    wait_until("status follows", || tracker.status().sources.len() == 5);
    let sources = tracker.status().sources;
    assert!(sources[3].problem.as_ref().unwrap().contains("cannot be initialised"));
    assert!(sources[4].problem.as_ref().unwrap().contains("cannot be initialised"));
}

#[test]
fn a_new_set_of_sources_keeps_what_has_not_changed() {
    let setup = Setup::new("f", |directory| fs::write(directory.join("f"), "5").unwrap());
    assert_eq!(setup.value(), 5);
    fs::create_dir(setup.path("other")).unwrap();
    setup.write("other/g", "1");
    let kept = File::new("f", setup.path("f")).init_overwrite(99);
    let added = File::new("g", setup.path("other/g"));
    setup.tracker.reconfigure(vec![added.clone(), kept]).unwrap();
    assert_eq!(setup.inbox.next_text(), "g: 1", "only the added one reports");
    assert_eq!(fs::read_to_string(setup.path("f")).unwrap(), "5", "not initialised again");
    setup.write("f", "6");
    assert_eq!(setup.inbox.next_text(), "f: 6");

    setup.tracker.reconfigure(vec![added]).unwrap();
    wait_until("the set is in force", || setup.tracker.status().sources.len() == 1);
    setup.write("f", "7");
    setup.write("other/g", "2");
    assert_eq!(setup.inbox.next_text(), "g: 2", "the removed one is silent");
}

#[test]
fn two_paths_to_one_directory_share_its_watch_and_part_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("d")).unwrap();
    symlink("d", path("alias")).unwrap();
    let sources = ["d", "alias"].map(|parent| File::new(parent, path(parent).join("f")));
    let (sink, inbox) = sink();
    let tracker = FileTracker::start(sources.to_vec(), sink).unwrap();
    assert_eq!([inbox.next_text(), inbox.next_text()], ["d: 0", "alias: 0"]);
    fs::write(path("d/f"), "1").unwrap();
    assert_eq!([inbox.next_text(), inbox.next_text()], ["d: 1", "alias: 1"]);
    tracker.reconfigure(sources[..1].to_vec()).unwrap();
    wait_until("the set is in force", || tracker.status().sources.len() == 1);
    fs::write(path("d/f"), "2").unwrap();
    assert_eq!(inbox.next_text(), "d: 2", "the shared watch is still there");
}

#[test]
fn a_flood_of_events_loses_nothing() {
    let setup = Setup::new("f", |_| ());
    assert_eq!(setup.value(), 0);
    // More than the kernel queues by default (16384): it may overflow, or the tracker may keep up.
    let burst: usize = 20_000;
    for index in 0..burst {
        let name = if index % 2 == 0 { "x" } else { "y" };
        setup.write(name, "");
    }
    setup.write("f", "77");
    assert_eq!(setup.value(), 77);
}

#[test]
fn names_must_differ() {
    let (sink, _inbox) = sink();
    let twice = vec![File::new("f", "/a"), File::new("f", "/b")];
    let error = FileTracker::start(twice, sink).err().unwrap();
    assert_eq!(error.to_string(), "two sources are called `f`");
}

#[test]
fn nothing_is_reported_after_stop() {
    let setup = Setup::new("f", |_| ());
    assert_eq!(setup.value(), 0);
    let Setup { tracker, inbox, directory } = setup;
    tracker.stop();
    fs::write(directory.path().join("f"), "1").unwrap();
    assert!(inbox.is_empty());
}
