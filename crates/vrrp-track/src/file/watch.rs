//! What a thread that looks at files does.
//!
//! The *directory* of each file is watched, since a careful writer replaces a file by rename. What inotify
//! cannot tell (a directory that is not there yet, the target of a symbolic link, another host's write to a
//! network file system) is looked at every [`POLL_INTERVAL`].

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;

use super::board::{Assigned, Board, FileId, Found, Target};
use super::content::{self, Content, FileSystem, Stamp};
use super::value::parse_value;
use super::worker::Desk;
use super::{File, FileSourceStatus};
use crate::handle::BELL;
use crate::poll::Poller;

/// How often files are looked at that inotify cannot tell everything about, and how often a missing
/// directory is looked for.
pub const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// How often it is checked that a watched directory is still the one that its path means.
const DIRECTORY_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The poller's token for inotify.
const INOTIFY: u64 = 0;

const EVENT_BUFFER_BYTES: usize = 16 * 1024;

/// How many events are taken before the mailbox gets its turn; the others stay in the kernel's queue.
const EVENTS_PER_TURN: usize = 1024;

pub(super) struct Watcher {
    desk: Arc<Desk>,
    board: Arc<Board>,
    /// Or why there is none.
    inotify: Result<OwnedFd, String>,
    directories: BTreeMap<PathBuf, Directory>,
    files: Vec<Tracked>,
    status_is_old: bool,
}

/// A directory that has tracked files in it.
#[derive(Default)]
struct Directory {
    watch: Option<Watch>,
    /// Why there is no watch, empty before the first attempt.
    problem: String,
}

struct Watch {
    descriptor: i32,
    /// Which directory the path meant just before the watch was set.
    identity: (u64, u64),
    file_system: FileSystem,
}

struct Tracked {
    id: FileId,
    source: File,
    directory: PathBuf,
    file_name: OsString,
    /// The value in force.
    value: Option<i32>,
    /// Whether this thread has looked at it.
    looked_at: bool,
    /// How the file looked when last read; `None` if it was missing or unreadable.
    read_at: Option<Stamp>,
    /// How it looked at the last poll if it has changed since it was read. It is read when it has
    /// looked the same twice: a writer in between truncating and writing is given time.
    settling: Option<Option<Stamp>>,
    unreadable: bool,
    unseen: Option<&'static str>,
    problem: Option<String>,
    init_problem: Option<String>,
}

struct Event {
    watch: i32,
    flags: ReadFlags,
    file_name: Option<OsString>,
}

