//! The control socket: one line asks, one JSON document answers, or a line for each event.
//!
//! One thread serves all clients side by side, so that one that is slow, or says nothing, keeps
//! nobody waiting.

use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, TryRecvError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use vrrp_net::{SpareDescriptors, Waker};

use crate::RELOAD_PATIENCE;
use crate::drain::{DrainReport, DrainRequest};
use crate::events::{EventLine, EventLog, Reader};
use crate::run_dir::Socket;
use crate::status::{ReloadReport, Status};
use crate::upgrade::{Asker, UpgradeReport, UpgradeRequest};

/// The longest question; a longer one is not understood.
const QUESTION_BYTES_MAX: usize = 1024;
/// How many clients are served at the same time. One more takes the place of the one that has
/// been silent longest.
const CLIENTS_MAX: usize = 64;
/// How many of them may read events, for as long as they like.
const READERS_MAX: usize = CLIENTS_MAX / 2;
/// How long a client has to ask, and then to take the answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is looked whether the socket is still where clients look for it.
const SOCKET_CHECK: Duration = Duration::from_secs(2);
const STACK_BYTES: usize = 512 << 10;

/// What there is to answer.
pub trait Answers: Send + 'static {
    /// How things stand.
    fn status(&self) -> Status;

    /// Reloads, or says what a reload would change. The answer comes later, with a wake-up.
    fn reload(&self, is_dry: bool, answered: Waker) -> Receiver<ReloadReport>;

    /// Replaces the program. Whoever does answers the asker, or the other program does.
    fn upgrade(&self, request: UpgradeRequest);

    /// Keeps instances from taking part, or lets them take part again; answered in the same way.
    fn drain(&self, request: DrainRequest, answered: Waker) -> Receiver<DrainReport>;
}

/// The control socket with all that serving it takes of descriptors, before others take the last.
pub struct Reception {
    socket: Socket,
    waker: Waker,
    events: EventLog,
    spare: SpareDescriptors,
}

impl Reception {
    /// What is ready to answer on `socket`.
    pub fn open(socket: Socket) -> io::Result<Self> {
        socket.listener().set_nonblocking(true)?;
        let waker = Waker::new().map_err(io::Error::other)?;
        let events = EventLog::new(waker.clone());
        Ok(Self { socket, waker, events, spare: SpareDescriptors::new(1) })
    }

    /// Where to put the events that clients read.
    pub fn events(&self) -> EventLog {
        self.events.clone()
    }
}

/// The thread that answers.
pub struct Control {
    thread: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    waker: Waker,
}

impl Control {
    /// Answers from now on.
    pub fn start(reception: Reception, answers: impl Answers) -> io::Result<Self> {
        let Reception { socket, waker, events, spare } = reception;
        let stop = Arc::new(AtomicBool::new(false));
        let mut server = Server {
            socket,
            spare,
            clients: Vec::new(),
            events,
            waker: waker.clone(),
            stop: Arc::clone(&stop),
            answers,
            check_at: Instant::now() + SOCKET_CHECK,
        };
        let thread = thread::Builder::new()
            .name("control".into())
            .stack_size(STACK_BYTES)
            .spawn(move || server.serve())?;
        Ok(Self { thread: Some(thread), stop, waker })
    }
}

impl Drop for Control {
    /// Whatever a client is doing at that moment, or not doing, is broken off.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.waker.wake();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            log::error!("the control thread has panicked");
        }
    }
}

struct Server<A> {
    socket: Socket,
    /// Makes room for a client when there is no descriptor left.
    spare: SpareDescriptors,
    clients: Vec<Client>,
    events: EventLog,
    waker: Waker,
    stop: Arc<AtomicBool>,
    answers: A,
    check_at: Instant,
}

/// One client, and how far it has come.
struct Client {
    stream: UnixStream,
    phase: Phase,
    /// Until when it has to have come further; a reader of events has all the time.
    deadline: Option<Instant>,
}

enum Phase {
    /// It has asked this much so far.
    Asking(Vec<u8>),
    /// What it asked for is being done.
    Waiting(Pending),
    /// It has to take this, from this byte on.
    Answering(Vec<u8>, usize),
    /// It reads events as they come.
    Reading(Reading),
    /// It was served, or has broken off.
    Done,
}

/// What comes when it is done.
enum Pending {
    Reload(Receiver<ReloadReport>),
    Drain(Receiver<DrainReport>),
}

