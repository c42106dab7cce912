//! As whom programs run: their own user, else `script_user`, else `keepalived_script` if there is
//! one, else the daemon's.

use std::borrow::Cow;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use vrrp::track::{Credentials, LookupError, Output, Program, Weakness};
use vrrp_conf::model::{Command, Config, ScriptUser};

const ROOT: u32 = 0;
/// The user that keepalived's packages make for scripts.
const CUSTOMARY_USER: &str = "keepalived_script";

/// Who runs the programs that name nobody. It is looked up when the first of them runs: where
/// there is none, nobody has to be asked.
#[derive(Debug, Default)]
pub(crate) struct Users {
    fallback: OnceLock<Option<Credentials>>,
    /// Those that commands name.
    known: Mutex<Vec<(ScriptUser, Credentials)>>,
}

impl Users {
    /// Nobody looked up yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The customary user. Warns where programs that name nobody run as the daemon's own.
    fn fallback(&self) -> Option<Credentials> {
        let look_up = || {
            let customary = customary().unwrap_or_else(|error| {
                log::warn!("{error}");
                None
            });
            if customary.is_none() {
                log::warn!(
                    "scripts without a user run as the daemon's own user: there is neither \
                     `script_user` in global_defs nor a user `{CUSTOMARY_USER}` on this machine"
                );
            }
            customary
        };
        self.fallback.get_or_init(look_up).clone()
    }

    /// The same without warnings.
    pub(crate) fn look_up() -> Result<Self, LookupError> {
        Ok(Self { fallback: OnceLock::from(customary()?), ..Self::default() })
    }

    /// Looks up anew as whom these commands run, while that can be done: when one of them is to
    /// run there may be no descriptor left to look it up with.
    pub(crate) fn prepare<'a>(&self, commands: impl IntoIterator<Item = &'a Command>) {
        let mut known: Vec<(ScriptUser, Credentials)> = Vec::new();
        for command in commands {
            match &command.user {
                Some(user) if known.iter().any(|(other, _)| *other == user.value) => {}
                // A user that is missing is told of by whoever needs it.
                Some(user) => {
                    known.extend(named(&user.value).ok().map(|c| (user.value.clone(), c)))
                }
                None => drop(self.fallback()),
            }
        }
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }

    /// The program that a command means. What it prints goes where the daemon's log goes.
    pub(crate) fn program(
        &self,
        command: &Command,
        more: impl IntoIterator<Item = String>,
    ) -> Result<Program, LookupError> {
        Ok(Program::new(command.program())
            .args(command.arguments())
            .args(more)
            .output(Output::Inherit)
            .credentials(self.credentials(command)?))
    }

    /// The configuration without what root would run and somebody else could change, if it says
    /// `enable_script_security`.
    pub(crate) fn secured<'c>(&self, config: &'c Config) -> Cow<'c, Config> {
        let mut secured = Cow::Borrowed(config);
        if config.global.script_security {
            secured.to_mut().retain_commands(|command| self.is_secure(command));
        }
        secured
    }

    /// Whether nobody but root can change what root runs; warns otherwise.
    fn is_secure(&self, command: &Command) -> bool {
        let uid = match self.credentials(command) {
            Ok(credentials) => credentials.map_or_else(own_uid, |credentials| credentials.uid),
            // Whoever starts it says so.
            Err(_) => return true,
        };
        if uid != ROOT {
            return true;
        }
        let program = command.program();
        match Weakness::of(Path::new(program), ROOT) {
            Ok(Some(weakness)) => {
                log::warn!("{program}: root does not run it (enable_script_security): {weakness}");
                false
            }
            // What is not there harms nobody, and is found missing when it is to run.
            Ok(None) | Err(_) => true,
        }
    }

    /// As whom a command runs; `None` is the daemon's own user.
    pub(crate) fn credentials(
        &self,
        command: &Command,
    ) -> Result<Option<Credentials>, LookupError> {
        match &command.user {
            Some(user) => {
                let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                let found = known.iter().find(|(other, _)| *other == user.value);
                found.map_or_else(|| named(&user.value), |(_, found)| Ok(found.clone())).map(Some)
            }
            None => Ok(self.fallback()),
        }
    }
}

fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The user that keepalived's packages make, if this machine has it.
fn customary() -> Result<Option<Credentials>, LookupError> {
    match Credentials::of_user(CUSTOMARY_USER) {
        Ok(credentials) => Ok(Some(credentials)),
        Err(LookupError::NoUser(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn named(user: &ScriptUser) -> Result<Credentials, LookupError> {
    let credentials = Credentials::of_user(&user.user)?;
    match &user.group {
        Some(group) => credentials.with_group(group),
        None => Ok(credentials),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use vrrp_conf::{Options, parse_str};

    use super::*;

    #[test]
    fn root_does_not_run_what_others_can_change_if_that_is_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("check");
        fs::write(&program, "#!/bin/sh\n").unwrap();
        let program = program.display();
        let left = |global: &str, mode| {
            fs::set_permissions(program.to_string(), fs::Permissions::from_mode(mode)).unwrap();
            let text = format!(
                "global_defs {{\n{global}\n}}\nvrrp_script weak {{\n script {program}\n}}\n\
                 vrrp_script name {{\n script \"true x\"\n}}\nvrrp_instance A {{\n interface eth0\n \
                 virtual_router_id 1\n virtual_ipaddress {{\n  192.0.2.1\n }}\n track_script {{\n  \
                 weak\n  name\n }}\n notify_master {program}\n notify_backup /bin/true\n}}\n"
            );
            let config = parse_str("test", &text, &Options::default()).config.unwrap();
            let users = Users::new();
            let config = users.secured(&config);
            let instance = &config.instances[0];
            let notify = &instance.notify;
            let counts = (config.scripts.len(), instance.tracks.scripts.len());
            (counts, notify.master.is_some(), notify.backup.is_some())
        };
        let all = ((2, 2), true, true);
        assert_eq!(left("script_user root", 0o757), all);
        assert_eq!(left("script_user root\n enable_script_security", 0o755), all);
        let without = ((1, 1), false, true);
        assert_eq!(left("script_user root\n enable_script_security", 0o757), without);
        assert_eq!(left("script_user nobody\n enable_script_security", 0o757), all);
    }
}
