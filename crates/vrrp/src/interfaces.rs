//! The interfaces as the kernel has them, and what each router needs to know of its own.
//!
//! Nothing here waits or speaks: [`Interfaces::take`] is told what happened,
//! [`Interfaces::news`] says for whom that changes something.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use vrrp_net::{
    AddressFlags, IfIndex, Interface, InterfaceAddress, InterfaceName, Link, NetEvent, ObjectKey,
    RouteKey, Snapshot,
};
use vrrp_proto::Family;
use vrrp_track::interface::LinkState;

use crate::destination::UnicastPeer;
use crate::input::Input;
use crate::settings::{Settings, VirtualRoute};
use crate::view::{Carrier, InterfaceView};

/// What a router wants to know of the interfaces.
#[derive(Debug)]
struct Watch {
    settings: Arc<Settings>,
    told: InterfaceView,
}

/// Links and addresses as they are, and who wants to know what of them.
///
/// Whoever drives an [`Engine`](crate::Engine) without a [`Host`](crate::Host) tells it what
/// happened ([`take`](Self::take)) and hands each router what changes for it
/// ([`news`](Self::news)). It sees to it that an address which routers move is nobody's source.
#[derive(Debug, Default)]
pub struct Interfaces {
    links: HashMap<IfIndex, Link>,
    by_name: HashMap<InterfaceName, IfIndex>,
    addresses: HashMap<IfIndex, Addresses>,
    watches: HashMap<Arc<str>, Watch>,
    /// How many routers move an address. An owner's are its machine's own, and other routers
    /// there may send from them.
    moving: HashMap<IpAddr, usize>,
    /// Which routers put an address on an interface.
    wanting: HashMap<(InterfaceName, IpAddr), Vec<Arc<str>>>,
    /// What was removed since the last news.
    removed: HashMap<Arc<str>, HashSet<ObjectKey>>,
    /// Whether a view may have changed since the last news.
    is_changed: bool,
    /// Whether a link may have changed since its state was told last.
    has_changed_links: bool,
}

impl Interfaces {
    /// Lets a router know from now on what changes for it, and says how things are. Known by the
    /// same name already, it goes by these settings from now on.
    pub fn watch(&mut self, settings: &Arc<Settings>) -> InterfaceView {
        self.forget(&settings.name);
        if !settings.is_owner() {
            for address in &settings.addresses {
                *self.moving.entry(address.address).or_default() += 1;
            }
        }
        for address in settings.addresses.iter().filter(|address| address.is_tracked) {
            let place = (settings.device_of(address), address.address);
            self.wanting.entry(place).or_default().push(Arc::clone(&settings.name));
        }
        // What this one moves is no source for the others any more.
        self.is_changed = true;
        let told = self.view(settings);
        let watch = Watch { settings: Arc::clone(settings), told: told.clone() };
        self.watches.insert(Arc::clone(&settings.name), watch);
        told
    }

    /// Lets a router know nothing any more.
    pub fn forget(&mut self, name: &str) {
        let Some(Watch { settings, .. }) = self.watches.remove(name) else { return };
        self.removed.remove(name);
        self.is_changed = true;
        for address in &settings.addresses {
            if let Some(count) =
                self.moving.get_mut(&address.address).filter(|_| !settings.is_owner())
            {
                *count -= 1;
                if *count == 0 {
                    self.moving.remove(&address.address);
                }
            }
            let place = (settings.device_of(address), address.address);
            if let Some(names) = self.wanting.get_mut(&place) {
                names.retain(|other| &**other != name);
                if names.is_empty() {
                    self.wanting.remove(&place);
                }
            }
        }
    }

    /// The interface of this name.
    pub(crate) fn interface(&self, name: InterfaceName) -> Option<Interface> {
        self.link(name).map(|link| link.interface)
    }

    /// How all links stand, if one of them has changed since the last time.
    pub(crate) fn changed_states(&mut self) -> Option<Vec<(String, LinkState)>> {
        let state = |link: &Link| match link {
            link if link.is_running() => LinkState::Running,
            link if link.is_up() => LinkState::NoCarrier,
            _ => LinkState::Down,
        };
        std::mem::take(&mut self.has_changed_links).then(|| {
            let links = self.by_name.iter().filter_map(|(name, index)| {
                Some((name.to_string(), state(self.links.get(index)?)))
            });
            links.collect()
        })
    }

