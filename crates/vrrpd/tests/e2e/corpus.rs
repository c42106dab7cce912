//! Configurations of real machines: each runs, and all that can become MASTER do.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;
use vrrp_conf::model::{Command, Config, Instance, Tracks};
use vrrp_conf::{Options, parse_str};
use vrrp_lab::{Host, HostOptions, Lab, Nic};

use crate::stage::{Stage, start, status};

/// How long a file may take: `advert_int` may be many seconds.
const PATIENCE: Duration = Duration::from_secs(120);
/// How many machines there are at a time. They mostly wait.
const MACHINES: usize = 8;
/// What runs in the place of all programs that the files name: those are not here, and some
/// would end processes of this machine.
const STAND_IN: &str = "/bin/true";

/// The configurations in the folder that `VRRPD_CORPUS` names: they are no part of the project, and
/// so many daemons at a time leave other tests too little of a small machine.
fn files() -> Option<Vec<PathBuf>> {
    let Some(folder) = std::env::var_os("VRRPD_CORPUS") else {
        eprintln!("skipped: VRRPD_CORPUS names no folder of configurations");
        return None;
    };
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "conf"));
    files.sort();
    Some(files)
}

/// The same configuration with another program wherever it runs one, as a user that is here.
fn with_stand_ins(text: &str) -> String {
    let line = |line: &str| {
        let word = line.split_whitespace().next().unwrap_or_default();
        let runs = word == "script" || (word.starts_with("notify") && word != "notify_fifo");
        let is_setting = word == "notify_priority_changes";
        match word {
            "script_user" | "user" => format!("{word} root\n"),
            _ if runs && !is_setting => format!("{word} {STAND_IN}\n"),
            _ => format!("{line}\n"),
        }
    };
    text.lines().map(line).collect()
}

/// All programs that the daemon may run.
fn commands(config: &Config) -> impl Iterator<Item = &Command> {
    let scripts = config.scripts.values().map(|script| &script.command.value);
    let instances = config.instances.iter().flat_map(|instance| instance.notify.commands());
    let groups = config.sync_groups.iter().flat_map(|group| group.notify.commands());
    scripts.chain(instances).chain(groups)
}

/// The interfaces that it names.
fn interfaces(config: &Config) -> BTreeSet<String> {
    let of_instance = |instance: &Instance| {
        let tracked = instance.tracks.interfaces.iter().map(|track| track.target.to_string());
        let devices = instance.all_addresses().map(|address| instance.device_of(address));
        let own = instance.interface.map(|interface| interface.to_string());
        tracked.chain(devices.map(|device| device.to_string())).chain(own).collect::<Vec<_>>()
    };
    let of_groups = config.sync_groups.iter().flat_map(|group| &group.tracks.interfaces);
    let of_groups = of_groups.map(|track| track.target.to_string());
    config.instances.iter().flat_map(of_instance).chain(of_groups).collect()
}

/// Whether what it tracks may keep it in FAULT: processes and files are not those of that machine.
fn is_free(tracks: &Tracks) -> bool {
    tracks.processes.is_empty() && tracks.files.is_empty()
}

/// The names of the instances that nothing keeps from becoming MASTER.
fn leaders(config: &Config) -> BTreeSet<String> {
    let is_member = |instance: &Instance, members: &[vrrp_conf::Spanned<std::sync::Arc<str>>]| {
        members.iter().any(|member| member.value == instance.name.value)
    };
    let is_free_in_group = |instance: &&Instance| {
        let mut groups = config.sync_groups.iter();
        let Some(group) = groups.find(|group| is_member(instance, &group.members)) else {
            return is_free(&instance.tracks);
        };
        let mut members = config.instances.iter().filter(|one| is_member(one, &group.members));
        is_free(&group.tracks) && members.all(|member| is_free(&member.tracks))
    };
    let leaders = config.instances.iter().filter(is_free_in_group);
    leaders.map(|instance| instance.name.to_string()).collect()
}