impl Watcher {
    pub(super) fn new(desk: Arc<Desk>, board: Arc<Board>) -> Self {
        Self {
            desk,
            board,
            inotify: inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)
                .map_err(|e| e.to_string()),
            directories: BTreeMap::new(),
            files: Vec::new(),
            status_is_old: false,
        }
    }

    /// The thread's loop, until told to stop.
    pub(super) fn run(mut self, poller: Poller) -> io::Result<()> {
        self.listen(&poller);
        let mut next_check = Instant::now();
        loop {
            let ready = poller.wait(Some(next_check))?;
            self.desk.begin_turn();
            if ready.contains(&BELL) {
                if !self.desk.answer_bell() {
                    return Ok(());
                }
                self.adopt();
                next_check = Instant::now() + self.check_interval();
            }
            if ready.contains(&INOTIFY) {
                self.read_events();
            }
            if Instant::now() >= next_check {
                self.check_directories();
                self.poll_files();
                next_check = Instant::now() + self.check_interval();
            }
            if self.desk.end_turn() {
                self.start_over();
                next_check = Instant::now();
                continue;
            }
            self.publish();
        }
    }

    /// Without inotify (a user may have 128 of them by default) files are polled, and status says so.
    fn listen(&mut self, poller: &Poller) {
        if let Ok(inotify) = &self.inotify
            && let Err(e) = poller.add(inotify, INOTIFY)
        {
            self.inotify = Err(e.to_string());
        }
        if let Err(e) = &self.inotify {
            log::warn!(
                "inotify is not available ({e}): files are looked at every {POLL_INTERVAL:?}"
            );
        }
    }

    /// Takes on the files that are this thread's now.
    fn adopt(&mut self) {
        let mut old: BTreeMap<FileId, Tracked> =
            self.files.drain(..).map(|file| (file.id, file)).collect();
        for assigned in self.board.assigned(self.desk.id) {
            let file = match old.remove(&assigned.id) {
                Some(file) => Tracked { source: assigned.file, ..file },
                None => Tracked::new(assigned),
            };
            self.files.push(file);
        }
        let fresh: Vec<usize> =
            (0..self.files.len()).filter(|&index| !self.files[index].looked_at).collect();
        // Before the directories are watched: what is written here is no news.
        self.knock(&fresh);
        fresh.iter().for_each(|&index| self.initialise(index));
        self.match_directories();
        fresh.iter().for_each(|&index| self.refresh(index));
        self.status_is_old = true;
    }

    /// After a long wait for an answer: which files are this thread's has changed, and what became of them
    /// meanwhile is not known.
    fn start_over(&mut self) {
        let directories: Vec<PathBuf> = self.directories.keys().cloned().collect();
        directories.iter().for_each(|path| self.detach(path));
        self.directories.clear();
        self.files.clear();
        self.desk.begin_turn();
        self.adopt();
        if !self.desk.end_turn() {
            self.publish();
        }
    }

    /// Finds out once, and not with each file, whether their directories answer at all.
    fn knock(&self, files: &[usize]) {
        let directories: BTreeSet<&Path> =
            files.iter().map(|&index| &*self.files[index].directory).collect();
        for path in directories {
            if self.desk.may_look_at(|| Target::Directory(path.to_owned())) {
                let _ = fs::metadata(path);
            }
        }
    }

    fn initialise(&mut self, index: usize) {
        let file = &mut self.files[index];
        let Some(init) = file.source.init else { return };
        let may_look = self.desk.may_look_at(|| Target::File(file.id));
        if !may_look || !self.board.claim_initialisation(self.desk.id, file.id) {
            return;
        }
        if let Err(e) = content::initialise(&file.source.path, init) {
            let problem = format!("cannot be initialised: {e}");
            log::warn!("{}: {} {problem}", file.source.name, file.source.path.display());
            file.init_problem = Some(problem);
        }
    }

    /// Watches the directories of the files, and no others.
    fn match_directories(&mut self) {
        let wanted: BTreeSet<PathBuf> =
            self.files.iter().map(|file| file.directory.clone()).collect();
        let known: BTreeSet<PathBuf> = self.directories.keys().cloned().collect();
        for path in known.difference(&wanted) {
            self.detach(path);
            self.directories.remove(path);
        }
        for path in wanted.difference(&known) {
            self.directories.insert(path.clone(), Directory::default());
            self.attach(path);
        }
    }

    /// Watches what its path means now; files of directories that have appeared or changed are read.
    fn check_directories(&mut self) {
        let paths: Vec<PathBuf> = self.directories.keys().cloned().collect();
        for path in paths {
            if !self.desk.may_look_at(|| Target::Directory(path.clone())) {
                return;
            }
            let now = fs::metadata(&path).ok().map(|metadata| content::identity(&metadata));
            let watch = self.directories[&path].watch.as_ref();
            if watch.is_some() && watch.map(|watch| watch.identity) == now {
                continue;
            }
            let was_watched = watch.is_some();
            self.detach(&path);
            let is_watched = self.attach(&path);
            if was_watched || is_watched {
                self.refresh_directory(&path);
            }
        }
    }

    /// Sets the watch on a directory that has none. Files are read after, not before: nothing is missed.
    fn attach(&mut self, path: &Path) -> bool {
        if !self.desk.may_look_at(|| Target::Directory(path.to_owned())) {
            return false;
        }
        let attempt = Watch::set(self.inotify.as_ref(), path);
        let Some(directory) = self.directories.get_mut(path) else { return false };
        match attempt {
            Ok(watch) => {
                directory.watch = Some(watch);
                directory.problem.clear();
            }
            Err(problem) => {
                if directory.problem != problem {
                    log::info!("{problem}; looking again every {POLL_INTERVAL:?}");
                    self.status_is_old = true;
                }
                directory.problem = problem;
            }
        }
        directory.watch.is_some()
    }

    /// Takes the watch off, unless another path to the same directory still needs it.
    fn detach(&mut self, path: &Path) {
        let Some(watch) =
            self.directories.get_mut(path).and_then(|directory| directory.watch.take())
        else {
            return;
        };
        let shared = self.directories.values().any(|other| other.has_watch(watch.descriptor));
        if let (false, Ok(inotify)) = (shared, &self.inotify) {
            // Fails only if the directory has gone, and the watch with it.
            let _ = inotify::remove_watch(inotify, watch.descriptor);
        }
        self.status_is_old = true;
    }

    fn read_events(&mut self) {
        let Ok(inotify) = &self.inotify else { return };
        let mut dirty = BTreeSet::new();
        for event in next_events(inotify) {
            if event.flags.contains(ReadFlags::QUEUE_OVERFLOW) {
                log::info!("the kernel dropped file events: reading all files again");
                dirty.extend(0..self.files.len());
            } else if event.flags.intersects(GONE) {
                self.directory_gone(event.watch);
            } else if let Some(name) = &event.file_name {
                let mut files = self.files_called(event.watch, name);
                if event.flags.contains(ReadFlags::CREATE) {
                    files.retain(|&index| self.is_complete(index));
                }
                dirty.extend(files);
            }
        }
        for index in dirty {
            self.refresh(index);
        }
    }

    fn is_complete(&self, index: usize) -> bool {
        let file = &self.files[index];
        self.desk.may_look_at(|| Target::File(file.id)) && content::is_complete(&file.source.path)
    }

    fn files_called(&self, watch: i32, name: &OsStr) -> Vec<usize> {
        let is_meant = |file: &Tracked| {
            file.file_name == name
                && self
                    .directories
                    .get(&file.directory)
                    .is_some_and(|directory| directory.has_watch(watch))
        };
        (0..self.files.len()).filter(|&index| is_meant(&self.files[index])).collect()
    }

    /// The directory was deleted, moved or unmounted: perhaps the path means another one already.
    fn directory_gone(&mut self, watch: i32) {
        let paths: Vec<PathBuf> = self
            .directories
            .iter()
            .filter(|(_, directory)| directory.has_watch(watch))
            .map(|(path, _)| path.clone())
            .collect();
        for path in paths {
            self.detach(&path);
            self.attach(&path);
            self.refresh_directory(&path);
        }
    }

    fn refresh_directory(&mut self, path: &Path) {
        for index in 0..self.files.len() {
            if self.files[index].directory == path {
                self.refresh(index);
            }
        }
    }

    /// Reads one file.
    fn refresh(&mut self, index: usize) {
        let file = &mut self.files[index];
        if self.desk.may_look_at(|| Target::File(file.id)) {
            self.status_is_old = true;
            file.read();
        }
    }

    /// Looks at the files that inotify does not tell everything about.
    fn poll_files(&mut self) {
        for index in 0..self.files.len() {
            if !self.desk.may_look_at(|| Target::File(self.files[index].id)) {
                return;
            }
            self.files[index].look_whether_seen(&mut self.status_is_old);
            if self.polled(&self.files[index]).is_none() {
                continue;
            }
            let directory = self.directories.get(&self.files[index].directory);
            let always =
                directory.is_some_and(|directory| directory.file_system() == FileSystem::Kernel);
            if always || self.files[index].has_settled() {
                self.refresh(index);
            }
        }
    }

    /// Why a file is polled; `None` if inotify is enough.
    fn polled(&self, file: &Tracked) -> Option<String> {
        let directory = self.directories.get(&file.directory)?;
        match directory.file_system() {
            _ if directory.watch.is_none() => Some(directory.problem.clone()),
            FileSystem::Remote => Some("it is on a network or user-space file system".into()),
            FileSystem::Kernel => Some("it is on a file system of the kernel's own".into()),
            FileSystem::Local if file.unreadable => Some("it cannot be read".into()),
            FileSystem::Local => file.unseen.map(Into::into),
        }
    }

    fn check_interval(&self) -> Duration {
        if self.files.iter().any(|file| self.polled(file).is_some()) {
            POLL_INTERVAL
        } else {
            DIRECTORY_CHECK_INTERVAL
        }
    }

    fn publish(&mut self) {
        if std::mem::take(&mut self.status_is_old) && !self.board.is_closed() {
            let found = |file: &Tracked| Found {
                id: file.id,
                value: file.value,
                status: file.status(self.polled(file)),
            };
            self.board.publish(self.desk.id, self.files.iter().map(found).collect());
        }
    }
}