    fn link(&self, name: InterfaceName) -> Option<&Link> {
        self.links.get(self.by_name.get(&name)?)
    }

    /// Takes in what has happened.
    pub fn take(&mut self, event: NetEvent) {
        match event {
            NetEvent::LinkChanged(link) => self.take_link(link),
            NetEvent::LinkGone(interface) => self.lose_link(interface),
            NetEvent::AddressAdded(address) => self.add(address),
            NetEvent::AddressRemoved(address) => self.remove(&address),
            NetEvent::ForwardingChanged { interface, forwards_ipv6 } => {
                if let Some(link) = self.links.get_mut(&interface) {
                    link.forwards_ipv6 = forwards_ipv6;
                    self.is_changed = true;
                }
            }
            NetEvent::RouteRemoved(key) => self.remove_route(key),
            NetEvent::RuleRemoved { family, preference } => self.remove_rule(family, preference),
            NetEvent::Resync(snapshot) => self.resync(snapshot),
            _ => {}
        }
    }

    /// Takes over how things are now. Who misses an address is told: its removal was lost.
    pub fn resync(&mut self, snapshot: Snapshot) {
        self.links.clear();
        self.by_name.clear();
        self.addresses.clear();
        (self.is_changed, self.has_changed_links) = (true, true);
        for link in snapshot.links {
            self.take_link(link);
        }
        for address in snapshot.addresses {
            self.add(address);
        }
        for (name, watch) in &self.watches {
            let settings = &watch.settings;
            let missing =
                settings.addresses.iter().filter(|address| address.is_tracked).filter_map(
                    |address| {
                        let interface = self.interface(settings.device_of(address))?;
                        let key = vrrp_net::Object::Address(address.on(interface)).key();
                        (!self.has(&key)).then_some(key)
                    },
                );
            let missing: Vec<_> = missing.collect();
            let routes = settings.routes.iter().filter(|route| route.is_tracked);
            // Whether they are there, the kernel says when they are put back.
            let rules = settings.rules.iter().filter(|rule| rule.is_tracked);
            let rules = rules.map(|rule| ObjectKey::Rule(rule.rule.key()));
            let missing = missing.into_iter().chain(routes.map(key_of)).chain(rules);
            self.removed.entry(Arc::clone(name)).or_default().extend(missing);
        }
    }

    /// For whom something has changed since the last time, and what it has to be told.
    pub fn news(&mut self) -> Vec<(Arc<str>, Input)> {
        let mut news = Vec::new();
        if std::mem::take(&mut self.is_changed) {
            let views = self.watches.iter().filter_map(|(name, watch)| {
                let view = self.view(&watch.settings);
                (view != watch.told).then(|| (Arc::clone(name), view))
            });
            let views: Vec<_> = views.collect();
            for (name, view) in views {
                if let Some(watch) = self.watches.get_mut(&name) {
                    watch.told = view.clone();
                }
                news.push((name, Input::Interfaces(view)));
            }
        }
        for (name, keys) in std::mem::take(&mut self.removed) {
            // What is there again needs nobody's care.
            let keys: Vec<_> = keys.into_iter().filter(|key| !self.has(key)).collect();
            if !keys.is_empty() {
                news.push((name, Input::Removed(keys)));
            }
        }
        news
    }

