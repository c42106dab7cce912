//! The daemon between hosts: real processes, real addresses, real packets.
//!
//! Every test makes hosts of its own in namespaces. What a machine does not allow or does not have
//! is said aloud and skipped, and fails where `CI` is set.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]
#![allow(clippy::expect_used, reason = "a failed step is a failed test")]

mod accept;
mod article;
mod auth;
mod corpus;
mod daemon;
mod drain;
mod election;
mod frr;
mod groups;
mod guard;
mod handover;
mod hostile;
mod interop;
mod ipv6;
mod mend;
mod namespace;
mod observe;
mod reload;
mod routes;
mod shortage;
mod signed;
mod stage;
mod trouble;
mod unicast;
mod upgrade;
