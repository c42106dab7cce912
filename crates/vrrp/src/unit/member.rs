//! A router as a member of a sync group, driven by the group's thread.

use vrrp_fsm::{Actions, Router};

use super::*;

impl Unit {
    /// Leaves starting and becoming Active to a sync group from now on.
    pub(crate) fn join_group(&mut self) {
        self.is_member = true;
        if let Phase::Running(engine, _) = &mut self.phase {
            engine.join_group();
        }
    }

    /// Stands on its own again.
    pub(crate) fn leave_group(&mut self) {
        if !std::mem::take(&mut self.is_member) {
            return;
        }
        self.guarded(|unit, now| {
            if let Phase::Running(engine, _) = &mut unit.phase {
                engine.leave_group(now);
                unit.tell_events();
                unit.refresh();
            }
        });
        self.publish();
    }

    /// Its thread waits for other inboxes too.
    pub(crate) fn wait_parked(&self) {
        self.parts.inbox.wait_parked();
    }

    /// Whether another thread is to drive it; asked once.
    pub(crate) fn take_release(&mut self) -> bool {
        std::mem::take(&mut self.is_released)
    }

    /// Ends if it was told to although nobody drives it.
    pub(crate) fn take_end(&mut self) {
        self.guarded(|unit, _| unit.take_waiting());
    }

    /// Whether it was told to shut down.
    pub(crate) fn is_ending(&self) -> bool {
        self.is_ending
    }

    /// Whether its thread has to go on instead of waiting; asked once for each nudge.
    pub(crate) fn take_wake_up(&self) -> bool {
        self.parts.inbox.take_wake_up()
    }

    /// Lets others see what its group has told its state machine.
    pub(crate) fn show(&self) {
        self.refresh();
    }

    /// Its state machine; none while it is dead.
    pub(crate) fn router_mut(&mut self) -> Option<&mut Router> {
        match &mut self.phase {
            Phase::Running(engine, _) => Some(engine.router_mut()),
            _ => None,
        }
    }

    /// Whether it would be Active already if its group let it.
    pub(crate) fn is_held_back(&self) -> bool {
        matches!(&self.phase, Phase::Running(engine, _) if engine.router().is_held_back())
    }

    /// Handles everything that has arrived.
    pub(crate) fn listen(&mut self) {
        self.guarded(|unit, _| {
            unit.parts.receiver.drain();
            unit.take_parked();
            unit.take_waiting();
        });
    }

    /// Its group cannot decide for it any more.
    pub(crate) fn die_with_group(&mut self, why: &str) {
        if matches!(self.phase, Phase::Running(..)) {
            self.die(self.now(), why.into());
        }
    }

    /// Does what its group wants of it.
    pub(crate) fn do_for_group(&mut self, actions: Actions) {
        self.guarded(|unit, now| {
            if let Phase::Running(engine, _) = &mut unit.phase {
                engine.do_for_group(now, actions);
                unit.tell_events();
                unit.refresh();
            }
        });
        self.publish();
    }
}
