//! A network that runs: its machines, their programs and the wires between them.

use std::sync::Arc;
use std::time::Duration;

use vrrp::{Host, Instant, Platform, Setup};

use super::scenario::{Network, Trouble, interface};
use super::violation::NetworkViolation;
use crate::lan::{Lan, LanHost};

/// What machines run: a [`vrrp::Host`] with what it is given, or a test's version of that which has
/// an error planted.
pub trait Program: Sync {
    /// What it stands on, and what it takes its setup for.
    fn on(&self, machine: LanHost, setup: Setup) -> (Arc<dyn Platform>, Setup);
}

/// The program as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Honest;

impl Program for Honest {
    fn on(&self, machine: LanHost, setup: Setup) -> (Arc<dyn Platform>, Setup) {
        (Arc::new(machine), setup)
    }
}

/// One machine, whether its program runs or not.
pub(crate) struct Machine {
    pub(crate) lan: LanHost,
    pub(crate) host: Option<Host>,
    pub(crate) frozen: bool,
    /// By wire: whether there is a carrier.
    pub(crate) carriers: Vec<bool>,
}

impl Machine {
    /// Its program, if that runs and is not frozen.
    pub(crate) fn awake(&self) -> Option<&Host> {
        self.host.as_ref().filter(|_| !self.frozen)
    }
}

pub(crate) struct Stage<'a> {
    pub(crate) network: &'a Network,
    program: &'a dyn Program,
    lan: Lan,
    began: Instant,
    pub(crate) machines: Vec<Machine>,
    /// Who is not heard by whom, on which wire.
    closed: Vec<(usize, usize, usize)>,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(network: &'a Network, program: &'a dyn Program) -> Self {
        let lan = Lan::new();
        lan.set_delay(network.delay);
        let machine = |number: usize| {
            let machine = lan.add_host();
            for wire in 0..network.wires {
                let address = network.address(number, wire);
                let prefix_len = if address.is_ipv4() { 24 } else { 64 };
                machine.set_interface(interface(wire), address, prefix_len);
            }
            let carriers = vec![true; network.wires];
            Machine { lan: machine, host: None, frozen: false, carriers }
        };
        let machines = (0..network.machines.len()).map(machine).collect();
        let began = lan.now();
        Self { network, program, lan, began, machines, closed: Vec::new() }
    }

    /// The time that has passed.
    pub(crate) fn now(&self) -> Duration {
        self.lan.now().saturating_since(self.began)
    }

    /// How many packets the wires have lost.
    pub(crate) fn lost(&self) -> u64 {
        self.lan.lost()
    }

    /// Whether the first hears the second on this wire.
    pub(crate) fn hears(&self, to: usize, from: usize, wire: usize) -> bool {
        let works = |machine: usize| self.machines[machine].carriers[wire];
        works(to) && works(from) && !self.closed.contains(&(from, to, wire))
    }

    /// Goes on to the next thing that happens, and says whether there is one until then.
    pub(crate) fn step(&mut self, until: Duration) -> Result<bool, NetworkViolation> {
        let (lan, until) = (self.lan.clone(), self.began + until);
        lan.step(&mut self.awake(), until).map_err(|error| broken(usize::MAX, &error))
    }

    fn awake(&mut self) -> Vec<&mut Host> {
        let awake = self.machines.iter_mut().filter(|machine| !machine.frozen);
        awake.filter_map(|machine| machine.host.as_mut()).collect()
    }

    /// Lets something happen, and everybody see it.
    pub(crate) fn suffer(&mut self, trouble: Trouble) -> Result<(), NetworkViolation> {
        match trouble {
            Trouble::Start(machine) => self.start(machine)?,
            Trouble::Stop(machine) => self.stop(machine)?,
            Trouble::Crash(number) => {
                let machine = &mut self.machines[number];
                // What the program does as it ends has no effect: nobody hears it any more.
                machine.lan.set_cut(true);
                machine.host = None;
                machine.frozen = false;
                machine.lan.set_cut(false);
            }
            Trouble::Freeze(machine) => {
                let machine = &mut self.machines[machine];
                machine.frozen = machine.host.is_some();
            }
            Trouble::Thaw(machine) => self.machines[machine].frozen = false,
            Trouble::Carrier { machine, wire, up } => {
                let machine = &mut self.machines[machine];
                if machine.carriers[wire] != up {
                    machine.carriers[wire] = up;
                    machine.lan.set_carrier(interface(wire), up);
                }
            }
            Trouble::Way { from, to, wire, open } => {
                let way = (from, to, wire);
                self.closed.retain(|closed| *closed != way);
                if !open && from != to {
                    self.closed.push(way);
                }
                self.machines[from].lan.set_way(&self.machines[to].lan, interface(wire), open);
            }
            Trouble::Loss(per_mille) => self.lan.set_loss(per_mille, self.network.seed),
        }
        let lan = self.lan.clone();
        lan.settle(&mut self.awake()).map_err(|error| broken(usize::MAX, &error))
    }

    fn start(&mut self, number: usize) -> Result<(), NetworkViolation> {
        let machine = &mut self.machines[number];
        if machine.host.is_some() {
            return Ok(());
        }
        let setup = self.network.setup(number).map_err(|error| broken(number, &error))?;
        let (platform, setup) = self.program.on(machine.lan.clone(), setup);
        let mut host = Host::on(platform).map_err(|error| broken(number, &error))?;
        host.apply(setup).map_err(|error| broken(number, &error))?;
        machine.host = Some(host);
        Ok(())
    }

    fn stop(&mut self, number: usize) -> Result<(), NetworkViolation> {
        let machine = &mut self.machines[number];
        let Some(host) = machine.host.take_if(|_| !machine.frozen) else { return Ok(()) };
        host.shutdown().map_err(|left| broken(number, &left))?;
        match machine.lan.objects().first() {
            Some(object) => Err(broken(number, &format!("{object} is left"))),
            None => Ok(()),
        }
    }
}

fn broken(machine: usize, what: &dyn std::fmt::Display) -> NetworkViolation {
    NetworkViolation::Broken { machine, what: what.to_string() }
}
