//! How one program becomes a lab: it executes itself again, several times over.
//!
//! ```text
//! the caller ── enter ── init (wire room: process 1, bridges)
//!                          ├─ enter ── init (server1: process 1)
//!                          │             └─ what server1 runs
//!                          └─ enter ── init (server2: process 1)
//! ```
//!
//! `enter` leaves the namespaces that it was born in and starts `init` as the first process of
//! the new ones. Executing instead of forking is what lets a caller with many threads do this
//! without `unsafe`: a process may only leave its user namespace while it has one thread.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid, pause, setsid};

use crate::agent;
use crate::protocol::{Channel, Failure, Message};
use crate::role::{MYSELF, Role, die_with_parent};
use crate::step::Step;

/// Becomes a part of a lab if this program was executed for that, and returns otherwise.
///
/// The first statement of `main` in a program that is a
/// [`host_program`](crate::LabOptions::host_program): before a thread is started, a file
/// opened or an argument read.
pub fn intercept() {
    let Some(role) = std::env::args_os().nth(1).as_deref().and_then(Role::from_marker) else {
        return;
    };
    let code = match role {
        Role::Idle => loop {
            pause();
        },
        Role::EnterLab => serve(|_| enter_lab()),
        Role::EnterHost => serve(|_| enter_host()),
        Role::Init => serve(|channel| agent::run(channel, false)),
        Role::InitInUserNamespace => serve(|channel| agent::run(channel, true)),
    };
    std::process::exit(code);
}

/// Runs a part of the lab that talks over the socket on standard input.
fn serve(part: impl FnOnce(&Channel) -> Result<(), Failure>) -> i32 {
    let channel = match io::stdin().as_fd().try_clone_to_owned() {
        Ok(descriptor) => Channel::from_descriptor(descriptor),
        Err(_) => return 2,
    };
    let Err(failure) = part(&channel) else { return 0 };
    // If the caller is gone as well, nobody is left to be told.
    let _ = channel.send(&Message::NotReady(failure), &[]);
    1
}

/// All namespaces but that of users.
fn host_namespaces() -> CloneFlags {
    CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWPID
}

/// The lab's namespaces: as root directly, else as root of a user namespace.
fn enter_lab() -> Result<(), Failure> {
    // Out of the terminal's reach: Ctrl-C is for the caller, whose end is the lab's end.
    setsid().map_err(Failure::at(Step::StartInit, "in a session of its own"))?;
    let (user, group) = (geteuid(), getegid());
    if user.is_root() {
        match unshare(host_namespaces()) {
            Ok(()) => return start_init(Role::Init),
            // Root of a container without the privilege, who is to a kernel an ordinary user.
            Err(Errno::EPERM) => (),
            Err(error) => return Err(Failure::at(Step::Namespaces, "as root")(error)),
        }
    }
    unshare(CloneFlags::CLONE_NEWUSER)
        .map_err(Failure::at(Step::UserNamespace, format!("as user {user}")))?;
    for (file, line) in [
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("0 {user} 1")),
        ("/proc/self/gid_map", format!("0 {group} 1")),
    ] {
        fs::write(file, line).map_err(Failure::at(Step::IdentityMap, format!("({file})")))?;
    }
    unshare(host_namespaces()).map_err(Failure::at(Step::Namespaces, "inside a user namespace"))?;
    start_init(Role::InitInUserNamespace)
}

/// A host's namespaces, inside the lab's.
fn enter_host() -> Result<(), Failure> {
    die_with_parent()?;
    unshare(host_namespaces()).map_err(Failure::at(Step::Namespaces, "for a host"))?;
    start_init(Role::Init)
}

/// Starts process 1 and stays until it, and so every process of its namespace, has ended.
///
/// The process id of this one names the namespaces to the outside, and its copy of the socket
/// keeps the caller from reading the end of the conversation before all is over.
fn start_init(role: Role) -> Result<(), Failure> {
    let mut init = Command::new(MYSELF)
        .arg(role.marker())
        .stdin(Stdio::inherit())
        .spawn()
        .map_err(Failure::at(Step::StartInit, MYSELF))?;
    // How an init ends says nothing: it is killed or told to.
    let _ = init.wait();
    Ok(())
}
