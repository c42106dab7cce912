//! A host: processes, files and interfaces of its own.

use std::fmt;
use std::fs::File;
use std::io::{self, PipeReader, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::Signal;
use vrrp_proto::MacAddress;

use crate::capture::{Capture, Injector};
use crate::command::Command;
use crate::connection::{Connection, ConnectionSource};
use crate::error::LabError;
use crate::process::{Output, OutputSource, Process, output_pipe};
use crate::progress::{ProcessState, STDERR, STDOUT};
use crate::protocol::{Answer, Channel, CommandLine, PacketPurpose, Request, SetUp, Sink};
use crate::traffic::{self, Traffic};
use crate::wire::{Cable, Nic, Wire};
use crate::words::{Cidr, Interface};
use crate::world::{World, eventually};

/// The longest file that is read from a host.
const FILE_LIMIT_BYTES: u64 = 64 * 1024 * 1024;

/// How a host differs from the machine that it stands on.
#[derive(Debug, Clone, Default)]
pub struct HostOptions {
    private_directories: Vec<PathBuf>,
    sysctls: Vec<(String, String)>,
}

impl HostOptions {
    /// A host with a `/run` and `/proc` of its own, which shares all other files.
    pub fn new() -> Self {
        Self::default()
    }

    /// With an empty directory of its own in this place, which the machine must have.
    #[must_use]
    pub fn private_directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.private_directories.push(path.into());
        self
    }

    /// With this kernel parameter of its network, set before there is any interface but `lo`.
    #[must_use]
    pub fn sysctl(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.sysctls.push((name.into(), value.into()));
        self
    }
}

/// A host of a [`Lab`](crate::Lab): network, processes, mounts and host name of its own. It
/// runs until it is [switched off](Self::power_off) or the lab ends; clones are the same host.
#[derive(Clone)]
pub struct Host(Arc<Inner>);

struct Inner {
    number: u8,
    connection: Arc<Connection>,
    world: Arc<World>,
    /// The launcher, whose namespaces are the host's.
    launcher: u64,
    ports: Mutex<Vec<Cable>>,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Host").field(&self.name()).finish()
    }
}

impl Host {
    pub(crate) fn start(
        world: Arc<World>,
        name: &str,
        number: u8,
        options: HostOptions,
    ) -> Result<Self, LabError> {
        let (channel, socket) =
            Channel::pair().map_err(LabError::io(format!("{name}: a socket")))?;
        let connection = Connection::new(name, channel, world.room.answer_limit());
        world.pump.add(Box::new(ConnectionSource(Arc::clone(&connection))));
        let launcher = world.room.new_handle();
        world.room.ask_with(Request::StartHost { handle: launcher }, &[socket.as_fd()])?;
        drop(socket);
        connection.wait_ready()?;

        let mut sysctls = world.host_sysctls();
        sysctls.extend(options.sysctls);
        connection.ask(Request::SetUp(SetUp {
            hostname: name.to_owned(),
            private_directories: options.private_directories,
            sysctls,
        }))?;
        Ok(Self(Arc::new(Inner { number, connection, world, launcher, ports: Mutex::default() })))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.0.connection.place()
    }

    /// Plugs the host into a wire with a new interface, and waits until frames pass.
    ///
    /// # Errors
    /// What the kernel says: there is such an interface, or no such address.
    pub fn attach(&self, wire: &Wire, nic: Nic) -> Result<Cable, LabError> {
        let addresses: Vec<Cidr> =
            nic.addresses.iter().map(|address| address.parse()).collect::<Result<_, _>>()?;
        let cable = self.plug_in(wire, &nic)?;
        self.set_link(&nic.name, true)?;
        for address in addresses {
            self.add_address(&nic.name, address)?;
        }
        self.wait_for_link(&nic.name, true, self.0.connection.answer_limit())?;
        Ok(cable)
    }

