//! A lab: where hosts and wires are made.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::connection::{Connection, ConnectionSource};
use crate::error::LabError;
use crate::host::{Host, HostOptions};
use crate::intercept::Role;
use crate::protocol::{Channel, Request, SetUp};
use crate::pump::Pump;
use crate::wire::Wire;

/// How long an init may take to answer, unless the options say otherwise.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// How often a condition is looked at that nobody reports.
const PROBE_INTERVAL: Duration = Duration::from_millis(2);

/// What a lab is made of.
#[derive(Debug, Clone)]
pub struct LabOptions {
    host_program: PathBuf,
    answer_limit: Duration,
}

impl LabOptions {
    /// A lab whose inits are this program. Its `main` calls [`intercept`](crate::intercept())
    /// before anything else.
    pub fn host_program(path: impl Into<PathBuf>) -> Self {
        Self { host_program: path.into(), answer_limit: ANSWER_LIMIT }
    }

    /// A lab whose inits are the calling program.
    pub fn this_program() -> Self {
        Self::host_program(crate::intercept::MYSELF)
    }

    /// How long each single step may take before it counts as failed: an answer of an init, a
    /// command that is [run](Host::run) to its end, a link that comes up. 20 s unless set.
    #[must_use]
    pub fn answer_limit(mut self, limit: Duration) -> Self {
        self.answer_limit = limit;
        self
    }
}

/// A private world of hosts and wires.
///
/// All of it is namespaces without names, and processes that end with the calling one, however
/// that ends: nothing is left behind. Dropping the lab ends it and waits until it is gone.
#[derive(Debug)]
pub struct Lab {
    world: Arc<World>,
    launcher: Child,
    reader: Option<JoinHandle<()>>,
    in_user_namespace: bool,
}

/// What hosts and wires need of the lab that they belong to.
pub(crate) struct World {
    /// The init of the wire room, where the bridges are and the hosts are started.
    pub(crate) room: Arc<Connection>,
    pub(crate) pump: Pump,
    names: Mutex<HashSet<String>>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

impl Lab {
    /// Makes an empty world: as root in namespaces directly, as an ordinary user inside a user
    /// namespace.
    ///
    /// # Errors
    /// Which step the kernel refused, with what to do about it.
    pub fn new(options: LabOptions) -> Result<Self, LabError> {
        let (channel, socket) = Channel::pair().map_err(LabError::io("a socket for the lab"))?;
        let program = options.host_program;
        let launcher = Command::new(&program)
            .arg(Role::EnterLab.marker())
            .stdin(Stdio::from(socket))
            .stdout(Stdio::null())
            .spawn()
            .map_err(|source| LabError::HostProgram { program: program.clone(), source })?;

        let room = Connection::new("lab", channel, options.answer_limit);
        let (pump, reader) = Pump::start().map_err(LabError::io("the lab's reading thread"))?;
        pump.add(Box::new(ConnectionSource(Arc::clone(&room))));
        let world = World { room, pump, names: Mutex::default() };
        let mut lab = Self {
            world: Arc::new(world),
            launcher,
            reader: Some(reader),
            in_user_namespace: false,
        };
        lab.in_user_namespace = lab.world.room.wait_ready().map_err(|error| match error {
            LabError::Gone { .. } => LabError::NotIntercepted { program },
            other => other,
        })?;
        lab.world.furnish_wire_room()?;
        Ok(lab)
    }

    /// Whether root of this lab is an ordinary user outside: no other users exist in it.
    pub fn is_in_user_namespace(&self) -> bool {
        self.in_user_namespace
    }

    /// Adds a wire.
    ///
    /// # Errors
    /// If there is such a wire, or it cannot have that name; and what the kernel says.
    pub fn wire(&self, name: &str) -> Result<Wire, LabError> {
        self.world.claim("a wire", name, 15)?;
        self.world.room.ask(Request::AddBridge { name: name.to_owned() })?;
        Ok(Wire { name: name.to_owned(), world: Arc::clone(&self.world) })
    }

