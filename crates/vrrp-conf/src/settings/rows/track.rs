//! What can be tracked.

use super::*;
use crate::settings::track::{FileDraft, ProcessDraft, ScriptDraft, param_match, param_match_word};
use crate::settings::value::owned;

const TRACK_FILE_ROWS: &[Row<FileDraft>] = &[
    row::<FileDraft>("file", Word("PATH"), "the file; required")
        .fills(Fill::Text(|to, path| to.path = Some(path)))
        .shown(|_, file, mut line| line.path(Some(&file.path))),
    row::<FileDraft>("weight", Weight(i32::MAX as i64), "the factor; 0: FAULT unless 0")
        .default("1")
        .fills(Fill::Weight(|to, weight| to.weight = Some(weight)))
        .shown(|_, file, mut line| line.weight(*file.weight)),
    row::<FileDraft>("init_file", Words(0, 2, "[NUMBER] [overwrite]"), "write it at start")
        .fills(Fill::Words(|reader, to, words, _| to.init = reader.file_init(words)))
        .shown(|_, file, mut line| line.file_init(file.init)),
];
static TRACK_FILE_KEYWORDS: [Keyword; TRACK_FILE_ROWS.len()] = keywords(TRACK_FILE_ROWS);
/// A file whose number is added to the priority.
pub(in crate::settings) static TRACK_FILE: Table<FileDraft> = Table {
    block: Block::new("A file whose number is added to the priority.", &TRACK_FILE_KEYWORDS)
        .named("NAME")
        .repeated(),
    rows: TRACK_FILE_ROWS,
};

const VRRP_TRACK_PROCESS_ROWS: &[Row<ProcessDraft>] = &[
    row::<ProcessDraft>("process", Words(1, 1024, "NAME [PARAMETER…]"), "the process; required")
        .fills(Fill::Words(|_, to, words, _| to.pattern = words.iter().map(owned).collect()))
        .shown(|_, process, mut line| {
            line.words([&process.process.value].into_iter().chain(&process.parameters).cloned())
        }),
    row::<ProcessDraft>("param_match", Choice(&["initial", "partial"]), "how parameters match")
        .default("exact")
        .fills(Fill::Choice(|to, choice| to.param_match = Some(param_match(*choice))))
        .shown(|_, process, mut line| {
            line.option(process.param_match.map(param_match_word).as_ref())
        }),
    row::<ProcessDraft>("weight", Weight(254), "what it does to the priority; 0: FAULT")
        .default("1")
        .fills(Fill::Weight(|to, weight| to.weight = Some(weight)))
        .shown(|_, process, mut line| line.weight(*process.weight)),
    row::<ProcessDraft>("quorum", Int(1, MAX_COUNT), "so many must run")
        .default("1")
        .fills(Fill::Number(|to, count| to.quorum = Some(*count as u32)))
        .shown(|_, process, mut line| line.value(&process.quorum)),
    row::<ProcessDraft>("quorum_max", Int(0, MAX_COUNT), "no more may run")
        .default("no limit")
        .fills(Fill::Number(|to, count| to.quorum_max = Some(*count as u32)))
        .shown(|_, process, mut line| line.option(process.quorum_max.as_ref())),
    row::<ProcessDraft>("fork_delay", Secs(0, DAY), "seconds until more of them count")
        .default("0")
        .fills(Fill::Time(|to, time| to.fork_delay = *time))
        .shown(|_, process, mut line| line.secs(process.fork_delay)),
    row::<ProcessDraft>("terminate_delay", Secs(0, DAY), "seconds until fewer of them count")
        .default("0")
        .fills(Fill::Time(|to, time| to.terminate_delay = *time))
        .shown(|_, process, mut line| line.secs(process.terminate_delay)),
    row::<ProcessDraft>("delay", Secs(0, DAY), "both")
        .default("0")
        .fills(Fill::Time(|to, time| (to.fork_delay, to.terminate_delay) = (*time, *time))),
    row::<ProcessDraft>("full_command", Flag, "compare the command line, not the name")
        .default("off")
        .fills(Fill::Bool(|to, _| to.full_command = true))
        .shown(|_, process, mut line| line.flag(process.full_command)),
];
static VRRP_TRACK_PROCESS_KEYWORDS: [Keyword; VRRP_TRACK_PROCESS_ROWS.len()] =
    keywords(VRRP_TRACK_PROCESS_ROWS);
/// A process of which enough must run.
pub(in crate::settings) static VRRP_TRACK_PROCESS: Table<ProcessDraft> = Table {
    block: Block::new("A process of which enough must run.", &VRRP_TRACK_PROCESS_KEYWORDS)
        .named("NAME")
        .repeated(),
    rows: VRRP_TRACK_PROCESS_ROWS,
};

const VRRP_SCRIPT_ROWS: &[Row<ScriptDraft>] = &[
    row::<ScriptDraft>("script", Program, "the program, in quotes if it has arguments; required")
        .fills(Fill::Program(|to, words| to.command = Some(words)))
        .shown(|_, script, mut line| line.program(&script.command.words)),
    row::<ScriptDraft>("interval", Secs(1000, DAY), "seconds from start to start")
        .default("1")
        .fills(Fill::Time(|to, time| to.interval = Some(*time)))
        .shown(|_, script, mut line| line.secs(script.interval)),
    row::<ScriptDraft>("timeout", Secs(0, DAY), "seconds until it has failed")
        .default("`interval`")
        .fills(Fill::Time(|to, time| to.timeout = Some(*time)))
        .shown(|_, script, mut line| line.secs(script.timeout)),
    row::<ScriptDraft>("weight", Weight(253), "what it does to the priority; 0: FAULT")
        .default("0")
        .fills(Fill::Weight(|to, weight| to.weight = Some(weight)))
        .shown(|_, script, mut line| line.weight(*script.weight)),
    row::<ScriptDraft>("rise", Int(1, i32::MAX as i64), "successes that mean up")
        .default("1")
        .fills(Fill::Number(|to, count| to.rise = Some(*count as u32)))
        .shown(|_, script, mut line| line.value(&script.rise)),
    row::<ScriptDraft>("fall", Int(1, i32::MAX as i64), "failures that mean down")
        .default("1")
        .fills(Fill::Number(|to, count| to.fall = Some(*count as u32)))
        .shown(|_, script, mut line| line.value(&script.fall)),
    row::<ScriptDraft>("user", User, "the user, and group, that runs it")
        .default("`script_user`")
        .fills(Fill::User(|to, user| to.user = Some(user)))
        .shown(|_, script, mut line| line.user(script.command.user.as_deref())),
    row::<ScriptDraft>("init_fail", Flag, "failed until it has succeeded")
        .default("off")
        .fills(Fill::Bool(|to, _| to.init_fail = true))
        .shown(|_, script, mut line| line.flag(script.init_fail)),
];
static VRRP_SCRIPT_KEYWORDS: [Keyword; VRRP_SCRIPT_ROWS.len()] = keywords(VRRP_SCRIPT_ROWS);
/// A program whose exit code is a verdict.
pub(in crate::settings) static VRRP_SCRIPT: Table<ScriptDraft> = Table {
    block: Block::new("A program whose exit code is a verdict.", &VRRP_SCRIPT_KEYWORDS)
        .named("NAME")
        .repeated(),
    rows: VRRP_SCRIPT_ROWS,
};
