//! The init: process 1 of a host or of the wire room.
//!
//! One thread waits for requests and for ended children, and does one thing at a time. When
//! the library's end of the socket closes, for whatever reason, it exits, and with process 1
//! the kernel kills every process of the namespace.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, sethostname};

use crate::netlink;
use crate::packet;
use crate::protocol::{
    Answer, Channel, CommandLine, Failure, Handle, Message, Numbered, Program, Request, SetUp, Sink,
};
use crate::role::{MYSELF, Role, die_with_parent};
use crate::step::Step;
use crate::words::Exit;

/// Where an init keeps the names under which it starts its own program.
const NAMES_DIRECTORY: &str = "/run/vrrp-lab";

type Outcome = Result<(Answer, Option<OwnedFd>), Failure>;

/// Serves requests until the library hangs up.
pub(crate) fn run(channel: &Channel, in_user_namespace: bool) -> Result<(), Failure> {
    die_with_parent()?;
    let conversation = || Failure::at(Step::Conversation, "");
    let (child_ended, on_child_end) = UnixStream::pair().map_err(conversation())?;
    child_ended.set_nonblocking(true).map_err(conversation())?;
    signal_hook::low_level::pipe::register(Signal::SIGCHLD as i32, on_child_end)
        .map_err(conversation())?;
    channel.send(&Message::Ready { in_user_namespace }, &[]).map_err(conversation())?;

    let mut agent = Agent { channel, children: HashMap::new() };
    loop {
        wait_readable(channel, &child_ended).map_err(conversation())?;
        if !agent.serve_requests().map_err(conversation())? {
            return Ok(());
        }
        discard(&child_ended);
        agent.reap().map_err(conversation())?;
    }
}

fn wait_readable(channel: &Channel, child_ended: &UnixStream) -> io::Result<()> {
    let mut interests = [
        PollFd::new(channel.as_fd(), PollFlags::POLLIN),
        PollFd::new(child_ended.as_fd(), PollFlags::POLLIN),
    ];
    match poll(&mut interests, PollTimeout::NONE) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Empties the pipe that a signal handler writes to; what counts is that it was written to.
fn discard(mut pipe: &UnixStream) {
    let mut bytes = [0; 64];
    while io::Read::read(&mut pipe, &mut bytes).is_ok_and(|count| count > 0) {}
}

struct Agent<'a> {
    channel: &'a Channel,
    /// The children that the library asked for. A child is removed when it is reaped, so an
    /// id in here cannot have been given to another process.
    children: HashMap<Pid, Handle>,
}

