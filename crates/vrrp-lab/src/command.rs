//! What to start on a host.

use std::fmt;
use std::path::PathBuf;

use crate::protocol::{CommandLine, Program, Sink};
use crate::role::Role;

/// Where commands are looked up unless the command says otherwise.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A command for [`Host::spawn`](crate::Host::spawn) and [`Host::run`](crate::Host::run).
///
/// It starts in `/` with no input, with `PATH` and nothing else in its environment, and with
/// both outputs captured. An array of words is a command too: `["ping", "-c1", "10.0.0.2"]`.
#[derive(Debug, Clone)]
pub struct Command(CommandLine);

impl Command {
    /// A program by its path, or by a name that is looked up in `PATH`.
    pub fn new(program: impl Into<String>) -> Self {
        Self::of(Program::Named(program.into()))
    }

    /// The lab's [host program](crate::LabOptions::host_program) under this process name.
    ///
    /// It is found even where its own path is hidden by a private directory.
    ///
    /// # Panics
    /// If the name is no single component of a path.
    pub fn host_program(process_name: &str) -> Self {
        assert!(
            !matches!(process_name, "" | "." | "..") && !process_name.contains(['/', '\0']),
            "`{process_name}` is not a file name"
        );
        Self::of(Program::Myself(process_name.to_owned()))
    }

    /// A process of this name that does nothing until a signal ends it: what a health check
    /// sees of a server.
    ///
    /// # Panics
    /// If the name is no single component of a path.
    pub fn idle(process_name: &str) -> Self {
        Self::host_program(process_name).arg(Role::Idle.marker())
    }

    fn of(program: Program) -> Self {
        Self(CommandLine {
            program,
            arguments: Vec::new(),
            environment: vec![("PATH".to_owned(), PATH.to_owned())],
            directory: PathBuf::from("/"),
            stdout: Sink::Descriptor,
            stderr: Sink::Descriptor,
            user: None,
        })
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.0.arguments.push(argument.into());
        self
    }

    /// More arguments.
    #[must_use]
    pub fn args<S: Into<String>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.0.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// A variable of the environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.environment.push((name.into(), value.into()));
        self
    }

    /// The directory to start in.
    #[must_use]
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.0.directory = directory.into();
        self
    }

    /// Runs as this user and the group of the same number. Only a lab that root started knows
    /// other users than root.
    #[must_use]
    pub fn user(mut self, id: u32) -> Self {
        self.0.user = Some(id);
        self
    }

    /// Appends both outputs to a file of the host, instead of capturing them.
    #[must_use]
    pub fn log_to(mut self, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        self.0.stdout = Sink::File(path.clone());
        self.0.stderr = Sink::File(path);
        self
    }

    /// Throws both outputs away.
    #[must_use]
    pub fn silent(mut self) -> Self {
        self.0.stdout = Sink::Null;
        self.0.stderr = Sink::Null;
        self
    }

    pub(crate) fn into_line(self) -> CommandLine {
        self.0
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.program {
            Program::Named(name) | Program::Myself(name) => f.write_str(name)?,
        }
        self.0.arguments.iter().try_for_each(|argument| write!(f, " {argument}"))
    }
}

impl<S: Into<String>, const N: usize> From<[S; N]> for Command {
    /// # Panics
    /// If there is no word.
    fn from(words: [S; N]) -> Self {
        let mut words = words.into_iter();
        let program = words.next().expect("a command has at least one word");
        Self::new(program).args(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_of_words_is_a_command() {
        assert_eq!(Command::from(["ping", "-c1", "10.0.0.2"]).to_string(), "ping -c1 10.0.0.2");
    }

    #[test]
    #[should_panic(expected = "is not a file name")]
    fn a_process_name_is_no_path() {
        drop(Command::idle("../httpd"));
    }
}
