//! The kernel's process connector: news of every process that starts or changes its name.
//!
//! It exists in the initial network namespace only, and elsewhere it fails in silence: in a PID namespace of
//! its own a process may subscribe and then hear nothing, or hear other people's process ids. So it counts only
//! after the kernel has acknowledged *and* a test thread of our own has been announced under the id that we
//! know it by. The test is repeated, since another subscriber can silence old kernels for everybody.

use std::io::Cursor;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

use neli::connector::{CnMsg, CnMsgBuilder, ProcEvent, ProcEventHeader};
use neli::consts::connector::{CnMsgIdx, CnMsgVal, ProcCnMcastOp, ProcEventType};
use neli::consts::nl::{NlmF, Nlmsg};
use neli::nl::{NlPayload, Nlmsghdr, NlmsghdrBuilder};
use neli::{FromBytes, ToBytes};
use rustix::io::Errno;
use rustix::net::netlink::{CONNECTOR, SocketAddrNetlink};
use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_recv_buffer_size_force};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

/// The acknowledgement is sent while the request is; anything longer is never.
const ACK_WITHIN: Duration = Duration::from_millis(500);

/// How long the announcement of a test thread may take on a busy machine.
const TEST_WITHIN: Duration = Duration::from_secs(3);

/// How often it is tested whether it still works.
const TEST_INTERVAL: Duration = Duration::from_secs(5);

const TEST_STACK_BYTES: usize = 64 * 1024;

/// Room for tens of thousands of events, if we may have it; else for as many as the system allows.
const RECEIVE_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// An event takes 76 bytes; anything longer is not for us.
const MESSAGE_MAX_BYTES: usize = 1024;

/// How many events are taken before others get their turn.
const EVENTS_PER_TURN: usize = 4096;

/// A subscription, proven or not.
pub(super) struct Connector {
    socket: OwnedFd,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The kernel has not acknowledged.
    Asked { until: Instant },
    /// A test thread has not been announced.
    Testing { thread: i32, until: Instant, proven: bool },
    /// It works, as the last test has shown.
    Proven { next_test: Instant },
}

/// Something about a process that may make it match, or match no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// It has been forked, or runs another program.
    Started(u32),
    /// It calls itself otherwise; the name as the kernel has it, NULs behind.
    Renamed(u32, [u8; 16]),
}

/// What was read in one go.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) events: Vec<Event>,
    /// The kernel had to drop some.
    pub(super) overrun: bool,
    /// Why the subscription has turned out to be useless.
    pub(super) failure: Option<String>,
}