    /// Adds a host and switches it on.
    ///
    /// # Errors
    /// If there is such a host, or it cannot have that name; and what the kernel says.
    pub fn host(&self, name: &str, options: HostOptions) -> Result<Host, LabError> {
        let number = self.world.claim("a host", name, 63)?;
        Host::start(Arc::clone(&self.world), name, number, options)
    }

    /// Ends the lab and waits until nothing of it is left.
    ///
    /// # Errors
    /// If the kernel takes longer than the limit for answers to end all its processes. They
    /// are killed nevertheless.
    pub fn close(mut self) -> Result<(), LabError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), LabError> {
        let Some(reader) = self.reader.take() else { return Ok(()) };
        let closed = self.world.room.close();
        if closed.is_err() {
            // The init is bound to its parent, so it dies with it. Fails if it is dead already.
            let _ = self.launcher.kill();
        }
        let waited = self.launcher.wait().map_err(LabError::io("waiting for the lab's end"));
        self.world.pump.stop();
        if reader.join().is_err() {
            log::error!("lab: the reading thread panicked");
        }
        closed.and(waited.map(drop))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            log::warn!("{error}");
        }
    }
}

impl World {
    /// Sets up the network namespace with the bridges. They only forward: without IPv6 they do
    /// not speak on their wires.
    fn furnish_wire_room(&self) -> Result<(), LabError> {
        let sysctls = self.ipv6_sysctls("disable_ipv6", "1");
        let hostname = "wires".to_owned();
        let setup = SetUp { hostname, private_directories: Vec::new(), sysctls };
        self.room.ask(Request::SetUp(setup)).map(drop)
    }

    /// What every host has set: IPv6 addresses are there at once, since on these wires nobody
    /// else has them.
    pub(crate) fn host_sysctls(&self) -> Vec<(String, String)> {
        self.ipv6_sysctls("accept_dad", "0")
    }

    /// A parameter for all interfaces to come, on kernels that have IPv6.
    fn ipv6_sysctls(&self, name: &str, value: &str) -> Vec<(String, String)> {
        if !Path::new("/proc/sys/net/ipv6").exists() {
            return Vec::new();
        }
        ["all", "default"]
            .map(|interfaces| (format!("net.ipv6.conf.{interfaces}.{name}"), value.to_owned()))
            .to_vec()
    }

    /// Takes a name and returns its number, from 1.
    fn claim(&self, what: &'static str, name: &str, limit_bytes: usize) -> Result<u8, LabError> {
        let error = |why| LabError::Name { name: name.to_owned(), what, why };
        if name.is_empty() || name.len() > limit_bytes {
            return Err(error("it is empty or too long"));
        }
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(error("it is not letters, digits and hyphens"));
        }
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if !names.insert(format!("{what} {name}")) {
            return Err(error("it is taken"));
        }
        let same_kind_count = names.iter().filter(|taken| taken.starts_with(what)).count();
        u8::try_from(same_kind_count).map_err(|_| error("a lab has at most 255"))
    }
}

/// Waits until `probe` finds what it looks for, looking every 2 ms.
///
/// # Errors
/// [`LabError::Timeout`] that names `what`, or the error of `probe`.
pub fn eventually<T>(
    what: &str,
    limit: Duration,
    mut probe: impl FnMut() -> Result<Option<T>, LabError>,
) -> Result<T, LabError> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = probe()? {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            let what = what.to_owned();
            return Err(LabError::Timeout { what, limit, context: String::new() });
        }
        std::thread::sleep(PROBE_INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_program_that_is_missing_is_named() {
        let error = Lab::new(LabOptions::host_program("/nonexistent/vrrpd")).unwrap_err();
        assert!(error.to_string().starts_with("cannot start /nonexistent/vrrpd: "), "{error}");
    }

    #[test]
    fn what_does_not_happen_is_named_with_its_limit() {
        let limit = Duration::from_millis(10);
        let error = eventually::<()>("the sky falling", limit, || Ok(None)).unwrap_err();
        assert_eq!(error.to_string(), "the sky falling: not within 10ms");
    }
}
