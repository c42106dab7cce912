//! Keeping instances from taking part, and whether others have taken over from them.

use std::collections::BTreeMap;
use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use vrrp::RouterStatus;

use crate::client::{AskError, Client};
use crate::words;

/// How often it is looked whether others have taken over.
const LOOKS_APART: Duration = Duration::from_millis(20);

/// What instances are asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrainRequest {
    /// An instance, with its sync group, or a sync group; all instances if there is no name.
    pub name: Option<String>,
    /// Whether they are to take no part, or to take part again.
    pub drain: bool,
}

impl DrainRequest {
    /// The line that asks for it.
    pub(crate) fn question(&self) -> String {
        let verb = if self.drain { "drain" } else { "undrain" };
        let name = self.name.as_deref().unwrap_or_default();
        format!("{verb} {name}").trim_end().to_owned()
    }

    /// What a line asks for, if it is this.
    pub(crate) fn read(question: &str) -> Option<Self> {
        let (verb, name) = question.split_once(' ').unwrap_or((question, ""));
        let drain = match verb {
            "drain" => true,
            "undrain" => false,
            _ => return None,
        };
        let name = Some(name.trim()).filter(|name| !name.is_empty()).map(str::to_owned);
        Some(Self { name, drain })
    }
}

/// Which instances take no part from now on, or take part again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DrainReport {
    /// The version of the form: [`FORMAT`](crate::FORMAT).
    pub format: u32,
    /// Whether they take no part from now on, or take part again.
    pub drained: bool,
    /// Why nothing was done.
    pub refused: Option<String>,
    /// The instances, as they stood before.
    pub instances: Vec<DrainedInstance>,
}

/// An instance as it stood before it was drained, or was to take part again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DrainedInstance {
    /// Its name.
    pub name: String,
    /// Its state then.
    pub state: String,
    /// How many adverts of others it had heard. A backup says nothing: without any there may be
    /// nobody who takes over.
    pub adverts_received: u64,
}

impl DrainedInstance {
    /// How an instance stands at this moment.
    pub fn of(router: &RouterStatus) -> Self {
        Self {
            name: router.settings.name.to_string(),
            state: words::state(router.state).to_owned(),
            adverts_received: router.adverts_received,
        }
    }
}

impl DrainReport {
    /// The masters that have never heard another router.
    pub fn unheard(&self) -> impl Iterator<Item = &str> {
        let is_alone =
            |one: &&DrainedInstance| one.state == words::MASTER && one.adverts_received == 0;
        self.instances.iter().filter(is_alone).map(|one| &*one.name)
    }
}

impl fmt::Display for DrainReport {
    /// `VI_1: drained, was MASTER`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.drained { "drained" } else { "takes part again" };
        self.instances
            .iter()
            .try_for_each(|one| writeln!(f, "{}: {what}, was {}", one.name, one.state))
    }
}

impl Client {
    /// Keeps instances from taking part, or lets them take part again.
    pub fn drain(&self, request: &DrainRequest) -> Result<DrainReport, AskError> {
        self.ask_line(&request.question())
    }

    /// Waits, at most so long, until another router is heard to be master of each of these instances
    /// after they were drained. Returns the names of those of which none is.
    pub fn wait_for_successors(
        &self,
        report: &DrainReport,
        limit: Duration,
    ) -> Result<Vec<String>, AskError> {
        let end = Instant::now() + limit;
        loop {
            let status = self.status()?;
            let heard: BTreeMap<_, _> =
                status.instances.iter().map(|one| (&*one.name, one.adverts.received)).collect();
            let is_alone = |one: &&DrainedInstance| {
                heard.get(&*one.name).is_none_or(|now| *now <= one.adverts_received)
            };
            let alone: Vec<_> =
                report.instances.iter().filter(is_alone).map(|one| one.name.clone()).collect();
            if alone.is_empty() || Instant::now() >= end {
                return Ok(alone);
            }
            thread::sleep(LOOKS_APART);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_it_was_asked() {
        for name in [None, Some("VI_1".to_owned())] {
            for drain in [true, false] {
                let request = DrainRequest { name: name.clone(), drain };
                assert_eq!(DrainRequest::read(&request.question()), Some(request));
            }
        }
        assert_eq!(DrainRequest::read("drained"), None);
    }

    #[test]
    fn a_master_that_has_heard_nobody_may_be_the_last_one() {
        let one = |name: &str, state: &str, adverts_received| DrainedInstance {
            name: name.to_owned(),
            state: state.to_owned(),
            adverts_received,
        };
        let instances = vec![one("A", "MASTER", 0), one("B", "MASTER", 7), one("C", "BACKUP", 0)];
        let report = DrainReport { drained: true, instances, ..DrainReport::default() };
        assert!(report.unheard().eq(["A"]));
        assert!(report.to_string().starts_with("A: drained, was MASTER\n"));
    }
}
