//! What `vrrpd check --system` looks at besides the configuration: this machine.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use vrrp::track::{Credentials, LookupError, Weakness};
use vrrp_conf::model::{Authentication, Command, Config, Instance, InterfaceName};
use vrrp_conf::{Code, Diagnostic, Spanned};
use vrrp_net::{NetError, NetNamespace, Netlink};

use crate::users::Users;

const ROOT: u32 = 0;
const EXECUTE: u32 = 0o1;

/// Why nothing can be said about the machine.
#[derive(Debug, thiserror::Error)]
pub(super) enum SystemError {
    #[error(transparent)]
    Net(#[from] NetError),
    #[error(transparent)]
    Users(#[from] LookupError),
}

/// What the configuration names and the machine does not have, or has in a doubtful form. None of
/// it is an error: an interface may come, and a program may be installed later.
pub(super) fn check(config: &Config) -> Result<Vec<Diagnostic>, SystemError> {
    let mut findings = match &config.global.net_namespace {
        Some(name) => NetNamespace::named(name)?.run(|| missing_interfaces(config))??,
        None => missing_interfaces(config)?,
    };
    let users = Users::look_up()?;
    findings.extend(commands(config).flat_map(|command| check_command(command, &users)));
    findings.extend(config.instances.iter().flat_map(key_files));
    Ok(findings)
}

/// The key files of an instance that the daemon would not take.
fn key_files(instance: &Instance) -> Vec<Diagnostic> {
    let Some(authentication) = &instance.authentication else { return Vec::new() };
    let Authentication::Hmac(hmac) = &authentication.value else { return Vec::new() };
    let refused = hmac.keys.iter().filter_map(|key| vrrp::conf::hmac_key(key).err());
    let finding = |error: vrrp::SettingsError| {
        Diagnostic::new(Code::SystemKeyFile, authentication.span, error.to_string())
            .help("let root and the daemon's user read the file, and nobody else")
    };
    refused.map(finding).collect()
}

fn missing_interfaces(config: &Config) -> Result<Vec<Diagnostic>, SystemError> {
    let mut netlink = Netlink::open()?;
    let mut missing = Vec::new();
    for name in interfaces(config) {
        if netlink.link(name.value)?.is_none() {
            let message = format!("this machine has no interface `{}` now", name.value);
            let finding = Diagnostic::new(Code::SystemInterface, name.span, message).note(
                "until it comes, an instance on it is in FAULT, and to track it is a failure",
            );
            missing.push(finding);
        }
    }
    Ok(missing)
}

/// Every interface that is named, where it is named first.
fn interfaces(config: &Config) -> Vec<&Spanned<InterfaceName>> {
    let all = config.instances.iter().flat_map(|instance| {
        let tracked = instance.tracks.interfaces.iter().map(|track| &track.target);
        let addresses = instance.addresses.iter().chain(&instance.excluded_addresses);
        let devices = addresses.filter_map(|address| address.device.as_ref());
        let own = instance.interface.as_ref().or(instance.vrf.as_ref());
        own.into_iter().chain(tracked).chain(devices)
    });
    let mut known = HashSet::new();
    all.filter(|name| known.insert(name.value)).collect()
}

fn commands(config: &Config) -> impl Iterator<Item = &Spanned<Command>> {
    let scripts = config.scripts.values().map(|script| &script.command);
    let notify = config.instances.iter().flat_map(|instance| {
        let notify = &instance.notify;
        let all = [&notify.master, &notify.backup, &notify.fault, &notify.stop, &notify.any];
        all.into_iter().flatten()
    });
    scripts.chain(notify)
}

/// Whether the user that is to run a command exists, can run it, and is the only one besides
/// root who says what it does.
fn check_command(command: &Spanned<Command>, users: &Users) -> Option<Diagnostic> {
    let credentials = match users.credentials(command) {
        Ok(credentials) => credentials,
        Err(error) => {
            let at = command.user.as_ref().map_or(command.span, |user| user.span);
            return Some(Diagnostic::new(Code::SystemUser, at, error.to_string()));
        }
    };
    let runner = Runner(credentials);
    let path = Path::new(command.program());
    // A bare name is looked up when it is run, with the path of whoever runs it.
    if !path.is_absolute() {
        return None;
    }
    let shown = path.display();
    let cannot_run = |why: String| {
        let message = format!("`{shown}` cannot be run: {why}");
        Some(Diagnostic::new(Code::SystemProgram, command.span, message))
    };
    match fs::metadata(path) {
        Err(error) => return cannot_run(error.to_string()),
        Ok(found) if !found.is_file() => return cannot_run("it is no file".to_owned()),
        Ok(_) => {}
    }
    // Where links lead to counts, and every directory on the way there.
    let way = match fs::canonicalize(path).and_then(|path| way_to(&path)) {
        Ok(way) => way,
        Err(error) => return cannot_run(error.to_string()),
    };
    for (place, found) in &way {
        if !runner.may_execute(found) {
            let verb = if found.is_dir() { "enter" } else { "execute" };
            return cannot_run(format!("{runner} may not {verb} {place}"));
        }
    }
    let weakness = Weakness::of(path, runner.uid()).ok()??;
    let message = format!("`{shown}` can be changed by others: {weakness}");
    let finding = Diagnostic::new(Code::SystemWritable, command.span, message);
    Some(finding.help(format!("let only root and {runner} write there")))
}

/// The file and the directories that lead to it.
fn way_to(path: &Path) -> io::Result<Vec<(String, Metadata)>> {
    path.ancestors().map(|place| Ok((place.display().to_string(), place.metadata()?))).collect()
}

/// Who runs a program; `None` is the daemon's own user, for whom this process stands.
struct Runner(Option<Credentials>);

impl Runner {
    fn uid(&self) -> u32 {
        let own = || rustix::process::geteuid().as_raw();
        self.0.as_ref().map_or_else(own, |credentials| credentials.uid)
    }

    fn has_group(&self, gid: u32) -> bool {
        match &self.0 {
            Some(credentials) => credentials.gid == gid || credentials.groups.contains(&gid),
            None => {
                let own = rustix::process::getgroups().unwrap_or_default();
                rustix::process::getegid().as_raw() == gid
                    || own.iter().any(|group| group.as_raw() == gid)
            }
        }
    }

    /// For a directory: whether it may be entered.
    fn may_execute(&self, found: &Metadata) -> bool {
        let mode = found.mode();
        if self.uid() == ROOT {
            return found.is_dir() || mode & (EXECUTE | EXECUTE << 3 | EXECUTE << 6) != 0;
        }
        let shift = match () {
            () if found.uid() == self.uid() => 6,
            () if self.has_group(found.gid()) => 3,
            () => 0,
        };
        mode & (EXECUTE << shift) != 0
    }
}

impl std::fmt::Display for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.uid() {
            ROOT => f.write_str("root"),
            uid => write!(f, "the user with the id {uid}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use vrrp_conf::{Options, parse_str};

    use super::*;

    fn config(notify: &str) -> Config {
        let text = format!(
            "vrrp_instance VI_1 {{\n interface lo\n virtual_router_id 51\n virtual_ipaddress {{\n \
             192.0.2.1 dev none0\n }}\n notify {notify}\n}}\n"
        );
        parse_str("test", &text, &Options::default()).config.unwrap()
    }

    /// What is found when the notify program is this one, and nobody is the customary user.
    fn found(notify: &str) -> Vec<&'static str> {
        let (config, users) = (config(notify), Users::default());
        let found = commands(&config).flat_map(|command| check_command(command, &users));
        found.map(|finding| finding.code.as_str()).collect()
    }

    #[test]
    fn an_interface_that_is_missing_is_named_where_it_is_needed() {
        let found = missing_interfaces(&config("/bin/true")).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].code, &*found[0].message),
            (Code::SystemInterface, "this machine has no interface `none0` now")
        );
    }

    #[test]
    fn a_program_must_be_there_executable_and_nobody_else_s() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("notify");
        let shown = program.display().to_string();
        assert_eq!(found(&shown), ["W0702"], "no such program");
        assert_eq!(found(&directory.path().display().to_string()), ["W0702"], "a directory");
        fs::write(&program, "#!/bin/sh\n").unwrap();
        let set_mode = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap()
        };
        for (mode, expected) in [(0o644, Some("W0702")), (0o757, Some("W0703")), (0o755, None)] {
            set_mode(&program, mode);
            assert_eq!(found(&shown), expected.into_iter().collect::<Vec<_>>(), "{mode:o}");
        }
        set_mode(directory.path(), 0o757);
        assert_eq!(found(&shown), ["W0703"], "somebody can put another file there");
        assert_eq!(found("notify"), [""; 0], "a bare name is looked up later");
    }

    #[test]
    fn a_user_must_exist_and_reach_the_program() {
        assert_eq!(found("/bin/true no_such_user_here"), ["W0704"]);
        assert_eq!(found("/bin/true root no_such_group_here"), ["W0704"]);
        assert_eq!(found("/bin/true root"), [""; 0]);
        assert_eq!(found("/bin/true nobody"), [""; 0]);
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("notify");
        fs::write(&program, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let as_nobody = format!("\"{}\" nobody", program.display());
        assert_eq!(found(&as_nobody), ["W0702"], "the directory is its owner's");
    }
}
