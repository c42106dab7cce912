//! `vrrpd check` and `vrrpd config` as a shell, an editor and a CI job meet them, and the words of
//! `vrrpd run` about a file that it does not take. No privilege is needed.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;
use tempfile::TempDir;

const VRRPD: &str = env!("CARGO_BIN_EXE_vrrpd");

fn config(priority: &str, more: &str) -> String {
    format!(
        "vrrp_instance VI_1 {{\n  interface eth0\n  virtual_router_id 51\n  priority {priority}\n  \
         virtual_ipaddress {{\n    192.0.2.1/24\n  }}\n  {more}\n}}\n"
    )
}

/// A directory with some files, where commands run.
struct Place(TempDir);

impl Place {
    fn with(files: &[(&str, String)]) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            fs::write(place.0.path().join(name), text).unwrap();
        }
        place
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(VRRPD);
        command.args(args).current_dir(self.0.path()).env_remove("NO_COLOR").env("TERM", "xterm");
        command
    }

    fn run(&self, args: &[&str]) -> Said {
        Said::of(self.command(args).output().unwrap())
    }

    fn run_on(&self, args: &[&str], input: &str) -> Said {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Said::of(child.wait_with_output().unwrap())
    }
}

#[derive(Debug)]
struct Said {
    exit: i32,
    out: String,
    err: String,
}

