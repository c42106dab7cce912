//! Programs to run, and as whom.

use serde::Serialize;

use crate::Spanned;

/// Who runs a program.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct ScriptUser {
    /// The user's name.
    pub user: String,
    /// The group's name; the user's own group where none is given.
    pub group: Option<String>,
}

/// A program to run, with its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Command {
    /// The program and its arguments; there is always a program.
    pub words: Vec<String>,
    /// Who runs it: the command's own user, else `script_user` of `global_defs`; `None`
    /// where neither is given.
    pub user: Option<Spanned<ScriptUser>>,
}

impl Command {
    /// The path of the program.
    pub fn program(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// The arguments.
    pub fn arguments(&self) -> &[String] {
        self.words.get(1..).unwrap_or_default()
    }
}

/// What to run when an instance or a group changes its state.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct Notify {
    /// On becoming MASTER.
    pub master: Option<Spanned<Command>>,
    /// On becoming BACKUP.
    pub backup: Option<Spanned<Command>>,
    /// On entering FAULT.
    pub fault: Option<Spanned<Command>>,
    /// When the daemon stops.
    pub stop: Option<Spanned<Command>>,
    /// After a reload that removed the instance.
    pub deleted: Option<Spanned<Command>>,
    /// Say DELETED instead of FAULT after a reload that removed the instance.
    pub say_deleted: bool,
    /// On every change, after the one for the state, with four more arguments.
    pub any: Option<Spanned<Command>>,
    /// When a master hears an advert of a lower priority.
    pub master_rx_lower_priority: Option<Spanned<Command>>,
    /// Report changes of the priority to the notify FIFOs.
    pub priority_changes: bool,
}
