//! What can be tracked, and who tracks it.

use std::sync::Arc;
use std::time::Duration;

use super::row::Draft;
use super::rows::{TRACK_FILE, VRRP_SCRIPT, VRRP_TRACK_PROCESS};
use super::value::parse_integer;
use super::{Kind, Reader};
use crate::did_you_mean::closest;
use crate::model::{
    Command, FileInit, InterfaceName, ParamMatch, Script, ScriptUser, Track, TrackedFile,
    TrackedProcess, Weight,
};
use crate::syntax::{Body, Statement, Word};
use crate::{Code, Diagnostic, Span, Spanned};

type Name = Spanned<Arc<str>>;

/// What `vrrp_script` says.
#[derive(Default)]
pub(super) struct ScriptDraft {
    pub(super) command: Option<Spanned<Vec<String>>>,
    pub(super) interval: Option<Duration>,
    pub(super) timeout: Option<Duration>,
    pub(super) weight: Option<Spanned<Weight>>,
    pub(super) rise: Option<u32>,
    pub(super) fall: Option<u32>,
    pub(super) user: Option<Spanned<ScriptUser>>,
    pub(super) init_fail: bool,
}

impl Draft for ScriptDraft {
    type Model = Script;
}

/// What `vrrp_track_process` says.
#[derive(Default)]
pub(super) struct ProcessDraft {
    /// The process and its parameters.
    pub(super) pattern: Vec<Spanned<String>>,
    pub(super) param_match: Option<ParamMatch>,
    pub(super) full_command: bool,
    pub(super) weight: Option<Spanned<Weight>>,
    pub(super) quorum: Option<u32>,
    pub(super) quorum_max: Option<u32>,
    pub(super) fork_delay: Duration,
    pub(super) terminate_delay: Duration,
}

impl Draft for ProcessDraft {
    type Model = TrackedProcess;
}

/// What `track_file` says.
#[derive(Default)]
pub(super) struct FileDraft {
    pub(super) path: Option<Spanned<String>>,
    pub(super) weight: Option<Spanned<Weight>>,
    pub(super) init: Option<FileInit>,
}

impl Draft for FileDraft {
    type Model = TrackedFile;
}

