//! Members of one cluster, read together: what is found, and at which words.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod agreement;
mod election;
mod failure;
mod order;
mod production;
mod sound;

use vrrp_conf::cluster::{Cluster, parse};
use vrrp_conf::{Options, RenderOptions, render};

/// An instance with some lines, which begin on line 2, and what it cannot do without.
fn member(lines: &str) -> String {
    let has = |keyword: &str| lines.lines().any(|line| line.trim_start().starts_with(keyword));
    let needed = [
        ("interface", " interface eth0\n"),
        ("virtual_router_id", " virtual_router_id 51\n"),
        ("virtual_ipaddress", " virtual_ipaddress {\n  192.0.2.1/24\n }\n"),
    ];
    let needed: String =
        needed.iter().filter(|(keyword, _)| !has(keyword)).map(|(_, line)| *line).collect();
    format!("vrrp_instance VI_1 {{\n{lines}\n{needed}}}\n{DEFINITIONS}")
}

const DEFINITIONS: &str = r#"vrrp_script chk {
 script "/bin/check"
}
vrrp_script chk2 {
 script "/bin/check"
}
vrrp_script gateway {
 script "/bin/ping -c 1 192.0.2.254"
}
vrrp_script site {
 script "/usr/bin/curl https://192.0.2.254/health"
}
vrrp_script itself {
 script "/usr/bin/curl http://127.0.0.1/health"
}
vrrp_track_process web {
 process nginx
 weight 10
}
track_file number {
 file /run/number
}
"#;

fn cluster(texts: &[String]) -> Cluster {
    let options = Options::default().config_id("n");
    let names = ["a.conf", "b.conf", "c.conf"];
    let members: Vec<_> =
        texts.iter().zip(names).map(|(text, name)| (name, &**text, &options)).collect();
    parse(&members)
}

/// What is found about the cluster: the code, its place, and the other places.
fn findings(texts: &[String]) -> Vec<String> {
    let cluster = cluster(texts);
    let at = |span| cluster.sources.location(span).unwrap().to_string();
    let ours =
        cluster.diagnostics.iter().filter(|found| found.code.as_str()[1..].starts_with("06"));
    ours.map(|found| {
        assert!(found.help.is_some(), "{found:?}");
        let labels = found.labels.iter().map(|label| at(label.span));
        let places: Vec<_> = found.span.map(at).into_iter().chain(labels).collect();
        format!("{} {}", found.code, places.join(" "))
    })
    .collect()
}

/// Members of which the last one is at fault, what is found, and the last one without the fault.
struct Case {
    members: &'static [&'static str],
    found: &'static [&'static str],
    sound: &'static str,
}

fn check(cases: &[Case]) {
    for Case { members, found, sound } in cases {
        let mut texts: Vec<_> = members.iter().map(|lines| member(lines)).collect();
        assert_eq!(findings(&texts), *found, "of {members:#?}");
        *texts.last_mut().unwrap() = member(sound);
        assert_eq!(findings(&texts), [""; 0], "of {members:#?} with {sound}");
    }
}

fn rendered(texts: &[String]) -> String {
    let cluster = cluster(texts);
    render(&cluster.diagnostics, &cluster.sources, RenderOptions::default())
}

#[test]
fn a_router_of_one_member_is_alone() {
    let other =
        member(" virtual_router_id 9\n priority 8\n virtual_ipaddress {\n 198.51.100.1\n }");
    let texts = [member(" priority 9"), other.replace("VI_1", "VI_9")];
    assert_eq!(findings(&texts), ["W0657 a.conf:1:15", "W0657 b.conf:1:15"]);
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
fn so_many_findings_are_kept() {
    let text = |version: u8| {
        let instance = |id: u32| {
            format!(
                "vrrp_instance V{id} {{\n interface e{id}\n virtual_router_id 1\n version {version}\n \
                 priority {version}\n virtual_ipaddress {{ 10.0.{}.{} }}\n}}\n",
                id / 200,
                id % 200
            )
        };
        (0..3000).map(instance).collect::<String>()
    };
    let found = findings(&[text(2), text(3)]);
    assert!(found.len() < 3000 && found.iter().all(|found| found.starts_with("E0602")));
}

/// The example in `docs/configuration.md` is what is printed.
#[test]
fn the_documentation_shows_what_is_found() {
    let node = |vrid: u8, priority: u8| {
        format!(
            "vrrp_script chk_web {{\n    script \"/usr/bin/pidof nginx\"\n    weight -5\n}}\n\n\
             vrrp_instance VI_1 {{\n    state BACKUP\n    interface eth0\n    virtual_router_id \
             {vrid}\n    priority {priority}\n    virtual_ipaddress {{\n        192.0.2.10/24\n    \
             }}\n    track_script {{\n        chk_web\n    }}\n}}\n"
        )
    };
    let (one, two) = (node(51, 100), node(52, 90));
    let options = Options::default();
    let cluster = parse(&[("node1.conf", &one, &options), ("node2.conf", &two, &options)]);
    let text = render(&cluster.diagnostics, &cluster.sources, RenderOptions::default());
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    assert!(std::fs::read_to_string(docs).unwrap().contains(&text), "{text}");
}

#[test]
fn an_address_that_thousands_have_tells_nothing() {
    let text = |priority: u8| {
        let instance = |id: u32| {
            format!(
                "vrrp_instance V{id} {{\n interface e{id}\n virtual_router_id 1\n priority \
                 {priority}\n virtual_ipaddress {{ 10.0.0.1 }}\n}}\n"
            )
        };
        (0..2000).map(instance).collect::<String>()
    };
    assert_eq!(cluster(&[text(9), text(8)]).diagnostics, []);
}
