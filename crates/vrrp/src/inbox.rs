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
//! - the first advert that differs withdraws the template, and none is published while a message
//!   waits, so nothing is parked behind it and nothing is handled out of order;
//! - a parked advert keeps its own time of arrival, and a later one overwrites it, as a restarted
//!   timer is restarted again;
//! - before the instance lets its timer fire it drains the socket and the mailbox.
//!
//! Nor does an instance wake up to see that its timer was restarted meanwhile. It asks the receiver
//! to [`watch`](Mailbox::watch): each parked advert puts the time of that wake-up off, and only
//! when they stay away is the instance nudged.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time;

use vrrp_fsm::{Heard, Instant};
use vrrp_net::{Timestamp, Waker};
use vrrp_proto::Sequence;

use crate::order::Order;

/// How many messages wait at the most. Adverts beyond it are dropped and counted; what comes from
/// this machine (links, trackers, orders) waits for its place instead.
pub(crate) const INBOX_MESSAGES: usize = 256;

/// A message for an instance, with the time it was sent on.
#[derive(Debug)]
pub(crate) enum Message {
    /// An advert that passed every check.
    Advert { at: Instant, heard: Heard },
    /// The same, with its place in its sender's order.
    SignedAdvert { at: Instant, heard: Heard, sequence: Sequence },
    /// Something that the machine tells.
    Order(Order),
}

/// What both ends share.
///
/// A queue under a lock and not a lock-free channel: before such a channel's receiver sleeps it
/// spins and yields, in the hope that something comes. Here nothing comes for a whole interval,
/// and with a hundred instances the yielding cost more than sending the adverts.
#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Something was put into the queue.
    arrived: Condvar,
    /// Something was taken out of the full queue, or nobody takes anything any more.
    room: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    messages: VecDeque<Message>,
    /// How many wait for a place.
    waiting: usize,
    closed: bool,
    /// Whether whoever waits is to look at the timers.
    nudged: bool,
    /// Who drives several routers on one thread, and waits for none of them alone.
    driver: Option<Driver>,
}

/// Who is woken instead of waiting for this inbox alone.
#[derive(Debug)]
enum Driver {
    /// A loop that also receives the adverts, and needs no wake-up for them. What this machine
    /// tells never waits for a place then: it could be that thread that tells.
    Loop(Waker),
    /// A thread that has several inboxes and nothing else.
    Thread(Thread),
}

impl Queue {
    fn is_full(&self) -> bool {
        self.messages.len() >= INBOX_MESSAGES
    }
}

/// The end of those who have something to say.
#[derive(Debug, Clone)]
pub(crate) struct Outlet(Arc<Shared>);

/// The instance's end.
#[derive(Debug)]
pub(crate) struct Inbox(Arc<Shared>);

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

/// A new inbox and its other end; with a waker, of a router that is one of several on a thread.
pub(crate) fn inbox(driver: Option<Waker>) -> (Outlet, Inbox) {
    let queue = Mutex::new(Queue { driver: driver.map(Driver::Loop), ..Queue::default() });
    let shared = Arc::new(Shared { queue, ..Shared::default() });
    (Outlet(Arc::clone(&shared)), Inbox(shared))
}

