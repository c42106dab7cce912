//! What must hold in a network.
//!
//! The judge knows what the machines are to be and what has happened to them; it looks at what
//! their programs tell and at what their kernels hold.

use std::collections::BTreeMap;
use std::time::Duration;

use vrrp::{EventKind, RouterStatus, State, VirtualAddress};

use super::scenario::{Network, Role};
use super::stage::Stage;
use super::violation::NetworkViolation;

/// The judge, with what it remembers of the steps before.
#[derive(Debug)]
pub(crate) struct Judge {
    settled_after: Duration,
    electorates: Vec<Electorate>,
    disturbed_at: Duration,
    lost: u64,
    /// Whether the last disturbance is long ago.
    is_calm: bool,
    /// Whether everyone has been found in their place since.
    settled: bool,
    pub(crate) takeovers: u64,
    pub(crate) splits: u64,
    pub(crate) settlings: u64,
    pub(crate) trace: Vec<String>,
}

/// Those who elect one of them: by machine the roles that are Active together or not at all.
#[derive(Debug, Default)]
struct Electorate(BTreeMap<usize, Vec<usize>>);

/// How the routers of every machine stand; nothing of those that do not run.
type Statuses = Vec<Vec<RouterStatus>>;

impl Judge {
    pub(crate) fn new(network: &Network) -> Self {
        Self {
            settled_after: network.settled(),
            electorates: electorates(network),
            disturbed_at: Duration::ZERO,
            lost: 0,
            is_calm: false,
            settled: false,
            takeovers: 0,
            splits: 0,
            settlings: 0,
            trace: Vec::new(),
        }
    }

    /// Something has happened that may lead to another election.
    pub(crate) fn disturb(&mut self, stage: &Stage<'_>, what: &str) {
        let now = stage.now();
        if !what.is_empty() {
            self.trace.push(format!("{now:>14.6?}  -- {what}"));
        }
        self.disturbed_at = now;
        (self.is_calm, self.settled) = (false, false);
    }

    /// Judges everybody after something has happened.
    pub(crate) fn after_trouble(&mut self, stage: &Stage<'_>) -> Result<(), NetworkViolation> {
        for machine in 0..stage.machines.len() {
            self.hear(stage, machine)?;
            check_machine(stage, machine)?;
        }
        Ok(())
    }

    /// Judges those who have something to tell, and all of them once it is calm.
    pub(crate) fn after_step(&mut self, stage: &Stage<'_>) -> Result<(), NetworkViolation> {
        let lost = stage.lost();
        if std::mem::replace(&mut self.lost, lost) != lost {
            self.disturb(stage, "");
        }
        for machine in 0..stage.machines.len() {
            if self.hear(stage, machine)? {
                check_machine(stage, machine)?;
            }
        }
        if self.is_calm || stage.now().saturating_sub(self.disturbed_at) <= self.settled_after {
            return Ok(());
        }
        self.is_calm = true;
        self.settled = self.check_calm(stage)?;
        self.settlings += u64::from(self.settled);
        Ok(())
    }

    /// Takes in what a machine's program tells, and says whether that is anything.
    fn hear(&mut self, stage: &Stage<'_>, machine: usize) -> Result<bool, NetworkViolation> {
        // What was asked of the kernel is not of interest, and must not pile up.
        stage.machines[machine].lan.recorder().take();
        let Some(host) = stage.machines[machine].awake() else { return Ok(false) };
        let mut has_told = false;
        while let Some(event) = host.events().try_next() {
            has_told = true;
            self.trace.push(format!("{:>14.6?}  m{machine} {event}", stage.now()));
            let EventKind::Transition(transition) = &event.kind else { continue };
            if transition.to == State::Active {
                self.takeovers += 1;
            }
            // Who was Active beside another one has heard it.
            self.splits +=
                u64::from((transition.from, transition.to) == (State::Active, State::Backup));
            if self.settled {
                return Err(NetworkViolation::NotAtRest { machine, what: event.to_string() });
            }
        }
        Ok(has_told)
    }

