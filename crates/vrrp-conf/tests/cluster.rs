//! Members of one cluster, read together.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use vrrp_conf::cluster::{Cluster, parse};
use vrrp_conf::{Code, Diagnostic, Options, RenderOptions, render};

fn member(lines: &str, addresses: &str) -> String {
    format!(
        "vrrp_script ping {{\n script \"/bin/ping -c 1 192.0.2.254\"\n}}\nvrrp_instance VI_1 {{\n \
         interface eth0\n{lines}\n virtual_ipaddress {{\n  {addresses}\n }}\n}}\n"
    )
}

fn cluster(texts: &[String]) -> Cluster {
    let options = Options { config_id: Some("n".into()), ..Options::default() };
    let names = ["a.conf", "b.conf", "c.conf"];
    let members: Vec<_> =
        texts.iter().zip(names).map(|(text, name)| (name, &**text, &options)).collect();
    parse(&members)
}

/// The codes about the cluster, and that each finding names places in two files.
fn codes(first: &str, second: &str) -> Vec<Code> {
    let texts = [member(first, "192.0.2.1"), member(second, "192.0.2.1")];
    let cluster = cluster(&texts);
    let ours = |found: &&Diagnostic| found.code.as_str()[1..].starts_with("06");
    let found: Vec<_> = cluster.diagnostics.iter().filter(ours).collect();
    for finding in &found {
        let spans = finding.span.iter().chain(finding.labels.iter().map(|label| &label.span));
        let files: std::collections::BTreeSet<_> =
            spans.map(|span| cluster.sources.location(*span).unwrap().file).collect();
        assert_eq!(files.len(), 2, "{finding:?}");
    }
    found.iter().map(|finding| finding.code).collect()
}

#[test]
fn members_that_agree_are_sound() {
    let (a, b) = (" virtual_router_id 51\n priority 100", " virtual_router_id 51\n priority 90");
    assert_eq!(codes(a, b), []);
}

#[test]
fn each_difference_is_named() {
    let base = " virtual_router_id 51\n priority 100";
    let cases = [
        (" virtual_router_id 52\n priority 90", Code::ClusterVrid),
        (" virtual_router_id 51\n priority 90\n version 3", Code::ClusterVersion),
        (" virtual_router_id 51\n priority 90\n advert_int 2", Code::ClusterInterval),
        (
            " virtual_router_id 51\n priority 90\n authentication {\n auth_type PASS\n auth_pass x\n }",
            Code::ClusterAuthentication,
        ),
        (" virtual_router_id 51\n priority 100", Code::ClusterEqual),
        (" virtual_router_id 51\n priority 90\n mcast_dst_ip 224.0.0.19", Code::ClusterUnicast),
    ];
    for (other, expected) in cases {
        assert_eq!(codes(base, other), [expected], "{other}");
    }
    let v3 = " virtual_router_id 51\n version 3\n priority";
    assert_eq!(
        codes(&format!("{v3} 9\n advert_int 2"), &format!("{v3} 8")),
        [Code::ClusterIntervalV3]
    );
    assert_eq!(
        codes(&format!("{v3} 9\n v3_checksum_as_v2"), &format!("{v3} 8")),
        [Code::ClusterChecksum]
    );
    let owner = " virtual_router_id 51\n priority 255";
    assert_eq!(codes(owner, owner), [Code::ClusterOwners]);
}

#[test]
fn weights_must_reach_the_next_member() {
    let a = |weight| {
        format!(
            " virtual_router_id 51\n priority 200\n track_interface {{\n eth1 weight {weight}\n }}"
        )
    };
    let b = " virtual_router_id 51\n priority 190";
    assert_eq!(codes(&a(-5), b), [Code::ClusterWeight]);
    assert_eq!(codes(&a(-10), b), [Code::ClusterWeight], "equal priorities take nothing over");
    assert_eq!(codes(&a(-11), b), []);
    assert_eq!(codes(&a(20), b), [Code::ClusterWeight], "200 without the bonus is enough");
}

#[test]
fn nopreempt_and_weights_do_not_go_together() {
    let a = " virtual_router_id 51\n priority 200\n track_interface {\n eth1 weight -50\n }";
    let b = " virtual_router_id 51\n priority 190\n nopreempt";
    assert_eq!(codes(a, b), [Code::ClusterNopreempt]);
}

#[test]
fn a_host_that_all_need_is_named() {
    let tracked = "\n track_script {\n ping\n }";
    let a = format!(" virtual_router_id 51\n priority 200{tracked}");
    let b = format!(" virtual_router_id 51\n priority 100{tracked}");
    assert_eq!(codes(&a, &b), [Code::ClusterSharedFault]);
    assert_eq!(codes(&a, " virtual_router_id 51\n priority 100"), []);
}

#[test]
fn addresses_that_one_member_lacks_are_named() {
    let lines = |priority| format!(" virtual_router_id 51\n priority {priority}");
    let texts = [member(&lines(9), "192.0.2.1\n 192.0.2.2"), member(&lines(8), "192.0.2.1")];
    let cluster = cluster(&texts);
    let text = render(&cluster.diagnostics, &cluster.sources, RenderOptions::default());
    assert!(text.contains("`VI_1` lacks the address 192.0.2.2 of a.conf"), "{text}");
    assert!(text.contains("b.conf:4:15") && text.contains("a.conf"), "{text}");
}

#[test]
fn a_router_of_one_member_is_alone() {
    let other = member(" virtual_router_id 9\n priority 8", "198.51.100.1").replace("VI_1", "VI_9");
    let texts = [member(" virtual_router_id 51\n priority 9", "192.0.2.1"), other];
    let found: Vec<_> = cluster(&texts).diagnostics.iter().map(|found| found.code).collect();
    assert_eq!(found.iter().filter(|code| **code == Code::ClusterAlone).count(), 2);
}

#[test]
fn thousands_of_routers_are_matched_without_comparing_all() {
    let text = |priority: u8| {
        let instance = |id: u32| {
            let (high, low) = (id / 200, id % 200 + 1);
            format!(
                "vrrp_instance V{id} {{\n interface e{high}\n virtual_router_id {low}\n priority \
                 {priority}\n virtual_ipaddress {{ 10.0.{high}.{low} }}\n}}\n"
            )
        };
        (0..3000).map(instance).collect::<String>()
    };
    assert_eq!(cluster(&[text(9), text(8)]).diagnostics, []);
}

#[test]
fn the_article_s_clusters_are_sound() {
    let process = |state, priority| {
        format!(
            "vrrp_track_process track_apache {{\n process httpd\n weight 10\n}}\nvrrp_instance VI_1 \
             {{\n state {state}\n interface eth0\n virtual_router_id 51\n priority {priority}\n \
             virtual_ipaddress {{\n 192.168.122.200/24\n }}\n track_process {{\n track_apache\n \
             }}\n}}\n"
        )
    };
    assert_eq!(cluster(&[process("MASTER", 244), process("BACKUP", 240)]).diagnostics, []);
}
