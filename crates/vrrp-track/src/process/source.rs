//! Which processes count, and how many there should be.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::Duration;

use crate::Verdict;

/// How much of a process's name the kernel keeps (`TASK_COMM_LEN` less its NUL).
pub const COMM_MAX_BYTES: usize = 15;

/// A number of processes to watch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Process {
    /// Its name in updates and status.
    pub name: Arc<str>,
    /// Which processes count.
    pub matcher: Matcher,
    /// The verdict is up from this many processes on; default 1.
    pub quorum: u32,
    /// The verdict is down above this many; `None`, the default, is no limit. `Some(0)` asks that no such
    /// process runs, whatever `quorum` says.
    pub quorum_max: Option<u32>,
    /// How long a new verdict must hold that an additional process has caused; default zero.
    pub fork_delay: Duration,
    /// How long a new verdict must hold that a vanished process has caused; default zero.
    pub terminate_delay: Duration,
}

impl Process {
    /// At least one such process, no delays.
    pub fn new(name: impl Into<Arc<str>>, matcher: Matcher) -> Self {
        Self {
            name: name.into(),
            matcher,
            quorum: 1,
            quorum_max: None,
            fork_delay: Duration::ZERO,
            terminate_delay: Duration::ZERO,
        }
    }

    /// Sets the number of processes from which the verdict is up.
    #[must_use]
    pub const fn quorum(mut self, quorum: u32) -> Self {
        self.quorum = quorum;
        self
    }

    /// Sets the number of processes above which the verdict is down.
    #[must_use]
    pub const fn quorum_max(mut self, quorum_max: u32) -> Self {
        self.quorum_max = Some(quorum_max);
        self
    }

    /// Sets both delays.
    #[must_use]
    pub const fn delay(self, delay: Duration) -> Self {
        self.fork_delay(delay).terminate_delay(delay)
    }

    /// Sets the delay after an additional process.
    #[must_use]
    pub const fn fork_delay(mut self, delay: Duration) -> Self {
        self.fork_delay = delay;
        self
    }

    /// Sets the delay after a vanished process.
    #[must_use]
    pub const fn terminate_delay(mut self, delay: Duration) -> Self {
        self.terminate_delay = delay;
        self
    }

    /// What `count` processes mean, delays aside: up iff quorum ≤ count ≤ quorum_max.
    pub fn judge(&self, count: u32) -> Verdict {
        let most = self.quorum_max.unwrap_or(u32::MAX);
        let least = if most == 0 { 0 } else { self.quorum };
        Verdict::from(least <= count && count <= most)
    }

    /// What is wrong with this source although it is well-formed, for the operator.
    pub fn warning(&self) -> Option<String> {
        let most = self.quorum_max.unwrap_or(u32::MAX);
        if most != 0 && self.quorum > most {
            return Some(format!("quorum {} is above quorum_max {most}: never up", self.quorum));
        }
        self.matcher.warning()
    }
}

/// Which processes count.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Matcher {
    /// Those whose kernel name (`/proc/PID/comm`) is exactly this.
    ///
    /// The kernel keeps [`COMM_MAX_BYTES`] bytes of it; a longer name, or a path, never matches.
    Comm(OsString),
    /// Those whose command line starts with exactly this word (`argv[0]`, no basename taken) and goes on
    /// as the parameters say.
    CommandLine {
        /// The first word.
        command: OsString,
        /// The others.
        parameters: Parameters,
    },
}

/// Which parameters a process must have been started with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Parameters {
    /// Any, or none.
    Any,
    /// Exactly these; an empty list asks for none.
    Exact(Vec<OsString>),
    /// These first, perhaps others behind them.
    Partial(Vec<OsString>),
    /// These first, the last of them perhaps longer, perhaps others behind it.
    Initial(Vec<OsString>),
}

/// The configuration's word for how parameters are compared, when not exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamMatch {
    /// Others may follow.
    Partial,
    /// The last one may be longer, and others may follow.
    Initial,
}

impl Matcher {
    /// The processes with this kernel name.
    pub fn comm(name: impl Into<OsString>) -> Self {
        Self::Comm(name.into())
    }

    /// The processes that the words of a keepalived configuration mean.
    ///
    /// Without parameters and options the kernel name counts. With any parameter, `full_command` or
    /// `param_match`, the command line counts. `param_match` without a parameter asks for none.
    pub fn from_words(
        command: impl Into<OsString>,
        parameters: Vec<OsString>,
        full_command: bool,
        param_match: Option<ParamMatch>,
    ) -> Self {
        let parameters = match (parameters.is_empty(), param_match) {
            (true, None) if !full_command => return Self::Comm(command.into()),
            (true, None) => Parameters::Any,
            (true, Some(_)) | (false, None) => Parameters::Exact(parameters),
            (false, Some(ParamMatch::Partial)) => Parameters::Partial(parameters),
            (false, Some(ParamMatch::Initial)) => Parameters::Initial(parameters),
        };
        Self::CommandLine { command: command.into(), parameters }
    }

    fn warning(&self) -> Option<String> {
        let Self::Comm(name) = self else { return None };
        let shown = name.display();
        if name.as_bytes().contains(&b'/') {
            Some(format!("`{shown}` is a path, and the name of a process never is: never found"))
        } else if name.len() > COMM_MAX_BYTES {
            let kept = OsStr::from_bytes(&name.as_bytes()[..COMM_MAX_BYTES]).display();
            Some(format!(
                "`{shown}` is longer than the {COMM_MAX_BYTES} bytes that the kernel keeps of a name: \
                 never found; the kernel calls it `{kept}`"
            ))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_can_never_match_are_warned_about() {
        let warning = |name: &str| Process::new("t", Matcher::comm(name)).warning();
        assert_eq!(warning("fifteen-bytes-x"), None);
        assert!(warning("sixteen-bytes-xy").unwrap().contains("`sixteen-bytes-x`"));
        assert!(warning("/usr/sbin/httpd").unwrap().contains("path"));
        let never = Process::new("t", Matcher::comm("a")).quorum(3).quorum_max(2);
        assert!(never.warning().unwrap().contains("never up"));
    }

    #[test]
    fn the_verdict_is_up_from_quorum_to_quorum_max() {
        let source = Process::new("t", Matcher::comm("a")).quorum(2).quorum_max(3);
        let verdicts: Vec<bool> = (0..5).map(|count| source.judge(count).is_up()).collect();
        assert_eq!(verdicts, [false, false, true, true, false]);
    }

    #[test]
    fn quorum_max_zero_means_must_not_run() {
        let source = Process::new("t", Matcher::comm("a")).quorum_max(0);
        assert!(source.judge(0).is_up());
        assert!(!source.judge(1).is_up());
        assert_eq!(source.warning(), None);
    }
}
