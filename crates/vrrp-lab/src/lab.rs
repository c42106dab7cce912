//! A lab: where hosts and wires are made.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::connection::{Connection, ConnectionSource};
use crate::error::LabError;
use crate::host::{Host, HostOptions};
use crate::protocol::{Channel, Request};
use crate::pump::Pump;
use crate::role::{MYSELF, Role};
use crate::wire::Wire;
use crate::world::World;

/// How long an init may take to answer, unless the options say otherwise.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
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
        Self::host_program(MYSELF)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_program_that_is_missing_is_named() {
        let error = Lab::new(LabOptions::host_program("/nonexistent/vrrpd")).unwrap_err();
        assert!(error.to_string().starts_with("cannot start /nonexistent/vrrpd: "), "{error}");
    }
}
