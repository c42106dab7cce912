//! The two servers, what runs on them, and the eyes on their wire.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::{Duration, Instant};

use vrrp_lab::{
    Capture, Command, HostOptions, Lab, LabError, LabOptions, MacAddress, Nic, Process, Wire,
    eventually,
};
use vrrp_proto::{Interval, Password, Priority, Vrid};

use vrrp_control::{InstanceStatus, Status};

use super::DemoError;
use super::observer::{Seen, Sighting, VirtualRouter};

/// How long anything in the story may take: several times what the protocol needs, for machines
/// that have other things to do.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the wait for a frame looks whether the daemons still run.
const GLANCE: Duration = Duration::from_millis(100);
/// How much of a daemon's log an error shows.
const LOG_LINES: usize = 15;

const INTERFACE: &str = "eth0";
const CONFIG: &str = "/run/keepalived.conf";
pub(super) const PROCESS: &str = "httpd";
pub(super) const WEIGHT: u8 = 10;
const VRID: Vrid = Vrid::new(51).expect("51 is in 1–255");
const PASSWORD: &str = "12345";
const VIRTUAL: Ipv4Addr = Ipv4Addr::new(192, 168, 122, 200);
const PREFIX_BITS: u8 = 24;

/// One of the two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Server {
    One,
    Two,
}

impl Server {
    pub(super) const BOTH: [Self; 2] = [Self::One, Self::Two];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::One => "server1",
            Self::Two => "server2",
        }
    }

    pub(super) fn other(self) -> Self {
        match self {
            Self::One => Self::Two,
            Self::Two => Self::One,
        }
    }

    pub(super) fn address(self) -> Ipv4Addr {
        match self {
            Self::One => Ipv4Addr::new(192, 168, 122, 101),
            Self::Two => Ipv4Addr::new(192, 168, 122, 102),
        }
    }

    /// The configured priority.
    pub(super) fn base(self) -> u8 {
        match self {
            Self::One => 244,
            Self::Two => 240,
        }
    }

    /// The priority while the tracked process runs.
    pub(super) fn healthy(self) -> u8 {
        self.base() + WEIGHT
    }

    fn mac(self) -> MacAddress {
        match self {
            Self::One => MacAddress([2, 0, 0, 0, 1, 1]),
            Self::Two => MacAddress([2, 0, 0, 0, 1, 2]),
        }
    }

    fn state(self) -> &'static str {
        match self {
            Self::One => "MASTER",
            Self::Two => "BACKUP",
        }
    }

    /// The configuration, as keepalived would read it too.
    fn config(self) -> String {
        format!(
            "vrrp_track_process track_apache {{
  process {PROCESS}
  weight {WEIGHT}
}}

vrrp_instance VI_1 {{
  state {state}
  interface {INTERFACE}
  virtual_router_id {VRID}
  priority {priority}
  advert_int 1
  authentication {{
    auth_type PASS
    auth_pass {PASSWORD}
  }}
  virtual_ipaddress {{
    {VIRTUAL}/{PREFIX_BITS}
  }}
  track_process {{
    track_apache
  }}
}}
",
            state = self.state(),
            priority = self.base(),
        )
    }
}

/// A server's host, and what runs on it.
struct Node {
    host: vrrp_lab::Host,
    httpd: Option<Process>,
    daemon: Option<Process>,
    /// Every daemon that was started, for their logs.
    daemons: Vec<Process>,
}

/// Where the virtual address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Holders {
    one: bool,
    two: bool,
}

impl Holders {
    pub(super) fn only(server: Server) -> Self {
        Self { one: server == Server::One, two: server == Server::Two }
    }

    pub(super) fn nobody() -> Self {
        Self { one: false, two: false }
    }
}

/// Two servers on a wire.
pub(super) struct Stage {
    lab: Lab,
    nodes: [Node; 2],
    capture: Capture,
    router: VirtualRouter,
}

impl Stage {
    /// Makes the servers, still without anything running on them.
    pub(super) fn build() -> Result<Self, DemoError> {
        Self::try_build().map_err(|error| match error {
            LabError::Step { .. } | LabError::HostProgram { .. } => DemoError::Forbidden(error),
            error => DemoError::Lab(error),
        })
    }

    fn try_build() -> Result<Self, LabError> {
        let lab = Lab::new(LabOptions::this_program())?;
        let wire = lab.wire("lan")?;
        let capture = wire.capture()?;
        let [one, two] = Server::BOTH.map(|server| Node::build(&lab, &wire, server));
        let router = VirtualRouter {
            vrid: VRID,
            password: Password::from_text(PASSWORD),
            address: VIRTUAL,
            interval: Interval::DEFAULT,
        };
        Ok(Self { nodes: [one?, two?], lab, capture, router })
    }

