//! Programs to run, and as whom.

use serde::Serialize;

use super::{Config, Tracks};
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

impl Notify {
    /// All the programs that may run.
    pub fn commands(&self) -> impl Iterator<Item = &Command> {
        let Self { master, backup, fault, stop, deleted, any, master_rx_lower_priority, .. } = self;
        let all = [master, backup, fault, stop, deleted, any, master_rx_lower_priority];
        all.into_iter().flatten().map(|command| &command.value)
    }
}

impl Config {
    /// Leaves out the check scripts and the notify programs that are not wanted, and with a script all
    /// that tracks it: as keepalived does with what is not safe to run.
    ///
    /// ```
    /// # let text = "vrrp_script chk {\n script /bin/true\n}\nvrrp_instance A {\n interface eth0\n \
    /// #     virtual_router_id 1\n track_script { chk }\n notify /bin/x\n \
    /// #     virtual_ipaddress { 192.0.2.1 }\n}";
    /// # let loaded = vrrp_conf::parse_str("t", text, &vrrp_conf::Options::default());
    /// # let mut config = loaded.config.unwrap();
    /// config.retain_commands(|command| command.program() != "/bin/true");
    /// assert!(config.scripts.is_empty() && config.instances[0].tracks.scripts.is_empty());
    /// assert!(config.instances[0].notify.any.is_some());
    /// ```
    pub fn retain_commands(&mut self, mut is_wanted: impl FnMut(&Command) -> bool) {
        let Self { scripts, instances, sync_groups, .. } = self;
        scripts.retain(|_, script| is_wanted(&script.command));
        let mut retain = |tracks: &mut Tracks, notify: &mut Notify| {
            tracks.scripts.retain(|track| scripts.contains_key(&track.target.value));
            let commands = [
                &mut notify.master,
                &mut notify.backup,
                &mut notify.fault,
                &mut notify.stop,
                &mut notify.deleted,
                &mut notify.any,
                &mut notify.master_rx_lower_priority,
            ];
            for command in commands {
                *command = command.take().filter(|command| is_wanted(command));
            }
        };
        for instance in instances {
            retain(&mut instance.tracks, &mut instance.notify);
        }
        for group in sync_groups {
            retain(&mut group.tracks, &mut group.notify);
        }
    }
}
