//! A program to run: its words, its user, its environment.

use std::ffi::{OsStr, OsString};
use std::fmt;

/// What to run and as whom; shared by [scripts](crate::script) and the [runner](crate::runner).
///
/// Never run through a shell: the words reach the program as they are. Standard input is empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Program {
    pub(crate) argv: Vec<OsString>,
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) output: Output,
}

impl Program {
    /// The program at `path`, without arguments, as the user that the embedding program is.
    ///
    /// A name without a slash is looked up in `PATH`.
    pub fn new(path: impl Into<OsString>) -> Self {
        Self {
            argv: vec![path.into()],
            env: Vec::new(),
            credentials: None,
            output: Output::default(),
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.argv.push(arg.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.argv.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable on top of the inherited environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Runs it as another user; needs the [shim](crate::shim), unless it is the user that runs anyway.
    #[must_use]
    pub fn credentials(mut self, credentials: impl Into<Option<Credentials>>) -> Self {
        self.credentials = credentials.into();
        self
    }

    /// Says what becomes of its standard output and standard error; the default is [`Output::Discard`].
    #[must_use]
    pub const fn output(mut self, output: Output) -> Self {
        self.output = output;
        self
    }

    /// The path or name of the program.
    pub fn path(&self) -> &OsStr {
        &self.argv[0]
    }

    /// Path and arguments.
    pub fn argv(&self) -> &[OsString] {
        &self.argv
    }
}

impl fmt::Display for Program {
    /// The words, separated by spaces, for messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.argv.iter().enumerate() {
            let gap = if index == 0 { "" } else { " " };
            write!(f, "{gap}{}", word.display())?;
        }
        Ok(())
    }
}

/// What becomes of a program's standard output and standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Output {
    /// Thrown away.
    #[default]
    Discard,
    /// Goes where the embedding program's goes.
    Inherit,
}

/// The user and groups a program runs as.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Supplementary groups; the embedding program's own are dropped.
    pub groups: Vec<u32>,
}

/// Why a user or group could not be looked up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// No such user.
    #[error("there is no user `{0}`")]
    NoUser(String),
    /// No such group.
    #[error("there is no group `{0}`")]
    NoGroup(String),
    /// The name service failed.
    #[error("cannot look up `{name}`")]
    System {
        /// The user or group asked for.
        name: String,
        /// The failure.
        #[source]
        source: std::io::Error,
    },
}

impl Credentials {
    /// The user called `name`, with its primary group and no supplementary ones.
    ///
    /// # Errors
    /// There is no such user, or the name service fails.
    pub fn of_user(name: &str) -> Result<Self, LookupError> {
        let user = nix::unistd::User::from_name(name).map_err(|e| failed(name, e))?;
        let user = user.ok_or_else(|| LookupError::NoUser(name.to_owned()))?;
        Ok(Self { uid: user.uid.as_raw(), gid: user.gid.as_raw(), groups: Vec::new() })
    }

    /// The same user with the group called `name` in place of its primary one.
    ///
    /// # Errors
    /// There is no such group, or the name service fails.
    pub fn with_group(mut self, name: &str) -> Result<Self, LookupError> {
        let group = nix::unistd::Group::from_name(name).map_err(|e| failed(name, e))?;
        self.gid = group.ok_or_else(|| LookupError::NoGroup(name.to_owned()))?.gid.as_raw();
        Ok(self)
    }

    /// The same with the supplementary groups that the user called `name` is in.
    ///
    /// # Errors
    /// The name service fails.
    pub fn with_groups_of(mut self, name: &str) -> Result<Self, LookupError> {
        let c_name =
            std::ffi::CString::new(name).map_err(|_| LookupError::NoUser(name.to_owned()))?;
        let primary = nix::unistd::Gid::from_raw(self.gid);
        let groups = nix::unistd::getgrouplist(&c_name, primary).map_err(|e| failed(name, e))?;
        self.groups = groups.into_iter().map(nix::unistd::Gid::as_raw).collect();
        Ok(self)
    }
}

fn failed(name: &str, errno: nix::errno::Errno) -> LookupError {
    LookupError::System { name: name.to_owned(), source: errno.into() }
}
