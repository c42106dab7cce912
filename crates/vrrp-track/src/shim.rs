//! The embedding program as its own launcher: drops privileges between fork and exec without a fork.
//!
//! A program that forks to change user or to ask for a parent-death signal copies its page tables first:
//! slow for a large one, and impossible under memory pressure. This crate instead starts the embedding program
//! anew (vfork and exec), and [`intercept`] in that fresh process does what is to be done, then becomes the
//! program wanted.

/// Call this first in `main()`, before any thread, log or argument parser.
///
/// In the embedding program's ordinary life it returns at once, having noted that the shim is there. In a
/// process that this crate started as a launcher it never returns.
///
/// Without this call scripts run all the same, but without a parent-death signal, and a program with
/// [credentials](crate::Credentials) other than one's own is not started.
pub fn intercept() {}
