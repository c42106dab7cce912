//! Why a program does not run: because of the program, or because of the machine.

use std::io;
use std::sync::Arc;

use rustix::io::Errno;

/// Why a program does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It cannot be run: another attempt would end the same way.
    Program(Arc<str>),
    /// This machine, or this process, is short of something at the moment. It says nothing about the program.
    Shortage(Arc<str>),
}

/// What a shortage begins with on its way through a pipe; no other text does.
const SHORTAGE: u8 = 1;

impl Refusal {
    /// Sorts what the operating system says about `what`.
    pub(crate) fn of(what: impl std::fmt::Display, error: &io::Error) -> Self {
        let text = format!("{what}: {error}").into();
        if is_shortage(error) { Self::Shortage(text) } else { Self::Program(text) }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Program(why) => why.as_bytes().to_vec(),
            Self::Shortage(why) => [&[SHORTAGE], why.as_bytes()].concat(),
        }
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let text = |bytes| Arc::from(String::from_utf8_lossy(bytes));
        match bytes.strip_prefix(&[SHORTAGE]) {
            Some(why) => Self::Shortage(text(why)),
            None => Self::Program(text(bytes)),
        }
    }
}

/// Descriptors, memory, processes, watches: others may give them back.
fn is_shortage(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(
            Errno::MFILE
                | Errno::NFILE
                | Errno::NOMEM
                | Errno::AGAIN
                | Errno::NOSPC
                | Errno::NOBUFS
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_survives_the_pipe() {
        for errno in [Errno::MFILE, Errno::NOENT] {
            let refusal = Refusal::of("x", &errno.into());
            assert_eq!(matches!(refusal, Refusal::Shortage(_)), errno == Errno::MFILE);
            assert_eq!(Refusal::from_bytes(&refusal.to_bytes()), refusal);
        }
    }
}