    /// Judges the calm, and says whether everyone has to have come to rest: where the ways are
    /// neither whole nor cut for all, several routers find their places one after the other.
    fn check_calm(&self, stage: &Stage<'_>) -> Result<bool, NetworkViolation> {
        let statuses: Statuses = (stage.machines.iter())
            .map(|machine| machine.awake().map(|host| host.observer().routers()))
            .map(Option::unwrap_or_default)
            .collect();
        let mut is_simple = true;
        for electorate in &self.electorates {
            let all = electorate.able(stage);
            let Some(parts) = electorate.parts(stage, &all) else {
                is_simple = false;
                continue;
            };
            for part in parts {
                electorate.check(stage, &statuses, &part)?;
            }
        }
        (0..statuses.len()).try_for_each(|machine| check_refusals(stage, &statuses, machine))?;
        Ok(is_simple)
    }
}

fn electorates(network: &Network) -> Vec<Electorate> {
    let mut all: BTreeMap<Option<u8>, Electorate> = BTreeMap::new();
    for (machine, roles) in network.machines.iter().enumerate() {
        for (at, role) in roles.iter().enumerate() {
            let key = (!role.is_grouped).then_some(role.cluster);
            all.entry(key).or_default().0.entry(machine).or_default().push(at);
        }
    }
    all.into_values().collect()
}

impl Electorate {
    fn roles<'a>(&'a self, stage: &'a Stage<'_>, machine: usize) -> impl Iterator<Item = &'a Role> {
        self.0[&machine].iter().map(move |&at| &stage.network.machines[machine][at])
    }

    /// Those that nothing keeps from taking part.
    fn able(&self, stage: &Stage<'_>) -> Vec<usize> {
        let is_able = |machine: &&usize| {
            let carriers = &stage.machines[**machine].carriers;
            let mut roles = self.roles(stage, **machine);
            stage.machines[**machine].awake().is_some() && roles.all(|role| carriers[role.wire])
        };
        self.0.keys().filter(is_able).copied().collect()
    }

    /// Sorts them into those who hear each other everywhere; `None` where it is not so simple.
    fn parts(&self, stage: &Stage<'_>, all: &[usize]) -> Option<Vec<Vec<usize>>> {
        let heard =
            |a: usize, b: usize| self.roles(stage, a).map(move |it| stage.hears(a, b, it.wire));
        let mut parts: Vec<Vec<usize>> = Vec::new();
        for &machine in all {
            let mut of_machine = Vec::new();
            for &other in all {
                let mut both = heard(machine, other).chain(heard(other, machine));
                let first = machine == other || both.next()?;
                if machine != other && both.any(|way| way != first) {
                    return None;
                }
                of_machine.extend(first.then_some(other));
            }
            let known = |part: &&Vec<usize>| part.iter().any(|one| of_machine.contains(one));
            match parts.iter().find(known) {
                Some(part) if *part == of_machine => {}
                Some(_) => return None,
                None => parts.push(of_machine),
            }
        }
        Some(parts)
    }

    /// One of those who hear each other is Active, the best that wants to be, and the others
    /// follow it.
    fn check(
        &self,
        stage: &Stage<'_>,
        statuses: &Statuses,
        part: &[usize],
    ) -> Result<(), NetworkViolation> {
        let status = |machine: usize, at: usize| &statuses[machine][at];
        let is_active =
            |machine: &usize| status(*machine, self.0[machine][0]).state == State::Active;
        let actives: Vec<_> = part.iter().copied().filter(is_active).collect();
        let &[active] = &actives[..] else {
            return Err(NetworkViolation::ActiveCount { of: part.to_vec(), actives });
        };
        let first = |machine: usize| self.roles(stage, machine).next();
        let own = first(active).map(|role| role.priority);
        let is_better = |machine: &usize| {
            first(*machine).is_some_and(|role| role.preempt && Some(role.priority) > own)
        };
        if let Some(better) = part.iter().copied().find(is_better) {
            return Err(NetworkViolation::NotTheBest { active, better });
        }
        for &machine in part.iter().filter(|machine| **machine != active) {
            for (&at, role) in self.0[&machine].iter().zip(self.roles(stage, machine)) {
                let followed = status(machine, at).active_router.and_then(|router| router.source);
                let active = stage.network.address(active, role.wire);
                if followed != Some(active) {
                    return Err(NetworkViolation::Followed { machine, role: at, followed, active });
                }
            }
        }
        Ok(())
    }
}

