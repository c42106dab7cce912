//! Why something cannot be tracked.

use std::sync::Arc;

use crate::Kind;

/// Why a tracker did not start, or refused a new set of sources.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrackError {
    /// Two different sources of one kind share a name.
    #[error("two sources are called `{0}`")]
    DuplicateName(Arc<str>),
    /// Two types of source call their [kind](Kind) the same.
    #[error("two types of source are of the kind `{0}`")]
    DuplicateKind(Kind),
    /// The operating system refused a thread or a descriptor that nothing works without.
    #[error("cannot start tracking: {what}: {error}")]
    System {
        /// What was asked for.
        what: &'static str,
        /// The refusal.
        error: std::io::Error,
    },
}

impl TrackError {
    pub(crate) fn system(what: &'static str) -> impl Fn(std::io::Error) -> Self {
        move |error| Self::System { what, error }
    }
}
