//! What hosts and wires need of the lab that they belong to.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::connection::Connection;
use crate::error::LabError;
use crate::protocol::{Request, SetUp};
use crate::pump::Pump;

/// How often a condition is looked at that nobody reports.
const PROBE_INTERVAL: Duration = Duration::from_millis(2);

/// What hosts and wires need of the lab that they belong to.
pub(crate) struct World {
    /// The init of the wire room, where the bridges are and the hosts are started.
    pub(crate) room: Arc<Connection>,
    pub(crate) pump: Pump,
    pub(crate) names: Mutex<HashSet<String>>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

impl World {
    /// Sets up the network namespace with the bridges. They only forward: without IPv6 they do
    /// not speak on their wires.
    pub(crate) fn furnish_wire_room(&self) -> Result<(), LabError> {
        let sysctls = self.ipv6_sysctls("disable_ipv6", "1");
        let hostname = "wires".to_owned();
        let setup = SetUp { hostname, private_directories: Vec::new(), sysctls };
        self.room.ask(Request::SetUp(setup)).map(drop)
    }

    /// What every host has set: IPv6 addresses are there at once, since on these wires nobody
    /// else has them.
    pub(crate) fn host_sysctls(&self) -> Vec<(String, String)> {
        self.ipv6_sysctls("accept_dad", "0")
    }

    /// A parameter for all interfaces to come, on kernels that have IPv6.
    fn ipv6_sysctls(&self, name: &str, value: &str) -> Vec<(String, String)> {
        if !Path::new("/proc/sys/net/ipv6").exists() {
            return Vec::new();
        }
        ["all", "default"]
            .map(|interfaces| (format!("net.ipv6.conf.{interfaces}.{name}"), value.to_owned()))
            .to_vec()
    }

    /// Takes a name and returns its number, from 1.
    pub(crate) fn claim(
        &self,
        what: &'static str,
        name: &str,
        limit_bytes: usize,
    ) -> Result<u8, LabError> {
        let error = |why| LabError::Name { name: name.to_owned(), what, why };
        if name.is_empty() || name.len() > limit_bytes {
            return Err(error("it is empty or too long"));
        }
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(error("it is not letters, digits and hyphens"));
        }
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if !names.insert(format!("{what} {name}")) {
            return Err(error("it is taken"));
        }
        let same_kind_count = names.iter().filter(|taken| taken.starts_with(what)).count();
        u8::try_from(same_kind_count).map_err(|_| error("a lab has at most 255"))
    }
}

/// Waits until `probe` finds what it looks for, looking every 2 ms.
///
/// # Errors
/// [`LabError::Timeout`] that names `what`, or the error of `probe`.
pub fn eventually<T>(
    what: &str,
    limit: Duration,
    mut probe: impl FnMut() -> Result<Option<T>, LabError>,
) -> Result<T, LabError> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = probe()? {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            let what = what.to_owned();
            return Err(LabError::Timeout { what, limit, context: String::new() });
        }
        std::thread::sleep(PROBE_INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_happen_is_named_with_its_limit() {
        let limit = Duration::from_millis(10);
        let error = eventually::<()>("the sky falling", limit, || Ok(None)).unwrap_err();
        assert_eq!(error.to_string(), "the sky falling: not within 10ms");
    }
}