impl Reader<'_> {
    /// Reports a setting that an instance cannot do without.
    pub(super) fn require<T>(&mut self, value: Option<T>, what: &str, name: &Name) -> Option<T> {
        self.require_as(Code::Required, value, what, name)
    }

    /// Reports a setting that a definition cannot do without; keepalived drops the definition.
    pub(super) fn require_in_definition<T>(
        &mut self,
        value: Option<T>,
        what: &str,
        name: &Name,
    ) -> Option<T> {
        self.require_as(Code::IncompleteDefinition, value, what, name)
    }

    /// Reports a block that lists nothing where that is all it is for.
    pub(super) fn nothing_listed(&mut self, keyword: &'static str, at: Span) {
        if !self.is_excused(keyword, Code::IncompleteDefinition) {
            let message = format!("`{keyword}` lists nothing");
            self.error(Code::IncompleteDefinition, at, message);
        }
    }

    fn require_as<T>(
        &mut self,
        code: Code,
        value: Option<T>,
        what: &str,
        name: &Name,
    ) -> Option<T> {
        if value.is_none() && !self.is_excused(what, code) {
            let message = format!("`{name}` has no `{what}`");
            let diagnostic = Diagnostic::new(code, name.span, message)
                .help(format!("add a line that begins with `{what}`"));
            self.push(diagnostic);
        }
        value
    }

    pub(super) fn script(&mut self, name: Name, body: &Body<'_>) -> Option<()> {
        let mut draft = ScriptDraft::default();
        self.fill(&VRRP_SCRIPT, &mut draft, body);
        let command = self.require_in_definition(draft.command, "script", &name)?;
        let user = draft.user.or_else(|| self.config.global.script_user.clone());
        let interval = draft.interval.unwrap_or(Duration::from_secs(1));
        let script = Script {
            command: command.map(|words| Command { words, user }),
            interval,
            // keepalived takes a timeout of 0 for none given.
            timeout: draft.timeout.filter(|timeout| !timeout.is_zero()).unwrap_or(interval),
            weight: draft.weight.unwrap_or(Spanned::new(Weight::default(), name.span)),
            rise: draft.rise.unwrap_or(1),
            fall: draft.fall.unwrap_or(1),
            init_fail: draft.init_fail,
            name,
        };
        self.config.scripts.insert(Arc::clone(&script.name.value), script);
        Some(())
    }

    pub(super) fn process(&mut self, name: Name, body: &Body<'_>) -> Option<()> {
        let mut draft = ProcessDraft::default();
        self.fill(&VRRP_TRACK_PROCESS, &mut draft, body);
        let mut pattern = draft.pattern.into_iter();
        let process = self.require_in_definition(pattern.next(), "process", &name)?;
        let process = TrackedProcess {
            process,
            parameters: pattern.map(|word| word.value).collect(),
            param_match: draft.param_match,
            full_command: draft.full_command,
            weight: draft.weight.unwrap_or(Spanned::new(Weight::ONE, name.span)),
            quorum: draft.quorum.unwrap_or(1),
            quorum_max: draft.quorum_max,
            fork_delay: draft.fork_delay,
            terminate_delay: draft.terminate_delay,
            name,
        };
        self.check_quorum(&process);
        self.config.processes.insert(Arc::clone(&process.name.value), process);
        Some(())
    }

    fn check_quorum(&mut self, process: &TrackedProcess) {
        // A maximum of 0 asks that none runs, whatever the quorum.
        let max = process.quorum_max.filter(|max| *max > 0 && *max < process.quorum);
        if let Some(max) = max {
            let quorum = process.quorum;
            let message = format!("`{}` can never be up", process.name);
            let diagnostic = Diagnostic::new(Code::BadQuorum, process.name.span, message)
                .note(format!("at least {quorum} must run, and at most {max} may"));
            self.push(diagnostic);
        }
    }

    pub(super) fn file(&mut self, name: Name, body: &Body<'_>) -> Option<()> {
        let FileDraft { path, weight, init } = {
            let mut draft = FileDraft::default();
            self.fill(&TRACK_FILE, &mut draft, body);
            draft
        };
        let weight = weight.unwrap_or(Spanned::new(Weight::ONE, name.span));
        let path = path.map(|path| path.map(Into::into));
        let path = self.require_in_definition(path, "file", &name)?;
        let key = Arc::clone(&name.value);
        self.config.files.insert(key, TrackedFile { name, path, weight, init });
        Some(())
    }

    pub(super) fn file_init(&mut self, words: &[Word<'_>]) -> Option<FileInit> {
        let mut init = FileInit { value: 0, overwrite: false };
        let overwrite = |word: &&Word<'_>| word.text == "overwrite";
        let mut words = words.iter().peekable();
        if let Some(word) = words.next_if(|word| !overwrite(word)) {
            init.value = self.integer(word, i32::MIN.into(), i32::MAX.into())? as i32;
        }
        if words.next_if(overwrite).is_some() {
            init.overwrite = true;
        }
        if let Some(rest) = words.next() {
            self.no_more(std::slice::from_ref(rest));
        }
        Some(init)
    }

    pub(super) fn track_interfaces(
        &mut self,
        tracks: &mut Vec<Track<InterfaceName>>,
        body: &Body<'_>,
    ) {
        for item in &body.statements {
            let Some(name) = self.interface(item.keyword()) else { continue };
            let target = Spanned::new(name, item.keyword().span);
            let Some(weight) = self.track_weight(item, 253) else { continue };
            if self.is_tracked(None, &target.to_string(), target.span) {
                continue;
            }
            let default = Spanned::new(Weight::default(), target.span);
            tracks.push(Track { weight: weight.unwrap_or(default), target });
        }
    }

    pub(super) fn track_named(
        &mut self,
        tracks: &mut Vec<Track<Arc<str>>>,
        kind: Kind,
        limit: i64,
        body: &Body<'_>,
    ) {
        for item in &body.statements {
            let word = item.keyword();
            let target = Spanned::new(Arc::<str>::from(&*word.text), word.span);
            let weight = self.track_weight(item, limit);
            let defined = self.refer(kind, &target);
            let (Some(weight), true) = (weight, defined) else { continue };
            if self.is_tracked(Some(kind), &target, target.span) {
                continue;
            }
            let weight = weight.or_else(|| self.defined_weight(kind, &target));
            let default = Spanned::new(Weight::default(), target.span);
            tracks.push(Track { weight: weight.unwrap_or(default), target });
        }
    }

    fn defined_weight(&self, kind: Kind, name: &str) -> Option<Spanned<Weight>> {
        let config = &self.config;
        match kind {
            Kind::Script => config.scripts.get(name).map(|script| script.weight),
            Kind::Process => config.processes.get(name).map(|process| process.weight),
            Kind::File => config.files.get(name).map(|file| file.weight),
            Kind::Bfd => config.bfd_sessions.get(name).map(|session| session.weight),
            _ => None,
        }
    }

    /// What is behind a tracked name: `Some(None)` is nothing, `None` is wrong.
    fn track_weight(
        &mut self,
        item: &Statement<'_>,
        limit: i64,
    ) -> Option<Option<Spanned<Weight>>> {
        self.no_body(item);
        let Some((keyword, rest)) = item.arguments().split_first() else { return Some(None) };
        if keyword.text != "weight" {
            let glued = keyword.text.strip_prefix("weight=").filter(|value| !value.is_empty());
            let message = format!("`{}` is not an option of a tracked item", keyword.text);
            let mut diagnostic = Diagnostic::new(Code::UnknownOption, keyword.span, message)
                .leniently(self.options, "it is not tracked")
                .help("the form is `NAME [weight NUMBER [reverse|noreverse]]`")
                .did_you_mean(closest(&keyword.text, ["weight"].into_iter()));
            if let Some(value) = glued {
                diagnostic = diagnostic.help(format!("write `weight {value}`"));
            }
            if self.used_as(&keyword.text, Kind::wants_use).is_some() {
                let help = format!("write `{}` on a line of its own", keyword.text);
                diagnostic = diagnostic.help(help);
            }
            self.push(diagnostic);
            // keepalived does not track it at all.
            return None;
        }
        if rest.is_empty() {
            let message = "`weight` without a value".to_owned();
            let diagnostic = Diagnostic::new(Code::OptionWithoutValue, keyword.span, message)
                .leniently(self.options, "it is not tracked");
            self.push(diagnostic);
            return None;
        }
        let Some((weight, more)) = self.weight(rest, limit) else {
            return self.options.lenient.then(|| weight_just_beyond(&rest[0], limit));
        };
        self.no_more(more);
        let words = &rest[..rest.len() - more.len()];
        let at = words.iter().fold(rest[0].span, |at, word| at.to(word.span));
        Some(Some(Spanned::new(weight, at)))
    }

    /// Whether the block tracks this already, which is reported. No kind: an interface.
    fn is_tracked(&mut self, kind: Option<Kind>, name: &str, at: Span) -> bool {
        let Some(first) = self.tracked.before((kind, name.into()), at) else { return false };
        let diagnostic = Diagnostic::new(Code::Duplicate, at, format!("`{name}` is tracked twice"))
            .also(first, "first tracked here");
        self.push(diagnostic);
        true
    }
}

/// What keepalived makes of a weight of ±254 where ±253 is the limit; of others it makes nothing.
fn weight_just_beyond(word: &Word<'_>, limit: i64) -> Option<Spanned<Weight>> {
    let value = parse_integer(&word.text).filter(|value| value.abs() == limit + 1)?;
    let value = value.clamp(-limit, limit) as i32;
    Some(Spanned::new(Weight { value, reverse: false }, word.span))
}

/// What a word that the row has let through means.
pub(super) fn param_match(word: &str) -> ParamMatch {
    if word == "partial" { ParamMatch::Partial } else { ParamMatch::Initial }
}

pub(super) fn param_match_word(how: ParamMatch) -> &'static str {
    match how {
        ParamMatch::Partial => "partial",
        ParamMatch::Initial => "initial",
    }
}
