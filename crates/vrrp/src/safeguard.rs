//! What acts for routers when their process cannot any more.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use vrrp_net::{Object, Packet};

/// Something that outlives this process, or is at least not held up with it, and then removes what
/// its routers have in the kernel. The crate `vrrp-guard` has one.
pub trait Safeguard: Send + Sync {
    /// A place for the router of this name; `None` if there is no more.
    fn router(&self, name: &Arc<str>) -> Option<Arc<dyn RouterSafeguard>>;
}

/// A safeguard as it is told of by one router.
pub trait RouterSafeguard: fmt::Debug + Send + Sync {
    /// Takes this will in the place of the one before. It comes before its objects are there, and
    /// may name some that never are.
    fn entrust(&self, will: LastWill);

    /// The router has no objects any more.
    fn revoke(&self);

    /// The router is about to advertise: it is alive. Answers false if its objects were removed
    /// meanwhile, and another router may be Active: then it must not.
    fn advertising(&self) -> bool;

    /// What it would resign with after the advert that it is about to send; for routers whose
    /// adverts are numbered, so that none of them serves twice.
    fn resignation(&self, packets: &[Packet]);

    /// Whether the router's objects were removed because it did not advertise for too long. It is so
    /// until the router [revokes](Self::revoke) its will.
    fn has_acted(&self) -> bool;
}

/// What is to be done when a router's process is gone, or does not run.
#[derive(Debug, Clone, PartialEq)]
pub struct LastWill {
    /// The objects to remove.
    pub objects: Vec<Object>,
    /// What to resign with before that; `None` if that changes with each
    /// [`resignation`](RouterSafeguard::resignation). A process that does not run resigns from
    /// nothing: its peers have noticed.
    pub resignation: Option<Vec<Packet>>,
    /// After so long without an advert its peers are about to take over.
    pub silence_max: Duration,
}
