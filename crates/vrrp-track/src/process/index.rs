//! Which sources a process belongs to, found by its first word instead of by asking each source.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use super::source::{Matcher, Parameters, Process};

/// The sources by what they look for; a source is known by its place.
#[derive(Debug, Default)]
pub(super) struct Index {
    comms: HashMap<Vec<u8>, Vec<usize>>,
    commands: HashMap<Vec<u8>, Vec<(usize, Parameters)>>,
}

impl Index {
    pub(super) fn new<'a>(sources: impl IntoIterator<Item = &'a Process>) -> Self {
        let mut index = Self::default();
        for (place, source) in sources.into_iter().enumerate() {
            match &source.matcher {
                Matcher::Comm(name) => {
                    index.comms.entry(name.as_bytes().to_vec()).or_default().push(place);
                }
                Matcher::CommandLine { command, parameters } => {
                    let places = index.commands.entry(command.as_bytes().to_vec()).or_default();
                    places.push((place, parameters.clone()));
                }
            }
        }
        index
    }

    /// Whether the kernel's name of a process matters to anybody.
    pub(super) fn wants_comm(&self) -> bool {
        !self.comms.is_empty()
    }

    /// Whether a process's command line matters: reading it touches the process's memory.
    pub(super) fn wants_cmdline(&self) -> bool {
        !self.commands.is_empty()
    }

    /// The places of the sources that look for this kernel name.
    pub(super) fn by_comm(&self, comm: &[u8]) -> &[usize] {
        self.comms.get(comm).map_or(&[], Vec::as_slice)
    }

    /// The places of the sources that look for this command line.
    pub(super) fn by_cmdline(&self, cmdline: &[u8]) -> impl Iterator<Item = usize> {
        let mut words = words(cmdline);
        let places = words.next().and_then(|command| self.commands.get(command));
        let matching = move |(place, parameters): &(usize, Parameters)| {
            parameters.match_words(words.clone()).then_some(*place)
        };
        places.into_iter().flatten().filter_map(matching)
    }
}

impl Parameters {
    fn match_words<'a>(&self, mut words: impl Iterator<Item = &'a [u8]>) -> bool {
        let words = &mut words;
        match self {
            Self::Any => true,
            Self::Partial(expected) => starts_with(words, expected),
            Self::Exact(expected) => starts_with(words, expected) && words.next().is_none(),
            Self::Initial(expected) => expected.split_last().is_none_or(|(last, before)| {
                starts_with(words, before)
                    && words.next().is_some_and(|word| word.starts_with(last.as_bytes()))
            }),
        }
    }
}

/// Takes as many words as are expected, if they are those.
fn starts_with<'a>(words: &mut impl Iterator<Item = &'a [u8]>, expected: &[OsString]) -> bool {
    expected.iter().all(|word| words.next() == Some(word.as_bytes()))
}

/// The words of a `/proc/PID/cmdline`: each ends with a NUL; a process that wrote its title over them may
/// have left the last one out.
fn words(cmdline: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    let text = cmdline.strip_suffix(b"\0").unwrap_or(cmdline);
    let present = !cmdline.is_empty();
    text.split(|&byte| byte == 0).filter(move |_| present)
}

#[cfg(test)]
mod tests {
    use super::super::ParamMatch::{self, Initial, Partial};
    use super::*;

    fn matches(matcher: Matcher, comm: &[u8], cmdline: &[u8]) -> bool {
        let index = Index::new(&[
            Process::new("other", Matcher::comm("other")),
            Process::new("p", matcher),
        ]);
        let found: Vec<usize> =
            index.by_comm(comm).iter().copied().chain(index.by_cmdline(cmdline)).collect();
        assert!(found.iter().all(|&place| place == 1) && found.len() < 2);
        !found.is_empty()
    }

    /// Command, parameters, `full_command`, `param_match`, and whether it matches.
    type Case = (&'static str, &'static [&'static str], bool, Option<ParamMatch>, bool);

    /// A process called `prog`, started as `/bin/prog 30 31`.
    #[test]
    fn configuration_words_select_processes_as_keepalived_does() {
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
            let parameters: Vec<OsString> = parameters.iter().map(OsString::from).collect();
            let matcher = Matcher::from_words(command, parameters.clone(), full, param_match);
            let found = matches(matcher, b"prog", b"/bin/prog\x0030\x0031\0");
            assert_eq!(found, expected, "{command} {parameters:?} {full} {param_match:?}");
        }
    }

    #[test]
    fn param_match_alone_asks_for_no_parameters() {
        let matcher = Matcher::from_words("d", vec![], false, Some(Partial));
        assert!(matches(matcher.clone(), b"x", b"d\0"));
        assert!(!matches(matcher.clone(), b"x", b"d\0-f\0"));
        assert!(!matches(matcher, b"x", b"d\0\0"), "an empty parameter is one");
    }

    #[test]
    fn a_process_without_a_command_line_matches_by_name_only() {
        assert!(matches(Matcher::comm("kthreadd"), b"kthreadd", b""));
        let matcher = Matcher::from_words("", vec![], true, None);
        assert!(!matches(matcher.clone(), b"kthreadd", b""));
        assert!(matches(matcher, b"odd", b"\0"), "an empty argv[0]");
    }

    #[test]
    fn a_title_without_final_nul_is_one_word() {
        let matcher = Matcher::from_words("nginx: master process", vec![], true, None);
        assert!(matches(matcher, b"nginx", b"nginx: master process"));
    }

    #[test]
    fn one_process_may_belong_to_several_sources() {
        let any = Matcher::from_words("d", vec![], true, None);
        let index = Index::new(&[
            Process::new("a", any.clone()),
            Process::new("b", Matcher::from_words("d", vec!["-x".into()], false, None)),
            Process::new("c", any),
        ]);
        assert_eq!(index.by_cmdline(b"d\0").collect::<Vec<_>>(), [0, 2]);
        assert_eq!(index.by_cmdline(b"d\0-x\0").collect::<Vec<_>>(), [0, 1, 2]);
    }
}
