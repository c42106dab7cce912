//! What the library and the inits say to each other: one JSON message per packet of a
//! `SOCK_SEQPACKET` socket pair, with file descriptors beside it where the kernel's own
//! handle says more than a copy could.
//!
//! Descriptors carry everything that is bulky or timed: a process's output is a pipe made by
//! the library, a capture is a packet socket opened by the init, the contents of a file are
//! the opened file. So messages stay small ([`MESSAGE_LIMIT_BYTES`]) and no frame and no line
//! of output ever waits in an init.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, Shutdown, SocketFlags, SocketType,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use vrrp_proto::MacAddress;

use crate::step::Step;
use crate::words::{Cidr, Exit, Interface};

/// The longest message, as JSON.
pub(crate) const MESSAGE_LIMIT_BYTES: usize = 64 * 1024;
/// The most descriptors beside one message.
const DESCRIPTOR_LIMIT: usize = 2;

/// The library's number for a process or a host that it asked for.
pub(crate) type Handle = u64;

/// A request with the number that its answer repeats.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Numbered {
    pub(crate) number: u64,
    pub(crate) request: Request,
}

/// What the library may ask of an init.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Turns the bare namespaces into a host. The first request to every init.
    SetUp(SetUp),
    /// Starts another init in namespaces of its own. One descriptor: its socket.
    StartHost { handle: Handle },
    /// Starts a process. One descriptor for each [`Sink::Descriptor`], in order.
    Spawn { handle: Handle, command: CommandLine },
    /// Sends a signal to a process that was spawned.
    Signal { handle: Handle, signal: i32 },
    /// Sends a signal to every process of the host except its init.
    SignalAll { signal: i32 },
    /// Opens a file for reading; the answer comes with its descriptor.
    OpenFile { path: PathBuf },
    /// Writes a file from the descriptor that comes with it.
    WriteFile { path: PathBuf, mode: u32, replace: bool },
    /// Removes a file.
    RemoveFile { path: PathBuf },
    /// Sets a kernel parameter.
    Sysctl { name: String, value: String },
    /// Makes a bridge, up, promiscuous, forwarding at once.
    AddBridge { name: String },
    /// Makes a pair of interfaces: a port of the bridge here, the other end in the host.
    AddCable { bridge: String, port: String, host: Handle, interface: String, mac: MacAddress },
    /// Whether a bridge's port passes on what is sent to everyone.
    SetPortFlooding { port: String, on: bool },
    /// Sets an interface up or down.
    SetLink { interface: String, up: bool },
    /// Removes an interface.
    DeleteLink { interface: String },
    /// Puts an address on an interface.
    AddAddress { interface: String, address: Cidr },
    /// Takes an address off an interface.
    RemoveAddress { interface: String, address: Cidr },
    /// Lists the interfaces with their addresses.
    Interfaces,
    /// Opens a packet socket on an interface; the answer comes with its descriptor.
    PacketSocket { interface: String, purpose: PacketPurpose },
}

/// What a packet socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PacketPurpose {
    /// Time-stamped reading of all that the interface receives and sends.
    Capture,
    /// The same without the frames from one Ethernet address.
    CaptureWithout(MacAddress),
    /// Sending only.
    Inject,
}

/// How a host differs from the machine that it stands on.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct SetUp {
    pub(crate) hostname: String,
    pub(crate) private_directories: Vec<PathBuf>,
    pub(crate) sysctls: Vec<(String, String)>,
}

/// A process to start.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CommandLine {
    pub(crate) program: Program,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) directory: PathBuf,
    pub(crate) stdout: Sink,
    pub(crate) stderr: Sink,
    pub(crate) user: Option<u32>,
}

/// What is executed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Program {
    /// A path, or a name that is looked up in `PATH`.
    Named(String),
    /// The program that the init itself is, under this process name.
    Myself(String),
}

/// Where an output stream goes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Sink {
    /// To the next descriptor that came with the request.
    Descriptor,
    /// To the end of this file.
    File(PathBuf),
    /// Nowhere.
    Null,
}

/// What an init says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    /// The namespaces exist and requests are awaited.
    Ready { in_user_namespace: bool },
    /// There will be no init.
    NotReady(Failure),
    /// The answer to the request of that number.
    Answer { number: u64, outcome: Result<Answer, Failure> },
    /// A process or a host's launcher has ended.
    Exited { handle: Handle, exit: Exit },
}

/// What a request returns.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// It is done.
    Done,
    /// It runs, with this process id inside the host.
    Running { pid: u32 },
    /// The signal's process had ended already.
    Ended,
    /// The descriptor beside this message.
    File,
    /// The descriptor beside this message, a socket on the interface of this index.
    PacketSocket { interface_index: usize },
    /// The interfaces.
    Interfaces(Vec<Interface>),
}

