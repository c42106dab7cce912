//! An instance's inbox, and its mailbox for adverts that say nothing new.
//!
//! Waking a thread costs more than sending a packet, and a backup hears the same advert again and
//! again. So a repeated advert is *parked*: the receiver leaves its time of arrival in the mailbox
//! and the instance looks there when it next wakes, at the latest when the deadline it knows comes.
//! That is sound because
//!
//! - only an advert is parked that passed every check and repeats the one that the instance
//!   published as its template, and it publishes one only while
//!   [`Router::expected_advert`](vrrp_fsm::Router::expected_advert) names one;
//! - the first advert that differs withdraws the template, so nothing is parked behind it and
//!   nothing is handled out of order;
//! - a parked advert keeps its own time of arrival, and a later one overwrites it, as a restarted
//!   timer is restarted again;
//! - before the instance lets its timer fire it drains the socket and the mailbox.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use vrrp_fsm::{Heard, Instant};

/// How many messages wait at the most. Adverts beyond it are dropped and counted; what comes from
/// this machine (links, trackers, orders) waits for its place instead.
pub(crate) const INBOX_MESSAGES: usize = 256;

/// A message for an instance, with the time it was sent on.
#[derive(Debug)]
pub(crate) enum Message {
    /// An advert that passed every check.
    Advert { at: Instant, heard: Heard },
    /// Something that the machine tells.
    Order(crate::instance::Order),
}

/// The receiver's and the daemon's end.
#[derive(Debug, Clone)]
pub(crate) struct Outlet {
    sender: Sender<Message>,
}

/// What became of an advert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// The instance was woken.
    Queued,
    /// It repeats the template: nobody was woken.
    Parked,
    /// The inbox is full.
    Full,
}

/// A new inbox: the sending end and the instance's.
pub(crate) fn inbox() -> (Outlet, Receiver<Message>) {
    let (sender, receiver) = bounded(INBOX_MESSAGES);
    (Outlet { sender }, receiver)
}

impl Outlet {
    /// Delivers an order, waiting for a place; false where the instance has ended.
    pub(crate) fn order(&self, order: crate::instance::Order) -> bool {
        self.sender.send(Message::Order(order)).is_ok()
    }

    /// Delivers an advert: to the mailbox if it says nothing new, else to the inbox.
    pub(crate) fn advert(&self, mailbox: &Mailbox, at: Instant, heard: Heard) -> Delivery {
        let mut slot = mailbox.slot();
        if slot.template.as_ref() == Some(&heard) {
            slot.parked = Some((at, heard));
            slot.parked_total += 1;
            return Delivery::Parked;
        }
        slot.template = None;
        match self.sender.try_send(Message::Advert { at, heard }) {
            Ok(()) => Delivery::Queued,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Delivery::Full,
        }
    }
}

/// Where a repeated advert waits for the instance to look.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    slot: Mutex<Slot>,
}

#[derive(Debug, Default)]
struct Slot {
    template: Option<Heard>,
    parked: Option<(Instant, Heard)>,
    parked_total: u64,
}

impl Mailbox {
    /// Takes the parked advert out, with its time of arrival.
    pub(crate) fn take(&self) -> Option<(Instant, Heard)> {
        self.slot().parked.take()
    }

    /// Publishes the advert whose repetitions need no wake-up, or none. Returns one that was
    /// parked before, which is to be handled first: then nothing is published.
    pub(crate) fn publish(&self, template: Option<Heard>) -> Option<(Instant, Heard)> {
        let mut slot = self.slot();
        let parked = slot.parked.take();
        slot.template = template.filter(|_| parked.is_none());
        parked
    }

    /// How many adverts were parked so far.
    pub(crate) fn parked_total(&self) -> u64 {
        self.slot().parked_total
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        // Nothing that holds the lock can panic; a poisoned slot is as good as any.
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
