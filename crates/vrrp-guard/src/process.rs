//! The life of a guard: a process without threads that does nothing until it has to.

use std::collections::{BTreeMap, HashSet};
use std::io::Write as _;
use std::os::fd::{AsFd, OwnedFd};
use std::process;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustix::process::{Pid, PidfdFlags, getppid, pidfd_open};
use thiserror::Error;
use vrrp_net::{AdvertSender, NetError, Netlink, Object, Packet, Timestamp};
use vrrp_proto::Family;

use crate::hardening;
use crate::message::{Message, PART_BYTES_MAX, Will, read_packets};
use crate::removal::Removal;
use crate::slots::Slots;

/// What the guard says when it is ready.
pub(crate) const READY: &[u8] = b"ready";
/// Messages that are read before the time is looked at again.
const MESSAGES_AT_ONCE: usize = 64;
/// What is set aside for acting: so much, and so much more for each object.
const RESERVE_BYTES: usize = 32 << 10;
const RESERVE_BYTES_EACH: usize = 512;
const CHUNK_BYTES: usize = 8 << 10;

/// Why a guard does not begin.
#[derive(Debug, Error)]
enum GuardError {
    #[error("it was not started by the program that it is to guard")]
    Alone,
    #[error("cannot watch the program that it is to guard: {0}")]
    Watch(Errno),
    #[error("cannot prepare: {0}")]
    Prepare(Errno),
    #[error(transparent)]
    Net(#[from] NetError),
}

/// Guards the parent of this process until that is gone.
pub(crate) fn run(name: &str) -> ! {
    let code = match Guard::new(name) {
        Ok(mut guard) => {
            guard.watch();
            0
        }
        Err(error) => {
            eprintln!("{name}: {error}");
            1
        }
    };
    process::exit(code)
}

struct Guard<'a> {
    name: &'a str,
    /// Can be read when the last thread of the daemon has ended.
    daemon: OwnedFd,
    daemon_pid: Pid,
    /// Where the daemon tells of wills, until it has closed it.
    socket: Option<OwnedFd>,
    slots: Slots,
    netlink: Netlink,
    senders: [Result<AdvertSender, NetError>; 2],
    wards: BTreeMap<u32, Ward>,
    buffer: Vec<u8>,
    /// Memory that acting takes: it is not the time then to ask the kernel for any.
    reserve: Vec<Vec<u8>>,
}

/// What is known of a router.
#[derive(Default)]
struct Ward {
    will: Will,
    /// The next one, of which some parts have come.
    coming: Option<Will>,
}

impl Ward {
    fn objects(&self) -> impl Iterator<Item = &Object> {
        let coming = self.coming.iter().flat_map(|will| &will.objects);
        self.will.objects.iter().chain(coming)
    }
}

impl<'a> Guard<'a> {
    fn new(name: &'a str) -> Result<Self, GuardError> {
        hardening::stand_apart(name).map_err(GuardError::Prepare)?;
        let daemon_pid = getppid().ok_or(GuardError::Alone)?;
        let daemon = pidfd_open(daemon_pid, PidfdFlags::empty()).map_err(GuardError::Watch)?;
        // Still the parent, it was alive when the descriptor was opened: it is of no other process.
        if getppid() != Some(daemon_pid) {
            return Err(GuardError::Alone);
        }
        // The daemon has put them there.
        let take = |fd: rustix::fd::BorrowedFd<'_>| rustix::io::fcntl_dupfd_cloexec(fd, 3);
        let socket = take(rustix::stdio::stdin()).map_err(GuardError::Prepare)?;
        let slots = Slots::open(rustix::stdio::stdout())?;
        hardening::close_streams().map_err(GuardError::Prepare)?;
        let mut guard = Self {
            name,
            daemon,
            daemon_pid,
            socket: Some(socket),
            slots,
            netlink: Netlink::open()?,
            senders: [Family::V4, Family::V6].map(AdvertSender::open),
            wards: BTreeMap::new(),
            buffer: vec![0; PART_BYTES_MAX],
            reserve: Vec::new(),
        };
        hardening::take_precedence();
        // Starting takes far more of the program than what is to come.
        let _ = vrrp_net::shed_file_pages();
        guard.rehearse();
        guard.refill();
        hardening::stay_in_memory();
        hardening::drop_privileges();
        if let Some(socket) = &guard.socket {
            send(socket, READY, SendFlags::NOSIGNAL).map_err(GuardError::Prepare)?;
        }
        Ok(guard)
    }

