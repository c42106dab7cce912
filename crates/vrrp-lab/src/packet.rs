//! Packet sockets: opened by an init inside its network namespace, read and written by the
//! library.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant, SystemTime};

use nix::errno::Errno;
use nix::sys::socket::sockopt::{RcvBuf, RcvBufForce, ReceiveTimestampns, RxqOvfl};
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, bind,
    recvmsg, send, setsockopt, socket,
};

use socket2::{SockFilter, SockRef};
use vrrp_proto::MacAddress;

use crate::netlink;
use crate::protocol::PacketPurpose;

/// What the kernel keeps for a capture until the library has read it, as far as it is allowed.
const CAPTURE_BUFFER_BYTES: usize = 8 * 1024 * 1024;
/// The longest frame that is read whole: more than segmentation offload hands over.
const FRAME_LIMIT_BYTES: usize = 128 * 1024;
/// `PACKET_OUTGOING` (linux/if_packet.h).
const OUTGOING: u8 = 4;

/// A frame, and when the kernel saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// When the kernel received or sent it: one clock for all hosts of all labs, and the same
    /// as [`Instant::now`] in the calling process.
    pub at: Instant,
    /// Sent by the host whose interface is captured, not received.
    pub outgoing: bool,
    /// From the Ethernet header on.
    pub bytes: Vec<u8>,
}

/// Opens a packet socket bound to an interface; also returns the interface's index.
pub(crate) fn open(interface: &str, purpose: PacketPurpose) -> io::Result<(OwnedFd, usize)> {
    let address = netlink::link_address(interface)?;
    let protocol = match purpose {
        PacketPurpose::Capture | PacketPurpose::CaptureWithout(_) => Some(SockProtocol::EthAll),
        PacketPurpose::Inject => None,
    };
    let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
    if let PacketPurpose::CaptureWithout(source) = purpose {
        SockRef::from(&socket).attach_filter(&without(source))?;
    }
    if purpose != PacketPurpose::Inject {
        // Forcing needs a privilege that root of a user namespace lacks; a smaller buffer
        // shows in the count of lost frames.
        setsockopt(&socket, RcvBufForce, &CAPTURE_BUFFER_BYTES)
            .or_else(|_| setsockopt(&socket, RcvBuf, &CAPTURE_BUFFER_BYTES))?;
        setsockopt(&socket, ReceiveTimestampns, &true)?;
        setsockopt(&socket, RxqOvfl, &1)?;
    }
    bind(socket.as_raw_fd(), &address)?;
    Ok((socket, address.ifindex()))
}

/// A classic BPF program that keeps every frame but those from `source`.
fn without(source: MacAddress) -> [SockFilter; 6] {
    // linux/bpf_common.h: load four or two bytes, jump if equal, return.
    const LOAD_4: u16 = 0x20;
    const LOAD_2: u16 = 0x28;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    // An Ethernet header has the source behind the six bytes of the destination.
    const SOURCE: u32 = 6;
    let MacAddress([a, b, c, d, e, f]) = source;
    [
        SockFilter::new(LOAD_4, 0, 0, SOURCE),
        SockFilter::new(JUMP_IF_EQUAL, 0, 3, u32::from_be_bytes([a, b, c, d])),
        SockFilter::new(LOAD_2, 0, 0, SOURCE + 4),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, u32::from_be_bytes([0, 0, e, f])),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ]
}

/// What one reading of a capture's socket gives.
#[derive(Debug)]
pub(crate) struct Reading {
    /// The frame, unless it was another interface's, caught before the socket was bound.
    pub(crate) frame: Option<Frame>,
    /// How many frames the kernel has dropped on this socket so far, if it says so.
    pub(crate) lost_count: Option<u32>,
}

/// Reads captured frames, one per call.
#[derive(Debug)]
pub(crate) struct FrameReader {
    buffer: Vec<u8>,
    control: Vec<u8>,
    interface_index: usize,
}

impl FrameReader {
    pub(crate) fn new(interface_index: usize) -> Self {
        let control = nix::cmsg_space!(nix::sys::time::TimeSpec, u32);
        Self { buffer: vec![0; FRAME_LIMIT_BYTES], control, interface_index }
    }

    /// The next frame; `None` when the kernel has no more for now.
    pub(crate) fn read(&mut self, socket: &OwnedFd) -> io::Result<Option<Reading>> {
        let mut slices = [IoSliceMut::new(&mut self.buffer)];
        let message = match recvmsg::<LinkAddr>(
            socket.as_raw_fd(),
            &mut slices,
            Some(&mut self.control),
            MsgFlags::MSG_DONTWAIT,
        ) {
            Ok(message) => message,
            Err(Errno::EAGAIN) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let (mut at, mut lost_count) = (Instant::now(), None);
        for control in message.cmsgs()? {
            match control {
                ControlMessageOwned::ScmTimestampns(stamp) => at = on_our_clock(stamp.into()),
                ControlMessageOwned::RxqOvfl(count) => lost_count = Some(count),
                _ => (),
            }
        }
        let source = message.address;
        let length = message.bytes;
        let ours = source.is_none_or(|source| source.ifindex() == self.interface_index);
        let outgoing = source.is_some_and(|source| source.pkttype() == OUTGOING);
        let frame = ours.then(|| Frame { at, outgoing, bytes: self.buffer[..length].to_vec() });
        Ok(Some(Reading { frame, lost_count }))
    }
}

/// Moves a time of the kernel's real-time clock to the monotonic one, by its age.
fn on_our_clock(since_epoch: Duration) -> Instant {
    let (now, now_since_epoch) = (Instant::now(), SystemTime::now());
    let age = now_since_epoch
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(Duration::ZERO, |now| now.saturating_sub(since_epoch));
    now.checked_sub(age).unwrap_or(now)
}

/// Sends one frame as it is.
pub(crate) fn send_frame(socket: &OwnedFd, frame: &[u8]) -> io::Result<()> {
    send(socket.as_raw_fd(), frame, MsgFlags::empty())?;
    Ok(())
}
