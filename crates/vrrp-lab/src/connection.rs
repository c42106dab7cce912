//! The library's end of the conversation with one init.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::LabError;
use crate::progress::ProcessState;
use crate::protocol::{Answer, Channel, Failure, Handle, Message, Numbered, Request};
use crate::pump::Source;

/// A conversation: requests go out from any thread, answers come in through the pump.
pub(crate) struct Connection {
    /// Who is at the other end, for messages to people.
    place: String,
    channel: Channel,
    answer_limit: Duration,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    last_number: u64,
    greeting: Option<Result<bool, Failure>>,
    /// What has been asked, and what has been answered but not yet taken.
    answers: HashMap<u64, Option<Received>>,
    processes: HashMap<Handle, Arc<ProcessState>>,
    closed: bool,
}

type Received = (Result<Answer, Failure>, Vec<OwnedFd>);

impl Connection {
    pub(crate) fn new(place: &str, channel: Channel, answer_limit: Duration) -> Arc<Self> {
        Arc::new(Self {
            place: place.to_owned(),
            channel,
            answer_limit,
            state: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// Who is at the other end.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// How long an answer may take.
    pub(crate) fn answer_limit(&self) -> Duration {
        self.answer_limit
    }

    /// Waits until the init runs; tells whether it does in a user namespace of its own.
    pub(crate) fn wait_ready(&self) -> Result<bool, LabError> {
        let greeting = self.wait_for(|state| match state.greeting.take() {
            Some(greeting) => Some(Some(greeting)),
            None => state.closed.then_some(None),
        });
        match greeting {
            Some(Some(Ok(in_user_namespace))) => Ok(in_user_namespace),
            Some(Some(Err(failure))) => Err(LabError::from_failure(&self.place, failure)),
            Some(None) => Err(self.gone()),
            None => Err(self.timeout("the init's start")),
        }
    }

    /// Asks, and waits for an answer without a descriptor.
    pub(crate) fn ask(&self, request: Request) -> Result<Answer, LabError> {
        Ok(self.ask_with(request, &[])?.0)
    }

    /// Asks for something that comes as a descriptor.
    pub(crate) fn ask_for_descriptor(
        &self,
        request: Request,
    ) -> Result<(Answer, OwnedFd), LabError> {
        let (answer, descriptors) = self.ask_with(request, &[])?;
        let descriptor = descriptors.into_iter().next().ok_or_else(|| self.gone())?;
        Ok((answer, descriptor))
    }

    /// Asks, and waits for the answer.
    pub(crate) fn ask_with(
        &self,
        request: Request,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(Answer, Vec<OwnedFd>), LabError> {
        let number = self.next_number()?;
        let sent = self.channel.send(&Numbered { number, request }, descriptors);
        if let Err(error) = sent {
            self.state().answers.remove(&number);
            return Err(match error.kind() {
                io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => self.gone(),
                _ => LabError::io(format!("{}: a request", self.place))(error),
            });
        }
        let received = self.wait_for(|state| match state.answers.get_mut(&number) {
            Some(answer) if answer.is_some() => answer.take().map(Some),
            _ => state.closed.then_some(None),
        });
        self.state().answers.remove(&number);
        match received {
            Some(Some((Ok(answer), descriptors))) => Ok((answer, descriptors)),
            Some(Some((Err(failure), _))) => Err(LabError::from_failure(&self.place, failure)),
            Some(None) => Err(self.gone()),
            None => Err(self.timeout("an answer")),
        }
    }

    /// A number that nothing else of this conversation has.
    pub(crate) fn new_handle(&self) -> Handle {
        let mut state = self.state();
        state.last_number += 1;
        state.last_number
    }

    /// Has a process told of its end.
    pub(crate) fn register(&self, handle: Handle, process: Arc<ProcessState>) {
        self.state().processes.insert(handle, process);
    }

    /// Forgets a process that could not be started.
    pub(crate) fn unregister(&self, handle: Handle) {
        self.state().processes.remove(&handle);
    }

    /// Ends the conversation, and with it everything at the other end; waits until it is over.
    pub(crate) fn close(&self) -> Result<(), LabError> {
        self.channel.hang_up();
        let over = self.wait_for(|state| state.closed.then_some(()));
        over.ok_or_else(|| self.timeout("its end"))
    }

    pub(crate) fn gone(&self) -> LabError {
        LabError::Gone { place: self.place.clone() }
    }

    fn next_number(&self) -> Result<u64, LabError> {
        let mut state = self.state();
        if state.closed {
            return Err(self.gone());
        }
        state.last_number += 1;
        let number = state.last_number;
        state.answers.insert(number, None);
        Ok(number)
    }

    fn timeout(&self, what: &str) -> LabError {
        LabError::Timeout {
            what: format!("{}: {what}", self.place),
            limit: self.answer_limit,
            context: String::new(),
        }
    }

    /// Waits until `ready` finds what it looks for, within the limit for answers.
    fn wait_for<T>(&self, mut ready: impl FnMut(&mut State) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + self.answer_limit;
        let mut state = self.state();
        loop {
            if let Some(found) = ready(&mut state) {
                return Some(found);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            state =
                self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_in(&self, message: Message, descriptors: Vec<OwnedFd>) {
        let mut state = self.state();
        match message {
            Message::Ready { in_user_namespace } => state.greeting = Some(Ok(in_user_namespace)),
            Message::NotReady(failure) => state.greeting = Some(Err(failure)),
            Message::Answer { number, outcome } => {
                // An answer that nobody waits for any longer came after its limit.
                if let Some(answer) = state.answers.get_mut(&number) {
                    *answer = Some((outcome, descriptors));
                }
            }
            Message::Exited { handle, exit } => {
                let process = state.processes.remove(&handle);
                drop(state);
                if let Some(process) = process {
                    process.ended(exit);
                }
            }
        }
        self.changed.notify_all();
    }

    fn closed(&self) {
        let processes = {
            let mut state = self.state();
            state.closed = true;
            std::mem::take(&mut state.processes)
        };
        processes.into_values().for_each(|process| process.vanished());
        self.changed.notify_all();
    }
}

/// Feeds a [`Connection`] from its socket.
pub(crate) struct ConnectionSource(pub(crate) Arc<Connection>);

impl Source for ConnectionSource {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.channel.as_fd()
    }

    fn read(&mut self) -> bool {
        loop {
            match self.0.channel.receive() {
                Ok(Some((message, descriptors))) => self.0.take_in(message, descriptors),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                ended => {
                    if let Err(error) = ended {
                        log::debug!("lab: {}: {error}", self.0.place);
                    }
                    self.0.closed();
                    return false;
                }
            }
        }
    }
}