/// What holds at every moment for a machine whose program runs.
fn check_machine(stage: &Stage<'_>, machine: usize) -> Result<(), NetworkViolation> {
    let Some(host) = stage.machines[machine].awake() else { return Ok(()) };
    let (network, carriers) = (stage.network, &stage.machines[machine].carriers);
    let roles = &network.machines[machine];
    let observer = host.observer();
    let states: Vec<_> = observer.routers().iter().map(|router| router.state).collect();
    let grouped = || roles.iter().zip(&states).filter(|(role, _)| role.is_grouped);

    let members: Vec<_> = grouped().map(|(_, state)| *state).collect();
    if let Some(first) = members.first() {
        let group = observer.groups().first().map(|group| group.state);
        if members.iter().any(|state| state != first) || group != Some(*first) {
            return Err(NetworkViolation::Torn { machine, members, group });
        }
    }
    let group_is_able = grouped().all(|(role, _)| carriers[role.wire]);
    let there = stage.machines[machine].lan.recorder().addresses();
    for (at, (role, &state)) in roles.iter().zip(&states).enumerate() {
        let able = if role.is_grouped { group_is_able } else { carriers[role.wire] };
        let takes_part = matches!(state, State::Backup | State::Active);
        if able != takes_part || (!able && state != State::Fault) {
            return Err(NetworkViolation::Part { machine, role: at, state, able });
        }
        let own = network.virtual_addresses(role);
        let is_there = |it: &&VirtualAddress| there.iter().any(|spec| spec.address == it.address);
        let held = own.iter().filter(is_there).count();
        let all = own.len();
        if held != if state == State::Active { all } else { 0 } {
            return Err(NetworkViolation::Addresses { machine, role: at, state, held, all });
        }
    }
    Ok(())
}

/// Adverts of the wrong kind are refused and counted, and no others are.
fn check_refusals(
    stage: &Stage<'_>,
    statuses: &Statuses,
    machine: usize,
) -> Result<(), NetworkViolation> {
    let network = stage.network;
    for (at, status) in statuses[machine].iter().enumerate() {
        let own = &network.machines[machine][at];
        let mut reasons = Vec::new();
        for (from, roles) in network.machines.iter().enumerate() {
            for (other, role) in roles.iter().enumerate().filter(|(_, role)| is_foreign(own, role))
            {
                let reason = reason(own, role);
                reasons.push(reason);
                let sends_here =
                    role.peers.as_ref().is_none_or(|peers| peers.machines.contains(&machine));
                let is_active =
                    statuses[from].get(other).is_some_and(|it| it.state == State::Active);
                let is_heard = is_active && sends_here && stage.hears(machine, from, own.wire);
                if is_heard && !status.adverts_dropped.contains_key(reason) {
                    let role = at;
                    return Err(NetworkViolation::NotCounted { machine, role, from, reason });
                }
            }
        }
        if let Some(reason) = status.adverts_dropped.keys().find(|it| !reasons.contains(*it)) {
            return Err(NetworkViolation::Refused { machine, role: at, reason });
        }
    }
    Ok(())
}

/// Whether the other's adverts come to this one although they are of another cluster.
fn is_foreign(own: &Role, other: &Role) -> bool {
    (own.wire, own.vrid) == (other.wire, other.vrid) && own.cluster != other.cluster
}

/// What is wrong with the other's adverts.
fn reason(own: &Role, other: &Role) -> &'static str {
    if own.version == other.version { "unknown_source" } else { "version" }
}
