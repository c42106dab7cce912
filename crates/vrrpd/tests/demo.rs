//! The demo, when things are not as its story has them.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use vrrp_lab::{Exit, HostOptions, Lab, LabError, LabOptions, eventually};

const VRRPD: &str = env!("CARGO_BIN_EXE_vrrpd");
const LIMIT: Duration = Duration::from_secs(40);
const NOBODY: u32 = 65_534;

/// Says that a test is skipped, and why; where nothing may be skipped, fails.
fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "may not be skipped here: {why}");
    eprintln!("skipped: {why}");
}

/// A lab, where the machine allows it.
fn lab() -> Option<Lab> {
    match Lab::new(LabOptions::host_program(VRRPD)) {
        Ok(lab) => Some(lab),
        Err(refused @ LabError::Step { .. }) => {
            skip(&refused.to_string());
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// A demo that is killed at the end of its test, also when that fails.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        self.0.wait().unwrap();
    }
}

#[test]
fn a_daemon_that_ends_by_itself_ends_the_demo_with_its_last_words() {
    if lab().is_none() {
        return;
    }
    let mut command = Command::new(VRRPD);
    command.arg("demo").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut demo = Demo(command.spawn().unwrap());
    let mut told = BufReader::new(demo.0.stdout.take().unwrap()).lines();
    // From here the story waits for seconds, for adverts alone.
    told.find(|line| line.as_ref().unwrap().contains("is killed")).unwrap().unwrap();
    let daemon = eventually("a daemon of the demo", LIMIT, || Ok(daemon_below(demo.0.id())));
    assert!(Command::new("kill").args(["-9", &daemon.unwrap()]).status().unwrap().success());

    let mut said = String::new();
    demo.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(demo.0.wait().unwrap().code(), Some(1), "{said}");
    assert!(said.starts_with("vrrpd demo: the story did not come true: vrrpd on server"), "{said}");
    assert!(said.contains("has ended"), "{said}");
    assert!(said.contains("| ["), "the daemons' logs: {said}");
}

/// A process below this one, at any depth, that runs the daemon.
fn daemon_below(ancestor: u32) -> Option<String> {
    let pids = fs::read_dir("/proc").unwrap().flatten();
    let mut pids = pids.filter_map(|entry| entry.file_name().into_string().ok());
    pids.find(|pid| {
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        arguments.starts_with(b"vrrpd\0run\0") && is_below(pid, &ancestor.to_string())
    })
}

fn is_below(pid: &str, ancestor: &str) -> bool {
    let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else { return false };
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).map(str::trim);
    parent.is_some_and(|parent| parent == ancestor || parent != "0" && is_below(parent, ancestor))
}

#[test]
fn a_machine_that_forbids_namespaces_is_named_with_the_cure() {
    let Some(lab) = lab() else { return };
    if !lab.is_in_user_namespace() {
        return as_an_ordinary_user("a_machine_that_forbids_namespaces_is_named_with_the_cure");
    }
    // A limit that holds for what this user namespace contains.
    let host = lab.host("limited", HostOptions::new()).unwrap();
    host.sysctl("user.max_net_namespaces", "0").unwrap();
    let demo = host.run(vrrp_lab::Command::host_program("vrrpd").arg("demo")).unwrap();
    let said = String::from_utf8(demo.stderr).unwrap();
    assert_eq!(demo.exit, Exit::Code(3), "{said}");
    assert!(said.contains("cannot create process, network, mount"), "{said}");
    assert!(said.contains("help: ") && said.contains("user.max_net_namespaces"), "{said}");
    assert!(demo.stdout.is_empty(), "nothing was told");
}

/// Runs one of these tests again, as nobody.
fn as_an_ordinary_user(test: &str) {
    let run = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .uid(NOBODY)
        .gid(NOBODY)
        .current_dir("/")
        .output();
    match run {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success() && text.contains("1 passed"), "{text}");
        }
        Err(error) => skip(&format!("nobody may not execute the test: {error}")),
    }
}
