//! The control socket: one line asks, one JSON document answers.
//!
//! One thread serves all clients side by side, so that one that is slow, or says nothing, keeps
//! nobody waiting.

use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, TryRecvError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use vrrp_net::{SpareDescriptors, Waker};

use crate::rundir::{self, Socket};
use crate::status::{ReloadReport, Status};

/// The longest question; a longer one is not understood.
const QUESTION_BYTES_MAX: usize = 1024;
/// The longest answer that a client takes.
const MAX_ANSWER_BYTES: u64 = 64 << 20;
/// How many clients are served at the same time. One more takes the place of the one that has
/// been silent longest.
const CLIENTS_MAX: usize = 64;
/// How long a client has to ask, and then to take the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a client of the daemon's waits for a reload.
const RELOAD_PATIENCE: Duration = Duration::from_secs(120);
/// How often it is looked whether the socket is still where clients look for it.
const SOCKET_CHECK: Duration = Duration::from_secs(2);
const STACK_BYTES: usize = 512 << 10;

/// What there is to answer.
pub(crate) trait Answers: Send + 'static {
    /// How things stand.
    fn status(&self) -> Status;

    /// Reloads, or says what a reload would change. The answer comes later, with a wake-up.
    fn reload(&self, is_dry: bool, answered: Waker) -> Receiver<ReloadReport>;
}

/// The control socket with all that serving it takes of descriptors, before others take the last.
pub(crate) struct Reception {
    socket: Socket,
    waker: Waker,
    spare: SpareDescriptors,
}

impl Reception {
    /// What is ready to answer on `socket`.
    pub(crate) fn open(socket: Socket) -> io::Result<Self> {
        socket.listener().set_nonblocking(true)?;
        let waker = Waker::new().map_err(io::Error::other)?;
        Ok(Self { socket, waker, spare: SpareDescriptors::new(1) })
    }
}

/// The thread that answers.
pub(crate) struct Control {
    thread: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    waker: Waker,
}

