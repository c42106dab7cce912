//! A failure outside of the cluster that leaves nobody fit: all members need the same host.

use std::net::{IpAddr, SocketAddr};

use super::Candidate;
use crate::cluster::health::{Kind, Tracker};
use crate::model::Command;
use crate::{Code, Diagnostic, Span};

/// Programs whose arguments may be names of hosts, all of which they need.
const PROBES: &[&str] = &["arping", "fping", "nc", "ncat", "ping", "ping6"];

/// Programs that need the hosts of all their URLs; other arguments have names too.
const CLIENTS: &[&str] = &["curl", "wget"];

/// Programs whose arguments are mostly questions.
const LOOKUPS: &[&str] = &["dig", "host", "nslookup"];

pub(super) fn check(all: &[Candidate<'_, '_>]) -> Option<Diagnostic> {
    let (first, others) = all.split_first()?;
    let needs = |other: &Candidate<'_, '_>, host: &str| {
        needed_hosts(other).into_iter().find(|(needed, _)| needed == host)
    };
    let shared = |(host, _): &(String, Span)| others.iter().all(|one| needs(one, host).is_some());
    let (host, at) = needed_hosts(first).into_iter().find(shared)?;
    let message = format!(
        "when {host} does not answer, {} is in FAULT, and every other member is too",
        first.seat
    );
    let mut finding = Diagnostic::new(Code::ClusterSharedFault, at, message)
        .label("this has no weight, so its failure is a fault");
    for other in others {
        finding = finding.also(needs(other, &host)?.1, format!("the same in {}", other.seat.file));
    }
    Some(finding.help("give the checks a weight, so that the best member stays master"))
}

/// The other hosts without which a member is in FAULT, and where it tracks them.
fn needed_hosts(one: &Candidate<'_, '_>) -> Vec<(String, Span)> {
    // A reversed check fails while the host answers.
    let fatal = one.health.trackers.iter().filter(|tracker| tracker.is_fatal());
    let fatal = fatal.filter(|tracker| !tracker.weight.value.reverse);
    fatal.flat_map(|tracker| hosts(one, tracker).map(|host| (host, tracker.at))).collect()
}

fn hosts(one: &Candidate<'_, '_>, tracker: &Tracker<'_>) -> impl Iterator<Item = String> + use<> {
    let config = one.seat.config;
    let hosts: Vec<String> = match tracker.kind {
        Kind::Script => config.scripts.get(&*tracker.name).map_or_else(Vec::new, |script| {
            let own = one.seat.instance.all_addresses().map(|own| own.address.to_string());
            command_hosts(&script.command, &own.collect::<Vec<_>>())
        }),
        Kind::Bfd => {
            let session = config.bfd_sessions.get(&*tracker.name);
            session.map(|session| session.neighbor.to_string()).into_iter().collect()
        }
        Kind::Interface | Kind::Process => Vec::new(),
    };
    hosts.into_iter()
}

/// The hosts without which a command fails; of one that is not known, as far as one can tell.
fn command_hosts(command: &Command, virtual_addresses: &[String]) -> Vec<String> {
    let program = command.program().rsplit('/').next().unwrap_or_default();
    let words = || command.arguments().iter().flat_map(|word| word.split_whitespace());
    if LOOKUPS.contains(&program) || words().any(names_this_machine) {
        return Vec::new();
    }
    let is_probe = PROBES.contains(&program);
    let mut hosts: Vec<_> = words().filter_map(|word| remote_host(word, is_probe)).collect();
    if !is_probe && !CLIENTS.contains(&program) {
        // It may ask whether the address is here, and one of several hosts may be enough.
        hosts.retain(|host| !virtual_addresses.contains(host));
        if hosts.len() > 1 {
            hosts.clear();
        }
    }
    hosts
}

/// Whether a word says that it is this machine that is checked.
fn names_this_machine(word: &str) -> bool {
    let word = word.trim_start_matches('@');
    word == "::1" || ["127.0.0.", "[::1]", "localhost"].iter().any(|name| word.contains(name))
}

/// The host that a word of a command names, if it is not this one.
fn remote_host(word: &str, takes_names: bool) -> Option<String> {
    let (has_scheme, rest) = match word.split_once("://") {
        Some((_, rest)) => (true, rest.split('/').next().unwrap_or_default()),
        None => (false, word),
    };
    let address = rest.parse::<IpAddr>().ok();
    let address = address.or_else(|| rest.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    if let Some(address) = address {
        return (!address.is_loopback() && !address.is_unspecified()).then(|| address.to_string());
    }
    let name = rest.split(':').next().unwrap_or_default();
    let is_name = name.contains('.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
        && name.bytes().next_back().is_some_and(|byte| byte.is_ascii_alphabetic())
        && !name.starts_with(['-', '.']);
    (is_name && (has_scheme || takes_names)).then(|| name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_names_another_host_or_none() {
        let host = |word| remote_host(word, false);
        assert_eq!(host("192.0.2.254").as_deref(), Some("192.0.2.254"));
        assert_eq!(host("[2001:db8::1]:80").as_deref(), Some("2001:db8::1"));
        assert_eq!(host("192.0.2.254:53").as_deref(), Some("192.0.2.254"));
        assert_eq!(host("https://192.0.2.254/health").as_deref(), Some("192.0.2.254"));
        assert_eq!(
            host("https://Gateway.example.com:8443/x").as_deref(),
            Some("gateway.example.com")
        );
        assert_eq!(remote_host("example.com", true).as_deref(), Some("example.com"));
        for word in ["127.0.0.1", "::1", "http://127.0.0.1:80/", "0.0.0.0", "-c", "1.5", "check.sh"]
        {
            assert_eq!(host(word), None, "{word}");
        }
        assert_eq!(remote_host("-c1.x", true), None);
        assert_eq!(remote_host("localhost", true), None);
    }
}
