//! As whom programs run: their own user, else `script_user`, else `keepalived_script` if there is
//! one, else the daemon's.

use std::sync::{Mutex, OnceLock, PoisonError};

use vrrp::track::{Credentials, LookupError, Output, Program};
use vrrp_conf::model::{Command, ScriptUser};

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
