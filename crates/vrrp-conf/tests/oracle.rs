//! What keepalived 2.2.7 says of the corpus and of faults, and what lenient mode makes of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cases;
mod keepalived;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cases::{IN_INSTANCE, IN_OTHER_BLOCKS, IN_SCRIPT, before_instance, in_script, instance};
use keepalived::verdicts;
use vrrp_conf::model::{FirstState, Instance, Scope};
use vrrp_conf::{Code, Options, RenderOptions, parse_str};
use vrrp_proto::Version;

/// All faults: the lines, the text, and the code.
fn faults() -> Vec<(&'static str, String, Code)> {
    let mut faults = Vec::new();
    for (table, text) in [
        (IN_INSTANCE, instance as fn(&str) -> String),
        (IN_OTHER_BLOCKS, before_instance),
        (IN_SCRIPT, in_script),
    ] {
        faults.extend(table.iter().map(|(lines, expected)| {
            let code = expected.split(' ').next().unwrap().parse().unwrap();
            (*lines, text(lines), code)
        }));
    }
    faults
}

/// Codes of faults of which lenient mode thinks otherwise than keepalived.
/// `docs/configuration.md` has a row with the reason for each.
const OTHERWISE: &[&str] =
    &["E0202", "E0204", "E0206", "E0208", "E0209", "E0308", "E0401", "E0403", "E0409"];

/// Codes of faults that keepalived does not report.
const UNREPORTED: &[&str] = &["E0207", "E0210", "E0310", "E0409", "E0413"];

fn files(directory: &Path, texts: impl Iterator<Item = String>) -> Vec<PathBuf> {
    let write = |(at, text)| {
        let file = directory.join(format!("{at}.conf"));
        std::fs::write(&file, text).unwrap();
        file
    };
    texts.enumerate().map(write).collect()
}

#[test]
fn keepalived_agrees_that_the_corpus_is_sound() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let files = std::fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path());
    for verdict in verdicts(&files.collect::<Vec<_>>()).unwrap_or_default() {
        assert!(verdict.is_sound(), "{verdict:?}");
    }
}

#[test]
fn lenient_mode_tolerates_what_keepalived_tolerates() {
    let directory = tempfile::tempdir().unwrap();
    let faults = faults();
    let files = files(directory.path(), faults.iter().map(|(_, text, _)| text.clone()));
    let Some(verdicts) = verdicts(&files) else { return };
    let (mut otherwise, mut unreported) = (BTreeSet::new(), BTreeSet::new());
    for (verdict, (lines, _, code)) in verdicts.iter().zip(&faults) {
        let name = code.as_str();
        if code.is_tolerated() != verdict.is_tolerated() {
            assert!(OTHERWISE.contains(&name), "{name}: {lines:?}, {verdict:?}");
            otherwise.insert(name);
        }
        if verdict.is_sound() {
            assert!(UNREPORTED.contains(&name), "{name}: {lines:?}, {verdict:?}");
            unreported.insert(name);
        }
    }
    assert_eq!(otherwise, OTHERWISE.iter().copied().collect(), "all are needed");
    assert_eq!(unreported, UNREPORTED.iter().copied().collect(), "all are needed");
}

#[test]
fn the_documentation_says_why_lenient_mode_thinks_otherwise() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let text = std::fs::read_to_string(path).unwrap();
    let section = text.split("## Where lenient mode and keepalived differ").nth(1).unwrap();
    let rows = section.split("\n## ").next().unwrap().lines();
    let codes: Vec<_> = rows.filter_map(|row| row.strip_prefix("| E")?.get(..4)).collect();
    let expected: Vec<_> = OTHERWISE.iter().map(|code| &code[1..]).collect();
    assert_eq!(codes, expected);
}

