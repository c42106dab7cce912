//! Any octets are taken apart without a panic, and what is found agrees with the rules.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vrrp_proto::{Advert, Flaw, IpMeta};

#[path = "../../crates/vrrp-proto/tests/agreement/mod.rs"]
mod agreement;

fuzz_target!(|input: &[u8]| {
    let Some((&choice, message)) = input.split_first() else { return };
    let ip = envelope(choice);
    agreement::check(message, &ip);
    // Chance does not find checksums, and behind a right one other code waits.
    let findings = Advert::dissect(message, Some(&ip)).findings();
    for finding in findings {
        if let Flaw::Checksum { required, .. } = finding.flaw {
            let mut sealed = message.to_vec();
            sealed[6..8].copy_from_slice(&required.to_be_bytes());
            agreement::check(&sealed, &ip);
        }
    }
});

/// Every pair of families, to the group or not, with the hop limit of the link or another.
fn envelope(choice: u8) -> IpMeta {
    let chooses = |bit: u8| choice & 1 << bit != 0;
    let source = if chooses(0) { "fe80::1" } else { "192.0.2.1" };
    let destination = match (chooses(1), chooses(2), chooses(3)) {
        (false, false, false) => "224.0.0.18",
        (false, false, true) => "224.0.0.99",
        (false, true, _) => "192.0.2.2",
        (true, false, false) => "ff02::12",
        (true, false, true) => "ff02::99",
        (true, true, _) => "fe80::2",
    };
    let parse = |address: &str| address.parse().expect("an address");
    let hop_limit = if chooses(4) { choice } else { 255 };
    IpMeta::new(parse(source), parse(destination), hop_limit)
}
