//! What the machine is short of is no verdict on a service, and nothing is lost for it.

use std::fmt::Write as _;

use vrrp_lab::{Command, Exit, Host, Process};

use crate::stage::{LIMIT, Stage, VIP, VRRPD, eventually, instance, router, start, status};

const CONFIG: &str = "/run/keepalived.conf";

/// Starts the daemon with so many descriptors and no more.
fn start_with_descriptors(host: &Host, limit: u32, config: &str) -> Process {
    host.write_file(CONFIG, config).unwrap();
    let limit = format!("--nofile={limit}:{limit}");
    let command = Command::new("prlimit").args([&limit, VRRPD, "run", "-f", CONFIG]);
    let daemon = host.spawn(command.env("RUST_LOG", "debug")).unwrap();
    daemon.wait_for_line(LIMIT, |line| line.contains(" runs ")).unwrap();
    daemon
}

/// So many instances that a healthy check decides about, and that tell a program what they become.
fn instances(count: u8) -> String {
    let mut text = "global_defs {\n script_user root\n}\n\
                    vrrp_script healthy {\n script /bin/true\n interval 1\n}\n"
        .to_owned();
    for nth in 1..=count {
        let more = "track_script {\n healthy\n }\n notify /run/told root";
        let address = format!("192.168.122.{}/24", 200 + nth);
        let one = router(&format!("VI_{nth}"), nth, 150, &address, more);
        write!(text, "{}", one.replace("advert_int 0.2", "advert_int 1")).unwrap();
    }
    text
}

fn states(host: &Host) -> Vec<String> {
    let told = status(host);
    let instances = told["instances"].as_array().unwrap();
    instances.iter().map(|one| one["state"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn with_few_descriptors_checks_and_programs_run_all_the_same() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    host.write_program("/run/told", "#!/bin/sh\necho \"$2 $3\" >> /run/told.log\n").unwrap();
    let daemon = start_with_descriptors(host, 80, &instances(12));
    eventually("all are master", || states(host) == ["MASTER"; 12]);
    let told = || host.read_text("/run/told.log").unwrap_or_default();
    eventually("all programs have run", || {
        (1..=12).all(|nth| told().lines().any(|line| line == format!("VI_{nth} MASTER")))
    });
    assert!(!daemon.stderr().contains("-> FAULT"), "{}", daemon.stderr());
}

#[test]
fn more_instances_than_descriptors_do_not_keep_the_others_from_running() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    host.write_program("/run/told", "#!/bin/sh\n").unwrap();
    let _daemon = start_with_descriptors(host, 67, &instances(30));
    eventually("some are master, and the others are shown", || {
        let states = states(host);
        states.len() == 30 && states.iter().filter(|state| *state == "MASTER").count() >= 8
    });
    // What some give up is there for the others.
    host.write_file(CONFIG, instances(8)).unwrap();
    // Those that wait try again now and then, and may take the descriptors that are kept for this.
    eventually("it is reloaded", || host.run([VRRPD, "reload"]).unwrap().exit == Exit::Code(0));
    eventually("all are master", || states(host) == ["MASTER"; 8]);
}

#[test]
fn a_reload_that_runs_out_of_descriptors_leaves_the_trackers_as_they_were() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let config = |kind: &str, more: &str| {
        let track = format!("track_{kind} {{\n t weight 1\n }}");
        format!("{more}{}", router("VI_1", 51, 150, VIP, &track))
    };
    let file = config("file", "track_file t {\n file /run/score\n}\n");
    host.write_file("/run/score", "5").unwrap();
    let _daemon = start(host, &file);
    let priority = || instance(host)["priority"]["effective"].as_u64();
    eventually("the file counts", || priority() == Some(155));
    // One more than are in use: enough for whoever asks for the reload.
    let script =
        "p=$(pgrep -x vrrpd); prlimit --pid $p --nofile=$(( $(ls /proc/$p/fd | wc -l) + 1 ))";
    host.run(["sh", "-c", script]).unwrap().success().unwrap();
    let process = "vrrp_track_process t {\n process no-such-program\n}\n";
    host.write_file(CONFIG, config("process", process)).unwrap();
    let told = host.run([VRRPD, "reload"]).unwrap();
    let said = String::from_utf8_lossy(&[told.stdout, told.stderr].concat()).into_owned();
    assert_eq!(told.exit, Exit::Code(1), "{said}");
    assert!(said.contains("is in force") && said.contains("open files"), "{said}");
    assert_eq!(priority(), Some(155), "the reading is still there");
    host.replace_file("/run/score", "7").unwrap();
    eventually("the file is still followed", || priority() == Some(157));
}

#[test]
fn the_status_is_whole_while_addresses_are_stormed() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    const ADDRESSES: u32 = 500;
    let all = |from: u32| -> String {
        (0..ADDRESSES).fold(String::new(), |mut all, nth| {
            writeln!(all, "10.{from}.{}.{}/32", nth / 250, nth % 250 + 1).unwrap();
            all
        })
    };
    let one = |nth: u8| {
        let more = format!("virtual_ipaddress_excluded {{\n{}}}", all(nth.into()));
        router(&format!("VI_{nth}"), nth, 150, &format!("192.168.122.{}/24", 200 + nth), &more)
    };
    let _daemon = start(host, &(1..=4).map(one).collect::<String>());
    eventually("all are master", || states(host) == ["MASTER"; 4]);
    let flush = "for n in 1 2 3 4 5; do ip addr flush dev eth0 to 10.0.0.0/8; done; echo flushed";
    let storm = host.spawn(["sh", "-c", flush]).unwrap();
    let mut asked = 0;
    while !storm.stdout().contains("flushed") {
        assert_eq!(states(host), ["MASTER"; 4]);
        asked += 1;
    }
    assert!(asked > 0);
    let count = || {
        let told =
            host.run(["ip", "-o", "addr", "show", "dev", "eth0", "to", "10.0.0.0/8"]).unwrap();
        told.success().unwrap().lines().count()
    };
    eventually("all addresses are back", || count() == 4 * ADDRESSES as usize);
}

#[test]
fn clients_that_say_nothing_keep_nobody_from_an_answer_and_a_deleted_socket_comes_back() {
    let Some(stage) = Stage::new() else { return };
    let host = &stage.server1;
    let _daemon = start(host, &router("VI_1", 51, 150, VIP, ""));
    eventually("it is master", || states(host) == ["MASTER"]);
    // As many as the daemon serves at once, and more.
    let silent = "import socket,time\n\
                  s=[]\n\
                  for n in range(100):\n\
                  \x20c=socket.socket(socket.AF_UNIX); c.settimeout(5)\n\
                  \x20try: c.connect('/run/vrrpd/control.sock'); s.append(c)\n\
                  \x20except OSError: break\n\
                  print('silent', len(s), flush=True)\n\
                  time.sleep(600)\n";
    host.write_file("/run/silent.py", silent).unwrap();
    let Ok(clients) = host.spawn(["python3", "/run/silent.py"]) else {
        return crate::stage::skip("no python3 to be a silent client");
    };
    clients.wait_for_line(LIMIT, |line| line.starts_with("silent")).unwrap();
    for _ in 0..5 {
        assert_eq!(states(host), ["MASTER"]);
    }
    clients.kill().unwrap();
    host.remove_file("/run/vrrpd/control.sock").unwrap();
    eventually("the socket is back", || {
        host.run([VRRPD, "status", "--json"]).unwrap().exit == Exit::Code(0)
    });
}
