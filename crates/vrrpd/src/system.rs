//! What `vrrpd check --system` looks at besides the configuration: this machine.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use vrrp_conf::model::{Command, Config, InterfaceName};
use vrrp_conf::{Code, Diagnostic, Spanned};
use vrrp_net::Netlink;

/// What the configuration names and the machine does not have, or has in a doubtful form. None of
/// it is an error: an interface may come, and a program may be installed later.
pub(crate) fn check(config: &Config) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    check_interfaces(config, &mut findings);
    for command in commands(config) {
        findings.extend(check_program(command));
    }
    findings
}

fn check_interfaces(config: &Config, findings: &mut Vec<Diagnostic>) {
    let mut netlink = match Netlink::open() {
        Ok(netlink) => netlink,
        Err(error) => return log::warn!("cannot look at the interfaces: {error}"),
    };
    for name in interfaces(config) {
        let known = name.as_str().parse().ok().and_then(|name| netlink.link(name).ok()).flatten();
        if known.is_none() {
            let message = format!("this machine has no interface `{}` now", name.value);
            let finding = Diagnostic::new(Code::SystemInterface, name.span, message);
            findings.push(finding.note("an instance on it is in FAULT until it comes"));
        }
    }
}

/// Every interface that is named, where it is named first.
fn interfaces(config: &Config) -> Vec<&Spanned<InterfaceName>> {
    let all = config.instances.iter().flat_map(|instance| {
        let tracked = instance.tracks.interfaces.iter().map(|track| &track.target);
        let addresses = instance.addresses.iter().chain(&instance.excluded_addresses);
        let devices = addresses.filter_map(|address| address.device.as_ref());
        [&instance.interface].into_iter().chain(tracked).chain(devices)
    });
    let mut first: Vec<&Spanned<InterfaceName>> = Vec::new();
    for name in all {
        if !first.iter().any(|known| known.value == name.value) {
            first.push(name);
        }
    }
    first
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

fn check_program(command: &Spanned<Command>) -> Option<Diagnostic> {
    let path = Path::new(command.program());
    // A bare name is looked up when it is run, with the path of whoever runs it.
    if !path.is_absolute() {
        return None;
    }
    let shown = path.display();
    let (code, message) = match fs::metadata(path) {
        Err(error) => (Code::SystemProgram, format!("`{shown}` cannot be run: {error}")),
        Ok(found) if !found.is_file() => {
            (Code::SystemProgram, format!("`{shown}` cannot be run: it is no file"))
        }
        Ok(found) if found.permissions().mode() & 0o111 == 0 => {
            (Code::SystemProgram, format!("`{shown}` cannot be run: it is not executable"))
        }
        Ok(found) if found.permissions().mode() & 0o022 != 0 => {
            (Code::SystemWritable, format!("`{shown}` can be changed by others than its owner"))
        }
        Ok(_) => return None,
    };
    Some(Diagnostic::new(code, command.span, message))
}

#[cfg(test)]
mod tests {
    use vrrp_conf::{Options, parse_str};

    use super::*;

    /// The codes of what is found when the notify program is this one.
    fn found(program: &Path) -> Vec<&'static str> {
        let text = format!(
            "vrrp_instance VI_1 {{\n interface lo\n virtual_router_id 51\n virtual_ipaddress {{\n \
             192.0.2.1 dev none0\n }}\n notify {}\n}}\n",
            program.display()
        );
        let loaded = parse_str("test", &text, &Options::default());
        check(&loaded.config.unwrap()).iter().map(|finding| finding.code.as_str()).collect()
    }

    #[test]
    fn what_is_missing_or_open_to_others_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("notify");
        assert_eq!(found(&program), ["W0701", "W0702"], "no such interface, no such program");
        fs::write(&program, "#!/bin/sh\n").unwrap();
        let set_mode =
            |mode| fs::set_permissions(&program, fs::Permissions::from_mode(mode)).unwrap();
        for (mode, expected) in [(0o644, Some("W0702")), (0o777, Some("W0703")), (0o755, None)] {
            set_mode(mode);
            assert_eq!(found(&program)[1..], expected.into_iter().collect::<Vec<_>>(), "{mode:o}");
        }
    }
}