    /// The address that moves.
    pub(super) fn virtual_address() -> Ipv4Addr {
        VIRTUAL
    }

    /// Whether the servers' root is an ordinary user of the machine.
    pub(super) fn is_without_root(&self) -> bool {
        self.lab.is_in_user_namespace()
    }

    pub(super) fn start_httpd(&mut self, server: Server) -> Result<(), LabError> {
        let node = self.node_mut(server);
        node.httpd = Some(node.host.spawn(Command::idle(PROCESS))?);
        Ok(())
    }

    /// Kills the tracked process; returns the moment before.
    pub(super) fn kill_httpd(&mut self, server: Server) -> Result<Instant, LabError> {
        let httpd = self.node_mut(server).httpd.take();
        let before = Instant::now();
        if let Some(httpd) = httpd {
            httpd.kill()?;
        }
        Ok(before)
    }

    /// Starts the daemon; returns the moment before.
    pub(super) fn start_daemon(&mut self, server: Server) -> Result<Instant, LabError> {
        let node = self.node_mut(server);
        let mut command = Command::host_program("vrrpd").args(["run", "-f", CONFIG]);
        if let Ok(filter) = std::env::var("RUST_LOG") {
            command = command.env("RUST_LOG", filter);
        }
        let before = Instant::now();
        let daemon = node.host.spawn(command)?;
        node.daemons.push(daemon.clone());
        node.daemon = Some(daemon);
        Ok(before)
    }

    /// Asks the daemon to end, without waiting for it; returns it and the moment before.
    pub(super) fn ask_daemon_to_stop(
        &mut self,
        server: Server,
    ) -> Result<(Instant, Process), DemoError> {
        let daemon = self.take_daemon(server)?;
        let before = Instant::now();
        daemon.signal(vrrp_lab::Signal::SIGTERM)?;
        Ok((before, daemon))
    }

    /// Kills the daemon, which gets no chance to clean up; returns the moment before.
    pub(super) fn kill_daemon(&mut self, server: Server) -> Result<Instant, DemoError> {
        let daemon = self.take_daemon(server)?;
        let before = Instant::now();
        daemon.kill()?;
        Ok(before)
    }

    /// Waits for the end of a daemon that was asked to stop, which has to be orderly.
    pub(super) fn wait_for_end(&self, server: Server, daemon: &Process) -> Result<(), DemoError> {
        let exit = daemon.wait(PATIENCE)?;
        if exit.is_success() {
            return Ok(());
        }
        Err(self.untrue(format!("vrrpd on {} was asked to stop: {exit}", server.name())))
    }

    /// What the daemon on a server tells of its virtual router.
    fn status(&self, server: Server) -> Result<InstanceStatus, DemoError> {
        let command = Command::host_program("vrrpd").args(["status", "--json"]);
        let text = self.node(server).host.run(command)?.success()?;
        serde_json::from_str::<Status>(&text)
            .ok()
            .and_then(|status| status.instances.into_iter().next())
            .ok_or_else(|| self.untrue(format!("{}: no status in {text:?}", server.name())))
    }