    fn plug_in(&self, wire: &Wire, nic: &Nic) -> Result<Cable, LabError> {
        let room = &self.0.world.room;
        let mut ports = self.0.ports.lock().unwrap_or_else(PoisonError::into_inner);
        let number = u8::try_from(ports.len() + 1).map_err(|_| LabError::Name {
            name: nic.name.clone(),
            what: "an interface",
            why: "a host has at most 255",
        })?;
        let port = format!("h{}n{number}", self.0.number);
        room.ask(Request::AddCable {
            bridge: wire.name.clone(),
            port: port.clone(),
            host: self.0.launcher,
            interface: nic.name.clone(),
            mac: nic.mac.unwrap_or(MacAddress([2, 0, 0, 0, self.0.number, number])),
        })?;
        let cable = Cable { port, room: Arc::clone(room) };
        ports.push(cable.clone());
        Ok(cable)
    }

    /// Starts a command.
    ///
    /// # Errors
    /// What the kernel says: there is no such program, or it cannot be executed.
    pub fn spawn(&self, command: impl Into<Command>) -> Result<Process, LabError> {
        let command = command.into();
        let name = command.to_string();
        let line = command.into_line();
        let (pipes, writers) = output_pipes(&line)
            .map_err(LabError::io(format!("{}: a pipe for {name}", self.name())))?;

        let connection = &self.0.connection;
        let handle = connection.new_handle();
        let state = ProcessState::new(pipes.clone());
        connection.register(handle, Arc::clone(&state));
        let descriptors: Vec<_> = writers.iter().map(AsFd::as_fd).collect();
        let answer = connection.ask_with(Request::Spawn { handle, command: line }, &descriptors);
        let pid = match answer {
            Ok((Answer::Running { pid }, _)) => pid,
            Ok(_) => return Err(connection.gone()),
            Err(error) => {
                connection.unregister(handle);
                return Err(error);
            }
        };
        for (stream, pipe) in [STDOUT, STDERR].into_iter().zip(pipes) {
            if let Some(pipe) = pipe {
                let state = Arc::clone(&state);
                self.0.world.pump.add(Box::new(OutputSource { pipe, state, stream }));
            }
        }
        Ok(Process::new(name, pid, handle, Arc::clone(connection), state))
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn); and [`LabError::Timeout`] if it does not end within the lab's
    /// [`answer_limit`](crate::LabOptions::answer_limit): then it is killed.
    pub fn run(&self, command: impl Into<Command>) -> Result<Output, LabError> {
        let process = self.spawn(command)?;
        match process.wait(self.0.connection.answer_limit()) {
            Ok(exit) => Ok(process.output(exit)),
            Err(error) => {
                process.signal(Signal::SIGKILL)?;
                Err(error)
            }
        }
    }

    /// A file's contents, as the host's processes see it.
    ///
    /// # Errors
    /// What the kernel says, or that the file has more than 64 MiB.
    pub fn read_file(&self, path: impl AsRef<Path>) -> Result<Vec<u8>, LabError> {
        let path = path.as_ref();
        let request = Request::OpenFile { path: path.to_owned() };
        let (_, descriptor) = self.0.connection.ask_for_descriptor(request)?;
        let failed = || format!("{}: reading {}", self.name(), path.display());
        let mut contents = Vec::new();
        File::from(descriptor)
            .take(FILE_LIMIT_BYTES + 1)
            .read_to_end(&mut contents)
            .map_err(LabError::io(failed()))?;
        if contents.len() as u64 > FILE_LIMIT_BYTES {
            return Err(LabError::io(failed())(io::ErrorKind::FileTooLarge.into()));
        }
        Ok(contents)
    }

    /// A file's contents as text; what is not UTF-8 is replaced.
    ///
    /// # Errors
    /// As [`read_file`](Self::read_file).
    pub fn read_text(&self, path: impl AsRef<Path>) -> Result<String, LabError> {
        Ok(String::from_utf8_lossy(&self.read_file(path)?).into_owned())
    }