/// The directory itself is not there any more.
const GONE: ReadFlags = ReadFlags::IGNORED
    .union(ReadFlags::DELETE_SELF)
    .union(ReadFlags::MOVE_SELF)
    .union(ReadFlags::UNMOUNT);

/// One turn's worth of events; what was read from the kernel is always taken to its end.
fn next_events(inotify: &OwnedFd) -> Vec<Event> {
    let mut buffer = [MaybeUninit::uninit(); EVENT_BUFFER_BYTES];
    let mut reader = inotify::Reader::new(inotify, &mut buffer);
    let mut events = Vec::new();
    while events.len() < EVENTS_PER_TURN || !reader.is_buffer_empty() {
        match reader.next() {
            Ok(event) => events.push(Event {
                watch: event.wd(),
                flags: event.events(),
                file_name: event
                    .file_name()
                    .map(|name| OsStr::from_bytes(name.to_bytes()).to_owned()),
            }),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => break,
            Err(e) => {
                log::error!("cannot read file events: {e}");
                break;
            }
        }
    }
    events
}

impl Directory {
    fn has_watch(&self, descriptor: i32) -> bool {
        self.watch.as_ref().is_some_and(|watch| watch.descriptor == descriptor)
    }

    fn file_system(&self) -> FileSystem {
        self.watch.as_ref().map_or(FileSystem::Local, |watch| watch.file_system)
    }
}