impl Inbox {
    /// The next message, waited for until `deadline`, or for ever without one, or until a nudge.
    pub(crate) fn next(&self, deadline: Option<Instant>) -> Option<Message> {
        let mut queue = self.0.queue();
        loop {
            if let Some(message) = queue.take(&self.0.room) {
                return Some(message);
            }
            if std::mem::take(&mut queue.nudged) {
                return None;
            }
            queue = match deadline.map(time_until) {
                None => self.0.arrived.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(time::Duration::ZERO) => return None,
                Some(left) => {
                    let waited = self.0.arrived.wait_timeout(queue, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Whoever takes its messages waits for them from now on, on a thread of its own.
    pub(crate) fn wait_alone(&self) {
        self.0.queue().driver = None;
    }

    /// Whoever takes its messages has other inboxes too, and parks this thread from now on.
    pub(crate) fn wait_parked(&self) {
        self.0.queue().driver = Some(Driver::Thread(std::thread::current()));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.queue().messages.is_empty()
    }

    /// Whether there is a reason not to park: a message that waits, or a nudge, which is taken.
    pub(crate) fn take_wake_up(&self) -> bool {
        let mut queue = self.0.queue();
        std::mem::take(&mut queue.nudged) || !queue.messages.is_empty()
    }

    /// The next message, if there is one already.
    pub(crate) fn try_next(&self) -> Option<Message> {
        self.0.queue().take(&self.0.room)
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.closed = true;
        queue.messages.clear();
        self.0.room.notify_all();
    }
}

impl Queue {
    fn take(&mut self, room: &Condvar) -> Option<Message> {
        let message = self.messages.pop_front()?;
        if self.waiting > 0 {
            room.notify_one();
        }
        Some(message)
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing that holds the lock can panic; a poisoned queue is as good as any.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, mut queue: MutexGuard<'_, Queue>, message: Message) {
        queue.messages.push_back(message);
        self.wake(queue);
    }

    /// Wakes whoever waits, alone or for several inboxes.
    fn wake(&self, queue: MutexGuard<'_, Queue>) {
        if let Some(Driver::Thread(thread)) = &queue.driver {
            thread.unpark();
        }
        drop(queue);
        self.arrived.notify_one();
    }
}

fn time_until(at: Instant) -> time::Duration {
    at.saturating_since(Instant::from_micros(Timestamp::now().as_micros()))
}

impl Outlet {
    /// Delivers an order, waiting for a place; false where the instance has ended.
    pub(crate) fn order(&self, order: Order) -> bool {
        let mut queue = self.0.queue();
        while queue.is_full() && !queue.closed && !matches!(queue.driver, Some(Driver::Loop(_))) {
            queue.waiting += 1;
            queue = self.0.room.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.waiting -= 1;
        }
        let is_open = !queue.closed;
        if is_open {
            if let Some(Driver::Loop(waker)) = &queue.driver {
                waker.wake();
            }
            self.0.put(queue, Message::Order(order));
        }
        is_open
    }

    /// Has the instance look at its timers.
    pub(crate) fn nudge(&self) {
        let mut queue = self.0.queue();
        queue.nudged = true;
        self.0.wake(queue);
    }

    /// Delivers an advert: to the mailbox if it says nothing new, else to the inbox.
    pub(crate) fn advert(&self, mailbox: &Mailbox, at: Instant, heard: Heard) -> Delivery {
        let mut slot = mailbox.slot();
        if slot.template.as_ref() == Some(&heard) {
            slot.park(at, heard);
            return Delivery::Parked;
        }
        self.put_advert(&mut slot, Message::Advert { at, heard })
    }

    /// Delivers a signed advert, of which none is like the one before: to the inbox.
    pub(crate) fn signed_advert(
        &self,
        mailbox: &Mailbox,
        at: Instant,
        heard: Heard,
        sequence: Sequence,
    ) -> Delivery {
        self.put_advert(&mut mailbox.slot(), Message::SignedAdvert { at, heard, sequence })
    }

    /// Puts an advert into the inbox, behind which nothing is parked.
    fn put_advert(&self, slot: &mut Slot, message: Message) -> Delivery {
        (slot.template, slot.watch) = (None, None);
        let queue = self.0.queue();
        // Whoever waits for a place comes first: a flood of adverts must not keep orders out.
        if queue.messages.len() + queue.waiting >= INBOX_MESSAGES || queue.closed {
            return Delivery::Full;
        }
        self.0.put(queue, message);
        Delivery::Queued
    }
}

/// Where a repeated advert waits for the instance to look.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    slot: Mutex<Slot>,
}

/// When an instance wants to wake up, unless repeated adverts put that off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Watch {
    /// When, as things stand.
    pub(crate) due: Instant,
    /// How long after a repeated advert, if there is another one.
    pub(crate) after: time::Duration,
}

#[derive(Debug, Default)]
struct Slot {
    template: Option<Heard>,
    parked: Option<(Instant, Heard)>,
    parked_total: u64,
    /// Never without a template.
    watch: Option<Watch>,
}

impl Slot {
    fn park(&mut self, at: Instant, heard: Heard) {
        self.parked = Some((at, heard));
        self.parked_total += 1;
        if let Some(watch) = &mut self.watch {
            watch.due = at + watch.after;
        }
    }
}

impl Mailbox {
    /// Takes the parked advert out, with its time of arrival.
    pub(crate) fn take(&self) -> Option<(Instant, Heard)> {
        self.slot().parked.take()
    }

    /// Publishes the advert whose repetitions need no wake-up, or none. Returns one that was
    /// parked before, which is to be handled first: then nothing is published. Neither is it
    /// while messages wait in the instance's inbox: a repetition would overtake them.
    pub(crate) fn publish(
        &self,
        inbox: &Inbox,
        template: Option<Heard>,
    ) -> Option<(Instant, Heard)> {
        let mut slot = self.slot();
        let parked = slot.parked.take();
        // Adverts are put into the inbox under the slot's lock: it stays empty of them until the
        // template is there.
        let is_sound = parked.is_none() && inbox.is_empty();
        slot.template = template.filter(|_| is_sound);
        slot.watch = None;
        parked
    }

    /// Has whoever calls [`tend`](Self::tend) see to it that the instance wakes up in time, and
    /// returns that time; `None` if there is no template, so that nothing would put it off.
    pub(crate) fn watch(&self, watch: Watch) -> Option<Instant> {
        let mut slot = self.slot();
        slot.template?;
        let due = slot.parked.map_or(watch.due, |(at, _)| at + watch.after);
        slot.watch = Some(Watch { due, ..watch });
        Some(due)
    }

    /// Nudges the instance that is watched if its time has come; returns the time if it is to come.
    pub(crate) fn tend(&self, outlet: &Outlet, now: Instant) -> Option<Instant> {
        let due = self.due()?;
        if due > now {
            return Some(due);
        }
        self.slot().watch = None;
        outlet.nudge();
        None
    }

    /// When the instance that is watched is to wake up, as things stand.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.slot().watch.map(|watch| watch.due)
    }

    /// Whether an advert waits here.
    pub(crate) fn has_parked(&self) -> bool {
        self.slot().parked.is_some()
    }

    /// So many were parked before it was made.
    pub(crate) fn resume(&self, parked_total: u64) {
        self.slot().parked_total += parked_total;
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

#[cfg(test)]
mod tests {
    use std::thread;

    use vrrp_proto::{Interval, Priority};

    use super::*;

    const AT: Instant = Instant::from_micros(1);

    fn heard(priority: u8) -> Heard {
        let source = "192.0.2.1".parse().unwrap();
        Heard { source, priority: Priority::new(priority), interval: Interval::DEFAULT }
    }

    fn removed() -> Order {
        Order::Hearing
    }

    #[test]
    fn only_repetitions_of_the_template_are_parked_and_the_first_other_one_ends_that() {
        let ((outlet, inbox), mailbox) = (inbox(None), Mailbox::default());
        let deliver =
            |at, priority| outlet.advert(&mailbox, Instant::from_micros(at), heard(priority));
        assert_eq!(mailbox.publish(&inbox, Some(heard(100))), None);
        assert_eq!(deliver(2, 100), Delivery::Parked);
        assert_eq!(deliver(3, 100), Delivery::Parked);
        assert_eq!(deliver(4, 0), Delivery::Queued);
        assert_eq!(deliver(5, 100), Delivery::Queued, "nothing overtakes the one that differs");
        assert_eq!(mailbox.take(), Some((Instant::from_micros(3), heard(100))));
        assert_eq!(mailbox.take(), None);
        assert_eq!(mailbox.parked_total(), 2);
        let queued = |inbox: &Inbox| match inbox.try_next() {
            Some(Message::Advert { at, heard }) => Some((at.as_micros(), heard.priority.get())),
            _ => None,
        };
        assert_eq!(
            [queued(&inbox), queued(&inbox), queued(&inbox)],
            [Some((4, 0)), Some((5, 100)), None]
        );
    }

    #[test]
    fn nothing_is_parked_behind_a_message_that_waits() {
        let ((outlet, inbox), mailbox) = (inbox(None), Mailbox::default());
        assert_eq!(outlet.advert(&mailbox, AT, heard(0)), Delivery::Queued);
        assert_eq!(mailbox.publish(&inbox, Some(heard(100))), None);
        let delivery = outlet.advert(&mailbox, AT, heard(100));
        assert_eq!(delivery, Delivery::Queued, "it came after the resignation");
    }

    #[test]
    fn a_flood_of_adverts_does_not_keep_an_order_out() {
        let ((outlet, inbox), mailbox) = (inbox(None), Mailbox::default());
        while outlet.advert(&mailbox, AT, heard(100)) == Delivery::Queued {}
        let ordering = thread::spawn({
            let outlet = outlet.clone();
            move || outlet.order(removed())
        });
        while outlet.0.queue().waiting == 0 {
            thread::yield_now();
        }
        assert!(inbox.try_next().is_some());
        // Of the place that has become free the advert gets nothing, whoever comes first.
        assert_eq!(outlet.advert(&mailbox, AT, heard(100)), Delivery::Full);
        assert!(ordering.join().unwrap());
    }

    #[test]
    fn what_was_parked_meanwhile_comes_back_before_another_template_counts() {
        let ((outlet, inbox), mailbox) = (inbox(None), Mailbox::default());
        assert_eq!(mailbox.publish(&inbox, Some(heard(100))), None);
        assert_eq!(outlet.advert(&mailbox, AT, heard(100)), Delivery::Parked);
        assert_eq!(mailbox.publish(&inbox, Some(heard(100))), Some((AT, heard(100))));
        assert_eq!(outlet.advert(&mailbox, AT, heard(100)), Delivery::Queued);
    }

    #[test]
    fn a_full_inbox_turns_adverts_away_and_lets_orders_wait() {
        let ((outlet, inbox), mailbox) = (inbox(None), Mailbox::default());
        for _ in 0..INBOX_MESSAGES {
            assert_eq!(outlet.advert(&mailbox, AT, heard(100)), Delivery::Queued);
        }
        assert_eq!(outlet.advert(&mailbox, AT, heard(100)), Delivery::Full);
        let ordering = thread::spawn(move || outlet.order(removed()));
        for _ in 0..INBOX_MESSAGES {
            assert!(matches!(inbox.next(None), Some(Message::Advert { .. })));
        }
        assert!(matches!(inbox.next(None), Some(Message::Order(_))));
        assert!(ordering.join().unwrap());
    }

    #[test]
    fn nobody_waits_for_an_instance_that_has_ended() {
        let ((outlet, inbox), mailbox) = (inbox(None), Mailbox::default());
        while outlet.advert(&mailbox, AT, heard(100)) == Delivery::Queued {}
        let ordering = thread::spawn({
            let outlet = outlet.clone();
            move || outlet.order(removed())
        });
        drop(inbox);
        assert!(!ordering.join().unwrap());
        assert!(!outlet.order(removed()));
    }

    #[test]
    fn a_watched_instance_is_nudged_when_repetitions_stay_away() {
        let ((outlet, inbox), mailbox) = (inbox(None), Mailbox::default());
        let at = Instant::from_micros;
        let watch = Watch { due: at(360), after: time::Duration::from_micros(360) };
        assert_eq!(mailbox.watch(watch), None, "nothing would put it off");
        mailbox.publish(&inbox, Some(heard(100)));
        assert_eq!(mailbox.watch(watch), Some(at(360)));
        outlet.advert(&mailbox, at(100), heard(100));
        assert_eq!(mailbox.tend(&outlet, at(400)), Some(at(460)));
        assert_eq!(mailbox.watch(watch), Some(at(460)), "what is parked counts");
        assert_eq!(mailbox.tend(&outlet, at(460)), None);
        assert!(inbox.next(None).is_none());
        assert_eq!(mailbox.tend(&outlet, at(900)), None, "once is enough");
        assert!(!inbox.0.queue().nudged);
    }

    #[test]
    fn a_nudge_wakes_a_thread_that_is_parked_for_several_inboxes() {
        let ((outlet, inbox), (ready, is_ready)) = (inbox(None), std::sync::mpsc::channel());
        let parked = thread::spawn(move || {
            inbox.wait_parked();
            ready.send(()).unwrap();
            while !inbox.take_wake_up() {
                thread::park();
            }
            inbox.take_wake_up()
        });
        is_ready.recv().unwrap();
        outlet.nudge();
        assert!(!parked.join().unwrap(), "it is taken once");
    }

    #[test]
    fn an_advert_that_differs_ends_the_watch() {
        let ((outlet, inbox), mailbox) = (inbox(None), Mailbox::default());
        mailbox.publish(&inbox, Some(heard(100)));
        mailbox.watch(Watch { due: AT, after: time::Duration::ZERO });
        outlet.advert(&mailbox, AT, heard(0));
        assert_eq!(mailbox.tend(&outlet, AT), None);
        assert!(matches!(inbox.next(None), Some(Message::Advert { .. })));
        assert!(!inbox.0.queue().nudged);
    }

    #[test]
    fn a_deadline_that_has_come_ends_the_wait() {
        let (_outlet, inbox) = inbox(None);
        assert!(inbox.next(Some(Instant::from_micros(Timestamp::now().as_micros()))).is_none());
    }
}
