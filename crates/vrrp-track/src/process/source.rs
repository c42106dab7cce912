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
pub struct ProcessSource {
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

impl ProcessSource {
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

    /// Whether a process with this kernel name and this `/proc/PID/cmdline` counts.
    ///
    /// `cmdline` is asked for only if it matters: reading it touches the process's memory.
    pub(crate) fn matches<'a>(&self, comm: &[u8], cmdline: impl FnOnce() -> &'a [u8]) -> bool {
        match self {
            Self::Comm(name) => name.as_bytes() == comm,
            Self::CommandLine { command, parameters } => {
                let mut words = words(cmdline());
                words.next() == Some(command.as_bytes()) && parameters.matches(words)
            }
        }
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

impl Parameters {
    fn matches<'a>(&self, mut words: impl Iterator<Item = &'a [u8]>) -> bool {
        let (expected, others_may_follow) = match self {
            Self::Any => return true,
            Self::Exact(expected) => (expected.as_slice(), false),
            Self::Partial(expected) => (expected.as_slice(), true),
            Self::Initial(expected) => {
                let Some((last, before)) = expected.split_last() else { return true };
                return before.iter().all(|word| words.next() == Some(word.as_bytes()))
                    && words.next().is_some_and(|word| word.starts_with(last.as_bytes()));
            }
        };
        expected.iter().all(|word| words.next() == Some(word.as_bytes()))
            && (others_may_follow || words.next().is_none())
    }
}

/// The words of a `/proc/PID/cmdline`: each ends with a NUL; a process that wrote its title over them may
/// have left the last one out.
fn words(cmdline: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = cmdline.strip_suffix(b"\0").unwrap_or(cmdline);
    let present = !cmdline.is_empty();
    text.split(|&byte| byte == 0).filter(move |_| present)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CMDLINE: &[u8] = b"/bin/prog\x0030\x0031\0";

    /// Command, parameters, `full_command`, `param_match`, and whether it matches.
    type Case = (&'static str, &'static [&'static str], bool, Option<ParamMatch>, bool);

    fn list(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    fn matches(matcher: &Matcher) -> bool {
        matcher.matches(b"prog", || CMDLINE)
    }

    /// The cases of keepalived 2.4.3, as protocol descriptions have them (`/bin/prog 30 31`).
    #[test]
    fn configuration_words_select_processes_as_keepalived_does() {
        use ParamMatch::{Initial, Partial};
        #[rustfmt::skip]
        let cases: [Case; 24] = [
            ("prog",      &[],                 false, None,          true),
            ("pro",       &[],                 false, None,          false),
            ("/bin/prog", &[],                 false, None,          false),
            ("/bin/prog", &[],                 true,  None,          true),
            ("prog",      &[],                 true,  None,          false),
            ("/bin/prog", &["30", "31"],       false, None,          true),
            ("/bin/prog", &["30", "31"],       true,  None,          true),
            ("prog",      &["30", "31"],       false, None,          false),
            ("/bin/prog", &["30"],             false, None,          false),
            ("/bin/prog", &["30", "31", "32"], false, None,          false),
            ("/bin/prog", &["30"],             false, Some(Partial), true),
            ("/bin/prog", &["30", "31"],       false, Some(Partial), true),
            ("/bin/prog", &["3"],              false, Some(Partial), false),
            ("/bin/prog", &["31"],             false, Some(Partial), false),
            ("/bin/prog", &["30", "3"],        false, Some(Initial), true),
            ("/bin/prog", &["30", "31"],       false, Some(Initial), true),
            ("/bin/prog", &["3"],              false, Some(Initial), true),
            ("/bin/prog", &["3", "31"],        false, Some(Initial), false),
            ("/bin/prog", &["30", "32"],       false, Some(Initial), false),
            ("/bin/prog", &["30", "31", ""],   false, Some(Initial), false),
            ("/bin/prog", &[],                 false, Some(Partial), false),
            ("/bin/prog", &[],                 false, Some(Initial), false),
            ("/bin/prog", &[],                 true,  Some(Initial), false),
            ("prog",      &[],                 false, Some(Partial), false),
        ];
        for (command, parameters, full, param_match, expected) in cases {
            let matcher = Matcher::from_words(command, list(parameters), full, param_match);
            assert_eq!(
                matches(&matcher),
                expected,
                "{command} {parameters:?} {full} {param_match:?}"
            );
        }
    }

    #[test]
    fn param_match_alone_asks_for_no_parameters() {
        let matcher = Matcher::from_words("d", vec![], false, Some(ParamMatch::Partial));
        assert!(matcher.matches(b"x", || b"d\0"));
        assert!(!matcher.matches(b"x", || b"d\0-f\0"));
        assert!(!matcher.matches(b"x", || b"d\0\0"), "an empty parameter is one");
    }

    #[test]
    fn a_process_without_a_command_line_matches_by_name_only() {
        assert!(Matcher::comm("kthreadd").matches(b"kthreadd", || b""));
        let matcher = Matcher::from_words("", vec![], true, None);
        assert!(!matcher.matches(b"kthreadd", || b""));
        assert!(matcher.matches(b"odd", || b"\0"), "an empty argv[0]");
    }

    #[test]
    fn a_title_without_final_nul_is_one_word() {
        let matcher = Matcher::from_words("nginx: master process", vec![], true, None);
        assert!(matcher.matches(b"nginx", || b"nginx: master process"));
    }

    #[test]
    fn the_command_line_is_read_only_if_it_matters() {
        assert!(!Matcher::comm("a").matches(b"b", || unreachable!("comm decides")));
    }

    #[test]
    fn names_that_can_never_match_are_warned_about() {
        let warning = |name: &str| ProcessSource::new("t", Matcher::comm(name)).warning();
        assert_eq!(warning("fifteen-bytes-x"), None);
        assert!(warning("sixteen-bytes-xy").unwrap().contains("`sixteen-bytes-x`"));
        assert!(warning("/usr/sbin/httpd").unwrap().contains("path"));
        let never = ProcessSource::new("t", Matcher::comm("a")).quorum(3).quorum_max(2);
        assert!(never.warning().unwrap().contains("never up"));
    }

    #[test]
    fn the_verdict_is_up_from_quorum_to_quorum_max() {
        let source = ProcessSource::new("t", Matcher::comm("a")).quorum(2).quorum_max(3);
        let verdicts: Vec<bool> = (0..5).map(|count| source.judge(count).is_up()).collect();
        assert_eq!(verdicts, [false, false, true, true, false]);
    }

    #[test]
    fn quorum_max_zero_means_must_not_run() {
        let source = ProcessSource::new("t", Matcher::comm("a")).quorum_max(0);
        assert!(source.judge(0).is_up());
        assert!(!source.judge(1).is_up());
        assert_eq!(source.warning(), None);
    }
}
