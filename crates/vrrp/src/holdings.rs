//! Which router holds which kernel object: an object that two of them want goes when the last one
//! lets go of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vrrp_net::{Object, ObjectKey};

/// A number that no other holder in this process has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct HolderId(pub(crate) u64);

/// The objects that the routers of one host have put into the kernel.
///
/// This is the one thing that the threads of routers share and change. It is locked while the
/// kernel adds and removes objects, a few at a time: the kernel does that one after the other in
/// any case.
#[derive(Debug, Clone, Default)]
pub(crate) struct Holdings(Arc<Mutex<Table>>);

/// The lock's content: who holds what.
#[derive(Debug, Default)]
pub(crate) struct Table(HashMap<ObjectKey, (Object, Vec<HolderId>)>);

impl Holdings {
    /// Which of these objects another process holds that is alive.
    pub(crate) fn held_elsewhere(
        &self,
        _objects: &[Object],
    ) -> std::collections::HashSet<ObjectKey> {
        Default::default()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Table> {
        // An entry too many is at worst an address that stays: a poisoned table is as good as any.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Notes that a holder has the object.
    pub(crate) fn hold(&mut self, holder: HolderId, object: &Object) {
        let (_, holders) =
            self.0.entry(object.key()).or_insert_with(|| (object.clone(), Vec::new()));
        if !holders.contains(&holder) {
            holders.push(holder);
        }
    }

    /// Notes that a holder has the object no more; says whether nobody else has it.
    pub(crate) fn release(&mut self, holder: HolderId, key: &ObjectKey) -> bool {
        let Some((_, holders)) = self.0.get_mut(key) else { return true };
        holders.retain(|other| *other != holder);
        let is_free = holders.is_empty();
        if is_free {
            self.0.remove(key);
        }
        is_free
    }

    /// Whether someone has the object.
    pub(crate) fn is_held(&self, key: &ObjectKey) -> bool {
        self.0.contains_key(key)
    }

    /// What a holder has.
    pub(crate) fn of(&self, holder: HolderId) -> Vec<Object> {
        let mine = self.0.values().filter(|(_, holders)| holders.contains(&holder));
        mine.map(|(object, _)| object.clone()).collect()
    }

    /// Everything that someone has.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Object> {
        self.0.values().map(|(object, _)| object)
    }
}
