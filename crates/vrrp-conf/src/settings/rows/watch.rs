//! What instances and sync groups have in common: what they track, and whom they tell.

use super::*;
use crate::model::{Notify, Tracks};
use crate::settings::Kind;

/// What tracks, and notifies.
pub(in crate::settings) trait Watches: Draft {
    fn tracks(&mut self) -> &mut Tracks;
    fn notify(&mut self) -> &mut Notify;
    fn notify_priority_changes(&mut self, on: bool);
    fn tracks_of(model: &Self::Model) -> &Tracks;
    fn notify_of(model: &Self::Model) -> &Notify;

    /// The keyword counts without a program too.
    fn notify_deleted(&mut self, command: Option<Spanned<Command>>) {
        let notify = self.notify();
        notify.say_deleted = true;
        notify.deleted = command.or(notify.deleted.take());
    }
}

pub(super) const fn track_interface<D: Watches>() -> Row<D> {
    row::<D>("track_interface", Items(TRACKED), "interfaces that must be up")
        .fills(Fill::Nested(|reader, to, _, body| {
            reader.track_interfaces(&mut to.tracks().interfaces, body)
        }))
        .shown(|_, model, mut line| line.items(&D::tracks_of(model).interfaces, track_words))
}

pub(super) const fn track_script<D: Watches>() -> Row<D> {
    row::<D>("track_script", Items(TRACKED), "scripts that must succeed")
        .fills(Fill::Nested(|reader, to, _, body| {
            reader.track_named(&mut to.tracks().scripts, Kind::Script, 253, body)
        }))
        .shown(|_, model, mut line| line.items(&D::tracks_of(model).scripts, track_words))
}

pub(super) const fn track_process<D: Watches>() -> Row<D> {
    row::<D>("track_process", Items(TRACKED), "processes that must run")
        .fills(Fill::Nested(|reader, to, _, body| {
            reader.track_named(&mut to.tracks().processes, Kind::Process, 254, body)
        }))
        .shown(|_, model, mut line| line.items(&D::tracks_of(model).processes, track_words))
}

pub(super) const fn track_file<D: Watches>() -> Row<D> {
    row::<D>("track_file", Items(TRACKED), "files whose number is added")
        .fills(Fill::Nested(|reader, to, _, body| {
            reader.track_named(&mut to.tracks().files, Kind::File, 254, body)
        }))
        .shown(|_, model, mut line| line.items(&D::tracks_of(model).files, track_words))
}

pub(super) const fn track_bfd<D: Watches>() -> Row<D> {
    row::<D>("track_bfd", Items(TRACKED), "BFD sessions that must be up")
        .support(NotYet(Refuse))
        .fills(Fill::Nested(|reader, to, _, body| {
            reader.track_named(&mut to.tracks().bfd_sessions, Kind::Bfd, 253, body)
        }))
        .shown(|_, model, mut line| line.items(&D::tracks_of(model).bfd_sessions, track_words))
}

pub(super) const fn notify<D: Watches>() -> Row<D> {
    row::<D>("notify", Command, "run on every change, with four more arguments")
        .fills(Fill::Run(|to, command| to.notify().any = command))
        .shown(|_, model, mut line| line.command(D::notify_of(model).any.as_deref()))
}

pub(super) const fn notify_master<D: Watches>() -> Row<D> {
    row::<D>("notify_master", Command, "run on MASTER")
        .fills(Fill::Run(|to, command| to.notify().master = command))
        .shown(|_, model, mut line| line.command(D::notify_of(model).master.as_deref()))
}

pub(super) const fn notify_backup<D: Watches>() -> Row<D> {
    row::<D>("notify_backup", Command, "run on BACKUP")
        .fills(Fill::Run(|to, command| to.notify().backup = command))
        .shown(|_, model, mut line| line.command(D::notify_of(model).backup.as_deref()))
}

pub(super) const fn notify_fault<D: Watches>() -> Row<D> {
    row::<D>("notify_fault", Command, "run on FAULT")
        .fills(Fill::Run(|to, command| to.notify().fault = command))
        .shown(|_, model, mut line| line.command(D::notify_of(model).fault.as_deref()))
}

pub(super) const fn notify_stop<D: Watches>() -> Row<D> {
    row::<D>("notify_stop", Command, "run at the end")
        .fills(Fill::Run(|to, command| to.notify().stop = command))
        .shown(|_, model, mut line| line.command(D::notify_of(model).stop.as_deref()))
}

pub(super) const fn notify_deleted<D: Watches>() -> Row<D> {
    row::<D>("notify_deleted", OptCommand, "run, and said, when a reload removed the instance")
        .fills(Fill::Run(|to, command| to.notify_deleted(command)))
        .shown(|_, model, mut line| line.notify_deleted(D::notify_of(model)))
}

pub(super) const fn notify_priority_changes<D: Watches>() -> Row<D> {
    row::<D>(
        "notify_priority_changes",
        OptBool,
        "report changes of the priority to the notify pipes",
    )
    .default("off")
    .support(NotYet(Warn))
    .fills(Fill::Bool(|to, on| to.notify_priority_changes(*on)))
    .shown(|_, model, mut line| line.switch(D::notify_of(model).priority_changes))
}

pub(super) const fn smtp_alert<D: Draft>() -> Row<D> {
    row::<D>("smtp_alert", Anything, "").support(MAIL)
}
