//! The control socket: one line asks, one JSON document answers.

use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use vrrp_net::Waker;

use crate::rundir;
use crate::status::Status;

/// The longest question; a longer one is cut and not understood.
const QUESTION_BYTES_MAX: usize = 1024;
/// The longest answer that a client takes.
const MAX_ANSWER_BYTES: u64 = 64 << 20;
/// How long the daemon gives a client to ask, and then to take the answer; and what a client allows
/// for one step of the daemon's.
const PATIENCE: Duration = Duration::from_secs(5);
const STACK_BYTES: usize = 512 << 10;

/// The thread that answers. Clients are served one after another, each for a bounded time.
pub(crate) struct Control {
    thread: Option<JoinHandle<()>>,
    stop: Waker,
}

impl Control {
    /// Answers on `listener`, with what `status` tells at that moment.
    pub(crate) fn start(
        listener: UnixListener,
        status: impl Fn() -> Status + Send + 'static,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let stop = Waker::new().map_err(io::Error::other)?;
        let stopping = stop.clone();
        let thread = thread::Builder::new()
            .name("control".into())
            .stack_size(STACK_BYTES)
            .spawn(move || serve(&listener, &stopping, &status))?;
        Ok(Self { thread: Some(thread), stop })
    }
}

impl Drop for Control {
    /// Whatever a client is doing at that moment, or not doing, is broken off.
    fn drop(&mut self) {
        self.stop.wake();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            log::error!("the control thread has panicked");
        }
    }
}

/// Why a client is not served any further.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the client took too long")]
    TooLong,
    #[error("the daemon stops")]
    Stopping,
}

fn serve(listener: &UnixListener, stop: &Waker, status: &dyn Fn() -> Status) {
    loop {
        let served = wait(listener, PollFlags::IN, stop, None)
            .and_then(|()| Ok(listener.accept()?.0))
            .and_then(|stream| answer(&stream, stop, status));
        match served {
            Ok(()) => {}
            Err(Broken::Stopping) => return,
            Err(error) => {
                log::debug!("control socket: {error}");
                // An accept that fails at once (no descriptors left) must not spin.
                thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

fn answer(stream: &UnixStream, stop: &Waker, status: &dyn Fn() -> Status) -> Result<(), Broken> {
    stream.set_nonblocking(true)?;
    let question = read_line(stream, stop)?;
    let body = match question.trim_end() {
        "status" => serde_json::to_vec(&status()),
        other => serde_json::to_vec(
            &serde_json::json!({ "error": format!("unknown request {other:?}") }),
        ),
    };
    write_all(stream, stop, &body.map_err(io::Error::from)?)
}

/// Reads up to the first line's end, the client's, or the limit.
fn read_line(mut stream: &UnixStream, stop: &Waker) -> Result<String, Broken> {
    let deadline = Instant::now() + PATIENCE;
    let (mut question, mut filled) = ([0; QUESTION_BYTES_MAX], 0);
    while filled < question.len() && !question[..filled].contains(&b'\n') {
        wait(stream, PollFlags::IN, stop, Some(deadline))?;
        match stream.read(&mut question[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let line = question[..filled].split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(String::from_utf8_lossy(line).into_owned())
}

fn write_all(mut stream: &UnixStream, stop: &Waker, body: &[u8]) -> Result<(), Broken> {
    let deadline = Instant::now() + PATIENCE;
    let mut left = body;
    while !left.is_empty() {
        wait(stream, PollFlags::OUT, stop, Some(deadline))?;
        match stream.write(left) {
            Ok(written) => left = &left[written..],
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Waits for a descriptor, but neither beyond the deadline nor beyond the daemon's end.
fn wait(
    fd: impl AsFd,
    flags: PollFlags,
    stop: &Waker,
    deadline: Option<Instant>,
) -> Result<(), Broken> {
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let left = left.map(Timespec::try_from).transpose().map_err(io::Error::other)?;
        let mut fds = [PollFd::new(&fd, flags), PollFd::new(stop, PollFlags::IN)];
        let ready = match poll(&mut fds, left.as_ref()) {
            Ok(ready) => ready,
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(Broken::Io(errno.into())),
        };
        return match ready {
            0 => Err(Broken::TooLong),
            _ if !fds[1].revents().is_empty() => Err(Broken::Stopping),
            _ => Ok(()),
        };
    }
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
pub(crate) fn ask(run_dir: &Path) -> Result<Status, AskError> {
    let path = rundir::socket_path(run_dir);
    let shown = path.display().to_string();
    let answer = exchange(&path, "status\n")
        .map_err(|source| AskError::Unreachable { path: shown.clone(), source })?;
    serde_json::from_slice(&answer).map_err(|source| AskError::Garbled { path: shown, source })
}

fn exchange(path: &Path, question: &str) -> io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(2 * PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(question.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_client_does_not_keep_the_daemon_from_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let control = Control::start(UnixListener::bind(&path).unwrap(), || {
            unreachable!("nobody asks for the status")
        });
        let mut silent = UnixStream::connect(&path).unwrap();
        silent.write_all(b"half a quest").unwrap();
        let before = Instant::now();
        drop(control.unwrap());
        assert!(before.elapsed() < PATIENCE);
        let mut rest = Vec::new();
        // Reset or closed, but over.
        let _ = silent.read_to_end(&mut rest);
        assert!(rest.is_empty());
    }
}