impl Agent<'_> {
    /// Answers what has been asked; `false` once the library has hung up.
    fn serve_requests(&mut self) -> io::Result<bool> {
        loop {
            let (message, descriptors) = match self.channel.receive::<Numbered>() {
                Ok(Some(received)) => received,
                Ok(None) => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                // The caller died with an answer unread.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(false),
                Err(error) => return Err(error),
            };
            let Numbered { number, request } = message;
            let (outcome, descriptor) = match self.answer(request, descriptors) {
                Ok((answer, descriptor)) => (Ok(answer), descriptor),
                Err(failure) => (Err(failure), None),
            };
            let descriptors: Vec<_> = descriptor.iter().map(AsFd::as_fd).collect();
            self.channel.send(&Message::Answer { number, outcome }, &descriptors)?;
        }
    }

    fn answer(&mut self, request: Request, descriptors: Vec<OwnedFd>) -> Outcome {
        match request {
            Request::SetUp(setup) => set_up(&setup).map(done),
            Request::StartHost { handle } => self.start_host(handle, descriptors),
            Request::Spawn { handle, command } => self.spawn(handle, &command, descriptors),
            Request::Signal { handle, signal } => self.signal(handle, signal),
            Request::SignalAll { signal } => signal_all(signal).map(done),
            Request::OpenFile { path } => open_file(&path),
            Request::WriteFile { path, mode, replace } => {
                write_file(&path, mode, replace, descriptors)
                    .map(done)
                    .map_err(Failure::at(Step::WriteFile, path.to_string_lossy()))
            }
            Request::RemoveFile { path } => fs::remove_file(&path)
                .map(done)
                .map_err(Failure::at(Step::RemoveFile, path.to_string_lossy())),
            Request::Sysctl { name, value } => set_sysctl(&name, &value).map(done),
            Request::AddCable { bridge, port, host, interface, mac } => {
                let pid = self.pid_of(host).map_or(0, Pid::as_raw);
                netlink::add_cable(&bridge, &port, &interface, mac, pid)
                    .map(done)
                    .map_err(Failure::at(Step::Cable, interface))
            }
            request => answer_network(request),
        }
    }

    fn pid_of(&self, handle: Handle) -> Option<Pid> {
        self.children.iter().find(|(_, child)| **child == handle).map(|(pid, _)| *pid)
    }

    fn start_host(&mut self, handle: Handle, descriptors: Vec<OwnedFd>) -> Outcome {
        let socket = descriptors.into_iter().next().map_or_else(Stdio::null, Stdio::from);
        let child = Command::new(MYSELF)
            .arg(Role::EnterHost.marker())
            .stdin(socket)
            .spawn()
            .map_err(Failure::at(Step::StartInit, MYSELF))?;
        self.children.insert(pid_of_child(&child), handle);
        Ok((Answer::Running { pid: child.id() }, None))
    }

    fn spawn(&mut self, handle: Handle, line: &CommandLine, descriptors: Vec<OwnedFd>) -> Outcome {
        let subject = match &line.program {
            Program::Named(name) | Program::Myself(name) => name,
        };
        let child = start(line, descriptors).map_err(Failure::at(Step::Spawn, subject))?;
        self.children.insert(pid_of_child(&child), handle);
        Ok((Answer::Running { pid: child.id() }, None))
    }

    fn signal(&self, handle: Handle, signal: i32) -> Outcome {
        let Some(pid) = self.pid_of(handle) else { return Ok((Answer::Ended, None)) };
        Signal::try_from(signal)
            .and_then(|signal| kill(pid, signal))
            .map(done)
            .map_err(Failure::at(Step::Signal, pid.to_string()))
    }

    /// Reaps every ended child, also those that others have left behind.
    fn reap(&mut self) -> io::Result<()> {
        loop {
            let (pid, exit) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => (pid, Exit::Code(code)),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, Exit::Signal(signal as i32)),
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(()),
                Ok(_) | Err(Errno::EINTR) => continue,
                Err(error) => return Err(error.into()),
            };
            if let Some(handle) = self.children.remove(&pid) {
                self.channel.send(&Message::Exited { handle, exit }, &[])?;
            }
        }
    }
}

fn done((): ()) -> (Answer, Option<OwnedFd>) {
    (Answer::Done, None)
}

fn pid_of_child(child: &std::process::Child) -> Pid {
    Pid::from_raw(child.id().cast_signed())
}

/// The requests that are about interfaces.
fn answer_network(request: Request) -> Outcome {
    match request {
        Request::AddBridge { name } => {
            netlink::add_bridge(&name).map(done).map_err(Failure::at(Step::Bridge, name))
        }
        Request::SetPortFlooding { port, on } => {
            netlink::set_port_flooding(&port, on).map(done).map_err(Failure::at(Step::Link, port))
        }
        Request::SetLink { interface, up } => {
            netlink::set_link(&interface, up).map(done).map_err(Failure::at(Step::Link, interface))
        }
        Request::DeleteLink { interface } => {
            netlink::delete_link(&interface).map(done).map_err(Failure::at(Step::Link, interface))
        }
        Request::AddAddress { interface, address } => netlink::add_address(&interface, address)
            .map(done)
            .map_err(Failure::at(Step::Address, format!("{address} on {interface}"))),
        Request::RemoveAddress { interface, address } => {
            netlink::remove_address(&interface, address)
                .map(done)
                .map_err(Failure::at(Step::Address, format!("{address} on {interface}")))
        }
        Request::Interfaces => netlink::interfaces()
            .map(|interfaces| (Answer::Interfaces(interfaces), None))
            .map_err(Failure::at(Step::Interfaces, "")),
        Request::PacketSocket { interface, purpose } => packet::open(&interface, purpose)
            .map(|(socket, interface_index)| {
                (Answer::PacketSocket { interface_index }, Some(socket))
            })
            .map_err(Failure::at(Step::PacketSocket, interface)),
        other => Err(Failure::at(Step::Conversation, format!("about {other:?}"))(Errno::EPROTO)),
    }
}

