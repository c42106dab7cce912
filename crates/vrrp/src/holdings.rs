//! Which router holds which kernel object: an object that two of them want goes when the last one
//! lets go of it.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use thiserror::Error;
use vrrp_net::{Object, ObjectKey};

use crate::neighbours::{Answers, Elsewhere};
use crate::pacer::Pacer;

/// How long what the others said is good for all routers that start at the same time.
const ASKED_TOGETHER: Duration = Duration::from_millis(100);

/// What could not be taken away at the end.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{} object(s) stayed in the kernel, the first is {}", .0.len(), shown(.0))]
pub struct LeftBehind(pub Vec<Object>);

impl LeftBehind {
    pub(crate) fn check(left: Vec<Object>) -> Result<(), Self> {
        if left.is_empty() { Ok(()) } else { Err(Self(left)) }
    }
}

fn shown(objects: &[Object]) -> String {
    objects.first().map(ToString::to_string).unwrap_or_default()
}

/// A number that no other holder in this process has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct HolderId(pub(crate) u64);

/// The objects that the routers of one host have put into the kernel, and the pace of what they
/// announce.
///
/// This is all that the threads of routers share and change. The table is locked while the
/// kernel adds and removes objects, a few at a time: the kernel does that one after the other in
/// any case.
#[derive(Debug, Clone, Default)]
pub(crate) struct Holdings {
    table: Arc<Mutex<Table>>,
    pub(crate) pacer: Pacer,
    others: Option<Arc<Others>>,
}

/// The lock's content: who holds what.
#[derive(Debug, Default)]
pub(crate) struct Table(HashMap<ObjectKey, (Object, Vec<HolderId>)>);

/// The other processes that hold objects of the same kernel.
#[derive(Debug)]
struct Others {
    answers: Answers,
    /// What they said last, and when.
    said: Mutex<Option<(Instant, Elsewhere)>>,
}

impl Holdings {
    /// Holdings in a kernel that other processes use too: they are told what is held here.
    pub(crate) fn shared() -> io::Result<Self> {
        let table = Arc::<Mutex<Table>>::default();
        let held = Arc::clone(&table);
        let answers = Answers::start(move || lock(&held).0.keys().copied().collect())?;
        let others = Some(Arc::new(Others { answers, said: Mutex::default() }));
        Ok(Self { table, pacer: Pacer::default(), others })
    }

    /// What living processes hold beside this one. Takes a second at the most.
    pub(crate) fn held_elsewhere(&self) -> io::Result<Elsewhere> {
        let Some(others) = &self.others else { return Ok(Elsewhere::default()) };
        let mut said = lock(&others.said);
        match &*said {
            Some((at, elsewhere)) if at.elapsed() < ASKED_TOGETHER => Ok(elsewhere.clone()),
            _ => {
                let elsewhere = others.answers.ask_others()?;
                Ok(said.insert((Instant::now(), elsewhere)).1.clone())
            }
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Table> {
        lock(&self.table)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // An entry too many is at worst an address that stays: a poisoned table is as good as any.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// What a holder has, in an order in which it can be removed.
    pub(crate) fn of(&self, holder: HolderId) -> Vec<Object> {
        let mine = self.0.values().filter(|(_, holders)| holders.contains(&holder));
        let mut mine: Vec<_> = mine.map(|(object, _)| object.clone()).collect();
        mine.sort_by_key(|object| Reverse(object.kind()));
        mine
    }

    /// Everything that someone has.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Object> {
        self.0.values().map(|(object, _)| object)
    }
}