impl Control {
    /// Answers from now on.
    pub(crate) fn start(reception: Reception, answers: impl Answers) -> io::Result<Self> {
        let Reception { socket, waker, spare } = reception;
        let stop = Arc::new(AtomicBool::new(false));
        let mut server = Server {
            socket,
            spare,
            clients: Vec::new(),
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
    waker: Waker,
    stop: Arc<AtomicBool>,
    answers: A,
    check_at: Instant,
}

/// One client, and how far it has come.
struct Client {
    stream: UnixStream,
    phase: Phase,
    /// Until when it has to have come further.
    deadline: Instant,
}

enum Phase {
    /// It has asked this much so far.
    Asking(Vec<u8>),
    /// What it asked for is being done.
    Waiting(Receiver<ReloadReport>),
    /// It has to take this, from this byte on.
    Answering(Vec<u8>, usize),
    /// It was served, or has broken off.
    Done,
}

impl Client {
    fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let (phase, deadline) = (Phase::Asking(Vec::new()), Instant::now() + PATIENCE);
        Ok(Self { stream, phase, deadline })
    }

    /// What it can be waited for.
    fn events(&self) -> PollFlags {
        match self.phase {
            Phase::Asking(_) => PollFlags::IN,
            Phase::Answering(..) => PollFlags::OUT,
            Phase::Waiting(_) | Phase::Done => PollFlags::empty(),
        }
    }

    fn answer(&mut self, body: serde_json::Result<Vec<u8>>) {
        self.deadline = Instant::now() + PATIENCE;
        self.phase = body.map_or(Phase::Done, |body| Phase::Answering(body, 0));
    }
}

impl<A: Answers> Server<A> {
    fn serve(&mut self) {
        while !self.stop.load(Ordering::Acquire) {
            let is_ready = self.wait();
            self.waker.take();
            // Nothing is waited for of a client that waits itself: it can only have gone.
            for (client, is_ready) in self.clients.iter_mut().zip(&is_ready[2..]) {
                if *is_ready && matches!(client.phase, Phase::Waiting(_)) {
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
            self.clients
                .retain(|client| !matches!(client.phase, Phase::Done) && client.deadline > now);
            self.spare.refill();
            if self.check_at <= now {
                self.check_socket();
            }
        }
    }

    /// Waits for the listener, a client, or the next deadline. Says what of the listener, the waker
    /// and the clients there is something about, in this order.
    fn wait(&self) -> Vec<bool> {
        let deadlines = self.clients.iter().map(|client| client.deadline);
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
        let key = |client: &&Client| (!matches!(client.phase, Phase::Asking(_)), client.deadline);
        let longest = self.clients.iter().min_by_key(key).map(|client| client.deadline);
        if let Some(at) = longest
            .and_then(|longest| self.clients.iter().position(|client| client.deadline == longest))
        {
            self.clients.remove(at);
        }
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
            Phase::Waiting(reply) => match reply.try_recv() {
                Ok(report) => client.answer(serde_json::to_vec(&report)),
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
            Phase::Done => {}
        }
    }

    fn begin(&mut self, index: usize, question: &str) {
        let client = &mut self.clients[index];
        match question {
            "status" => client.answer(serde_json::to_vec(&self.answers.status())),
            "reload" | "plan" => {
                let reply = self.answers.reload(question == "plan", self.waker.clone());
                client.deadline = Instant::now() + RELOAD_PATIENCE;
                client.phase = Phase::Waiting(reply);
            }
            other => client.answer(serde_json::to_vec(
                &serde_json::json!({ "error": format!("unknown request {other:?}") }),
            )),
        }
        if matches!(self.clients[index].phase, Phase::Answering(..)) {
            self.step(index);
        }
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

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error("no vrrpd answers at {path}: {source}")]
    Unreachable { path: String, source: io::Error },
    #[error("the daemon at {path} gave an answer that cannot be read: {source}")]
    Garbled { path: String, source: serde_json::Error },
}

/// Asks the daemon of a run directory for its status.
pub(crate) fn ask_status(run_dir: &Path) -> Result<Status, AskError> {
    ask(run_dir, "status\n", 2 * PATIENCE)
}

/// Asks the daemon of a run directory to reload, or what a reload would change, and waits.
pub(crate) fn ask_reload(run_dir: &Path, is_dry: bool) -> Result<ReloadReport, AskError> {
    ask(run_dir, if is_dry { "plan\n" } else { "reload\n" }, RELOAD_PATIENCE)
}

fn ask<T: serde::de::DeserializeOwned>(
    run_dir: &Path,
    question: &str,
    patience: Duration,
) -> Result<T, AskError> {
    let path = rundir::socket_path(run_dir);
    let shown = path.display().to_string();
    let answer = exchange(&path, question, patience)
        .map_err(|source| AskError::Unreachable { path: shown.clone(), source })?;
    serde_json::from_slice(&answer).map_err(|source| AskError::Garbled { path: shown, source })
}

fn exchange(path: &Path, question: &str, patience: Duration) -> io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(question.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct NoAnswers;

    impl Answers for NoAnswers {
        fn status(&self) -> Status {
            Status::default()
        }

        fn reload(&self, _is_dry: bool, _answered: Waker) -> Receiver<ReloadReport> {
            crossbeam_channel::never()
        }
    }

    /// The run directory goes last, and its socket with it.
    fn control(dir: &Path) -> (Control, rundir::RunDir) {
        let run_dir = rundir::RunDir::hold(dir.to_owned()).unwrap();
        let reception = Reception::open(run_dir.listen().unwrap()).unwrap();
        (Control::start(reception, NoAnswers).unwrap(), run_dir)
    }

    #[test]
    fn a_silent_client_does_not_keep_the_daemon_from_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let (control, _run_dir) = control(dir.path());
        let mut silent = UnixStream::connect(rundir::socket_path(dir.path())).unwrap();
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
    fn hundreds_of_silent_clients_and_one_that_waits_for_a_reload_delay_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let (_control, _run_dir) = control(dir.path());
        let connect = || UnixStream::connect(rundir::socket_path(dir.path())).unwrap();
        let mut reloading = connect();
        reloading.write_all(b"reload\n").unwrap();
        let silent: Vec<_> = (0..3 * CLIENTS_MAX).map(|_| connect()).collect();
        let before = Instant::now();
        ask_status(dir.path()).unwrap();
        assert!(before.elapsed() < PATIENCE, "it waited for the silent ones");
        drop(silent);
    }

    #[test]
    fn a_socket_that_was_removed_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let (_control, _run_dir) = control(dir.path());
        std::fs::remove_file(rundir::socket_path(dir.path())).unwrap();
        let before = Instant::now();
        while ask_status(dir.path()).is_err() {
            assert!(before.elapsed() < 20 * SOCKET_CHECK, "it did not come back");
            thread::sleep(Duration::from_millis(10));
        }
    }
}
