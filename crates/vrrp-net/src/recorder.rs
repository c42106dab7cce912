//! A kernel that does nothing but remember, for tests of what drives one.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{NetError, Operation};
use crate::frame::Announcement;
use crate::kernel::Kernel;
use crate::netlink::{AddressSpec, Link};
use crate::object::{Change, Object, ObjectKey, Outcome};
use crate::words::{Interface, InterfaceName};

/// One call of a [`Recorder`]'s kernel, failed ones included.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Call {
    /// [`Kernel::attach`].
    Attach(Interface),
    /// [`Kernel::detach`].
    Detach,
    /// [`Kernel::link`].
    Link(InterfaceName),
    /// [`Kernel::apply`].
    Apply(Vec<Change>),
    /// [`Kernel::send_advert`].
    SendAdvert {
        /// The source address.
        source: IpAddr,
        /// The destination address.
        destination: IpAddr,
        /// The VRRP message.
        message: Vec<u8>,
    },
    /// [`Kernel::announce`].
    Announce(Vec<Announcement>),
}

/// Records what is asked of a kernel, and plays one that does it.
///
/// Clones share one record, so that a test keeps one and gives the thread that it tests
/// [`Recorder::kernel`]. It answers as Linux would: an object that is there is
/// [`Outcome::AlreadyThere`], an advert without an interface is [`NetError::Detached`]. For the
/// rest there is [`Recorder::refuse_next`].
///
/// ```
/// use vrrp_net::{AddressSpec, Call, Change, IfIndex, Interface, Outcome, Recorder};
///
/// let eth0 = Interface { index: IfIndex::new(2).unwrap(), name: "eth0".parse()? };
/// let address = AddressSpec::host(eth0, "192.0.2.100".parse()?);
/// let add = Change::Add(address.clone().into());
///
/// let recorder = Recorder::new();
/// let mut kernel = recorder.kernel();
/// assert_eq!(kernel.apply(&[add.clone()]), [Ok(Outcome::Added)]);
///
/// assert_eq!(recorder.take(), [Call::Apply(vec![add])]);
/// assert_eq!(recorder.objects(), [address.into()]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Recorder(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    calls: Vec<Call>,
    links: Vec<Link>,
    objects: Vec<Object>,
    attached: Option<Interface>,
    refusals: VecDeque<NetError>,
}

impl Recorder {
    /// An empty record, and a kernel that keeps nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A kernel that writes into this record.
    pub fn kernel(&self) -> Box<dyn Kernel> {
        Box::new(self.clone())
    }

    /// The calls since the last time, in their order.
    pub fn take(&self) -> Vec<Call> {
        std::mem::take(&mut self.lock().calls)
    }

