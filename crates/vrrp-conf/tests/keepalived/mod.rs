//! keepalived as an oracle, in namespaces with the interfaces `eth0` to `eth3` and a `/run` of its
//! own: `keepalived -t` makes directories and files.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const INTERFACES: &str = "
    set -e
    mount -t tmpfs tmpfs /run
    ip link set lo up
    ip link add eth0 type veth peer name eth1
    ip link add eth2 type veth peer name eth3
    for i in 0 1 2 3; do
        ip address add 192.168.$i.1/24 dev eth$i
        ip link set eth$i up
    done
    set +e";

const CHECK: &str = "
    set -f
    for file; do
        message=$(timeout -s KILL 5 keepalived -t -i node -f \"$file\" 2>&1)
        echo \"$? $file $(echo $message)\"
    done";

/// Ends with its namespace of processes, or after twenty seconds.
const RUN: &str = "
    exec timeout 20 keepalived --vrrp --dont-fork --dump-conf --log-detail --log-console \\
        --pid=$1 --vrrp_pid=$2 -i node -f $3 2>&1";

/// What `keepalived -t` says of a file, which it names.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) code: i32,
    pub(crate) said: String,
}

impl Verdict {
    /// Nothing is wrong. 6 is said of scripts that run as root without
    /// `enable_script_security`, and also where there is more to say, which has a line.
    pub(crate) fn is_sound(&self) -> bool {
        self.code == 0 || (self.code == 6 && !self.said.contains("Line "))
    }

    /// keepalived would run, perhaps with changes: it ends with 5 where it would.
    pub(crate) fn is_tolerated(&self) -> bool {
        matches!(self.code, 0 | 5 | 6)
    }
}

/// Runs `keepalived -t` on each file; `None`, with a word about it, where that is not possible.
pub(crate) fn verdicts(files: &[PathBuf]) -> Option<Vec<Verdict>> {
    let output = in_namespace(CHECK, files).output().ok().filter(|output| output.status.success());
    let output = is_there().then_some(output).flatten();
    let Some(output) = output else {
        eprintln!("skipped: needs keepalived and network namespaces");
        assert!(std::env::var_os("CI").is_none(), "CI has both");
        return None;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let verdicts: Vec<_> = text.lines().map(verdict).collect();
    assert_eq!(verdicts.len(), files.len(), "{text}");
    Some(verdicts)
}

/// What keepalived says that its configuration is when it runs with a file: lines like
/// `Priority = 100`.
pub(crate) fn dump(file: &Path) -> Option<Vec<String>> {
    let files = [file.with_extension("parent"), file.with_extension("vrrp"), file.to_owned()];
    let mut child = in_namespace(RUN, &files).stdout(Stdio::piped()).spawn().ok()?;
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    // Each line begins with the time, whose words may be apart by two spaces.
    let lines =
        lines.map(|line| line.split_once(": ").map_or("", |(_, text)| text).trim().to_owned());
    let lines = lines.skip_while(|line| !line.contains("< VRRP Topology >"));
    // It tells that it has started while it writes this.
    let lines = lines.filter(|line| line != "Startup complete");
    let dumped: Vec<_> = lines.take_while(|line| !line.contains("< Interfaces >")).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    (!dumped.is_empty()).then_some(dumped)
}

fn verdict(line: &str) -> Verdict {
    let mut words = line.splitn(2, ' ');
    let mut word = || words.next().unwrap_or_default();
    Verdict { code: word().parse().unwrap(), said: word().to_owned() }
}

fn is_there() -> bool {
    Command::new("keepalived").arg("--version").stderr(Stdio::null()).status().is_ok()
}

fn in_namespace(script: &str, files: &[PathBuf]) -> Command {
    let mut command = Command::new("unshare");
    command.args([
        "--map-root-user",
        "--mount",
        "--net",
        "--pid",
        "--fork",
        "--kill-child",
        "sh",
        "-c",
    ]);
    command.arg(format!("{INTERFACES}{script}")).arg("sh").args(files);
    command
}
