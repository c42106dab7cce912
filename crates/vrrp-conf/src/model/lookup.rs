//! Numbers that the routing tools know by name.

use core::fmt;
use std::sync::Arc;

use serde::Serialize;

/// A number, or a name that only the machine can turn into one.
///
/// The names that are the same everywhere (`main`, `static`, `link`, …) have become numbers.
/// Others stand in the files of iproute2 (`rt_tables`, `rt_protos`, `rt_realms`, `group`, …)
/// or in `/etc/protocols`, and are looked up when the route or rule is installed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum Lookup<T> {
    /// The number.
    Number(T),
    /// The name.
    Name(Arc<str>),
}

impl<T: fmt::Display> fmt::Display for Lookup<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// The realms of a route or a rule, for the accounting of traffic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Realms {
    /// Where the traffic comes from; set by `FROM/TO` only.
    pub from: Option<Lookup<u8>>,
    /// Where it goes.
    pub to: Lookup<u8>,
}

impl fmt::Display for Realms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.from {
            Some(from) => write!(f, "{from}/{}", self.to),
            None => self.to.fmt(f),
        }
    }
}