impl Said {
    fn of(output: Output) -> Self {
        Self {
            exit: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap()
    }
}

#[test]
fn the_exit_code_says_valid_errors_or_nothing_to_judge() {
    let place = Place::with(&[
        ("good.conf", config("100", "")),
        ("doubtful.conf", config("100", "nopreempt\n  state MASTER")),
        ("bad.conf", config("100 200", "")),
    ]);
    let good = place.run(&["check", "good.conf"]);
    assert_eq!(
        (good.exit, &*good.out, &*good.err),
        (0, "good.conf: valid, virtual routers: 1\n", "")
    );
    let doubtful = place.run(&["check", "doubtful.conf"]);
    assert_eq!(doubtful.exit, 0, "{doubtful:?}");
    assert!(doubtful.err.contains("W0508") && doubtful.out.contains("valid"), "{doubtful:?}");
    let bad = place.run(&["check", "bad.conf"]);
    assert_eq!((bad.exit, &*bad.out), (1, ""), "{bad:?}");
    assert!(bad.err.contains("bad.conf:4:16"), "{bad:?}");
    assert_eq!(place.run(&["check", "--lenient", "bad.conf"]).exit, 0);
    for nothing in [
        &["check", "none.conf"][..],
        &["check", "good.conf", "good.conf"],
        &["check", "-", "-"],
        &["check", "--bogus"],
        &["check", "-i", "a", "-i", "b", "good.conf"],
        &["check", "-i", "a=other.conf", "good.conf"],
        &["check", "--system", "good.conf", "bad.conf"],
        &["check", "--explain", "E9999"],
        &["config", "-f", "none.conf"],
    ] {
        let said = place.run(nothing);
        assert_eq!((said.exit, &*said.out), (2, ""), "{nothing:?}: {said:?}");
        assert!(!said.err.is_empty(), "{nothing:?}");
    }
}

#[test]
fn what_has_one_meaning_is_mended_in_place_and_the_rest_is_left() {
    use std::os::unix::fs::PermissionsExt as _;

    let text = config("100", "nopreempt 1 # stay\n  state master");
    let place = Place::with(&[("real.conf", text.clone())]);
    let path = place.0.path().join("real.conf");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("real.conf", place.0.path().join("vrrp.conf")).unwrap();

    let said = place.run(&["check", "--diff", "vrrp.conf"]);
    assert_eq!(said.exit, 1, "{said:?}");
    let change = "-  nopreempt 1 # stay\n+  nopreempt # stay\n   state master\n";
    assert!(said.out.starts_with("--- vrrp.conf\n+++ vrrp.conf\n@@ -5,6 +5,6 @@\n"), "{said:?}");
    assert!(said.out.contains(change), "{said:?}");
    assert!(said.err.contains("E0307") && !said.err.contains("W0523"), "{said:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text, "nothing is written");

    let said = place.run(&["check", "--fix", "vrrp.conf"]);
    assert_eq!(said.exit, 1, "{said:?}");
    assert!(said.err.starts_with("vrrp.conf: 1 change written\n"), "{said:?}");
    assert!(said.err.contains("E0307") && !said.err.contains("W0523"), "{said:?}");
    let fixed = fs::read_to_string(&path).unwrap();
    assert_eq!(fixed, text.replace("nopreempt 1 #", "nopreempt #"));
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    assert!(place.0.path().join("vrrp.conf").is_symlink());
    assert_eq!(fs::read_dir(place.0.path()).unwrap().count(), 2, "nothing else is left there");

    let said = place.run_on(&["check", "--fix", "-"], &text);
    assert_eq!(said.exit, 2, "standard input cannot be written: {said:?}");
    let said = place.run_on(&["check", "--diff", "-"], &text);
    assert!(said.out.contains(change), "{said:?}");
}

#[test]
fn a_file_with_nothing_wrong_but_other_programs_settings_is_one_line() {
    let lvs = "virtual_server 192.0.2.1 80 {\n  delay_loop 6\n}\n".repeat(3);
    let mail = "global_defs {\n  notification_email {\n    a@b\n  }\n}\n";
    let text = format!("{mail}{lvs}{}", config("100", ""));
    let place = Place::with(&[("vrrp.conf", text)]);
    let said = place.run(&["check", "vrrp.conf"]);
    assert_eq!((said.exit, &*said.err), (0, ""));
    assert_eq!(said.out, "vrrp.conf: valid, virtual routers: 1, skipped: mail, IPVS\n");
}

#[test]
fn without_a_file_it_is_the_one_that_the_daemon_reads() {
    let help = |command| Place::with(&[]).run(&[command, "--help"]).out;
    for command in ["check", "config", "run"] {
        assert!(help(command).contains("[default: /etc/keepalived/keepalived.conf]"), "{command}");
    }
}

#[test]
fn a_text_from_standard_input_has_the_name_that_it_is_given() {
    let place = Place::with(&[("part.conf", "  prioritty 90\n".to_owned())]);
    let text = config("100", "include part.conf");
    let said = place.run_on(&["check", "-"], &config("999", ""));
    assert_eq!(said.exit, 1);
    assert!(said.err.contains("<stdin>:4:12"), "{said:?}");
    // What it includes is beside the file that it is the text of.
    let directory = place.0.path().display().to_string();
    let name = format!("{directory}/edited.conf");
    let elsewhere = Place::with(&[]);
    let said = elsewhere.run_on(&["check", "--stdin-name", &name, "-"], &text);
    assert_eq!(said.exit, 1, "{said:?}");
    assert!(said.err.contains(&format!("{directory}/part.conf:1:3")), "{said:?}");
    let said = place.run_on(&["config", "-f", "-"], &config("100", ""));
    assert!(said.out.contains("virtual_router_id 51"), "{said:?}");
}

#[test]
fn identifiers_select_the_lines_of_each_member() {
    let text = config("100", "").replace("  priority 100", "@n1 priority 100\n@n2 priority 90");
    let place = Place::with(&[("shared.conf", text.clone()), ("n2.conf", text)]);
    let both = |args: &[&str]| place.run(&[&["check"], args].concat());
    let said = both(&["-i", "n1=shared.conf", "-i", "n2=n2.conf", "shared.conf", "n2.conf"]);
    assert_eq!((said.exit, &*said.err), (0, ""), "{said:?}");
    // One file as both members.
    let said = both(&["-i", "n1=shared.conf", "-i", "n2=shared.conf", "shared.conf"]);
    assert_eq!((said.exit, &*said.err), (0, ""), "{said:?}");
    assert!(said.out.contains("shared.conf as n1: valid"), "{said:?}");
    let said = both(&["-i", "n1", "shared.conf", "n2.conf"]);
    assert!(said.err.contains("W0654"), "both are n1: {said:?}");
    // What is wrong with a shared file is said once.
    let text = config("100", "nopreempt\n  state MASTER");
    let place = Place::with(&[("shared.conf", text)]);
    let said = place.run(&["check", "-i", "n1=shared.conf", "-i", "n2=shared.conf", "shared.conf"]);
    assert_eq!(said.err.matches("W0508").count(), 1, "{said:?}");
    assert!(said.err.contains("`VI_1` of shared.conf as n2"), "{said:?}");
}

#[test]
fn json_has_the_findings_of_all_files_with_their_places() {
    let place = Place::with(&[
        ("a.conf", config("100", "prioritty 90")),
        ("b.conf", config("90", "virtual_router_id 52")),
        ("c.conf", config("100", "")),
    ]);
    let said = place.run(&["check", "--format", "json", "a.conf", "b.conf"]);
    assert_eq!((said.exit, &*said.err), (1, ""), "{said:?}");
    let found = said.json();
    let codes: Vec<_> = found.as_array().unwrap().iter().map(|found| &found["code"]).collect();
    assert_eq!(codes, ["E0201", "E0210"]);
    assert_eq!(found[0]["severity"], "error");
    assert_eq!(
        [&found[0]["file"], &found[0]["line"], &found[0]["column"], &found[0]["end_column"]],
        [&Value::from("a.conf"), &8.into(), &3.into(), &12.into()]
    );
    assert_eq!(found[1]["labels"][0]["line"], 3);
    assert_eq!(place.run(&["check", "--format", "json", "c.conf"]).json(), Value::Array(vec![]));

    let place = Place::with(&[("a.conf", config("100", "")), ("b.conf", config("100", ""))]);
    let said = place.run(&["check", "--format", "json", "a.conf", "b.conf"]);
    assert_eq!(said.exit, 0, "warnings are no errors");
    let found = &said.json()[0];
    assert_eq!([&found["code"], &found["severity"]], ["W0654", "warning"]);
    assert_eq!([&found["file"], &found["labels"][0]["file"]], ["b.conf", "a.conf"]);
    assert!(found["help"].is_string() && found["notes"].is_array());
}

/// What a command writes to standard error if that is a terminal.
fn on_terminal(command: &mut Command) -> String {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let other_end = File::options().write(true).open(name.to_str().unwrap()).unwrap();
    let mut child = command.stdout(Stdio::null()).stderr(other_end).spawn().unwrap();
    // The command has the last copy of the other end, and the terminal ends with it.
    command.stderr(Stdio::null());
    let mut said = Vec::new();
    // The end is an error here: EIO.
    let _ = File::from(terminal).read_to_end(&mut said);
    child.wait().unwrap();
    String::from_utf8(said).unwrap()
}

#[test]
fn colours_are_for_terminals_whose_user_wants_them() {
    const ESCAPE: char = '\x1b';
    let place = Place::with(&[("bad.conf", config("999", ""))]);
    let command = || place.command(&["check", "bad.conf"]);
    let shown = on_terminal(&mut command());
    assert!(shown.contains(ESCAPE) && shown.contains("E0302"), "{shown}");
    assert!(on_terminal(command().env("NO_COLOR", "")).contains(ESCAPE), "empty is unset");
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let shown = on_terminal(command().env(name, value));
        assert!(!shown.contains(ESCAPE) && shown.contains("E0302"), "{name}: {shown}");
    }
    assert!(!place.run(&["check", "bad.conf"]).err.contains(ESCAPE), "a pipe");
}

#[test]
fn codes_are_explained_in_any_case_and_listed() {
    let place = Place::with(&[]);
    for code in ["E0201", "e0201"] {
        let said = place.run(&["check", "--explain", code]);
        assert_eq!(said.exit, 0);
        assert!(said.out.starts_with("E0201: an unknown keyword\n\n"), "{said:?}");
        assert!(said.out.lines().all(|line| line.len() <= 80), "{said:?}");
    }
    let said = place.run(&["check", "--explain", "E201"]);
    assert_eq!(said.exit, 2);
    assert!(said.err.contains("did you mean `E0201`?") && said.err.contains("--explain all"));
    let all = place.run(&["check", "--explain", "all"]);
    assert_eq!((all.exit, all.out.lines().count()), (0, vrrp_conf::Code::ALL.len()));
    assert_eq!(place.run(&["check", "--explain", "E0201", "a.conf"]).exit, 2, "one or the other");
}

#[test]
fn the_machine_is_looked_at_when_asked_to() {
    let text = config("100", "notify \"/nonexistent/program\" no_such_user_here");
    let place = Place::with(&[("a.conf", text.replace("eth0", "none0"))]);
    let plain = place.run(&["check", "a.conf"]);
    assert_eq!((plain.exit, &*plain.err), (0, ""));
    let said = place.run(&["check", "--system", "a.conf"]);
    assert_eq!(said.exit, 0, "an interface may come: {said:?}");
    assert!(said.err.contains("W0701") && said.err.contains("a.conf:2:13"), "{said:?}");
    assert!(said.err.contains("W0704") && said.err.contains("no_such_user_here"), "{said:?}");
}

#[test]
fn what_config_prints_is_read_again_as_the_same() {
    let place = Place::with(&[("a.conf", config("100", "advert_int 2"))]);
    let first = place.run(&["config", "-f", "a.conf"]);
    assert_eq!((first.exit, &*first.err), (0, ""));
    assert!(first.out.contains("advert_int 2") && first.out.contains("garp_master_repeat 5"));
    fs::write(place.0.path().join("b.conf"), &first.out).unwrap();
    let second = place.run(&["config", "-f", "b.conf"]);
    assert_eq!(second.out, first.out);
    let json = place.run(&["config", "--json", "-f", "a.conf"]).json();
    let instance = &json["instances"][0];
    assert_eq!((&instance["name"], &instance["interval"]), (&"VI_1".into(), &2.0.into()));
    fs::write(place.0.path().join("b.conf"), config("999", "")).unwrap();
    let bad = place.run(&["config", "-f", "b.conf"]);
    assert_eq!((bad.exit, &*bad.out), (1, ""), "{bad:?}");
}

/// The last line of a daemon that does not start.
fn refusal(place: &Place, args: &[&str], exit: i32) -> String {
    let run_dir = place.0.path().join("run").display().to_string();
    let said = place.run(&[&["run", "--run-dir", &run_dir], args].concat());
    assert_eq!(said.exit, exit, "{said:?}");
    assert!(!Path::new(&run_dir).exists(), "nothing was started");
    said.err.lines().last().unwrap().to_owned()
}

#[test]
fn a_refused_file_leads_to_the_lenient_command_if_that_would_start() {
    let place = Place::with(&[
        ("softenable.conf", config("100", "prioritty 90")),
        ("hopeless.conf", config("100", "prioritty 90\n  interface \"far too long a name\"")),
        ("unsupported.conf", config("100", "use_vmac")),
    ]);
    assert_eq!(
        refusal(&place, &["-f", "softenable.conf"], 1),
        "vrrpd: softenable.conf has errors, nothing was started; `vrrpd run --lenient -f \
         softenable.conf` takes what keepalived would tolerate"
    );
    let with_identifier = refusal(&place, &["-i", "n1", "-f", "softenable.conf"], 1);
    assert!(with_identifier.contains("`vrrpd run --lenient -i n1 -f"), "{with_identifier}");
    for file in ["hopeless.conf", "unsupported.conf"] {
        let plain = format!("vrrpd: {file} has errors, nothing was started");
        assert_eq!(refusal(&place, &["-f", file], 1), plain);
        assert_eq!(refusal(&place, &["--lenient", "-f", file], 1), plain);
    }
    let missing = refusal(&place, &["-f", "none.conf"], 2);
    assert!(missing.starts_with("vrrpd: cannot read none.conf: "), "{missing}");
}

#[test]
fn config_prints_passwords_only_where_they_are_asked_for() {
    let password = "authentication {\n auth_type PASS\n auth_pass s3cret\n }";
    let place = Place::with(&[("a.conf", config("100", password))]);
    for format in [&[][..], &["--json"]] {
        let run = |more: &[&str]| place.run(&[&["config", "-f", "a.conf"], format, more].concat());
        let (hidden, shown) = (run(&[]), run(&["--secrets"]));
        assert_eq!((hidden.exit, shown.exit), (0, 0), "{hidden:?}");
        assert!(!hidden.out.contains("s3cret") && hidden.out.contains("********"), "{hidden:?}");
        assert!(shown.out.contains("s3cret"), "{shown:?}");
    }
}

#[test]
fn unicast_and_ipv6_are_sound_and_what_is_not_done_of_them_is_refused() {
    let peers = "unicast_src_ip 192.0.2.7\n unicast_peer {\n 192.0.2.8 min_ttl 250\n }\n \
                 check_unicast_src\n unicast_ttl 64\n track_src_ip\n old_unicast_checksum never";
    let over_ipv6 = |text: String| text.replace("192.0.2.1/24", "fe80::1/64\n 2001:db8::1/64");
    let both = "virtual_ipaddress_excluded {\n 192.0.2.1/24\n 2001:db8::2/64\n }";
    let place = Place::with(&[
        ("unicast.conf", config("100", peers)),
        ("ipv6.conf", over_ipv6(config("100", both))),
        ("anywhere.conf", config("100", peers).replace("interface eth0", "")),
        ("vrf.conf", config("100", &format!("{peers}\n vrf red"))),
    ]);
    for file in ["unicast.conf", "ipv6.conf", "anywhere.conf"] {
        let said = place.run(&["check", file]);
        assert_eq!(said.exit, 0, "{said:?}");
        assert!(!said.err.contains("warning") && !said.out.contains("warning"), "{said:?}");
    }
    // The interface would have to be in that VRF anyway.
    let said = place.run(&["check", "vrf.conf"]);
    assert_eq!(said.exit, 1, "{said:?}");
    assert!((said.out.clone() + &said.err).contains("E0409"), "{said:?}");
}