impl Watch {
    /// Or why there can be none.
    fn set(inotify: Result<&OwnedFd, &String>, path: &Path) -> Result<Self, String> {
        let flags = WatchFlags::CLOSE_WRITE
            | WatchFlags::CREATE
            | WatchFlags::MOVED_TO
            | WatchFlags::MOVED_FROM
            | WatchFlags::DELETE
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        let inotify = inotify.map_err(|e| format!("there is no inotify: {e}"))?;
        let failed =
            |e: std::io::Error| format!("cannot watch the directory {}: {e}", path.display());
        let directory = fs::File::open(path).map_err(failed)?;
        let metadata = directory.metadata().map_err(failed)?;
        Ok(Self {
            descriptor: inotify::add_watch(inotify, path, flags).map_err(|e| failed(e.into()))?,
            identity: content::identity(&metadata),
            file_system: FileSystem::of(&directory),
        })
    }
}

impl Tracked {
    fn new(Assigned { id, file: source, value }: Assigned) -> Self {
        Self {
            id,
            directory: source.directory().to_owned(),
            file_name: source.path.file_name().unwrap_or_default().to_owned(),
            source,
            value,
            looked_at: false,
            read_at: None,
            settling: None,
            unreadable: false,
            unseen: None,
            problem: None,
            init_problem: None,
        }
    }

    fn read(&mut self) {
        let path = &self.source.path;
        self.unseen = content::unseen_by_inotify(path);
        self.settling = None;
        let (read_at, read) = match content::read(path) {
            Content::Missing => (None, Ok(0)),
            Content::Text(text, stamp) => {
                (Some(stamp), parse_value(&text).map_err(|e| e.to_string()))
            }
            Content::Unreadable(problem) => (None, Err(problem)),
        };
        self.read_at = read_at;
        self.looked_at = true;
        self.unreadable = read_at.is_none() && read.is_err();
        let (value, problem) = match read {
            Ok(value) => (value, None),
            Err(problem) => (self.value.unwrap_or(0), Some(problem)),
        };
        self.note(problem, value);
        self.value = Some(value);
    }

    fn note(&mut self, problem: Option<String>, value: i32) {
        if let Some(problem) = &problem
            && self.problem.as_ref() != Some(problem)
        {
            let (name, path) = (&self.source.name, self.source.path.display());
            log::warn!("{name}: {path}: {problem}; the value stays {value}");
        }
        self.problem = problem;
    }

    /// A mount over the file makes no event.
    fn look_whether_seen(&mut self, status_is_old: &mut bool) {
        let unseen = content::unseen_by_inotify(&self.source.path);
        *status_is_old |= self.unseen != unseen;
        self.unseen = unseen;
    }

    /// Whether the file has changed since it was read and then stayed the same for one poll.
    fn has_settled(&mut self) -> bool {
        let now = Stamp::at(&self.source.path);
        if now == self.read_at {
            self.settling = None;
            return false;
        }
        self.settling.replace(now) == Some(now)
    }

    fn status(&self, polled: Option<String>) -> FileSourceStatus {
        FileSourceStatus {
            name: Arc::clone(&self.source.name),
            path: self.source.path.clone(),
            value: self.value,
            exists: self.read_at.is_some() || self.unreadable,
            problem: self.problem.clone().or_else(|| self.init_problem.clone()),
            polled,
        }
    }
}