impl Pending {
    /// The answer, if it is there.
    fn take(&self) -> Result<serde_json::Result<Vec<u8>>, TryRecvError> {
        match self {
            Self::Reload(reply) => reply.try_recv().map(|report| serde_json::to_vec(&report)),
            Self::Drain(reply) => reply.try_recv().map(|report| serde_json::to_vec(&report)),
        }
    }
}

/// A client that reads events.
struct Reading {
    /// The number of the last event that was put into `lines`.
    seen: u64,
    /// What it has to take, from the byte `sent` on.
    lines: Vec<u8>,
    sent: usize,
    _reader: Reader,
}

impl Client {
    fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let (phase, deadline) = (Phase::Asking(Vec::new()), Some(Instant::now() + PATIENCE));
        Ok(Self { stream, phase, deadline })
    }

    /// What it can be waited for.
    fn events(&self) -> PollFlags {
        match self.phase {
            Phase::Asking(_) => PollFlags::IN,
            Phase::Answering(..) => PollFlags::OUT,
            Phase::Reading(ref reading) if reading.sent < reading.lines.len() => PollFlags::OUT,
            Phase::Waiting(_) | Phase::Reading(_) | Phase::Done => PollFlags::empty(),
        }
    }

    /// Whether it can only have gone when there is something about it.
    fn awaits_nothing(&self) -> bool {
        matches!(self.phase, Phase::Waiting(_) | Phase::Reading(_)) && self.events().is_empty()
    }

    fn answer(&mut self, body: serde_json::Result<Vec<u8>>) {
        self.deadline = Some(Instant::now() + PATIENCE);
        self.phase = body.map_or(Phase::Done, |body| Phase::Answering(body, 0));
    }
}

impl<A: Answers> Server<A> {
    fn serve(&mut self) {
        while !self.stop.load(Ordering::Acquire) {
            let is_ready = self.wait();
            self.waker.take();
            for (client, is_ready) in self.clients.iter_mut().zip(&is_ready[2..]) {
                if *is_ready && client.awaits_nothing() {
                    client.phase = Phase::Done;
                }
            }
            if is_ready[0] {
                self.accept();
            }
            for index in 0..self.clients.len() {
                self.step(index);
            }
            let now = Instant::now();
            let has_time = |client: &Client| client.deadline.is_none_or(|deadline| deadline > now);
            self.clients.retain(|client| !matches!(client.phase, Phase::Done) && has_time(client));
            self.spare.refill();
            if self.check_at <= now {
                self.check_socket();
            }
        }
    }

