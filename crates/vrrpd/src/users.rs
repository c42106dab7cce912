//! As whom programs run: their own user, else `script_user`, else `keepalived_script` if there is
//! one, else the daemon's.

use vrrp::track::{Credentials, LookupError, Output, Program};
use vrrp_conf::model::{Command, ScriptUser};

/// The user that keepalived's packages make for scripts.
const CUSTOMARY_USER: &str = "keepalived_script";

/// Who runs the programs that name nobody.
#[derive(Debug, Default)]
pub(crate) struct Users {
    fallback: Option<Credentials>,
}

impl Users {
    /// Looks the customary user up; warns where programs that name nobody will run as the
    /// daemon's own user (`any_anonymous`: whether there are such programs at all).
    pub(crate) fn new(any_anonymous: bool) -> Self {
        let users = Self::look_up().unwrap_or_else(|error| {
            log::warn!("{error}");
            Self::default()
        });
        if users.fallback.is_none() && any_anonymous {
            log::warn!(
                "scripts without a user run as the daemon's own user: there is neither \
                 `script_user` in global_defs nor a user `{CUSTOMARY_USER}` on this machine"
            );
        }
        users
    }

    /// The same without warnings.
    pub(crate) fn look_up() -> Result<Self, LookupError> {
        match Credentials::of_user(CUSTOMARY_USER) {
            Ok(credentials) => Ok(Self { fallback: Some(credentials) }),
            Err(LookupError::NoUser(_)) => Ok(Self::default()),
            Err(error) => Err(error),
        }
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
            Some(user) => named(&user.value).map(Some),
            None => Ok(self.fallback.clone()),
        }
    }
}

fn named(user: &ScriptUser) -> Result<Credentials, LookupError> {
    let credentials = Credentials::of_user(&user.user)?;
    match &user.group {
        Some(group) => credentials.with_group(group),
        None => Ok(credentials),
    }
}
