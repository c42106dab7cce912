//! What other living processes hold in this network namespace: that is nobody's leftover.
//!
//! Every host on this machine listens on an abstract Unix socket, `vrrp/holder/PID-NUMBER`. Such a
//! socket belongs to a network namespace, as the objects do, and vanishes with its process, however
//! that ends. Whoever is about to remove leftovers finds the others in `/proc/thread-self/net/unix`,
//! connects, and reads what they hold: a line for each object and a last line. A thread of its own
//! answers, so that a host whose owner does not turn it answers too.
//!
//! One that does not answer in time, or not in these words, counts as holding everything: it may be
//! stopped, and come back. Only processes of root and of the same user are believed and answered.
//! Between the answer and the removal another may take an address over; it puts it back then, as if
//! somebody had removed it by hand.

use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::sockopt::socket_peercred;
use rustix::net::{
    AddressFamily, Shutdown, SocketAddrUnix, SocketFlags, SocketType, connect, shutdown,
    socket_with,
};
use rustix::process::geteuid;
use vrrp_net::{AddressKey, Filter, IfIndex, ObjectKey, Prefix, RouteKey, RuleKey};
use vrrp_proto::Family;

/// How the names begin.
const PREFIX: &str = "vrrp/holder/";
/// How long all others together may take to answer.
const ANSWER_TIME: Duration = Duration::from_secs(1);
/// How long one may take to read an answer.
const READ_TIME: Duration = Duration::from_millis(500);
/// The longest answer: far more addresses than one host can have.
const ANSWER_BYTES_MAX: u64 = 16 << 20;
/// How much of the list of sockets is read.
const LIST_BYTES_MAX: u64 = 64 << 20;
/// An answer without it is not whole.
const LAST_LINE: &str = "end";
/// The kernel's `__SO_ACCEPTCON` in the list of sockets: it listens.
const LISTENS: u32 = 1 << 16;
const STACK_BYTES: usize = 128 << 10;

/// What other processes hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Elsewhere {
    pub(crate) keys: HashSet<ObjectKey>,
    /// How many did not answer: they may hold anything.
    pub(crate) silent: usize,
}

/// Tells other processes what this one holds, until it is dropped.
#[derive(Debug)]
pub(crate) struct Answers {
    name: String,
    listener: UnixListener,
    thread: Option<JoinHandle<()>>,
}

impl Answers {
    /// Answers from now on, in the network namespace of the calling thread.
    pub(crate) fn start(held: impl Fn() -> Vec<ObjectKey> + Send + 'static) -> io::Result<Self> {
        let (name, listener) = listen()?;
        let serving = listener.try_clone()?;
        let thread = thread::Builder::new()
            .name("holdings".into())
            .stack_size(STACK_BYTES)
            .spawn(move || serve(&serving, held))?;
        Ok(Self { name, listener, thread: Some(thread) })
    }

    /// Asks all others what they hold.
    pub(crate) fn ask_others(&self) -> io::Result<Elsewhere> {
        let deadline = Instant::now() + ANSWER_TIME;
        let mut elsewhere = Elsewhere::default();
        let mut asked = Vec::new();
        for name in listening()?.into_iter().filter(|name| *name != self.name) {
            match ask(&name) {
                Ok(stream) if is_trusted(&stream) => asked.push(stream),
                Ok(_) => {}
                // It has ended since the list was read.
                Err(Errno::CONNREFUSED) => {}
                Err(_) => elsewhere.silent += 1,
            }
        }
        for stream in asked {
            match read_answer(stream, deadline) {
                Ok(keys) => elsewhere.keys.extend(keys),
                Err(_) => elsewhere.silent += 1,
            }
        }
        Ok(elsewhere)
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        // It ends the thread's wait.
        let ended = shutdown(&self.listener, Shutdown::Both);
        if let Some(thread) = self.thread.take().filter(|_| ended.is_ok()) {
            // A thread that has panicked answers nobody, which they take for what it is.
            let _ = thread.join();
        }
    }
}

/// A listener with a name that nobody can have taken beforehand.
fn listen() -> io::Result<(String, UnixListener)> {
    let (pid, number) = (std::process::id(), RandomState::new().hash_one(()));
    let name = format!("{PREFIX}{pid}-{number:016x}");
    let address = SocketAddr::from_abstract_name(&name)?;
    Ok((name, UnixListener::bind_addr(&address)?))
}

fn serve(listener: &UnixListener, held: impl Fn() -> Vec<ObjectKey>) {
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                if is_trusted(&stream) {
                    // One that does not read has asked for nothing.
                    let _ = write_answer(&stream, &held());
                }
            }
            Err(error) => match Errno::from_io_error(&error) {
                Some(Errno::INVAL) => return,
                Some(Errno::INTR | Errno::CONNABORTED) => {}
                // There is no descriptor or no memory for it: whoever asked waits meanwhile.
                _ => thread::sleep(Duration::from_millis(50)),
            },
        }
    }
}

