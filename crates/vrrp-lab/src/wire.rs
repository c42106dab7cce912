//! Wires and the cables that plug hosts into them.

use std::fmt;
use std::fs::File;
use std::io;
use std::sync::Arc;

use vrrp_proto::MacAddress;

use crate::capture::Capture;
use crate::connection::Connection;
use crate::error::LabError;
use crate::protocol::{PacketPurpose, Request};
use crate::traffic::{self, Traffic};
use crate::world::World;

/// A wire that any number of hosts plug into: a bridge that passes on every frame for everyone
/// at once and learns who is where.
#[derive(Clone)]
pub struct Wire {
    pub(crate) name: String,
    pub(crate) world: Arc<World>,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Wire").field(&self.name).finish()
    }
}

impl Wire {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Starts recording every frame on the wire, whoever sends it to whom.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn capture(&self) -> Result<Capture, LabError> {
        self.start_capture(PacketPurpose::Capture)
    }

    /// Starts recording every frame on the wire except those that come from this Ethernet
    /// address: these cost nothing, however many there are.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn capture_without(&self, source: MacAddress) -> Result<Capture, LabError> {
        self.start_capture(PacketPurpose::CaptureWithout(source))
    }

    fn start_capture(&self, purpose: PacketPurpose) -> Result<Capture, LabError> {
        Capture::start(&self.world.room, &self.world.pump, &self.name, purpose)
    }
}

/// An interface to be: what [`Host::attach`](crate::Host::attach) plugs in.
#[derive(Debug, Clone)]
pub struct Nic {
    pub(crate) name: String,
    pub(crate) mac: Option<MacAddress>,
    pub(crate) addresses: Vec<String>,
}

impl Nic {
    /// An interface of this name, without an address.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), mac: None, addresses: Vec::new() }
    }

    /// With this address, such as `192.168.122.101/24`.
    #[must_use]
    pub fn address(mut self, address: impl Into<String>) -> Self {
        self.addresses.push(address.into());
        self
    }

    /// With this Ethernet address. Otherwise it is `02:00:00:00` and the numbers of the host
    /// and of the interface in it, in the order of their creation.
    #[must_use]
    pub fn mac(mut self, mac: MacAddress) -> Self {
        self.mac = Some(mac);
        self
    }
}

/// A cable between a host's interface and a wire. It stays plugged in when this is dropped.
#[derive(Clone)]
pub struct Cable {
    pub(crate) port: String,
    pub(crate) room: Arc<Connection>,
}

impl fmt::Debug for Cable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cable").field(&self.port).finish()
    }
}

impl Cable {
    /// Cuts the cable: the host's interface loses its carrier.
    ///
    /// # Errors
    /// If the cable was removed.
    pub fn cut(&self) -> Result<(), LabError> {
        self.set_port(false)
    }

    /// Mends the cable: the carrier is back.
    ///
    /// # Errors
    /// If the cable was removed.
    pub fn mend(&self) -> Result<(), LabError> {
        self.set_port(true)
    }

    /// Keeps from the host, or gives it again, what others send to everyone: broadcast,
    /// multicast and frames for nobody known. What the host sends arrives as before.
    ///
    /// # Errors
    /// If the cable was removed.
    pub fn set_deaf(&self, deaf: bool) -> Result<(), LabError> {
        self.ask(Request::SetPortFlooding { port: self.port.clone(), on: !deaf })
    }

    /// What has passed through the wire's end of the cable: received from the host, sent to it.
    ///
    /// # Errors
    /// If the cable was removed.
    pub fn traffic(&self) -> Result<Traffic, LabError> {
        let failed = || format!("the traffic of {}", self.port);
        let request = Request::OpenFile { path: traffic::TABLE.into() };
        let (_, table) = self.room.ask_for_descriptor(request)?;
        io::read_to_string(File::from(table))
            .and_then(|table| Traffic::of(&self.port, &table))
            .map_err(LabError::io(failed()))
    }

    /// Removes the cable together with the host's interface.
    ///
    /// # Errors
    /// If it was removed before.
    pub fn remove(self) -> Result<(), LabError> {
        self.ask(Request::DeleteLink { interface: self.port.clone() })
    }

    fn set_port(&self, up: bool) -> Result<(), LabError> {
        self.ask(Request::SetLink { interface: self.port.clone(), up })
    }

    fn ask(&self, request: Request) -> Result<(), LabError> {
        self.room.ask(request).map(drop)
    }
}
