//! The one place where news of links and addresses goes to those whom they concern.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vrrp_net::{NetError, NetEvent};

use crate::inbox::Outlet;
use crate::interfaces::Interfaces;
use crate::order::Order;
use crate::platform::LinkSource;
use crate::receiver::{Receiver, ReceiverKey};
use crate::settings::Settings;
use crate::view::InterfaceView;

/// The interfaces, and everybody who follows them. Clones are one and the same.
#[derive(Clone, Default)]
pub(crate) struct Links(Arc<Mutex<Table>>);

/// The lock's content. Whoever holds it may wait for a router to take an order, and never for
/// more: a router does not take it.
#[derive(Default)]
pub(crate) struct Table {
    pub(crate) interfaces: Interfaces,
    /// For the trackers of interfaces.
    pub(crate) states: vrrp_track::interface::Links,
    watches_routes: bool,
    outlets: HashMap<Arc<str>, Outlet>,
    receivers: HashMap<ReceiverKey, Arc<Receiver>>,
}

impl Links {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Table> {
        // What is in it can be resynchronised: a poisoned table is as good as any.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what has happened; routes are watched from the moment on when somebody has some.
    pub(crate) fn read(
        &self,
        source: &mut dyn LinkSource,
        events: &mut Vec<NetEvent>,
    ) -> Result<(), NetError> {
        let mut table = self.lock();
        if !table.watches_routes && table.interfaces.wants_routes() {
            source.watch_routes()?;
            table.watches_routes = true;
        }
        drop(table);
        source.read(events)
    }

    /// Takes in what happened and tells everybody what has changed for them.
    pub(crate) fn take(&self, events: impl IntoIterator<Item = NetEvent>) {
        let mut table = self.lock();
        for event in events {
            table.interfaces.take(event);
        }
        table.tell();
    }
}

impl Table {
    /// Lets a router know from now on what changes for it.
    pub(crate) fn watch(&mut self, settings: &Arc<Settings>, outlet: Outlet) -> InterfaceView {
        self.outlets.insert(Arc::clone(&settings.name), outlet);
        self.interfaces.watch(settings)
    }

    /// Lets a router know nothing any more.
    pub(crate) fn forget(&mut self, name: &str) {
        self.outlets.remove(name);
        self.interfaces.forget(name);
    }

    /// Keeps a receiver on its interface, whatever becomes of that.
    pub(crate) fn attach(&mut self, receiver: &Arc<Receiver>) {
        let interface = receiver.key().0.and_then(|name| self.interfaces.interface(name));
        receiver.follow(interface);
        self.receivers.insert(receiver.key(), Arc::clone(receiver));
    }

    /// Leaves a receiver alone.
    pub(crate) fn detach(&mut self, receiver: &Receiver) {
        self.receivers.remove(&receiver.key());
    }

    /// Tells everybody what has changed for them.
    pub(crate) fn tell(&mut self) {
        if let Some(states) = self.interfaces.changed_states() {
            self.states.replace(states);
        }
        for ((name, _), receiver) in &self.receivers {
            receiver.follow(name.and_then(|name| self.interfaces.interface(name)));
        }
        for (name, news) in self.interfaces.news() {
            let Some(outlet) = self.outlets.get(&name) else { continue };
            outlet.order(Order::Input(Box::new(news)));
        }
    }
}