impl Connector {
    /// Subscribes; [`is_proven`](Self::is_proven) turns true later, or never.
    pub(super) fn open(now: Instant) -> Result<Self, String> {
        let refused =
            |what: &'static str| move |e: Errno| format!("no process connector here: {what}: {e}");
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let family = AddressFamily::NETLINK;
        let socket = rustix::net::socket_with(family, SocketType::DGRAM, flags, Some(CONNECTOR))
            .map_err(refused("socket"))?;
        if set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER_BYTES).is_err() {
            let smaller = set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER_BYTES);
            smaller.map_err(refused("receive buffer"))?;
        }
        let group = 1 << (u32::from(CnMsgIdx::Proc) - 1);
        rustix::net::bind(&socket, &SocketAddrNetlink::new(0, group)).map_err(refused("bind"))?;
        let connector = Self { socket, phase: Phase::Asked { until: now + ACK_WITHIN } };
        connector.send(listen())?;
        Ok(connector)
    }

    fn send(&self, request: Vec<u8>) -> Result<(), String> {
        let failed = |e: &dyn std::fmt::Display| format!("no process connector here: {e}");
        let payload = CnMsgBuilder::default()
            .idx(CnMsgIdx::Proc)
            .val(CnMsgVal::Proc)
            .ack(own_mark())
            .payload(request)
            .build()
            .map_err(|e| failed(&e))?;
        let message = NlmsghdrBuilder::default()
            .nl_type(Nlmsg::Done)
            .nl_flags(NlmF::empty())
            .nl_payload(NlPayload::Payload(payload))
            .build()
            .map_err(|e| failed(&e))?;
        let mut bytes = Cursor::new(Vec::new());
        message.to_bytes(&mut bytes).map_err(|e| failed(&e))?;
        match rustix::net::send(&self.socket, bytes.get_ref(), SendFlags::empty()) {
            Ok(_) => Ok(()),
            Err(Errno::CONNREFUSED) => {
                Err("this network namespace has no process connector".into())
            }
            Err(e) => Err(failed(&e)),
        }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Whether its events can be relied on.
    pub(super) const fn is_proven(&self) -> bool {
        matches!(self.phase, Phase::Proven { .. } | Phase::Testing { proven: true, .. })
    }

    /// When to call [`deadline_passed`](Self::deadline_passed).
    pub(super) const fn deadline(&self) -> Instant {
        match self.phase {
            Phase::Asked { until } | Phase::Testing { until, .. } => until,
            Phase::Proven { next_test } => next_test,
        }
    }

    /// # Errors
    /// It does not work, or not any more, for the reason given.
    pub(super) fn deadline_passed(&mut self, now: Instant) -> Result<(), String> {
        match self.phase {
            _ if now < self.deadline() => Ok(()),
            Phase::Asked { .. } => {
                Err("the process connector does not answer, as in a PID or user namespace".into())
            }
            Phase::Proven { .. } => self.test(true, now),
            Phase::Testing { proven: false, .. } => {
                Err("the process connector does not know our processes, as in a PID namespace"
                    .into())
            }
            Phase::Testing { proven: true, .. } => {
                Err("the process connector has fallen silent".into())
            }
        }
    }

    /// A thread is announced as a process is: there is no program that must be there to be run.
    fn test(&mut self, proven: bool, now: Instant) -> Result<(), String> {
        let own_id = || rustix::thread::gettid().as_raw_pid();
        let thread = thread::Builder::new().stack_size(TEST_STACK_BYTES).spawn(own_id);
        let thread = thread.map_err(|e| format!("the process connector cannot be tested: {e}"))?;
        let thread = thread.join().map_err(|_| "the process connector's test has panicked")?;
        self.phase = Phase::Testing { thread, until: now + TEST_WITHIN, proven };
        Ok(())
    }

    /// Takes what there is, or the first part of it.
    pub(super) fn read(&mut self, now: Instant) -> Batch {
        let mut batch = Batch::default();
        let mut buffer = [0; MESSAGE_MAX_BYTES];
        while batch.events.len() < EVENTS_PER_TURN && batch.failure.is_none() {
            match rustix::net::recv(&self.socket, &mut buffer, RecvFlags::empty()) {
                Ok((_, length)) => {
                    self.take(&buffer[..length.min(MESSAGE_MAX_BYTES)], now, &mut batch)
                }
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(Errno::NOBUFS) => batch.overrun = true,
                Err(e) => batch.failure = Some(format!("the process connector fails: {e}")),
            }
        }
        if let (true, Phase::Testing { proven, .. }) = (batch.overrun, self.phase) {
            // The announcement may be among what was dropped.
            batch.failure = batch.failure.or(self.test(proven, now).err());
        }
        batch
    }

    fn take(&mut self, message: &[u8], now: Instant, batch: &mut Batch) {
        let message =
            Nlmsghdr::<Nlmsg, CnMsg<ProcEventHeader>>::from_bytes(&mut Cursor::new(message));
        // What neli does not know we did not ask for.
        let Ok(message) = message else { return };
        let Some(payload) = message.get_payload() else { return };
        match payload.payload().event {
            // Other people's acknowledgements are heard too. The kernel adds one to the mark.
            ProcEvent::Ack { err } if *payload.ack() == own_mark() + 1 => {
                batch.failure = self.acknowledged(err, now).err();
            }
            ProcEvent::Fork { child_pid, child_tgid, .. } => {
                self.tested(child_pid, child_tgid, now);
                batch.events.extend(process(child_pid, child_tgid).map(Event::Started));
            }
            // Whichever thread calls exec becomes the process's only one.
            ProcEvent::Exec { process_tgid, .. } => {
                batch.events.extend(u32::try_from(process_tgid).map(Event::Started));
            }
            ProcEvent::Comm { process_pid, process_tgid, comm } => {
                let process = process(process_pid, process_tgid);
                batch.events.extend(process.map(|pid| Event::Renamed(pid, comm)));
            }
            _ => {}
        }
    }

    fn acknowledged(&mut self, error: u32, now: Instant) -> Result<(), String> {
        if !matches!(self.phase, Phase::Asked { .. }) {
            return Ok(());
        }
        if error != 0 {
            let error = std::io::Error::from_raw_os_error(error.cast_signed());
            return Err(format!("the process connector refuses: {error}"));
        }
        // Kernels before 6.6 take no notice of the filter. Others hold back acknowledgements from now on: so
        // it could not have come first.
        self.send(listen_to_some())?;
        self.test(false, now)
    }

    fn tested(&mut self, child: i32, process: i32, now: Instant) {
        let Phase::Testing { thread, .. } = self.phase else { return };
        if child == thread && u32::try_from(process) == Ok(std::process::id()) {
            self.phase = Phase::Proven { next_test: now + TEST_INTERVAL };
        }
    }
}

/// Marks our request among others'.
fn own_mark() -> u32 {
    std::process::id()
}

fn listen() -> Vec<u8> {
    u32::from(ProcCnMcastOp::Listen).to_ne_bytes().to_vec()
}

/// The same for those events alone that matter to us.
fn listen_to_some() -> Vec<u8> {
    let wanted = [ProcEventType::Fork, ProcEventType::Exec, ProcEventType::Comm];
    let mask = wanted.into_iter().map(u32::from).fold(0, |mask, event| mask | event);
    [listen(), mask.to_ne_bytes().to_vec()].concat()
}

impl Drop for Connector {
    /// Old kernels keep making events for a subscriber that is gone.
    fn drop(&mut self) {
        let request = u32::from(ProcCnMcastOp::Ignore).to_ne_bytes().to_vec();
        if let Err(e) = self.send(request) {
            log::debug!("cannot unsubscribe from the process connector: {e}");
        }
    }
}

/// The process whose main thread this is; other threads are of no interest.
fn process(thread: i32, process: i32) -> Option<u32> {
    if thread == process { u32::try_from(process).ok() } else { None }
}