    /// Writes a file in place, creating it and its directories if they are missing.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn write_file(
        &self,
        path: impl AsRef<Path>,
        contents: impl AsRef<[u8]>,
    ) -> Result<(), LabError> {
        self.write(path.as_ref(), contents.as_ref(), 0o644, false)
    }

    /// Writes a file under another name and renames it, so that no reader sees half of it.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn replace_file(
        &self,
        path: impl AsRef<Path>,
        contents: impl AsRef<[u8]>,
    ) -> Result<(), LabError> {
        self.write(path.as_ref(), contents.as_ref(), 0o644, true)
    }

    /// Writes a file that can be executed.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn write_program(
        &self,
        path: impl AsRef<Path>,
        contents: impl AsRef<[u8]>,
    ) -> Result<(), LabError> {
        self.write(path.as_ref(), contents.as_ref(), 0o755, true)
    }

    fn write(
        &self,
        path: &Path,
        contents: &[u8],
        mode: u32,
        replace: bool,
    ) -> Result<(), LabError> {
        let file = file_in_memory(contents).map_err(LabError::io(format!(
            "{}: writing {}",
            self.name(),
            path.display()
        )))?;
        let request = Request::WriteFile { path: path.to_owned(), mode, replace };
        self.0.connection.ask_with(request, &[file.as_fd()]).map(drop)
    }

    /// Removes a file.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn remove_file(&self, path: impl AsRef<Path>) -> Result<(), LabError> {
        self.ask(Request::RemoveFile { path: path.as_ref().to_owned() })
    }

    /// Sets a kernel parameter of the host's network: `net.ipv4.conf.eth0.accept_local`.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn sysctl(
        &self,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<(), LabError> {
        self.ask(Request::Sysctl { name: name.into(), value: value.into() })
    }

    /// Its interfaces with their addresses.
    ///
    /// # Errors
    /// If the host is switched off.
    pub fn interfaces(&self) -> Result<Vec<Interface>, LabError> {
        match self.0.connection.ask(Request::Interfaces)? {
            Answer::Interfaces(interfaces) => Ok(interfaces),
            _ => Err(self.0.connection.gone()),
        }
    }

    /// The interface of this name, if there is one.
    ///
    /// # Errors
    /// If the host is switched off.
    pub fn interface(&self, name: &str) -> Result<Option<Interface>, LabError> {
        Ok(self.interfaces()?.into_iter().find(|interface| interface.name == name))
    }

    /// The addresses on an interface; none if there is no such interface.
    ///
    /// # Errors
    /// If the host is switched off.
    pub fn addresses(&self, interface: &str) -> Result<Vec<Cidr>, LabError> {
        Ok(self.interface(interface)?.map_or_else(Vec::new, |interface| interface.addresses))
    }

    /// Whether an address is on an interface.
    ///
    /// # Errors
    /// If the host is switched off, or the text is no address.
    pub fn has_address(&self, interface: &str, address: &str) -> Result<bool, LabError> {
        Ok(self.addresses(interface)?.contains(&address.parse()?))
    }

    /// Waits until an address is on an interface, or is not.
    ///
    /// # Errors
    /// [`LabError::Timeout`], or as [`has_address`](Self::has_address).
    pub fn wait_for_address(
        &self,
        interface: &str,
        address: &str,
        present: bool,
        limit: Duration,
    ) -> Result<(), LabError> {
        let there = if present { "on" } else { "off" };
        let what = format!("{}: {address} {there} {interface}", self.name());
        eventually(&what, limit, || {
            Ok((self.has_address(interface, address)? == present).then_some(()))
        })
    }

    /// Waits until frames pass through an interface, or do not.
    ///
    /// # Errors
    /// [`LabError::Timeout`], or if the host is switched off.
    pub fn wait_for_link(
        &self,
        interface: &str,
        running: bool,
        limit: Duration,
    ) -> Result<(), LabError> {
        let there = if running { "running" } else { "not running" };
        eventually(&format!("{}: {interface} {there}", self.name()), limit, || {
            let state = self.interface(interface)?.is_some_and(|state| state.running);
            Ok((state == running).then_some(()))
        })
    }

    /// Sets an interface up or down, as `ip link set` does.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn set_link(&self, interface: &str, up: bool) -> Result<(), LabError> {
        self.ask(Request::SetLink { interface: interface.to_owned(), up })
    }

    /// Puts an address on an interface.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn add_address(&self, interface: &str, address: Cidr) -> Result<(), LabError> {
        self.ask(Request::AddAddress { interface: interface.to_owned(), address })
    }

    /// Takes an address off an interface.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn remove_address(&self, interface: &str, address: Cidr) -> Result<(), LabError> {
        self.ask(Request::RemoveAddress { interface: interface.to_owned(), address })
    }

    /// What has passed through an interface.
    ///
    /// # Errors
    /// If there is no such interface, or the host is switched off.
    pub fn traffic(&self, interface: &str) -> Result<Traffic, LabError> {
        let failed = || format!("{}: the traffic of {interface}", self.name());
        Traffic::of(interface, &self.read_text(traffic::TABLE)?).map_err(LabError::io(failed()))
    }

    /// Starts recording what an interface receives and sends.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn capture(&self, interface: &str) -> Result<Capture, LabError> {
        let Inner { connection, world, .. } = &*self.0;
        Capture::start(connection, &world.pump, interface, PacketPurpose::Capture)
    }

    /// Opens an interface for sending frames of one's own making.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn injector(&self, interface: &str) -> Result<Injector, LabError> {
        Injector::open(&self.0.connection, interface)
    }

    /// Stops every process of the host from running, as when a virtual machine is paused.
    ///
    /// # Errors
    /// If the host is switched off.
    pub fn freeze(&self) -> Result<(), LabError> {
        self.ask(Request::SignalAll { signal: Signal::SIGSTOP as i32 })
    }

    /// Lets every process run on.
    ///
    /// # Errors
    /// If the host is switched off.
    pub fn thaw(&self) -> Result<(), LabError> {
        self.ask(Request::SignalAll { signal: Signal::SIGCONT as i32 })
    }

    /// Switches the host off: its cables fall out of their wires, then all that runs is killed.
    /// Returns when nothing of it runs any more.
    ///
    /// # Errors
    /// [`LabError::Timeout`] if the kernel takes too long.
    pub fn power_off(&self) -> Result<(), LabError> {
        let ports =
            std::mem::take(&mut *self.0.ports.lock().unwrap_or_else(PoisonError::into_inner));
        for cable in ports {
            if let Err(error) = cable.remove() {
                // It was removed before.
                log::debug!("lab: {}: {error}", self.name());
            }
        }
        self.0.connection.close()
    }

    fn ask(&self, request: Request) -> Result<(), LabError> {
        self.0.connection.ask(request).map(drop)
    }
}

type Pipes = [Option<Arc<PipeReader>>; 2];

/// The pipes for the captured outputs: the ends to read, and those that go to the init.
fn output_pipes(line: &CommandLine) -> io::Result<(Pipes, Vec<OwnedFd>)> {
    let (mut pipes, mut writers) = (Pipes::default(), Vec::new());
    for (pipe, sink) in pipes.iter_mut().zip([&line.stdout, &line.stderr]) {
        if matches!(sink, Sink::Descriptor) {
            let (reader, writer) = output_pipe()?;
            *pipe = Some(reader);
            writers.push(writer.into());
        }
    }
    Ok((pipes, writers))
}

fn file_in_memory(contents: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create(c"vrrp-lab", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(contents)?;
    file.rewind()?;
    Ok(file)
}