    /// Waits until the virtual router on a server is in this state.
    pub(super) fn wait_for_state(
        &self,
        server: Server,
        state: &str,
    ) -> Result<InstanceStatus, DemoError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.status(server)?;
            if status.state == state {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                let (name, is) = (server.name(), status.state);
                return Err(self.untrue(format!("{name}: not {state} but {is}")));
            }
            std::thread::sleep(GLANCE);
        }
    }

    /// Waits for an advert of this priority that was sent after this moment.
    pub(super) fn wait_for_advert(
        &self,
        server: Server,
        priority: Priority,
        after: Instant,
    ) -> Result<Instant, DemoError> {
        let what = format!("an advert with priority {priority} from {}", server.name());
        let wanted = Seen::Advert { source: IpAddr::V4(server.address()), priority };
        self.wait_for_sighting(&what, wanted, after)
    }

    /// Waits for a gratuitous ARP for the virtual address that was sent after this moment.
    pub(super) fn wait_for_announcement(
        &self,
        server: Server,
        after: Instant,
    ) -> Result<Instant, DemoError> {
        let what = format!("a gratuitous ARP for {VIRTUAL} from {}", server.name());
        self.wait_for_sighting(&what, Seen::Announcement { mac: server.mac() }, after)
    }

    fn wait_for_sighting(
        &self,
        what: &str,
        wanted: Seen,
        after: Instant,
    ) -> Result<Instant, DemoError> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            self.check_daemons()?;
            let sighting = self.capture.next(GLANCE).and_then(|frame| self.router.sight(&frame));
            if let Some(Sighting { at, seen }) = sighting
                && seen == wanted
                && at >= after
            {
                return Ok(at);
            }
        }
        let lost_count = self.capture.lost_count();
        Err(self.untrue(format!("{what}: not within {PATIENCE:?} ({lost_count} frames lost)")))
    }

    /// Where the virtual address is now.
    pub(super) fn holders(&self) -> Result<Holders, LabError> {
        let address = format!("{VIRTUAL}/{PREFIX_BITS}");
        let [one, two] =
            Server::BOTH.map(|server| self.node(server).host.has_address(INTERFACE, &address));
        Ok(Holders { one: one?, two: two? })
    }

    /// Waits until the virtual address is there and nowhere else; returns when it was seen so.
    pub(super) fn wait_for_holders(&self, wanted: Holders) -> Result<Instant, DemoError> {
        let mut seen = wanted;
        let found = eventually("", PATIENCE, || {
            seen = self.holders()?;
            Ok((seen == wanted).then(Instant::now))
        });
        found.map_err(|error| match error {
            LabError::Timeout { limit, .. } => self.untrue(format!(
                "{VIRTUAL}: wanted {wanted:?}, but after {limit:?} it is {seen:?}"
            )),
            error => error.into(),
        })
    }

    /// Writes what every daemon has logged into files of this directory.
    pub(super) fn keep_logs(&self, directory: &Path) -> io::Result<()> {
        fs::create_dir_all(directory)?;
        Server::BOTH.into_iter().try_for_each(|server| {
            let log: String = self.node(server).daemons.iter().map(Process::stderr).collect();
            fs::write(directory.join(format!("{}.log", server.name())), log)
        })
    }

    /// Ends both servers and waits until nothing of them is left.
    pub(super) fn strike(self) -> Result<(), DemoError> {
        Ok(self.lab.close()?)
    }

    /// An event that did not happen, with the daemons' last words.
    pub(super) fn untrue(&self, what: String) -> DemoError {
        let mut logs = String::new();
        for server in Server::BOTH {
            let Some(daemon) = self.node(server).daemons.last() else { continue };
            let log = daemon.stderr();
            let lines: Vec<_> = log.lines().collect();
            for line in &lines[lines.len().saturating_sub(LOG_LINES)..] {
                logs += &format!("  {} | {line}\n", server.name());
            }
        }
        DemoError::Untrue { what, logs }
    }

    /// A daemon that nobody stopped has to run.
    fn check_daemons(&self) -> Result<(), DemoError> {
        let ended = |server: &Server| {
            self.node(*server).daemon.as_ref().is_some_and(|daemon| !daemon.is_running())
        };
        match Server::BOTH.into_iter().find(ended) {
            Some(server) => Err(self.untrue(format!("vrrpd on {} has ended", server.name()))),
            None => Ok(()),
        }
    }

    fn take_daemon(&mut self, server: Server) -> Result<Process, DemoError> {
        self.check_daemons()?;
        let daemon = self.node_mut(server).daemon.take();
        daemon.ok_or_else(|| self.untrue(format!("no daemon on {}", server.name())))
    }

    fn node(&self, server: Server) -> &Node {
        &self.nodes[server as usize]
    }

    fn node_mut(&mut self, server: Server) -> &mut Node {
        &mut self.nodes[server as usize]
    }
}

impl Node {
    fn build(lab: &Lab, wire: &Wire, server: Server) -> Result<Self, LabError> {
        let host = lab.host(server.name(), HostOptions::new())?;
        let address = format!("{}/{PREFIX_BITS}", server.address());
        host.attach(wire, Nic::new(INTERFACE).mac(server.mac()).address(address))?;
        host.write_file(CONFIG, server.config())?;
        Ok(Self { host, httpd: None, daemon: None, daemons: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use vrrp_conf::Options;

    use super::*;

    #[test]
    fn the_configurations_are_sound() {
        for server in Server::BOTH {
            let loaded = vrrp_conf::parse_str("demo", &server.config(), &Options::default());
            assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
            let instances = loaded.config.unwrap().instances;
            assert_eq!(instances.len(), 1);
        }
    }
}