fn write_answer(mut stream: &UnixStream, held: &[ObjectKey]) -> io::Result<()> {
    stream.set_write_timeout(Some(READ_TIME))?;
    let mut text = String::new();
    held.iter().for_each(|key| write_key(&mut text, key));
    text.push_str(LAST_LINE);
    text.push('\n');
    let deadline = Instant::now() + READ_TIME;
    // Each write has its own timeout: a reader of single bytes must not keep the others waiting.
    for chunk in text.as_bytes().chunks(64 << 10) {
        if Instant::now() >= deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.write_all(chunk)?;
    }
    Ok(())
}

/// `address INDEX ADDRESS LENGTH [PEER]`, `filter TABLE ADDRESS [INDEX]` or `route TABLE METRIC TOS
/// PROTOCOL ADDRESS LENGTH [ADDRESS LENGTH]`, `rule FAMILY PREFERENCE DIGEST`
fn write_key(text: &mut String, key: &ObjectKey) {
    use std::fmt::Write as _;

    // Writing to a string cannot fail.
    let _ = match key {
        ObjectKey::Address(AddressKey { interface, address, prefix_len, peer: None }) => {
            writeln!(text, "address {interface} {address} {prefix_len}")
        }
        ObjectKey::Address(AddressKey { interface, address, prefix_len, peer: Some(peer) }) => {
            writeln!(text, "address {interface} {address} {prefix_len} {peer}")
        }
        ObjectKey::Filter(Filter { table, address, interface: None }) => {
            writeln!(text, "filter {table} {address}")
        }
        ObjectKey::Filter(Filter { table, address, interface: Some(interface) }) => {
            writeln!(text, "filter {table} {address} {interface}")
        }
        ObjectKey::Route(route) => {
            let RouteKey { table, destination, source, metric, type_of_service, protocol } = route;
            let (address, len) = (destination.address, destination.len);
            let from = source.map(|from| format!(" {} {}", from.address, from.len));
            let from = from.unwrap_or_default();
            writeln!(
                text,
                "route {table} {metric} {type_of_service} {protocol} {address} {len}{from}"
            )
        }
        ObjectKey::Rule(RuleKey { family, preference, digest }) => {
            writeln!(text, "rule {family} {preference} {digest}")
        }
        _ => Ok(()),
    };
}

fn read_key(line: &str) -> Option<ObjectKey> {
    match line.split_once(' ')? {
        ("address", words) => read_address(words),
        ("filter", words) => read_filter(words),
        ("route", words) => read_route(words),
        ("rule", words) => read_rule(words),
        _ => None,
    }
}

fn read_filter(words: &str) -> Option<ObjectKey> {
    let mut words = words.split(' ');
    let (table, address) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let index = |word: &str| IfIndex::new(word.parse().ok()?);
    let interface = match words.next() {
        Some(word) => Some(index(word)?),
        None => None,
    };
    words.next().is_none().then_some(ObjectKey::Filter(Filter { table, address, interface }))
}

fn read_route(words: &str) -> Option<ObjectKey> {
    let mut words = words.split(' ');
    let table = words.next()?.parse().ok()?;
    let metric = words.next()?.parse().ok()?;
    let type_of_service = words.next()?.parse().ok()?;
    let protocol = words.next()?.parse().ok()?;
    let mut prefix = || -> Option<Prefix> {
        let address = words.next()?.parse().ok()?;
        Some(Prefix { address, len: words.next()?.parse().ok()? })
    };
    let (destination, source) = (prefix()?, prefix());
    let key = RouteKey { table, destination, source, metric, type_of_service, protocol };
    words.next().is_none().then_some(ObjectKey::Route(key))
}

fn read_rule(words: &str) -> Option<ObjectKey> {
    let mut words = words.split(' ');
    let family = words.next()?;
    let family = [Family::V4, Family::V6].into_iter().find(|known| known.to_string() == family)?;
    let (preference, digest) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let key = RuleKey { family, preference, digest };
    words.next().is_none().then_some(ObjectKey::Rule(key))
}

fn read_address(words: &str) -> Option<ObjectKey> {
    let mut words = words.split(' ');
    let interface = IfIndex::new(words.next()?.parse().ok()?)?;
    let address: IpAddr = words.next()?.parse().ok()?;
    let prefix_len = words.next()?.parse().ok()?;
    let peer = words.next().map(str::parse).transpose().ok()?;
    let key = AddressKey { interface, address, prefix_len, peer };
    words.next().is_none().then_some(ObjectKey::Address(key))
}

fn read_answer(stream: UnixStream, deadline: Instant) -> io::Result<HashSet<ObjectKey>> {
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        // A timeout of zero would be none.
        stream.set_read_timeout(Some(left.max(Duration::from_micros(1))))?;
        match (&stream).read(&mut buffer)? {
            0 => break,
            read => bytes.extend_from_slice(&buffer[..read]),
        }
        if bytes.len() as u64 > ANSWER_BYTES_MAX || Instant::now() >= deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
    let wrong = || io::Error::from(io::ErrorKind::InvalidData);
    let text = String::from_utf8(bytes).map_err(|_| wrong())?;
    let lines = text.strip_suffix("end\n").ok_or_else(wrong)?.lines();
    lines.map(|line| read_key(line).ok_or_else(wrong)).collect()
}