    fn view(&self, settings: &Settings) -> InterfaceView {
        let carriers = self.carriers(settings);
        let is_routed = settings.interface.is_none();
        let link = settings.interface.and_then(|name| self.link(name));
        if link.is_none() && !is_routed {
            return InterfaceView { carriers, ..InterfaceView::default() };
        }
        let here = link.and_then(|link| self.addresses.get(&link.interface.index));
        let everywhere = is_routed.then(|| self.addresses.values());
        let all = here.into_iter().chain(everywhere.into_iter().flatten());
        let is_own = |there: &&InterfaceAddress| {
            Family::of(there.address) == settings.family
                && there.is_usable()
                && !self.moving.contains_key(&there.address)
        };
        let own: Vec<_> = all.flat_map(Addresses::iter).filter(is_own).collect();
        let needs_source = settings.track_source || settings.destination.unicast().is_some();
        let missing = settings.source.filter(|source| needs_source && !self.is_anywhere(*source));
        let source = settings.source.or_else(|| primary(settings, &own));
        InterfaceView {
            interface: link.map(|link| link.interface),
            is_routed,
            is_up: link.is_none_or(Link::is_up),
            is_running: link.is_none_or(Link::is_running),
            is_bridge_port: link.is_some_and(|link| self.is_bridge_port(link)),
            primary: source.filter(|_| missing.is_none()),
            addresses: own.into_iter().map(|there| there.address).collect(),
            is_source_missing: missing.is_some(),
            carriers,
        }
    }

    /// Whether some interface has this address, and can send from it.
    fn is_anywhere(&self, address: IpAddr) -> bool {
        let mut all = self.addresses.values().flat_map(Addresses::iter);
        all.any(|there| there.address == address && there.is_usable())
    }

    fn carriers(&self, settings: &Settings) -> Vec<(InterfaceName, Carrier)> {
        let names = settings.addresses.iter().map(|address| settings.device_of(address));
        let routes = settings.routes.iter().flat_map(VirtualRoute::devices);
        let mut names: Vec<_> = names.chain(routes).chain([settings.carrier]).collect();
        names.sort_unstable();
        names.dedup();
        let carrier = |name: InterfaceName| {
            let link = self.link(name)?;
            let Link { interface, mac, forwards_ipv6, .. } = *link;
            let is_running = link.is_running();
            Some((name, Carrier { interface, mac, is_running, forwards_ipv6 }))
        };
        names.into_iter().filter_map(carrier).collect()
    }

    fn is_bridge_port(&self, link: &Link) -> bool {
        let master = link.master.and_then(|index| self.links.get(&index));
        master.is_some_and(|master| master.kind.as_deref() == Some("bridge"))
    }

    fn take_link(&mut self, link: Link) {
        let (index, name) = (link.interface.index, link.interface.name);
        let before = self.links.insert(index, link);
        if let Some(before) = before.filter(|before| before.interface.name != name) {
            // Another link may have taken its name already.
            self.unname(before.interface);
        }
        self.by_name.insert(name, index);
        (self.is_changed, self.has_changed_links) = (true, true);
    }

    fn lose_link(&mut self, interface: Interface) {
        if let Some(link) = self.links.remove(&interface.index) {
            self.unname(link.interface);
        }
        self.addresses.remove(&interface.index);
        (self.is_changed, self.has_changed_links) = (true, true);
    }

    fn unname(&mut self, interface: Interface) {
        if self.by_name.get(&interface.name) == Some(&interface.index) {
            self.by_name.remove(&interface.name);
        }
    }

    /// Whether an address that comes or goes may change a view.
    fn is_looked_at(&self, address: IpAddr) -> bool {
        let is_source = |watch: &Watch| watch.settings.source == Some(address);
        !self.moving.contains_key(&address) || self.watches.values().any(is_source)
    }

    fn add(&mut self, address: InterfaceAddress) {
        self.is_changed |= self.is_looked_at(address.address);
        self.addresses.entry(address.interface).or_default().insert(address);
    }

    fn remove(&mut self, address: &InterfaceAddress) {
        self.is_changed |= self.is_looked_at(address.address);
        if let Some(known) = self.addresses.get_mut(&address.interface) {
            known.remove(address);
        }
        let Some(link) = self.links.get(&address.interface) else { return };
        let wanting = self.wanting.get(&(link.interface.name, address.address));
        for name in wanting.into_iter().flatten() {
            self.removed.entry(Arc::clone(name)).or_default().insert(ObjectKey::from(address));
        }
    }

    fn remove_route(&mut self, key: RouteKey) {
        let has = |watch: &Watch| {
            let mut tracked = watch.settings.routes.iter().filter(|route| route.is_tracked);
            tracked.any(|route| route.route.key() == key)
        };
        for (name, _) in self.watches.iter().filter(|(_, watch)| has(watch)) {
            self.removed.entry(Arc::clone(name)).or_default().insert(ObjectKey::Route(key));
        }
    }