    /// Waits for the listener, a client, or the next deadline. Says what of the listener, the waker
    /// and the clients there is something about, in this order.
    fn wait(&self) -> Vec<bool> {
        let deadlines = self.clients.iter().filter_map(|client| client.deadline);
        let until = deadlines.chain([self.check_at]).min().unwrap_or(self.check_at);
        let left = until.saturating_duration_since(Instant::now());
        let listener = self.socket.listener().as_fd();
        let mut fds = vec![
            PollFd::from_borrowed_fd(listener, PollFlags::IN),
            PollFd::new(&self.waker, PollFlags::IN),
        ];
        fds.extend(
            self.clients
                .iter()
                .map(|client| PollFd::from_borrowed_fd(client.stream.as_fd(), client.events())),
        );
        let timeout = Timespec::try_from(left).ok();
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => {
                log::error!("the control socket cannot be waited on: {errno}");
                thread::sleep(Duration::from_millis(100));
            }
        }
        fds.iter().map(|fd| !fd.revents().is_empty()).collect()
    }

    /// Takes in the clients that want in.
    fn accept(&mut self) {
        loop {
            match self.socket.listener().accept() {
                Ok((stream, _)) => {
                    if self.clients.len() >= CLIENTS_MAX {
                        self.send_one_away();
                    }
                    self.clients.extend(Client::new(stream).ok());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // Without a descriptor left that is also the answer when nobody wants in.
                Err(_) if !self.is_somebody_waiting() => return,
                Err(_) if self.spare.give_up() => {}
                Err(error) => {
                    log::debug!("control socket: {error}");
                    // The descriptor of a silent client helps the next.
                    self.send_one_away();
                    return thread::sleep(Duration::from_millis(10));
                }
            }
        }
    }

    fn is_somebody_waiting(&self) -> bool {
        let listener = self.socket.listener().as_fd();
        let mut fds = [PollFd::from_borrowed_fd(listener, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }

    /// Gives up the client that has been silent longest, or else the one with the least time left.
    fn send_one_away(&mut self) {
        let key = |client: &Client| {
            let is_asking = matches!(client.phase, Phase::Asking(_));
            (!is_asking, client.deadline.is_none(), client.deadline)
        };
        let one = (0..self.clients.len()).min_by_key(|index| key(&self.clients[*index]));
        one.map(|index| self.clients.remove(index));
    }

    /// Goes as far with a client as it goes without waiting.
    fn step(&mut self, index: usize) {
        let client = &mut self.clients[index];
        match &mut client.phase {
            Phase::Asking(question) => match read_question(&client.stream, question) {
                Ok(Some(question)) => self.begin(index, &question),
                Ok(None) => {}
                Err(_) => client.phase = Phase::Done,
            },
            Phase::Waiting(pending) => match pending.take() {
                Ok(body) => client.answer(body),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => client.phase = Phase::Done,
            },
            Phase::Answering(body, sent) => match (&client.stream).write(&body[*sent..]) {
                Ok(written) => {
                    *sent += written;
                    if *sent == body.len() {
                        client.phase = Phase::Done;
                    }
                }
                Err(error) if is_passing(&error) => {}
                Err(_) => client.phase = Phase::Done,
            },
            Phase::Reading(reading) => {
                if reading.go_on(&client.stream, &self.events).is_err() {
                    client.phase = Phase::Done;
                }
            }
            Phase::Done => {}
        }
    }

    fn begin(&mut self, index: usize, question: &str) {
        if let Some(binary) = upgrade(question) {
            return self.begin_upgrade(index, binary);
        }
        let client = &mut self.clients[index];
        if let Some(request) = DrainRequest::read(question) {
            let reply = self.answers.drain(request, self.waker.clone());
            client.deadline = Some(Instant::now() + RELOAD_PATIENCE);
            client.phase = Phase::Waiting(Pending::Drain(reply));
            return;
        }
        let mut words = question.split_whitespace();
        match (words.next(), words.next().map(str::parse), words.next()) {
            (Some("status"), None, _) => {
                client.answer(serde_json::to_vec(&self.answers.status()));
            }
            (Some("reload" | "plan"), None, _) => {
                let reply = self.answers.reload(question == "plan", self.waker.clone());
                client.deadline = Some(Instant::now() + RELOAD_PATIENCE);
                client.phase = Phase::Waiting(Pending::Reload(reply));
            }
            (Some("events"), _, None) if self.events.readers() >= READERS_MAX => {
                let error = format!("{READERS_MAX} others read events already");
                client.answer(refusal(error));
            }
            (Some("events"), None, None) => self.begin_reading(index, None),
            (Some("events"), Some(Ok(since)), None) => self.begin_reading(index, Some(since)),
            _ => client.answer(refusal(format!("unknown request {question:?}"))),
        }
        if matches!(self.clients[index].phase, Phase::Answering(..) | Phase::Reading(_)) {
            self.step(index);
        }
    }

    /// Hands a client over to whoever replaces the program.
    fn begin_upgrade(&mut self, index: usize, binary: Option<PathBuf>) {
        let client = &mut self.clients[index];
        let (stream, socket) = (client.stream.try_clone(), self.socket.try_clone());
        let (asker, socket) = match (stream, socket) {
            (Ok(stream), Ok(socket)) => (Asker::new(stream), socket),
            (Err(error), _) | (_, Err(error)) => return client.answer(refusal(error.to_string())),
        };
        if !asker.is_trusted() {
            let why = "only root may run another program in the daemon's place".to_owned();
            let report = UpgradeReport::refused(env!("CARGO_PKG_VERSION"), why);
            return client.answer(serde_json::to_vec(&report));
        }
        client.phase = Phase::Done;
        self.answers.upgrade(UpgradeRequest { binary, asker, socket });
    }

    /// Tells a client how things stand, and from then on what happens; what came after the event
    /// `since` too, if there is one.
    fn begin_reading(&mut self, index: usize, since: Option<u64>) {
        let last_event = self.events.last();
        let status = Box::new(self.answers.status());
        let client = &mut self.clients[index];
        let mut lines = Vec::new();
        client.phase = match write_line(&mut lines, &EventLine::Snapshot { last_event, status }) {
            Ok(()) => {
                let seen = since.unwrap_or(last_event);
                Phase::Reading(Reading { seen, lines, sent: 0, _reader: self.events.reader() })
            }
            Err(_) => Phase::Done,
        };
        client.deadline = None;
    }

    /// Puts the socket back if somebody has removed it.
    fn check_socket(&mut self) {
        self.check_at = Instant::now() + SOCKET_CHECK;
        match self.socket.put_back() {
            Ok(false) => {}
            Ok(true) => log::warn!("the control socket was removed: put back"),
            Err(error) => log::warn!("the control socket was removed: {error}"),
        }
    }
}

impl Reading {
    /// Gives it as much as it takes.
    fn go_on(&mut self, mut stream: &UnixStream, events: &EventLog) -> io::Result<()> {
        loop {
            if self.sent == self.lines.len() {
                self.lines.clear();
                self.sent = 0;
                for line in events.after(&mut self.seen) {
                    write_line(&mut self.lines, &line)?;
                }
            }
            if self.lines.is_empty() {
                return Ok(());
            }
            match stream.write(&self.lines[self.sent..]) {
                Ok(written) => self.sent += written,
                Err(error) if is_passing(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

fn write_line(lines: &mut Vec<u8>, line: &EventLine) -> serde_json::Result<()> {
    serde_json::to_writer(&mut *lines, line)?;
    lines.push(b'\n');
    Ok(())
}

fn refusal(error: String) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&serde_json::json!({ "error": error }))
}

/// With which program to upgrade, if that is asked; a path may have spaces.
fn upgrade(question: &str) -> Option<Option<PathBuf>> {
    match question.strip_prefix("upgrade")? {
        "" => Some(None),
        path => path.strip_prefix(' ').map(|path| Some(path.into())),
    }
}

/// Reads more of a question; returns it once it is whole: at its line's end, or the client's.
fn read_question(mut stream: &UnixStream, question: &mut Vec<u8>) -> io::Result<Option<String>> {
    let mut buffer = [0; QUESTION_BYTES_MAX];
    let is_over = match stream.read(&mut buffer) {
        Ok(read) => {
            question.extend_from_slice(&buffer[..read]);
            read == 0
        }
        Err(error) if is_passing(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let is_whole = is_over || question.contains(&b'\n') || question.len() >= QUESTION_BYTES_MAX;
    let line = question.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(is_whole.then(|| String::from_utf8_lossy(line).trim_end().to_owned()))
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::SystemTime;

    use vrrp::{Event, EventKind};

    use crate::{Client, RunDir, socket_path};

    use super::*;

    struct NoAnswers;

    impl Answers for NoAnswers {
        fn status(&self) -> Status {
            Status::default()
        }

        fn reload(&self, _is_dry: bool, _answered: Waker) -> Receiver<ReloadReport> {
            crossbeam_channel::never()
        }

        fn upgrade(&self, request: UpgradeRequest) {
            let why = format!("{:?} is not wanted", request.binary);
            request.asker.answer(&UpgradeReport::refused("1", why));
        }

        fn drain(&self, _request: DrainRequest, _answered: Waker) -> Receiver<DrainReport> {
            crossbeam_channel::never()
        }
    }

    /// The run directory goes last, and its socket with it.
    fn control(dir: &Path) -> (Control, RunDir) {
        let (control, _, run_dir) = control_with_events(dir);
        (control, run_dir)
    }

    fn control_with_events(dir: &Path) -> (Control, EventLog, RunDir) {
        let run_dir = RunDir::hold(dir.to_owned()).unwrap();
        let reception = Reception::open(run_dir.listen().unwrap()).unwrap();
        let events = reception.events();
        (Control::start(reception, NoAnswers).unwrap(), events, run_dir)
    }

    fn event(number: u64) -> Event {
        Event::new(number, SystemTime::now(), None, EventKind::Reconfigured)
    }

    fn number_of(line: Option<Result<EventLine, crate::AskError>>) -> u64 {
        match line {
            Some(Ok(EventLine::Event(event))) => event.number,
            other => panic!("no event: {other:?}"),
        }
    }

    #[test]
    fn a_reader_of_events_gets_a_snapshot_what_it_asked_for_and_then_what_happens() {
        let dir = tempfile::tempdir().unwrap();
        let (control, events, _run_dir) = control_with_events(dir.path());
        (1..=3).for_each(|number| events.push(event(number)));
        let mut lines = Client::of(dir.path()).events(Some(1)).unwrap();
        let first = lines.next();
        assert!(
            matches!(first, Some(Ok(EventLine::Snapshot { last_event: 3, .. }))),
            "no snapshot: {first:?}"
        );
        assert_eq!([number_of(lines.next()), number_of(lines.next())], [2, 3]);
        events.push(event(4));
        assert_eq!(number_of(lines.next()), 4);
        drop(control);
        assert!(lines.next().is_none(), "it ends with the daemon");
    }

    #[test]
    fn a_reader_that_stands_still_delays_nobody_and_is_told_what_it_missed() {
        let dir = tempfile::tempdir().unwrap();
        let (_control, events, _run_dir) = control_with_events(dir.path());
        let mut lines = Client::of(dir.path()).events(None).unwrap();
        assert!(matches!(lines.next(), Some(Ok(EventLine::Snapshot { .. }))));
        // More than the kernel's buffers and the log hold together.
        let last = 20 * crate::EVENTS_KEPT as u64;
        for number in 1..=last {
            events.push(event(number));
            if number % 512 == 0 {
                Client::of(dir.path()).status().unwrap();
            }
        }
        let mut expected = 1;
        let mut missed = 0;
        while expected <= last {
            match lines.next() {
                Some(Ok(EventLine::Event(event))) => {
                    assert_eq!(event.number, expected);
                    expected += 1;
                }
                Some(Ok(EventLine::Missed { from, to })) => {
                    assert_eq!(from, expected);
                    expected = to + 1;
                    missed += to + 1 - from;
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(missed > 0, "the buffers took it all: nothing was tried");
    }

    #[test]
    fn readers_of_events_leave_room_for_others() {
        let dir = tempfile::tempdir().unwrap();
        let (_control, _run_dir) = control(dir.path());
        let client = Client::of(dir.path());
        let mut readers: Vec<_> = (0..READERS_MAX).map(|_| client.events(None).unwrap()).collect();
        for reader in &mut readers {
            assert!(matches!(reader.next(), Some(Ok(EventLine::Snapshot { .. }))));
        }
        let refused = client.events(None).unwrap().next();
        let told = "32 others read events already";
        assert!(
            matches!(&refused, Some(Err(error)) if error.to_string().contains(told)),
            "{refused:?}"
        );
        client.status().unwrap();
    }

    #[test]
    fn a_silent_client_does_not_keep_the_daemon_from_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let (control, _run_dir) = control(dir.path());
        let mut silent = UnixStream::connect(socket_path(dir.path())).unwrap();
        silent.write_all(b"half a quest").unwrap();
        let before = Instant::now();
        drop(control);
        assert!(before.elapsed() < PATIENCE);
        let mut rest = Vec::new();
        // Reset or closed, but over.
        let _ = silent.read_to_end(&mut rest);
        assert!(rest.is_empty());
    }

    #[test]
    fn whoever_asks_for_an_upgrade_is_answered_by_whoever_does_it() {
        let dir = tempfile::tempdir().unwrap();
        let (_control, _run_dir) = control(dir.path());
        let report = Client::of(dir.path()).upgrade(Some(Path::new("/a b/vrrpd"))).unwrap();
        assert_eq!(report.refused.as_deref(), Some(r#"Some("/a b/vrrpd") is not wanted"#));
        assert!(!report.upgraded);
    }

    #[test]
    fn hundreds_of_silent_clients_and_one_that_waits_for_a_reload_delay_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let (_control, _run_dir) = control(dir.path());
        let connect = || UnixStream::connect(socket_path(dir.path())).unwrap();
        let mut reloading = connect();
        reloading.write_all(b"reload\n").unwrap();
        let silent: Vec<_> = (0..3 * CLIENTS_MAX).map(|_| connect()).collect();
        let before = Instant::now();
        Client::of(dir.path()).status().unwrap();
        assert!(before.elapsed() < PATIENCE, "it waited for the silent ones");
        drop(silent);
    }

    #[test]
    fn a_socket_that_was_removed_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let (_control, _run_dir) = control(dir.path());
        std::fs::remove_file(socket_path(dir.path())).unwrap();
        let before = Instant::now();
        while Client::of(dir.path()).status().is_err() {
            assert!(before.elapsed() < 20 * SOCKET_CHECK, "it did not come back");
            thread::sleep(Duration::from_millis(10));
        }
    }
}