/// Connects without waiting: one whose queue is full does not answer.
fn ask(name: &str) -> Result<UnixStream, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &SocketAddrUnix::new_abstract_name(name.as_bytes())?)?;
    rustix::io::ioctl_fionbio(&socket, false)?;
    Ok(UnixStream::from(socket))
}

/// Whether the other end is root's, or of the user that this process runs as.
fn is_trusted(stream: &UnixStream) -> bool {
    socket_peercred(stream.as_fd()).is_ok_and(|other| other.uid.is_root() || other.uid == geteuid())
}

/// The names of all holders that listen in the calling thread's network namespace.
fn listening() -> io::Result<BTreeSet<String>> {
    let list = BufReader::new(File::open("/proc/thread-self/net/unix")?.take(LIST_BYTES_MAX));
    let mut names = BTreeSet::new();
    // Names are bytes, and other people's need not be text.
    for line in list.split(b'\n') {
        names.extend(String::from_utf8(line?).ok().as_deref().and_then(listening_name));
    }
    Ok(names)
}

/// `0000000000000000: 00000002 00000000 00010000 0001 01 27061 @vrrp/holder/815-0123456789abcdef`
fn listening_name(line: &str) -> Option<String> {
    let mut words = line.split_ascii_whitespace();
    let flags = u32::from_str_radix(words.nth(3)?, 16).ok()?;
    let name = words.nth(3)?.strip_prefix('@')?;
    (flags & LISTENS != 0 && name.starts_with(PREFIX)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(address: &str, peer: Option<&str>) -> ObjectKey {
        let (address, peer) = (address.parse().unwrap(), peer.map(|peer| peer.parse().unwrap()));
        let interface = IfIndex::new(7).unwrap();
        ObjectKey::Address(AddressKey { interface, address, prefix_len: 24, peer })
    }

    fn filter(address: &str, interface: Option<IfIndex>) -> ObjectKey {
        let (table, address) = ("vrrpd".parse().unwrap(), address.parse().unwrap());
        ObjectKey::Filter(Filter { table, address, interface })
    }

    #[test]
    fn an_answer_is_read_as_it_was_written_and_half_of_it_is_none() {
        let keys = [
            key("192.0.2.100", None),
            key("192.0.2.101", Some("192.0.2.1")),
            key("2001:db8::1", None),
            filter("192.0.2.100", None),
            filter("fe80::100", IfIndex::new(7)),
        ];
        let far = || Instant::now() + Duration::from_secs(20);
        let (here, there) = UnixStream::pair().unwrap();
        write_answer(&there, &keys).unwrap();
        drop(there);
        assert_eq!(read_answer(here, far()).unwrap(), HashSet::from(keys));

        for half in [
            "address 7 192.0.2.100 24\n",
            "address 7 192.0.2\nend\n",
            "filter vrrpd\nend\n",
            "",
            "end",
            "x\nend\n",
        ] {
            let (here, mut there) = UnixStream::pair().unwrap();
            there.write_all(half.as_bytes()).unwrap();
            drop(there);
            assert!(read_answer(here, far()).is_err(), "{half:?}");
        }
    }

    #[test]
    fn only_listening_holders_are_found_in_the_list() {
        let line = |flags: &str, name: &str| {
            format!("0000000000000000: 00000002 00000000 {flags} 0001 01 27061 {name}")
        };
        let of = |flags, name| listening_name(&line(flags, name));
        assert_eq!(of("00010000", "@vrrp/holder/1-2").as_deref(), Some("vrrp/holder/1-2"));
        assert_eq!(of("00000000", "@vrrp/holder/1-2"), None, "a connection");
        assert_eq!(of("00010000", "/vrrp/holder/1-2"), None, "a file");
        assert_eq!(of("00010000", "@other"), None);
        assert_eq!(listening_name("Num RefCount Protocol Flags Type St Inode Path"), None);
        assert_eq!(listening_name(""), None);
    }

    #[test]
    fn living_holders_are_asked_and_ended_ones_are_not_missed() {
        let (one, two) = (key("192.0.2.100", None), key("192.0.2.101", None));
        let first = Answers::start(move || vec![one]).unwrap();
        let second = Answers::start(move || vec![two]).unwrap();
        // On a machine that has much to do an answer may come too late to count.
        let deadline = Instant::now() + ANSWER_TIME * 30;
        let mut seen = first.ask_others().unwrap();
        while !seen.keys.contains(&two) {
            assert!(Instant::now() < deadline, "{seen:?}");
            seen = first.ask_others().unwrap();
        }
        assert!(!seen.keys.contains(&one), "{seen:?}");
        drop(second);
        assert!(!first.ask_others().unwrap().keys.contains(&two));
    }

    #[test]
    fn one_that_does_not_answer_may_hold_anything_and_costs_a_second() {
        let asking = Answers::start(Vec::new).unwrap();
        let (_name, hung) = listen().unwrap();
        let begun = Instant::now();
        assert!(asking.ask_others().unwrap().silent >= 1);
        assert!(begun.elapsed() < ANSWER_TIME * 10);
        drop(hung);
    }
}