/// What did not work, on its way to becoming a [`crate::LabError`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) step: Step,
    pub(crate) subject: String,
    pub(crate) errno: i32,
}

impl Failure {
    /// Names the step that an error stopped, and what it was about.
    pub(crate) fn at<E: Into<io::Error>>(
        step: Step,
        subject: impl Into<String>,
    ) -> impl FnOnce(E) -> Self {
        let subject = subject.into();
        move |error| {
            let error = error.into();
            let errno = error.raw_os_error();
            let subject = match errno {
                Some(_) => subject,
                None => format!("{subject} ({error})"),
            };
            Self { step, subject, errno: errno.unwrap_or(0) }
        }
    }
}

/// One end of the conversation.
#[derive(Debug)]
pub(crate) struct Channel(OwnedFd);

impl Channel {
    /// Both ends: one to keep, one to give away.
    pub(crate) fn pair() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        Ok((Self(ours), theirs))
    }

    /// The end that was given away.
    pub(crate) fn from_descriptor(descriptor: OwnedFd) -> Self {
        Self(descriptor)
    }

    /// Sends one message; blocks while the other end is behind.
    pub(crate) fn send<M: Serialize>(
        &self,
        message: &M,
        descriptors: &[BorrowedFd<'_>],
    ) -> io::Result<()> {
        let bytes = serde_json::to_vec(message)?;
        if bytes.len() > MESSAGE_LIMIT_BYTES || descriptors.len() > DESCRIPTOR_LIMIT {
            return Err(io::ErrorKind::ArgumentListTooLong.into());
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTOR_LIMIT))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        rustix::net::sendmsg(&self.0, &[IoSlice::new(&bytes)], &mut control, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// The next message, if one is there; `None` once the other end is closed.
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing to read; `InvalidData` for what is not a message.
    pub(crate) fn receive<M: DeserializeOwned>(&self) -> io::Result<Option<(M, Vec<OwnedFd>)>> {
        let mut bytes = vec![0; MESSAGE_LIMIT_BYTES];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTOR_LIMIT))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = rustix::net::recvmsg(
            &self.0,
            &mut [IoSliceMut::new(&mut bytes)],
            &mut control,
            RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC,
        )?;
        let descriptors = control
            .drain()
            .filter_map(|message| match message {
                RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
                _ => None,
            })
            .flatten()
            .collect();
        if received.bytes == 0 {
            return Ok(None);
        }
        if received.flags.contains(ReturnFlags::TRUNC) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(Some((serde_json::from_slice(&bytes[..received.bytes])?, descriptors)))
    }

    /// Lets the other end read an end of file; what it still says can be received.
    pub(crate) fn hang_up(&self) {
        // Fails only if the other end is gone, which is what is wanted.
        let _ = rustix::net::shutdown(&self.0, Shutdown::Write);
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_arrives_whole_with_its_descriptor() {
        let (ours, theirs) = Channel::pair().unwrap();
        let theirs = Channel::from_descriptor(theirs);
        let (reader, writer) = io::pipe().unwrap();
        ours.send(&Message::Ready { in_user_namespace: true }, &[writer.as_fd()]).unwrap();
        drop(writer);

        let (message, descriptors) = theirs.receive::<Message>().unwrap().unwrap();
        assert!(matches!(message, Message::Ready { in_user_namespace: true }));
        let [descriptor] = <[OwnedFd; 1]>::try_from(descriptors).unwrap();
        io::Write::write_all(&mut io::PipeWriter::from(descriptor), b"through").unwrap();
        assert_eq!(io::read_to_string(reader).unwrap(), "through");
    }

    #[test]
    fn nothing_to_read_is_told_apart_from_the_end() {
        let (ours, theirs) = Channel::pair().unwrap();
        let kind = ours.receive::<Message>().unwrap_err().kind();
        assert_eq!(kind, io::ErrorKind::WouldBlock);
        drop(theirs);
        assert!(ours.receive::<Message>().unwrap().is_none());
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let (ours, theirs) = Channel::pair().unwrap();
        Channel::from_descriptor(theirs).send(&"chatter", &[]).unwrap();
        let error = ours.receive::<Message>().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_message_beyond_the_limit_is_not_sent() {
        let (ours, _theirs) = Channel::pair().unwrap();
        let error = ours.send(&"x".repeat(MESSAGE_LIMIT_BYTES), &[]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ArgumentListTooLong);
    }
}