    /// Of several rules in one place the event does not say which it was: those that are there are
    /// not put back twice.
    fn remove_rule(&mut self, family: Family, preference: u32) {
        for (name, watch) in &self.watches {
            let tracked = watch.settings.rules.iter().filter(|rule| rule.is_tracked);
            let keys = tracked.map(|rule| rule.rule.key());
            let keys = keys.filter(|key| (key.family, key.preference) == (family, preference));
            let mut keys = keys.map(ObjectKey::Rule).peekable();
            if keys.peek().is_some() {
                self.removed.entry(Arc::clone(name)).or_default().extend(keys);
            }
        }
    }

    /// Whether somebody has routes or rules that are to be put back.
    pub(crate) fn wants_routes(&self) -> bool {
        self.watches.values().any(|watch| {
            let settings = &watch.settings;
            settings.routes.iter().any(|route| route.is_tracked)
                || settings.rules.iter().any(|rule| rule.is_tracked)
        })
    }

    fn has(&self, key: &ObjectKey) -> bool {
        match key {
            ObjectKey::Address(address) => {
                self.addresses.get(&address.interface).is_some_and(|known| known.contains(key))
            }
            _ => false,
        }
    }
}

fn key_of(route: &VirtualRoute) -> ObjectKey {
    ObjectKey::Route(route.route.key())
}

/// The addresses of one interface, in the kernel's order.
#[derive(Debug, Default)]
struct Addresses {
    places: HashMap<ObjectKey, u64>,
    in_order: BTreeMap<u64, InterfaceAddress>,
    next_place: u64,
}

impl Addresses {
    fn iter(&self) -> impl Iterator<Item = &InterfaceAddress> {
        self.in_order.values()
    }

    fn contains(&self, key: &ObjectKey) -> bool {
        self.places.contains_key(key)
    }

    /// One that is known keeps its place.
    fn insert(&mut self, address: InterfaceAddress) {
        let place = *self.places.entry(ObjectKey::from(&address)).or_insert_with(|| {
            self.next_place += 1;
            self.next_place
        });
        self.in_order.insert(place, address);
    }

    fn remove(&mut self, address: &InterfaceAddress) {
        if let Some(place) = self.places.remove(&ObjectKey::from(address)) {
            self.in_order.remove(&place);
        }
    }
}

/// The address to send adverts from: the first of the interface's own. The owner of the addresses
/// may have none but these, and while it does not take part not even these.
fn primary(settings: &Settings, own: &[&InterfaceAddress]) -> Option<IpAddr> {
    let is_virtual = |there: &&&&InterfaceAddress| {
        settings.addresses.iter().any(|address| address.address == there.address)
    };
    let is_first = |there: &&&&InterfaceAddress| !there.flags.contains(AddressFlags::SECONDARY);
    let own: Vec<_> = own.iter().filter(|there| suits(settings, there.address)).collect();
    let best = own.iter().filter(|there| !is_virtual(there)).min_by_key(|there| !is_first(there));
    let owned = || {
        let here = |address: &&crate::settings::VirtualAddress| {
            Some(settings.device_of(address)) == settings.interface
        };
        let mut here = settings.addresses.iter().filter(here).map(|address| address.address);
        here.find(|address| Family::of(*address) == settings.family && suits(settings, *address))
    };
    best.or(own.first())
        .map(|there| there.address)
        .or_else(|| owned().filter(|_| settings.is_owner()))
}

/// Whether adverts can be sent from such an address. Over IPv6 it is a link-local one (RFC 9568
/// §5.1.2.1), unless peers are farther away.
fn suits(settings: &Settings, address: IpAddr) -> bool {
    let IpAddr::V6(address) = address else { return true };
    let is_far = |peer: &UnicastPeer| match peer.address {
        IpAddr::V6(peer) => !peer.is_unicast_link_local(),
        IpAddr::V4(_) => false,
    };
    let unicast = settings.destination.unicast();
    let has_far_peers = unicast.is_some_and(|unicast| unicast.peers.iter().any(is_far));
    address.is_unicast_link_local() != has_far_peers
}