/// Turns bare namespaces into a host.
fn set_up(setup: &SetUp) -> Result<(), Failure> {
    let nothing = None::<&str>;
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing)
        .map_err(Failure::at(Step::PrivateMounts, ""))?;
    let harmless = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("proc"), "/proc", Some("proc"), harmless | MsFlags::MS_NOEXEC, nothing)
        .map_err(Failure::at(Step::MountProc, "/proc"))?;
    let run = PathBuf::from("/run");
    for directory in std::iter::once(&run).chain(&setup.private_directories) {
        mount(Some("tmpfs"), directory, Some("tmpfs"), harmless, Some("mode=0755,size=256m"))
            .map_err(Failure::at(Step::PrivateDirectory, directory.to_string_lossy()))?;
    }
    fs::create_dir(NAMES_DIRECTORY)
        .map_err(Failure::at(Step::PrivateDirectory, NAMES_DIRECTORY))?;
    sethostname(&setup.hostname).map_err(Failure::at(Step::Hostname, &setup.hostname))?;
    netlink::set_link("lo", true).map_err(Failure::at(Step::Link, "lo"))?;
    setup.sysctls.iter().try_for_each(|(name, value)| set_sysctl(name, value))
}

/// Starts a process with a clean environment and default signals, in a group of its own.
fn start(line: &CommandLine, descriptors: Vec<OwnedFd>) -> io::Result<std::process::Child> {
    let mut descriptors = descriptors.into_iter();
    let mut command = match &line.program {
        Program::Named(name) => Command::new(name),
        Program::Myself(name) => {
            let mut command = Command::new(name_for_myself(name)?);
            command.arg0(name);
            command
        }
    };
    command
        .args(&line.arguments)
        .env_clear()
        .envs(line.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(&line.directory)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(output(&line.stdout, &mut descriptors)?)
        .stderr(output(&line.stderr, &mut descriptors)?);
    if let Some(user) = line.user {
        command.uid(user).gid(user);
    }
    command.spawn()
}

/// A path with this last component that executes the init's own program.
fn name_for_myself(name: &str) -> io::Result<PathBuf> {
    let path = Path::new(NAMES_DIRECTORY).join(name);
    match symlink(MYSELF, &path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(path),
    }
}

fn output(sink: &Sink, descriptors: &mut impl Iterator<Item = OwnedFd>) -> io::Result<Stdio> {
    match sink {
        Sink::Null => Ok(Stdio::null()),
        Sink::Descriptor => descriptors.next().map(Stdio::from).ok_or_else(|| Errno::EBADF.into()),
        Sink::File(path) => {
            create_parent(path)?;
            Ok(OpenOptions::new().create(true).append(true).open(path)?.into())
        }
    }
}

fn signal_all(signal: i32) -> Result<(), Failure> {
    let everyone = Pid::from_raw(-1);
    match Signal::try_from(signal).and_then(|signal| kill(everyone, signal)) {
        // Nobody is there.
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => Err(Failure::at(Step::Signal, "every process")(error)),
    }
}

fn open_file(path: &Path) -> Outcome {
    File::open(path)
        .map(|file| (Answer::File, Some(file.into())))
        .map_err(Failure::at(Step::OpenFile, path.to_string_lossy()))
}

/// Writes a file from a descriptor. The init does it itself because it never has the file open
/// for writing while another thread starts a process: the file can be executed at once.
fn write_file(path: &Path, mode: u32, replace: bool, descriptors: Vec<OwnedFd>) -> io::Result<()> {
    let contents = descriptors.into_iter().next().ok_or(Errno::EBADF)?;
    create_parent(path)?;
    let mut written = path.to_owned();
    if replace {
        written.as_mut_os_string().push(".new");
    }
    let mut file = File::create(&written)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    io::copy(&mut File::from(contents), &mut file)?;
    drop(file);
    if replace { fs::rename(&written, path) } else { Ok(()) }
}

fn create_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

/// Sets a kernel parameter, named as sysctl(8) does: dots between the parts, and a slash where
/// a part has a dot in itself.
fn set_sysctl(name: &str, value: &str) -> Result<(), Failure> {
    let swapped = name.chars().map(|character| match character {
        '.' => '/',
        '/' => '.',
        other => other,
    });
    let path = Path::new("/proc/sys").join(swapped.collect::<String>());
    fs::write(path, value).map_err(Failure::at(Step::Sysctl, format!("{name}={value}")))
}
