//! What the tests of all trackers share.

#![allow(dead_code, reason = "every test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use vrrp_track::{Sink, Update};

/// How long a test waits for what must happen: only a failing test takes that long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The receiving end of a sink.
pub(crate) struct Inbox(Receiver<Update>);

/// A sink, and where its updates can be waited for.
pub(crate) fn sink() -> (Sink, Inbox) {
    let (sender, receiver) = mpsc::channel();
    (Box::new(move |update| drop(sender.send(update))), Inbox(receiver))
}

impl Inbox {
    /// The next update.
    #[track_caller]
    pub(crate) fn next(&self) -> Update {
        self.0.recv_timeout(PATIENCE).expect("an update within the test's patience")
    }

    /// The next update, as `name: reading`.
    #[track_caller]
    pub(crate) fn next_text(&self) -> String {
        self.next().to_string()
    }

    /// True if nothing has arrived; for use after something else shows that it would have.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.try_recv().is_err()
    }
}

/// Waits until `condition` holds.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Reports that a test cannot run here; under `CI` that is a failure.
pub(crate) fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "this test must run under CI, but: {why}");
    eprintln!("skipped: {why}");
}

/// Whether a process of this id runs; a zombie does not.
pub(crate) fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

/// The process id that a script has written to a file, once it has.
#[track_caller]
pub(crate) fn pid_in(path: &std::path::Path) -> u32 {
    let read = || std::fs::read_to_string(path).ok()?.strip_suffix('\n')?.parse().ok();
    wait_until("the script has written its process id", || read().is_some());
    read().unwrap()
}

/// A file system in user space whose server says nothing: whoever looks at it waits. Until it is dropped, then it
/// is broken.
pub(crate) struct SilentServer {
    _connection: std::fs::File,
}

impl SilentServer {
    /// In a mount namespace of the test's own.
    pub(crate) fn mount(path: &std::path::Path) -> Self {
        let connection = std::fs::File::options().read(true).write(true).open("/dev/fuse").unwrap();
        let options = format!(
            "fd={},rootmode=40000,user_id=0,group_id=0",
            std::os::fd::AsRawFd::as_raw_fd(&connection)
        );
        let options = std::ffi::CString::new(options).unwrap();
        let flags = rustix::mount::MountFlags::empty();
        rustix::mount::mount("silent", path, "fuse", flags, Some(options.as_c_str())).unwrap();
        Self { _connection: connection }
    }
}

/// Runs a test in a mount namespace, which goes when its threads have gone.
pub(crate) fn with_own_mounts(test: impl FnOnce() + Send) {
    if !rustix::process::geteuid().is_root() || !std::path::Path::new("/dev/fuse").exists() {
        return skip("mounting a file system of user space needs root and /dev/fuse");
    }
    let mounting = || {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).unwrap();
        let private =
            std::process::Command::new("mount").args(["--make-rprivate", "/"]).status().unwrap();
        assert!(private.success());
        test();
    };
    std::thread::scope(|scope| scope.spawn(mounting).join().unwrap());
}
