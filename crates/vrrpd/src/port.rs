//! An instance's way to the kernel: its prepared advert, its addresses, its announcements.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use vrrp_fsm::Instant;
use vrrp_net::{
    AddressSpec, Announcement, Change, Interface, InterfaceName, Kernel, MacAddress, NetError,
    Outcome,
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
    mac: Option<MacAddress>,
}

/// An interface that carries addresses.
#[derive(Clone, Copy)]
struct Carrier {
    interface: Interface,
    mac: Option<MacAddress>,
}

/// An announcement under way: so many rounds over all addresses.
struct Announcing {
    round: Vec<Announcement>,
    position: usize,
    rounds_left: u8,
    next_at: Instant,
}

impl Announcing {
    /// The same, but with so many rounds over all addresses to come at least.
    fn prolonged(self, rounds: u8) -> Self {
        let whole = rounds.saturating_add(u8::from(self.position > 0));
        Self { rounds_left: self.rounds_left.max(whole), ..self }
    }
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

    /// Puts the addresses on their interfaces. Those that are not tracked may do without theirs:
    /// returns one that is missing, if any is.
    pub(crate) fn add_addresses(&mut self) -> Result<Option<InterfaceName>, PortError> {
        let (mut specs, mut missing) = (Vec::new(), None);
        for (spec, vip) in self.specs()?.into_iter().zip(&self.settings.vips) {
            match spec {
                Err(PortError::NoDevice(name)) if !vip.is_tracked => missing = Some(name),
                spec => specs.push(spec?),
            }
        }
        let moved: Vec<_> = specs.iter().filter(|spec| !self.placed.contains(spec)).collect();
        self.placed.extend(moved.into_iter().cloned());
        let changes: Vec<_> = specs.iter().map(|spec| Change::Add(spec.clone().into())).collect();
        let outcomes = self.kernel.apply(&changes);
        summarize("added", specs.len(), outcomes).map(|_| missing)
    }

    /// Takes the addresses off the interfaces where they were put, or else off those where they
    /// would be; says how many were there.
    pub(crate) fn remove_addresses(&mut self) -> Result<usize, PortError> {
        let mut specs = std::mem::take(&mut self.placed);
        if specs.is_empty() {
            // What stands on an interface that does not exist is gone already.
            specs = self.specs()?.into_iter().flatten().collect();
        }
        let changes: Vec<_> = specs.into_iter().map(|spec| Change::Remove(spec.into())).collect();
        let outcomes = self.kernel.apply(&changes);
        let outcomes = summarize("removed", changes.len(), outcomes)?;
        Ok(outcomes.into_iter().filter(|outcome| *outcome != Outcome::NotThere).count())
    }

    /// The addresses as the kernel takes them, or which interface there is none of.
    fn specs(&mut self) -> Result<Vec<Result<AddressSpec, PortError>>, NetError> {
        let carriers = self.carriers()?;
        let spec = |(vip, carrier): (&VipSpec, Option<Carrier>)| match carrier {
            Some(carrier) => Ok(vip.on(carrier.interface)),
            None => Err(PortError::NoDevice(vip.device.unwrap_or(self.settings.interface))),
        };
        Ok(self.settings.vips.iter().zip(carriers).map(spec).collect())
    }

    /// The interface that carries each of the addresses: the instance's own, or the one that it
    /// names. `None` where there is no such interface.
    fn carriers(&mut self) -> Result<Vec<Option<Carrier>>, NetError> {
        let own = self.at.as_ref().map(|at| Carrier { interface: at.interface, mac: at.mac });
        let mut named = HashMap::new();
        let carrier = |vip: &VipSpec| match vip.device.map(|name| named.entry(name)) {
            None => Ok(own),
            Some(Entry::Occupied(known)) => Ok(*known.get()),
            Some(Entry::Vacant(unknown)) => {
                let link = self.kernel.link(*unknown.key())?;
                let carrier = link.map(|link| Carrier { interface: link.interface, mac: link.mac });
                Ok(*unknown.insert(carrier))
            }
        };
        self.settings.vips.iter().map(carrier).collect()
    }

    /// Begins to announce every address so many times. One under way goes on from where it is, and
    /// longer if that is needed: begun anew again and again, it would not come to the last address.
    pub(crate) fn announce(&mut self, rounds: u8) -> Result<(), PortError> {
        let before = self.announcing.take();
        let round = self.announcements()?;
        if round.is_empty() || rounds == 0 {
            return Ok(());
        }
        self.announcing = Some(match before {
            Some(before) if before.round == round => before.prolonged(rounds),
            _ => Announcing { round, position: 0, rounds_left: rounds, next_at: clock::now() },
        });
        Ok(())
    }

