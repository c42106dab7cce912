//! Seeing and sending frames.

use std::collections::VecDeque;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::connection::Connection;
use crate::error::LabError;
use crate::packet::{self, Frame, FrameReader, Reading};
use crate::protocol::{Answer, PacketPurpose, Request};
use crate::pump::{Pump, Source};

/// How many frames a capture keeps for its reader; further ones are counted as lost.
pub const FRAME_LIMIT_COUNT: usize = 65_536;
/// How many frames are read at once before others get their turn.
const BATCH_COUNT: usize = 256;

/// The frames of an interface, from the moment of its creation until it is dropped.
pub struct Capture {
    what: String,
    state: Arc<CaptureState>,
    pump: Pump,
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture").field("of", &self.what).finish_non_exhaustive()
    }
}

impl Capture {
    pub(crate) fn start(
        connection: &Connection,
        pump: &Pump,
        interface: &str,
        purpose: PacketPurpose,
    ) -> Result<Self, LabError> {
        let request = Request::PacketSocket { interface: interface.to_owned(), purpose };
        let (answer, socket) = connection.ask_for_descriptor(request)?;
        let Answer::PacketSocket { interface_index } = answer else {
            return Err(connection.gone());
        };
        let state = Arc::new(CaptureState::default());
        pump.add(Box::new(CaptureSource {
            socket,
            reader: FrameReader::new(interface_index),
            state: Arc::downgrade(&state),
        }));
        let what = format!("{} {interface}", connection.place());
        Ok(Self { what, state, pump: pump.clone() })
    }

    /// The next frame, waiting for it up to the limit.
    pub fn next(&self, limit: Duration) -> Option<Frame> {
        let deadline = Instant::now() + limit;
        let mut queue = self.state.queue();
        loop {
            if let Some(frame) = queue.frames.pop_front() {
                return Some(frame);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            queue = self
                .state
                .changed
                .wait_timeout(queue, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Takes frames until `select` makes something of one, and returns that.
    ///
    /// # Errors
    /// [`LabError::Timeout`] with the number of frames that were none of it.
    pub fn wait_for<T>(
        &self,
        what: &str,
        limit: Duration,
        mut select: impl FnMut(&Frame) -> Option<T>,
    ) -> Result<T, LabError> {
        let deadline = Instant::now() + limit;
        let mut others_count = 0_u64;
        while let Some(frame) = self.next(deadline.saturating_duration_since(Instant::now())) {
            if let Some(selected) = select(&frame) {
                return Ok(selected);
            }
            others_count += 1;
        }
        Err(LabError::Timeout {
            what: format!("{}: {what}", self.what),
            limit,
            context: format!("{others_count} other frames seen, {} lost", self.lost_count()),
        })
    }

    /// All frames that were seen and not yet taken.
    pub fn frames(&self) -> Vec<Frame> {
        self.state.queue().frames.drain(..).collect()
    }

    /// How many frames were missed, because the kernel or the capture's own queue was full.
    pub fn lost_count(&self) -> u64 {
        let queue = self.state.queue();
        queue.lost_in_queue_count + u64::from(queue.lost_in_kernel_count)
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.state = Arc::default();
        self.pump.wake();
    }
}

#[derive(Default)]
struct CaptureState {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    frames: VecDeque<Frame>,
    lost_in_queue_count: u64,
    lost_in_kernel_count: u32,
}

impl CaptureState {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_in(&self, Reading { frame, lost_count }: Reading) {
        let mut queue = self.queue();
        if let Some(count) = lost_count {
            queue.lost_in_kernel_count = count;
        }
        let Some(frame) = frame else { return };
        if queue.frames.len() < FRAME_LIMIT_COUNT {
            queue.frames.push_back(frame);
        } else {
            queue.lost_in_queue_count += 1;
        }
    }
}

/// Feeds a [`Capture`] from its socket, as long as it exists.
struct CaptureSource {
    socket: OwnedFd,
    reader: FrameReader,
    state: Weak<CaptureState>,
}

impl Source for CaptureSource {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn read(&mut self) -> bool {
        let Some(state) = self.state.upgrade() else { return false };
        for _ in 0..BATCH_COUNT {
            match self.reader.read(&self.socket) {
                Ok(Some(reading)) => state.take_in(reading),
                Ok(None) => break,
                // The interface went down or away; it may come back.
                Err(error) => {
                    log::debug!("lab: capture: {error}");
                    break;
                }
            }
        }
        state.changed.notify_all();
        true
    }

    fn is_unwanted(&self) -> bool {
        self.state.strong_count() == 0
    }
}

/// Sends frames as they are from a host's interface, past its network stack.
#[derive(Debug)]
pub struct Injector {
    what: String,
    socket: OwnedFd,
}

impl Injector {
    pub(crate) fn open(connection: &Connection, interface: &str) -> Result<Self, LabError> {
        let request = Request::PacketSocket {
            interface: interface.to_owned(),
            purpose: PacketPurpose::Inject,
        };
        let (_, socket) = connection.ask_for_descriptor(request)?;
        Ok(Self { what: format!("{} {interface}", connection.place()), socket })
    }

    /// Sends one frame, which starts with its Ethernet header.
    ///
    /// # Errors
    /// What the kernel says: the interface is down, or the frame is no frame.
    pub fn send(&self, frame: &[u8]) -> Result<(), LabError> {
        packet::send_frame(&self.socket, frame)
            .map_err(|error| LabError::io(format!("{}: sending a frame", self.what))(error))
    }

    /// Sends many frames, evenly spaced and at most so many in a second.
    ///
    /// # Errors
    /// As [`send`](Self::send), at the first frame that is not sent.
    pub fn send_paced<F: AsRef<[u8]>>(
        &self,
        frames: impl IntoIterator<Item = F>,
        per_second: u32,
    ) -> Result<(), LabError> {
        let spacing = Duration::from_secs(1) / per_second.max(1);
        let mut due = Instant::now();
        for frame in frames {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            self.send(frame.as_ref())?;
            due += spacing;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(lost_count: Option<u32>) -> Reading {
        let frame = Frame { at: Instant::now(), outgoing: false, bytes: Vec::new() };
        Reading { frame: Some(frame), lost_count }
    }

    #[test]
    fn what_is_not_kept_is_counted() {
        let state = CaptureState::default();
        (0..FRAME_LIMIT_COUNT + 3).for_each(|_| state.take_in(reading(None)));
        state.take_in(reading(Some(5)));
        let queue = state.queue();
        assert_eq!(queue.frames.len(), FRAME_LIMIT_COUNT);
        assert_eq!((queue.lost_in_queue_count, queue.lost_in_kernel_count), (4, 5));
    }
}