    /// Watches the daemon until it is gone, or needs no guard any more.
    fn watch(&mut self) {
        loop {
            match self.wait() {
                Ok(true) => return self.act_for_the_dead(),
                Ok(false) | Err(Errno::INTR) => {}
                Err(errno) => return self.tell(&format!("cannot wait: {errno}")),
            }
            self.listen();
            if self.socket.is_none() && self.wards.is_empty() {
                return;
            }
            self.relieve_the_silent();
        }
    }

    /// Waits for something to do; says whether the daemon is gone.
    fn wait(&self) -> Result<bool, Errno> {
        let timeout = self.deadline().map(|deadline| {
            let left = deadline.saturating_sub(Timestamp::now().as_micros());
            let left = Duration::from_micros(left);
            Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() }
        });
        let mut fds = vec![PollFd::new(&self.daemon, PollFlags::IN)];
        fds.extend(self.socket.iter().map(|socket| PollFd::new(socket, PollFlags::IN)));
        poll(&mut fds, timeout.as_ref())?;
        Ok(!fds[0].revents().is_empty())
    }

    /// When the next router has been silent for too long unless it advertises, in microseconds.
    fn deadline(&self) -> Option<u64> {
        let deadline = |(slot, ward): (&u32, &Ward)| {
            let at = self.slots.slot(*slot).advertised_at()?;
            Some(at.as_micros().saturating_add(ward.will.silence_max.as_micros() as u64))
        };
        self.wards.iter().filter(|(_, ward)| is_whole(ward)).filter_map(deadline).min()
    }

    /// Takes in what the daemon says.
    fn listen(&mut self) {
        for _ in 0..MESSAGES_AT_ONCE {
            let Some(socket) = &self.socket else { break };
            match recv(socket, &mut *self.buffer, RecvFlags::DONTWAIT) {
                Ok((0, _)) => self.socket = None,
                Ok((len, _)) => {
                    let mut octets = std::mem::take(&mut self.buffer);
                    if self.take_in(&octets[..len]).is_none() {
                        self.tell("cannot understand what the daemon says");
                    }
                    octets.resize(PART_BYTES_MAX, 0);
                    self.buffer = octets;
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(_) => self.socket = None,
            }
        }
        self.refill();
    }

    fn take_in(&mut self, octets: &[u8]) -> Option<()> {
        match Message::read(octets)? {
            Message::Revoke { slot } => drop(self.wards.remove(&slot)),
            Message::Part { slot, items, is_first, is_last } => {
                let ward = self.wards.entry(slot).or_default();
                if is_first {
                    ward.coming = None;
                }
                ward.coming.get_or_insert_default().add(items)?;
                if is_last {
                    ward.will = ward.coming.take().unwrap_or_default();
                }
            }
        }
        Some(())
    }

    /// Removes the objects of routers that have not advertised for so long that their peers are
    /// about to take over, unless another router that is alive has them too.
    fn relieve_the_silent(&mut self) {
        let now = Timestamp::now().as_micros();
        let is_silent = |(number, ward): (&u32, &Ward)| {
            let at = self.slots.slot(*number).advertised_at()?;
            let silence = Duration::from_micros(now.saturating_sub(at.as_micros()));
            let is_too_long = is_whole(ward) && silence >= ward.will.silence_max;
            (is_too_long && self.slots.slot(*number).relieve(at)).then_some((*number, silence))
        };
        let silent: Vec<_> = self.wards.iter().filter_map(is_silent).collect();
        if silent.is_empty() {
            return;
        }
        self.reserve.clear();
        let relieved: Vec<_> = silent
            .into_iter()
            .filter_map(|(number, silence)| Some((self.wards.remove(&number)?, silence)))
            .collect();
        let is_alive = |number: &u32| self.slots.slot(*number).advertised_at().is_some();
        let alive = self.wards.iter().filter(|(number, _)| is_alive(number));
        let kept: HashSet<_> =
            alive.flat_map(|(_, ward)| ward.objects()).map(Object::key).collect();
        let objects = relieved.iter().flat_map(|(ward, _)| ward.objects());
        let gone = objects.filter(|object| !kept.contains(&object.key())).cloned().collect();
        let removed = self.remove(gone);
        let silent = |(ward, silence): &(Ward, Duration)| {
            format!("{} (no advert for {} ms)", ward.will.name, silence.as_millis())
        };
        let silent: Vec<_> = relieved.iter().map(silent).collect();
        self.tell(&format!("{removed} of {}", silent.join(", ")));
    }

    /// The daemon is gone: resigns for its routers, then removes everything that they had.
    fn act_for_the_dead(&mut self) {
        let gone_at = Timestamp::now();
        self.reserve.clear();
        while self.socket.is_some() && !self.is_drained() {
            self.listen();
        }
        if self.wards.is_empty() {
            return;
        }
        let wards = std::mem::take(&mut self.wards);
        let (mut resigned, mut refusals) = (0, Vec::new());
        for (number, ward) in &wards {
            match self.resign(*number, &ward.will, gone_at) {
                Ok(sent) => resigned += usize::from(sent),
                Err(error) => refusals.push(error),
            }
        }
        let removed = self.remove(wards.values().flat_map(Ward::objects).cloned().collect());
        let took = Timestamp::now().as_micros().saturating_sub(gone_at.as_micros());
        let pid = self.daemon_pid.as_raw_nonzero();
        self.tell(&format!(
            "process {pid} is gone: resigned for {resigned} of {} instance(s), {removed}, in {}.{:03} ms",
            wards.len(),
            took / 1000,
            took % 1000,
        ));
        for error in refusals {
            self.tell(&error.to_string());
        }
    }

    fn is_drained(&self) -> bool {
        let Some(socket) = &self.socket else { return true };
        let timeout = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut fds = [PollFd::new(socket, PollFlags::IN)];
        !matches!(poll(&mut fds, Some(&timeout)), Ok(1..))
    }

    /// Sends what a router would resign with, unless its peers have given it up already. Says whether
    /// something was sent.
    fn resign(&mut self, number: u32, will: &Will, now: Timestamp) -> Result<bool, NetError> {
        let slot = self.slots.slot(number);
        let Some(at) = slot.advertised_at() else { return Ok(false) };
        let silence = now.as_micros().saturating_sub(at.as_micros());
        if u128::from(silence) >= will.silence_max.as_micros() {
            return Ok(false);
        }
        let numbered = will.is_numbered.then(|| read_packets(&slot.resignation()));
        let (mut sent, mut refused) = (false, None);
        for packet in numbered.as_ref().unwrap_or(&will.resignation) {
            match self.send(packet) {
                Ok(()) => sent = true,
                Err(error) => refused = Some(error),
            }
        }
        refused.map_or(Ok(sent), Err)
    }

    fn send(&mut self, packet: &Packet) -> Result<(), NetError> {
        let is_v6 = packet.ip.destination.is_ipv6();
        let sender = self.senders[usize::from(is_v6)].as_mut().map_err(|error| error.clone())?;
        if packet.interface.is_none() || sender.interface() != packet.interface {
            sender.attach(packet.interface)?;
        }
        sender.send_packet(&packet.ip, &packet.message)
    }

    fn remove(&mut self, objects: Vec<Object>) -> Removal {
        Removal::of(&mut self.netlink, objects)
    }

    /// Does once what acting does, to an interface that does not exist, so that what it takes of the
    /// program is in memory.
    fn rehearse(&mut self) {
        let Some(index) = vrrp_net::IfIndex::new(i32::MAX as u32) else { return };
        let Ok(name) = "none".parse() else { return };
        let nowhere = vrrp_net::Interface { index, name };
        let v4 = vrrp_net::AddressSpec::new(nowhere, [192, 0, 2, 1].into(), 24);
        let v6 = vrrp_net::AddressSpec::new(nowhere, std::net::Ipv6Addr::LOCALHOST.into(), 64);
        self.remove(vec![v4.into(), v6.into()]);
    }

    /// Sets aside what acting takes.
    fn refill(&mut self) {
        let objects: usize = self.wards.values().map(|ward| ward.objects().count()).sum();
        let bytes = RESERVE_BYTES + objects * RESERVE_BYTES_EACH;
        // Written, so that it is there.
        self.reserve.resize_with(bytes.div_ceil(CHUNK_BYTES), || vec![1; CHUNK_BYTES]);
    }

    /// Says something where the daemon's log lines go, unless nobody reads there.
    fn tell(&self, what: &str) {
        let mut stderr = std::io::stderr();
        let timeout = Timespec { tv_sec: 0, tv_nsec: 0 };
        let fd = stderr.as_fd();
        let can_be_written = {
            let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::OUT)];
            matches!(poll(&mut fds, Some(&timeout)), Ok(1..))
        };
        if can_be_written {
            // In one piece, and without a second try: there is nobody else to tell.
            let _ = stderr.write_all(format!("{}: {what}\n", self.name).as_bytes());
        }
    }
}

fn is_whole(ward: &Ward) -> bool {
    !ward.will.silence_max.is_zero()
}