/// Values out of range and the like, all in one instance, and what keepalived takes instead.
const BAD_LINES: &str = " priority 300
 advert_int 300
 preempt_delay 1001
 down_timer_adverts 0
 garp_master_repeat 0
 garp_master_refresh_repeat 0
 garp_master_delay -1
 lower_prio_no_advert perhaps
 version 4
 state ACTIVE
 mcast_src_ip 192.0.2.300
 track_interface {
  eth1 weight 254
  eth2 weight -300
  eth3 wieght 5
 }
 virtual_ipaddress_excluded {
  192.0.2.7/33
  192.0.2.8 label a-label-of-19-bytes
  192.0.2.9 scope near
  192.0.2.10 brd x
  192.0.2.11 divice eth0 scope link
  192.0.2.12 preferred_lft x
 }";

/// The same lines that keepalived dumps, from the model.
fn dump_of(instance: &Instance) -> Vec<String> {
    let enabled = |on: bool| if on { "enabled" } else { "disabled" };
    let seconds = |time: Duration| time.as_secs();
    let mut lines = vec![
        format!("VRRP Version = {}", instance.version),
        format!(
            "Wantstate = {}",
            if instance.first_state.value == FirstState::Master { "MASTER" } else { "BACKUP" }
        ),
        format!("Interface = {}", instance.carrier),
        format!("Gratuitous ARP delay = {}", seconds(instance.announce.delay)),
        format!("Gratuitous ARP repeat = {}", instance.announce.repeat),
        format!("Gratuitous ARP refresh = {}", seconds(instance.announce.refresh)),
        format!("Gratuitous ARP refresh repeat = {}", instance.announce.refresh_repeat),
        format!(
            "Gratuitous ARP lower priority delay = {}",
            seconds(instance.announce.lower_prio_delay)
        ),
        format!("Gratuitous ARP lower priority repeat = {}", instance.announce.lower_prio_repeat),
        format!("Down timer adverts = {}", instance.down_timer_adverts),
        format!(
            "Send advert after receive lower priority advert = {}",
            !*instance.lower_prio_no_advert
        ),
        format!(
            "Send advert after receive higher priority advert = {}",
            instance.higher_prio_send_advert
        ),
        format!("Virtual Router ID = {}", instance.vrid),
        format!("Priority = {}", instance.priority),
        format!("Accept = {}", enabled(instance.accept)),
        format!("Preempt = {}", enabled(*instance.preempt.enabled)),
    ];
    let interval = instance.interval.as_duration();
    lines.push(match instance.version.value {
        Version::V2 => format!("Advert interval = {} sec", interval.as_secs()),
        Version::V3 => format!("Advert interval = {} milli-sec", interval.as_millis()),
    });
    lines.extend(
        instance
            .tracks
            .interfaces
            .iter()
            .map(|track| format!("{} weight {}", track.target, track.weight.value.value)),
    );
    lines.extend(instance.all_addresses().map(|address| {
        let scope = if address.scope == Scope::LINK { "link" } else { "global" };
        let prefix = match address.prefix_len {
            32 => String::new(),
            len => format!("/{len}"),
        };
        format!("{}{prefix} dev {} scope {scope}", address.address, instance.carrier)
    }));
    lines
}

#[test]
fn lenient_mode_takes_the_values_that_keepalived_takes() {
    for lines in [
        "",
        BAD_LINES,
        " garp_master_repeat 2\n garp_master_delay 9",
        " advert_int 1.5",
        " version 3\n advert_int 41",
        " version 3\n advert_int 0.015",
    ] {
        let text = instance(lines);
        let options = Options::default().lenient(true);
        let loaded = parse_str("lenient", &text, &options);
        let config = loaded
            .config
            .as_ref()
            .unwrap_or_else(|| panic!("{}", loaded.render(RenderOptions::default())));
        let ours = dump_of(&config.instances[0]);
        let directory = tempfile::tempdir().unwrap();
        let file = files(directory.path(), [text].into_iter()).remove(0);
        if verdicts(std::slice::from_ref(&file)).is_none() {
            return;
        }
        let theirs = keepalived::dump(&file).unwrap();
        for line in &ours {
            assert!(theirs.contains(line), "`{line}` is not in {theirs:#?}");
        }
        let items = |line: &&String| line.contains(" weight ") || line.contains(" scope ");
        let count = |lines: &[String]| lines.iter().filter(items).count();
        assert_eq!(count(&theirs), count(&ours), "{theirs:#?}");
    }
}