    /// One announcement for each address. What has no Ethernet address needs none.
    fn announcements(&mut self) -> Result<Vec<Announcement>, NetError> {
        let carriers = self.carriers()?;
        let announcement = |(vip, carrier): (&VipSpec, Option<Carrier>)| {
            let Carrier { interface, mac } = carrier?;
            Some(Announcement { interface, mac: mac?, address: vip.address, is_router: false })
        };
        Ok(self.settings.vips.iter().zip(carriers).filter_map(announcement).collect())
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

#[cfg(test)]
mod tests {
    use vrrp_conf::{Options, parse_str};
    use vrrp_net::{Call, IfIndex, Link, LinkFlags, OperationalState, Recorder};

    use super::*;

    fn interface(index: u32, name: &str) -> Interface {
        Interface { index: IfIndex::new(index).unwrap(), name: name.parse().unwrap() }
    }

    fn mac(last: u8) -> MacAddress {
        MacAddress([2, 0, 0, 0, 0, last])
    }

    fn link(interface: Interface, mac: MacAddress) -> Link {
        Link {
            interface,
            mac: Some(mac),
            mtu_bytes: 1500,
            flags: LinkFlags::UP,
            operational_state: OperationalState::Up,
            kind: None,
            master: None,
            lower: None,
        }
    }

    /// A port on eth0 whose router has these addresses.
    fn port(addresses: &str) -> (Port, Recorder) {
        let text = format!(
            "vrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 51\n \
             virtual_ipaddress {{\n{addresses}\n}}\n}}\n"
        );
        let config = parse_str("vrrp.conf", &text, &Options::default()).config.unwrap();
        let settings = Settings::of(&config.instances[0]).unwrap();
        let recorder = Recorder::new();
        let mut port = Port::new(Arc::new(settings), recorder.kernel());
        let eth0 = interface(2, "eth0");
        let mut view = LinkView::default();
        (view.interface, view.mac) = (Some(eth0), Some(mac(2)));
        port.follow(&view).unwrap();
        recorder.take();
        (port, recorder)
    }

    #[test]
    fn an_address_goes_on_the_interface_that_it_names_which_is_looked_up_once() {
        let (mut port, recorder) =
            port("192.0.2.1/24\n192.0.2.2/24 dev eth1\n192.0.2.3/24 dev eth1");
        let (eth0, eth1) = (interface(2, "eth0"), interface(3, "eth1"));
        recorder.set_link(link(eth1, mac(3)));
        port.add_addresses().unwrap();
        let interfaces: Vec<_> = recorder.addresses().iter().map(|spec| spec.interface).collect();
        assert_eq!(interfaces, [eth0, eth1, eth1]);
        assert_eq!(recorder.take()[..1], [Call::Link(eth1.name)]);

        port.announce(1).unwrap();
        port.announce_some().unwrap();
        let calls = recorder.take();
        let [Call::Link(_), Call::Announce(announced)] = &calls[..] else { panic!("{calls:?}") };
        let macs: Vec<_> = announced.iter().map(|announcement| announcement.mac).collect();
        assert_eq!(macs, [mac(2), mac(3), mac(3)]);
    }

    #[test]
    fn an_address_whose_interface_is_missing_is_an_error_that_names_it() {
        let (mut port, recorder) = port("192.0.2.1/24\n192.0.2.2/24 dev eth1");
        let error = port.add_addresses().unwrap_err();
        assert!(matches!(error, PortError::NoDevice(name) if name.to_string() == "eth1"));
        assert_eq!(recorder.addresses(), []);
        assert_eq!(port.remove_addresses().unwrap(), 0, "nothing was there");
    }

    #[test]
    fn an_address_that_is_not_tracked_is_left_out_while_its_interface_is_missing() {
        let (mut port, recorder) = port("192.0.2.1/24\n192.0.2.2/24 dev eth1 no_track");
        let missing = port.add_addresses().unwrap();
        assert_eq!(missing.map(|name| name.to_string()), Some("eth1".to_owned()));
        assert_eq!(recorder.addresses().len(), 1);
        recorder.set_link(link(interface(3, "eth1"), mac(3)));
        assert_eq!(port.add_addresses().unwrap(), None);
        assert_eq!(recorder.addresses().len(), 2);
        assert_eq!(port.remove_addresses().unwrap(), 2);
    }

    #[test]
    fn addresses_are_taken_from_where_they_were_put_whatever_its_name_is_now() {
        let (mut port, recorder) = port("192.0.2.2/24 dev eth1");
        recorder.set_link(link(interface(3, "eth1"), mac(3)));
        port.add_addresses().unwrap();
        recorder.set_link(link(interface(7, "eth1"), mac(7)));
        assert_eq!(port.remove_addresses().unwrap(), 1);
        assert_eq!(recorder.addresses(), []);
    }

    #[test]
    fn announcements_go_out_in_parts_and_rounds() {
        let addresses: Vec<_> = (1..=100).map(|last| format!("192.0.2.{last}")).collect();
        let (mut port, recorder) = port(&addresses.join("\n"));
        port.announce(2).unwrap();
        finish(&mut port);
        assert_eq!(announced(&recorder), [64, 36, 64, 36]);
        assert_eq!(port.announced(), 200);
    }

    #[test]
    fn an_announcement_that_is_wanted_again_goes_on_until_every_address_has_had_its_rounds() {
        let addresses: Vec<_> = (1..=100).map(|last| format!("192.0.2.{last}")).collect();
        let (mut port, recorder) = port(&addresses.join("\n"));
        port.announce(1).unwrap();
        port.announce_some().unwrap();
        port.announce(2).unwrap();
        finish(&mut port);
        assert_eq!(announced(&recorder), [64, 36, 64, 36, 64, 36]);
    }

    fn finish(port: &mut Port) {
        while port.announce_deadline().is_some() {
            port.announce_some().unwrap();
        }
    }

    /// How many announcements went out at a time.
    fn announced(recorder: &Recorder) -> Vec<usize> {
        let calls = recorder.take().into_iter();
        calls
            .map(|call| match call {
                Call::Announce(part) => part.len(),
                call => panic!("{call:?}"),
            })
            .collect()
    }
}
