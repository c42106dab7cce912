//! An instance's way to the kernel: its prepared advert, its addresses, its announcements.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use vrrp_fsm::Instant;
use vrrp_net::{
    AddressSpec, Announcement, Interface, InterfaceName, Kernel, NetError, Netlink, Removal,
};
use vrrp_proto::{Advert, EncodeError, IpMeta, MAX_MESSAGE_LEN, PreparedAdvert, Priority};

use crate::clock;
use crate::links::LinkView;
use crate::settings::{Settings, VipSpec};

/// How many announcements go out before the inbox and the timers are looked at again.
const ANNOUNCE_CHUNK: usize = 64;
/// How long announcements wait when the interface takes no more of them for now.
const CONGESTION_PAUSE: Duration = Duration::from_millis(1);

/// Why something did not reach the kernel, or came back from it.
#[derive(Debug, Error)]
pub(crate) enum PortError {
    #[error(transparent)]
    Net(#[from] NetError),
    #[error("the advert cannot be written: {0}")]
    Encode(#[from] EncodeError),
    #[error("{failed} of {all} address(es) could not be {verb}, the first because: {first}")]
    Addresses { verb: &'static str, failed: usize, all: usize, first: NetError },
    #[error("the interface {0} of an address does not exist")]
    NoDevice(InterfaceName),
}

/// The way to the kernel.
pub(crate) struct Port {
    settings: Arc<Settings>,
    kernel: Box<dyn Kernel>,
    at: Option<Attachment>,
    /// What was asked for last and not yet taken back, on the interfaces where it was put: those
    /// may have other names by now.
    placed: Vec<AddressSpec>,
    announcing: Option<Announcing>,
    announced: u64,
}

/// What depends on how the interface is at the moment.
struct Attachment {
    interface: Interface,
    source: Option<IpAddr>,
    advert: Option<PreparedAdvert<Vec<u8>>>,
    mac: Option<vrrp_net::MacAddress>,
}

/// An announcement under way: so many rounds over all addresses.
struct Announcing {
    round: Vec<Announcement>,
    position: usize,
    rounds_left: u8,
    next_at: Instant,
}

impl Port {
    pub(crate) fn new(settings: Arc<Settings>, kernel: Box<dyn Kernel>) -> Self {
        let placed = Vec::new();
        Self { settings, kernel, at: None, placed, announcing: None, announced: 0 }
    }

    /// Follows the interface: another index needs another socket, another address or MAC another
    /// advert or announcement.
    pub(crate) fn follow(&mut self, link: &LinkView) -> Result<(), PortError> {
        let Some(interface) = link.interface else {
            self.kernel.detach();
            self.at = None;
            self.announcing = None;
            return Ok(());
        };
        if self.at.as_ref().is_none_or(|at| at.interface.index != interface.index) {
            self.at = None;
            self.kernel.attach(interface)?;
        }
        let advert = link.primary.map(|source| self.prepare(source)).transpose()?;
        self.at = Some(Attachment { interface, source: link.primary, advert, mac: link.mac });
        Ok(())
    }

    fn prepare(&self, source: IpAddr) -> Result<PreparedAdvert<Vec<u8>>, EncodeError> {
        let Settings { router, vrid, advertised, authentication, checksum, group, .. } =
            &*self.settings;
        let addresses = advertised.as_addresses();
        let mut advert =
            Advert::new(router.version, *vrid, router.priority, router.interval, addresses);
        advert.authentication = *authentication;
        advert.checksum = *checksum;
        let ip = IpMeta { destination: (*group).into(), ..IpMeta::multicast(source) };
        PreparedAdvert::new(&advert, &ip, vec![0; MAX_MESSAGE_LEN.min(advert.buffer_len())])
    }

    /// Sends one advert with this priority.
    pub(crate) fn send_advert(&mut self, priority: Priority) -> Result<(), PortError> {
        let Some(Attachment { source: Some(source), advert: Some(advert), .. }) = &mut self.at
        else {
            return Err(NetError::Detached { operation: vrrp_net::Operation::SendAdvert }.into());
        };
        let message = advert.with_priority(priority);
        Ok(self.kernel.send_advert(*source, self.settings.group.into(), message)?)
    }

    /// Puts the addresses on their interfaces.
    pub(crate) fn add_addresses(&mut self) -> Result<(), PortError> {
        let specs = self.specs()?;
        let moved: Vec<_> = specs.iter().filter(|spec| !self.placed.contains(spec)).collect();
        self.placed.extend(moved.into_iter().cloned());
        let outcomes = self.kernel.add_addresses(&specs);
        summarize("added", specs.len(), outcomes).map(drop)
    }

    /// Takes the addresses off the interfaces where they were put, or else off those where they
    /// would be; says how many were there.
    pub(crate) fn remove_addresses(&mut self) -> Result<usize, PortError> {
        let mut specs = std::mem::take(&mut self.placed);
        if specs.is_empty() {
            // What stands on an interface that does not exist is gone already.
            specs = self.settings.vips.iter().filter_map(|vip| self.spec(vip).ok()).collect();
        }
        let outcomes = self.kernel.remove_addresses(&specs);
        let outcomes = summarize("removed", specs.len(), outcomes)?;
        Ok(outcomes.into_iter().filter(|outcome| *outcome == Removal::Removed).count())
    }

    fn specs(&self) -> Result<Vec<AddressSpec>, PortError> {
        self.settings.vips.iter().map(|vip| self.spec(vip)).collect()
    }

    fn spec(&self, vip: &VipSpec) -> Result<AddressSpec, PortError> {
        Ok(vip.on(self.device(vip)?))
    }

    /// The interface that carries an address: the instance's own, or the one that it names.
    fn device(&self, vip: &VipSpec) -> Result<Interface, PortError> {
        match (vip.device, &self.at) {
            (None, Some(at)) => Ok(at.interface),
            (None, None) => Err(PortError::NoDevice(self.settings.interface)),
            (Some(name), _) => {
                let link = Netlink::open()?.link(name)?;
                link.map(|link| link.interface).ok_or(PortError::NoDevice(name))
            }
        }
    }

    /// Begins to announce every address so many times.
    pub(crate) fn announce(&mut self, rounds: u8) {
        let round: Vec<_> =
            self.settings.vips.iter().filter_map(|vip| self.announcement(vip)).collect();
        let next_at = clock::now();
        self.announcing = (!round.is_empty() && rounds > 0).then_some(Announcing {
            round,
            position: 0,
            rounds_left: rounds,
            next_at,
        });
    }

    fn announcement(&self, vip: &VipSpec) -> Option<Announcement> {
        let own = self.at.as_ref()?;
        let (interface, mac) = match vip.device {
            None => (own.interface, own.mac?),
            Some(name) => {
                let link = Netlink::open().ok()?.link(name).ok()??;
                (link.interface, link.mac?)
            }
        };
        Some(Announcement { interface, mac, address: vip.address, is_router: false })
    }

    /// Gives up an announcement under way.
    pub(crate) fn stop_announcing(&mut self) {
        self.announcing = None;
    }

    /// When the next part of an announcement is due.
    pub(crate) fn announce_deadline(&self) -> Option<Instant> {
        self.announcing.as_ref().map(|announcing| announcing.next_at)
    }

    /// Sends the part of an announcement that is due, and no more than a few frames: adverts and
    /// messages come before the rest.
    pub(crate) fn announce_some(&mut self) -> Result<(), PortError> {
        let Some(mut announcing) = self.announcing.take() else { return Ok(()) };
        let pace = self.settings.announce_pace;
        let chunk = if pace.is_zero() { ANNOUNCE_CHUNK } else { 1 };
        let end = announcing.round.len().min(announcing.position + chunk);
        // On an error the announcement is over: the interface is gone or down.
        let sent = self.kernel.announce(&announcing.round[announcing.position..end])?;
        self.announced += sent as u64;
        announcing.position += sent;
        if announcing.position == announcing.round.len() {
            announcing.position = 0;
            announcing.rounds_left -= 1;
        }
        let pause = if sent == 0 { CONGESTION_PAUSE } else { pace };
        announcing.next_at = clock::now() + pause;
        if announcing.rounds_left > 0 {
            self.announcing = Some(announcing);
        }
        Ok(())
    }

    /// How many announcements were sent so far.
    pub(crate) fn announced(&self) -> u64 {
        self.announced
    }
}

/// All outcomes, or the first refusal and how many there were.
fn summarize<T>(
    verb: &'static str,
    all: usize,
    outcomes: Vec<Result<T, NetError>>,
) -> Result<Vec<T>, PortError> {
    let failed = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    outcomes.into_iter().collect::<Result<_, _>>().map_err(|first| PortError::Addresses {
        verb,
        failed,
        all,
        first,
    })
}
