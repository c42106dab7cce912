//! What can go wrong, and what its reader can do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;

use crate::protocol::Failure;
use crate::step::Step;
use crate::words::{CidrError, Exit};

/// Why a lab, or something in it, did not come about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// The program that was to become the hosts' init cannot be executed.
    #[error("cannot start {}: {source}", program.display())]
    HostProgram {
        /// The program.
        program: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The program runs but does not become an init.
    #[error(
        "{} ended before it became a lab: its `main` has to call `vrrp_lab::intercept()` first",
        program.display()
    )]
    NotIntercepted {
        /// The program.
        program: PathBuf,
    },
    /// The kernel refused a step.
    #[error("{place}: cannot {step} {subject}: {source}{}", Help(advice.as_deref()))]
    Step {
        /// The host's name, or the lab.
        place: String,
        /// What was attempted.
        step: Step,
        /// With what.
        subject: String,
        /// What the kernel said.
        source: io::Error,
        /// What the reader can do about it, where that is known.
        advice: Option<String>,
    },
    /// Something awaited did not happen in time.
    #[error("{what}: not within {limit:?}{}", Context(context))]
    Timeout {
        /// What was awaited.
        what: String,
        /// For how long.
        limit: Duration,
        /// What was seen instead.
        context: String,
    },
    /// A command ended otherwise than hoped.
    #[error("{command}: {exit}{}", Context(stderr))]
    Command {
        /// The command.
        command: String,
        /// How it ended.
        exit: Exit,
        /// What it said.
        stderr: String,
    },
    /// The host was switched off, or the lab is gone.
    #[error("{place} is switched off")]
    Gone {
        /// The host's name, or the lab.
        place: String,
    },
    /// A name that cannot be one.
    #[error("`{name}` cannot be the name of {what}: {why}")]
    Name {
        /// The name.
        name: String,
        /// What it was to name.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Text that is no address with a prefix length.
    #[error(transparent)]
    Address(#[from] CidrError),
    /// The library's own side of a pipe or file failed.
    #[error("{what}: {source}")]
    Io {
        /// What was attempted.
        what: String,
        /// What the kernel said.
        source: io::Error,
    },
}

impl LabError {
    /// A failure that an init reported, with the advice that fits this machine.
    pub(crate) fn from_failure(place: &str, failure: Failure) -> Self {
        let Failure { step, subject, errno } = failure;
        let advice = advice(step, Errno::from_raw(errno), &read_sysctl);
        let source = io::Error::from_raw_os_error(errno);
        Self::Step { place: place.to_owned(), step, subject, source, advice }
    }

    /// The library's own failure.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// A kernel parameter's value, if the kernel has it.
fn read_sysctl(name: &str) -> Option<String> {
    let path = Path::new("/proc/sys").join(name.replace('.', "/"));
    Some(std::fs::read_to_string(path).ok()?.trim().to_owned())
}

/// What to do about a refusal, from what the kernel's parameters say.
fn advice(step: Step, errno: Errno, sysctl: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let is = |name: &str, value: &str| sysctl(name).as_deref() == Some(value);
    match (step, errno) {
        (Step::UserNamespace | Step::IdentityMap | Step::Namespaces, _)
            if is("kernel.apparmor_restrict_unprivileged_userns", "1") =>
        {
            Some(format!("{FORBIDDEN} `kernel.apparmor_restrict_unprivileged_userns=0`"))
        }
        (Step::UserNamespace, _) if is("kernel.unprivileged_userns_clone", "0") => {
            Some(format!("{FORBIDDEN} `kernel.unprivileged_userns_clone=1`"))
        }
        (Step::UserNamespace | Step::Namespaces, Errno::ENOSPC) => Some(
            "the kernel's limit of namespaces is reached: run as root, or have root set \
             `user.max_user_namespaces`, `user.max_net_namespaces` and the like higher"
                .to_owned(),
        ),
        (Step::UserNamespace | Step::IdentityMap | Step::Namespaces, Errno::EPERM) => Some(
            "namespaces are forbidden here, as they are in most containers: run it outside, \
             as root or not, or start the container with `--privileged`"
                .to_owned(),
        ),
        (Step::MountProc, Errno::EPERM | Errno::EACCES) => Some(
            "a container that hides parts of its /proc forbids a fresh one: run it outside, or \
             start the container with `--security-opt unmask=ALL` (podman) or \
             `--security-opt systempaths=unconfined` (docker)"
                .to_owned(),
        ),
        (Step::Bridge, Errno::EOPNOTSUPP) => Some(module("bridge")),
        (Step::Cable, Errno::EOPNOTSUPP) => Some(module("veth")),
        (Step::PacketSocket, Errno::EAFNOSUPPORT) => Some(module("af_packet")),
        _ => None,
    }
}

const FORBIDDEN: &str = "this machine forbids user namespaces to ordinary users: run as root, or \
                         have root set";

fn module(name: &str) -> String {
    format!("the kernel lacks the module `{name}`: have root run `modprobe {name}`")
}

/// Appends a help line, if there is one.
struct Help<'a>(Option<&'a str>);

impl fmt::Display for Help<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |advice| write!(f, "\n  help: {advice}"))
    }
}

/// Appends what was seen, indented, if anything was.
struct Context<'a>(&'a str);

impl fmt::Display for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.lines().try_for_each(|line| write!(f, "\n  | {line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice_where(step: Step, errno: Errno, name: &str, value: &str) -> String {
        advice(step, errno, &|asked| (asked == name).then(|| value.to_owned())).unwrap()
    }

    #[test]
    fn a_forbidden_user_namespace_names_the_parameter_that_forbids_it() {
        for (name, value, cure) in [
            ("kernel.unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
            (
                "kernel.apparmor_restrict_unprivileged_userns",
                "1",
                "kernel.apparmor_restrict_unprivileged_userns=0",
            ),
        ] {
            let help = advice_where(Step::UserNamespace, Errno::EPERM, name, value);
            assert!(help.contains(cure), "{help}");
        }
        let help = advice_where(Step::UserNamespace, Errno::ENOSPC, "", "");
        assert!(help.contains("user.max_user_namespaces"), "{help}");
    }

    #[test]
    fn a_masked_proc_names_the_container_option() {
        let failure = Failure {
            step: Step::MountProc,
            subject: "/proc".to_owned(),
            errno: Errno::EPERM as i32,
        };
        let text = LabError::from_failure("server1", failure).to_string();
        assert!(text.starts_with("server1: cannot mount /proc: Operation not permitted"), "{text}");
        assert!(text.contains("systempaths=unconfined"), "{text}");
    }

    #[test]
    fn a_missing_kernel_module_is_named() {
        assert!(advice_where(Step::Cable, Errno::EOPNOTSUPP, "", "").contains("modprobe veth"));
    }
}