/// A machine of its own with the interfaces that the configuration names.
fn machine(lab: &Lab, name: &str, config: &Config) -> Host {
    let host = lab.host(name, HostOptions::new()).unwrap();
    for (number, interface) in interfaces(config).iter().enumerate() {
        let wire = lab.wire(&format!("{name}-{number}")).unwrap();
        let own = format!("10.255.{number}.1/24");
        host.attach(&wire, Nic::new(interface).address(own)).unwrap();
    }
    for instance in &config.instances {
        let Some(source) = &instance.source else { continue };
        let length = if matches!(source.value, IpAddr::V4(_)) { 32 } else { 128 };
        let own = format!("{}/{length}", source.value);
        let device = instance.interface.map_or(instance.carrier, |interface| interface.value);
        if !host.has_address(&device.to_string(), &own).unwrap() {
            host.add_address(&device.to_string(), own.parse().unwrap()).unwrap();
        }
    }
    host
}

/// The states of its instances by their names.
fn states(host: &Host) -> Vec<(String, String)> {
    let told = status(host);
    let instances = told["instances"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    instances.iter().map(|it| (text(&it["name"]), text(&it["state"]))).collect()
}

/// Runs one file, if it is sound: says how many instances became MASTER.
fn run(lab: &Lab, path: &Path) -> Result<usize, String> {
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let Ok(text) = String::from_utf8(std::fs::read(path).unwrap()) else {
        return Err(format!("{name}: not UTF-8"));
    };
    let options = Options::default();
    if parse_str(&name, &text, &options).config.is_none() {
        // What is wrong with it is tried by the package of the language.
        return Ok(0);
    }
    let text = with_stand_ins(&text);
    let Some(config) = parse_str(&name, &text, &options).config else {
        return Err(format!("{name}: not sound with other programs"));
    };
    if let Some(other) = commands(&config).find(|command| command.program() != STAND_IN) {
        return Err(format!("{name}: {} has no stand-in", other.program()));
    }
    if config.instances.is_empty() {
        return Ok(0);
    }
    let host = machine(lab, &name, &config);
    let daemon = start(&host, &text);
    let leaders = leaders(&config);
    let became = vrrp_lab::eventually(&name, PATIENCE, || {
        let masters = states(&host).into_iter().filter(|(_, state)| state == "MASTER");
        let masters: BTreeSet<_> = masters.map(|(name, _)| name).collect();
        Ok(leaders.is_subset(&masters).then_some(()))
    });
    if became.is_err() {
        return Err(format!("{name}: {:?}, of which {leaders:?} could lead", states(&host)));
    }
    for instance in config.instances.iter().filter(|it| leaders.contains(&**it.name)) {
        for address in instance.all_addresses() {
            let device = instance.device_of(address).to_string();
            // By the kernel's own tool: a label may be any word.
            let there = host.run(["ip", "-o", "address", "show", "dev", &device]).unwrap();
            let there = there.success().unwrap();
            let (address, length) = (address.address, address.prefix_len);
            let is_it = |shown: &String| there.contains(shown.as_str());
            if ![format!(" {address}/{length} "), format!(" {address} peer ")].iter().any(is_it) {
                return Err(format!("{name}: {} lacks {address} on {device}", instance.name));
            }
        }
    }
    daemon.terminate(PATIENCE).map_err(|error| format!("{name}: {error}"))?;
    Ok(leaders.len())
}

#[test]
fn instances_of_real_machines_become_master() {
    let Some(files) = files() else { return };
    let Some(stage) = Stage::new() else { return };
    let (queue, failures, masters) = (Mutex::new(files), Mutex::new(Vec::new()), Mutex::new(0));
    std::thread::scope(|scope| {
        for _ in 0..MACHINES {
            scope.spawn(|| {
                loop {
                    let Some(path) = queue.lock().unwrap().pop() else { return };
                    match run(&stage.lab, &path) {
                        Ok(count) => *masters.lock().unwrap() += count,
                        Err(failure) => failures.lock().unwrap().push(failure),
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(masters.into_inner().unwrap() > 0, "no instance at all became MASTER");
}