    /// Waits until `is_there` holds for the calls that have not been taken, then takes them.
    /// `None` if it does not within `timeout`.
    pub fn take_when(
        &self,
        timeout: Duration,
        is_there: impl Fn(&[Call]) -> bool,
    ) -> Option<Vec<Call>> {
        let deadline = Instant::now() + timeout;
        let mut state = self.lock();
        while !is_there(&state.calls) {
            let left = deadline.checked_duration_since(Instant::now())?;
            let woken = self.0.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        Some(std::mem::take(&mut state.calls))
    }

    /// Lets there be a link, in place of any other one of its name.
    pub fn set_link(&self, link: Link) {
        let mut state = self.lock();
        state.links.retain(|other| other.interface.name != link.interface.name);
        state.links.push(link);
    }

    /// The objects that are there now, in the order in which they were added.
    pub fn objects(&self) -> Vec<Object> {
        self.lock().objects.clone()
    }

    /// The addresses among them.
    pub fn addresses(&self) -> Vec<AddressSpec> {
        let address = |object| match object {
            Object::Address(spec) => spec,
        };
        self.objects().into_iter().map(address).collect()
    }

    /// Removes an object, as another program would. Says whether it was there.
    pub fn take_away(&self, key: &ObjectKey) -> bool {
        let mut state = self.lock();
        let position = state.position(key);
        position.map(|position| state.objects.remove(position)).is_some()
    }

    /// The interface that is attached now.
    pub fn attached(&self) -> Option<Interface> {
        self.lock().attached
    }

    /// Refuses the next thing that is asked for with this error: one call, or of several
    /// changes one change. Several refusals are used up in their order.
    pub fn refuse_next(&self, error: NetError) {
        self.lock().refusals.push_back(error);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that panicked elsewhere has its own message; the record is still a record.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a call down and carries it out, unless it is to be refused.
    fn call<T>(
        &self,
        call: Call,
        carry_out: impl FnOnce(&mut State) -> Result<T, NetError>,
    ) -> Result<T, NetError> {
        let mut state = self.lock();
        state.calls.push(call);
        self.0.changed.notify_all();
        match state.refusals.pop_front() {
            Some(error) => Err(error),
            None => carry_out(&mut state),
        }
    }
}

impl State {
    fn position(&self, key: &ObjectKey) -> Option<usize> {
        self.objects.iter().position(|there| there.key() == *key)
    }

    fn make(&mut self, change: &Change) -> Outcome {
        match (change, self.position(&change.object().key())) {
            (Change::Add(_), Some(_)) => Outcome::AlreadyThere,
            (Change::Add(object), None) => {
                self.objects.push(object.clone());
                Outcome::Added
            }
            (Change::Remove(_), Some(position)) => {
                self.objects.remove(position);
                Outcome::Removed
            }
            (Change::Remove(_), None) => Outcome::NotThere,
        }
    }
}

impl Kernel for Recorder {
    fn attach(&mut self, interface: Interface) -> Result<(), NetError> {
        self.lock().attached = None;
        self.call(Call::Attach(interface), |state| {
            state.attached = Some(interface);
            Ok(())
        })
    }

    fn detach(&mut self) {
        let mut state = self.lock();
        state.attached = None;
        state.calls.push(Call::Detach);
        self.0.changed.notify_all();
    }

    fn link(&mut self, name: InterfaceName) -> Result<Option<Link>, NetError> {
        self.call(Call::Link(name), |state| {
            Ok(state.links.iter().find(|link| link.interface.name == name).cloned())
        })
    }

    fn apply(&mut self, changes: &[Change]) -> Vec<Result<Outcome, NetError>> {
        let mut state = self.lock();
        state.calls.push(Call::Apply(changes.to_vec()));
        self.0.changed.notify_all();
        let outcome = |change| match state.refusals.pop_front() {
            Some(error) => Err(error),
            None => Ok(state.make(change)),
        };
        changes.iter().map(outcome).collect()
    }

    fn send_advert(
        &mut self,
        source: IpAddr,
        destination: IpAddr,
        message: &[u8],
    ) -> Result<(), NetError> {
        let call = Call::SendAdvert { source, destination, message: message.to_vec() };
        self.call(call, |state| match state.attached {
            Some(_) => Ok(()),
            None => Err(NetError::Detached { operation: Operation::SendAdvert }),
        })
    }

    fn announce(&mut self, announcements: &[Announcement]) -> Result<usize, NetError> {
        self.call(Call::Announce(announcements.to_vec()), |_| Ok(announcements.len()))
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::words::{Errno, IfIndex};

    fn eth0() -> Interface {
        Interface { index: IfIndex::new(2).unwrap(), name: "eth0".parse().unwrap() }
    }

    fn address(last: u8) -> AddressSpec {
        AddressSpec::host(eth0(), [192, 0, 2, last].into())
    }

    fn add(last: u8) -> Change {
        Change::Add(address(last).into())
    }

    fn remove(last: u8) -> Change {
        Change::Remove(address(last).into())
    }

    #[test]
    fn objects_come_and_go_as_in_a_kernel() {
        let recorder = Recorder::new();
        let mut kernel = recorder.kernel();
        let (added, there) = (Outcome::Added, Outcome::AlreadyThere);
        assert_eq!(kernel.apply(&[add(1), add(2), add(1)]), [Ok(added), Ok(added), Ok(there)]);
        let (removed, missing) = (Outcome::Removed, Outcome::NotThere);
        let changes = [remove(2), add(3), remove(1), remove(1)];
        let outcomes = kernel.apply(&changes);
        assert_eq!(outcomes, [Ok(removed), Ok(added), Ok(removed), Ok(missing)]);
        assert_eq!(recorder.objects(), [address(3).into()]);
        assert!(recorder.take_away(&Object::from(address(3)).key()));
        assert_eq!(kernel.apply(&[remove(3)]), [Ok(missing)]);
    }

    #[test]
    fn refusals_hit_one_change_or_one_call_each() {
        let recorder = Recorder::new();
        let mut kernel = recorder.kernel();
        let error = NetError::refused(Operation::AddAddress, Errno::ENOBUFS);
        recorder.refuse_next(error.clone());
        let outcomes = kernel.apply(&[add(1), add(2)]);
        assert_eq!(outcomes, [Err(error.clone()), Ok(Outcome::Added)]);
        assert_eq!(recorder.addresses(), [address(2)]);

        recorder.refuse_next(error.clone());
        assert_eq!(kernel.attach(eth0()), Err(error));
        assert_eq!(recorder.attached(), None);
    }

    #[test]
    fn an_advert_takes_an_attached_interface() {
        let recorder = Recorder::new();
        let mut kernel = recorder.kernel();
        let (from, to) = ([192, 0, 2, 1].into(), [224, 0, 0, 18].into());
        assert!(matches!(kernel.send_advert(from, to, b"x"), Err(NetError::Detached { .. })));
        kernel.attach(eth0()).unwrap();
        assert_eq!(kernel.send_advert(from, to, b"y"), Ok(()));
        kernel.detach();
        assert!(kernel.send_advert(from, to, b"z").is_err());
        assert_eq!(recorder.take().len(), 5, "failed calls are calls, too");
        assert_eq!(recorder.take(), []);
    }

    #[test]
    fn a_test_can_wait_for_calls_of_another_thread() {
        let recorder = Recorder::new();
        let mut kernel = recorder.kernel();
        thread::scope(|scope| {
            scope.spawn(move || {
                kernel.attach(eth0()).unwrap();
                kernel.detach();
            });
            let both = recorder.take_when(Duration::from_secs(20), |calls| calls.len() == 2);
            assert_eq!(both, Some(vec![Call::Attach(eth0()), Call::Detach]));
        });
        assert_eq!(recorder.take_when(Duration::ZERO, |calls| !calls.is_empty()), None);
    }
}
