//! What reaches a router besides adverts.

use crossbeam_channel::Sender;

use crate::input::Input;
use crate::snapshot::StandStill;

/// What a router is told by the rest of its host.
#[derive(Debug)]
pub(crate) enum Order {
    /// Something for its engine; apart, because an inbox has many places and few of these.
    Input(Box<Input>),
    /// Whether adverts can be received may have changed.
    Hearing,
    /// Say when everything before this is done.
    Done(Sender<()>),
    /// Say how it stands, and then do nothing for a while.
    StandStill(StandStill),
    /// Another thread is to drive it from now on.
    Release,
    /// If it waits to be started again, that is worth another try now.
    TryAgain,
}
