//! The control socket: one line asks, one JSON document answers.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::rundir;
use crate::status::Status;

/// The longest question; a longer one is cut and not understood.
const MAX_QUESTION_BYTES: u64 = 1024;
/// The longest answer that a client takes.
const MAX_ANSWER_BYTES: u64 = 64 << 20;
/// How long one side waits for the other.
const PATIENCE: Duration = Duration::from_secs(5);
const STACK_BYTES: usize = 512 << 10;

/// The thread that answers. Clients are served one after another, each for a bounded time.
pub(crate) struct Control {
    thread: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    path: std::path::PathBuf,
}

impl Control {
    /// Answers on `listener`, with what `status` tells at that moment.
    pub(crate) fn start(
        listener: UnixListener,
        status: impl Fn() -> Status + Send + 'static,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let path = listener
            .local_addr()?
            .as_pathname()
            .map(Path::to_owned)
            .ok_or_else(|| io::Error::other("the control socket has no path"))?;
        let stopping = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("control".into())
            .stack_size(STACK_BYTES)
            .spawn(move || serve(&listener, &stopping, &status))?;
        Ok(Self { thread: Some(thread), stop, path })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // Wakes the accept; where that fails, the thread ends with the process.
        if UnixStream::connect(&self.path).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

fn serve(listener: &UnixListener, stop: &AtomicBool, status: &dyn Fn() -> Status) {
    loop {
        let client = listener.accept();
        if stop.load(Ordering::Acquire) {
            return;
        }
        let answered = client.and_then(|(stream, _)| answer(&stream, status));
        if let Err(error) = answered {
            log::debug!("control socket: {error}");
            // An accept that fails at once (no descriptors left) must not spin.
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn answer(mut stream: &UnixStream, status: &dyn Fn() -> Status) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut question = String::new();
    BufReader::new(stream.take(MAX_QUESTION_BYTES)).read_line(&mut question)?;
    let body = match question.trim_end() {
        "status" => serde_json::to_vec(&status())?,
        other => serde_json::to_vec(
            &serde_json::json!({ "error": format!("unknown request {other:?}") }),
        )?,
    };
    stream.write_all(&body)
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
