//! What can be tracked, and who tracks it.

use std::sync::Arc;
use std::time::Duration;

use super::settings::{Setting, Value};
use super::value::{owned, parse_integer};
use super::{Kind, Reader};
use crate::did_you_mean::closest;
use crate::keywords::{Shape, TOP_LEVEL};
use crate::model::{
    Command, FileInit, InterfaceName, ParamMatch, Script, Track, TrackedFile, TrackedProcess,
    Tracks, Weight,
};
use crate::syntax::{Body, Statement, Word};
use crate::{Code, Diagnostic, Span, Spanned};

type Name = Spanned<Arc<str>>;

impl Reader<'_> {
    /// The settings of a block whose keyword is `keyword` at the top level.
    pub(super) fn block_settings<'t, 's>(
        &mut self,
        keyword: &str,
        body: &'s Body<'t>,
    ) -> Vec<Setting<'t, 's>> {
        match TOP_LEVEL.find(keyword).map(|keyword| keyword.shape) {
            Some(Shape::Block(block)) => self.settings(block, &body.statements),
            _ => Vec::new(),
        }
    }

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
        let (mut command, mut timeout, mut user) = (None, None, None);
        let mut script = Script {
            command: Spanned::new(Command { words: Vec::new(), user: None }, name.span),
            interval: Duration::from_secs(1),
            timeout: Duration::ZERO,
            weight: Spanned::new(Weight::default(), name.span),
            rise: 1,
            fall: 1,
            init_fail: false,
            name,
        };
        for setting in self.block_settings("vrrp_script", body) {
            let span = setting.span;
            match (setting.keyword.name, setting.value) {
                (_, Value::Program(words)) => command = Some(Spanned::new(words, span)),
                ("interval", Value::Time(time)) => script.interval = time,
                ("timeout", Value::Time(time)) => timeout = Some(time),
                ("weight", Value::Weight(weight)) => script.weight = Spanned::new(weight, span),
                ("rise", Value::Int(count)) => script.rise = count as u32,
                ("fall", Value::Int(count)) => script.fall = count as u32,
                ("user", Value::User(name)) => user = Some(Spanned::new(name, span)),
                ("init_fail", _) => script.init_fail = true,
                _ => {}
            }
        }
        let command = self.require_in_definition(command, "script", &script.name)?;
        let user = user.or_else(|| self.config.global.script_user.clone());
        script.command = command.map(|words| Command { words, user });
        // keepalived takes a timeout of 0 for none given.
        let given = timeout.filter(|timeout| !timeout.is_zero());
        script.timeout = given.unwrap_or(script.interval);
        self.config.scripts.insert(Arc::clone(&script.name.value), script);
        Some(())
    }

    pub(super) fn process(&mut self, name: Name, body: &Body<'_>) -> Option<()> {
        let mut pattern = None;
        let mut process = TrackedProcess {
            process: Spanned::new(String::new(), name.span),
            parameters: Vec::new(),
            param_match: None,
            full_command: false,
            weight: Spanned::new(Weight::ONE, name.span),
            quorum: 1,
            quorum_max: None,
            fork_delay: Duration::ZERO,
            terminate_delay: Duration::ZERO,
            name,
        };
        for setting in self.block_settings("vrrp_track_process", body) {
            let span = setting.span;
            match (setting.keyword.name, setting.value) {
                ("process", Value::Words(words)) => pattern = words.split_first(),
                ("param_match", Value::Choice(choice)) => {
                    process.param_match = Some(match choice {
                        "partial" => ParamMatch::Partial,
                        _ => ParamMatch::Initial,
                    });
                }
                ("weight", Value::Weight(weight)) => process.weight = Spanned::new(weight, span),
                ("quorum", Value::Int(count)) => process.quorum = count as u32,
                ("quorum_max", Value::Int(count)) => process.quorum_max = Some(count as u32),
                ("fork_delay", Value::Time(time)) => process.fork_delay = time,
                ("terminate_delay", Value::Time(time)) => process.terminate_delay = time,
                ("delay", Value::Time(time)) => {
                    (process.fork_delay, process.terminate_delay) = (time, time);
                }
                ("full_command", _) => process.full_command = true,
                _ => {}
            }
        }
        let (first, rest) = self.require_in_definition(pattern, "process", &process.name)?;
        process.process = owned(first);
        process.parameters = rest.iter().map(|word| owned(word).value).collect();
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
        let mut path = None;
        let (mut weight, mut init) = (Spanned::new(Weight::ONE, name.span), None);
        for setting in self.block_settings("track_file", body) {
            let span = setting.span;
            match (setting.keyword.name, setting.value) {
                ("file", Value::Word(word)) => path = Some(owned(word).map(Into::into)),
                ("weight", Value::Weight(given)) => weight = Spanned::new(given, span),
                ("init_file", Value::Words(words)) => init = self.file_init(words),
                _ => {}
            }
        }
        let path = self.require_in_definition(path, "file", &name)?;
        let key = Arc::clone(&name.value);
        self.config.files.insert(key, TrackedFile { name, path, weight, init });
        Some(())
    }

    fn file_init(&mut self, words: &[Word<'_>]) -> Option<FileInit> {
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

    /// Adds the items of a `track_…` block; `false` if it is none.
    pub(super) fn track(&mut self, tracks: &mut Tracks, keyword: &str, body: &Body<'_>) -> bool {
        match keyword {
            "track_interface" => self.track_interfaces(&mut tracks.interfaces, body),
            "track_script" => self.track_named(&mut tracks.scripts, Kind::Script, 253, body),
            "track_process" => self.track_named(&mut tracks.processes, Kind::Process, 254, body),
            "track_file" => self.track_named(&mut tracks.files, Kind::File, 254, body),
            "track_bfd" => self.track_named(&mut tracks.bfd_sessions, Kind::Bfd, 253, body),
            _ => return false,
        }
        true
    }

    fn track_interfaces(&mut self, tracks: &mut Vec<Track<InterfaceName>>, body: &Body<'_>) {
        for item in &body.statements {
            let Some(name) = self.interface(item.keyword()) else { continue };
            let target = Spanned::new(name, item.keyword().span);
            let Some(weight) = self.track_weight(item, 253) else { continue };
            if self.is_tracked(None, target.as_str(), target.span) {
                continue;
            }
            let default = Spanned::new(Weight::default(), target.span);
            tracks.push(Track { weight: weight.unwrap_or(default), target });
        }
    }

    fn track_named(
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
            let message = format!("`{}` is not an option of a tracked item", keyword.text);
            let mut diagnostic = Diagnostic::new(Code::UnknownOption, keyword.span, message)
                .leniently(self.options, "it is not tracked")
                .help("the form is `NAME [weight NUMBER [reverse|noreverse]]`")
                .did_you_mean(closest(&keyword.text, ["weight"].into_iter()));
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
